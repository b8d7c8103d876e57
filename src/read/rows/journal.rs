//! Rows of one day's table, made again from the journal: a cell knows whether
//! it was sent as a number or as text, which CSV cannot say.

use super::joined::Part;
use super::records::{RecordReader, Records};
use super::{Heading, Row, Rows};
use crate::flatten::{Column, Columns, Flat, Rules};
use crate::layout::Layout;
use crate::table::Checkpoint;
use std::borrow::Borrow as _;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// A day's rows.
pub struct JournalDay {
    records: Records,
    rules: Rules,
    columns: DayColumns,
    rows: u64,
}

/// The columns of a day.
pub enum DayColumns {
    /// They are here.
    Held(Arc<[Column]>),
    /// They are read when it is the day's turn.
    Recorded(Recorded),
}

/// Columns as a checkpoint has them.
pub struct Recorded {
    layout: Layout,
    count: usize,
    digest: blake3::Hash,
}

/// So many columns are held for all days of an answer: about 2 MiB.
const HELD_MAX: usize = 16_384;

/// The columns of many days. Most have the same: those are held once. Where many have others they are not held.
#[derive(Default)]
pub struct Shelf {
    held: HashMap<blake3::Hash, Arc<[Column]>>,
    count: usize,
}

impl Shelf {
    /// The `columns` of a day that is over, which its checkpoint below `layout` has too.
    pub fn closed(&mut self, columns: &Arc<[Column]>, layout: &Layout) -> DayColumns {
        let digest = digest(columns);
        if let Some(held) = self.held.get(&digest) {
            return DayColumns::Held(held.clone());
        }
        let count = columns.len();
        if self.count + count > HELD_MAX {
            return DayColumns::Recorded(Recorded {
                layout: layout.clone(),
                count,
                digest,
            });
        }
        self.count += count;
        self.held.insert(digest, columns.clone());
        DayColumns::Held(columns.clone())
    }
}

/// What tells columns from others; not whether they have a value, which may come later.
fn digest(columns: &[Column]) -> blake3::Hash {
    let mut digest = blake3::Hasher::new();
    for column in columns {
        let path: &[u8] = column.path.borrow();
        for bytes in [path, column.name.as_bytes()] {
            digest.update(&(bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
    }
    digest.finalize()
}

impl DayColumns {
    fn get(&self, of: &Records) -> io::Result<Vec<Column>> {
        let Recorded {
            layout,
            count,
            digest: planned,
        } = match self {
            Self::Held(columns) => return Ok(columns.to_vec()),
            Self::Recorded(recorded) => recorded,
        };
        let state = Checkpoint::load(&of.disk, layout, &of.source, of.day)?;
        let mut columns = state.map_or_else(Vec::new, |state| state.columns);
        // One that goes on has more on the right.
        columns.truncate(*count);
        if digest(&columns) != *planned {
            let what = format!("the table of {} was made anew meanwhile", of.day);
            return Err(other(what));
        }
        Ok(columns)
    }
}

impl JournalDay {
    /// The rows of `records` under these columns, of which there are so many `rows`.
    #[must_use]
    pub fn new(records: Records, rules: Rules, columns: DayColumns, rows: u64) -> Self {
        Self {
            records,
            rules,
            columns,
            rows,
        }
    }
}

/// The headings of `columns`, named by `rules`.
#[must_use]
pub fn headings_of(columns: &[Column], rules: &Rules) -> Vec<Heading> {
    let heading = |column: &Column| Heading {
        name: column.name.clone(),
        title: column.title(rules),
        is_id: column.path.is_id(),
    };
    columns.iter().map(heading).collect()
}

impl Part for JournalDay {
    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        let columns = self.columns.get(&self.records)?;
        Ok(Box::new(JournalRows {
            records: self.records.read(),
            width: columns.len(),
            columns: Columns::restore(self.rules.clone(), columns),
            flat: Flat::default(),
            left: self.rows,
        }))
    }
}

struct JournalRows {
    records: RecordReader,
    columns: Columns,
    flat: Flat,
    width: usize,
    /// Rows that are still to come.
    left: u64,
}

impl Rows for JournalRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        row.clear();
        let Some(record) = self.records.step()? else {
            return match self.left {
                0 => Ok(false),
                left => Err(other(format!("the journal lacks {left} rows of the table"))),
            };
        };
        self.columns.place(record.payload, &mut self.flat);
        if self.columns.len() > self.width || self.left == 0 {
            return Err(other("the journal has rows that the table has not".into()));
        }
        self.left -= 1;
        let (received_at, id, payload) = (record.received_at, record.id, record.payload);
        self.columns.each_cell(
            received_at,
            id,
            payload,
            &self.flat,
            |column, kind, text| {
                row.push(column as usize, kind, text);
            },
        );
        Ok(true)
    }
}

/// What is read is not what was planned with.
fn other(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` columns of a day of its own.
    fn columns(day: usize, count: usize) -> Arc<[Column]> {
        let rules = Rules {
            preset: crate::event::Preset::Generic,
            columns_max: 20_000,
            guard: true,
            bom: false,
            columns: None,
        };
        let mut columns = Columns::start(rules, &[]);
        let keys = (2..count).map(|nth| format!("\"{day} {nth}\":1"));
        let payload = format!("{{{}}}", keys.collect::<Vec<_>>().join(","));
        columns.place(payload.as_bytes(), &mut Flat::default());
        assert_eq!(columns.len(), count);
        columns.all().to_vec().into()
    }

    #[test]
    fn the_same_columns_are_held_once_and_many_not_at_all() {
        let (mut shelf, layout) = (Shelf::default(), Layout::new("nowhere"));
        let mut put = |columns: &Arc<[Column]>| match shelf.closed(columns, &layout) {
            DayColumns::Held(held) => Some(held),
            DayColumns::Recorded(_) => None,
        };
        let days: Vec<_> = (0..20).map(|day| columns(day, 1000)).collect();
        for (nth, day) in days.iter().enumerate() {
            assert_eq!(put(day).is_some(), nth < 16, "{nth}");
        }
        let again = put(&columns(3, 1000)).expect("columns that are held");
        assert!(Arc::ptr_eq(&again, &days[3]));
        assert!(put(&columns(30, 384)).is_some());
        assert!(put(&columns(31, 3)).is_none());
    }
}
