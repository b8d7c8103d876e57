//! One step: read on, push rows, write them, look after the tables that lag.

use super::catalog::{Catalog, Summary};
use super::handle::{Handle, Request};
use super::tracked::{Remake, Tracked};
use super::upkeep::{cursor_of, parse, write_out};
use crate::disk::{SharedDisk, read_small, replace};
use crate::event::{Day, Seq, SourceName, Timestamp};
use crate::flatten::Rules;
use crate::journal::{Cursor, Reader, Shared};
use crate::layout::Layout;
use crate::table::{Table, TableError};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What the follower needs to know.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// The zone whose midnight ends a day.
    pub zone: Tz,
    /// The configured sources and how their payloads become rows.
    pub sources: BTreeMap<SourceName, Rules>,
    /// For sources that are not configured any more.
    pub others: Rules,
    /// Rows in a file.
    pub part_rows: u64,
}

/// Bytes of journal read at a time.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// How long after midnight a day's table is closed: a batch that was stamped before may still come.
const CLOSE_AFTER_MS: i64 = 2_000;
/// A table that could not be written is tried again after this.
pub(super) const RETRY: Duration = Duration::from_secs(1);
pub(super) type Key = (SourceName, Day);

/// How far all tables are, over restarts.
#[derive(Serialize, Deserialize)]
struct Saved {
    seq: Seq,
    at: Cursor,
}

/// Follows the journal. Used by one thread.
pub struct Follower {
    pub(super) disk: SharedDisk,
    pub(super) layout: Layout,
    pub(super) options: FollowOptions,
    pub(super) shared: Arc<Shared>,
    pub(super) reader: Reader,
    pub(super) catalog: Arc<Catalog>,
    /// Everything before this has been read, up to this seq.
    pub(super) at: Cursor,
    pub(super) seq: Seq,
    pub(super) tables: HashMap<Key, Tracked>,
    requests: Receiver<Request>,
    waiting: Vec<Request>,
    today: Option<Day>,
    saved: Cursor,
    saved_at: Instant,
}

impl Follower {
    /// A follower that goes on where the last one stopped.
    ///
    /// # Errors
    /// Whatever the disk answers, or when tables hold more than the journal.
    pub fn open(
        disk: SharedDisk,
        layout: Layout,
        options: FollowOptions,
        shared: Arc<Shared>,
        now: Instant,
    ) -> io::Result<(Self, Handle)> {
        let (catalog, open) = Catalog::load(&disk, &layout)?;
        let catalog = Arc::new(catalog);
        let saved = Self::load(&disk, &layout, &shared)?;
        let (sender, requests) = channel();
        let handle = Handle {
            requests: sender,
            shared: shared.clone(),
            catalog: catalog.clone(),
        };
        let mut follower = Self {
            reader: Reader::new(disk.clone(), shared.clone()),
            disk,
            layout,
            options,
            shared,
            catalog,
            at: saved.at,
            seq: saved.seq,
            tables: HashMap::new(),
            requests,
            waiting: Vec::new(),
            today: None,
            saved: saved.at,
            saved_at: now,
        };
        for key in open {
            follower
                .tables
                .insert(key, Tracked::failed(Cursor::default(), now));
        }
        Ok((follower, handle))
    }

