//! One table, from its first row to its last.

use super::checkpoint::{Checkpoint, PartState, Received};
use super::files::Part;
use super::hours::{Hours, Tests};
use super::leaving::Leaving;
use crate::disk::{SharedDisk, beside, parent};
use crate::event::{Day, Seq, SourceName, Timestamp, is_test};
use crate::flatten::{Column, Columns, Flat, Rules};
use crate::layout::Layout;
use std::io;
use std::path::PathBuf;

/// Rows in a file: a spreadsheet shows 1,048,576 lines, one of them the header.
pub const PART_ROWS: u64 = 1_048_575;
/// Bytes of rows that wait for wider files before the table asks for a pause.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// What decides the bytes of a table besides its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// How payloads become cells.
    pub rules: Rules,
    /// Rows in a file, [`PART_ROWS`] outside tests.
    pub part_rows: u64,
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file is not what we left: somebody else changed, replaced or removed it.
    #[error("the file was changed by somebody else")]
    Changed,
    /// The file could not be synced: what was written since the last sync may never reach the disk, whatever reading it
    /// shows.
    #[error("the file could not be synced: {0}")]
    Unsynced(io::Error),
    /// Made anew it would have less rows: segments of the journal were put away.
    #[error("the journal has only {has} of its {had} events; put back the segments of that day")]
    Missing {
        /// Rows that it has.
        had: u64,
        /// Events that the journal has.
        has: u64,
    },
    /// A crash left zeros among the rows.
    #[error("a crash left zeros in the file")]
    Torn,
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A table that is written to.
pub struct Table {
    pub(super) disk: SharedDisk,
    pub(super) layout: Layout,
    pub(super) source: SourceName,
    pub(super) day: Day,
    options: TableOptions,
    start: Vec<Column>,
    pub(super) columns: Columns,
    flat: Flat,
    /// Parts that are full.
    pub(super) full: Vec<PartState>,
    pub(super) part: Part,
    /// Whether the files have names of their own beside the real ones: the table is being made anew.
    pub(super) beside: bool,
    /// Rows that are not in the file yet.
    waiting: Vec<u8>,
    waiting_rows: Vec<WaitingRow>,
    /// The last record that was pushed, and the last whose row is in the file.
    pushed: Seq,
    written: Seq,
    // Of the rows that are in its files:
    pub(super) received: Option<Received>,
    pub(super) hours: Hours,
    pub(super) tests: Tests,
    /// When the last row was received, as it is written and as a value.
    moment: (Vec<u8>, Timestamp),
    /// Where whoever feeds the table should go on reading for what is not in its files.
    hint: (u64, u64),
    /// Bytes written since the last checkpoint; nothing when there is nothing to remember.
    pub(super) dirty: Option<u64>,
    /// Its files of before.
    pub(super) leaving: Leaving,
}

/// A row that is not in the file yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingRow {
    /// Where it ends among the waiting bytes.
    pub end: usize,
    /// How many columns it has.
    pub columns: usize,
    /// Its record.
    pub seq: Seq,
    /// When it came.
    pub moment: Timestamp,
    /// Whether it is a test.
    pub is_test: bool,
}

impl Table {
    /// Makes the table of a day: an empty file with a header. With `beside` under hidden names, until [`Table::replace_old`].
    ///
    /// # Errors
    /// Whatever the disk answers; `AlreadyExists` when a file has the name and `beside` is off.
    pub fn create(
        disk: SharedDisk,
        layout: Layout,
        source: SourceName,
        day: Day,
        options: TableOptions,
        carried: &[Column],
        beside: bool,
    ) -> Result<Self, TableError> {
        let columns = Columns::start(options.rules.clone(), carried);
        let start = carried.iter().filter(|c| c.valued).cloned().collect();
        disk.create_dir(&layout.csv_dir(&source))?;
        disk.create_dir(parent(&layout.table_checkpoint(&source, day)))?;
        let path = part_path(&layout, &source, day, 1, true);
        let mut header = Vec::new();
        columns.write_header(columns.len(), &mut header);
        let part = Part::create(&disk, path, &header, columns.len())?;
        let new = Self::with(disk, layout, source, day, options, columns, part);
        let mut table = Self {
            start,
            beside,
            dirty: Some(0),
            ..new
        };
        table.take_name()?;
        Ok(table)
    }

