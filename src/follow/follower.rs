//! One step: read on, push rows, write them, look after the tables that lag.

use super::catalog::{Catalog, Summary};
use super::found::{forgotten, remove_hidden};
use super::handle::{Ask, Handle, Request};
use super::rebuild::Wish;
use super::tracked::{Edits, Tracked};
use super::upkeep::{parse, write_out};
use crate::disk::SharedDisk;
use crate::event::{Day, Seq, SourceName, Timestamp};
use crate::flatten::Rules;
use crate::journal::{Cursor, Health, Reader, Shared};
use crate::layout::Layout;
use crate::table::Table;
use chrono_tz::Tz;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Bytes of journal that a step reads for tables that lag, [`SLICE_BYTES`] outside tests.
    pub slice_bytes: usize,
}

/// What is read and written of so much of the journal takes about a hundredth of a second: readers of other tables wait so long
/// for one that is made anew.
pub const SLICE_BYTES: usize = 1 << 20;

/// Bytes of journal read at a time.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// A table that could not be written is tried again after this.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// However little is heard of changes, the files of open tables are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two pieces that are freed.
const FREE_EVERY: Duration = Duration::from_millis(10);

pub(super) type Key = (SourceName, Day);

/// Follows the journal. Used by one thread.
pub struct Follower {
    pub(super) disk: SharedDisk,
    pub(super) layout: Layout,
    pub(super) options: FollowOptions,
    pub(super) shared: Arc<Shared>,
    /// Taken while a block is at hand.
    pub(super) reader: Option<Reader>,
    pub(super) catalog: Arc<Catalog>,
    /// Everything before this has been read, up to this seq.
    pub(super) at: Cursor,
    pub(super) seq: Seq,
    pub(super) tables: BTreeMap<Key, Tracked>,
    pub(super) asks: Receiver<Ask>,
    pub(super) waiting: Vec<Request>,
    pub(super) today: Option<Day>,
    /// The day that it is, whether its tables have begun or not.
    pub(super) date: Option<Day>,
    /// The end of the journal when this follower was opened: until it has read that far, tables are not looked after, because
    /// what their files hold beyond their checkpoints is compared with all that the journal gives.
    pub(super) opened_end: Cursor,
    /// Where this follower began to read.
    pub(super) began: Cursor,
    /// For days that were closed before this start: up to where they have every record.
    pub(super) closed: HashMap<Key, Seq>,
    pub(super) saved: Cursor,
    /// Bytes that may be read for tables that lag in this step.
    pub(super) slice_left: usize,
    /// Tables that somebody changed since their day began.
    pub(super) edits: BTreeMap<Key, Edits>,
    /// Tables that are to be made anew, for whoever asked first first.
    pub(super) wishes: VecDeque<Wish>,
    /// When the log told of a trouble with a table.
    pub(super) complained: BTreeMap<Key, Instant>,
    look: Arc<AtomicBool>,
    looked_at: Instant,
    pub(super) checkpoint_failed: bool,
    /// Whether there is more to free of files that have no name any more.
    frees: bool,
    /// When the log was told last that the journal cannot be read.
    pub(super) journal_complained: Option<Instant>,
    pub(super) saved_at: Instant,
}

impl Follower {
    /// A follower that goes on where the last one stopped. The journal has all that is [`known`](super::known()).
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn open(
        disk: SharedDisk,
        layout: Layout,
        options: FollowOptions,
        shared: Arc<Shared>,
        now: Instant,
    ) -> io::Result<(Self, Handle)> {
        remove_hidden(&disk, &layout)?;
        let (catalog, mut open) = Catalog::load(&disk, &layout)?;
        let catalog = Arc::new(catalog);
        let saved = Self::load(&disk, &layout, &shared)?;
        open.extend(forgotten(&disk, &layout, &catalog, &shared, saved.at)?);
        let (sender, asks) = channel();
        let handle = Handle {
            asks: sender,
            shared: shared.clone(),
            catalog: catalog.clone(),
            look: Arc::default(),
        };
        let opened_end = shared.end().0;
        let mut follower = Self {
            reader: Some(Reader::new(disk.clone(), shared.clone())),
            disk,
            layout,
            options,
            shared,
            catalog,
            at: saved.at,
            seq: saved.seq,
            tables: BTreeMap::new(),
            asks,
            waiting: Vec::new(),
            today: None,
            date: None,
            opened_end,
            began: saved.at,
            closed: HashMap::new(),
            saved: saved.at,
            slice_left: 0,
            edits: BTreeMap::new(),
            wishes: VecDeque::new(),
            complained: BTreeMap::new(),
            look: handle.look.clone(),
            looked_at: now,
            checkpoint_failed: false,
            frees: false,
            journal_complained: None,
            saved_at: now,
        };
        for key in open {
            follower
                .tables
                .insert(key, Tracked::failed(Cursor::default(), now));
        }
        Ok((follower, handle))
    }

