//! Whether the open segment is still where a start will look for it. A file that
//! somebody moved or removed takes what is written to it, and says so: what was
//! acknowledged then would be lost. So nothing is stored until it is back. The
//! descriptor is kept: of a file that was removed it is all that there is.

use super::shared::Health;
use super::writer::{Journal, Tail};
use crate::event::Timestamp;
use std::io;
use std::path::PathBuf;
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
        let Ok(gone) = self.gone_segment(now) else {
            return;
        };
        match (&gone, self.gone.is_it) {
            (Some(path), false) => {
                let why = format!(
                    "{} was moved or removed: move it back; one that was removed can be copied from /proc/{}/fd before rowhook is \
                     started again",
                    path.display(),
                    std::process::id()
                );
                tracing::error!("{why}; deliveries are refused");
                self.shared.set_health(Health::Failing(why));
            }
            (None, true) => {
                tracing::info!(
                    "the journal's file is back in its place, and takes deliveries again"
                );
                self.shared.set_health(Health::Ready);
            }
            _ => {}
        }
        self.gone.is_it = gone.is_some();
    }

    /// The path of the open segment, if it is not there. One of a day that is over is not written to any more, and may have been
    /// put away; but what was missed before that day was over is missed until it is back.
    fn gone_segment(&self, now: Timestamp) -> io::Result<Option<PathBuf>> {
        let today = self.moment(now).0.day(self.options.zone);
        let Tail::Open(open) = &self.tail else {
            return Ok(None);
        };
        let known = self.shared.segment(open.number);
        let Some(segment) = known.filter(|_| self.gone.is_it || open.day >= today) else {
            return Ok(None);
        };
        let there = self.disk.stat(&segment.path)?;
        let is_it = there.map(|stat| stat.inode) == Some(open.file.stat()?.inode);
        Ok((!is_it).then_some(segment.path))
    }
}