    /// Gives a new file its name, remembered before: a file that nobody remembers is a stranger's.
    fn take_name(&mut self) -> Result<(), TableError> {
        if self.beside {
            return Ok(());
        }
        let number = u32::try_from(self.full.len() + 1).unwrap_or(u32::MAX);
        let path = part_path(&self.layout, &self.source, self.day, number, false);
        if self.disk.stat(&path)?.is_some() {
            let _ = self.disk.remove(&self.part.path);
            return Err(TableError::Changed);
        }
        self.part.sync()?;
        self.state(None).save(&self.disk, &self.layout)?;
        self.disk.rename(&self.part.path, &path)?;
        self.disk.sync_dir(parent(&path))?;
        self.part.path = path;
        self.dirty = None;
        Ok(())
    }

    /// Goes on with the table that `checkpoint` tells of. Rows behind the checkpoint that the file has already are compared as
    /// they are pushed again.
    ///
    /// # Errors
    /// [`TableError::Changed`] when the file is not the one of the checkpoint.
    pub fn resume(
        disk: SharedDisk,
        layout: Layout,
        options: TableOptions,
        checkpoint: Checkpoint,
    ) -> Result<Self, TableError> {
        let Checkpoint {
            source,
            day,
            seq,
            hint,
            received,
            hours,
            tests,
            parts,
            wider,
            start,
            columns,
            ..
        } = checkpoint;
        let columns = Columns::restore(options.rules.clone(), columns);
        let Some((last, full)) = parts.split_last() else {
            return Err(TableError::Changed);
        };
        let number = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let path = layout.csv(&source, day, number);
        let mut found = None;
        // A crash in the middle of widening leaves one or the other: the header tells which.
        for version in [Some(*last), wider].into_iter().flatten() {
            let mut header = Vec::new();
            columns.write_header(version.columns, &mut header);
            found = Part::reopen(&disk, path.clone(), version, &header)?;
            if found.is_some() {
                break;
            }
        }
        let part = found.ok_or(TableError::Changed)?;
        let _ = disk.remove(&beside(&path, "wider"));
        let dirty = wider.is_some().then_some(0);
        Ok(Self {
            start,
            full: full.to_vec(),
            pushed: seq,
            written: seq,
            received,
            hours,
            tests,
            moment: (Vec::new(), Timestamp::default()),
            leaving: Leaving::default(),
            hint,
            dirty,
            ..Self::with(disk, layout, source, day, options, columns, part)
        })
    }

    /// A table with one file and no row.
    fn with(
        disk: SharedDisk,
        layout: Layout,
        source: SourceName,
        day: Day,
        options: TableOptions,
        columns: Columns,
        part: Part,
    ) -> Self {
        Self {
            disk,
            layout,
            source,
            day,
            options,
            start: Vec::new(),
            columns,
            flat: Flat::default(),
            full: Vec::new(),
            part,
            beside: false,
            waiting: Vec::new(),
            waiting_rows: Vec::new(),
            pushed: Seq(0),
            written: Seq(0),
            received: None,
            hours: Hours::default(),
            tests: Tests::default(),
            moment: (Vec::new(), Timestamp::default()),
            leaving: Leaving::default(),
            hint: (0, 0),
            dirty: None,
        }
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// The rules that make it.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.options.rules
    }

    /// The day.
    #[must_use]
    pub fn day(&self) -> Day {
        self.day
    }

