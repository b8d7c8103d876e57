//! The columns of a matrix: what has one, and what its heading is.

use super::Memory;
use super::key::{Hash, Key, column};
use super::pass::Source;
use crate::event::Matrix;
use crate::flatten::cell::guarded;
use crate::read::rows::{Heading, Row};
use std::collections::{HashMap, HashSet};
use std::io;

/// Where spreadsheets end.
const COLUMNS_MAX: usize = 16_384;

/// What a column takes besides the text of its heading, which is there twice.
const COLUMN_BYTES: usize = 192;

/// The columns of a matrix.
pub(super) struct Columns {
    pub(super) headings: Vec<Heading>,
    places: HashMap<Hash, u16>,
    /// For how many events of a row have no column; none where there are no such events.
    pub(super) others: Option<usize>,
    /// Rows of the table.
    pub(super) rows: Option<u64>,
}

/// What is known of a column's heading.
struct Named {
    id: String,
    title: String,
}

/// Columns as they are met, within a bound.
#[derive(Default)]
struct Gathered {
    places: HashMap<Hash, u16>,
    named: Vec<Named>,
    bytes: usize,
    has_others: bool,
}

impl Columns {
    /// Those of all rows.
    pub(super) fn read(
        source: &mut Source,
        matrix: &Matrix,
        guard: bool,
        memory: Memory,
    ) -> io::Result<Self> {
        let headings = source.table().headings();
        let show: Vec<Heading> = shown(matrix).map(|name| heading(name, headings)).collect();
        let value = heading(&matrix.value, headings);
        let mut key = Key::new(std::slice::from_ref(&matrix.column), headings);
        let title = matrix.title.as_ref();
        let title = title.and_then(|title| column(title, headings));
        let room = COLUMNS_MAX - 1 - show.len();
        let mut gathered = Gathered::default();
        let (mut pass, mut row) = (source.pass()?, Row::default());
        while source.next(&mut pass, &mut row)?.is_some() {
            match key.of(&row) {
                None => gathered.has_others = true,
                Some(hash) => {
                    let id = key.text(&row).unwrap_or_default();
                    let title = title.and_then(|title| row.get(title));
                    let title = title.map_or(&[][..], |(_, text)| text);
                    gathered.meet(hash, id, title, room, memory.headings);
                }
            }
        }
        let mut columns = gathered.named(show, value.is_id, guard);
        columns.rows = source.count();
        Ok(columns)
    }

    /// The column of this key, unless it has none of its own.
    pub(super) fn place(&self, hash: Hash) -> Option<u16> {
        self.places.get(&hash).copied()
    }
}

/// The columns that tell what a row is of, as far as a sheet has room.
pub(super) fn shown(matrix: &Matrix) -> impl Iterator<Item = &String> {
    matrix.show.iter().take(COLUMNS_MAX / 2)
}

/// The heading of this name, or what it would be if the table had it.
fn heading(name: &str, headings: &[Heading]) -> Heading {
    let found = headings.iter().find(|heading| heading.name == name);
    found.cloned().unwrap_or_else(|| Heading {
        name: name.to_owned(),
        title: name.to_owned(),
        is_id: false,
    })
}

impl Gathered {
    /// Takes note of a row. The first come have a column, the newest title counts.
    fn meet(&mut self, hash: Hash, id: &[u8], title: &[u8], room: usize, bytes_max: usize) {
        let title = String::from_utf8_lossy(title);
        if let Some(&place) = self.places.get(&hash) {
            let known = &mut self.named[usize::from(place)].title;
            if title.is_empty() || *known == title {
                return;
            }
            self.bytes -= 2 * known.len();
            known.clear();
            // Without a title the id is the heading.
            if self.bytes + 2 * title.len() <= bytes_max {
                self.bytes += 2 * title.len();
                *known = title.into_owned();
            }
            return;
        }
        let id = String::from_utf8_lossy(id);
        let bytes = self.bytes + COLUMN_BYTES + 2 * (id.len() + title.len());
        if self.named.len() >= room || bytes > bytes_max {
            self.has_others = true;
            return;
        }
        self.bytes = bytes;
        let place = u16::try_from(self.named.len()).unwrap_or(u16::MAX);
        self.places.insert(hash, place);
        self.named.push(Named {
            id: id.into_owned(),
            title: title.into_owned(),
        });
    }

    /// The columns behind `show`, each under a heading of its own.
    fn named(self, show: Vec<Heading>, is_id: bool, guard: bool) -> Columns {
        let before = u16::try_from(show.len()).unwrap_or(u16::MAX);
        let names = show.iter().map(|shown| shown.name.as_bytes());
        let mut taken: HashSet<Hash> = names.map(Hash::of).collect();
        let mut headings = show;
        let mut uses: HashMap<&str, u32> = HashMap::new();
        for named in &self.named {
            *uses.entry(named.wanted()).or_default() += 1;
        }
        let ambiguous = uses.into_iter().filter(|&(_, uses)| uses > 1);
        let ambiguous: HashSet<String> = ambiguous.map(|(name, _)| name.to_owned()).collect();
        for named in self.named {
            let wanted = named.wanted();
            let title = if ambiguous.contains(wanted) {
                format!("{wanted} ({})", named.id)
            } else {
                wanted.to_owned()
            };
            headings.push(unique(title, is_id, guard, &mut taken));
        }
        let others = self.has_others.then_some(headings.len());
        if self.has_others {
            headings.push(unique("others".into(), false, guard, &mut taken));
        }
        headings.shrink_to_fit();
        let places = self.places.into_iter();
        Columns {
            headings,
            places: places.map(|(hash, place)| (hash, place + before)).collect(),
            others,
            rows: None,
        }
    }
}

impl Named {
    fn wanted(&self) -> &str {
        if self.title.is_empty() {
            &self.id
        } else {
            &self.title
        }
    }
}

/// A heading with this title, or with that and ` (2)`, ` (3)`, … where the name is taken.
fn unique(title: String, is_id: bool, guard: bool, taken: &mut HashSet<Hash>) -> Heading {
    let shown = |title: &str| {
        if guard {
            guarded(title)
        } else {
            title.to_owned()
        }
    };
    let mut heading = Heading {
        name: shown(&title),
        title,
        is_id,
    };
    let whole = heading.title.clone();
    let mut n = 2;
    while !taken.insert(Hash::of(heading.name.as_bytes())) {
        heading.title = format!("{whole} ({n})");
        heading.name = shown(&heading.title);
        n += 1;
    }
    heading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_counted_as_what_they_become() {
        let mut gathered = Gathered::default();
        for title in [&b"\xff\xff"[..], b"a", b"\xff", b""] {
            gathered.meet(Hash::of(b"1"), b"\xff", title, 9, 10_000);
        }
        assert_eq!(gathered.bytes, COLUMN_BYTES + 2 * (3 + 3));
        assert_eq!(gathered.named[0].wanted(), "\u{fffd}");
    }
}
