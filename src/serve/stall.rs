//! How long an answer may stand still. What the systems at both ends hold is
//! megabytes, and ours takes more only once a good part of its own is free:
//! who reads 10 KiB a second seems to read nothing for minutes. So that is
//! waited for, but after a first while not at the cost of anybody else.

use super::places::Place;
use super::timer::Timer;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long nobody may take anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StallMax {
    /// So long its place is its own.
    pub kept: Duration,
    /// And so much longer if nobody needs the place.
    pub offered: Duration,
}

impl Default for StallMax {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            kept: minute,
            offered: 9 * minute,
        }
    }
}

/// The time in which nothing of an answer was taken.
pub struct Stall {
    max: StallMax,
    timer: Timer,
    offered: bool,
}

impl Stall {
    /// None yet.
    pub fn new(max: StallMax) -> Self {
        Self {
            max,
            timer: Timer::default(),
            offered: false,
        }
    }

    #[cfg(test)]
    pub fn is_offered(&self) -> bool {
        self.offered
    }

    /// Something was taken: `place` is its own again.
    pub fn end(&mut self, place: &Place) {
        self.timer.stop();
        if std::mem::take(&mut self.offered) {
            place.keep();
        }
    }

    /// Nothing is taken. Ready when that was so for too long, or somebody needs `place`.
    pub fn poll_over(&mut self, cx: &mut Context<'_>, place: &Place) -> Poll<()> {
        if !self.timer.is_set() {
            self.timer.set(self.max.kept);
        }
        if self.timer.poll(cx).is_ready() {
            if self.offered {
                return Poll::Ready(());
            }
            self.offered = true;
            self.timer.set(self.max.offered);
            if self.timer.poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        if self.offered && place.is_asked_for(cx.waker()) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
