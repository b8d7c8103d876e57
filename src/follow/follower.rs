//! One step: read on, push rows, write them, look after the tables that lag.

use super::catalog::{Catalog, Summary};
use super::handle::{Handle, Request};
use crate::disk::{SharedDisk, read_small, replace};
use crate::event::{Day, Seq, SourceName, Timestamp};
use crate::flatten::{Column, Rules};
use crate::journal::record::{self, Record};
use crate::journal::{Cursor, Reader, Shared};
use crate::layout::Layout;
use crate::table::{Checkpoint, Table, TableError, TableOptions};
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
const BLOCK_BYTES: usize = 256 * 1024;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// How long after midnight a day's table is closed: a batch that was stamped before may still come.
const CLOSE_AFTER_MS: i64 = 2_000;
/// A table that could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// Widening may take a tenth of the time: after one that took t the next waits 9 t, unless a download waits for it.
const WIDEN_PAUSE: u32 = 9;

type Key = (SourceName, Day);

/// A table that is looked after.
struct Tracked {
    /// The table; none while it cannot be written.
    table: Option<Table>,
    /// Where it has to go on by itself, when it does not have all that the follower has read.
    behind: Option<Cursor>,
    /// Not before this.
    due: Instant,
    /// No widening before this.
    widen_after: Instant,
    /// Why it cannot go on with its files, if it cannot.
    anew: Option<Remake>,
}

/// Why a table is made anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Remake {
    /// Its file is not what we left.
    Changed,
    /// The rules changed.
    Rules,
    /// Its file could not be synced: what was written since may never have reached the disk, whatever reading it shows.
    Unsynced,
}

/// What became of opening a table.
enum Reopened {
    /// It goes on, and reads from here.
    Table(Table, Cursor),
    /// It has to be made anew.
    Anew(Remake),
}

/// How far all tables are, over restarts.
#[derive(Serialize, Deserialize)]
struct Saved {
    seq: Seq,
    at: Cursor,
}