    /// Its columns, also those that are not in the file yet.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        self.columns.all()
    }

    /// The last record that was pushed.
    #[must_use]
    pub fn pushed(&self) -> Seq {
        self.pushed
    }

    /// Rows in all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.full.iter().map(|p| p.rows).sum::<u64>() + self.part.rows
    }

    /// How many of them are tests.
    #[must_use]
    pub fn tests(&self) -> u64 {
        self.tests.rows
    }

    /// Whether rows wait for [`Table::append`] or [`Table::widen`].
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.waiting_rows.is_empty()
    }

    /// Whether so much waits that no more should be pushed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_BYTES_MAX
    }

    /// Rows that still fit into the file that the next row goes into.
    #[must_use]
    pub fn room(&self) -> u64 {
        // More may wait than fit: then the next row goes into a later file.
        let before = self.part.rows + self.waiting_rows.len() as u64;
        self.options.part_rows - before % self.options.part_rows
    }

    /// Takes the columns of a payload that will be pushed later, so that one widening serves many rows. Only for rows that
    /// fit into the file at hand ([`Table::room`]): the width of a full file is that of its last row.
    pub fn learn(&mut self, payload: &[u8]) {
        self.columns.place(payload, &mut self.flat);
    }

    /// Makes the row of a record. Records come in the order of their seq; one that is there already is passed over.
    pub fn push(&mut self, seq: Seq, received_at: &[u8], id: &[u8], payload: &[u8]) {
        if seq <= self.pushed {
            return;
        }
        self.pushed = seq;
        if !self.options.rules.take(payload) {
            return;
        }
        self.columns.place(payload, &mut self.flat);
        self.columns
            .write_row(received_at, id, payload, &self.flat, &mut self.waiting);
        // The events of a batch have one moment: to read it for each was a twentieth of the time of a row.
        if self.moment.0 != received_at {
            self.moment.0.clear();
            self.moment.0.extend_from_slice(received_at);
            self.moment.1 = Timestamp::parse(received_at).unwrap_or_default();
        }
        let moment = self.moment.1;
        self.waiting_rows.push(WaitingRow {
            end: self.waiting.len(),
            columns: self.columns.len(),
            seq,
            moment,
            is_test: is_test(payload),
        });
    }

    /// Takes note that there is no record of this table up to `seq` beyond those pushed, and that what comes is found from
    /// `hint` on. Rows that wait keep the older hint.
    pub fn pass(&mut self, seq: Seq, hint: (u64, u64)) {
        if self.waiting_rows.is_empty() {
            self.pushed = self.pushed.max(seq);
            self.written = self.pushed;
            self.hint = hint;
        }
    }

    /// Where to go on reading for what is not in its files.
    #[must_use]
    pub fn hint(&self) -> (u64, u64) {
        self.hint
    }

    /// Appends the rows that wait, as far as the file is wide enough for them. Full parts are left behind on the way.
    ///
    /// # Errors
    /// [`TableError::Changed`], or what the disk answers.
    pub fn append(&mut self) -> Result<(), TableError> {
        while !self.waiting_rows.is_empty() {
            if self.part.rows >= self.options.part_rows {
                self.next_part()?;
            }
            let rows = self
                .fitting()
                .iter()
                .take_while(|row| row.columns <= self.part.columns)
                .count();
            if rows == 0 {
                return Ok(());
            }
            self.append_rows(rows)?;
        }
        Ok(())
    }

    /// The waiting rows that go into the file at hand.
    pub(super) fn fitting(&self) -> &[WaitingRow] {
        let room = self.options.part_rows.saturating_sub(self.part.rows);
        let count = usize::try_from(room)
            .unwrap_or(usize::MAX)
            .min(self.waiting_rows.len());
        &self.waiting_rows[..count]
    }

    fn append_rows(&mut self, rows: usize) -> Result<(), TableError> {
        let WaitingRow { end, seq, .. } = self.waiting_rows[rows - 1];
        let wide = self.part.columns;
        let padded;
        let text = if self.waiting_rows[..rows]
            .iter()
            .all(|row| row.columns == wide)
        {
            &self.waiting[..end]
        } else {
            padded = self.padded(rows, wide);
            &padded
        };
        self.part.append(&self.disk, text, rows as u64)?;
        let written = text.len() as u64;
        self.dirty = Some(self.dirty.unwrap_or(0) + written);
        self.waiting.drain(..end);
        for row in self.waiting_rows.drain(..rows) {
            self.hours.add(row.moment);
            self.tests.add(row.is_test, row.moment, self.received);
            self.received = Some(Received::with(self.received, row.moment));
        }
        for row in &mut self.waiting_rows {
            row.end -= end;
        }
        self.written = seq;
        if self.waiting_rows.is_empty() {
            self.written = self.pushed;
            self.waiting.shrink_to(1 << 20);
            self.waiting_rows.shrink_to(1 << 14);
        }
        Ok(())
    }

    fn padded(&self, rows: usize, wide: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.waiting_rows[rows - 1].end + rows);
        let mut start = 0;
        for &WaitingRow { end, columns, .. } in &self.waiting_rows[..rows] {
            out.extend_from_slice(&self.waiting[start..end - 1]);
            out.resize(out.len() + wide - columns, b',');
            out.push(b'\n');
            start = end;
        }
        out
    }

    /// The file is full: the next one starts with all columns that its first row has.
    fn next_part(&mut self) -> Result<(), TableError> {
        self.part.settle()?;
        self.part.sync()?;
        let number = u32::try_from(self.full.len() + 2).unwrap_or(u32::MAX);
        let path = part_path(&self.layout, &self.source, self.day, number, true);
        let width = self
            .waiting_rows
            .first()
            .map_or(self.part.columns, |row| row.columns);
        let mut header = Vec::new();
        self.columns.write_header(width, &mut header);
        let next = Part::create(&self.disk, path, &header, width)?;
        self.full.push(self.part.state());
        self.part = next;
        self.dirty = Some(self.dirty.unwrap_or(0));
        self.take_name()
    }

    /// Whether rows that the file holds already are yet to be pushed again and compared.
    #[must_use]
    pub fn is_comparing(&self) -> bool {
        self.part.is_comparing()
    }

    /// All rows there are have been pushed and appended: the file must now end with them.
    ///
    /// # Errors
    /// [`TableError::Changed`] when it goes on.
    pub fn settle(&mut self) -> Result<(), TableError> {
        self.part.settle()
    }

    /// Whether all files are still what we left.
    ///
    /// # Errors
    /// [`TableError::Changed`] when one is not, or what the disk answers.
    pub fn check(&self) -> Result<(), TableError> {
        for (number, part) in (1..).zip(&self.full) {
            if self
                .disk
                .stat(&self.layout.csv(&self.source, self.day, number))?
                != Some(part.stat)
            {
                return Err(TableError::Changed);
            }
        }
        self.part.check(&self.disk)
    }

    /// Bytes written since the last checkpoint; nothing when it knows all.
    #[must_use]
    pub fn dirty(&self) -> Option<u64> {
        self.dirty
    }

    /// Makes what was written durable, so that a later sync has less to do.
    ///
    /// # Errors
    /// [`TableError::Unsynced`].
    pub fn sync(&self) -> Result<(), TableError> {
        self.part.sync()
    }

    /// Makes the files durable, and remembers them.
    ///
    /// # Errors
    /// Whatever the disk answers; the last checkpoint stays.
    pub fn checkpoint(&mut self, closed: bool) -> Result<(), TableError> {
        self.part.sync()?;
        self.disk.sync_dir(parent(&self.part.path))?;
        let mut state = self.state(None);
        state.closed = closed;
        state.save(&self.disk, &self.layout)?;
        self.dirty = None;
        Ok(())
    }

    /// What it is now. Rows that wait are not in it.
    #[must_use]
    pub fn state(&self, wider: Option<PartState>) -> Checkpoint {
        let mut parts = self.full.clone();
        parts.push(self.part.state());
        // Columns of rows that wait are found again with those rows.
        let width = wider.map_or(self.part.columns, |wider| wider.columns);
        Checkpoint {
            source: self.source.clone(),
            day: self.day,
            rules: self.options.rules.fingerprint(),
            seq: self.written,
            hint: self.hint,
            received: self.received,
            hours: self.hours.clone(),
            tests: self.tests,
            closed: false,
            parts,
            wider,
            old: Vec::new(),
            start: self.start.clone(),
            columns: self.columns.all()[..width].to_vec(),
        }
    }
}

pub(super) fn part_path(
    layout: &Layout,
    source: &SourceName,
    day: Day,
    number: u32,
    hidden: bool,
) -> PathBuf {
    let path = layout.csv(source, day, number);
    if hidden { beside(&path, "new") } else { path }
}
