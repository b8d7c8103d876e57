//! Many hands put in, one thread takes all there is. While it works on one
//! batch the next gathers by itself.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A queue that is emptied at one stroke. What bounds it is the budget that everything in it was paid from.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: Vec::new(),
                closed: false,
            }),
            filled: Condvar::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Puts `item` in; gives it back when nobody will take it any more.
    ///
    /// # Errors
    /// After [`Queue::close`].
    pub fn put(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(item);
        }
        state.items.push(item);
        let first = state.items.len() == 1;
        drop(state);
        if first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Exchanges what is in for `empty`, waiting `limit` at most for anything. Returns false when it is closed and empty.
    pub fn take(&self, empty: &mut Vec<T>, limit: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .filled
            .wait_timeout_while(state, limit, |s| s.items.is_empty() && !s.closed);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut state.items, empty);
        !(state.closed && empty.is_empty())
    }

    /// Nothing more goes in.
    pub fn close(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.filled.notify_all();
    }
}
