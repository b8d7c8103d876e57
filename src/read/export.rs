//! An answer planned: which files, how their rows fit under one header, how
//! many bytes that gives and what tag it has. Nothing is read but what a closed
//! file is now.

use super::ask::AskError;
use super::changes::Changes;
use super::edited::Edited;
use super::pieces::{Fit, Piece, same};
use super::rows::Union;
use crate::disk::{Open, SharedDisk, Stat, is_no_file};
use crate::event::{Day, SourceName, Timestamp, View};
use crate::flatten::{BOM, Column, Columns, Rules, cell};
use crate::journal::Shared;
use crate::layout::Layout;
use crate::table::{Checkpoint, Snapshot, SnapshotPart};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why there is nothing to export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such table or part.
    #[error("there is no table of {source_name} for {day}{part}")]
    NoTable {
        /// The source.
        source_name: SourceName,
        /// The day.
        day: Day,
        /// `, part n` where one was asked for.
        part: String,
    },
    /// A file is not there any more.
    #[error("{path} is not there any more{}", again(.source_name, *.day, *.in_journal), path = .path.display())]
    Gone {
        /// Which.
        path: PathBuf,
        /// Whose.
        source_name: SourceName,
        /// Of which day.
        day: Day,
        /// Whether the journal has its rows.
        in_journal: bool,
    },
    /// A table that is not written to is being made anew.
    #[error("the table of {0} is just being made anew; try again")]
    Changing(Day),
    /// Nothing tells any more what a table holds.
    #[error(
        "{path} is missing or cannot be read, and with it what the table of {source_name} for {day} holds; `rowhook rebuild \
         --source {source_name} --date {day}` makes the table anew from the journal",
        path = .path.display()
    )]
    Forgotten {
        /// The source.
        source_name: SourceName,
        /// The day.
        day: Day,
        /// Its checkpoint.
        path: PathBuf,
    },
    /// The journal does not go back to a day.
    #[error(
        "the journal of {0} was put away, and the events as they were sent with it; ask for CSV or XLSX"
    )]
    PutAway(Day),
    /// What is asked for cannot be.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What is to be done about a file that is gone.
fn again(source: &SourceName, day: Day, in_journal: bool) -> String {
    if in_journal {
        format!(
            "; its rows are still in the journal, and `rowhook rebuild --source {source} --date {day}` writes them again"
        )
    } else {
        format!(", and the journal of {day} was put away; bring one of the two back")
    }
}

/// An answer, planned.
pub struct Export {
    /// What it is made of.
    pub pieces: Vec<Piece>,
    /// Its length in bytes.
    pub bytes: u64,
    /// A strong tag, with its quotes.
    pub etag: String,
    /// When the newest of its files changed last, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Whether that alone tells its versions apart: not where other days are meant tomorrow, nor where it is a header by the
    /// configuration.
    pub is_dated: bool,
    /// The name for the file that it is saved as.
    pub file_name: String,
}

/// Where tables are found.
pub struct Tables<'a> {
    /// The disk.
    pub disk: &'a SharedDisk,
    /// The output directory.
    pub layout: &'a Layout,
    /// The source.
    pub source: &'a SourceName,
    /// The tables that are written to, as the follower gave them.
    pub open: Vec<Snapshot>,
    /// The rules of the source, for a header without a table.
    pub rules: Rules,
    /// The zone of days.
    pub zone: Tz,
    /// Where the journal is.
    pub journal: &'a Arc<Shared>,
    /// What is known of files that somebody may have changed.
    pub changes: &'a Changes,
    /// What can be made of the rows; none of a source that is not configured.
    pub views: Option<&'a BTreeMap<String, View>>,
}

/// The rules for a header of a source that is not configured any more, of which `newest` is the newest day: with what its table
/// remembers of the sender, over `others`, the rules of every source.
///
/// # Errors
/// Whatever the disk answers.
pub fn as_recorded(
    disk: &SharedDisk,
    layout: &Layout,
    source: &SourceName,
    newest: Option<Day>,
    others: &Rules,
) -> io::Result<Rules> {
    let state = match newest {
        Some(newest) => Checkpoint::load(disk, layout, source, newest)?,
        None => None,
    };
    Ok(others.as_it_was(state.as_ref().map(|state| state.rules.as_str())))
}

