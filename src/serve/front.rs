//! Before the HTTP server: of a connection that begins with plain deliveries
//! these are taken here, one after the other, until something else comes. That
//! and all that follows is the server's.

use super::connection::Connection;
use crate::http::direct::Hooks;
use crate::http::hooks::Handed;
use crate::http::plain::{self, Answers};
use crate::http::problem::Problem;
use crate::journal::Verdict;
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// What is longer is for the server.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// What takes the deliveries of one thread.
#[derive(Clone)]
pub struct Front {
    hooks: Hooks,
    /// Shared by all connections: they keep nothing here over a wait.
    room: Rc<RefCell<Room>>,
}

struct Room {
    came: Box<[u8]>,
    answers: Answers,
}

impl Front {
    /// One with `hooks`.
    pub fn new(hooks: Hooks) -> Self {
        let room = Room {
            came: vec![0; REQUEST_BYTES_MAX].into(),
            answers: Answers::default(),
        };
        Self {
            hooks,
            room: Rc::new(RefCell::new(room)),
        }
    }

    /// Takes deliveries until there is something for the server to do, be it to close the connection.
    pub async fn take(&self, connection: &mut Connection) {
        while let Some((events, answer)) = poll_fn(|cx| self.poll_delivery(connection, cx)).await {
            match answer.await {
                Verdict::Stored { stored, duplicates } => {
                    let mut room = self.room.borrow_mut();
                    connection.answer(room.answers.stored(&events, stored, duplicates));
                }
                Verdict::Failed => connection.answer(&Problem::NotDurable.words()),
            }
            if poll_fn(|cx| connection.poll_answered(cx)).await.is_err() {
                return;
            }
        }
    }

    /// The next delivery, handed over; nothing when something else came, which is unread then.
    fn poll_delivery(
        &self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Handed>> {
        let mut room = self.room.borrow_mut();
        let mut came = ReadBuf::new(&mut room.came);
        ready!(connection.poll_request(cx, &mut came));
        let handed = plain::take(came.filled(), &self.hooks);
        match handed {
            Some(_) => connection.begin(),
            None => connection.unread(came.filled()),
        }
        Poll::Ready(handed)
    }
}
