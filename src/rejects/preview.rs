//! The rows that a body would make, and nothing of it stored: the same parse,
//! the same ids, the same columns and cells as of a delivery.

use crate::disk::SharedDisk;
use crate::event::{Day, Id, SourceName};
use crate::flatten::{Columns, Flat, Rules};
use crate::follow::Together;
use crate::journal::Event;
use crate::layout::Layout;
use crate::receive::Parsed;
use crate::table::Checkpoint;
use std::io;

/// So many rows are made.
pub const ROWS_MAX: usize = 20;
/// So many cells of each.
pub const CELLS_MAX: usize = 200;
/// So many bytes of each cell, and of each column's name.
pub const CELL_BYTES_MAX: usize = 2_000;

/// A row that would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The id of its event.
    pub id: Id,
    /// What its cells hold, where they hold something; but for when it came and its id.
    pub cells: Vec<Cell>,
    /// So many cells more.
    pub more_cells: usize,
}

/// A cell that would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The name of its column.
    pub column: String,
    /// What it holds, as it was sent.
    pub value: String,
    /// Whether that is not all of it.
    pub is_cut: bool,
    /// Whether today's table does not have the column yet.
    pub is_new: bool,
}

/// The columns that the table of `source` has today, or would begin with.
///
/// # Errors
/// Whatever the system answers.
pub fn columns(
    disk: &SharedDisk,
    layout: &Layout,
    source: &SourceName,
    today: Day,
    tables: &Together,
    rules: Rules,
) -> io::Result<Columns> {
    if let Some(table) = tables.open.iter().find(|table| table.day == today) {
        return Ok(Columns::restore(rules, table.columns.to_vec()));
    }
    let carried = match tables.newest_with_rows(Some(today)) {
        Some(earlier) => Checkpoint::load(disk, layout, source, earlier)?,
        None => None,
    };
    let carried = carried.map_or_else(Vec::new, |state| state.columns);
    Ok(Columns::start(rules, &carried))
}

/// The first rows of the `events` of `parsed`, in a table with `columns`.
#[must_use]
pub fn rows(columns: &mut Columns, parsed: &Parsed, events: &[Event]) -> Vec<Row> {
    let mut flat = Flat::default();
    let before = columns.len();
    let mut rows = Vec::new();
    for event in events.iter().take(ROWS_MAX) {
        let payload = parsed.text.get(event.payload.clone()).unwrap_or_default();
        columns.place(payload, &mut flat);
        let mut row = Row {
            id: event.id,
            cells: Vec::new(),
            more_cells: 0,
        };
        let mut found: Vec<(u32, String, bool)> = Vec::new();
        columns.each_cell(b"", b"", payload, &flat, |column, _, text| {
            if text.is_empty() {
                return;
            }
            if found.len() == CELLS_MAX {
                row.more_cells += 1;
                return;
            }
            let (value, is_cut) = cut(text);
            found.push((column, value, is_cut));
        });
        for (column, value, is_cut) in found {
            let column = column as usize;
            let name = columns.all().get(column).map_or("", |column| &column.name);
            row.cells.push(Cell {
                column: cut(name.as_bytes()).0,
                value,
                is_cut,
                is_new: column >= before,
            });
        }
        rows.push(row);
    }
    rows
}

/// Its beginning, where it is long, and whether it is.
fn cut(text: &[u8]) -> (String, bool) {
    let end = text.len().min(CELL_BYTES_MAX);
    let mut shown = String::from_utf8_lossy(&text[..end]).into_owned();
    let is_cut = end < text.len();
    if is_cut && text[end] & 0xC0 == 0x80 {
        // Half a character is none.
        while shown.ends_with('\u{fffd}') {
            shown.pop();
        }
    }
    (shown, is_cut)
}
