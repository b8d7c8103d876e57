//! How many bodies wait for somebody. The ids of all lines are kept in memory,
//! as far as there is room, so that a count reads only what was added.

use super::line;
use super::list::day_of;
use super::notes::Notes;
use crate::disk::{Open, SharedDisk, read_range};
use crate::event::{Day, Id, SourceName};
use crate::layout::Layout;
use std::collections::BTreeMap;
use std::io;

/// So many lines are known; what is older is not counted.
pub(super) const LINES_MAX: usize = 100_000;
/// So much is read for one count; the next one goes on.
const READ_BYTES_MAX: u64 = 64 << 20;
const PIECE_BYTES: u64 = 1 << 20;

/// How many bodies wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// By source.
    pub of: BTreeMap<SourceName, u64>,
    /// Whether there may be more: not everything was counted.
    pub at_least: bool,
}

impl Waiting {
    /// Of all sources.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.of.values().sum()
    }
}

/// What is known of the files.
#[derive(Default)]
pub(super) struct Index {
    files: BTreeMap<Day, Known>,
    counted: Option<(u64, Waiting)>,
}

/// What is known of one file.
#[derive(Default)]
struct Known {
    inode: u64,
    /// Up to here, at the end of a line, it was read.
    read: u64,
    /// The ids of its lines.
    ids: BTreeMap<SourceName, Vec<Id>>,
    lines: usize,
}

impl Index {
    pub fn count(
        &mut self,
        disk: &SharedDisk,
        layout: &Layout,
        notes: &Notes,
    ) -> io::Result<Waiting> {
        let version = notes.version();
        let (changed, at_least) = self.read(disk, layout)?;
        if let Some((counted, waiting)) = &self.counted
            && !changed
            && *counted == version
            && waiting.at_least == at_least
        {
            return Ok(waiting.clone());
        }
        let mut of: BTreeMap<SourceName, u64> = BTreeMap::new();
        for (source, ids) in self.files.values().flat_map(|known| &known.ids) {
            let waiting = ids.iter().filter(|id| !notes.has(**id)).count() as u64;
            if waiting > 0 {
                *of.entry(source.clone()).or_default() += waiting;
            }
        }
        let waiting = Waiting { of, at_least };
        self.counted = Some((version, waiting.clone()));
        Ok(waiting)
    }

    /// Reads what was added, the newest file first. Tells whether anything is another than before, and whether something is left.
    fn read(&mut self, disk: &SharedDisk, layout: &Layout) -> io::Result<(bool, bool)> {
        let names = disk.list(&layout.rejected_dir())?;
        let days: Vec<Day> = names.iter().filter_map(|name| day_of(name)).collect();
        let before = self.files.len();
        self.files.retain(|day, _| days.contains(day));
        let mut changed = self.files.len() != before;
        let mut days = days;
        days.sort_unstable_by(|a, b| b.cmp(a));
        let (mut budget, mut room) = (READ_BYTES_MAX, LINES_MAX);
        let mut left = false;
        for day in days {
            let Some(stat) = disk.stat(&layout.rejected(day))? else {
                changed |= self.files.remove(&day).is_some();
                continue;
            };
            let known = self.files.entry(day).or_default();
            if known.inode != stat.inode || known.read > stat.bytes {
                changed |= known.lines > 0;
                *known = Known {
                    inode: stat.inode,
                    ..Known::default()
                };
            }
            if room == 0 && known.lines > 0 {
                // What came since has taken its room. One that has some room left keeps all of it: twice the room is the most.
                *known = Known::default();
                (changed, left) = (true, true);
                continue;
            }
            if known.read < stat.bytes {
                let file = match disk.open(&layout.rejected(day), Open::Read) {
                    Ok(file) => file,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
                let lines = known.lines;
                left |= known.read_on(&*file, &mut budget, room)?;
                changed |= known.lines != lines;
            }
            room -= known.lines.min(room);
        }
        Ok((changed, left))
    }
}

impl Known {
    /// Reads on, as far as there is budget and room, and to the end of a line. Tells whether whole lines are left.
    fn read_on(
        &mut self,
        file: &dyn crate::disk::File,
        budget: &mut u64,
        room: usize,
    ) -> io::Result<bool> {
        let (mut piece, mut line) = (Vec::new(), Vec::new());
        let began = self.read;
        let mut at = began;
        loop {
            // A line that is longer than all of the budget would be begun each time.
            let in_first = at > began && self.read == began;
            if *budget == 0 && !in_first || self.lines >= room {
                return Ok(true);
            }
            read_range(file, at..at + PIECE_BYTES, &mut piece)?;
            if piece.is_empty() {
                return Ok(false);
            }
            *budget = budget.saturating_sub(piece.len() as u64);
            at += piece.len() as u64;
            for part in piece.split_inclusive(|&b| b == b'\n') {
                line.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    self.read += line.len() as u64;
                    self.add(&line);
                    line.clear();
                }
            }
        }
    }

    fn add(&mut self, text: &[u8]) {
        if let Some(head) = line::head(text) {
            self.put(head.id, head.source);
        } else if let Some(kept) = line::parse(text) {
            self.put(kept.id, kept.source.as_str());
        }
    }

    fn put(&mut self, id: Id, source: &str) {
        self.lines += 1;
        if let Some(ids) = self.ids.get_mut(source) {
            ids.push(id);
        } else if let Ok(source) = SourceName::new(source) {
            self.ids.insert(source, vec![id]);
        }
    }
}