impl Tables<'_> {
    /// The table of a day that is known to have one.
    fn table(&self, day: Day) -> Result<Snapshot, ExportError> {
        if let Some(open) = self.open.iter().find(|s| s.day == day) {
            return Ok(open.clone());
        }
        let state = Checkpoint::load(self.disk, self.layout, self.source, day)?;
        match state {
            Some(state) if state.closed => Ok(Snapshot::of(&state, self.layout)),
            // It was closed when the question came: it is being made anew, or added to.
            Some(_) => Err(ExportError::Changing(day)),
            None => Err(self.forgotten(day)),
        }
    }

    /// The answer where the checkpoint of a table is not to be had: its rows are never left out silently.
    pub(super) fn forgotten(&self, day: Day) -> ExportError {
        ExportError::Forgotten {
            source_name: self.source.clone(),
            day,
            path: self.layout.table_checkpoint(self.source, day),
        }
    }

    /// The columns of the newest earlier day with rows, with which a table would start.
    pub(super) fn carried(&self, earlier: Option<Day>) -> Result<Vec<Column>, ExportError> {
        let Some(earlier) = earlier else {
            return Ok(Vec::new());
        };
        if let Some(open) = self.open.iter().find(|table| table.day == earlier) {
            return Ok(open.columns.to_vec());
        }
        let state = Checkpoint::load(self.disk, self.layout, self.source, earlier)?;
        state
            .map(|state| state.columns)
            .ok_or_else(|| self.forgotten(earlier))
    }

    /// The tables of `days`, one at a time: a year of them with all their columns would fill the memory.
    pub(super) fn each(&self, days: &[Day]) -> impl Iterator<Item = Result<Snapshot, ExportError>> {
        days.iter().map(|day| self.table(*day))
    }

    /// All parts of `day`, which has a table, under one header.
    ///
    /// # Errors
    /// When its files are gone, or nothing tells any more what they hold.
    pub fn day(&self, day: Day) -> Result<Export, ExportError> {
        let table = self.table(day)?;
        let file_name = format!("{}-{day}.csv", self.source);
        if let [part] = table.parts.as_slice()
            && self.unchanged(&table, part)?.is_none()
        {
            let mut plan = Plan::new(&table.rules, file_name);
            plan.whole_file(part, self.now(&table, part)?);
            return Ok(plan.finish());
        }
        self.joined(std::iter::once(Ok(table)), file_name)
    }

    /// One part of `day` as it is on disk.
    ///
    /// # Errors
    /// When there is no such part.
    pub fn part(&self, day: Day, number: u32) -> Result<Export, ExportError> {
        let none = || ExportError::NoTable {
            source_name: self.source.clone(),
            day,
            part: format!(", part {number}"),
        };
        let table = self.table(day)?;
        let part = table.parts.get(number as usize - 1).ok_or_else(none)?;
        let mut plan = Plan::new(
            &table.rules,
            format!("{}-{}", self.source, crate::layout::csv_name(day, number)),
        );
        plan.whole_file(part, self.now(&table, part)?);
        Ok(plan.finish())
    }

    /// The rows of `days`, oldest first, under the union of their columns: the first day's in its order, then what each
    /// later day has besides.
    ///
    /// # Errors
    /// When files are gone, or changed by somebody.
    pub fn range(
        &self,
        days: &[Day],
        from: Day,
        to: Day,
        earlier: Option<Day>,
    ) -> Result<Export, ExportError> {
        let file_name = format!("{}-{from}-{to}.csv", self.source);
        if days.is_empty() {
            return self.empty(&file_name, from, earlier);
        }
        self.joined(self.each(days), file_name)
    }

    /// The rows of all parts of `tables` under the union of their columns. Of a table no more is held than where its columns are.
    fn joined(
        &self,
        tables: impl Iterator<Item = Result<Snapshot, ExportError>>,
        file_name: String,
    ) -> Result<Export, ExportError> {
        let (mut union, mut found, mut bom) = (Union::default(), Vec::new(), false);
        let mut plan = Plan::new("", file_name);
        for table in tables {
            let table = table?;
            plan.tag.update(table.rules.as_bytes());
            bom |= table.bom;
            for part in &table.parts {
                let columns = &table.columns[..part.state.columns];
                let (now, places) = if let Some(modified_ns) = self.unchanged(&table, part)? {
                    let start = header_of(table.bom, names_of(columns)).len() as u64;
                    let places = union.add(names_of(columns));
                    (Now::Ours { start, modified_ns }, places)
                } else {
                    let Edited {
                        names, modified_ns, ..
                    } = Edited::open(self.disk, &part.path)?;
                    let places = union.add(names.iter().map(String::as_str));
                    (Now::Edited { modified_ns }, places)
                };
                found.push((part.clone(), now, Places::of(places)));
            }
        }
        plan.header(bom, union.names.iter().map(String::as_str));
        let width = union.names.len();
        for (part, now, places) in found {
            match now {
                Now::Ours { start, modified_ns } => {
                    plan.rows(part, start, places, width, modified_ns);
                }
                Now::Edited { modified_ns } => {
                    let places = places.all();
                    plan.edited(self.disk, part, places, width, modified_ns)?;
                }
            }
        }
        Ok(plan.finish())
    }

    /// A header alone, for a feed that must not break on a day without rows: the columns that a table would start with, after
    /// those that had a value on `earlier`.
    ///
    /// # Errors
    /// When the columns of `earlier` cannot be told, or the disk fails.
    pub fn empty(
        &self,
        file_name: &str,
        day: Day,
        earlier: Option<Day>,
    ) -> Result<Export, ExportError> {
        let columns = Columns::start(self.rules.clone(), &self.carried(earlier)?);
        let mut plan = Plan::new(&self.rules.fingerprint(), file_name.to_owned());
        plan.header(self.rules.bom, names_of(columns.all()));
        plan.modified_ms = Timestamp::start_of(day, self.zone).millis();
        Ok(Export {
            is_dated: false,
            ..plan.finish()
        })
    }

    /// What the file of a part is; of one that is open, what it is meant to be.
    fn now(&self, table: &Snapshot, part: &SnapshotPart) -> Result<Stat, ExportError> {
        if part.file.is_some() {
            let bytes = part.state.bytes;
            return Ok(Stat {
                bytes,
                ..part.state.stat
            });
        }
        let gone = || ExportError::Gone {
            path: part.path.clone(),
            source_name: self.source.clone(),
            day: table.day,
            in_journal: self.records(table.day, table.seq, &table.rules).are_whole(),
        };
        let now = self.disk.stat(&part.path)?.ok_or_else(gone)?;
        if now != part.state.stat
            && let Err(error) = self.disk.open(&part.path, Open::Read)
        {
            return Err(if is_no_file(&error) {
                gone()
            } else {
                error.into()
            });
        }
        Ok(now)
    }

    /// When the file of a part changed last, if it still is what it was; nothing if somebody changed it. A file that is open
    /// is held by its descriptor and was checked by the follower. One that was only touched, as by a restore from a backup,
    /// is the same.
    pub(super) fn unchanged(
        &self,
        table: &Snapshot,
        part: &SnapshotPart,
    ) -> Result<Option<i64>, ExportError> {
        let now = self.now(table, part)?;
        if part.file.is_some() {
            return Ok(Some(now.modified_ns));
        }
        if now.bytes != part.state.bytes {
            return Ok(None);
        }
        let untouched = now.modified_ns == part.state.stat.modified_ns;
        let same = untouched
            || self
                .changes
                .is_same(self.disk, &part.path, now, &part.state)?;
        Ok(same.then_some(now.modified_ns))
    }
}

