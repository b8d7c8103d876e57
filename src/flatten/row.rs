//! Rows and headers as CSV.

use super::cell::{write_text, write_value};
use super::columns::{Columns, Flat};
use crate::json::write_string;

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
        let mut at = 0;
        let mut go_to = |column: u32, out: &mut Vec<u8>| {
            // One call for all the empty cells between: a wide table is mostly commas.
            out.resize(out.len() + (column - at) as usize, b',');
            at = column;
        };
        // received_at is the first column of every table.
        out.extend_from_slice(received_at);
        let before_id = flat.cells.partition_point(|cell| cell.0 < self.event_id);
        let more = self.more.filter(|_| !flat.over.is_empty());
        let before_more = more.map_or(flat.cells.len(), |more| {
            flat.cells.partition_point(|cell| cell.0 < more)
        });
        for (i, (column, value)) in flat.cells.iter().enumerate() {
            if i == before_id {
                go_to(self.event_id, out);
                out.extend_from_slice(id);
            }
            if i == before_more
                && let Some(more) = more
            {
                go_to(more, out);
                write_more(payload, flat, self.rules.guard, out);
            }
            go_to(*column, out);
            let start = out.len();
            write_value(&payload[value.clone()], self.rules.guard, out);
            if out.len() > start {
                self.list[*column as usize].valued = true;
            }
        }
        if before_id == flat.cells.len() {
            go_to(self.event_id, out);
            out.extend_from_slice(id);
        }
        if before_more == flat.cells.len()
            && let Some(more) = more
        {
            go_to(more, out);
            write_more(payload, flat, self.rules.guard, out);
        }
        go_to(u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX), out);
        out.push(b'\n');
    }
}

/// The cell of `more`: one JSON object of what has no column.
fn write_more(payload: &[u8], flat: &Flat, guard: bool, out: &mut Vec<u8>) {
    let mut text = vec![b'{'];
    for (i, (path, value)) in flat.over.iter().enumerate() {
        if i > 0 {
            text.push(b',');
        }
        write_string(&path.whole(), &mut text);
        text.push(b':');
        text.extend_from_slice(&payload[value.clone()]);
    }
    text.push(b'}');
    write_text(&text, guard, out);
}