    /// The saved position, if the journal still has it.
    fn load(disk: &SharedDisk, layout: &Layout, shared: &Shared) -> io::Result<Saved> {
        let start = Saved {
            seq: Seq(0),
            at: Cursor::default(),
        };
        let path = layout.follow_checkpoint();
        let Some(json) = read_small(&**disk, &path)? else {
            return Ok(start);
        };
        let Ok(saved) = serde_json::from_slice::<Saved>(&json) else {
            return Ok(start);
        };
        if saved.seq > shared.last_seq() {
            let what = format!(
                "{} knows event {}, but the journal ends with {}: acknowledged events are missing from the journal",
                path.display(),
                saved.seq,
                shared.last_seq()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let known = shared
            .segment(saved.at.segment)
            .is_some_and(|s| s.bytes >= saved.at.offset);
        Ok(if known { saved } else { start })
    }

    /// Does what there is to do now. Returns whether there is more to do at once.
    pub fn step(&mut self, now: Timestamp, clock: Instant) -> bool {
        self.turn_day(now, clock);
        let more = match self.follow(clock) {
            Ok(more) => more,
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read; tables wait");
                false
            }
        };
        self.waiting.extend(self.requests.try_iter());
        self.look_after(clock);
        self.answer(clock);
        if clock.duration_since(self.saved_at) >= CHECKPOINT_EVERY
            || self.dirty_bytes() >= CHECKPOINT_BYTES
        {
            self.checkpoint(clock);
        }
        more
    }

    /// How long the thread may sleep when there is nothing to do.
    #[must_use]
    pub fn rest(&self, clock: Instant) -> Duration {
        let due = self
            .tables
            .values()
            .filter(|t| t.behind.is_some())
            .map(|t| t.due);
        let waits = self
            .tables
            .values()
            .filter(|t| t.table.as_ref().is_some_and(Table::has_waiting));
        let next = due.chain(waits.map(|t| t.widen_after)).min();
        let second = Duration::from_secs(1);
        next.map_or(second, |at| {
            at.saturating_duration_since(clock)
                .clamp(Duration::from_millis(5), second)
        })
    }

    /// Reads the next block and pushes its records to the tables that are up to date.
    fn follow(&mut self, clock: Instant) -> io::Result<bool> {
        let end = self.shared.end().0;
        let mut cursor = self.at;
        // Taken out so that the block, which borrows the reader, and the tables can be used together.
        let mut reader = std::mem::replace(
            &mut self.reader,
            Reader::new(self.disk.clone(), self.shared.clone()),
        );
        let outcome = match reader.next(&mut cursor, end, BLOCK_BYTES) {
            Ok(Some(block)) => self
                .take_block(block.day, block.start, block.lines, clock)
                .map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        reader.shrink(4 * BLOCK_BYTES);
        self.reader = reader;
        if outcome.is_ok() {
            self.at = cursor;
        }
        let more = outcome?;
        if more {
            self.flush_all(clock, false);
        }
        Ok(more)
    }

    fn take_block(
        &mut self,
        day: Day,
        start: Cursor,
        lines: &[u8],
        clock: Instant,
    ) -> io::Result<()> {
        let mut offset = 0;
        let mut last: Option<Key> = None;
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let record = parse(line, start, offset)?;
            offset += line.len();
            if last
                .as_ref()
                .is_none_or(|key| key.0.as_str() != record.source)
            {
                last = SourceName::new(record.source)
                    .ok()
                    .map(|source| (source, day));
            }
            let Some(key) = &last else { continue };
            match self.tables.get_mut(key) {
                Some(tracked) => tracked.push(&record, start, clock),
                None => self.track(key.clone(), start, clock),
            }
            self.seq = record.seq;
        }
        Ok(())
    }

    /// Begins to look after the table of a record that was not looked after: it reads on by itself from here.
    fn track(&mut self, key: Key, start: Cursor, clock: Instant) {
        self.tables.insert(key, Tracked::failed(start, clock));
    }

    fn flush_all(&mut self, clock: Instant, force: bool) {
        let keys: Vec<Key> = self
            .tables
            .iter()
            .filter(|(_, t)| t.is_current())
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.flush(&key, clock, force);
        }
    }

    /// Writes the rows that wait, widening the file if that is allowed now.
    fn flush(&mut self, key: &Key, clock: Instant, force: bool) {
        let (seq, at) = (self.seq, self.at);
        let Some(tracked) = self.tables.get_mut(key) else {
            return;
        };
        let Some(table) = &mut tracked.table else {
            return;
        };
        let had = table.has_waiting();
        let outcome = write_out(table, &mut tracked.widen_after, clock, force);
        if outcome.is_ok() && tracked.behind.is_none() {
            table.pass(seq, (at.segment, at.offset));
        }
        match outcome {
            Ok(()) if had => self.list(key),
            Ok(()) => {}
            Err(error) => self.trouble(key, &error, clock),
        }
    }

    /// Puts the table's figures into the catalog.
    pub(super) fn list(&self, key: &Key) {
        if let Some(table) = self.tables.get(key).and_then(|t| t.table.as_ref()) {
            self.catalog.set(
                &key.0,
                key.1,
                Summary {
                    figures: table.figures(),
                    open: true,
                },
            );
        }
    }

    /// A table could not be written: somebody changed it, and it is made anew; or the disk failed, and it is opened again
    /// in a while.
    pub(super) fn trouble(&mut self, key: &Key, error: &TableError, clock: Instant) {
        match error {
            TableError::Changed => self.remake(key, Remake::Changed, clock),
            TableError::Io(error) => {
                tracing::error!(source = %key.0, day = %key.1, %error, "a table cannot be written; it is caught up when it can");
                if let Some(tracked) = self.tables.get_mut(key) {
                    let hint = tracked.table.as_ref().map_or((0, 0), Table::hint);
                    *tracked = Tracked::failed(cursor_of(hint), clock + RETRY);
                }
            }
        }
    }

