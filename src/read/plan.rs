//! From what is asked for to an answer: the files as they are where that is
//! all, and otherwise rows made again and written in another form.

use super::ask::{Ask, AskError, DayName, Format, Profile, Span};
use super::export::{Export, ExportError, Tables};
use super::pieces::Pieces;
use super::rows::chosen::Chosen;
use super::rows::csv::{CsvDay, CsvFile};
use super::rows::joined::{Joining, Part};
use super::rows::journal::{DayColumns, JournalDay, Shelf, headings_of};
use super::rows::records::Records;
use super::rows::{Heading, Table};
use super::write::Chunks;
use super::write::csv::{Csv, Style};
use super::write::gzip::Gzip;
use super::write::jsonl::{Events, Objects};
use super::write::xlsx::{About, Xlsx};
use crate::event::{Day, Seq, Timestamp, View, nearest};
use crate::flatten::{Columns, Rules};
use crate::table::{Checkpoint, Snapshot};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// An answer.
pub enum Answer {
    /// Bytes of files, their number known.
    File(Export),
    /// Bytes that are made as they are sent.
    Stream(Stream),
}

/// Bytes that are made as they are sent.
pub struct Stream {
    /// The bytes.
    pub chunks: Box<dyn Chunks>,
    /// A weak tag, with its quotes.
    pub etag: String,
    /// The name for the file that it is saved as.
    pub file_name: String,
}

/// The days that are asked for.
#[derive(Debug, Clone)]
pub struct Days {
    /// The first.
    pub from: Day,
    /// The last.
    pub to: Day,
    /// Those between that have a table, oldest first.
    pub tables: Vec<Day>,
    /// The newest day with rows before the first.
    pub earlier: Option<Day>,
    /// All days of the source, oldest first.
    pub all: Vec<Day>,
}

/// A day's columns and rows.
type Typed = (Vec<Heading>, Box<dyn Part>);

/// So many days are looked through for a column that those asked for do not have.
const LOOKED_THROUGH_MAX: usize = 400;

