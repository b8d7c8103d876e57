//! Many hands put in, one thread takes all there is. While it works on one
//! batch the next gathers by itself.
//!
//! To take costs the same whether it is one or a hundred. So little is not taken
//! while more is on its way: while a hand has more to put in, or as long as there
//! is not half of what was taken last, or nearly all of it where that was many.
//! It is waited for as long as a sync takes on a fast disk, for many a few times
//! as long, and not at all where one comes at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long more is waited for.
const PATIENCE: Duration = Duration::from_micros(100);
/// More than this is many. So many senders wait for each other much longer than [`PATIENCE`] anyway; what they are made to
/// wait here makes batches a third larger, and an event cost 4 % less. Where there are fewer, it only costs time.
const MANY: usize = 64;
/// So few of many are not waited for.
const FEW: usize = 16;
/// How much longer is waited for each over [`MANY`] that was taken last, and for how many at most.
const PATIENCE_EACH: Duration = Duration::from_micros(16);
const EACH_MAX: usize = 25;

/// A queue that is emptied at one stroke. What bounds it is the budget that everything in it was paid from.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    patience: Duration,
}

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    closed: bool,
    /// Hands that have more to put in.
    hands: usize,
    wanted: Wanted,
    /// How much was taken last.
    last: usize,
}

/// What whoever takes waits for, and is to be rung for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Anything,
    /// So many, and that no hand has more.
    Enough(usize),
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: Vec::new(),
                closed: false,
                hands: 0,
                wanted: Wanted::Nothing,
                last: 0,
            }),
            filled: Condvar::new(),
            patience: PATIENCE,
        }
    }
}

impl<T> Queue<T> {
    /// Puts `item` in, and rings; gives it back when nobody will take it any more.
    ///
    /// # Errors
    /// After [`Queue::close`].
    pub fn put(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        state.add(item)?;
        self.ring(state);
        Ok(())
    }

    /// Puts `item` in, of a hand that has more, and says [`Queue::end`] behind the last; `first` says that this is the first of
    /// them.
    ///
    /// # Errors
    /// After [`Queue::close`], with the item.
    pub fn add(&self, item: T, first: bool) -> Result<(), T> {
        let mut state = self.lock();
        state.add(item)?;
        state.hands += usize::from(first);
        Ok(())
    }

    /// That a hand has put in all it had; rings.
    pub fn end(&self) {
        let mut state = self.lock();
        state.hands -= 1;
        self.ring(state);
    }

    /// Tells whoever waits that there is what was waited for, if so.
    fn ring(&self, mut state: MutexGuard<'_, State<T>>) {
        if state.wanted.is_there(&state) {
            state.wanted = Wanted::Nothing;
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Exchanges what is in for `empty`, waiting `limit` at most for anything. Returns false when it is closed and empty. For
    /// one thread.
    pub fn take(&self, empty: &mut Vec<T>, limit: Duration) -> bool {
        let mut state = self.lock();
        if state.items.is_empty() {
            state = self.wait(state, Wanted::Anything, limit);
        }
        let (enough, longer) = enough_after(state.last);
        if !state.items.is_empty() && !enough.is_there(&state) {
            state = self.wait(state, enough, self.patience + longer);
        }
        std::mem::swap(&mut state.items, empty);
        state.last = empty.len();
        !(state.closed && empty.is_empty())
    }

    fn wait<'s>(
        &self,
        mut state: MutexGuard<'s, State<T>>,
        wanted: Wanted,
        limit: Duration,
    ) -> MutexGuard<'s, State<T>> {
        state.wanted = wanted;
        let lacks = |state: &mut State<T>| state.wanted != Wanted::Nothing && !state.closed;
        let outcome = self.filled.wait_timeout_while(state, limit, lacks);
        state = outcome.unwrap_or_else(PoisonError::into_inner).0;
        state.wanted = Wanted::Nothing;
        state
    }