/// Follows the journal. Used by one thread.
pub struct Follower {
    disk: SharedDisk,
    layout: Layout,
    options: FollowOptions,
    shared: Arc<Shared>,
    reader: Reader,
    catalog: Arc<Catalog>,
    /// Everything before this has been read, up to this seq.
    at: Cursor,
    seq: Seq,
    tables: HashMap<Key, Tracked>,
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
    fn list(&self, key: &Key) {
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
    fn trouble(&mut self, key: &Key, error: &TableError, clock: Instant) {
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
        for (key, tracked) in &self.tables {
            let waits = tracked.table.as_ref().is_some_and(Table::has_waiting);
            let forced = wanted(key) && (waits || tracked.behind.is_some());
            let failed = tracked.table.is_none();
            let due = (tracked.behind.is_some() && tracked.due <= clock)
                || (waits && tracked.widen_after <= clock);
            if due || (forced && !failed) {
                keys.push((key.clone(), forced));
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
    }

    /// Reads on for one table, up to where the follower is.
    fn catch_up(&mut self, key: &Key, clock: Instant) {
        let Some(mut tracked) = self.tables.remove(key) else {
            return;
        };
        let opened = match (tracked.table.take(), tracked.anew) {
            (_, Some(why)) => Ok(Reopened::Anew(why)),
            (Some(table), None) => Ok(Reopened::Table(table, tracked.behind.unwrap_or_default())),
            (None, None) => self.reopen(key, tracked.behind.unwrap_or_default()),
        };
        let outcome = opened.and_then(|opened| match opened {
            Reopened::Table(mut table, from) => {
                let filled = self
                    .fill(&mut table, key, from)
                    .and_then(|()| table.settle());
                if filled.is_ok() {
                    table.pass(self.seq, (self.at.segment, self.at.offset));
                    tracked.behind = None;
                }
                tracked.table = Some(table);
                filled.map(|()| None)
            }
            Reopened::Anew(why) => Ok(Some(why)),
        });
        self.tables.insert(key.clone(), tracked);
        match outcome {
            Ok(None) => self.list(key),
            Ok(Some(why)) => self.remake(key, why, clock),
            Err(error) => self.trouble(key, &error, clock),
        }
    }

    fn options_of(&self, source: &SourceName) -> TableOptions {
        let rules = *self
            .options
            .sources
            .get(source)
            .unwrap_or(&self.options.others);
        TableOptions {
            rules,
            part_rows: self.options.part_rows,
        }
    }

    /// Opens a table that is not open: as its checkpoint says, or new.
    fn reopen(&self, key: &Key, from: Cursor) -> Result<Reopened, TableError> {
        let (source, day) = key;
        let options = self.options_of(source);
        let (disk, layout) = (self.disk.clone(), self.layout.clone());
        let Some(state) = Checkpoint::load(&self.disk, &self.layout, source, *day)? else {
            if self.disk.stat(&self.layout.csv(source, *day, 1))?.is_some() {
                // Nobody remembers this file: a crash came before its first checkpoint, or it is a stranger's.
                return Ok(Reopened::Anew(Remake::Changed));
            }
            let carried = self.carried(source, *day)?;
            let table =
                Table::create(disk, layout, source.clone(), *day, options, &carried, false)?;
            return Ok(Reopened::Table(table, from));
        };
        if state.rules != options.rules.fingerprint() {
            return Ok(Reopened::Anew(Remake::Rules));
        }
        let hint = cursor_of(state.hint);
        Table::resume(disk, layout, options, state).map(|table| Reopened::Table(table, hint))
    }

    /// The columns of the newest earlier day with rows.
    fn carried(&self, source: &SourceName, day: Day) -> io::Result<Vec<Column>> {
        let Some(earlier) = self.catalog.newest_with_rows(source.as_str(), Some(day)) else {
            return Ok(Vec::new());
        };
        if let Some(table) = self
            .tables
            .get(&(source.clone(), earlier))
            .and_then(|t| t.table.as_ref())
        {
            return Ok(table.columns().to_vec());
        }
        let state = Checkpoint::load(&self.disk, &self.layout, source, earlier)?;
        Ok(state.map_or_else(Vec::new, |s| s.columns))
    }

    /// Pushes to `table` what the journal has for it from `from` up to where the follower is, and writes it. The columns of
    /// all rows that go into one file are learned first, so that the file is widened once.
    fn fill(&mut self, table: &mut Table, key: &Key, from: Cursor) -> Result<(), TableError> {
        let mut cursor = from;
        loop {
            let (room, pushed) = (table.room(), table.pushed());
            let mut ahead = cursor;
            let found = self.each(key, pushed, &mut ahead, room, |record| {
                table.learn(record.payload);
                Ok(())
            })?;
            if found == 0 {
                return Ok(());
            }
            self.each(key, pushed, &mut cursor, found, |record| {
                table.push(record.seq, record.received_at, record.id, record.payload);
                if table.is_full() {
                    write_out_now(table)
                } else {
                    Ok(())
                }
            })?;
            write_out_now(table)?;
        }
    }

    /// Hands `limit` records of `key` behind `after` to `then`. The cursor stays before the block of the last one when more
    /// of it may be wanted.
    fn each(
        &mut self,
        key: &Key,
        after: Seq,
        cursor: &mut Cursor,
        limit: u64,
        mut then: impl FnMut(&Record<'_>) -> Result<(), TableError>,
    ) -> Result<u64, TableError> {
        let mut count = 0;
        let mut next = *cursor;
        while let Some(block) = self.reader.next(&mut next, self.at, BLOCK_BYTES)? {
            if block.day == key.1 {
                let mut offset = 0;
                for line in block.lines.split_inclusive(|&b| b == b'\n') {
                    let record = parse(line, block.start, offset)?;
                    offset += line.len();
                    if record.source == key.0.as_str() && record.seq > after {
                        then(&record)?;
                        count += 1;
                        if count == limit {
                            return Ok(count);
                        }
                    }
                }
            }
            *cursor = next;
        }
        Ok(count)
    }

    /// Makes a table anew from the journal, beside what is there, and puts it in its place.
    fn remake(&mut self, key: &Key, why: Remake, clock: Instant) {
        match self.try_remake(key, why) {
            Ok(table) => {
                let tracked = Tracked {
                    table: Some(table),
                    behind: None,
                    due: clock,
                    widen_after: clock,
                    anew: None,
                };
                self.tables.insert(key.clone(), tracked);
                self.list(key);
            }
            Err(error) => {
                tracing::error!(source = %key.0, day = %key.1, %error, "a table cannot be made anew; it is tried again");
                let again = Tracked {
                    anew: Some(why),
                    ..Tracked::failed(Cursor::default(), clock + RETRY)
                };
                self.tables.insert(key.clone(), again);
            }
        }
    }

    fn try_remake(&mut self, key: &Key, why: Remake) -> Result<Table, TableError> {
        let (source, day) = key;
        let old = self
            .tables
            .remove(key)
            .and_then(|t| t.table)
            .map(|t| t.start().to_vec());
        let start = match old {
            Some(start) => start,
            None => match Checkpoint::load(&self.disk, &self.layout, source, *day)? {
                Some(state) => state.start,
                None => self.carried(source, *day)?,
            },
        };
        let options = self.options_of(source);
        let layout = self.layout.clone();
        let mut table = Table::create(
            self.disk.clone(),
            layout,
            source.clone(),
            *day,
            options,
            &start,
            true,
        )?;
        let first = self
            .shared
            .first_of(*day)
            .map(|segment| Cursor { segment, offset: 0 });
        if let Some(first) = first {
            self.fill(&mut table, key, first)?;
        }
        table.pass(self.seq, (self.at.segment, self.at.offset));
        let now = Timestamp::now()
            .utc()
            .with_timezone(&self.options.zone)
            .format("%H%M%S")
            .to_string();
        let edited = (why == Remake::Changed).then_some(now.as_str());
        let aside = table.replace_old(edited)?;
        match (why, aside.as_slice()) {
            (Remake::Rules, _) => {
                tracing::info!(%source, %day, rows = table.rows(), "made a table anew under other rules")
            }
            (Remake::Unsynced, _) => {
                tracing::info!(%source, %day, rows = table.rows(), "made a table anew after a failed sync")
            }
            (Remake::Changed, []) => {
                tracing::info!(%source, %day, rows = table.rows(), "made a table anew")
            }
            (Remake::Changed, aside) => tracing::warn!(
                %source, %day, rows = table.rows(), kept = ?aside,
                "somebody changed a table's file; their version is kept, and the table made anew"
            ),
        }
        Ok(table)
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
                tracing::warn!(%error, "how far the tables are could not be remembered; a start will read more")
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

impl Tracked {
    fn failed(from: Cursor, due: Instant) -> Self {
        Self {
            table: None,
            behind: Some(from),
            due,
            widen_after: due,
            anew: None,
        }
    }

    fn is_current(&self) -> bool {
        self.table.is_some() && self.behind.is_none()
    }

    fn has_waiting(&self) -> bool {
        self.table.as_ref().is_some_and(Table::has_waiting)
    }

    /// Takes a record of a block that starts at `start`, unless the table reads by itself.
    fn push(&mut self, record: &Record<'_>, start: Cursor, clock: Instant) {
        let (Some(table), None) = (&mut self.table, self.behind) else {
            return;
        };
        if table.is_full() && table.needs_widening() {
            // Too much waits for the next widening: it goes on by itself then.
            self.behind = Some(start);
            self.due = self.widen_after.max(clock);
            return;
        }
        table.push(record.seq, record.received_at, record.id, record.payload);
    }
}

fn parse(line: &[u8], start: Cursor, offset: usize) -> io::Result<Record<'_>> {
    record::parse(line.strip_suffix(b"\n").unwrap_or(line)).map_err(|error| {
        let at = start.offset + offset as u64;
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("segment {}, byte {at}: {error}", start.segment),
        )
    })
}

fn cursor_of((segment, offset): (u64, u64)) -> Cursor {
    Cursor { segment, offset }
}

/// Appends what fits and widens as often as it takes.
fn write_out_now(table: &mut Table) -> Result<(), TableError> {
    table.append()?;
    while table.needs_widening() {
        table.widen()?;
        table.append()?;
    }
    Ok(())
}

/// Appends what fits; widens at once when `force`, else when the last widening is long enough ago.
fn write_out(
    table: &mut Table,
    widen_after: &mut Instant,
    clock: Instant,
    force: bool,
) -> Result<(), TableError> {
    table.append()?;
    while table.needs_widening() {
        if !force && *widen_after > clock {
            return Ok(());
        }
        let started = Instant::now();
        table.widen()?;
        *widen_after = Instant::now() + started.elapsed() * WIDEN_PAUSE;
        table.append()?;
    }
    Ok(())
}