    /// Brings tables that lag up to date when they are due, and those at once that a reader waits for.
    fn look_after(&mut self, clock: Instant) {
        let wanted = |key: &Key| {
            self.waiting
                .iter()
                .any(|r| r.source == key.0 && r.days.contains(&key.1))
        };
        let mut keys: Vec<(Key, bool)> = Vec::new();
        let mut changed = Vec::new();
        for (key, tracked) in &self.tables {
            let waits = tracked.has_waiting();
            let forced = wanted(key) && (waits || tracked.behind.is_some());
            let failed = tracked.table.is_none();
            let due = (tracked.behind.is_some() && tracked.due <= clock)
                || (waits && tracked.widen_after <= clock);
            if due || (forced && !failed) {
                keys.push((key.clone(), forced));
            } else if let Some(table) = &tracked.table
                && wanted(key)
                && let Err(error) = table.check()
            {
                // Nobody is given what somebody else made of a table that is still written to.
                changed.push((key.clone(), error));
            }
        }
        keys.sort();
        for (key, forced) in keys {
            if self.tables.get(&key).is_some_and(|t| t.behind.is_some()) {
                self.catch_up(&key, clock);
            } else {
                self.flush(&key, clock, forced);
            }
        }
        for (key, error) in changed {
            self.trouble(&key, &error, clock);
        }
    }

    /// Answers the readers whose tables are far enough.
    fn answer(&mut self, clock: Instant) {
        let waiting = std::mem::take(&mut self.waiting);
        for request in waiting {
            let mut tables: Vec<_> = self
                .tables
                .iter()
                .filter(|(key, _)| key.0 == request.source && request.days.contains(&key.1))
                .map(|(_, tracked)| tracked)
                .collect();
            let ready = self.seq >= request.target
                && tables.iter().all(|t| t.is_current() && !t.has_waiting());
            if ready {
                tables.sort_by_key(|t| t.table.as_ref().map(Table::day));
                let snapshots = tables
                    .iter()
                    .filter_map(|t| t.table.as_ref())
                    .map(Table::snapshot)
                    .collect();
                // Whoever asked may be gone.
                let _ = request.reply.send(snapshots);
            } else if clock < request.until && !request.reply.is_closed() {
                self.waiting.push(request);
            }
        }
    }

    fn dirty_bytes(&self) -> u64 {
        self.tables
            .values()
            .filter_map(|t| t.table.as_ref()?.dirty())
            .sum()
    }

    /// Makes all tables durable and remembers how far they are.
    pub fn checkpoint(&mut self, clock: Instant) {
        self.saved_at = clock;
        let mut failed = Vec::new();
        for (key, tracked) in &mut self.tables {
            let Some(table) = &mut tracked.table else {
                continue;
            };
            if table.dirty().is_some()
                && let Err(error) = table.checkpoint(false)
            {
                failed.push((key.clone(), error));
            }
        }
        for (key, error) in failed {
            tracing::error!(source = %key.0, day = %key.1, %error, "a table could not be synced");
            self.remake(&key, Remake::Unsynced, clock);
        }
        // What a table does not have must be read again after a restart.
        let at = self.at;
        if at == self.saved
            || self
                .tables
                .values()
                .any(|t| !t.is_current() || t.has_waiting())
        {
            return;
        }
        let saved = Saved { seq: self.seq, at };
        let json = serde_json::to_vec(&saved).unwrap_or_default();
        match replace(&*self.disk, &self.layout.follow_checkpoint(), &json) {
            Ok(()) => self.saved = at,
            Err(error) => {
                tracing::warn!(%error, "how far the tables are could not be remembered; a start will read more");
            }
        }
    }

    /// At midnight: closes the tables of the days before, and begins those of today.
    fn turn_day(&mut self, now: Timestamp, clock: Instant) {
        let today = now.day(self.options.zone);
        if self.today != Some(today) && self.at >= self.shared.end().0 {
            self.today = Some(today);
            self.begin_day(today, clock);
        }
        let over: Vec<Key> = self
            .tables
            .iter()
            .filter(|(key, t)| t.is_current() && key.1 < today)
            .map(|(k, _)| k.clone())
            .collect();
        for key in over {
            let end = Timestamp::start_of(key.1.plus(1), self.options.zone);
            if now.millis() >= end.millis() + CLOSE_AFTER_MS {
                self.close(&key, clock);
            }
        }
    }

    /// Sources that have tables get one for today too, so that the file of the day is there every morning.
    fn begin_day(&mut self, today: Day, clock: Instant) {
        let sources: Vec<SourceName> = self.options.sources.keys().cloned().collect();
        for source in sources {
            if self.catalog.knows(source.as_str())
                && !self.tables.contains_key(&(source.clone(), today))
            {
                self.track((source, today), self.at, clock);
            }
        }
    }

    fn close(&mut self, key: &Key, clock: Instant) {
        self.flush(key, clock, true);
        let Some(tracked) = self.tables.get_mut(key) else {
            return;
        };
        let Some(table) = &mut tracked.table else {
            return;
        };
        if table.has_waiting() {
            return;
        }
        let closed = table.check().and_then(|()| table.checkpoint(true));
        match closed {
            Ok(()) => {
                let figures = table.figures();
                self.catalog.set(
                    &key.0,
                    key.1,
                    Summary {
                        figures,
                        open: false,
                    },
                );
                self.tables.remove(key);
                tracing::info!(source = %key.0, day = %key.1, "closed the day");
            }
            Err(error) => self.trouble(key, &error, clock),
        }
    }
}
