//! The columns of a table: found again for every value, and added on first
//! sight.

use super::Rules;
use super::cell::guarded;
use super::names::Names;
use super::path::{Path, custom, push_key, push_occurrence};
use crate::event::Preset;
use crate::json::{Kind, Walker, unescape};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::Range;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// What belongs into it.
    pub path: Path,
    /// Its name in the header, with what the guard added, before CSV quoting.
    pub name: String,
    /// Whether any cell of it holds something. A column that stays empty is not carried on to the next day.
    pub valued: bool,
}

impl Column {
    /// The name without what the guard added: that of the names it may have that looks like this one.
    #[must_use]
    pub fn title(&self) -> String {
        if !self.name.contains('\'') {
            return self.name.clone();
        }
        let (whole, wanted) = (self.path.whole(), self.path.wanted());
        let names = wanted.into_iter().chain([whole]);
        let numbered = |name: &String| {
            let number = self
                .name
                .rsplit_once(" (")
                .map(|(_, number)| format!(" ({number}"));
            [
                Some(name.clone()),
                number.map(|number| format!("{name}{number}")),
            ]
        };
        let mut candidates = names.flat_map(|name| numbered(&name)).flatten();
        let found = candidates.find(|name| *name == self.name || guarded(name) == self.name);
        found.unwrap_or_else(|| self.name.clone())
    }
}

/// A longer path gets no column of its own: a thousand names of a megabyte would be a header of a gigabyte.
const PATH_BYTES_MAX: usize = 4096;

/// Cells that are kept room for from event to event.
const KEPT: usize = 4096;

/// The documented fields of Lessonly, in their order.
const LESSONLY: [&[&str]; 13] = [
    &["user", "ext_uid"],
    &["user", "id"],
    &["user", "name"],
    &["user", "email"],
    &["lesson", "id"],
    &["lesson", "title"],
    &["lesson", "retake_score"],
    &["score"],
    &["score_percent"],
    &["started_at"],
    &["completed_at"],
    &["assigned_at"],
    &["report_card_url"],
];

/// The columns of one day's table, in their order.
#[derive(Debug, Clone)]
pub struct Columns {
    pub(super) rules: Rules,
    pub(super) list: Vec<Column>,
    names: Names,
    by_path: HashMap<Path, u32>,
    pub(super) more: Option<u32>,
    pub(super) received_at: u32,
    pub(super) event_id: u32,
    /// The columns of the last event's values, in the order of the values: payloads of one sender look alike, so the next
    /// event's n-th value mostly belongs where the last one's n-th did, and need not be looked up.
    last: Vec<u32>,
    /// For each column the number of the event that filled it last: found filled again, its path is repeated.
    filled: Vec<u64>,
    event: u64,
}

/// Where the cells of one event's row are. Kept and reused from event to event.
#[derive(Debug, Clone, Default)]
pub struct Flat {
    /// Column and place in the payload, by ascending column.
    pub(super) cells: Vec<(u32, Range<usize>)>,
    /// Values without a column of their own: their whole path and place, in the order of the payload.
    pub(super) over: Vec<(Path, Range<usize>)>,
    fresh: Vec<Fresh>,
    fresh_paths: HashMap<Path, usize>,
    repeats: HashMap<Path, u32>,
    path: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Fresh {
    path: Path,
    value: Range<usize>,
}

impl Columns {
    /// The columns that a table starts with: those of the preset, then those of `carried` (an earlier day's) that had a value.
    #[must_use]
    pub fn start(rules: Rules, carried: &[Column]) -> Self {
        let mut columns = Self::empty(rules);
        columns.add(Path::own("received_at"), "received_at".into());
        if rules.preset == Preset::Lessonly {
            for keys in LESSONLY {
                let name = columns.names.claim(&keys.join("."));
                columns.add(Path::of(keys), name);
            }
        }
        columns.add(Path::own("event_id"), "event_id".into());
        columns.carry(carried);
        columns
    }

    /// The columns as a checkpoint names them.
    #[must_use]
    pub fn restore(rules: Rules, stored: Vec<Column>) -> Self {
        let mut columns = Self::empty(rules);
        for column in stored {
            columns.names.claim_shown(&column.name);
            columns.add(column.path, column.name);
            if let Some(last) = columns.list.last_mut() {
                last.valued = column.valued;
            }
        }
        columns
    }

    fn empty(rules: Rules) -> Self {
        Self {
            rules,
            list: Vec::new(),
            names: Names::new(rules.guard),
            by_path: HashMap::new(),
            more: None,
            received_at: 0,
            event_id: 0,
            last: Vec::new(),
            filled: Vec::new(),
            event: 0,
        }
    }

    fn carry(&mut self, carried: &[Column]) {
        for column in carried.iter().filter(|c| c.valued) {
            let known = self.by_path.contains_key(&column.path) || column.path.is_own();
            if !known && self.has_room() {
                let name = self.names.assign(Some(&column.name), &column.path);
                self.add(column.path.clone(), name);
            }
        }
    }

    /// Room for one column more, with a place kept for `more`.
    fn has_room(&self) -> bool {
        let kept = usize::from(self.more.is_none());
        self.list.len() + kept < self.rules.columns_max
    }

    fn add(&mut self, path: Path, name: String) -> u32 {
        let index = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let own = [
            ("received_at", &mut self.received_at),
            ("event_id", &mut self.event_id),
        ];
        for (own_name, place) in own {
            if path == Path::own(own_name) {
                *place = index;
            }
        }
        if path == Path::own("more") {
            self.more = Some(index);
        }
        self.by_path.insert(path.clone(), index);
        self.list.push(Column {
            path,
            name,
            valued: false,
        });
        self.filled.push(0);
        index
    }