impl Tables<'_> {
    /// The answer to `ask`.
    ///
    /// # Errors
    /// When there is no such table, column or view, or the disk fails.
    pub fn answer(&self, ask: &Ask, days: &Days) -> Result<Answer, ExportError> {
        let unwritten =
            |table: &Snapshot| table.parts.is_empty() && days.tables.contains(&table.day);
        let written = !self.open.iter().any(unwritten);
        if written && ask.is_plain() && matches!(ask.format, Format::Csv | Format::CsvGz) {
            let mut export = self.plain(ask, days)?;
            // The file of today is another one tomorrow, and changes after midnight.
            export.is_dated &= ask.span.is_fixed() || ask.span == Span::Day(DayName::Today);
            return Ok(match ask.format {
                Format::Csv => Answer::File(export),
                _ => Answer::Stream(self.gzipped(export)),
            });
        }
        self.has_any(ask, days)?;
        let mut tag = self.tag(ask, days);
        let chunks = self.chunks(ask, days, &mut tag)?;
        let stream = Stream {
            etag: format!("W/\"{}\"", &tag.finalize().to_hex()[..32]),
            file_name: self.file_name(ask, days),
            chunks,
        };
        Ok(Answer::Stream(stream))
    }

    fn plain(&self, ask: &Ask, days: &Days) -> Result<Export, ExportError> {
        let name = |ask: &Ask| self.file_name(ask, days);
        self.has_any(ask, days)?;
        match ask.span {
            Span::Part(day, number) => self.part(day, number),
            Span::Day(DayName::Day(day)) => self.day(day),
            Span::Day(_) if days.tables.is_empty() => {
                self.empty(&name(ask), days.from, days.earlier)
            }
            Span::Day(_) => self.day(days.from),
            Span::Range(..) => self.range(&days.tables, days.from, days.to, days.earlier),
        }
    }

    fn gzipped(&self, export: Export) -> Stream {
        let Export {
            pieces,
            bytes,
            etag,
            file_name,
            ..
        } = export;
        Stream {
            chunks: Box::new(Gzip::new(Pieces::new(self.disk.clone(), pieces, 0..bytes))),
            etag: format!("W/{etag}"),
            file_name: if Format::of_name(file_name.as_ref()) == Some(Format::CsvGz) {
                file_name
            } else {
                format!("{file_name}.gz")
            },
        }
    }

    /// The name of the file: of a feed, that of the days that it means today.
    fn file_name(&self, ask: &Ask, days: &Days) -> String {
        let view = ask
            .view
            .as_ref()
            .map_or_else(String::new, |view| format!("-{view}"));
        let ending = ask.format.ending();
        let source = self.source;
        match ask.span {
            Span::Range(..) => format!("{source}-{}-{}{view}.{ending}", days.from, days.to),
            Span::Day(DayName::Latest) if days.tables.is_empty() => {
                format!("{source}-latest{view}.{ending}")
            }
            _ => format!("{source}-{}{view}.{ending}", days.from),
        }
    }

    /// A day that is written out must have a table.
    fn has_any(&self, ask: &Ask, days: &Days) -> Result<(), ExportError> {
        let (day, part) = match ask.span {
            Span::Day(DayName::Day(day)) => (day, String::new()),
            Span::Part(day, number) => (day, format!(", part {number}")),
            Span::Day(_) | Span::Range(..) => return Ok(()),
        };
        if !days.tables.is_empty() {
            return Ok(());
        }
        Err(ExportError::NoTable {
            source_name: self.source.clone(),
            day,
            part,
        })
    }

    /// What tells one answer from another, before its tables.
    fn tag(&self, ask: &Ask, days: &Days) -> blake3::Hasher {
        let mut tag = blake3::Hasher::new();
        let mut text = |text: &str| {
            tag.update(text.as_bytes());
            tag.update(b"\n");
        };
        text(&ask.url());
        text(&format!("{} {} {:?}", days.from, days.to, self.zone));
        text(env!("CARGO_PKG_VERSION"));
        text(&self.rules.fingerprint());
        let view = ask.view.as_ref();
        let view = view.and_then(|name| self.views?.get(name));
        text(&format!("{view:?} {:?}", days.earlier));
        tag
    }

    /// Adds a table to the tag.
    fn tell(&self, tag: &mut blake3::Hasher, table: &Snapshot) {
        let mut text = |text: &str| {
            tag.update(text.as_bytes());
            tag.update(b"\n");
        };
        text(&table.rules);
        let columns = table.columns.len();
        text(&format!("{} {} {columns}", table.day, table.seq));
        for part in &table.parts {
            let now = self.disk.stat(&part.path).ok().flatten();
            let now = now.filter(|_| part.file.is_none());
            let modified = now.map(|now| now.modified_ns);
            text(&format!("{} {modified:?}", part.state.bytes));
        }
    }

    fn chunks(
        &self,
        ask: &Ask,
        days: &Days,
        tag: &mut blake3::Hasher,
    ) -> Result<Box<dyn Chunks>, ExportError> {
        if ask.format == Format::Jsonl && ask.is_plain() {
            return self.events(days, tag);
        }
        let (table, notes) = self.whole(days, tag)?;
        let table = self.view(ask, table)?;
        let table = self.choose(ask, table, days)?;
        let zone = ask.zone.unwrap_or(self.zone);
        let guard = self.rules.guard;
        let csv = |table| -> Box<dyn Chunks> {
            let style = match ask.profile {
                Profile::Plain => Style::Plain {
                    guard,
                    bom: self.rules.bom,
                },
                Profile::Excel { delimiter, decimal } => Style::Excel {
                    guard,
                    delimiter,
                    decimal,
                    zone,
                },
            };
            Box::new(Csv::new(table, style))
        };
        Ok(match ask.format {
            Format::Csv => csv(table),
            Format::CsvGz => Box::new(Gzip::new(csv(table))),
            Format::Jsonl => Box::new(Objects::new(table)),
            Format::Xlsx => Box::new(Xlsx::new(table, self.about(ask, days, notes, zone))?),
        })
    }

    /// What a workbook says of itself.
    fn about(&self, ask: &Ask, days: &Days, notes: Vec<String>, zone: Tz) -> About {
        let chosen = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
        let columns = (!ask.columns.is_empty()).then(|| ask.columns.join(", "));
        About {
            title: format!("Rows of {}", self.source),
            source: self.source.to_string(),
            days: if days.from == days.to {
                days.from.to_string()
            } else {
                format!("{} to {}", days.from, days.to)
            },
            zone,
            made_at: Timestamp::now(),
            chosen: [chosen("View", ask.view.clone()), chosen("Columns", columns)]
                .into_iter()
                .flatten()
                .collect(),
            notes,
        }
    }

    /// The events of all days as they were sent.
    fn events(
        &self,
        days: &Days,
        tag: &mut blake3::Hasher,
    ) -> Result<Box<dyn Chunks>, ExportError> {
        let mut events = Vec::with_capacity(days.tables.len());
        for table in self.each(&days.tables) {
            let table = table?;
            self.tell(tag, &table);
            let records = self.records(table.day, table.seq, &table.rules);
            if !records.are_whole() && table.rows > 0 {
                return Err(ExportError::PutAway(table.day));
            }
            events.push((records, table.rows));
        }
        Ok(Box::new(Events::new(events)))
    }

    /// The events of the table of `day` as of `last`, which the rules with this fingerprint made.
    pub(super) fn records(&self, day: Day, last: Seq, rules: &str) -> Records {
        Records {
            disk: self.disk.clone(),
            journal: self.journal.clone(),
            source: self.source.clone(),
            day,
            last,
            tests: Rules::parse(rules).is_none_or(|rules| rules.take_tests()),
        }
    }

    /// All days as one table, and what is to be said of them.
    fn whole(
        &self,
        days: &Days,
        tag: &mut blake3::Hasher,
    ) -> Result<(Box<dyn Table>, Vec<String>), ExportError> {
        let (mut notes, mut columns) = (Vec::new(), Shelf::default());
        let mut all = Joining::default();
        for table in self.each(&days.tables) {
            let table = table?;
            self.tell(tag, &table);
            let (headings, part) = self.typed(&table, &mut columns, &mut notes)?;
            all.add(headings, part);
        }
        if all.is_empty() {
            let (headings, part) = self.nothing(days)?;
            all.add(headings, part);
        }
        Ok((Box::new(all.finish()), notes))
    }

    /// The columns that a table would start with, without rows.
    fn nothing(&self, days: &Days) -> Result<Typed, ExportError> {
        let carried = self.carried(days.earlier)?;
        let columns = Columns::start(self.rules.clone(), &carried);
        let records = self.records(days.from, Seq(0), "");
        let headings = headings_of(columns.all(), &self.rules);
        let columns = DayColumns::Held(columns.all().to_vec().into());
        let rows = JournalDay::new(records, self.rules.clone(), columns, 0);
        Ok((headings, Box::new(rows)))
    }

    /// One day: from the journal, which knows what was a number; from its files where they were changed or nothing else is left.
    fn typed(
        &self,
        table: &Snapshot,
        held: &mut Shelf,
        notes: &mut Vec<String>,
    ) -> Result<Typed, ExportError> {
        let records = self.records(table.day, table.seq, &table.rules);
        let journal = records.are_whole() || table.rows == 0;
        let rules = Rules::parse(&table.rules).filter(|_| journal);
        if table.parts.is_empty() && rules.is_none() {
            return Err(ExportError::PutAway(table.day));
        }
        let (mut edited, mut gone) = (false, None);
        for part in &table.parts {
            match self.unchanged(table, part) {
                Ok(found) => edited |= found.is_none(),
                Err(error @ ExportError::Gone { .. }) => gone = Some(error),
                Err(error) => return Err(error),
            }
        }
        // The journal has the rows of a file that is gone, but not what somebody made of another one.
        if let Some(error) = gone.filter(|_| edited || rules.is_none()) {
            return Err(error);
        }
        match rules {
            Some(rules) if !edited => {
                let is_open = self.open.iter().any(|open| open.day == table.day);
                let columns = if is_open {
                    DayColumns::Held(table.columns.clone())
                } else {
                    held.closed(&table.columns, self.layout)
                };
                let headings = headings_of(&table.columns, &rules);
                let rows = JournalDay::new(records, rules, columns, table.rows);
                return Ok((headings, Box::new(rows)));
            }
            _ if edited => notes.push(format!(
                "{}: somebody changed the CSV file of this day; shown as it is now",
                table.day
            )),
            _ => notes.push(format!(
                "{}: made from the CSV file; what looks like a number is shown as one",
                table.day
            )),
        }
        let files = table.parts.iter().map(|part| CsvFile {
            path: part.path.clone(),
            open: part.file.clone().map(|file| (file, part.state.bytes)),
        });
        let guard = Rules::parse(&table.rules).is_none_or(|rules| rules.guard);
        let (rows, headings) = CsvDay::open(self.disk.clone(), files.collect(), guard)?;
        Ok((headings, Box::new(rows)))
    }

    fn view(&self, ask: &Ask, table: Box<dyn Table>) -> Result<Box<dyn Table>, ExportError> {
        let Some(view) = view_of(ask, self.views)? else {
            return Ok(table);
        };
        let table = view.of(table.into(), self.rules.guard);
        // The columns of a matrix are those of its rows: they are found now, and whether that can be done at all.
        table.rows()?;
        Ok(table)
    }

    fn choose(
        &self,
        ask: &Ask,
        table: Box<dyn Table>,
        days: &Days,
    ) -> Result<Box<dyn Table>, ExportError> {
        if ask.columns.is_empty() {
            return Ok(table);
        }
        let is_of = |headings: &[Heading], name: &String| headings.iter().any(|h| h.name == *name);
        let mut missing = ask
            .columns
            .iter()
            .filter(|name| !is_of(table.headings(), name));
        if missing.clone().next().is_some() {
            let (known, forgotten) = self.known_columns(table.headings(), days)?;
            if let Some(name) = missing.find(|name| !known.contains(*name)) {
                if let Some(day) = forgotten {
                    return Err(self.forgotten(day));
                }
                let meant = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
                let headings = table.headings().iter();
                return Err(AskError::NoColumn {
                    name: name.clone(),
                    meant,
                    known: headings.map(|h| h.name.clone()).collect(),
                }
                .into());
            }
        }
        Ok(Box::new(Chosen::new(table, &ask.columns)))
    }

    /// Every column that the source has or had: a feed must not break on a day that lacks one. Also a day, if there is any,
    /// whose columns cannot be told.
    fn known_columns(
        &self,
        headings: &[Heading],
        days: &Days,
    ) -> io::Result<(BTreeSet<String>, Option<Day>)> {
        let mut known: BTreeSet<String> = headings.iter().map(|h| h.name.clone()).collect();
        let mut forgotten = None;
        for &day in days.all.iter().rev().take(LOOKED_THROUGH_MAX) {
            if let Some(open) = self.open.iter().find(|table| table.day == day) {
                known.extend(open.columns.iter().map(|column| column.name.clone()));
                continue;
            }
            match Checkpoint::load(self.disk, self.layout, self.source, day)? {
                Some(state) => known.extend(state.columns.into_iter().map(|c| c.name)),
                None => forgotten = Some(day),
            }
        }
        Ok((known, forgotten))
    }
}

/// The view that is asked for, if one is, among those that a source has; a source that is not configured has none.
///
/// # Errors
/// When it is not there.
pub fn view_of<'a>(
    ask: &Ask,
    views: Option<&'a BTreeMap<String, View>>,
) -> Result<Option<&'a View>, AskError> {
    let Some(name) = &ask.view else {
        return Ok(None);
    };
    let Some(views) = views else {
        return Err(AskError::NoViews {
            name: name.clone(),
            source_name: ask.source.clone(),
        });
    };
    let found = views.get(name).map(Some);
    found.ok_or_else(|| AskError::NoSuchView {
        name: name.clone(),
        meant: nearest(name, views.keys().map(String::as_str)).map(str::to_owned),
        known: views.keys().cloned().collect(),
    })
}
