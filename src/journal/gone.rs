//! Whether the open segment is still where a start will look for it. A file that
//! somebody moved or removed takes what is written to it, and says so: what was
//! acknowledged then would be lost. So nothing is stored until it is back. The
//! descriptor is kept: of a file that was removed it is all that there is.

use super::shared::Health;
use super::writer::{Journal, Tail};
use crate::event::Timestamp;
use std::io;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Gone {
    looked_at: Option<Instant>,
    /// Whether it was not there then.
    pub is_it: bool,
}

impl Journal {
    /// Looks whether the open segment is in its place, once in a while.
    pub(super) fn look_for_segment(&mut self, now: Timestamp, clock: Instant) {
        let due = |last: Instant| clock.saturating_duration_since(last) >= LOOK_EVERY;
        if !self.gone.looked_at.is_none_or(due) {
            return;
        }
        self.gone.looked_at = Some(clock);
        // What cannot be asked now is asked again.
        let Ok(is_gone) = self.is_segment_gone(now) else {
            return;
        };
        if is_gone && !self.gone.is_it {
            let why = self.why_gone();
            tracing::error!("{why}; deliveries are refused");
            self.shared.set_health(Health::Failing(why));
        } else if self.gone.is_it && !is_gone {
            tracing::info!("the journal's file is back in its place, and takes deliveries again");
            self.shared.set_health(Health::Ready);
        }
        self.gone.is_it = is_gone;
    }

    /// One of a day that is over is not written to any more, and may have been put away.
    fn is_segment_gone(&self, now: Timestamp) -> io::Result<bool> {
        let today = self.moment(now).0.day(self.options.zone);
        let Tail::Open(open) = &self.tail else {
            return Ok(false);
        };
        if open.day < today {
            return Ok(false);
        }
        let Some(segment) = self.shared.segment(open.number) else {
            return Ok(false);
        };
        let there = self.disk.stat(&segment.path)?;
        Ok(there.map(|stat| stat.inode) != Some(open.file.stat()?.inode))
    }

    fn why_gone(&self) -> String {
        let number = match &self.tail {
            Tail::Open(open) => open.number,
            _ => 0,
        };
        let path = self.shared.segment(number).map(|segment| segment.path);
        format!(
            "{} was moved or removed: move it back; one that was removed can be copied from /proc/{}/fd before rowhook is \
             started again",
            path.unwrap_or_default().display(),
            std::process::id()
        )
    }
}
