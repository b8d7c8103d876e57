//! The way to the journal and back, for all requests of a thread together. What
//! is at hand at a time goes into one batch; verdicts come together too, and are
//! told to each within that thread: a batch wakes a thread once, however many of
//! its requests wait.

use super::handover::Delivery;
use super::queue::Queue;
use super::waiting::Permit;
use crate::journal::{Incoming, Verdict};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// Where the verdict for one request goes. Dropped without one, it says that nothing may be counted on.
pub struct Reply(Option<To>);

enum To {
    /// A place at a desk.
    Desk(Arc<Tray>, usize),
    /// A thread that waits for this one alone.
    Alone(oneshot::Sender<Verdict>),
}

impl Reply {
    /// To a thread that waits for nothing else.
    #[must_use]
    pub fn alone() -> (Self, oneshot::Receiver<Verdict>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(To::Alone(sender))), receiver)
    }

    /// Answers; where others wait beside, when `post` is sent. Whoever asked may have gone. What it `held` is freed where it was
    /// made: between threads that costs more.
    pub fn give(mut self, verdict: Verdict, held: Held, post: &mut Post) {
        match self.0.take() {
            Some(To::Desk(tray, place)) => post.put(tray, (place, verdict, Some(held))),
            Some(To::Alone(sender)) => {
                let _ = sender.send(verdict);
            }
            None => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(To::Desk(tray, place)) = self.0.take() {
            tray.fill(&mut vec![(place, Verdict::Failed, None)]);
        }
    }
}

/// Verdicts on their way, by the desk at which they are waited for. There are as many desks as workers.
#[derive(Default)]
pub struct Post(Vec<(Arc<Tray>, Vec<Told>)>);

/// A place at a desk, what is told there, and what is not needed any more.
type Told = (usize, Verdict, Option<Held>);

/// What a request held in memory, and what that counts as.
pub type Held = (Incoming, Permit);

impl Post {
    fn put(&mut self, tray: Arc<Tray>, told: Told) {
        let known = self.0.iter_mut().find(|known| Arc::ptr_eq(&known.0, &tray));
        match known {
            Some((_, all)) => all.push(told),
            None => self.0.push((tray, vec![told])),
        }
    }

    /// Tells all.
    pub fn send(&mut self) {
        for (tray, mut told) in self.0.drain(..) {
            tray.fill(&mut told);
        }
    }
}

/// Where other threads put verdicts for those who wait at a desk.
#[derive(Default)]
struct Tray(Mutex<Filled>);

#[derive(Default)]
struct Filled {
    told: Vec<Told>,
    waker: Option<Waker>,
}

impl Tray {
    fn lock(&self) -> MutexGuard<'_, Filled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, told: &mut Vec<Told>) {
        let mut filled = self.lock();
        filled.told.append(told);
        let waker = filled.waker.take();
        drop(filled);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Exchanges what is in it for `empty`, once there is anything.
    fn poll_take(&self, cx: &mut Context<'_>, empty: &mut Vec<Told>) -> Poll<()> {
        let mut filled = self.lock();
        if filled.told.is_empty() {
            filled.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        std::mem::swap(&mut filled.told, empty);
        Poll::Ready(())
    }
}

/// Where the requests of one thread are handed on, and wait.
#[derive(Clone)]
pub struct Desk(Rc<Shared>);

struct Shared {
    deliveries: Arc<Queue<Delivery>>,
    /// Whether some were handed on, and it is yet to be said that these are all.
    hands_on: Cell<bool>,
    tray: Arc<Tray>,
    places: RefCell<Places>,
    /// Of whoever tells.
    teller: RefCell<Waker>,
}

#[derive(Default)]
struct Places {
    all: Vec<Place>,
    free: Vec<usize>,
}

enum Place {
    Free,
    Waiting(Waker),
    Told(Verdict),
    /// Nobody waits any more, but the verdict is yet to come.
    Left,
}

impl Desk {
    /// One for what goes to `deliveries`.
    #[must_use]
    pub fn new(deliveries: Arc<Queue<Delivery>>) -> Self {
        Self(Rc::new(Shared {
            deliveries,
            hands_on: Cell::new(false),
            tray: Arc::default(),
            places: RefCell::default(),
            teller: RefCell::new(Waker::noop().clone()),
        }))
    }

