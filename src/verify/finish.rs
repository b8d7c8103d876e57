//! The end of a file and of a table: what is missing, what is too much, and
//! which of it is only not written yet.

use super::check::{Check, rebuild};
use super::finding::{Finding, Findings, Kind, counted, shown};
use super::opened::Place;
use super::part::Stand;
use crate::event::Seq;
use crate::table::is_what_it_was;
use std::io;

/// What is known of a day when all its segments were read.
#[derive(Debug, Clone, Default)]
pub struct DayEnd {
    /// The batch that was never finished.
    pub unfinished: Option<Seq>,
}

/// What came of a table.
pub struct Outcome {
    pub findings: Findings,
    pub rows: u64,
    pub bytes: u64,
    /// Whether a server that runs may have made a difference: then it is looked at again.
    pub may_be_under_way: bool,
    /// Up to where the checkpoint says that it has every event.
    pub known: Option<Seq>,
}

impl Check {
    /// The journal gives nothing sure any more: what is behind this is not compared.
    pub fn give_up(&mut self, why: &str) {
        if matches!(self.part.stand, Stand::Reading | Stand::Ended) {
            let mut note = self.at(&format!("not compared from here on: {why}"));
            note.kind = Kind::Note;
            note.row = Some(self.part.passed + 1);
            note.next = Some("put the journal right, then verify again".to_owned());
            self.findings.add(note);
        }
        self.part.stand = Stand::Skipped;
    }

    /// Without the journal only the digests tell whether the files are what they were.
    pub fn compare_digests(&mut self, place: &Place) {
        let Some(state) = self.opened.state.clone().filter(|state| state.closed) else {
            return;
        };
        let (source, day) = self.opened.key.clone();
        for (number, part) in (1..).zip(&state.parts) {
            self.part.name = place.name(&place.layout.csv(&source, day, number));
            self.part.number = number;
            let same = match self.opened.files.get(&number).map(|file| &file.opened) {
                Some(Ok((file, _))) => is_what_it_was(&**file, part),
                Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
                None => Ok(false),
            };
            match same {
                Ok(true) => self.rows += part.rows,
                Ok(false) => {
                    let mut finding =
                        self.at("the file is not what it was when its day was closed");
                    finding.offset = None;
                    self.findings.add(finding);
                }
                Err(error) => self.skip_unreadable(&error.to_string()),
            }
        }
    }

    /// All that the journal has for the file at hand was compared; the next row belongs into another, or there is none.
    pub(super) fn end_part(&mut self, end: Option<&DayEnd>) {
        if let Some(batch) = end.and_then(|end| end.unfinished) {
            self.part.forget_batch(batch);
        }
        if self.part.stand == Stand::Reading
            && let Err(error) = self.tell_rest()
        {
            self.skip_unreadable(&error.to_string());
        }
        match self.part.stand {
            Stand::Reading | Stand::Ended => {
                // What comes behind the last row may have brought the columns that the header has already.
                self.check_header();
                self.tell_unwritten();
                self.check_width();
            }
            Stand::Absent => self.tell_absent(),
            Stand::Skipped => {}
        }
    }

    /// What the file holds behind its last row.
    fn tell_rest(&mut self) -> io::Result<()> {
        let Some(text) = &mut self.part.text else {
            return Ok(());
        };
        if text.is_at_end() {
            return Ok(());
        }
        if self.part.zeros_from.is_some_and(|from| from <= text.at) {
            let look = text.ahead(1 << 16)?;
            if look.iter().all(|&byte| byte == 0) {
                self.part.zeros = true;
                let bytes = look.len();
                text.pass(bytes);
                return self.tell_rest_of_zeros();
            }
        }
        while let Some(text) = &mut self.part.text
            && !text.is_at_end()
            && self.part.stand == Stand::Reading
        {
            let bytes = text.row_bytes(0)?;
            self.tell_added(bytes)?;
        }
        Ok(())
    }

    fn tell_rest_of_zeros(&mut self) -> io::Result<()> {
        while let Some(text) = &mut self.part.text
            && !text.is_at_end()
        {
            let look = text.ahead(1 << 16)?;
            let bytes = look.len();
            if look.iter().any(|&byte| byte != 0) {
                return self.tell_added(bytes);
            }
            text.pass(bytes);
        }
        let mut note = self.at("zeros at the end, as a power cut leaves them");
        note.kind = Kind::NotYetWritten;
        note.next = Some("the next start takes them away".to_owned());
        self.findings.add(note);
        Ok(())
    }

    /// Whether another file of the table follows this one.
    fn is_last(&self) -> bool {
        let later = self.part.number + 1..;
        self.opened.files.range(later).next().is_none()
    }

    fn tell_unwritten(&mut self) {
        let (rows, Some(from)) = (self.part.unwritten, self.part.unwritten_from) else {
            return;
        };
        if rows == 0 {
            return;
        }
        let cut = self.opened.is_cut(self.part.number, self.part.width);
        let later = self.is_to_come(from) && self.is_last() && !cut;
        let mut finding = if later {
            let what = if self.part.zeros {
                format!(
                    "not whole from here on, as a power cut leaves it: {}",
                    counted_rows(rows)
                )
            } else {
                format!("not in the table yet from here on: {}", counted_rows(rows))
            };
            let mut note = self.at(&what);
            note.kind = Kind::NotYetWritten;
            note.next = Some("the server goes on with it, or the next start does".to_owned());
            note
        } else if cut {
            self.at(&format!(
                "the file was cut; missing from here on: {}",
                counted_rows(rows)
            ))
        } else {
            self.at(&format!(
                "the file ends here; missing: {}",
                counted_rows(rows)
            ))
        };
        finding.seq = Some(from);
        finding.row = Some(self.part.passed + 1);
        if later {
            self.findings.add(finding);
        } else {
            self.differs(finding);
        }
    }

