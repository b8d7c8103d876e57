//! A bound on the bytes of all requests that are read, decoded or wait for the
//! disk, together: memory stays bounded whatever comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The budget that all requests share.
#[derive(Debug)]
pub struct Waiting {
    used: AtomicUsize,
    max: usize,
}

/// Bytes taken from the budget; given back on drop.
#[derive(Debug)]
pub struct Permit {
    waiting: Arc<Waiting>,
    bytes: usize,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

impl Waiting {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            max,
        })
    }

    /// Bytes that are taken.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// An empty permit.
    #[must_use]
    pub fn permit(self: &Arc<Self>) -> Permit {
        Permit {
            waiting: self.clone(),
            bytes: 0,
        }
    }
}

impl Permit {
    /// What it took.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `bytes` more, all or none.
    ///
    /// # Errors
    /// When the budget does not have them.
    pub fn grow(&mut self, bytes: usize) -> Result<(), TooMuch> {
        // Only a count: no other memory is ordered by it.
        let taken = self.waiting.used.fetch_add(bytes, Ordering::Relaxed);
        if taken.saturating_add(bytes) > self.waiting.max {
            self.waiting.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(TooMuch);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.waiting.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let waiting = Waiting::new(100);
        let mut one = waiting.permit();
        let mut two = waiting.permit();
        assert_eq!(one.grow(60), Ok(()));
        assert_eq!(two.grow(60), Err(TooMuch));
        assert_eq!(two.grow(40), Ok(()));
        assert_eq!(waiting.used(), 100);
        drop(one);
        assert_eq!(two.grow(60), Ok(()));
        drop(two);
        assert_eq!(waiting.used(), 0);
    }
}
