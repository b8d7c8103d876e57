//! Tables that follow a journal in a directory of their own, stepped through
//! with chosen moments.

mod days;
mod edits;
mod kills;
mod parts;
mod random;
mod rows;
mod slices;
mod trouble;

use super::{FollowOptions, Follower, Handle, SLICE_BYTES, known};
use crate::disk::SharedDisk;
use crate::disk::tests::faulty;
use crate::event::{IdKey, Preset, SourceName, Timestamp};
use crate::flatten::Rules;
use crate::journal::{
    Event, Events, Incoming, Journal, Options, RecoveryError, Shared, Verdict, open,
};
use crate::layout::Layout;
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn rules() -> Rules {
    Rules {
        preset: Preset::Generic,
        columns_max: 1000,
        guard: true,
        bom: false,
        columns: None,
    }
}

fn name(source: &str) -> SourceName {
    SourceName::new(source).unwrap()
}

/// A disk that does as it is told, and saves the time of syncs.
fn calm() -> SharedDisk {
    faulty().0
}

/// File names and contents.
type Files = BTreeMap<String, String>;

fn files(dir: &Path) -> Files {
    let mut found = Files::new();
    let Ok(entries) = std::fs::read_dir(dir) else {
        return found;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            for (inner, content) in files(&entry.path()) {
                found.insert(format!("{name}/{inner}"), content);
            }
        } else {
            let content = std::fs::read(entry.path()).unwrap();
            found.insert(name, String::from_utf8_lossy(&content).into_owned());
        }
    }
    found
}

/// An output directory, and whoever works in it.
struct World {
    dir: tempfile::TempDir,
    disk: SharedDisk,
    options: FollowOptions,
    journal: Option<Journal>,
    follower: Option<(Follower, Handle)>,
    now: Timestamp,
    clock: Instant,
}

impl World {
    fn new() -> Self {
        Self::on(calm())
    }

    fn on(disk: SharedDisk) -> Self {
        Self::with(disk, 1000, &["orders", "other", "third"])
    }

