//! Part of a file on its way from the body of an answer to the connection,
//! which has the system send it: none of its bytes comes into our memory. There
//! is one at a time, and it is looked at anew whenever the system took what it
//! had room for: others have their turns meanwhile, and what is in memory now
//! may be there no more when a slow reader has taken what came before.

use crate::disk::SharedFile;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::task::{Context, Poll, Waker};

/// What a body hands to its connection.
#[derive(Default)]
pub struct Outgoing {
    is_open: Cell<bool>,
    state: RefCell<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Nothing,
    Given(Part, Waker),
    Over(Outcome),
}

/// Part of a file.
pub struct Part {
    /// The file; nobody cuts it while it is held.
    pub file: SharedFile,
    /// What of it is to be sent yet.
    pub range: Range<u64>,
    /// So much was sent.
    pub sent: u64,
    /// The system took what it had room for.
    pub is_full: bool,
}

/// What became of a part.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// So many of its bytes were sent.
    pub sent: u64,
    /// The rest must go another way, on which is told what is wrong.
    pub failed: bool,
}

impl Outgoing {
    /// From now on the connection sends what it is handed.
    pub fn open(&self) {
        self.is_open.set(true);
    }

    /// Whether it does.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// Hands over `range` of `file`. It is sent once all is sent that the body gave before.
    pub fn give(&self, file: SharedFile, range: Range<u64>, cx: &Context<'_>) {
        let part = Part {
            file,
            range,
            sent: 0,
            is_full: false,
        };
        self.state.replace(State::Given(part, cx.waker().clone()));
    }

    /// What became of it.
    pub fn poll_over(&self, cx: &Context<'_>) -> Poll<Outcome> {
        let mut state = self.state.borrow_mut();
        match std::mem::take(&mut *state) {
            State::Over(outcome) => Poll::Ready(outcome),
            State::Given(part, _) => {
                *state = State::Given(part, cx.waker().clone());
                Poll::Pending
            }
            State::Nothing => Poll::Pending,
        }
    }

    /// Whatever was handed over is not to be sent any more.
    pub fn take_back(&self) {
        self.state.take();
    }

    /// Sends with `send` what was handed over. Once that is ready, so is what becomes of it.
    pub fn poll_send<E>(&self, send: impl FnOnce(&mut Part) -> Poll<Result<(), E>>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        let State::Given(part, waker) = &mut *state else {
            return Poll::Ready(());
        };
        let Poll::Ready(result) = send(part) else {
            return Poll::Pending;
        };
        waker.wake_by_ref();
        *state = State::Over(Outcome {
            sent: part.sent,
            failed: result.is_err(),
        });
        Poll::Ready(())
    }
}