    /// All columns, in their order.
    #[must_use]
    pub fn all(&self) -> &[Column] {
        &self.list
    }

    /// How many columns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Never: a table has `received_at` and `event_id` from the start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Finds for every value of `payload`, an object that was scanned and compacted, its column, adding what is new: of one
    /// event custom fields first.
    pub fn place(&mut self, payload: &[u8], flat: &mut Flat) {
        flat.clear();
        self.event += 1;
        let mut pass = Pass {
            columns: self,
            flat,
            payload,
            count: 0,
        };
        pass.object(0);
        if !flat.fresh.is_empty() || (!flat.over.is_empty() && self.more.is_none()) {
            self.add_fresh(flat);
        }
        let sorted = flat.cells.is_sorted_by_key(|cell| cell.0);
        if !sorted {
            flat.cells.sort_unstable_by_key(|cell| cell.0);
        }
    }

    /// Gives the paths that no column had a column each, or puts them over the limit.
    fn add_fresh(&mut self, flat: &mut Flat) {
        let lessonly = self.rules.preset == Preset::Lessonly;
        let mut fresh = std::mem::take(&mut flat.fresh);
        fresh.sort_by_key(|f| !(lessonly && custom(f.path.bytes()).is_some()));
        for Fresh { path, value } in fresh {
            if self.has_room() {
                let wanted = if lessonly { path.wanted() } else { None };
                let name = self.names.assign(wanted.as_deref(), &path);
                let index = self.add(path, name);
                flat.cells.push((index, value));
            } else {
                flat.over.push((path, value));
            }
        }
        flat.over.sort_by_key(|(_, value)| value.start);
        if !flat.over.is_empty() && self.more.is_none() {
            self.add(Path::own("more"), "more".into());
        }
    }
}

/// One walk through one payload.
struct Pass<'a> {
    columns: &'a mut Columns,
    flat: &'a mut Flat,
    payload: &'a [u8],
    count: usize,
}

impl Pass<'_> {
    /// All members of the object at `at`; returns the offset behind it. As deep as the payload, which has a limit.
    fn object(&mut self, at: usize) -> usize {
        let payload = self.payload;
        let mut members = Walker::new(payload, at);
        while let Some(member) = members.step() {
            let length = self.flat.path.len();
            let key = &payload[member.key.clone()];
            push_key(&mut self.flat.path, |path| {
                if memchr::memchr(b'\\', key).is_none() {
                    path.extend_from_slice(key);
                } else {
                    unescape(key, path);
                }
            });
            let mut value = member.value;
            match member.kind {
                Kind::Object => members.skip_to(self.object(value.start)),
                Kind::Array => {
                    value.end = crate::json::nested_end(payload, value.start);
                    members.skip_to(value.end);
                    self.value(value);
                }
                _ => self.value(value),
            }
            self.flat.path.truncate(length);
        }
        members.at() + 1
    }

    /// The value at the path at hand.
    fn value(&mut self, value: Range<usize>) {
        let nth = self.count;
        self.count += 1;
        let columns = &mut *self.columns;
        let path = self.flat.path.as_slice();
        let guess = columns.last.get(nth).copied();
        let guess = guess.filter(|&c| columns.list[c as usize].path.bytes() == path);
        let found = guess.or_else(|| columns.by_path.get(path).copied());
        let Some(index) = found else {
            return self.unknown(value);
        };
        let filled = &mut columns.filled[index as usize];
        if *filled == columns.event {
            return self.repeated(value);
        }
        *filled = columns.event;
        if guess.is_none() {
            columns.remember(nth, index);
        }
        self.flat.cells.push((index, value));
    }

    /// A path that this event had before: its next occurrence is a column of its own.
    fn repeated(&mut self, value: Range<usize>) {
        let flat = &mut *self.flat;
        let n = flat
            .repeats
            .entry(Path::from_bytes(&flat.path))
            .or_insert(1);
        *n += 1;
        let length = flat.path.len();
        push_occurrence(&mut flat.path, *n);
        match self.columns.by_path.get(self.flat.path.as_slice()) {
            Some(&index) => {
                self.columns.filled[index as usize] = self.columns.event;
                self.flat.cells.push((index, value));
            }
            None => self.unknown(value),
        }
        self.flat.path.truncate(length);
    }

    /// A path without a column yet.
    fn unknown(&mut self, value: Range<usize>) {
        let path = Path::from_bytes(&self.flat.path);
        let full = !self.columns.has_room() && self.columns.more.is_some();
        if full || self.flat.path.len() > PATH_BYTES_MAX {
            return self.flat.over.push((path, value));
        }
        if self.flat.fresh_paths.contains_key(&path) {
            return self.repeated(value);
        }
        self.flat
            .fresh_paths
            .insert(path.clone(), self.flat.fresh.len());
        self.flat.fresh.push(Fresh { path, value });
    }
}

impl Columns {
    fn remember(&mut self, nth: usize, index: u32) {
        // Values that come without a column leave gaps; any column will do there, the path is compared anyway.
        if nth >= self.last.len() {
            self.last.resize(nth + 1, index);
        }
        self.last[nth] = index;
    }
}

impl Flat {
    fn clear(&mut self) {
        self.cells.clear();
        self.over.clear();
        self.fresh.clear();
        self.path.clear();
        if !self.fresh_paths.is_empty() {
            self.fresh_paths = HashMap::new();
        }
        if !self.repeats.is_empty() {
            self.repeats = HashMap::new();
        }
        // What one unusual event needed is not held for all that follow.
        self.cells.shrink_to(KEPT);
        self.over.shrink_to(KEPT);
        self.fresh.shrink_to(KEPT);
    }
}