    /// A file that has all its rows is as wide as its last row needs; one that is behind is no wider than what is to come.
    fn check_width(&mut self) {
        let most = if self.part.unwritten == 0 {
            self.part.needed
        } else {
            self.columns.len()
        };
        // Events that the journal does not have may have brought the columns that it does not give.
        if self.part.width <= most || self.part.stand == Stand::Skipped || self.part.strangers {
            return;
        }
        let header = self.part.header.clone();
        let name = crate::table::rows::fields(&header).nth(most).map(shown);
        let count = self.part.width - most;
        let mut finding = self.at(&format!(
            "the header has {}, this one first, that no event of the journal gives",
            counted(count as u64, "column", "columns")
        ));
        finding.offset = Some(0);
        finding.column = name;
        self.differs(finding);
    }

    /// There is no file where the journal has rows for one.
    fn tell_absent(&mut self) {
        let known = self.opened.versions(self.part.number);
        let started = known.iter().any(|part| part.rows > 0)
            || (self.opened.is_closed() && !known.is_empty());
        let rows = self.part.unwritten;
        let from = self.part.unwritten_from;
        let overdue = rows > 0 && !from.is_some_and(|seq| self.is_to_come(seq));
        if self.part.number == 1 && !self.is_last() || started || overdue {
            let rows = known
                .iter()
                .map(|part| part.rows)
                .max()
                .unwrap_or(0)
                .max(rows);
            let mut finding = self.at(&format!(
                "the file with its {} is missing",
                counted_rows(rows)
            ));
            finding.kind = Kind::Edit;
            finding.seq = from;
            self.differs(finding);
        } else if rows > 0 {
            let mut note = self.at(&format!(
                "the file is not there yet; {rows} rows belong into it"
            ));
            note.kind = Kind::NotYetWritten;
            note.seq = from;
            note.next = Some("the server makes it, or the next start does".to_owned());
            self.findings.add(note);
        }
    }

    /// All segments of the day were read.
    pub fn finish(mut self, place: &Place, end: &DayEnd) -> Outcome {
        if self.opened.state.is_none() && !self.opened.broken {
            self.judge_unremembered(place);
        }
        let was_skipped = self.part.stand == Stand::Skipped;
        self.end_part(Some(end));
        if !was_skipped && self.part.stand != Stand::Skipped {
            self.tell_extra_files(place);
        }
        let may_be_under_way = !self.opened.is_closed() || self.has_moved(place);
        Outcome {
            may_be_under_way: may_be_under_way && self.findings.differences() > 0,
            known: self.opened.state.as_ref().map(|state| state.seq),
            findings: self.findings,
            rows: self.rows,
            bytes: self.bytes,
        }
    }

    /// Whether a file under one of the table's names is not the one that was opened: a server made the table anew meanwhile.
    fn has_moved(&self, place: &Place) -> bool {
        let (source, day) = &self.opened.key;
        self.opened.files.iter().any(|(number, file)| {
            let path = place.layout.csv(source, *day, *number);
            let now = place.disk.stat(&path).ok().flatten();
            file.opened
                .as_ref()
                .is_ok_and(|(_, then)| now != Some(*then))
        })
    }

    /// A table without a checkpoint is one that the follower is yet to make, unless it has been behind its events already.
    fn judge_unremembered(&mut self, place: &Place) {
        let passed = |seq: Seq| place.saved.is_some_and(|saved| seq <= saved);
        self.goes_on = !self.first_seq.is_some_and(passed);
        if self.goes_on && self.opened.files.is_empty() {
            return;
        }
        let (source, day) = self.opened.key.clone();
        let name = place.name(&place.layout.table_checkpoint(&source, day));
        let no_file = self.opened.files.is_empty();
        let (kind, what, next) = if self.goes_on {
            let what = "no checkpoint: nobody remembers the table's file, which is compared under the rules of the configuration";
            let next =
                "rowhook makes the table anew at its next start; a file that differs is kept"
                    .to_owned();
            (Kind::Note, what, next)
        } else {
            let what = if no_file {
                "no checkpoint and no file, though all tables were written up to these events once"
            } else {
                "no checkpoint, though all tables were written up to these events once: rowhook does not know of this table"
            };
            (Kind::Edit, what, rebuild(&source, day))
        };
        self.findings.add(Finding {
            seq: self.first_seq,
            source: Some(source),
            date: Some(day),
            next: Some(next),
            ..Finding::new(kind, &name, what)
        });
        if no_file {
            self.part.stand = Stand::Skipped;
        }
    }

    fn tell_extra_files(&mut self, place: &Place) {
        let (source, day) = self.opened.key.clone();
        let last = self.part.number;
        for number in self
            .opened
            .files
            .range(last + 1..)
            .map(|file| *file.0)
            .collect::<Vec<_>>()
        {
            let name = place.name(&place.layout.csv(&source, day, number));
            self.findings.add(Finding {
                source: Some(source.clone()),
                date: Some(day),
                next: Some("take it out of the folder if it is yours".to_owned()),
                ..Finding::new(
                    Kind::Edit,
                    &name,
                    "no event of the journal gives a row of this file",
                )
            });
        }
    }
}

fn counted_rows(rows: u64) -> String {
    counted(rows, "row", "rows")
}
