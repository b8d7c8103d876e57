//! A timer that is set for every request and hardly ever rings.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Set, stopped and set again. The runtime's own timer, which costs more to move than a request should, stays where it is as
/// long as it rings early enough: then it is looked what time it is.
#[derive(Default)]
pub struct Timer {
    until: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// One that rings after `wait`.
    pub fn new(wait: Duration) -> Self {
        let mut timer = Self::default();
        timer.set(wait);
        timer
    }

    /// Rings after `wait`, and not when it was to ring before.
    pub fn set(&mut self, wait: Duration) {
        self.until = Some(Instant::now() + wait);
    }

    /// Does not ring.
    pub fn stop(&mut self) {
        self.until = None;
    }

    /// Whether it is to ring, or did.
    pub fn is_set(&self) -> bool {
        self.until.is_some()
    }

    /// Whether it rings, until it is set anew or stopped.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if until < sleep.deadline() {
            sleep.as_mut().reset(until);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() == until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// However often it was set before, sooner or later: it rings when it was set to at last, and goes on ringing.
    #[test]
    fn it_rings_when_it_was_set_to_at_last() {
        let long = Duration::from_secs(600);
        let short = Duration::from_millis(50);
        actix_web::rt::System::new().block_on(async {
            for waits in [
                &[short][..],
                &[long, short],
                &[short, short * 2],
                &[short, long, short * 3],
                &[long, short, short * 2],
            ] {
                let mut timer = Timer::default();
                assert!(!timer.is_set());
                let mut until = Instant::now();
                for wait in waits {
                    until = Instant::now() + *wait;
                    timer.set(*wait);
                    let waker = std::task::Waker::noop();
                    assert!(timer.poll(&mut Context::from_waker(waker)).is_pending());
                }
                for _ in 0..2 {
                    poll_fn(|cx| timer.poll(cx)).await;
                    assert!(Instant::now() >= until, "{waits:?}");
                }
                timer.stop();
                let waker = std::task::Waker::noop();
                assert!(timer.poll(&mut Context::from_waker(waker)).is_pending());
            }
        });
    }
}
