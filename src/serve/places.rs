//! Places for connections: there are so many. Whoever waits for a request, or
//! in vain for its answer to be taken, may be asked for its place by somebody
//! who finds none; the one that has waited longest first, and nobody whose
//! request is under way.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    taken: Arc<Taken>,
}

/// All that are taken. Whoever comes or goes changes the list; who begins to wait or ends it, which each request does, says so
/// in its own seat.
#[derive(Default)]
struct Taken {
    seats: Mutex<(u64, BTreeMap<u64, Arc<Seat>>)>,
    /// Counts who begins to wait.
    waits: AtomicU64,
    /// All are asked to leave, also those who come to wait yet.
    closing: AtomicBool,
}

/// Does not wait.
const BUSY: u64 = 0;
/// Is asked to leave.
const ASKED: u64 = u64::MAX;

struct Seat {
    /// [`BUSY`], [`ASKED`], or which wait it is.
    since: AtomicU64,
    waker: Mutex<Waker>,
}

/// One of them, free again once it is dropped.
pub struct Place {
    taken: Arc<Taken>,
    seat: Arc<Seat>,
    nth: u64,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// `max` free places.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(max)),
            taken: Arc::default(),
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
            self.taken.ask()?.wake();
            if let Ok(permit) = timeout(LEAVE_MAX, free.as_mut()).await {
                return permit.ok().map(|permit| self.place(permit));
            }
        }
        None
    }

    /// Asks all who wait to leave, and all who come to wait.
    pub fn close(&self) {
        self.taken.closing.store(true, Ordering::SeqCst);
        while let Some(waker) = self.taken.ask() {
            waker.wake();
        }
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        let seat = Arc::new(Seat {
            since: AtomicU64::new(BUSY),
            waker: Mutex::new(Waker::noop().clone()),
        });
        let mut seats = lock(&self.taken.seats);
        let nth = seats.0;
        seats.0 += 1;
        seats.1.insert(nth, seat.clone());
        drop(seats);
        Place {
            taken: self.taken.clone(),
            seat,
            nth,
            _permit: permit,
        }
    }
}

impl Taken {
    /// Asks whoever has waited longest to leave, and gives what wakes him.
    fn ask(&self) -> Option<Waker> {
        let seats = lock(&self.seats);
        loop {
            let waits = seats
                .1
                .values()
                .map(|seat| (seat.since.load(Ordering::SeqCst), seat));
            let (since, seat) = waits
                .filter(|(since, _)| !matches!(*since, BUSY | ASKED))
                .min_by_key(|(since, _)| *since)?;
            // He may have ended his wait this moment.
            let asked =
                seat.since
                    .compare_exchange(since, ASKED, Ordering::SeqCst, Ordering::SeqCst);
            if asked.is_ok() {
                return Some(lock(&seat.waker).clone());
            }
        }
    }
}

impl Place {
    /// Whether it is asked for; `waker` hears of it. Whoever asks this waits, from the first time on.
    pub fn is_asked_for(&self, waker: &Waker) -> bool {
        // Before it can be asked for: who asks wakes what stands here.
        lock(&self.seat.waker).clone_from(waker);
        let since = self.seat.since.load(Ordering::SeqCst);
        if since != BUSY {
            return since == ASKED;
        }
        let since = 1 + self.taken.waits.fetch_add(1, Ordering::Relaxed);
        self.seat.since.store(since, Ordering::SeqCst);
        // After it can be seen to wait: whoever closes sees it, or is seen here.
        let closing = self.taken.closing.load(Ordering::SeqCst);
        if closing {
            self.seat.since.store(ASKED, Ordering::SeqCst);
        }
        closing
    }

    /// Keeps it: it does not wait, or does so anew, behind all others.
    pub fn keep(&self) {
        self.seat.since.store(BUSY, Ordering::SeqCst);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.taken.seats).1.remove(&self.nth);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(lock(&places.taken.seats).1.is_empty());
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