/// The header line of `names`.
fn header_of<'a>(bom: bool, names: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut line = if bom { BOM.to_vec() } else { Vec::new() };
    for (nth, name) in names.into_iter().enumerate() {
        if nth > 0 {
            line.push(b',');
        }
        cell::write_text(name.as_bytes(), false, &mut line);
    }
    line.push(b'\n');
    line
}

fn names_of(columns: &[Column]) -> impl Iterator<Item = &str> {
    columns.iter().map(|column| column.name.as_str())
}

/// What a file is when it is asked for.
enum Now {
    /// What we left, last changed then; its rows start here.
    Ours { start: u64, modified_ns: i64 },
    /// Somebody else's, last changed then.
    Edited { modified_ns: i64 },
}

/// Where the columns of a file are in the answer.
enum Places {
    /// So many, the first ones.
    First(usize),
    /// Each somewhere.
    Each(Vec<usize>),
}

impl Places {
    fn of(places: Vec<usize>) -> Self {
        if places.iter().copied().eq(0..places.len()) {
            Self::First(places.len())
        } else {
            Self::Each(places)
        }
    }

    fn all(self) -> Vec<usize> {
        match self {
            Self::First(count) => (0..count).collect(),
            Self::Each(places) => places,
        }
    }
}

/// An export in the making.
struct Plan {
    pieces: Vec<Piece>,
    tag: blake3::Hasher,
    modified_ms: i64,
    file_name: String,
}

