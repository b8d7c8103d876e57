//! Segments: the files of the journal. Their first lines chain them in the
//! order in which they were written, and say how long each one before is good.

use crate::disk::{Disk, Open, read_range};
use crate::event::{Day, Seq};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// A place in the journal: a byte of a segment. A hint where to go on reading; what is remembered for good are seqs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The segment's number.
    pub segment: u64,
    /// Offset in it.
    pub offset: u64,
}

impl Cursor {
    /// Where in `segment` it is: 0 in all but its own.
    #[must_use]
    pub fn within(self, segment: u64) -> u64 {
        if self.segment == segment {
            self.offset
        } else {
            0
        }
    }
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its place in the chain, from 1.
    pub number: u64,
    /// The day that its events were received on.
    pub day: Day,
    /// The seq of its first record, should it have one.
    pub first_seq: Seq,
    /// Its file.
    pub path: PathBuf,
    /// How much of it is good. Readers go no further.
    pub bytes: u64,
}

/// The first line of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstLine {
    /// The version of the format: 1.
    pub rowhook: u32,
    /// The segment's number.
    pub segment: u64,
    /// The day of its events.
    pub day: Day,
    /// The seq that its first record has.
    pub first_seq: Seq,
    /// The segment before.
    pub previous: Previous,
}

/// The segment before, as a first line tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its number; 0 before the first.
    pub segment: u64,
    /// How much of it is good.
    pub bytes: u64,
}

/// A first line is a few numbers: far shorter than this.
pub const FIRST_LINE_BYTES_MAX: usize = 400;

impl FirstLine {
    /// Whether its numbers can be those of a journal: the first segment begins with event 1, and each follows the one before.
    fn is_possible(&self) -> bool {
        const MOST: u64 = 1 << 53;
        let Previous { segment, bytes } = self.previous;
        let first = self.segment == 1;
        (1..=MOST).contains(&self.segment)
            && (1..=MOST).contains(&self.first_seq.0)
            && bytes <= MOST
            && segment == self.segment - 1
            && (!first || (self.first_seq.0, bytes) == (1, 0))
    }

    /// The line with its line end.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self {
            rowhook,
            segment,
            day,
            first_seq,
            previous,
        } = self;
        let Previous {
            segment: before,
            bytes,
        } = previous;
        format!(
            "{{\"rowhook\":{rowhook},\"segment\":{segment},\"day\":\"{day}\",\"first_seq\":{first_seq},\
             \"previous\":{{\"segment\":{before},\"bytes\":{bytes}}}}}\n"
        )
        .into_bytes()
    }
}

/// What the start of a segment's file says.
#[derive(Debug)]
pub enum Start {
    /// A whole first line of this length, and the length of the file.
    Whole(FirstLine, u64),
    /// Something else: a segment has its name only once its first line is durable.
    Damaged(String),
}

/// Reads the first line of the segment at `path`.
///
/// # Errors
/// Whatever the disk answers.
pub fn read_start(disk: &dyn Disk, path: &Path) -> io::Result<Start> {
    let file = disk.open(path, Open::Read)?;
    let bytes = file.stat()?.bytes;
    let mut head = Vec::new();
    read_range(&*file, 0..bytes.min(FIRST_LINE_BYTES_MAX as u64), &mut head)?;
    let Some(end) = memchr::memchr(b'\n', &head) else {
        return Ok(Start::Damaged("no first line".into()));
    };
    match serde_json::from_slice::<FirstLine>(&head[..end]) {
        Ok(first) if first.rowhook == 1 && !first.is_possible() => Ok(Start::Damaged(
            "its first line has numbers that no journal has".into(),
        )),
        Ok(first) if first.rowhook == 1 && first.encode() == head[..=end] => {
            Ok(Start::Whole(first, bytes))
        }
        Ok(first) if first.rowhook != 1 => Ok(Start::Damaged(format!(
            "format version {} is not one that this release reads",
            first.rowhook
        ))),
        Ok(_) => Ok(Start::Damaged(
            "its first line is not as it was written".into(),
        )),
        Err(e) => Ok(Start::Damaged(format!(
            "its first line cannot be read: {e}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_has_this_form() {
        let line = FirstLine {
            rowhook: 1,
            segment: 12,
            day: "2026-11-23".parse().unwrap(),
            first_seq: Seq(34),
            previous: Previous {
                segment: 11,
                bytes: 5678,
            },
        };
        let text = String::from_utf8(line.encode()).unwrap();
        let wanted = r#"{"rowhook":1,"segment":12,"day":"2026-11-23","first_seq":34,"previous":{"segment":11,"bytes":5678}}"#;
        assert_eq!(text.trim_end(), wanted);
        assert_eq!(serde_json::from_str::<FirstLine>(wanted).unwrap(), line);
    }
}
