//! What there is to export, as it is on disk.

use super::ExportFailure;
use crate::disk::{Open, Sealed, SharedDisk, get_sealed, read_range};
use crate::event::{Day, Seq, SourceName, View};
use crate::flatten::{Columns, Flat, Rules};
use crate::follow::{Catalog, FollowOptions};
use crate::journal::chain::{Chain, NoJournal, is_begun};
use crate::journal::record;
use crate::journal::segment::Segment;
use crate::journal::{Cursor, Shared};
use crate::layout::{Layout, csv_of_name};
use crate::read::export::{Tables, as_recorded};
use crate::read::rows::records::Records;
use crate::read::{Answer, Ask, Changes, DayName, Days, ExportError, Span};
use crate::table::{Checkpoint, Snapshot};
use chrono_tz::Tz;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// An output directory, read.
pub struct Found<'a> {
    disk: &'a SharedDisk,
    layout: &'a Layout,
    options: &'a FollowOptions,
    journal: Arc<Shared>,
    catalog: Catalog,
    /// Days whose checkpoint is there and cannot be read.
    unreadable: BTreeSet<(SourceName, Day)>,
}

/// What the follower remembers, as far as it matters here.
#[derive(Clone, Copy, Default, Deserialize)]
struct Followed {
    /// Every record up to this one was read.
    seq: Seq,
    /// Where the next one is.
    at: Cursor,
}

