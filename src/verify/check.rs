//! One table against what the journal gives: every record of its source and day
//! is flattened again under the recorded rules, and must be the next row.

use super::finding::{Finding, Findings, Kind, shown};
use super::opened::{Opened, OpenedFile, Place};
use super::part::{Part, Stand};
use super::rows::{Cells, cells};
use super::text::Text;
use crate::event::Seq;
use crate::flatten::{Columns, Flat, Rules};
use crate::journal::record::Record;
use std::io;

/// After so many differences a file is not compared any further.
const DIFFERENCES_MAX: u64 = 10_000;

/// A table that is being compared.
pub struct Check {
    pub(super) opened: Opened,
    pub(super) columns: Columns,
    pub(super) part: Part,
    pub(super) findings: Findings,
    /// Rows of its files, and their bytes.
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Whether somebody goes on with it: the server, or the next start.
    pub(super) goes_on: bool,
    /// Up to here every event is known to be in its files. One that is behind this reopens a closed day.
    written: Seq,
    pub(super) first_seq: Option<Seq>,
    part_rows: u64,
    pub(super) id_column: usize,
    flat: Flat,
    pub(super) row: Vec<u8>,
}

impl Check {
    /// Begins with the table's first file. Columns start as they are recorded to have started.
    pub fn new(place: &Place, opened: Opened) -> Self {
        let mut findings = Findings::default();
        let recorded = opened.state.as_ref().map(|state| state.rules.as_str());
        let now = place.rules_now(&opened.key.0, recorded);
        let rules = recorded.map_or(Some(now.clone()), Rules::parse);
        let carried = opened.state.as_ref().map(|state| state.start.clone());
        let carried = carried.unwrap_or_else(|| {
            let (source, day) = &opened.key;
            place.carried(source, *day).unwrap_or_default()
        });
        let columns = Columns::start(rules.clone().unwrap_or_else(|| now.clone()), &carried);
        let id_column = columns.all().iter().position(|c| c.name == "event_id");
        let goes_on = opened
            .state
            .as_ref()
            .map_or(opened.broken, |state| !state.closed);
        let state = opened.state.as_ref();
        let written = state.map_or(Seq(u64::MAX), |state| {
            state.seq.max(place.saved.unwrap_or_default())
        });
        let mut check = Self {
            written,
            part: Part::new(1, String::new()),
            columns,
            rows: 0,
            bytes: 0,
            goes_on,
            first_seq: None,
            part_rows: place.options.part_rows,
            id_column: id_column.unwrap_or(0),
            flat: Flat::default(),
            row: Vec::new(),
            findings: std::mem::take(&mut findings),
            opened,
        };
        check.tell_rules(place, rules.as_ref(), &now);
        if rules.is_some() {
            check.begin_part(place, 1);
        } else {
            check.part.stand = Stand::Skipped;
            check.compare_digests(place);
        }
        check
    }

    fn tell_rules(&mut self, place: &Place, rules: Option<&Rules>, now: &Rules) {
        let Some(state) = &self.opened.state else {
            return;
        };
        let (recorded, now) = (state.rules.clone(), now.fingerprint());
        if recorded == now {
            return;
        }
        let what = match rules {
            Some(_) => format!(
                "made under other rules than those of the configuration, and compared under its own: `{recorded}`, not `{now}`"
            ),
            None => format!(
                "made by another release (`{}`), and compared by its digest alone",
                shown(recorded.as_bytes())
            ),
        };
        let (source, day) = &self.opened.key;
        let next = if state.closed {
            rebuild(source, *day) + "; without that it stays as it is"
        } else {
            "the next start makes it anew under those of the configuration".to_owned()
        };
        let name = place.name(&place.layout.csv(source, *day, 1));
        self.findings.add(Finding {
            source: Some(source.clone()),
            date: Some(*day),
            next: Some(next),
            ..Finding::new(Kind::OtherRules, &name, what)
        });
    }

    /// Opens the file that the next row belongs into.
    fn begin_part(&mut self, place: &Place, number: u32) {
        let (source, day) = &self.opened.key;
        let name = place.name(&place.layout.csv(source, *day, number));
        let mut part = Part::new(number, name);
        part.needed = self.columns.len();
        let text = match self.opened.files.get(&number) {
            None => None,
            Some(OpenedFile {
                opened: Ok((file, stat)),
                ..
            }) => Some(Text::new(file.clone(), stat.bytes)),
            Some(OpenedFile {
                opened: Err(error), ..
            }) => {
                let error = error.to_string();
                self.part = part;
                return self.skip_unreadable(&error);
            }
        };
        self.part = part;
        let Some(mut text) = text else { return };
        self.bytes += text.end;
        let header = text.header();
        self.part.text = Some(text);
        self.part.stand = Stand::Reading;
        match header {
            Ok(Some(header)) => {
                self.part.take_header(header);
                let last = self
                    .opened
                    .state
                    .as_ref()
                    .is_some_and(|s| s.parts.len() == number as usize);
                if last && self.goes_on {
                    let versions = self.opened.versions(number);
                    let known = versions.iter().find(|v| v.columns == self.part.width);
                    self.part.zeros_from = known.map(|v| v.bytes);
                }
                self.check_header();
            }
            Ok(None) => {
                let finding = self.at("the file has no whole header line");
                self.differs(finding);
                self.part.stand = Stand::Skipped;
            }
            Err(error) => self.skip_unreadable(&error.to_string()),
        }
    }

    /// What cannot be read may be anything.
    pub(super) fn skip_unreadable(&mut self, error: &str) {
        let mut finding = self.at(&format!("cannot be read: {error}"));
        finding.kind = Kind::Damage;
        finding.next =
            Some("see to the disk and the file's permissions, then verify again".to_owned());
        self.differs(finding);
        self.part.stand = Stand::Skipped;
    }