    /// Says that all at hand was handed on, and tells those who wait, for ever. Without this nobody hears anything.
    pub fn tell(&self) -> impl Future<Output = ()> + use<> {
        let shared = self.0.clone();
        let mut told = Vec::new();
        poll_fn(move |cx| {
            shared.teller.borrow_mut().clone_from(cx.waker());
            shared.end_hand();
            while shared.tray.poll_take(cx, &mut told).is_ready() {
                for (place, verdict, _) in told.drain(..) {
                    let waker = shared.places.borrow_mut().tell(place, verdict);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
            }
            Poll::Pending
        })
    }

    /// Hands `incoming` on, and gives the verdict to wait for; nothing when nobody takes anything any more. The thread that
    /// takes waits until all that this one has at hand are here: they share a batch, where the first would have had one of its
    /// own.
    #[must_use]
    pub fn deliver(&self, incoming: Incoming, permit: Permit) -> Option<Answer> {
        let place = self.0.places.borrow_mut().take();
        let answer = Answer {
            desk: self.clone(),
            place: Some(place),
        };
        let delivery = Delivery {
            incoming,
            permit,
            reply: Reply(Some(To::Desk(self.0.tray.clone(), place))),
        };
        let first = !self.0.hands_on.get();
        self.0.deliveries.add(delivery, first).ok()?;
        if first {
            self.0.hands_on.set(true);
            self.0.teller.borrow().wake_by_ref();
        }
        Some(answer)
    }
}

impl Shared {
    fn end_hand(&self) {
        if self.hands_on.take() {
            self.deliveries.end();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end_hand();
    }
}

impl Places {
    fn take(&mut self) -> usize {
        let place = self.free.pop().unwrap_or(self.all.len());
        // Nobody is woken before the wait begins.
        let waiting = Place::Waiting(Waker::noop().clone());
        match self.all.get_mut(place) {
            Some(free) => *free = waiting,
            None => self.all.push(waiting),
        }
        place
    }

    fn tell(&mut self, place: usize, verdict: Verdict) -> Option<Waker> {
        match std::mem::replace(&mut self.all[place], Place::Told(verdict)) {
            Place::Waiting(waker) => Some(waker),
            Place::Left => {
                self.leave(place);
                None
            }
            Place::Free | Place::Told(_) => None,
        }
    }