impl Plan {
    fn new(rules: &str, file_name: String) -> Self {
        let mut tag = blake3::Hasher::new();
        tag.update(rules.as_bytes());
        tag.update(file_name.as_bytes());
        Self {
            pieces: Vec::new(),
            tag,
            modified_ms: 0,
            file_name,
        }
    }

    fn header<'a>(&mut self, bom: bool, names: impl IntoIterator<Item = &'a str>) {
        let line = header_of(bom, names);
        self.tag.update(&line);
        self.pieces.push(Piece::Bytes(line));
    }

    /// The rows of a part without its header. Cells keep their bytes whatever column they go to, so the length is known.
    fn rows(
        &mut self,
        part: SnapshotPart,
        start: u64,
        places: Places,
        columns: usize,
        modified_ns: i64,
    ) {
        let (own, fit) = match places {
            Places::First(own) if own == columns => (own, Fit::Copy),
            Places::First(own) => (own, Fit::Pad(columns - own)),
            Places::Each(places) => (places.len(), Fit::Place(places, columns)),
        };
        let missing = (columns - own) as u64;
        let bytes = part.state.bytes - start + part.state.rows * missing;
        self.touch(modified_ns);
        if modified_ns != part.state.stat.modified_ns {
            // Touched since, perhaps changed: another version.
            self.tag.update(&modified_ns.to_le_bytes());
        }
        self.tag.update(&part.state.rows.to_le_bytes());
        self.pieces.push(Piece::File {
            path: part.path,
            file: part.file,
            range: start..part.state.bytes,
            fit,
            bytes,
            modified_ns,
        });
    }

    /// The rows of a part that somebody changed. How many bytes they give is found by making them once.
    fn edited(
        &mut self,
        disk: &SharedDisk,
        part: SnapshotPart,
        places: Vec<usize>,
        columns: usize,
        modified_ns: i64,
    ) -> Result<(), ExportError> {
        let edited = Edited::open(disk, &part.path)?;
        same(edited.modified_ns, modified_ns, &part.path)?;
        let bytes = edited.placed(places.clone(), columns).count()?;
        self.touch(modified_ns);
        self.tag.update(&modified_ns.to_le_bytes());
        self.pieces.push(Piece::Edited {
            path: part.path,
            places,
            columns,
            bytes,
            modified_ns,
        });
        Ok(())
    }

    /// A file from its first byte to its last.
    fn whole_file(&mut self, part: &SnapshotPart, now: Stat) {
        let (bytes, modified_ns) = (now.bytes, now.modified_ns);
        if bytes != part.state.bytes || modified_ns != part.state.stat.modified_ns {
            self.tag.update(&modified_ns.to_le_bytes());
        }
        self.touch(modified_ns);
        self.tag.update(&(part.state.columns as u64).to_le_bytes());
        let (path, file) = (part.path.clone(), part.file.clone());
        self.pieces.push(Piece::File {
            path,
            file,
            range: 0..bytes,
            fit: Fit::Copy,
            bytes,
            modified_ns,
        });
    }

    fn touch(&mut self, modified_ns: i64) {
        self.modified_ms = self.modified_ms.max(modified_ns / 1_000_000);
    }

    fn finish(mut self) -> Export {
        let bytes = self.pieces.iter().map(Piece::bytes).sum::<u64>();
        self.tag.update(&bytes.to_le_bytes());
        let etag = format!("\"{}\"", &self.tag.finalize().to_hex()[..32]);
        Export {
            pieces: self.pieces,
            bytes,
            etag,
            modified_ms: self.modified_ms,
            is_dated: true,
            file_name: self.file_name,
        }
    }
}
