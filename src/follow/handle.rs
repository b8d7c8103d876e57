//! Asking the follower for tables: the answer comes when they have every row
//! up to a seq, and is taken in one step, so that a reader sees one version.

use super::catalog::Catalog;
use super::follower::FollowOptions;
use crate::event::{Day, Seq, SourceName};
use crate::journal::Shared;
use crate::table::Snapshot;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// How long a reader waits for a table to have every row.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// What the follower is asked for.
pub enum Ask {
    /// Tables, for a reader.
    Tables(Request),
    /// To go on by other options.
    Options(FollowOptions),
    /// To make tables anew.
    Rebuild(Rebuild),
}

/// A wish to have tables made anew from the journal.
pub struct Rebuild {
    /// Whose; of all sources if none is named.
    pub source: Option<SourceName>,
    /// Of which days.
    pub days: RangeInclusive<Day>,
    /// A message for each table, and an empty one when there is none left.
    pub reply: UnboundedSender<Option<Rebuilt>>,
}

/// What became of one table that was to be made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Whose.
    pub source: SourceName,
    /// Of which day.
    pub day: Day,
    /// Tables that are left to do.
    pub left: usize,
    /// Rows and columns before.
    pub before: (u64, usize),
    /// Rows and columns now, or why it could not be done.
    pub after: Result<(u64, usize), String>,
}

/// A reader's request.
pub struct Request {
    /// Whose tables.
    pub source: SourceName,
    /// Of which days.
    pub days: RangeInclusive<Day>,
    /// Every record up to this one must be in them.
    pub target: Seq,
    /// When nobody waits any more.
    pub until: Instant,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Together>,
}

/// The tables of a source, all as of one moment: a day that begins or ends later is not known yet.
pub struct Together {
    /// Those that are written to, as far as they were asked for. All others stand as their checkpoints say.
    pub open: Vec<Snapshot>,
    /// All days that have a table, and whether it has rows.
    pub days: BTreeMap<Day, bool>,
}

impl Together {
    /// The newest day that has rows, before `before` if one is given.
    #[must_use]
    pub fn newest_with_rows(&self, before: Option<Day>) -> Option<Day> {
        let mut days = self.days.iter().rev();
        days.find(|(day, has_rows)| **has_rows && before.is_none_or(|b| **day < b))
            .map(|(day, _)| *day)
    }
}

/// The tables cannot be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table does not have every row yet")]
pub struct Unavailable;

/// How the rest of the program reaches the follower.
#[derive(Clone)]
pub struct Handle {
    pub(super) asks: Sender<Ask>,
    pub(super) shared: Arc<Shared>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) look: Arc<AtomicBool>,
}

impl Handle {
    /// Which days there are.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The tables of `source`, and those within `days` with every row that was acknowledged before this call.
    ///
    /// # Errors
    /// When they are not that far after [`WAIT_MAX`].
    pub async fn tables(
        &self,
        source: SourceName,
        days: RangeInclusive<Day>,
    ) -> Result<Together, Unavailable> {
        let answer = self.ask(source, days, Instant::now() + WAIT_MAX)?;
        match tokio::time::timeout(WAIT_MAX, answer).await {
            Ok(Ok(tables)) => Ok(tables),
            _ => Err(Unavailable),
        }
    }

    /// Asks without waiting: the answer comes during a step of the follower, or never once `until` is over.
    ///
    /// # Errors
    /// When the follower is not there any more.
    pub fn ask(
        &self,
        source: SourceName,
        days: RangeInclusive<Day>,
        until: Instant,
    ) -> Result<oneshot::Receiver<Together>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            source,
            days,
            target: self.shared.last_seq(),
            until,
            reply,
        };
        self.send(Ask::Tables(request))?;
        Ok(answer)
    }

    /// Lets the follower go on by other options. What is asked for after this is answered by them.
    pub fn set_options(&self, options: FollowOptions) {
        // One that is not there any more needs none.
        let _ = self.send(Ask::Options(options));
    }

    /// Lets the follower see whether the files of open tables are still what it wrote: something happened beside them.
    pub fn look(&self) {
        if !self.look.swap(true, Ordering::Relaxed) {
            self.shared.wake();
        }
    }

    /// Lets the follower make tables anew, one after the other.
    ///
    /// # Errors
    /// When the follower is not there any more.
    pub fn rebuild(
        &self,
        source: Option<SourceName>,
        days: RangeInclusive<Day>,
    ) -> Result<UnboundedReceiver<Option<Rebuilt>>, Unavailable> {
        let (reply, rebuilt) = unbounded_channel();
        self.send(Ask::Rebuild(Rebuild {
            source,
            days,
            reply,
        }))?;
        Ok(rebuilt)
    }

    fn send(&self, ask: Ask) -> Result<(), Unavailable> {
        self.asks.send(ask).map_err(|_| Unavailable)?;
        self.shared.wake();
        Ok(())
    }
}
