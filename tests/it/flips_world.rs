//! Directories in memory as a kill leaves them, and both halves of the program
//! on them, in this process.

#[path = "../fuzz/targets/memory.rs"]
#[allow(dead_code, reason = "the fuzz targets use the rest")]
pub mod memory;

use chrono_tz::Tz;
use fastrand::Rng;
use memory::MemoryDisk;
use rowhook::disk::SharedDisk;
use rowhook::event::{Id, Preset, Seq, SourceName, Timestamp};
use rowhook::flatten::Rules;
use rowhook::follow::{FollowOptions, Follower, SLICE_BYTES, known};
use rowhook::journal::{Event, Events, Incoming, Journal, Options, Verdict, open, record};
use rowhook::layout::Layout;
use rowhook::verify::{self, Report, verify};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOURCES: [(&str, Preset); 3] = [
    ("lessonly", Preset::Lessonly),
    ("orders", Preset::Generic),
    ("shop", Preset::Generic),
];
/// So small that days have several files.
const PART_ROWS: u64 = 20;

pub fn count(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

pub fn layout() -> Layout {
    Layout::new("/rowhook")
}

pub fn name(source: &str) -> SourceName {
    SourceName::new(source).expect("a name")
}

pub fn rules(preset: Preset) -> Rules {
    Rules {
        preset,
        columns_max: 1000,
        guard: true,
        bom: false,
        columns: None,
    }
}

fn follow_options() -> FollowOptions {
    FollowOptions {
        zone: Tz::UTC,
        sources: SOURCES.map(|(s, preset)| (name(s), rules(preset))).into(),
        others: rules(Preset::Generic),
        part_rows: PART_ROWS,
        slice_bytes: SLICE_BYTES,
    }
}

pub fn look(disk: &SharedDisk) -> Report {
    let FollowOptions {
        sources,
        others,
        part_rows,
        ..
    } = follow_options();
    let options = verify::Options {
        sources,
        others,
        part_rows,
        source: None,
        days: (None, None),
        pause: Duration::ZERO,
    };
    verify(disk, &layout(), &options, &mut |_, _| {}).expect("a journal")
}

/// Both halves in this process.
pub struct Running {
    pub journal: Journal,
    pub follower: Follower,
    pub clock: Instant,
}

impl Running {
    /// What a start makes of it; nothing when it refuses.
    pub fn start(disk: &Arc<MemoryDisk>) -> Option<Self> {
        let disk: SharedDisk = disk.clone();
        let options = Options {
            zone: Tz::UTC,
            dedup_days: 7,
            ids_max: 10_000,
        };
        let known = known(&disk, &layout()).expect("a disk that does not fail");
        let (journal, _) = open(disk.clone(), layout(), options, &known).ok()?;
        let clock = Instant::now();
        let (follower, _) =
            Follower::open(disk, layout(), follow_options(), journal.shared(), clock).ok()?;
        Some(Self {
            journal,
            follower,
            clock,
        })
    }

    /// Steps with so much time between that nothing has a reason to wait.
    pub fn settle(&mut self, now: Timestamp) {
        for _ in 0..4 {
            self.clock += Duration::from_secs(3600);
            while self.follower.step(now, self.clock) {}
        }
    }

    pub fn deliver(&mut self, source: &str, texts: &[String], first_id: u128, now: Timestamp) {
        let one = |(id, text): (u128, &String)| Incoming {
            earlier: None,
            source: name(source),
            once: true,
            text: text.clone().into_bytes(),
            events: Events::One([Event {
                id: Id(id.to_be_bytes()),
                payload: 0..text.len(),
            }]),
        };
        let batch: Vec<Incoming> = (first_id..).zip(texts).map(one).collect();
        let verdicts = self.journal.commit(&batch, now);
        assert!(verdicts.iter().all(|verdict| *verdict != Verdict::Failed));
    }
}

pub fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).expect("a moment")
}

/// Directories as a kill leaves them: several days, a clock that went back, files of twenty rows, columns that come and go,
/// rows behind the checkpoints.
pub struct World {
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// The tables, as they must be served.
    pub tables: BTreeMap<PathBuf, Vec<u8>>,
    pub now: Timestamp,
}

