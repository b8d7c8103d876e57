//! One of a table's files, as it is compared.

use super::text::Text;
use crate::event::Seq;
use crate::flatten::{BOM, Columns};
use crate::table::rows::fields;

/// How far the comparison of a file came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It goes on.
    Reading,
    /// The file has ended, on a whole row or within one.
    Ended,
    /// It is not compared any further; why was told.
    Skipped,
    /// There is no file.
    Absent,
}

/// A file and what was found of it.
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Its name below the output directory.
    pub name: String,
    /// What it holds.
    pub text: Option<Text>,
    pub stand: Stand,
    /// Its header line, and how many columns that has.
    pub header: Vec<u8>,
    pub width: usize,
    /// Columns whose names were found to be right.
    pub checked: usize,
    /// Rows that the journal gives for it.
    pub rows: u64,
    /// Rows of the file that are behind us.
    pub passed: u64,
    /// The columns that there were at the last row that was found.
    pub needed: usize,
    /// From here on zeros may stand for what a power cut took.
    pub zeros_from: Option<u64>,
    pub zeros: bool,
    /// Rows that the file does not have at its end, those of the last batch among them, and the first one's event.
    pub unwritten: u64,
    pub unwritten_from: Option<Seq>,
    batch: (Seq, u64),
    /// Rows that are not what they should be.
    pub differences: u64,
    /// Whether some of them look like events.
    pub strangers: bool,
}

impl Part {
    /// Nothing is known of it yet.
    pub fn new(number: u32, name: String) -> Self {
        Self {
            number,
            name,
            text: None,
            stand: Stand::Absent,
            header: Vec::new(),
            width: 0,
            checked: 0,
            rows: 0,
            passed: 0,
            needed: 0,
            zeros_from: None,
            zeros: false,
            unwritten: 0,
            unwritten_from: None,
            batch: (Seq(0), 0),
            differences: 0,
            strangers: false,
        }
    }

    /// Takes the header that was read.
    pub fn take_header(&mut self, header: Vec<u8>) {
        self.width = fields(header.strip_prefix(BOM).unwrap_or(&header)).count();
        self.header = header;
    }

    /// A row that the file does not have.
    pub fn is_unwritten(&mut self, seq: Seq, batch: Seq) {
        if self.batch.0 != batch {
            self.batch = (batch, 0);
        }
        self.batch.1 += 1;
        self.unwritten += 1;
        self.unwritten_from.get_or_insert(seq);
    }

    /// What the batch gave was never acknowledged.
    pub fn forget_batch(&mut self, batch: Seq) {
        if self.batch.0 == batch {
            self.unwritten -= self.batch.1;
        }
    }

    /// Whether the header names the first of `columns` that it has place for; else which name is another, from 0.
    pub fn check_names(&mut self, columns: &Columns) -> Result<(), usize> {
        let known = self.width.min(columns.len());
        if known <= self.checked {
            return Ok(());
        }
        let mut expected = Vec::new();
        columns.write_header(known, &mut expected);
        expected.pop();
        let behind = self.header.get(expected.len());
        if self.header.starts_with(&expected) && matches!(behind, Some(b',' | b'\n')) {
            self.checked = known;
            return Ok(());
        }
        let other = fields(&expected)
            .zip(fields(&self.header))
            .position(|(a, b)| a != b);
        Err(other.unwrap_or(known))
    }
}
