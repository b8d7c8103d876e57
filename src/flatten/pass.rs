//! One walk through one payload: for every value the column that it belongs to.

use super::choice::{Arrays, Verdict};
use super::columns::{Columns, Filled, Flat, Fresh};
use super::expand::{EXPANDED_BYTES_MAX, path_bytes};
use super::path::{Path, push_key, push_number, push_occurrence};
use crate::json::{Kind, Member, Walker, unescape};
use std::ops::Range;

/// A longer path gets no column of its own: a thousand names of a megabyte would be a header of a gigabyte.
const PATH_BYTES_MAX: usize = 4096;

/// One walk through one payload.
pub(super) struct Pass<'a> {
    columns: &'a mut Columns,
    flat: &'a mut Flat,
    payload: &'a [u8],
    count: usize,
    /// How many arrays that are taken apart the walk is in.
    inside: usize,
    /// Whether what came under another name of a column is at hand.
    second: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn new(columns: &'a mut Columns, flat: &'a mut Flat, payload: &'a [u8]) -> Self {
        Self {
            columns,
            flat,
            payload,
            count: 0,
            inside: 0,
            second: false,
        }
    }

    /// Goes through the payload.
    pub(super) fn run(mut self) {
        self.object(0);
        // What came under a column's own name has its place first.
        self.second = true;
        let deferred = std::mem::take(&mut self.flat.deferred);
        for (path, value) in &deferred {
            self.at(path, value.clone());
        }
        self.flat.deferred = deferred;
    }

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
            self.member(&mut members, member);
            self.flat.path.truncate(length);
        }
        members.at() + 1
    }

    fn member(&mut self, members: &mut Walker<'_>, member: Member) {
        let mut value = member.value;
        match member.kind {
            Kind::Object => members.skip_to(self.object(value.start)),
            Kind::Array => {
                value.end = crate::json::nested_end(self.payload, value.start);
                members.skip_to(value.end);
                self.value(value);
            }
            _ => self.value(value),
        }
    }

    /// The value at the path at hand.
    fn value(&mut self, value: Range<usize>) {
        let nth = self.count;
        let columns = &mut *self.columns;
        let path = self.flat.path.as_slice();
        let guess = columns.last.get(nth).copied();
        let guess = guess.filter(|&c| columns.list[c as usize].path.bytes() == path);
        let found = guess.or_else(|| columns.by_path.get(path).copied());
        let Some(index) = found else {
            return self.without_column(value);
        };
        if columns.arrays(index) == Arrays::Expand && self.expand(&value) {
            return;
        }
        self.count += 1;
        let columns = &mut *self.columns;
        let filled = &mut columns.filled[index as usize];
        if filled.event == columns.event {
            filled.times += 1;
            let nth = filled.times;
            return self.repeated(value, nth);
        }
        *filled = Filled::first(columns.event);
        if guess.is_none() {
            columns.remember(nth, index);
        }
        self.flat.cells.push((index, value));
    }

    /// A path that no column has: what was chosen tells where its values belong.
    fn without_column(&mut self, value: Range<usize>) {
        if self.columns.rules.columns.is_none() {
            self.count += 1;
            return self.unknown(value);
        }
        match self.columns.verdict(&self.flat.path) {
            Verdict::Same(path) => self.at(&path, value),
            Verdict::Alias(path) if self.second => self.at(&path, value),
            Verdict::Alias(path) => self.flat.deferred.push((path, value)),
            _ if self.is_expanded(&value) && self.expand(&value) => {}
            Verdict::Dropped => {}
            Verdict::Kept => {
                self.count += 1;
                self.unknown(value);
            }
        }
    }

    /// `value` as if it stood at `path`.
    fn at(&mut self, path: &Path, value: Range<usize>) {
        let own = std::mem::replace(&mut self.flat.path, path.bytes().to_vec());
        self.value(value);
        self.flat.path = own;
    }

    fn is_expanded(&self, value: &Range<usize>) -> bool {
        let rules = &self.columns.rules;
        let chosen = rules.columns.as_ref().filter(|_| self.is_array(value));
        chosen
            .is_some_and(|chosen| chosen.arrays_at(&self.flat.path, rules.preset) == Arrays::Expand)
    }

    fn is_array(&self, value: &Range<usize>) -> bool {
        self.payload.get(value.start) == Some(&b'[')
    }

    /// Takes the array at the path at hand apart, if it is one and not too much.
    fn expand(&mut self, value: &Range<usize>) -> bool {
        if !self.is_array(value) {
            return false;
        }
        if self.inside == 0 {
            let bytes = path_bytes(self.payload, value.start, self.flat.path.len());
            let bytes = bytes.saturating_add(self.flat.expanded);
            if bytes > EXPANDED_BYTES_MAX {
                return false;
            }
            self.flat.expanded = bytes;
        }
        self.inside += 1;
        let mut members = Walker::new(self.payload, value.start);
        let mut nth = 0_usize;
        while let Some(member) = members.step() {
            nth += 1;
            let length = self.flat.path.len();
            push_key(&mut self.flat.path, |path| push_number(path, nth));
            self.member(&mut members, member);
            self.flat.path.truncate(length);
        }
        self.inside -= 1;
        true
    }

    /// A path that this event had before: its `nth` occurrence is a column of its own.
    fn repeated(&mut self, value: Range<usize>, nth: u32) {
        let length = self.flat.path.len();
        push_occurrence(&mut self.flat.path, nth);
        match self.columns.by_path.get(self.flat.path.as_slice()) {
            Some(&index) => {
                self.columns.filled[index as usize] = Filled::first(self.columns.event);
                self.flat.cells.push((index, value));
            }
            None => self.unknown(value),
        }
        self.flat.path.truncate(length);
    }

    /// A path without a column yet.
    fn unknown(&mut self, value: Range<usize>) {
        let full = !self.columns.has_room() && self.columns.more.is_some();
        if full || self.flat.path.len() > PATH_BYTES_MAX {
            let path = std::mem::take(&mut self.flat.path);
            self.flat.push_over(&path, value);
            self.flat.path = path;
            return;
        }
        let path = Path::from_bytes(&self.flat.path);
        if let Some(times) = self.flat.fresh_paths.get_mut(&path) {
            *times += 1;
            let nth = *times;
            return self.repeated(value, nth);
        }
        self.flat.fresh_paths.insert(path.clone(), 1);
        self.flat.fresh.push(Fresh { path, value });
    }
}
