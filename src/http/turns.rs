//! Turns for those who could go on at once, and would keep the others of their
//! thread waiting: one has a turn at a time, and before each it is looked what
//! came meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::task::yield_now;

/// A turn that is waited for.
#[derive(Default)]
pub(super) struct Turn(Option<Rc<Cell<bool>>>);

thread_local! {
    /// Who waits for a turn in this thread; nothing when nobody gives turns.
    static WAITING: RefCell<Option<Waiting>> = const { RefCell::new(None) };
}

type Waiting = VecDeque<(Rc<Cell<bool>>, Waker)>;

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(has_come) = &self.0 {
            return if has_come.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
        }
        let has_come = Rc::new(Cell::new(false));
        self.0 = Some(has_come.clone());
        let one = (has_come, cx.waker().clone());
        WAITING.with_borrow_mut(|waiting| {
            let nobody = waiting.is_none();
            waiting.get_or_insert_default().push_back(one);
            if nobody {
                actix_web::rt::spawn(give());
            }
        });
        Poll::Pending
    }
}

/// Gives turns until nobody waits for one.
async fn give() {
    let _giver = Giver;
    loop {
        yield_now().await;
        let next = WAITING.with_borrow_mut(|waiting| waiting.as_mut()?.pop_front());
        let Some((has_come, waker)) = next else {
            return;
        };
        has_come.set(true);
        waker.wake();
    }
}

/// Whoever comes after it finds that nobody gives turns, however it ended.
struct Giver;

impl Drop for Giver {
    fn drop(&mut self) {
        // Where the thread ends nobody comes any more.
        let _ = WAITING.try_with(RefCell::take);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All who wait have turns one after the other, and a task that is ready goes on between any two.
    #[test]
    fn one_at_a_time_and_others_between() {
        let told = Rc::new(RefCell::new(String::new()));
        actix_web::rt::System::new().block_on(async {
            let mut tasks = Vec::new();
            for name in ['a', 'b', 'c'] {
                let told = told.clone();
                tasks.push(actix_web::rt::spawn(async move {
                    for _ in 0..3 {
                        Turn::default().await;
                        told.borrow_mut().push(name);
                    }
                }));
            }
            // One that is gone has a turn that nobody takes.
            let gone = actix_web::rt::spawn(Turn::default());
            yield_now().await;
            gone.abort();
            let others = told.clone();
            let other = actix_web::rt::spawn(async move {
                loop {
                    others.borrow_mut().push('.');
                    yield_now().await;
                }
            });
            for task in tasks {
                task.await.unwrap();
            }
            other.abort();
            // It is found that nobody waits any more.
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let told = told.borrow();
        let turns: String = told.chars().filter(|&c| c != '.').collect();
        assert_eq!(turns, "abcabcabc");
        for (one, next) in told.chars().zip(told.chars().skip(1)) {
            assert!(one == '.' || next == '.', "{told}");
        }
        WAITING.with_borrow(|waiting| assert!(waiting.is_none()));
    }
}
