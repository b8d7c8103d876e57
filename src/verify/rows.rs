//! What happened to a row that is not what the journal gives: its cells were
//! changed, it is gone, or other rows stand before it.

use super::finding::shown;
use super::text::Text;
use crate::table::rows::{RowEnds, fields};
use std::io;

/// How far a row that was moved down by others is looked for.
const LOOK_BYTES: usize = 256 * 1024;

/// The first of the cells that differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Cells {
    /// How many differ.
    pub count: usize,
    /// The place of the first one.
    pub column: usize,
    pub expected: String,
    pub found: String,
}

/// What stands where a row should.
#[derive(Debug, PartialEq, Eq)]
pub enum Instead {
    /// The same event, with other cells; so many bytes of it.
    Changed(usize),
    /// Rows that do not belong there, with the lengths of each; then the event.
    Added(Vec<usize>),
    /// Another event: this one is missing.
    Missing,
}

/// Finds out what stands in `text` where `row`, the event with `id` in its `id_column`-th cell, should.
pub fn instead(text: &mut Text, row: &[u8], id: &[u8], id_column: usize) -> io::Result<Instead> {
    let bytes = text.row_bytes(row.len())?;
    let look = text.ahead(bytes.max(LOOK_BYTES))?;
    let found = &look[..bytes];
    if fields(found).nth(id_column) == Some(id) || only_differs_in(row, found, id_column) {
        return Ok(Instead::Changed(bytes));
    }
    let Some(at) = memchr::memmem::find(look, id) else {
        return Ok(Instead::Missing);
    };
    let (mut start, mut added) = (0, Vec::new());
    while let Some(end) = RowEnds::default().next(look, start) {
        if end > at {
            // With nothing before it, the id stands in another cell of this very row.
            return Ok(if added.is_empty() {
                Instead::Changed(bytes)
            } else {
                Instead::Added(added)
            });
        }
        added.push(end - start);
        start = end;
    }
    Ok(Instead::Missing)
}

/// Whether only the cell in this column is another: somebody changed an id.
fn only_differs_in(row: &[u8], found: &[u8], column: usize) -> bool {
    let (mut a, mut b) = (fields(row), fields(found));
    for nth in 0.. {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || nth == column => {}
            _ => return false,
        }
    }
    false
}

/// How the cells of two rows differ.
pub fn cells(row: &[u8], found: &[u8]) -> Cells {
    let (mut a, mut b) = (fields(row), fields(found));
    let mut cells = Cells {
        count: 0,
        column: 0,
        expected: String::new(),
        found: String::new(),
    };
    for nth in 0.. {
        let (a, b) = (a.next(), b.next());
        if a.is_none() && b.is_none() {
            break;
        }
        if a == b {
            continue;
        }
        if cells.count == 0 {
            cells.column = nth;
            cells.expected = a.map_or("no cell".to_owned(), shown);
            cells.found = b.map_or("no cell".to_owned(), shown);
        }
        cells.count += 1;
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk as _, Open, RealDisk};

    fn text(content: &str) -> Text {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&dir.path().join("f"), Open::New).unwrap();
        file.write_at(content.as_bytes(), 0).unwrap();
        Text::new(file, content.len() as u64)
    }

    #[test]
    fn what_stands_where_a_row_should() {
        let row = b"t,id1,\"a\nb\"\n";
        let what = |content: &str| instead(&mut text(content), row, b"id1", 1).unwrap();
        assert_eq!(what("t,id1,x\nt,id2,\n"), Instead::Changed(8));
        assert_eq!(what("t,id9,\"a\nb\"\n"), Instead::Changed(12));
        assert_eq!(what("t,id2,\nt,id3,\n"), Instead::Missing);
        assert_eq!(what(""), Instead::Missing);
        assert_eq!(
            what("mine\n\"x\ny\"\nt,id1,x\n"),
            Instead::Added(vec![5, 6])
        );
    }

    #[test]
    fn cells_that_differ() {
        let found = cells(b"a,b,c\n", b"a,x,\n");
        assert_eq!(
            (found.count, found.column, &*found.expected, &*found.found),
            (2, 1, "b", "x")
        );
        assert_eq!(cells(b"a\n", b"a,b\n").expected, "no cell");
    }
}
