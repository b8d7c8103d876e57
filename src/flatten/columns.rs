//! The columns of a table: found again for every value, and added on first
//! sight.

use super::Rules;
use super::cell::guarded;
use super::choice::{Arrays, Verdict};
use super::names::Names;
use super::pass::Pass;
use super::path::{Path, custom};
use crate::event::Preset;
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
    /// The name without what the guard added: that of the names it may have under `rules` that looks like this one.
    #[must_use]
    pub fn title(&self, rules: &Rules) -> String {
        if !rules.guard || !self.name.contains('\'') {
            return self.name.clone();
        }
        let (whole, wanted) = (self.path.whole(), self.path.wanted());
        let chosen = rules.columns.as_ref();
        let renamed = chosen.and_then(|chosen| chosen.renamed(&self.path, rules.preset));
        let renamed = renamed.map(str::to_owned);
        let names = renamed.into_iter().chain(wanted).chain([whole]);
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

/// Cells that are kept room for from event to event.
const KEPT: usize = 4096;

/// Bytes of the paths of values without a column that are kept room for.
const KEPT_BYTES: usize = 64 << 10;

/// Bytes that are kept to remember what was decided about paths without a column: senders may make endless ones.
const DECIDED_BYTES_MAX: usize = 256 << 10;

/// The documented fields of Lessonly, in their order.
pub(super) const LESSONLY: [&[&str]; 13] = [
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
    pub(super) by_path: HashMap<Path, u32>,
    pub(super) more: Option<u32>,
    pub(super) received_at: u32,
    pub(super) event_id: u32,
    /// The columns of the last event's values, in the order of the values: payloads of one sender look alike, so the next
    /// event's n-th value mostly belongs where the last one's n-th did, and need not be looked up.
    pub(super) last: Vec<u32>,
    /// For each column who filled it last: found filled again, its path is repeated.
    pub(super) filled: Vec<Filled>,
    pub(super) event: u64,
    /// For each column what becomes of arrays in it; nothing when that was not chosen.
    arrays: Vec<Arrays>,
    /// What was decided about paths without a column, and how many bytes that takes. Emptied when it is too much.
    decided: HashMap<Path, Verdict>,
    decided_bytes: usize,
}

/// Where the cells of one event's row are. Kept and reused from event to event.
#[derive(Debug, Clone, Default)]
pub struct Flat {
    /// Column and place in the payload, by ascending column.
    pub(super) cells: Vec<(u32, Range<usize>)>,
    /// Values without a column of their own: where in `over_paths` their whole path is, and their place, in the order of the
    /// payload but for those that were deferred.
    pub(super) over: Vec<(Range<usize>, Range<usize>)>,
    pub(super) over_paths: Vec<u8>,
    pub(super) fresh: Vec<Fresh>,
    /// How often each path without a column came.
    pub(super) fresh_paths: HashMap<Path, u32>,
    pub(super) path: Vec<u8>,
    /// Values that came under another name of a column, in the order of the payload: they come behind the others.
    pub(super) deferred: Vec<(Path, Range<usize>)>,
    /// Bytes of paths that came of taking arrays apart.
    pub(super) expanded: usize,
}

/// The event that filled a column last, by its number, and how often the column's path came in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filled {
    pub(super) event: u64,
    pub(super) times: u32,
}

