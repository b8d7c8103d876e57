//! What the writer tells the rest of the program: how far the journal is
//! durable, which segments there are, whether it can store.

use super::segment::{Cursor, Segment};
use crate::event::{Day, Seq};
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whether events can be made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// They can.
    Ready,
    /// They cannot, and why; it is tried again every second.
    Failing(String),
}

/// The synced state of the journal, as all threads see it.
///
/// A std mutex: it is held for a few assignments, never across a write or an await.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    segments: Vec<Segment>,
    last: Seq,
    health: Health,
    /// Something was stored that the waiting thread has not looked at.
    stored: bool,
    /// Set by whoever wants it to look around at once.
    woken: bool,
    /// Whether it waits for what is stored: it is not disturbed otherwise.
    listening: bool,
}

impl Shared {
    pub(super) fn new(segments: Vec<Segment>, last: Seq) -> Self {
        let state = State {
            segments,
            last,
            health: Health::Ready,
            stored: false,
            woken: false,
            listening: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// The journal as somebody finds it who only reads it: `segments` as far as they are good, and the last event in them.
    #[must_use]
    pub fn found(segments: Vec<Segment>, last: Seq) -> Self {
        Self::new(segments, last)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a whole assignment: what a panicking thread left is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seq of the last event that is durable; 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.lock().last
    }

    /// The end of what is durable, and its seq.
    #[must_use]
    pub fn end(&self) -> (Cursor, Seq) {
        let state = self.lock();
        let end = state.segments.last().map(|s| Cursor {
            segment: s.number,
            offset: s.bytes,
        });
        (end.unwrap_or_default(), state.last)
    }

    /// The segment with this number.
    #[must_use]
    pub fn segment(&self, number: u64) -> Option<Segment> {
        let state = self.lock();
        let first = state.segments.first()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        state.segments.get(at).cloned()
    }

    /// The number of the first segment at or after `number`.
    #[must_use]
    pub fn at_or_after(&self, number: u64) -> Option<u64> {
        let state = self.lock();
        let (first, last) = (
            state.segments.first()?.number,
            state.segments.last()?.number,
        );
        (number <= last).then_some(number.max(first))
    }

    /// The number of the first segment of `day` at or after `number`.
    #[must_use]
    pub fn next_of(&self, day: Day, number: u64) -> Option<u64> {
        let state = self.lock();
        let first = state.segments.first()?.number;
        let skipped = usize::try_from(number.saturating_sub(first)).ok()?;
        state
            .segments
            .iter()
            .skip(skipped)
            .find(|s| s.day == day)
            .map(|s| s.number)
    }

    /// The days that have segments.
    #[must_use]
    pub fn days(&self) -> BTreeSet<Day> {
        self.lock().segments.iter().map(|s| s.day).collect()
    }

    /// Whether events can be stored.
    #[must_use]
    pub fn health(&self) -> Health {
        self.lock().health.clone()
    }

    pub(super) fn set_health(&self, health: Health) {
        self.lock().health = health;
    }

    pub(super) fn add_segment(&self, segment: Segment) {
        self.lock().segments.push(segment);
    }

    pub(super) fn advance(&self, bytes: u64, last: Seq) {
        let mut state = self.lock();
        if let Some(segment) = state.segments.last_mut() {
            segment.bytes = bytes;
        }
        state.last = last;
        state.stored = true;
        let listening = state.listening;
        drop(state);
        if listening {
            self.changed.notify_one();
        }
    }

    /// Makes [`Shared::wait`] and [`Shared::rest`] return.
    pub fn wake(&self) {
        self.lock().woken = true;
        self.changed.notify_one();
    }

    /// Waits until something was stored or [`Shared::wake`] was called, `limit` at most. For one thread only.
    pub fn wait(&self, limit: Duration) {
        let mut state = self.lock();
        state.listening = true;
        let waited = self
            .changed
            .wait_timeout_while(state, limit, |s| !s.woken && !s.stored);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        (state.woken, state.stored, state.listening) = (false, false, false);
    }

    /// Waits until [`Shared::wake`] is called, `limit` at most, whatever is stored meanwhile. For the same thread.
    pub fn rest(&self, limit: Duration) {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), limit, |s| !s.woken);
        drop(waited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{self, JoinHandle};

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(100);

    fn shared() -> std::sync::Arc<Shared> {
        Shared::found(Vec::new(), Seq(0)).into()
    }

    fn start(wait: impl FnOnce() + Send + 'static) -> (JoinHandle<()>, Receiver<()>) {
        let (ended, end): (Sender<()>, _) = channel();
        let thread = thread::spawn(move || {
            wait();
            let _ = ended.send(());
        });
        (thread, end)
    }

    #[test]
    fn what_is_stored_ends_a_wait_and_no_rest() {
        let shared = shared();
        let rests = shared.clone();
        let (thread, end) = start(move || {
            rests.rest(LONG);
            // Still there, for whoever waits then.
            rests.wait(LONG);
            rests.wait(LONG);
        });
        for nth in 1..10 {
            shared.advance(0, Seq(nth));
        }
        assert!(end.recv_timeout(SHORT).is_err());
        shared.wake();
        assert!(end.recv_timeout(SHORT).is_err());
        shared.advance(0, Seq(10));
        thread.join().unwrap();
    }

    #[test]
    fn what_was_stored_before_the_wait_counts() {
        let shared = shared();
        shared.advance(0, Seq(1));
        shared.rest(Duration::ZERO);
        shared.wait(LONG);
    }
}
