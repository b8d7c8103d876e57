//! A place where one thread leaves what another is to take before it goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Holds the newest thing that was put in, until it is taken. Looking costs no lock while it is empty.
#[derive(Debug)]
pub struct Slot<T> {
    filled: AtomicBool,
    content: Mutex<Option<T>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            filled: AtomicBool::new(false),
            content: Mutex::new(None),
        }
    }
}

impl<T> Slot<T> {
    /// Leaves `content`, in place of what was not taken yet.
    pub fn put(&self, content: T) {
        *self.content.lock().unwrap_or_else(PoisonError::into_inner) = Some(content);
        self.filled.store(true, Ordering::Release);
    }

    /// Takes what is there.
    pub fn take(&self) -> Option<T> {
        if !self.filled.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.content
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}
