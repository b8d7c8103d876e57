//! What the tables must be in the end: the journal's events of each day and
//! source, once, in order; the same bytes as made from the journal alone; and
//! nothing else lying about.

use crate::disk::SimDisk;
use crate::model::{Event, SOURCES};
use crate::raw::Line;
use crate::world::{Held, RENAMED, World, source};
use rowhook::disk::{Open, SharedDisk};
use rowhook::event::{Day, Timestamp};
use rowhook::flatten::Rules;
use rowhook::layout::csv_name;
use rowhook::table::Checkpoint;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Header and rows of a CSV text, every row as wide as the header; nothing when it is not that.
pub fn rectangle(text: &[u8]) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    let header = reader.headers().ok()?.iter().map(str::to_owned).collect();
    let rows: Result<Vec<Vec<String>>, csv::Error> = reader
        .records()
        .map(|row| row.map(|row| row.iter().map(str::to_owned).collect()))
        .collect();
    // A last row without its end is cut off, however it reads.
    text.ends_with(b"\n").then_some((header, rows.ok()?))
}

/// What a column is called without rules.
pub fn unchanged(name: &str) -> String {
    name.strip_prefix(RENAMED).unwrap_or(name).to_owned()
}

/// The event that a row shows, with exactly the cells that it has.
pub fn event_of(header: &[String], row: &[String], events: &[Event]) -> Option<usize> {
    let mut cells: BTreeMap<String, String> = header
        .iter()
        .map(|name| unchanged(name))
        .zip(row.iter().cloned())
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
    let received = cells.remove("received_at")?;
    let id = cells.remove("event_id")?;
    let n: usize = cells.get("n")?.parse().ok()?;
    let event = events.get(n)?;
    let moment = Timestamp::parse(received.as_bytes());
    let right = event.cells == cells && id == event.id.to_string() && moment.is_ok();
    right.then_some(n)
}

/// The events of a CSV text in their order.
pub fn events_in(text: &[u8], events: &[Event]) -> Held<Vec<usize>> {
    let (header, rows) = rectangle(text).ok_or("it is no rectangle")?;
    rows.iter()
        .map(|row| event_of(&header, row, events).ok_or_else(|| format!("no such event: {row:?}")))
        .collect()
}

/// The events of a day of a source, as the journal has them.
pub fn events_of(lines: &[Line], source: usize, day: &str) -> Vec<usize> {
    let mine = lines
        .iter()
        .filter(|line| line.source == SOURCES[source] && line.day == day);
    mine.map(|line| line.n).collect()
}

/// Those of `events` that are rows where tests are or are not.
pub fn rows_of(events: Vec<usize>, with_tests: bool, all: &[Event]) -> Vec<usize> {
    let mut rows = events;
    rows.retain(|&n| with_tests || !all[n].is_test);
    rows
}

/// Names below `csv` with what the files hold.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn csv_files(disk: &SimDisk) -> Files {
    disk.files(Path::new("/out/csv"))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn has_rows(content: &[u8]) -> bool {
    rectangle(content).is_none_or(|(_, rows)| !rows.is_empty())
}

impl World {
    /// To be called when all has settled on a disk that works.
    pub fn check_tables(&self) -> Held {
        let journal = self.raw()?;
        let lines = &journal.lines;
        let files = csv_files(&self.disk);
        let (copies, tables): (Files, Files) = files
            .into_iter()
            .filter(|(path, _)| !file_name(path).starts_with('.'))
            .partition(|(path, _)| file_name(path).contains(".edited-"));
        let mut expected: Vec<(usize, String)> = Vec::new();
        for line in lines {
            let source = self.model.events[line.n].source;
            if !expected.contains(&(source, line.day.clone())) {
                expected.push((source, line.day.clone()));
            }
        }
        let mut unseen = tables.clone();
        for (source, day) in expected {
            self.check_day(source, &day, lines, &mut unseen)?;
        }
        unseen.retain(|_, content| has_rows(content));
        if let Some(name) = unseen.keys().next() {
            return Err(format!(
                "{} holds rows that the journal does not",
                name.display()
            ));
        }
        self.check_copies(&copies, &tables, lines)?;
        self.check_bytes(&tables)
    }

    /// Among the tables hidden files are made under way only, and a start takes away what was cut off.
    pub fn check_hidden(&self) -> Held {
        let mut names = csv_files(&self.disk).into_keys();
        names
            .find(|path| file_name(path).starts_with('.'))
            .map_or(Ok(()), |left| Err(format!("left over: {}", left.display())))
    }

    fn check_day(&self, source: usize, day: &str, lines: &[Line], unseen: &mut Files) -> Held {
        let folder = PathBuf::from("/out/csv").join(SOURCES[source]);
        let parsed: Day = day.parse().map_err(|_| "no day")?;
        let mut found = Vec::new();
        // Days that are over keep the rules that they were made under.
        let first = folder.join(csv_name(parsed, 1));
        let rules = if unseen.contains_key(&first) {
            Rules::parse(&self.rules_of(&first)?).ok_or("rules that nobody has")?
        } else {
            self.options.others.clone()
        };
        for part in 1.. {
            let path = folder.join(csv_name(parsed, part));
            let Some(content) = unseen.remove(&path) else {
                break;
            };
            let events = events_in(&content, &self.model.events)
                .map_err(|what| format!("{}: {what}", path.display()))?;
            if events.len() as u64 > self.options.part_rows {
                return Err(format!("{} has too many rows", path.display()));
            }
            found.extend(events);
        }
        let wanted = events_of(lines, source, day);
        let wanted = rows_of(wanted, rules.take_tests(), &self.model.events);
        if found != wanted {
            let name = SOURCES[source];
            return Err(format!(
                "{name}, {day}: the table has {found:?}, the journal {wanted:?}"
            ));
        }
        Ok(())
    }

