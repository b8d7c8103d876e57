//! A download's bytes: parts of files that are in memory are left to the
//! connection, or read at once where it takes none; all else is made on threads
//! that may wait for the disk.

use super::aside::{Undone, aside};
use super::progress::Progress;
use super::turns::Turn;
use crate::read::write::Chunks;
use actix_web::web;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The bytes of an answer, as they are taken.
pub(super) struct Sending {
    state: State,
    /// To read what is in memory, and to send it.
    turn: Turn,
    /// So often it may yet do that before others have theirs.
    in_turn: usize,
    /// Where parts of files are sent.
    through: Option<Progress>,
}

/// A tenth of a millisecond. Turns for each take a tenth of the rate.
const IN_TURN: usize = 4;

impl Sending {
    /// The bytes of `chunks`.
    pub fn of(chunks: Box<dyn Chunks>) -> Self {
        let state = State::Idle(chunks);
        Self::in_state(state)
    }

    /// The same, but parts of files through the connection: the stream itself is shorter by these.
    pub fn through(mut self, connection: Progress) -> Self {
        self.through = Some(connection);
        self
    }

    /// Nothing, where only the length is told.
    pub fn nothing() -> Self {
        let state = State::Done;
        Self::in_state(state)
    }
}

impl Sending {
    fn in_state(state: State) -> Self {
        Self {
            state,
            turn: Turn::default(),
            in_turn: 0,
            through: None,
        }
    }
}

type Chunk = Result<(Box<dyn Chunks>, std::io::Result<Option<Vec<u8>>>), Undone>;

enum State {
    Idle(Box<dyn Chunks>),
    /// The connection has a part of a file.
    Handed(Box<dyn Chunks>, Progress),
    Reading(Pin<Box<dyn Future<Output = Chunk>>>),
    Done,
}

impl futures_core::Stream for Sending {
    type Item = Result<web::Bytes, Box<dyn std::error::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Idle(mut pieces) => {
                    if self.in_turn == 0 {
                        if Pin::new(&mut self.turn).poll(cx).is_pending() {
                            self.state = State::Idle(pieces);
                            return Poll::Pending;
                        }
                        (self.turn, self.in_turn) = (Turn::default(), IN_TURN);
                    }
                    if let Some(connection) = &self.through
                        && let Some((file, range)) = pieces.ready_part()
                    {
                        let connection = connection.clone();
                        connection.outgoing().give(file, range, cx);
                        self.in_turn = 0;
                        self.state = State::Handed(pieces, connection);
                        return Poll::Pending;
                    }
                    if let Some(bytes) = pieces.ready_bytes() {
                        self.in_turn -= 1;
                        self.state = State::Idle(pieces);
                        return Poll::Ready(Some(Ok(bytes.into())));
                    }
                    let reading = aside(move || {
                        let chunk = pieces.next_bytes();
                        (pieces, chunk)
                    });
                    self.state = State::Reading(Box::pin(reading));
                }
                State::Handed(mut pieces, connection) => {
                    let Poll::Ready(outcome) = connection.outgoing().poll_over(cx) else {
                        self.state = State::Handed(pieces, connection);
                        return Poll::Pending;
                    };
                    pieces.sent(outcome.sent);
                    if outcome.failed {
                        self.through = None;
                    }
                    self.state = State::Idle(pieces);
                }
                State::Reading(mut reading) => match reading.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((pieces, Ok(Some(bytes))))) => {
                        self.state = State::Idle(pieces);
                        return Poll::Ready(Some(Ok(bytes.into())));
                    }
                    Poll::Ready(Ok((_, Ok(None)))) => return Poll::Ready(None),
                    Poll::Ready(Ok((_, Err(error)))) => {
                        // The connection is broken off: a reader must not take a short file for a whole one.
                        tracing::error!(%error, "a download was broken off");
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                },
            }
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let State::Handed(_, connection) = &self.state {
            connection.outgoing().take_back();
        }
    }
}
