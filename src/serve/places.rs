//! Places for connections: there are so many. Whoever waits for a request, or
//! in vain for its answer to be taken, may be asked for its place by somebody
//! who finds none; the one that has waited longest first, and nobody whose
//! request is under way.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Who is asked for its place has so long to leave it; then the next is asked.
const LEAVE_MAX: Duration = Duration::from_millis(250);
/// So many are asked for one that comes: of some the request came at the same moment.
const ASKED_MAX: usize = 4;

/// So many, for all workers together.
#[derive(Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
}

/// Those who wait, by when they began to.
#[derive(Default)]
struct Waiting {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
    /// All are asked to leave, also those who come to wait yet.
    closing: bool,
}

/// One of them, free again once it is dropped.
pub struct Place {
    waiting: Arc<Mutex<Waiting>>,
    /// Where it is in there, or was until it was asked for.
    nth: Cell<Option<u64>>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// `max` free places.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(max)),
            waiting: Arc::default(),
        }
    }

    /// A place, if one is free.
    #[must_use]
    pub fn take(&self) -> Option<Place> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(self.place(permit))
    }

    /// A place that somebody leaves who waits, if there is anybody.
    pub async fn make_room(&self) -> Option<Place> {
        let mut free = pin!(self.free.clone().acquire_owned());
        for _ in 0..ASKED_MAX {
            let (_, waker) = lock(&self.waiting).wakers.pop_first()?;
            waker.wake();
            if let Ok(permit) = timeout(LEAVE_MAX, free.as_mut()).await {
                return permit.ok().map(|permit| self.place(permit));
            }
        }
        None
    }

    /// Asks all who wait to leave, and all who come to wait.
    pub fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closing = true;
        let wakers = std::mem::take(&mut waiting.wakers);
        drop(waiting);
        wakers.into_values().for_each(Waker::wake);
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        Place {
            waiting: self.waiting.clone(),
            nth: Cell::new(None),
            _permit: permit,
        }
    }
}

impl Place {
    /// Whether it is asked for; `waker` hears of it. Whoever asks this waits, from the first time on.
    pub fn is_asked_for(&self, waker: &Waker) -> bool {
        let mut waiting = lock(&self.waiting);
        if let Some(nth) = self.nth.get() {
            let known = waiting.wakers.get_mut(&nth);
            return known.map(|known| known.clone_from(waker)).is_none();
        }
        let nth = waiting.next;
        waiting.next += 1;
        self.nth.set(Some(nth));
        if !waiting.closing {
            waiting.wakers.insert(nth, waker.clone());
        }
        waiting.closing
    }

    /// Keeps it: it does not wait, or does so anew, behind all others.
    pub fn keep(&self) {
        if let Some(nth) = self.nth.take() {
            lock(&self.waiting).wakers.remove(&nth);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.keep();
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future as _;
    use std::task::{Context, Poll};

    #[test]
    fn never_more_than_there_are_and_all_come_back() {
        let places = Places::new(10);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for nth in 0..10_000 {
                        let taken: Vec<_> = (0..4).filter_map(|_| places.take()).collect();
                        assert!(taken.len() <= 4);
                        for place in taken.iter().skip(nth % 2) {
                            place.is_asked_for(Waker::noop());
                        }
                    }
                });
            }
        });
        let all: Vec<_> = (0..20).filter_map(|_| places.take()).collect();
        assert_eq!(all.len(), 10);
        drop(all);
        assert!(places.take().is_some());
        assert!(lock(&places.waiting).wakers.is_empty());
    }

    #[test]
    fn who_has_waited_longest_is_asked_and_nobody_who_does_not_wait() {
        let places = Places::new(4);
        let mut taken: Vec<_> = (0..4).map(|_| places.take().expect("a place")).collect();
        let asked = |place: &Place| place.is_asked_for(Waker::noop());
        for nth in [1, 0, 2] {
            assert!(!asked(&taken[nth]));
        }
        // A request came, and the wait for the next one is a new one.
        taken[1].keep();
        assert!(!asked(&taken[1]));
        taken[2].keep();
        actix_web::rt::System::new().block_on(async {
            let cx = &mut Context::from_waker(Waker::noop());
            let mut room = pin!(places.make_room());
            assert!(room.as_mut().poll(cx).is_pending());
            assert!(asked(&taken[0]) && !asked(&taken[1]));
            drop(taken.remove(0));
            let Poll::Ready(Some(_new)) = room.as_mut().poll(cx) else {
                panic!("a place that was left");
            };
            // The last that waits has a request at this moment, and the others are within theirs: there is none.
            let mut room = pin!(places.make_room());
            assert!(room.as_mut().poll(cx).is_pending());
            assert!(asked(&taken[0]));
            taken[0].keep();
            assert!(room.await.is_none());
        });
    }

    #[test]
    fn at_the_end_all_are_asked() {
        let places = Places::new(2);
        let (one, other) = (places.take().expect("one"), places.take().expect("two"));
        assert!(!one.is_asked_for(Waker::noop()));
        places.close();
        assert!(one.is_asked_for(Waker::noop()) && other.is_asked_for(Waker::noop()));
        one.keep();
        assert!(one.is_asked_for(Waker::noop()));
    }
}
