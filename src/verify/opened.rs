//! A table's files and its checkpoint, in an order that a running server
//! cannot make wrong: first the files and how long they are, then the
//! checkpoint, and only then does anybody look how far the journal goes. So the
//! journal has all that the files have.

use super::finding::{Finding, Kind};
use super::{Key, Options};
use crate::disk::{Open, Sealed, SharedDisk, SharedFile, Stat, get_sealed};
use crate::event::{Day, Seq, SourceName};
use crate::flatten::{Column, Rules};
use crate::layout::{Layout, csv_of_name};
use crate::table::{Checkpoint, PartState};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Where everything is, and what was asked for.
pub struct Place<'a> {
    pub disk: &'a SharedDisk,
    pub layout: &'a Layout,
    pub options: &'a Options,
    /// The last event that is in all tables, as the follower remembers it.
    pub saved: Option<Seq>,
}

impl Place<'_> {
    /// `path` as it is told: below the output directory.
    pub fn name(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.layout.root()).unwrap_or(path);
        super::finding::shown(below.to_string_lossy().as_bytes())
    }

    /// The rules that the configuration has for a table with this recorded fingerprint: like the follower, which lets a
    /// source that is not configured any more go on as it was.
    pub fn rules_now(&self, source: &SourceName, recorded: Option<&str>) -> Rules {
        let configured = self.options.sources.get(source).cloned();
        configured.unwrap_or_else(|| self.options.others.as_it_was(recorded))
    }

    /// Every table of which there is a file or a checkpoint, and the numbers of its files.
    pub fn tables(&self) -> io::Result<BTreeMap<Day, BTreeMap<SourceName, BTreeSet<u32>>>> {
        let mut found: BTreeMap<Day, BTreeMap<SourceName, BTreeSet<u32>>> = BTreeMap::new();
        let (csv, state) = (self.layout.csv_root(), self.layout.tables_dir());
        for (root, is_csv) in [(csv, true), (state, false)] {
            for folder in self.disk.list(&root)? {
                let Ok(source) = SourceName::new(&folder) else {
                    continue;
                };
                // What is no folder has no table in it; one that cannot be listed is told where its files are missing.
                for name in self.disk.list(&root.join(&folder)).unwrap_or_default() {
                    let checkpoint = || Some((name.strip_suffix(".json")?.parse().ok()?, 0));
                    let known = if is_csv {
                        csv_of_name(&name)
                    } else {
                        checkpoint()
                    };
                    let Some((day, part)) = known else { continue };
                    let sources = found.entry(day).or_default();
                    let parts = sources.entry(source.clone()).or_default();
                    if is_csv {
                        parts.insert(part);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The columns that a start would carry on to `day` from the newest earlier day with rows.
    pub fn carried(&self, source: &SourceName, day: Day) -> io::Result<Vec<Column>> {
        let dir = self.layout.tables_dir().join(source.as_str());
        let names = self.disk.list(&dir)?;
        let days = names
            .iter()
            .filter_map(|n| n.strip_suffix(".json")?.parse::<Day>().ok());
        let mut earlier: Vec<Day> = days.filter(|d| *d < day).collect();
        earlier.sort_unstable();
        for day in earlier.into_iter().rev() {
            let path = self.layout.table_checkpoint(source, day);
            if let Sealed::Whole(state) = get_sealed::<Checkpoint>(&**self.disk, &path)?
                && state.parts.iter().any(|part| part.rows > 0)
            {
                return Ok(state.columns);
            }
        }
        Ok(Vec::new())
    }
}

/// One of a table's files.
pub struct OpenedFile {
    /// The file and what it was when it was opened.
    pub opened: io::Result<(SharedFile, Stat)>,
    /// Its length after the checkpoint was read.
    pub bytes_later: u64,
}

/// A table, opened.
pub struct Opened {
    /// Source and day.
    pub key: Key,
    /// Its files by their numbers.
    pub files: BTreeMap<u32, OpenedFile>,
    /// Its checkpoint.
    pub state: Option<Checkpoint>,
    /// Whether there is a checkpoint that cannot be read.
    pub broken: bool,
}

impl Opened {
    /// A table of which there is nothing.
    pub fn nothing(key: Key) -> Self {
        Self {
            key,
            files: BTreeMap::new(),
            state: None,
            broken: false,
        }
    }

    /// Opens what there is of a table. What is wrong with its checkpoint is told to `tell`.
    pub fn new(
        place: &Place,
        key: Key,
        numbers: &BTreeSet<u32>,
        tell: &mut dyn FnMut(Finding),
    ) -> Self {
        let (source, day) = &key;
        let mut files = BTreeMap::new();
        for &number in numbers {
            let path = place.layout.csv(source, *day, number);
            let file = place.disk.open(&path, Open::Read);
            let opened = file.and_then(|file| file.stat().map(|stat| (file, stat)));
            if !matches!(&opened, Err(error) if error.kind() == io::ErrorKind::NotFound) {
                files.insert(
                    number,
                    OpenedFile {
                        opened,
                        bytes_later: 0,
                    },
                );
            }
        }
        let path = place.layout.table_checkpoint(source, *day);
        let (mut state, mut broken) = (None, None);
        match get_sealed::<Checkpoint>(&**place.disk, &path) {
            Ok(Sealed::Whole(found))
                if found.source == *source && found.day == *day && !found.parts.is_empty() =>
            {
                state = Some(found);
            }
            Ok(Sealed::Whole(_)) => broken = Some("it is another table's".to_owned()),
            Ok(Sealed::Broken(what)) => broken = Some(what),
            Ok(Sealed::Missing) => {}
            Err(error) => broken = Some(error.to_string()),
        }
        if let Some(what) = &broken {
            let what = format!("a state that cannot be read: {what}");
            tell(Finding {
                source: Some(source.clone()),
                date: Some(*day),
                next: Some("rowhook makes the table anew at its next start".to_owned()),
                ..Finding::new(Kind::Note, &place.name(&path), what)
            });
        }
        for file in files.values_mut() {
            let later = file
                .opened
                .as_ref()
                .ok()
                .and_then(|(file, _)| file.stat().ok());
            file.bytes_later = later.map_or(0, |stat| stat.bytes);
        }
        Self {
            key,
            files,
            state,
            broken: broken.is_some(),
        }
    }

    /// Whether the day is known to be over.
    pub fn is_closed(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.closed)
    }

    /// What is remembered of the `number`-th file, the version to come included.
    pub fn versions(&self, number: u32) -> Vec<PartState> {
        let Some(state) = &self.state else {
            return Vec::new();
        };
        let nth = number as usize - 1;
        let is_last = nth + 1 == state.parts.len();
        let wider = state.wider.filter(|_| is_last);
        state
            .parts
            .get(nth)
            .copied()
            .into_iter()
            .chain(wider)
            .collect()
    }

    /// Whether the `number`-th file is one that rowhook left like this.
    pub fn is_as_left(&self, number: u32) -> bool {
        let Some(Ok((_, stat))) = self.files.get(&number).map(|file| &file.opened) else {
            return false;
        };
        self.versions(number).iter().any(|part| part.stat == *stat)
    }

    /// Whether the `number`-th file is one whose place another was about to take.
    pub fn is_replaced(&self, number: u32) -> bool {
        let Some(Ok((_, stat))) = self.files.get(&number).map(|file| &file.opened) else {
            return false;
        };
        let state = self.state.as_ref();
        !self.is_as_left(number) && state.is_some_and(|state| state.old.contains(stat))
    }

    /// Whether the `number`-th file of `columns` columns is shorter than it was when it was remembered.
    pub fn is_cut(&self, number: u32, columns: usize) -> bool {
        let bytes = self.files.get(&number).map_or(0, |file| file.bytes_later);
        let versions = self.versions(number);
        versions
            .iter()
            .any(|part| part.columns == columns && bytes < part.bytes)
    }
}
