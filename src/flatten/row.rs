//! Rows and headers as CSV.

use super::cell::{Kind, with_decoded, with_value, write_text, write_value};
use super::columns::{Columns, Flat};
use super::path::{base, keys};
use crate::json::write_inside;
use std::ops::Range;

/// UTF-8's byte order mark.
pub const BOM: &[u8] = b"\xEF\xBB\xBF";

impl Columns {
    /// Appends the header line of the first `width` columns, with the byte order mark if the rules want one.
    pub fn write_header(&self, width: usize, out: &mut Vec<u8>) {
        if self.rules.bom {
            out.extend_from_slice(BOM);
        }
        for (i, column) in self.list.iter().take(width).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_text(column.name.as_bytes(), false, out);
        }
        out.push(b'\n');
    }

    /// Appends the row of `payload`, whose cells [`Columns::place`] found, as wide as there are columns now.
    pub fn write_row(
        &mut self,
        received_at: &[u8],
        id: &[u8],
        payload: &[u8],
        flat: &Flat,
        out: &mut Vec<u8>,
    ) {
        let guard = self.rules.guard;
        let mut at = 0;
        let mut go_to = |column: u32, out: &mut Vec<u8>| {
            // One call for all the empty cells between: a wide table is mostly commas.
            out.resize(out.len() + (column - at) as usize, b',');
            at = column;
        };
        for (column, slot) in self.own(flat).slots(flat) {
            go_to(column, out);
            match slot {
                Slot::ReceivedAt => out.extend_from_slice(received_at),
                Slot::EventId => out.extend_from_slice(id),
                Slot::More => with_decoded(
                    |text| more_text(payload, flat, text),
                    |text| write_text(text, guard, out),
                ),
                Slot::Value(value) => {
                    let start = out.len();
                    write_value(&payload[value], self.arrays(column), guard, out);
                    if out.len() > start {
                        self.list[column as usize].valued = true;
                    }
                }
            }
        }
        go_to(u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX), out);
        out.push(b'\n');
    }

    /// Hands `each` the cells of the row of `payload` that hold something, in the order of the columns, as they were sent:
    /// without what the guard adds, and unquoted.
    pub fn each_cell(
        &self,
        received_at: &[u8],
        id: &[u8],
        payload: &[u8],
        flat: &Flat,
        mut each: impl FnMut(u32, Kind, &[u8]),
    ) {
        for (column, slot) in self.own(flat).slots(flat) {
            match slot {
                Slot::ReceivedAt => each(column, Kind::Text, received_at),
                Slot::EventId => each(column, Kind::Text, id),
                Slot::More => with_decoded(
                    |text| more_text(payload, flat, text),
                    |text| each(column, Kind::Text, text),
                ),
                Slot::Value(value) => {
                    with_value(&payload[value], self.arrays(column), |kind, text| {
                        if !text.is_empty() {
                            each(column, kind, text);
                        }
                    });
                }
            }
        }
    }

    fn own(&self, flat: &Flat) -> Own {
        Own {
            event_id: self.event_id,
            more: self.more.filter(|_| !flat.over.is_empty()),
        }
    }
}

/// What stands in a cell.
enum Slot {
    ReceivedAt,
    EventId,
    More,
    /// This much of the payload.
    Value(Range<usize>),
}

/// Where the columns of rowhook's own are. `received_at` is the first column of every table.
#[derive(Clone, Copy)]
struct Own {
    event_id: u32,
    more: Option<u32>,
}

impl Own {
    /// The cells of a row that may hold something, by ascending column.
    fn slots(self, flat: &Flat) -> impl Iterator<Item = (u32, Slot)> {
        let mut values = flat.cells.iter().peekable();
        let mut own = [
            Some((0, Slot::ReceivedAt)),
            Some((self.event_id, Slot::EventId)),
            self.more.map(|column| (column, Slot::More)),
        ]
        .into_iter()
        .flatten()
        .peekable();
        std::iter::from_fn(move || {
            let next = own.peek().map_or(u32::MAX, |own| own.0);
            match values.next_if(|value| value.0 < next) {
                Some((column, value)) => Some((*column, Slot::Value(value.clone()))),
                None => own.next(),
            }
        })
    }
}

/// Appends the text of `more`: one JSON object of what has no column.
fn more_text(payload: &[u8], flat: &Flat, text: &mut Vec<u8>) {
    text.push(b'{');
    for (i, (path, value)) in flat.over.iter().enumerate() {
        if i > 0 {
            text.push(b',');
        }
        text.push(b'"');
        for (nth, key) in keys(base(&flat.over_paths[path.clone()])).enumerate() {
            if nth > 0 {
                text.push(b'.');
            }
            write_inside(key, text);
        }
        text.extend_from_slice(b"\":");
        text.extend_from_slice(&payload[value.clone()]);
    }
    text.push(b'}');
}