    fn with(disk: SharedDisk, part_rows: u64, sources: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        let mut world = Self {
            dir,
            disk,
            options: FollowOptions {
                zone: Tz::UTC,
                sources: sources.iter().map(|s| (name(s), rules())).collect(),
                others: rules(),
                part_rows,
                slice_bytes: SLICE_BYTES,
            },
            journal: None,
            follower: None,
            now: Timestamp::parse(b"2026-11-23T12:00:00.000Z").unwrap(),
            clock: Instant::now(),
        };
        world.start();
        world
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path())
    }

    fn journal(&mut self) -> &mut Journal {
        self.open_journal().unwrap();
        self.journal.as_mut().unwrap()
    }

    fn open_journal(&mut self) -> Result<(), RecoveryError> {
        if self.journal.is_none() {
            let options = Options {
                zone: self.options.zone,
                dedup_days: 7,
                ids_max: 100_000,
            };
            // The journal has tests of its own: its disk never fails here.
            let (disk, layout) = (calm(), self.layout());
            let known = known(&disk, &layout).unwrap();
            self.journal = Some(open(disk, layout, options, &known)?.0);
        }
        Ok(())
    }

    fn shared(&mut self) -> Arc<Shared> {
        self.journal().shared()
    }

    fn try_start(&mut self) -> std::io::Result<()> {
        let shared = self.shared();
        let opened = Follower::open(
            self.disk.clone(),
            self.layout(),
            self.options.clone(),
            shared,
            self.clock,
        );
        self.follower = Some(opened?);
        Ok(())
    }

    fn start(&mut self) {
        self.try_start().unwrap();
    }

    /// The process is killed: nobody has time to remember anything.
    fn kill(&mut self) {
        self.follower = None;
        self.journal = None;
    }

    /// The process is stopped and remembers how far it came.
    fn stop(&mut self) {
        self.settle();
        let clock = self.clock;
        self.follower.as_mut().unwrap().0.checkpoint(clock);
        self.kill();
    }

    fn send(&mut self, source: &str, payload: &str) {
        self.send_all(source, &[payload]);
    }

    /// One batch; equal payloads are all stored.
    fn send_all(&mut self, source: &str, payloads: &[&str]) {
        let incoming: Vec<_> = payloads
            .iter()
            .map(|payload| Incoming {
                earlier: None,
                source: name(source),
                once: false,
                text: payload.as_bytes().to_vec(),
                events: Events::One([Event {
                    id: IdKey::new([3; 32]).id("content", &[payload.as_bytes()]),
                    payload: 0..payload.len(),
                }]),
            })
            .collect();
        let now = self.now;
        let verdicts = self.journal().commit(&incoming, now);
        assert!(verdicts.iter().all(|v| *v != Verdict::Failed));
    }

    fn step(&mut self) -> bool {
        let (now, clock) = (self.now, self.clock);
        self.follower.as_mut().unwrap().0.step(now, clock)
    }

    /// Steps until there is nothing to do at once.
    fn run(&mut self) {
        while self.step() {}
    }

    /// Runs with so much time between that nothing has a reason to wait.
    fn settle(&mut self) {
        for _ in 0..4 {
            self.clock = self.clock.max(Instant::now()) + Duration::from_secs(3600);
            self.run();
        }
    }

    fn later(&mut self, milliseconds: i64) {
        self.now = Timestamp::from_millis(self.now.millis() + milliseconds);
    }

    fn go_to(&mut self, moment: &str) {
        self.now = Timestamp::parse(moment.as_bytes()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn csv(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(&format!("csv/{name}"))).unwrap()
    }

    /// Everything below `csv`.
    fn tables(&self) -> Files {
        files(&self.path("csv"))
    }

    /// What is left of strangers' versions.
    fn edited(&self) -> Vec<String> {
        let tables = self.tables();
        let edited = tables
            .into_iter()
            .filter(|(name, _)| name.contains("edited"));
        edited.map(|(_, content)| content).collect()
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.path(&format!("csv/{name}"));
        let content = std::fs::read_to_string(&path).unwrap() + text;
        // In place, as an appending shell does.
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, content.as_bytes(), 0).unwrap();
    }

    /// The tables as they come from the journal alone, in another directory.
    fn rebuilt(&mut self) -> Files {
        let other = self.fresh_copy(&["journal"]);
        other.tables()
    }

    /// Another world that has `parts` of this one's directory, settled.
    fn fresh_copy(&self, parts: &[&str]) -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        for part in parts {
            for (name, _) in files(&self.path(part)) {
                let (from, to) = (
                    self.path(part).join(&name),
                    dir.path().join(part).join(&name),
                );
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(from, to).unwrap();
            }
        }
        let mut other = World {
            dir,
            disk: calm(),
            options: self.options.clone(),
            journal: None,
            follower: None,
            now: self.now,
            clock: self.clock,
        };
        other.start();
        other.settle();
        other
    }

    /// The tables are what the journal gives, and nothing lies about. Files of a day without rows are made on their day only.
    #[track_caller]
    fn assert_whole(&mut self, what: &str) {
        let tables = self.with_rows();
        let rebuilt = self.rebuilt();
        let rebuilt: Files = rebuilt.into_iter().filter(|(_, c)| has_rows(c)).collect();
        let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&tables), names(&rebuilt), "{what}");
        for (name, content) in &tables {
            assert_eq!(content, &rebuilt[name], "{what}: {name}");
        }
    }

    fn with_rows(&self) -> Files {
        self.tables()
            .into_iter()
            .filter(|(_, c)| has_rows(c))
            .collect()
    }
}

fn has_rows(content: &str) -> bool {
    content.lines().count() > 1
}

/// The header of a CSV text, and its cells as the csv crate reads them: every row as wide as the header.
fn cells(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = ::csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    (header, rows)
}