    /// Does what there is to do now. Returns whether there is more to do at once.
    pub fn step(&mut self, now: Timestamp, clock: Instant) -> bool {
        self.date = Some(now.day(self.options.zone));
        let mut more = match self.follow(clock) {
            Ok(more) => more,
            Err(error) => {
                if self.may_complain_of_journal(clock) {
                    tracing::error!(%error, "the journal cannot be read; tables wait");
                }
                false
            }
        };
        self.take_asks(clock);
        self.slice_left = self.options.slice_bytes.max(1);
        if self.may_look_after() {
            // Only a hint to look: no other memory is ordered by it.
            let heard = self.look.swap(false, Ordering::Relaxed);
            let look = heard || clock.duration_since(self.looked_at) >= LOOK_EVERY;
            if look {
                self.looked_at = clock;
            }
            self.look_after(clock, look);
            more |= self.rebuild_next(clock);
            if self.turn_day(now, clock) {
                self.look_after(clock, false);
            }
            more |= self.tables.values().any(|t| t.lags(clock));
        }
        self.answer(clock);
        let tables = self.tables.values_mut();
        let mut open = tables.filter_map(|tracked| tracked.table.as_mut());
        self.frees = open.any(Table::free_old);
        let many = self.dirty_bytes() >= CHECKPOINT_BYTES && !self.checkpoint_failed;
        if clock.duration_since(self.saved_at) >= CHECKPOINT_EVERY || many {
            self.checkpoint(clock);
        }
        more
    }

    /// Whether tables may be written beside what is pushed to them: not before the follower has read what was there when it
    /// was opened, and not while the journal waits for room that they would take.
    pub(super) fn may_look_after(&self) -> bool {
        self.at >= self.opened_end && self.shared.health() == Health::Ready
    }

    /// How long the thread may sleep when there is nothing to do.
    #[must_use]
    pub fn rest(&self, clock: Instant) -> Duration {
        if !self.may_look_after() {
            return RETRY;
        }
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
        if self.frees {
            return FREE_EVERY;
        }
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
        let mut reader = self
            .reader
            .take()
            .unwrap_or_else(|| Reader::new(self.disk.clone(), self.shared.clone()));
        let outcome = match reader.next(&mut cursor, end, BLOCK_BYTES) {
            Ok(Some(block)) => self
                .take_block(block.day, block.start, block.lines, clock)
                .map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        reader.shrink(4 * BLOCK_BYTES);
        self.reader = Some(reader);
        let last = outcome?;
        // Both or neither: what a table passes is what has been read.
        self.at = cursor;
        self.seq = last.unwrap_or(self.seq);
        let more = last.is_some();
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
    ) -> io::Result<Seq> {
        let mut offset = 0;
        let mut seq = self.seq;
        let mut last: Option<Key> = None;
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let record = parse(line, start, offset)?;
            offset += line.len();
            seq = record.seq;
            if last
                .as_ref()
                .is_none_or(|key| key.0.as_str() != record.source)
            {
                last = SourceName::new(record.source)
                    .ok()
                    .map(|source| (source, day));
            }
            let Some(key) = &last else { continue };
            if let Some(tracked) = self.tables.get_mut(key) {
                tracked.push(&record, start, clock);
            } else if !self.has_closed(key, seq) {
                self.track(key.clone(), start, clock);
            }
        }
        Ok(seq)
    }

    /// Begins to look after the table of a record that was not looked after: it reads on by itself from here.
    pub(super) fn track(&mut self, key: Key, start: Cursor, clock: Instant) {
        self.tables.insert(key, Tracked::failed(start, clock));
    }

    pub(super) fn flush_all(&mut self, clock: Instant, force: bool) {
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
    pub(super) fn flush(&mut self, key: &Key, clock: Instant, force: bool) {
        let (seq, at) = (self.seq, self.at);
        let Some(tracked) = self.tables.get_mut(key) else {
            return;
        };
        let Some(table) = &mut tracked.table else {
            return;
        };
        let had = table.has_waiting();
        let rest = |time| self.shared.rest(time);
        let outcome = write_out(table, &mut tracked.widen_after, clock, force, rest);
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
}