    #[cfg(test)]
    pub(super) fn is_waited_for(&self) -> bool {
        self.lock().wanted != Wanted::Nothing
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

impl<T> State<T> {
    fn add(&mut self, item: T) -> Result<(), T> {
        if self.closed {
            return Err(item);
        }
        self.items.push(item);
        Ok(())
    }
}

/// What is waited for where `last` were taken last, and how much longer than usual.
fn enough_after(last: usize) -> (Wanted, Duration) {
    let Some(over @ 1..) = last.checked_sub(MANY) else {
        return (Wanted::Enough(last / 2), Duration::ZERO);
    };
    let each = u32::try_from(over.min(EACH_MAX)).unwrap_or_default();
    (Wanted::Enough(last - FEW), PATIENCE_EACH * each)
}

impl Wanted {
    /// Whether it was waited for and need not be any more.
    fn is_there<T>(self, state: &State<T>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Anything => !state.items.is_empty(),
            Self::Enough(count) => state.hands == 0 && state.items.len() >= count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(600);

    fn patient(patience: Duration) -> Arc<Queue<u32>> {
        Arc::new(Queue {
            patience,
            ..Queue::default()
        })
    }

    fn take(queue: &Queue<u32>) -> Vec<u32> {
        let mut batch = Vec::new();
        assert!(queue.take(&mut batch, LONG));
        batch
    }

    /// Takes while the other end does what `meanwhile` says, each time that it is waited for.
    fn take_while(queue: &Arc<Queue<u32>>, meanwhile: &[&dyn Fn()]) -> Vec<u32> {
        let taken = queue.clone();
        let taking = thread::spawn(move || take(&taken));
        for act in meanwhile {
            while !queue.is_waited_for() {
                assert!(!taking.is_finished());
                thread::yield_now();
            }
            act();
        }
        taking.join().unwrap()
    }

    fn fill(queue: &Queue<u32>, items: std::ops::Range<u32>) {
        for item in items {
            queue.put(item).unwrap();
        }
    }

    #[test]
    fn half_of_what_was_taken_last_is_waited_for() {
        let queue = patient(LONG);
        fill(&queue, 0..10);
        assert_eq!(take(&queue).len(), 10);
        fill(&queue, 0..4);
        assert_eq!(take_while(&queue, &[&|| fill(&queue, 4..5)]).len(), 5);
        // Now two are enough.
        fill(&queue, 0..2);
        assert_eq!(take(&queue).len(), 2);
    }

    #[test]
    fn of_many_nearly_all_are_waited_for() {
        let queue = patient(LONG);
        fill(&queue, 0..100);
        assert_eq!(take(&queue).len(), 100);
        fill(&queue, 0..83);
        assert_eq!(take_while(&queue, &[&|| fill(&queue, 83..84)]).len(), 84);
    }

    #[test]
    fn many_are_waited_for_longer_but_not_for_ever() {
        let longer = |last| enough_after(last).1;
        assert_eq!(longer(64), Duration::ZERO);
        assert_eq!(longer(74), Duration::from_micros(160));
        assert_eq!(longer(100_000), Duration::from_micros(400));
        let queue = patient(Duration::from_millis(1));
        fill(&queue, 0..100);
        assert_eq!(take(&queue).len(), 100);
        fill(&queue, 0..2);
        assert_eq!(take(&queue).len(), 2);
    }

    #[test]
    fn what_comes_by_itself_is_not_made_to_wait() {
        let queue = patient(LONG);
        for _ in 0..3 {
            assert_eq!(take_while(&queue, &[&|| fill(&queue, 7..8)]), [7]);
        }
    }

    #[test]
    fn a_hand_that_has_more_is_waited_for_but_not_for_ever() {
        let queue = patient(LONG);
        queue.add(1, true).unwrap();
        let more = || queue.add(2, false).unwrap();
        let other = || fill(&queue, 3..4);
        let end = || queue.end();
        assert_eq!(take_while(&queue, &[&more, &other, &end]), [1, 2, 3]);
        let queue = patient(Duration::from_millis(1));
        queue.add(1, true).unwrap();
        assert_eq!(take(&queue), [1]);
        queue.end();
        fill(&queue, 0..100);
        assert_eq!(take(&queue).len(), 100);
        fill(&queue, 0..1);
        assert_eq!(take(&queue), [0]);
    }

    #[test]
    fn what_is_in_at_the_end_is_taken() {
        let queue = patient(LONG);
        queue.add(1, true).unwrap();
        assert_eq!(take_while(&queue, &[&|| queue.close()]), [1]);
        assert_eq!(queue.put(2), Err(2));
        assert!(!queue.take(&mut Vec::new(), LONG));
    }
}