    /// Whether a row that is not there may still come: that of the event `seq`, and those behind it.
    pub(super) fn is_to_come(&self, seq: Seq) -> bool {
        self.goes_on || seq > self.written
    }

    /// A finding about where we are in the file.
    pub(super) fn at(&self, what: &str) -> Finding {
        let (source, day) = &self.opened.key;
        let number = self.part.number;
        let kind = if self.opened.is_as_left(number) {
            Kind::Damage
        } else {
            Kind::Edit
        };
        let by_itself = kind == Kind::Edit && self.goes_on;
        let next = if by_itself {
            "rowhook makes it anew by itself, within two seconds while it runs and else at its next start; this version is kept".to_owned()
        } else {
            rebuild(source, *day)
        };
        Finding {
            offset: self.part.text.as_ref().map(|text| text.at),
            source: Some(source.clone()),
            date: Some(*day),
            next: Some(next),
            ..Finding::new(kind, &self.part.name, what)
        }
    }

    /// A file whose place another was about to take need not be what the journal gives.
    pub(super) fn differs(&mut self, finding: Finding) {
        self.part.differences += 1;
        if self.opened.is_replaced(self.part.number) {
            if self.part.stand != Stand::Skipped {
                let mut note = self.at("the table was being made anew when rowhook ended");
                note.kind = Kind::NotYetWritten;
                note.next = Some("the next start finishes that".to_owned());
                self.findings.add(note);
            }
            self.part.stand = Stand::Skipped;
            return;
        }
        self.findings.add(finding);
        if self.part.differences == DIFFERENCES_MAX {
            let mut note = self.at("so many differences that the rest of the file is not compared");
            note.kind = Kind::Note;
            self.findings.add(note);
            self.part.stand = Stand::Skipped;
        }
    }

    pub(super) fn check_header(&mut self) {
        let Err(nth) = self.part.check_names(&self.columns) else {
            return;
        };
        let all = self.columns.all();
        let mut finding = self.at("the header is another one; the rows below it are not compared");
        finding.offset = Some(0);
        finding.column = all.get(nth).map(|column| shown(column.name.as_bytes()));
        let mut header = Vec::new();
        self.columns
            .write_header(self.part.width.min(all.len()), &mut header);
        let Cells {
            expected, found, ..
        } = cells(&header, &self.part.header);
        (finding.expected, finding.found) = (Some(expected), Some(found));
        self.differs(finding);
        self.part.stand = Stand::Skipped;
    }

    /// Compares the row of `record`, if the rules make one of it.
    pub fn feed(&mut self, place: &Place, record: &Record<'_>) {
        self.first_seq.get_or_insert(record.seq);
        if !self.columns.rules().take(record.payload) {
            return;
        }
        if self.part.rows >= self.part_rows {
            self.end_part(None);
            self.begin_part(place, self.part.number + 1);
        }
        self.columns.place(record.payload, &mut self.flat);
        if self.part.rows == 0 {
            self.part.needed = self.columns.len();
        }
        self.part.rows += 1;
        match self.part.stand {
            Stand::Skipped => {}
            Stand::Ended | Stand::Absent => self.part.is_unwritten(record.seq, record.batch),
            Stand::Reading => {
                if let Err(error) = self.compare(record) {
                    self.skip_unreadable(&error.to_string());
                }
            }
        }
    }

    fn compare(&mut self, record: &Record<'_>) -> io::Result<()> {
        let Some(text) = &mut self.part.text else {
            return Ok(());
        };
        if text.is_at_end() {
            self.part.stand = Stand::Ended;
            self.part.is_unwritten(record.seq, record.batch);
            return Ok(());
        }
        self.row.clear();
        let (columns, flat, row) = (&mut self.columns, &self.flat, &mut self.row);
        columns.write_row(record.received_at, record.id, record.payload, flat, row);
        if columns.len() > self.part.checked {
            if columns.len() > self.part.width {
                self.too_narrow(record);
                return Ok(());
            }
            self.check_header();
            if self.part.stand != Stand::Reading {
                return Ok(());
            }
        }
        let (wide, has) = (self.part.width, self.columns.len());
        self.row.pop();
        self.row.resize(self.row.len() + wide - has, b',');
        self.row.push(b'\n');
        let Some(text) = &mut self.part.text else {
            return Ok(());
        };
        let there = text.ahead(self.row.len())?;
        if there == self.row {
            self.passed(self.row.len());
            return Ok(());
        }
        let count = there.len();
        let same = self.row.starts_with(there);
        let zeros = there.iter().zip(&self.row).all(|(a, b)| a == b || *a == 0);
        let may_be_zeros = self.part.zeros_from.is_some_and(|from| from <= text.at) && zeros;
        if (count < self.row.len() && same) || may_be_zeros {
            text.pass(count);
            if text.is_at_end() {
                self.part.stand = Stand::Ended;
            }
            self.part.zeros |= !same;
            self.part.is_unwritten(record.seq, record.batch);
            return Ok(());
        }
        self.explain(record)
    }

    /// The row at hand, `bytes` of the file, is behind us.
    pub(super) fn passed(&mut self, bytes: usize) {
        if let Some(text) = &mut self.part.text {
            text.pass(bytes);
        }
        self.part.passed += 1;
        self.part.needed = self.columns.len();
        self.rows += 1;
    }
}

/// The command that makes a table anew.
pub fn rebuild(source: &crate::event::SourceName, day: crate::event::Day) -> String {
    format!("`rowhook rebuild --source {source} --date {day}` makes it anew; this version is kept")
}
