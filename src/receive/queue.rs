//! Many hands put in, one thread takes all there is. While it works on one
//! batch the next gathers by itself.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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
    /// Whoever takes waits, and is to be rung for.
    waits: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: Vec::new(),
                closed: false,
                waits: false,
            }),
            filled: Condvar::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Puts `item` in, and rings; gives it back when nobody will take it any more.
    ///
    /// # Errors
    /// After [`Queue::close`].
    pub fn put(&self, item: T) -> Result<(), T> {
        if self.add(item)? {
            self.ring();
        }
        Ok(())
    }

    /// Puts `item` in. Returns whether it is left to the caller to ring: who has more to put does so behind the last.
    ///
    /// # Errors
    /// After [`Queue::close`], with the item.
    pub fn add(&self, item: T) -> Result<bool, T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push(item);
        Ok(state.waits)
    }

    /// Tells whoever waits that there is something.
    pub fn ring(&self) {
        if std::mem::take(&mut self.lock().waits) {
            self.filled.notify_one();
        }
    }

    /// Exchanges what is in for `empty`, waiting `limit` at most for anything. Returns false when it is closed and empty. For
    /// one thread.
    pub fn take(&self, empty: &mut Vec<T>, limit: Duration) -> bool {
        let mut state = self.lock();
        if state.items.is_empty() && !state.closed {
            state.waits = true;
            let waited = self
                .filled
                .wait_timeout_while(state, limit, |s| s.waits && !s.closed);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waits = false;
        }
        std::mem::swap(&mut state.items, empty);
        !(state.closed && empty.is_empty())
    }

    #[cfg(test)]
    pub(super) fn is_waited_for(&self) -> bool {
        self.lock().waits
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more goes in.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}