    fn poll(&mut self, place: usize, cx: &Context<'_>) -> Poll<Verdict> {
        match &mut self.all[place] {
            Place::Told(verdict) => {
                let verdict = *verdict;
                self.leave(place);
                Poll::Ready(verdict)
            }
            Place::Waiting(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            Place::Free | Place::Left => Poll::Pending,
        }
    }

    fn leave(&mut self, place: usize) {
        self.all[place] = Place::Free;
        self.free.push(place);
    }
}

/// The verdict for one request, once it is there.
pub struct Answer {
    desk: Desk,
    place: Option<usize>,
}

impl Future for Answer {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let Some(place) = self.place else {
            return Poll::Ready(Verdict::Failed);
        };
        let verdict = self.desk.0.places.borrow_mut().poll(place, cx);
        if verdict.is_ready() {
            self.place = None;
        }
        verdict
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut places = self.desk.0.places.borrow_mut();
        match places.all[place] {
            Place::Told(_) => places.leave(place),
            _ => places.all[place] = Place::Left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::waiting::Waiting;
    use super::*;
    use crate::event::SourceName;
    use crate::journal::Events;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    const STORED: Verdict = Verdict::Stored {
        stored: 1,
        duplicates: 0,
    };

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn held() -> Held {
        let incoming = Incoming {
            source: SourceName::new("orders").unwrap(),
            once: true,
            text: Vec::new(),
            events: Events::Many(Vec::new()),
            earlier: None,
        };
        (incoming, Waiting::new(1).permit())
    }

    fn deliver(desk: &Desk) -> Answer {
        let (incoming, permit) = held();
        desk.deliver(incoming, permit).expect("an open queue")
    }

    fn give(delivery: Delivery, verdict: Verdict, post: &mut Post) {
        let Delivery {
            incoming,
            permit,
            reply,
        } = delivery;
        reply.give(verdict, (incoming, permit), post);
    }

    #[test]
    fn a_batch_wakes_the_desk_once_and_each_who_waits() {
        let queue: Arc<Queue<Delivery>> = Arc::default();
        let desk = Desk::new(queue.clone());
        let (woken, one) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (waker, each) = (Waker::from(woken.clone()), Waker::from(one.clone()));
        let mut telling = pin!(desk.tell());
        let mut tell = || {
            let telling = telling.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(telling.is_pending());
        };
        tell();
        let mut answers: Vec<_> = (0..10).map(|_| deliver(&desk)).collect();
        let poll = |answer: &mut Answer| Pin::new(answer).poll(&mut Context::from_waker(&each));
        assert!(answers.iter_mut().all(|answer| poll(answer).is_pending()));
        // Behind the ten it says that these were all.
        assert_eq!(woken.0.swap(0, Ordering::Relaxed), 1);
        tell();
        std::thread::spawn(move || {
            let (mut batch, mut post) = (Vec::new(), Post::default());
            queue.take(&mut batch, Duration::ZERO);
            for (nth, delivery) in batch.into_iter().enumerate() {
                let verdict = if nth == 3 { Verdict::Failed } else { STORED };
                give(delivery, verdict, &mut post);
            }
            post.send();
        })
        .join()
        .unwrap();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(answers.iter_mut().all(|answer| poll(answer).is_pending()));
        tell();
        assert_eq!(one.0.load(Ordering::Relaxed), 10);
        for (nth, answer) in answers.iter_mut().enumerate() {
            let wanted = if nth == 3 { Verdict::Failed } else { STORED };
            assert_eq!(poll(answer), Poll::Ready(wanted));
        }
    }

    #[test]
    fn who_waits_for_deliveries_is_rung_for_once_all_at_hand_are_there() {
        let queue: Arc<Queue<Delivery>> = Arc::default();
        let desk = Desk::new(queue.clone());
        let mut telling = pin!(desk.tell());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(telling.as_mut().poll(cx).is_pending());
        for _ in 0..3 {
            let taken = queue.clone();
            let taking = std::thread::spawn(move || {
                let mut batch = Vec::new();
                assert!(taken.take(&mut batch, Duration::from_secs(600)));
                batch.len()
            });
            while !queue.is_waited_for() {
                std::thread::yield_now();
            }
            let _answers = [deliver(&desk), deliver(&desk), deliver(&desk)];
            assert!(queue.is_waited_for());
            assert!(telling.as_mut().poll(cx).is_pending());
            assert_eq!(taking.join().unwrap(), 3);
        }
    }

    #[test]
    fn a_place_is_free_again_whoever_leaves_first() {
        let queue: Arc<Queue<Delivery>> = Arc::default();
        let desk = Desk::new(queue.clone());
        let cx = &mut Context::from_waker(Waker::noop());
        let mut telling = pin!(desk.tell());
        for round in 0..3 {
            let (mut batch, mut post) = (Vec::new(), Post::default());
            // Gone before the verdict, gone after it, and a reply that is dropped.
            drop(deliver(&desk));
            let stays = deliver(&desk);
            let mut hears = deliver(&desk);
            queue.take(&mut batch, Duration::ZERO);
            drop(batch.pop());
            for delivery in batch {
                give(delivery, STORED, &mut post);
            }
            post.send();
            assert!(Pin::new(&mut hears).poll(cx).is_pending());
            assert!(telling.as_mut().poll(cx).is_pending());
            drop(stays);
            assert_eq!(Pin::new(&mut hears).poll(cx), Poll::Ready(Verdict::Failed));
            let places = desk.0.places.borrow();
            assert_eq!((places.all.len(), places.free.len()), (3, 3), "{round}");
        }
        queue.close();
        let (incoming, permit) = held();
        assert!(desk.deliver(incoming, permit).is_none());
        assert!(telling.as_mut().poll(cx).is_pending());
        let places = desk.0.places.borrow();
        assert_eq!(places.all.len(), places.free.len());
    }
}
