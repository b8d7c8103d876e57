//! Places for connections: there are so many, and whoever finds none is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many, for all workers together.
#[derive(Clone)]
pub struct Places {
    taken: Arc<AtomicUsize>,
    max: usize,
}

/// One of them, free again once it is dropped.
pub struct Place(Arc<AtomicUsize>);

impl Places {
    /// `max` free places.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            taken: Arc::default(),
            max,
        }
    }

    /// A place, if one is free.
    #[must_use]
    pub fn take(&self) -> Option<Place> {
        // Taken first and given back where that was one too many: two that come at once cannot both have the last.
        let place = Place(self.taken.clone());
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        (before < self.max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_there_are_and_all_come_back() {
        let places = Places::new(10);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let taken: Vec<_> = (0..4).filter_map(|_| places.take()).collect();
                        assert!(taken.len() <= 4);
                    }
                });
            }
        });
        let all: Vec<_> = (0..20).filter_map(|_| places.take()).collect();
        assert_eq!(all.len(), 10);
        drop(all);
        assert!(places.take().is_some());
    }
}
