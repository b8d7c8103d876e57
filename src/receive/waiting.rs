//! A bound on the bytes of all requests that are read, decoded or wait for the
//! disk, together: memory stays bounded whatever comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The budget that all requests share.
#[derive(Debug)]
pub struct Waiting {
    used: AtomicUsize,
    max: AtomicUsize,
}

/// Bytes taken from the budget; given back on drop.
#[derive(Debug)]
pub struct Permit {
    waiting: Arc<Waiting>,
    bytes: usize,
    /// What this and the other permit of the same request took, when there are two.
    pair: Option<Arc<AtomicUsize>>,
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
            max: AtomicUsize::new(max),
        })
    }

    /// Bytes that are taken.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The budget.
    #[must_use]
    pub fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    /// Changes the budget; what is taken stays taken.
    pub fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// An empty permit.
    #[must_use]
    pub fn permit(self: &Arc<Self>) -> Permit {
        Permit {
            waiting: self.clone(),
            bytes: 0,
            pair: None,
        }
    }

    /// Two empty permits of one request.
    #[must_use]
    pub fn pair(self: &Arc<Self>) -> (Permit, Permit) {
        let pair = Some(Arc::new(AtomicUsize::new(0)));
        let one = |pair| Permit {
            waiting: self.clone(),
            bytes: 0,
            pair,
        };
        (one(pair.clone()), one(pair))
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
        // One that is alone goes on: its own limits bound it, and refused once it would be refused for ever.
        let own = self
            .pair
            .as_ref()
            .map_or(self.bytes, |pair| pair.load(Ordering::Relaxed));
        let alone = taken == own;
        if taken.saturating_add(bytes) > self.waiting.max() && !alone {
            self.waiting.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(TooMuch);
        }
        self.bytes += bytes;
        if let Some(pair) = &self.pair {
            pair.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pair) = &self.pair {
            pair.fetch_sub(self.bytes, Ordering::Relaxed);
        }
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
        assert_eq!(two.grow(600), Ok(()));
        drop(two);
        assert_eq!(waiting.used(), 0);
    }
}