impl Filled {
    pub(super) fn first(event: u64) -> Self {
        Self { event, times: 1 }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Fresh {
    pub(super) path: Path,
    pub(super) value: Range<usize>,
}

impl Columns {
    /// The columns that a table starts with: those of the preset, then those of `carried` (an earlier day's) that had a value.
    #[must_use]
    pub fn start(rules: Rules, carried: &[Column]) -> Self {
        let mut columns = Self::empty(rules);
        columns.add(Path::own("received_at"), "received_at".into());
        if columns.rules.preset == Preset::Lessonly {
            columns.pin(&LESSONLY);
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

    /// What decides about them.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    fn empty(rules: Rules) -> Self {
        Self {
            names: Names::new(rules.guard),
            rules,
            list: Vec::new(),
            by_path: HashMap::new(),
            more: None,
            received_at: 0,
            event_id: 0,
            last: Vec::new(),
            filled: Vec::new(),
            event: 0,
            arrays: Vec::new(),
            decided: HashMap::new(),
            decided_bytes: 0,
        }
    }

    /// Adds the documented columns that are wanted.
    fn pin(&mut self, documented: &[&[&str]]) {
        for keys in documented {
            let Some(path) = self.chosen(&Path::of(keys)) else {
                continue;
            };
            if self.by_path.contains_key(&path) {
                continue;
            }
            let name = if path == Path::of(keys) && self.renamed(&path).is_none() {
                self.names.claim(&keys.join("."))
            } else {
                self.name(&path)
            };
            self.add(path, name);
        }
    }

    fn carry(&mut self, carried: &[Column]) {
        for column in carried.iter().filter(|c| c.valued && !c.path.is_own()) {
            let Some(path) = self.chosen(&column.path) else {
                continue;
            };
            if !self.by_path.contains_key(&path) && self.has_room() {
                // A column keeps its name, unless that was or is chosen for it.
                let kept = Names::is_natural(&column.name, &path) && self.renamed(&path).is_none();
                let name = if kept {
                    self.names.assign(Some(&column.name), &path.whole())
                } else {
                    self.name(&path)
                };
                self.add(path, name);
            }
        }
    }

    /// The path of the column that the values of `path` belong to; nothing when they belong nowhere.
    fn chosen(&self, path: &Path) -> Option<Path> {
        match &self.rules.columns {
            None => Some(path.clone()),
            Some(chosen) => chosen.column_of(path, self.rules.preset),
        }
    }

    fn renamed(&self, path: &Path) -> Option<&str> {
        let chosen = self.rules.columns.as_ref()?;
        chosen.renamed(path, self.rules.preset)
    }

    /// A name for a new column: what was chosen, or what the path would like.
    fn name(&mut self, path: &Path) -> String {
        if let Some(name) = self.renamed(path).map(str::to_owned) {
            return self.names.assign(None, &name);
        }
        let lessonly = self.rules.preset == Preset::Lessonly;
        let wanted = if lessonly { path.wanted() } else { None };
        self.names.assign(wanted.as_deref(), &path.whole())
    }

    /// What becomes of an array in a column.
    pub(super) fn arrays(&self, column: u32) -> Arrays {
        let chosen = self.arrays.get(column as usize);
        chosen.copied().unwrap_or_default()
    }

    /// What was chosen for a path that no column has.
    pub(super) fn verdict(&mut self, path: &[u8]) -> Verdict {
        /// What an entry takes besides its path.
        const ENTRY_BYTES: usize = 64;
        if let Some(verdict) = self.decided.get(path) {
            return verdict.clone();
        }
        let Some(chosen) = &self.rules.columns else {
            return Verdict::Kept;
        };
        let verdict = chosen.verdict(path, self.rules.preset);
        let bytes = path.len() + ENTRY_BYTES;
        if self.decided_bytes + bytes > DECIDED_BYTES_MAX {
            self.decided = HashMap::new();
            self.decided_bytes = 0;
        }
        if bytes <= DECIDED_BYTES_MAX {
            self.decided.insert(Path::from_bytes(path), verdict.clone());
            self.decided_bytes += bytes;
        }
        verdict
    }

    #[cfg(test)]
    pub(super) fn decided_bytes(&self) -> usize {
        self.decided_bytes
    }

    /// Room for one column more, with a place kept for `more`.
    pub(super) fn has_room(&self) -> bool {
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
        if let Some(chosen) = &self.rules.columns
            && !chosen.arrays.is_empty()
        {
            let arrays = chosen.arrays_at(path.base(), self.rules.preset);
            self.arrays.push(arrays);
        }
        self.by_path.insert(path.clone(), index);
        self.list.push(Column {
            path,
            name,
            valued: false,
        });
        self.filled.push(Filled::default());
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
        Pass::new(self, flat, payload).run();
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
                let name = self.name(&path);
                let index = self.add(path, name);
                flat.cells.push((index, value));
            } else {
                flat.push_over(path.bytes(), value);
            }
        }
        let Flat { over, deferred, .. } = flat;
        over.sort_by_key(|(_, value)| {
            let next = deferred.partition_point(|(_, other)| other.start <= value.start);
            let last = next.checked_sub(1).map(|last| &deferred[last].1);
            let is_deferred = last.is_some_and(|other| value.start < other.end);
            (is_deferred, value.start)
        });
        if !flat.over.is_empty() && self.more.is_none() {
            self.add(Path::own("more"), "more".into());
        }
    }
}

impl Columns {
    pub(super) fn remember(&mut self, nth: usize, index: u32) {
        // Values that come without a column leave gaps; any column will do there, the path is compared anyway.
        if nth >= self.last.len() {
            self.last.resize(nth + 1, index);
        }
        self.last[nth] = index;
    }
}

impl Flat {
    /// Puts a value at `path` with those that have no column.
    pub(super) fn push_over(&mut self, path: &[u8], value: Range<usize>) {
        let start = self.over_paths.len();
        self.over_paths.extend_from_slice(path);
        self.over.push((start..self.over_paths.len(), value));
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.over.clear();
        self.over_paths.clear();
        self.fresh.clear();
        self.path.clear();
        self.deferred.clear();
        self.deferred.shrink_to(KEPT);
        self.expanded = 0;
        if !self.fresh_paths.is_empty() {
            self.fresh_paths = HashMap::new();
        }
        // What one unusual event needed is not held for all that follow.
        self.cells.shrink_to(KEPT);
        self.over.shrink_to(KEPT);
        self.over_paths.shrink_to(KEPT_BYTES);
        self.fresh.shrink_to(KEPT);
    }
}
