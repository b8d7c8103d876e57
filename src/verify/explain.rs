//! A row that is not the next one: told as what it is, and the comparison goes
//! on where the file goes on.

use super::check::Check;
use super::finding::shown;
use super::part::Stand;
use super::rows::{Cells, Instead, cells, instead};
use crate::event::Id;
use crate::journal::record::Record;
use crate::table::rows::fields;
use std::io;

impl Check {
    /// There are rows where the header lacks a column that this row needs.
    pub(super) fn too_narrow(&mut self, record: &Record<'_>) {
        let name = &self.columns.all()[self.part.width].name;
        let name = shown(name.as_bytes());
        let mut finding = self.at("the header lacks a column that this row needs; this row and those behind it are not compared");
        finding.seq = Some(record.seq);
        finding.row = Some(self.part.passed + 1);
        finding.column = Some(name);
        self.differs(finding);
        self.part.stand = Stand::Skipped;
    }

    /// The file has something else where the row should be: tells what, and finds where it goes on.
    pub(super) fn explain(&mut self, record: &Record<'_>) -> io::Result<()> {
        loop {
            let Some(text) = &mut self.part.text else {
                return Ok(());
            };
            let there = instead(text, &self.row, record.id, self.id_column)?;
            match there {
                Instead::Added(rows) => {
                    for bytes in rows {
                        self.tell_added(bytes)?;
                        if self.part.stand != Stand::Reading {
                            return Ok(());
                        }
                    }
                    let Some(text) = &mut self.part.text else {
                        return Ok(());
                    };
                    if text.ahead(self.row.len())? == self.row {
                        self.passed(self.row.len());
                        return Ok(());
                    }
                }
                Instead::Changed(bytes) => {
                    let found = text.ahead(bytes)?;
                    let Cells {
                        count,
                        column,
                        expected,
                        found,
                    } = cells(&self.row, found);
                    let what = if count == 1 {
                        "a cell differs".to_owned()
                    } else {
                        format!("{count} cells differ, first this one")
                    };
                    let name = self
                        .columns
                        .all()
                        .get(column)
                        .map(|c| shown(c.name.as_bytes()));
                    let mut finding = self.at(&what);
                    finding.seq = Some(record.seq);
                    finding.row = Some(self.part.passed + 1);
                    finding.column = name;
                    (finding.expected, finding.found) = (Some(expected), Some(found));
                    self.differs(finding);
                    self.passed(bytes);
                    return Ok(());
                }
                Instead::Missing => {
                    let mut finding = self.at("a row is missing here");
                    finding.seq = Some(record.seq);
                    finding.row = Some(self.part.passed + 1);
                    let row = self.row.strip_suffix(b"\n").unwrap_or(&self.row);
                    finding.expected = Some(shown(row));
                    self.differs(finding);
                    return Ok(());
                }
            }
        }
    }

    /// A row that no event gives.
    pub(super) fn tell_added(&mut self, bytes: usize) -> io::Result<()> {
        let Some(text) = &mut self.part.text else {
            return Ok(());
        };
        let row = text.ahead(bytes)?;
        let found = shown(row.strip_suffix(b"\n").unwrap_or(row));
        let is_event = fields(row)
            .nth(self.id_column)
            .is_some_and(|id| Id::from_hex(id).is_some());
        let mut finding = self.at("a row that no event of the journal gives");
        if is_event {
            // Then making the table anew would take away what may be all that is left of it.
            self.part.strangers = true;
            let next = finding.next.unwrap_or_default();
            finding.next = Some(format!(
                "if the journal is damaged, put that right first: this may be an event that it lost; else {next}"
            ));
        }
        finding.row = Some(self.part.passed + 1);
        finding.found = Some(found);
        self.differs(finding);
        self.rows += 1;
        self.part.passed += 1;
        if let Some(text) = &mut self.part.text {
            text.pass(bytes);
        }
        Ok(())
    }
}
