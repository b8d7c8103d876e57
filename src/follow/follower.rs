//! One step: read on, push rows, write them, look after the tables that lag.

use super::catalog::{Catalog, Summary};
use super::handle::{Ask, Handle, Request};
use super::rebuild::Wish;
use super::tracked::{Edits, Remake, Tracked};
use super::upkeep::{TELL_EVERY, cursor_of, parse, write_out};
use crate::disk::{Sealed, SharedDisk, get_sealed, put_sealed};
use crate::event::{Day, Seq, SourceName, Timestamp};
use crate::flatten::Rules;
use crate::journal::{Cursor, Health, Reader, Shared};
use crate::layout::{Layout, csv_of_name};
use crate::table::{Checkpoint, Table, TableError};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
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
}

/// Bytes of journal read at a time.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// A table that could not be written is tried again after this.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// However little is heard of changes, the files of open tables are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Tables that are caught up in one step: each has a file open until its day is closed.
const LOOK_AFTER_MAX: usize = 16;

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
    /// Taken while a block is at hand.
    pub(super) reader: Option<Reader>,
    pub(super) catalog: Arc<Catalog>,
    /// Everything before this has been read, up to this seq.
    pub(super) at: Cursor,
    pub(super) seq: Seq,
    pub(super) tables: BTreeMap<Key, Tracked>,
    asks: Receiver<Ask>,
    waiting: Vec<Request>,
    pub(super) today: Option<Day>,
    /// The end of the journal when this follower was opened: until it has read that far, tables are not looked after, because
    /// what their files hold beyond their checkpoints is compared with all that the journal gives.
    opened_end: Cursor,
    /// For days that were closed before this start: up to where they have every record.
    closed: HashMap<Key, Seq>,
    pub(super) saved: Cursor,
    /// Tables that somebody changed since their day began.
    pub(super) edits: BTreeMap<Key, Edits>,
    /// Tables that are to be made anew, for whoever asked first first.
    pub(super) wishes: VecDeque<Wish>,
    /// When the log told of a trouble with a table.
    complained: BTreeMap<Key, Instant>,
    look: Arc<AtomicBool>,
    looked_at: Instant,
    checkpoint_failed: bool,
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
        remove_hidden(&disk, &layout)?;
        let (catalog, open) = Catalog::load(&disk, &layout)?;
        let catalog = Arc::new(catalog);
        let saved = Self::load(&disk, &layout, &shared)?;
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
            opened_end,
            closed: HashMap::new(),
            saved: saved.at,
            edits: BTreeMap::new(),
            wishes: VecDeque::new(),
            complained: BTreeMap::new(),
            look: handle.look.clone(),
            looked_at: now,
            checkpoint_failed: false,
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
        let Sealed::Whole(saved) = get_sealed::<Saved>(&**disk, &path)? else {
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
        let mut more = match self.follow(clock) {
            Ok(more) => more,
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read; tables wait");
                false
            }
        };
        self.take_asks(clock);
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
        }
        self.answer(clock);
        let many = self.dirty_bytes() >= CHECKPOINT_BYTES && !self.checkpoint_failed;
        if clock.duration_since(self.saved_at) >= CHECKPOINT_EVERY || many {
            self.checkpoint(clock);
        }
        more
    }

    fn take_asks(&mut self, clock: Instant) {
        while let Ok(ask) = self.asks.try_recv() {
            match ask {
                Ask::Tables(request) => self.waiting.push(request),
                Ask::Options(options) => self.set_options(options, clock),
                Ask::Rebuild(rebuild) => {
                    let wish = self.wish(rebuild);
                    self.wishes.push_back(wish);
                }
            }
        }
    }

    /// Goes on by other options: tables whose rules change are made anew.
    fn set_options(&mut self, options: FollowOptions, clock: Instant) {
        self.options = options;
        let keys: Vec<Key> = self.tables.keys().cloned().collect();
        for key in keys {
            let Some(table) = self.tables.get(&key).and_then(|t| t.table.as_ref()) else {
                // It is opened later, by the options of then.
                continue;
            };
            let state = table.state(None);
            if state.rules == self.options_of(&key.0, Some(&state)).rules.fingerprint() {
                continue;
            }
            let anew = Tracked {
                anew: Some(Remake::Rules),
                ours: state.parts.iter().map(|part| part.stat).collect(),
                ..Tracked::failed(Cursor::default(), clock)
            };
            self.tables.insert(key, anew);
        }
    }

    /// Whether tables may be written beside what is pushed to them: not before the follower has read what was there when it
    /// was opened, and not while the journal waits for room that they would take.
    fn may_look_after(&self) -> bool {
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

    /// Whether a day that was closed has the record already: it is read again only because a checkpoint is older, and a
    /// closed day is left as it is.
    fn has_closed(&mut self, key: &Key, seq: Seq) -> bool {
        if !self.catalog.is_closed(&key.0, key.1) {
            return false;
        }
        let through = if let Some(through) = self.closed.get(key) {
            *through
        } else {
            // One that cannot be read is looked after like any other, and told of there.
            let state = Checkpoint::load(&self.disk, &self.layout, &key.0, key.1)
                .ok()
                .flatten();
            let through = state.map_or(Seq(0), |state| state.seq);
            self.closed.insert(key.clone(), through);
            through
        };
        seq <= through
    }

    /// Begins to look after the table of a record that was not looked after: it reads on by itself from here.
    pub(super) fn track(&mut self, key: Key, start: Cursor, clock: Instant) {
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
    pub(super) fn flush(&mut self, key: &Key, clock: Instant, force: bool) {
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
            TableError::Changed => self.changed(key, clock),
            TableError::Unsynced(_) | TableError::Torn => {
                if self.may_complain(key, clock) {
                    tracing::error!(source = %key.0, day = %key.1, %error, "a table's file cannot be trusted; it is made anew");
                }
                let _ = self.remake(key, Remake::Unsynced, clock);
            }
            TableError::Io(_) | TableError::Missing { .. } => {
                if self.may_complain(key, clock) {
                    tracing::error!(source = %key.0, day = %key.1, %error, "a table cannot be written; it is caught up when it can");
                }
                if let Some(tracked) = self.tables.get_mut(key) {
                    let hint = tracked.table.as_ref().map(|table| cursor_of(table.hint()));
                    let from = hint.or(tracked.behind).unwrap_or_default();
                    *tracked = Tracked::failed(from, clock + RETRY);
                }
            }
        }
    }

    /// Whether the log may tell of a trouble with the table: a disk that is full for a day must not fill it further.
    pub(super) fn may_complain(&mut self, key: &Key, clock: Instant) -> bool {
        let told = self.complained.get(key);
        let may = told.is_none_or(|told| clock >= *told + TELL_EVERY);
        if may {
            self.complained.insert(key.clone(), clock);
        }
        may
    }

    /// The day is over.
    pub(super) fn forget_troubles(&mut self, key: &Key) {
        self.edits.remove(key);
        self.complained.remove(key);
    }

    /// Somebody changed a table's file: it is made anew, but not without a pause when that happens again and again.
    fn changed(&mut self, key: &Key, clock: Instant) {
        let due = self.edits.get(key).map_or(clock, |edits| edits.next);
        if due <= clock {
            let _ = self.remake(key, Remake::Changed, clock);
        } else {
            let later = Tracked {
                anew: Some(Remake::Changed),
                ..Tracked::failed(Cursor::default(), due)
            };
            self.tables.insert(key.clone(), later);
        }
    }

    /// Brings tables that lag up to date when they are due, and those at once that a reader waits for. With `look` it sees to it
    /// that the files of all of them are what they were.
    fn look_after(&mut self, clock: Instant, look: bool) {
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
                && (look || wanted(key))
                && let Err(error) = table.check()
            {
                // Nobody is given what somebody else made of a table that is still written to.
                changed.push((key.clone(), error));
            }
        }
        keys.sort();
        keys.truncate(LOOK_AFTER_MAX);
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
            let ready = self.today.is_some()
                && self.at >= self.opened_end
                && self.seq >= request.target
                && tables.iter().all(|t| t.is_current() && !t.has_waiting())
                // While the journal waits for room nobody has looked after them.
                && (self.may_look_after() || tables.iter().all(|t| t.is_unchanged()));
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

    /// The last step: rows that wait for a wider file do not wait any longer, and all is remembered.
    pub fn finish(&mut self, clock: Instant) {
        if self.may_look_after() {
            self.flush_all(clock, true);
        }
        self.checkpoint(clock);
    }

    /// Makes all tables durable and remembers how far they are.
    pub fn checkpoint(&mut self, clock: Instant) {
        self.saved_at = clock;
        let mut failed = Vec::new();
        for (key, tracked) in &mut self.tables {
            if let Some(table) = &mut tracked.table
                && table.dirty().is_some()
                && let Err(error) = table.checkpoint(false)
            {
                failed.push((key.clone(), error));
            }
        }
        self.checkpoint_failed = !failed.is_empty();
        for (key, error) in failed {
            if let TableError::Io(error) = error {
                // The table itself is as it was; only a start would read more.
                tracing::warn!(source = %key.0, day = %key.1, %error, "a table's checkpoint could not be written");
            } else {
                self.trouble(&key, &error, clock);
            }
        }
        // What a table does not have, or does not remember, must be read again after a restart.
        let at = self.at;
        let whole = |t: &Tracked| {
            t.is_current()
                && !t.has_waiting()
                && t.table
                    .as_ref()
                    .is_some_and(|table| table.dirty().is_none())
        };
        if at == self.saved || !self.tables.values().all(whole) {
            return;
        }
        let saved = Saved { seq: self.seq, at };
        match put_sealed(&*self.disk, &self.layout.follow_checkpoint(), &saved) {
            Ok(()) => self.saved = at,
            Err(error) => {
                tracing::warn!(%error, "how far the tables are could not be remembered; a start will read more");
            }
        }
    }
}

/// Takes away what a crash or a full disk cut off among the tables: nothing is under way yet. What is not named as those are
/// is somebody else's.
fn remove_hidden(disk: &SharedDisk, layout: &Layout) -> io::Result<()> {
    let root = layout.csv_root();
    for source in disk.list(&root)? {
        let Ok(source) = SourceName::new(&source) else {
            continue;
        };
        let dir = layout.csv_dir(&source);
        // What cannot be listed or removed holds none of our files, or its tables will tell.
        for name in disk.list(&dir).unwrap_or_default() {
            // A dot in front for each step that it is away from its place.
            let stem = [".new.wider", ".new", ".wider"]
                .iter()
                .find_map(|end| name.strip_prefix('.')?.strip_suffix(end))
                .map(|stem| stem.trim_start_matches('.'));
            if stem.is_some_and(|stem| csv_of_name(stem).is_some()) {
                let _ = disk.remove(&dir.join(name));
            }
        }
    }
    Ok(())
}