    /// What strangers made is kept; nobody else is called a stranger.
    fn check_copies(&self, copies: &Files, tables: &Files, lines: &[Line]) -> Held {
        for edit in &self.model.edits {
            let kept = copies.values().any(|content| *content == edit.content);
            let stands = tables
                .get(&edit.path)
                .is_some_and(|table| table.starts_with(&edit.content));
            if edit.must_be_kept && !kept && !stands {
                return Err(format!("an edit of {} is lost", edit.path.display()));
            }
        }
        for (path, content) in copies {
            let theirs = self.model.edits.iter().any(|e| e.content == *content);
            // After a power cut anything may stand behind what was synced, and is kept for somebody to look at. What is
            // whole and ours is not anything.
            let ours = self.is_ours(content, lines);
            // A table that was in trouble when its rules changed cannot be told from a stranger's by its bytes any more.
            let failed = self.disk.faults(|f| f.failed) > 0;
            let troubled = failed || self.model.was_cut || !self.model.edits.is_empty();
            let may_be = if ours {
                self.model.other_rules && troubled
            } else {
                self.model.was_cut
            };
            if !theirs && !may_be {
                let what = String::from_utf8_lossy(content);
                return Err(format!(
                    "{} blames somebody who was not there: {:?}",
                    path.display(),
                    what.chars().take(1500).collect::<String>()
                ));
            }
        }
        Ok(())
    }

    /// Whether a text is a whole table of ours: rows that follow each other in the journal, nothing else.
    fn is_ours(&self, content: &[u8], lines: &[Line]) -> bool {
        let Ok(events) = events_in(content, &self.model.events) else {
            return false;
        };
        let Some(&first) = events.first() else {
            return true;
        };
        let Some(line) = lines.iter().find(|line| line.n == first) else {
            return false;
        };
        let source = self.model.events[first].source;
        let all = events_of(lines, source, &line.day);
        let some = |with_tests| {
            let rows = rows_of(all.clone(), with_tests, &self.model.events);
            rows.windows(events.len()).any(|some| some == events)
        };
        some(true) || some(false)
    }

    /// Another world makes its tables from the journal and the recorded start columns alone. The same bytes come of it.
    fn check_bytes(&self, tables: &Files) -> Held {
        let mut tables = tables.clone();
        tables.retain(|_, content| has_rows(content));
        // Days that are over keep the rules that they were made under.
        let mut by_rules: BTreeMap<String, Files> = BTreeMap::new();
        for (path, content) in tables {
            let rules = self.rules_of(&path)?;
            by_rules.entry(rules).or_default().insert(path, content);
        }
        for (rules, tables) in by_rules {
            let rules = Rules::parse(&rules).ok_or("rules that nobody has")?;
            self.check_bytes_under(rules, &tables)?;
        }
        Ok(())
    }

    /// The rules that are recorded for the table with a file at `path`.
    fn rules_of(&self, path: &Path) -> Held<String> {
        let folder = path.parent().map(file_name).unwrap_or_default();
        let nth = SOURCES.iter().position(|name| *name == folder);
        let day = file_name(path).get(..10).and_then(|day| day.parse().ok());
        let (Some(nth), Some(day)) = (nth, day) else {
            return Err(format!("{} is no table", path.display()));
        };
        let state = self.checkpoint_of(nth, day)?;
        Ok(state.ok_or("a table without a checkpoint")?.rules)
    }

    fn check_bytes_under(&self, rules: Rules, tables: &Files) -> Held {
        let mut other = World::new(1, self.options.part_rows);
        other.now = self.now;
        other.set_rules(rules);
        let disk = other.disk.shared();
        self.copy_journal(&disk).map_err(|e| e.to_string())?;
        self.copy_starts(&other)?;
        other.try_start()?;
        other.settle()?;
        let mut anew = csv_files(&other.disk);
        let what = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        for (path, content) in tables {
            let made = anew.remove(path);
            if made.as_ref() != Some(content) {
                return Err(format!(
                    "{}: the journal gives other bytes: {:?}, not {:?}",
                    path.display(),
                    made.as_ref().map(what),
                    what(content)
                ));
            }
        }
        Ok(())
    }

    fn copy_journal(&self, to: &SharedDisk) -> std::io::Result<()> {
        let dir = self.layout.journal_dir();
        to.create_dir(&dir)?;
        for (path, content) in self.disk.files(&dir) {
            to.open(&path, Open::New)?.write_at(&content, 0)?;
        }
        Ok(())
    }

    /// The columns that a table starts with depend on when it was begun. Under other rules than recorded it is made anew.
    fn copy_starts(&self, other: &World) -> Held {
        let (from, to) = (self.disk.shared(), other.disk.shared());
        for (nth, name) in SOURCES.iter().enumerate() {
            let folder = self.layout.tables_dir().join(name);
            to.create_dir(&folder).map_err(|e| e.to_string())?;
            for name in self
                .disk
                .quietly(|| from.list(&folder))
                .map_err(|e| e.to_string())?
            {
                let day = name.trim_end_matches(".json").parse::<Day>();
                let Ok(day) = day else { continue };
                let state = self.checkpoint_of(nth, day)?;
                let state = state.ok_or("a checkpoint that cannot be read")?;
                let anew = Checkpoint {
                    rules: "others".into(),
                    closed: false,
                    ..state
                };
                anew.save(&to, &self.layout).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    /// What a table remembers.
    pub fn checkpoint_of(&self, nth: usize, day: Day) -> Held<Option<Checkpoint>> {
        self.disk
            .quietly(|| Checkpoint::load(&self.disk.shared(), &self.layout, &source(nth), day))
            .map_err(|e| e.to_string())
    }
}
