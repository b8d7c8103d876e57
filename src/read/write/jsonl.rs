//! JSON Lines: the events as they were sent, or the rows of a view.

use super::{CHUNK_BYTES, Chunks};
use crate::flatten::Kind;
use crate::json::write_string;
use crate::read::rows::records::{RecordReader, Records};
use crate::read::rows::{Row, Rows, Table};
use std::io;

/// The events of several days, each `{"received_at":…,"event_id":…,"source":…,"payload":…}` with the payload as it was sent.
pub struct Events {
    days: std::vec::IntoIter<(Records, u64)>,
    current: Option<(RecordReader, u64)>,
}

impl Events {
    /// The events of `days`, one day after the other, with the number that each must have.
    #[must_use]
    pub fn new(days: Vec<(Records, u64)>) -> Self {
        Self {
            days: days.into_iter(),
            current: None,
        }
    }
}

impl Chunks for Events {
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        while out.len() < CHUNK_BYTES {
            let Some((reader, left)) = &mut self.current else {
                match self.days.next() {
                    None => break,
                    Some((records, count)) => self.current = Some((records.read(), count)),
                }
                continue;
            };
            let Some(record) = reader.step()? else {
                if *left > 0 {
                    let what = format!("the journal lacks {left} events");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                self.current = None;
                continue;
            };
            *left = left.saturating_sub(1);
            out.extend_from_slice(b"{\"received_at\":\"");
            out.extend_from_slice(record.received_at);
            out.extend_from_slice(b"\",\"event_id\":\"");
            out.extend_from_slice(record.id);
            out.extend_from_slice(b"\",\"source\":\"");
            out.extend_from_slice(record.source.as_bytes());
            out.extend_from_slice(b"\",\"payload\":");
            out.extend_from_slice(record.payload);
            out.extend_from_slice(b"}\n");
        }
        Ok((!out.is_empty()).then_some(out))
    }
}

/// The rows of a table, each an object of its cells that hold something, by the names of the columns.
pub struct Objects {
    table: Box<dyn Table>,
    /// The keys as JSON.
    names: Vec<Vec<u8>>,
    rows: Option<Box<dyn Rows>>,
    row: Row,
}

impl Objects {
    /// The rows of `table`.
    #[must_use]
    pub fn new(table: Box<dyn Table>) -> Self {
        let json = |name: &str| {
            let mut text = Vec::new();
            write_string(name, &mut text);
            text
        };
        Self {
            names: table.headings().iter().map(|h| json(&h.title)).collect(),
            table,
            rows: None,
            row: Row::default(),
        }
    }
}

impl Chunks for Objects {
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        let rows = match &mut self.rows {
            Some(rows) => rows,
            none => none.insert(self.table.rows()?),
        };
        let mut out = Vec::new();
        while out.len() < CHUNK_BYTES && rows.next(&mut self.row)? {
            out.push(b'{');
            for (nth, (column, kind, text)) in self.row.cells().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&self.names[column]);
                out.push(b':');
                match kind {
                    Kind::Text => write_string(&String::from_utf8_lossy(text), &mut out),
                    Kind::Number | Kind::Boolean => out.extend_from_slice(text),
                }
            }
            out.extend_from_slice(b"}\n");
        }
        Ok((!out.is_empty()).then_some(out))
    }
}
