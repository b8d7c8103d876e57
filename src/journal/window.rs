//! The clock by which ids leave the dedup window. Not the wall clock: that may
//! be a year off for a moment, before a machine has found the time, and ids
//! that left then would not come back. While the process runs it goes as fast
//! as time passes. How long the process was down only the wall clock tells: it
//! is believed once it has said the same for an hour.

use crate::event::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

const BELIEVED_AFTER: Duration = Duration::from_secs(3600);
/// What it says may differ by so much, as when it is set a little.
const SAME_MS: i64 = 60_000;

/// What a start needs to know of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct WindowMark {
    /// What this clock showed.
    pub at: Timestamp,
    /// What the wall clock showed then.
    pub wall: Timestamp,
}

/// The clock, from the start of the process on.
#[derive(Debug)]
pub(super) struct Window {
    /// Where it goes on from; nothing before the first event ever.
    mark: Option<WindowMark>,
    /// What the wall clock showed last.
    wall: Timestamp,
    /// When it was looked at last.
    ticked: Option<Instant>,
    /// Since the start.
    elapsed: Duration,
    /// How long the process was down, as the wall clock has said since then.
    said: Option<(i64, Duration)>,
    /// The same once it is believed.
    down_ms: Option<i64>,
}

impl Window {
    /// A clock that goes on from `mark`; without one it begins with what the wall clock says first.
    pub fn new(mark: Option<WindowMark>) -> Self {
        Self {
            mark,
            wall: mark.unwrap_or_default().wall,
            ticked: None,
            elapsed: Duration::ZERO,
            said: None,
            down_ms: None,
        }
    }

    /// Begins at `wall` unless it goes on from before.
    pub fn begin(&mut self, wall: Timestamp) {
        self.mark.get_or_insert(WindowMark { at: wall, wall });
    }

    /// What it shows.
    pub fn at(&self) -> Timestamp {
        let start = self.mark.unwrap_or_default().at.millis();
        Timestamp::from_millis(start + self.elapsed_ms() + self.down_ms.unwrap_or(0))
    }

    /// Takes note that the wall clock shows `wall` at the moment `clock`.
    pub fn tick(&mut self, wall: Timestamp, clock: Instant) {
        self.begin(wall);
        let before = self.ticked.replace(clock).unwrap_or(clock);
        self.elapsed += clock.saturating_duration_since(before);
        self.wall = wall;
        if self.down_ms.is_none() {
            self.listen();
        }
    }

    fn listen(&mut self) {
        let before = self.mark.unwrap_or_default().wall.millis();
        let down_ms = self.wall.millis() - before - self.elapsed_ms();
        match self.said {
            Some((said, since)) if (said - down_ms).abs() <= SAME_MS => {
                if self.elapsed.saturating_sub(since) >= BELIEVED_AFTER {
                    self.down_ms = Some(down_ms.max(0));
                }
            }
            _ => self.said = Some((down_ms, self.elapsed)),
        }
    }

    /// What the next start needs to know. Time that is not believed yet is left for it to count. A wall clock that is behind
    /// what it showed is not followed: once it is right, all since then would look like time that the process was down.
    pub fn mark(&self) -> WindowMark {
        let before = self.mark.unwrap_or_default().wall.millis();
        let passed = Timestamp::from_millis(before + self.elapsed_ms());
        WindowMark {
            at: self.at(),
            wall: match self.down_ms {
                Some(_) => self.wall.max(passed),
                None => passed,
            },
        }
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.elapsed.as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const YEAR: i64 = 365 * 24 * HOUR;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * HOUR)
    }

    fn hours(window: &Window) -> i64 {
        window.at().millis() / HOUR
    }

    /// A clock from hour 1000, and the moment of its start.
    fn window() -> (Window, Instant) {
        let mark = WindowMark {
            at: at(1000),
            wall: at(1000),
        };
        (Window::new(Some(mark)), Instant::now())
    }

    fn later(start: Instant, hours: u64) -> Instant {
        start + Duration::from_secs(hours * 3600)
    }

    #[test]
    fn a_wall_clock_that_jumps_changes_nothing() {
        let (mut window, start) = window();
        window.tick(at(1000), start);
        window.tick(at(1000 + YEAR / HOUR), later(start, 1));
        window.tick(at(2), later(start, 2));
        window.tick(at(1003), later(start, 3));
        assert_eq!(hours(&window), 1003);
    }

    #[test]
    fn the_time_that_it_was_down_counts_after_an_hour() {
        let (mut window, start) = window();
        window.tick(at(1050), start);
        assert_eq!(hours(&window), 1000);
        window.tick(at(1051), later(start, 1));
        assert_eq!(hours(&window), 1051);
        // From then on it is as fast as time.
        window.tick(at(5000), later(start, 2));
        assert_eq!(hours(&window), 1052);
        assert_eq!(window.mark().wall, at(5000));
    }

    #[test]
    fn a_clock_that_is_wrong_at_the_start_and_put_right_within_the_hour() {
        let (mut window, start) = window();
        window.tick(at(1000 + YEAR / HOUR), start);
        window.tick(at(1001), later(start, 1));
        window.tick(at(1002), later(start, 2));
        assert_eq!(hours(&window), 1002);
        let (mut window, start) = self::window();
        window.tick(at(3), start);
        window.tick(at(4), later(start, 1));
        assert_eq!(hours(&window), 1001);
    }

    #[test]
    fn a_run_with_a_clock_that_is_far_behind_is_no_time_down_for_the_next() {
        let (mut window, start) = window();
        for hour in 0..3u8 {
            window.tick(at(i64::from(hour)), later(start, hour.into()));
        }
        let mut window = Window::new(Some(window.mark()));
        window.tick(at(1010), start);
        window.tick(at(1011), later(start, 1));
        assert_eq!(hours(&window), 1011);
    }

    #[test]
    fn many_short_runs_count_what_was_between_them() {
        let (mut window, start) = window();
        for run in 1..=10 {
            window.tick(at(1000 + run * 10), start);
            window = Window::new(Some(window.mark()));
        }
        window.tick(at(1100), start);
        window.tick(at(1101), later(start, 1));
        assert_eq!(hours(&window), 1101);
    }
}