impl World {
    pub fn new(rng: &mut Rng, tables_lag: bool, torn: bool) -> Self {
        let disk = Arc::new(MemoryDisk::default());
        let mut running = Running::start(&disk).expect("a start");
        let days = [
            "2026-11-20",
            "2026-11-21",
            "2026-11-24",
            "2026-11-21",
            "2026-11-22",
            "2026-11-25",
        ];
        let mut id = 1;
        let mut now = moment("2026-11-20T10:00:00.000Z");
        for (nth, day) in days.iter().enumerate() {
            for hour in 10..20 {
                now = moment(&format!("{day}T{hour}:00:00.000Z"));
                let (source, _) = SOURCES[rng.usize(..SOURCES.len())];
                let texts: Vec<String> = (0..rng.usize(1..8))
                    .map(|_| payload(source, id, rng))
                    .collect();
                running.deliver(source, &texts, id, now);
                id += 100;
                if rng.bool() && (nth + 1 < days.len() || hour < 15) {
                    running.settle(now);
                    running.journal.checkpoint().expect("a checkpoint");
                } else if !tables_lag || nth + 1 < days.len() {
                    // No time goes by: nothing is remembered of what is written now.
                    while running.follower.step(now, running.clock) {}
                }
            }
            if nth + 1 < days.len() {
                running.settle(now);
                running.follower.checkpoint(running.clock);
                running.journal.checkpoint().expect("a checkpoint");
            }
        }
        drop(running);
        if torn {
            // A batch of two, of which one line and a half were written and none was answered.
            let segment = disk
                .all()
                .into_iter()
                .map(|file| file.0)
                .rfind(|path| path.ends_with("2026-11-25.jsonl"));
            let segment = segment.expect("the last segment");
            let mut content = disk.get(&segment);
            // They stand where there was room.
            let written = content.iter().rposition(|&byte| byte != b' ');
            content.truncate(written.expect("a line") + 1);
            let last = content
                .split(|&byte| byte == b'\n')
                .rfind(|line| !line.is_empty());
            let seq = record::parse(last.expect("a line"))
                .expect("a record")
                .seq
                .next();
            for (seq, left) in [(seq, 1), (seq.next(), 0)] {
                let line = record::Record {
                    seq,
                    batch: Seq(seq.0 + left - 1),
                    left,
                    ..unanswered()
                };
                line.write(&mut content);
            }
            content.truncate(content.len() - 50);
            disk.put(&segment, &content);
        }
        let files = disk.all();
        let disk = Arc::new(MemoryDisk::default());
        for (path, content) in &files {
            disk.put(path, content);
        }
        // What has to be served is what a start makes of it when nothing else happened.
        let mut running = Running::start(&disk).expect("a start");
        running.settle(now);
        running.follower.checkpoint(running.clock);
        let is_table = |path: &Path| path.starts_with(layout().csv_root());
        let served = disk.all().into_iter();
        let tables = served.filter(|(path, _)| is_table(path)).collect();
        Self { files, tables, now }
    }

    pub fn copy(&self) -> Arc<MemoryDisk> {
        let disk = Arc::new(MemoryDisk::default());
        for (path, content) in &self.files {
            disk.put(path, content);
        }
        disk
    }

    pub fn content(&self, path: &Path) -> &[u8] {
        let found = self.files.iter().find(|file| file.0 == path);
        &found.expect("a file").1
    }

    /// One of the tables' files that were there when it was killed.
    pub fn some_table(&self, rng: &mut Rng) -> PathBuf {
        let is_table = |path: &Path| path.starts_with(layout().csv_root());
        let tables: Vec<&PathBuf> = self
            .files
            .iter()
            .map(|file| &file.0)
            .filter(|path| is_table(path))
            .collect();
        tables[rng.usize(..tables.len())].clone()
    }

    /// The segments in the order of their chain, the tables behind them.
    pub fn segments(&self) -> Vec<PathBuf> {
        let mut found: Vec<(u64, PathBuf)> = Vec::new();
        for (path, content) in &self.files {
            if path.starts_with(layout().journal_dir()) {
                let text = String::from_utf8_lossy(content);
                found.push((crate::audit::first_line(&text).segment, path.clone()));
            }
        }
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }
}

pub fn unanswered() -> record::Record<'static> {
    record::Record {
        seq: Seq(0),
        batch: Seq(0),
        left: 0,
        received_at: b"2026-11-25T20:00:00.000Z",
        source: "orders",
        id: b"0123456789abcdef0123456789abcdef",
        payload: br#"{"unanswered":1}"#,
    }
}

fn payload(source: &str, id: u128, rng: &mut Rng) -> String {
    let n = rng.u32(..);
    let text = [
        "plain",
        "=1+1",
        "two\\nlines",
        "a \\\"quote\\\", and more",
        "ünï",
    ][rng.usize(..5)];
    if source == "lessonly" {
        let field = rng.usize(..4) * 7 + usize::try_from(id / 600).expect("small");
        format!(
            r#"{{"user":{{"id":"{n}","name":"{text}","custom_fields":{{"Field {field}":"{n}"}}}},"score":0.50}}"#
        )
    } else {
        let key = rng.usize(..3) * 5 + usize::try_from(id / 900).expect("small");
        format!(r#"{{"n":{n},"k{key}":"{text}","deep":{{"a":[1,{n}]}}}}"#)
    }
}