impl<'a> Found<'a> {
    /// Reads which segments and tables there are.
    ///
    /// # Errors
    /// When the directory cannot be read, or the chain of segments is broken.
    pub fn open(
        disk: &'a SharedDisk,
        layout: &'a Layout,
        options: &'a FollowOptions,
    ) -> Result<Self, ExportFailure> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| ExportFailure::Io { path, error }
        };
        let failed = |(path, error)| ExportFailure::Io { path, error };
        if !is_begun(disk, layout).map_err(failed)? {
            return Err(NoJournal(layout.root().to_owned()).into());
        }
        let dir = layout.journal_dir();
        let chain = Chain::read(disk, &dir).map_err(failed)?;
        if let Some(fault) = chain.faults.into_iter().next() {
            return Err(ExportFailure::Damaged {
                path: fault.path,
                what: fault.what,
            });
        }
        let mut segments = chain.segments;
        let mut last = Seq(0);
        if let Some(segment) = segments.last_mut() {
            let path = segment.path.clone();
            last = settle(disk, segment).map_err(io(&path))?;
        }
        let (catalog, open) = Catalog::load(disk, layout).map_err(io(&layout.tables_dir()))?;
        let open = open.into_iter();
        let unreadable = open.filter(|(source, day)| catalog.get(source, *day).is_none());
        Ok(Self {
            disk,
            layout,
            options,
            journal: Arc::new(Shared::found(segments, last)),
            unreadable: unreadable.collect(),
            catalog,
        })
    }

    fn rules(&self, source: &SourceName) -> Rules {
        let configured = self.options.sources.get(source);
        configured.unwrap_or(&self.options.others).clone()
    }

    /// The answer to `ask`, of a source with these `views`, when today is `today`.
    ///
    /// # Errors
    /// When there is no such export, or the disk fails.
    pub fn answer(
        &self,
        ask: &Ask,
        views: Option<&BTreeMap<String, View>>,
        today: Day,
        zone: Tz,
    ) -> Result<Answer, ExportFailure> {
        let source = &ask.source;
        let to_make = self.days_to_make(source).map_err(ExportError::Io)?;
        let open = self.made_days(source, &to_make);
        let open = open.map_err(ExportError::Io)?;
        let mut forgotten = self.forgotten(source).map_err(ExportError::Io)?;
        forgotten.retain(|day| !to_make.contains(day));
        let with_rows = open
            .iter()
            .filter(|table| table.rows > 0)
            .map(|table| table.day);
        let newest = |before: Option<Day>| {
            let closed = self.catalog.newest_with_rows(source.as_str(), before);
            // Whether a forgotten one has rows nobody knows: it counts, and the answer that needs it says so.
            let others = with_rows.clone().chain(forgotten.iter().copied());
            let others = others.filter(|day| before.is_none_or(|b| *day < b));
            others.chain(closed).max()
        };
        let ever = Day::new(chrono::NaiveDate::MIN)..=Day::new(chrono::NaiveDate::MAX);
        let mut all: BTreeSet<Day> = self
            .catalog
            .days(source.as_str(), ever)
            .into_iter()
            .collect();
        all.extend(open.iter().map(|table| table.day));
        all.extend(&forgotten);
        if all.is_empty() && !self.options.sources.contains_key(source) {
            return Err(self.no_source(source));
        }
        let latest = newest(None);
        let (from, to) = ask.days(today, latest).map_err(ExportError::Ask)?;
        let days = Days {
            from,
            to,
            tables: match (ask.span, latest) {
                (Span::Day(DayName::Latest), None) => Vec::new(),
                _ => all.range(from..=to).copied().collect(),
            },
            earlier: newest(Some(from)),
            all: all.into_iter().collect(),
        };
        let mut rules = self.rules(source);
        if !self.options.sources.contains_key(source) {
            let newest = days.all.last().copied();
            rules = as_recorded(self.disk, self.layout, source, newest, &rules)
                .map_err(ExportError::Io)?;
        }
        let tables = Tables {
            disk: self.disk,
            layout: self.layout,
            source,
            open,
            rules,
            zone,
            journal: &self.journal,
            changes: &Changes::default(),
            views,
        };
        Ok(tables.answer(ask, &days)?)
    }

    /// Days that had a table of which nothing tells any more what it holds: their checkpoint cannot be read, or is gone while
    /// the file and the events are there.
    fn forgotten(&self, source: &SourceName) -> io::Result<BTreeSet<Day>> {
        let journal = self.journal.days();
        let names = self.disk.list(&self.layout.csv_dir(source))?;
        let files = names.iter().filter_map(|name| csv_of_name(name));
        let mut days: BTreeSet<Day> = files.map(|(day, _)| day).collect();
        days.retain(|day| journal.contains(day) && self.catalog.get(source, *day).is_none());
        let unreadable = self.unreadable.iter().filter(|known| known.0 == *source);
        days.extend(unreadable.map(|known| known.1));
        Ok(days)
    }

    fn no_source(&self, source: &SourceName) -> ExportFailure {
        let names = self.options.sources.keys().map(SourceName::as_str);
        let hint = match crate::event::nearest(source.as_str(), names.clone()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
        };
        ExportFailure::NoSource {
            source_name: source.clone(),
            output: self.layout.root().to_owned(),
            hint,
        }
    }

    /// The days of `source` whose tables may not be as far as the journal: those that are not closed, those that the follower
    /// has not come to, and those that are over and to which something was imported since.
    fn days_to_make(&self, source: &SourceName) -> io::Result<BTreeSet<Day>> {
        let followed = match get_sealed::<Followed>(&**self.disk, &self.layout.follow_checkpoint())?
        {
            Sealed::Whole(followed) => followed,
            Sealed::Broken(_) | Sealed::Missing => Followed::default(),
        };
        let (mut days, mut ends) = (BTreeSet::new(), BTreeMap::new());
        let mut number = followed.at.segment;
        while let Some(segment) = self
            .journal
            .at_or_after(number)
            .and_then(|n| self.journal.segment(n))
        {
            number = segment.number + 1;
            days.insert(segment.day);
            let next = self.journal.segment(number);
            let end = next.map_or(self.journal.last_seq(), |next| {
                Seq(next.first_seq.0.saturating_sub(1))
            });
            ends.insert(segment.day, end);
        }
        let ever = Day::new(chrono::NaiveDate::MIN)..=Day::new(chrono::NaiveDate::MAX);
        days.extend(self.catalog.days(source.as_str(), ever));
        let mut to_make = BTreeSet::new();
        for day in days {
            let end = ends.get(&day).filter(|end| **end > followed.seq);
            let is_behind = match (self.catalog.is_closed(source, day), end) {
                (false, _) => true,
                (true, None) => false,
                (true, Some(end)) => self.lacks(source, day, followed.seq, *end)?,
            };
            if is_behind {
                to_make.insert(day);
            }
        }
        Ok(to_make)
    }

    /// Whether the journal has events between `followed` and `end` that the table of a day that is over has not.
    fn lacks(&self, source: &SourceName, day: Day, followed: Seq, end: Seq) -> io::Result<bool> {
        let Some(state) = Checkpoint::load(self.disk, self.layout, source, day)? else {
            // Whoever needs it is told so.
            return Ok(false);
        };
        let known = followed.max(state.seq);
        if end <= known {
            return Ok(false);
        }
        let records = self.records(source, day);
        let mut reader = records.read();
        while let Some(record) = reader.step()? {
            if record.seq <= known {
                continue;
            }
            if !records.are_whole() {
                return Err(io::Error::other(format!(
                    "the journal of {day} was put away, and the table lacks rows that were imported since; start rowhook, \
                     which adds them"
                )));
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The events of a day, as far as the journal goes.
    fn records(&self, source: &SourceName, day: Day) -> Records {
        Records {
            disk: self.disk.clone(),
            journal: self.journal.clone(),
            source: source.clone(),
            day,
            last: self.journal.last_seq(),
            tests: true,
        }
    }

    /// The tables of those days, with the columns that they will have.
    fn made_days(&self, source: &SourceName, days: &BTreeSet<Day>) -> io::Result<Vec<Snapshot>> {
        let mut open: Vec<Snapshot> = Vec::new();
        for &day in days {
            let before = open.iter().rev().find(|table| table.rows > 0);
            let mut table = self.made(source, day, before)?;
            // Most days have the same columns: those are held once.
            if let Some(before) = before.filter(|before| before.columns == table.columns) {
                table.columns = before.columns.clone();
            }
            let empty = table.rows == 0 && self.catalog.get(source, day).is_none();
            if !empty {
                open.push(table);
            }
        }
        Ok(open)
    }

    /// The table that the journal gives for `day`: what the follower would make, or has made already.
    fn made(
        &self,
        source: &SourceName,
        day: Day,
        before: Option<&Snapshot>,
    ) -> io::Result<Snapshot> {
        let state = Checkpoint::load(self.disk, self.layout, source, day)?;
        let recorded = state.as_ref().and_then(|state| Rules::parse(&state.rules));
        let rules = recorded.unwrap_or_else(|| self.rules(source));
        let carried = match (state, before) {
            (Some(state), _) => state.start,
            (None, Some(before)) => before.columns.to_vec(),
            (None, None) => match self.catalog.newest_with_rows(source.as_str(), Some(day)) {
                None => Vec::new(),
                Some(earlier) => Checkpoint::load(self.disk, self.layout, source, earlier)?
                    .map_or_else(Vec::new, |state| state.columns),
            },
        };
        let mut columns = Columns::start(rules.clone(), &carried);
        let mut records = self.records(source, day);
        records.tests = rules.take_tests();
        let (mut flat, mut row, mut rows) = (Flat::default(), Vec::new(), 0);
        let mut reader = records.read();
        while let Some(record) = reader.step()? {
            columns.place(record.payload, &mut flat);
            row.clear();
            // Only a row that is written tells which columns have a value, and are carried on.
            columns.write_row(
                record.received_at,
                record.id,
                record.payload,
                &flat,
                &mut row,
            );
            rows += 1;
        }
        Ok(Snapshot {
            day,
            rules: rules.fingerprint(),
            bom: rules.bom,
            seq: records.last,
            columns: columns.all().to_vec().into(),
            rows,
            parts: Vec::new(),
            received: None,
        })
    }
}

/// Makes `segment`, the newest, end behind its last whole batch. Gives the last event in it.
fn settle(disk: &SharedDisk, segment: &mut Segment) -> io::Result<Seq> {
    /// What is looked at first; a batch may be longer.
    const TAIL_BYTES: u64 = 1 << 20;
    let file = disk.open(&segment.path, Open::Read)?;
    let bytes = segment.bytes;
    let (mut tail, mut text) = (TAIL_BYTES, Vec::new());
    loop {
        let start = bytes.saturating_sub(tail);
        read_range(&*file, start..bytes, &mut text)?;
        let mut end = text.len();
        while let Some(newline) = memchr::memrchr(b'\n', &text[..end]) {
            let line_start = memchr::memrchr(b'\n', &text[..newline]).map(|at| at + 1);
            let whole = line_start.or((start == 0).then_some(0));
            let line = whole.map(|line_start| &text[line_start..newline]);
            if let Some(Ok(record)) = line.map(record::parse)
                && record.left == 0
            {
                segment.bytes = start + newline as u64 + 1;
                return Ok(record.seq);
            }
            end = line_start.unwrap_or(0);
        }
        if start == 0 {
            // No batch at all: nothing but the first line.
            let first = memchr::memchr(b'\n', &text).map_or(0, |at| at as u64 + 1);
            segment.bytes = first.min(bytes);
            return Ok(Seq(segment.first_seq.0.saturating_sub(1)));
        }
        tail *= 8;
    }
}
