//! Torn tails and flipped bits, thousands of them: what `verify` tells of each,
//! and what a start makes of it. In memory and within this process, so that a
//! thousand take seconds.
//!
//! `ROWHOOK_TAILS=4096 ROWHOOK_FLIPS=1000` are the numbers of the long run.

#[path = "../fuzz/targets/memory.rs"]
#[allow(dead_code, reason = "the fuzz targets use the rest")]
mod memory;

use chrono_tz::Tz;
use fastrand::Rng;
use memory::MemoryDisk;
use rowhook::disk::{Open, Sealed, SharedDisk, get_sealed};
use rowhook::event::{Id, Preset, Seq, SourceName, Timestamp};
use rowhook::flatten::Rules;
use rowhook::follow::{FollowOptions, Follower};
use rowhook::journal::{Event, Events, Incoming, Journal, Options, Verdict, open, record};
use rowhook::layout::{Layout, csv_of_name};
use rowhook::table::{Checkpoint, is_what_it_was};
use rowhook::verify::{self, Kind, Report, verify};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
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

fn count(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn layout() -> Layout {
    Layout::new("/rowhook")
}

fn name(source: &str) -> SourceName {
    SourceName::new(source).expect("a name")
}

fn rules(preset: Preset) -> Rules {
    Rules {
        preset,
        columns_max: 1000,
        guard: true,
        bom: false,
    }
}

fn follow_options() -> FollowOptions {
    FollowOptions {
        zone: Tz::UTC,
        sources: SOURCES.map(|(s, preset)| (name(s), rules(preset))).into(),
        others: rules(Preset::Generic),
        part_rows: PART_ROWS,
    }
}

fn look(disk: &SharedDisk) -> Report {
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
struct Running {
    journal: Journal,
    follower: Follower,
    clock: Instant,
}

impl Running {
    /// What a start makes of it; nothing when it refuses.
    fn start(disk: &Arc<MemoryDisk>) -> Option<Self> {
        let disk: SharedDisk = disk.clone();
        let options = Options {
            zone: Tz::UTC,
            dedup_days: 7,
            ids_max: 10_000,
        };
        let (journal, _) = open(disk.clone(), layout(), options).ok()?;
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
    fn settle(&mut self, now: Timestamp) {
        for _ in 0..4 {
            self.clock += Duration::from_secs(3600);
            while self.follower.step(now, self.clock) {}
        }
    }

    fn deliver(&mut self, source: &str, texts: &[String], first_id: u128, now: Timestamp) {
        let one = |(id, text): (u128, &String)| Incoming {
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

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).expect("a moment")
}

/// Directories as a kill leaves them: several days, a clock that went back, files of twenty rows, columns that come and go,
/// rows behind the checkpoints.
struct World {
    files: Vec<(PathBuf, Vec<u8>)>,
    /// The tables, as they must be served.
    tables: BTreeMap<PathBuf, Vec<u8>>,
    now: Timestamp,
}

impl World {
    fn new(rng: &mut Rng, tables_lag: bool, torn: bool) -> Self {
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

    fn copy(&self) -> Arc<MemoryDisk> {
        let disk = Arc::new(MemoryDisk::default());
        for (path, content) in &self.files {
            disk.put(path, content);
        }
        disk
    }

    fn content(&self, path: &Path) -> &[u8] {
        let found = self.files.iter().find(|file| file.0 == path);
        &found.expect("a file").1
    }

    /// One of the tables' files that were there when it was killed.
    fn some_table(&self, rng: &mut Rng) -> PathBuf {
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
    fn segments(&self) -> Vec<PathBuf> {
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

fn unanswered() -> record::Record<'static> {
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

/// What came of all of them.
#[derive(Default)]
struct Tally {
    times: usize,
    /// Told as damage or edit; as notes alone; not at all.
    told: usize,
    noted: usize,
    silent: usize,
    /// A start refused; made all right again; left a closed day as it is and tells of it.
    refused: usize,
    whole: usize,
    told_by_server: usize,
    /// Only `verify` told: a full file of the open day that nobody is seen to have changed is not read again by a start.
    by_verify_alone: usize,
    /// A start cut the last batch, which nothing but a table's file shows to have been acknowledged.
    cut: usize,
    /// A start did not read what is damaged, because a checkpoint says how far it had been whole; all tables are right.
    unread: usize,
    why_silent: BTreeMap<&'static str, usize>,
    noted_kinds: BTreeMap<Kind, usize>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            times,
            told,
            noted,
            silent,
            refused,
            whole,
            told_by_server,
            by_verify_alone,
            cut,
            unread,
            why_silent,
            noted_kinds,
        } = self;
        write!(
            f,
            "{times}: verify told {told} as damage or edit, {noted} as notes {noted_kinds:?}, {silent} not {why_silent:?}; a start \
             refused {refused}, had everything right after {whole}, told of a closed day's file after {told_by_server} (and verify alone of an open day's full file in {by_verify_alone}), cut the last \
             batch in {cut}, did not read what is damaged in {unread} and had every table right"
        )
    }
}

/// What was done to a file.
struct Harm {
    path: PathBuf,
    content: Vec<u8>,
    what: String,
}

impl Tally {
    fn take(&mut self, world: &World, harm: &Harm) {
        self.times += 1;
        let Harm {
            path,
            content,
            what,
        } = harm;
        let disk = world.copy();
        disk.put(path, content);
        let shared: SharedDisk = disk.clone();
        let report = look(&shared);
        let told = report.has_differences();
        let noted = report.findings.told.iter().any(|f| !f.kind.is_difference());
        match (told, noted) {
            (true, _) => self.told += 1,
            (false, true) => self.noted += 1,
            (false, false) => self.silent += 1,
        }
        let Some(mut running) = Running::start(&disk) else {
            assert!(
                told,
                "{what}: a start refuses what verify finds nothing wrong with\n{report}"
            );
            self.refused += 1;
            return;
        };
        running.settle(world.now);
        running.follower.checkpoint(running.clock);
        let lost = lost(world, &disk);
        let mut all_right = true;
        let (mut told_by_server, mut by_verify_alone) = (false, false);
        for (table, pristine) in &world.tables {
            let now = disk.get(table);
            if now == *pristine {
                continue;
            }
            all_right = false;
            if lost > 0 {
                continue;
            }
            told_by_server = true;
            assert!(
                told,
                "{what}: {} differs after a start, and verify says\n{report}",
                table.display()
            );
            by_verify_alone |= !is_told(&shared, table);
        }
        if lost > 0 && disk.get(path) == *content {
            self.unread += 1;
            assert!(
                told && all_right,
                "{what}: {lost} damaged events were not noticed"
            );
        } else if lost > 0 {
            self.cut += 1;
            assert!(
                told || noted,
                "{what}: {lost} events are gone, and verify says\n{report}"
            );
        }
        self.whole += usize::from(all_right);
        self.told_by_server += usize::from(told_by_server && !by_verify_alone);
        self.by_verify_alone += usize::from(by_verify_alone);
        if !told && noted {
            for finding in &report.findings.told {
                *self.noted_kinds.entry(finding.kind).or_default() += 1;
            }
        }
        if !told && lost > 0 {
            let why = "the journal ends with a whole batch, and nothing remembers those behind it";
            *self.why_silent.entry(why).or_default() += 1;
        } else if !told && !noted {
            assert!(all_right, "{what}: nothing was told");
            let why = if world.content(path) == content {
                "nothing was changed"
            } else {
                "bytes that were never acknowledged"
            };
            *self.why_silent.entry(why).or_default() += 1;
        }
        let after = look(&shared);
        assert!(
            told || !after.has_differences(),
            "{what}: after a start\n{after}"
        );
    }
}

/// How many acknowledged events the journal does not have any more.
fn lost(world: &World, disk: &MemoryDisk) -> usize {
    let ids = |content: &[u8]| -> BTreeSet<Vec<u8>> {
        let lines = content.split(|&byte| byte == b'\n').skip(1);
        lines
            .filter_map(|line| Some(record::parse(line).ok()?.id.to_vec()))
            .filter(|id| id != unanswered().id)
            .collect()
    };
    let all = |get: &dyn Fn(&PathBuf) -> Vec<u8>| -> BTreeSet<Vec<u8>> {
        world
            .segments()
            .iter()
            .flat_map(|path| ids(&get(path)))
            .collect()
    };
    let before = all(&|path| world.content(path).to_vec());
    before.difference(&all(&|path| disk.get(path))).count()
}

/// Whether the list of tables says that this closed day's file is not what it was.
fn is_told(disk: &SharedDisk, table: &Path) -> bool {
    let file_name = table.file_name().expect("a name").to_string_lossy();
    let (day, part) = csv_of_name(&file_name).expect("a table");
    let source = table.parent().and_then(Path::file_name).expect("a source");
    let path = layout().table_checkpoint(&name(&source.to_string_lossy()), day);
    let Ok(Sealed::Whole(state)) = get_sealed::<Checkpoint>(&**disk, &path) else {
        return false;
    };
    let Ok(file) = disk.open(table, Open::Read) else {
        return true;
    };
    state.closed && !is_what_it_was(&*file, &state.parts[part as usize - 1]).expect("readable")
}

fn worlds(rng: &mut Rng) -> Vec<World> {
    let worlds: Vec<World> = [(false, false), (false, true), (true, false), (true, true)]
        .map(|(lag, torn)| World::new(rng, lag, torn))
        .into();
    for world in &worlds {
        let disk: SharedDisk = world.copy();
        let report = look(&disk);
        assert!(!report.has_differences(), "{report}");
        assert!(report.tables > 8 && report.segments > 5, "{report}");
        assert!(
            world.tables.len() as u64 > report.tables,
            "no table has two files"
        );
    }
    worlds
}

#[test]
fn torn_tails() {
    let mut rng = Rng::with_seed(count("ROWHOOK_SEED", 1) as u64);
    let worlds = worlds(&mut rng);
    let (mut journal, mut tables) = (Tally::default(), Tally::default());
    for nth in 0..count("ROWHOOK_TAILS", 256) {
        let world = &worlds[nth % worlds.len()];
        let in_table = rng.usize(..4) == 0;
        let path = if in_table {
            world.some_table(&mut rng)
        } else {
            let segments = world.segments();
            // Mostly the last one, where a crash tears.
            let back = if rng.usize(..8) == 0 {
                rng.usize(..segments.len())
            } else {
                0
            };
            segments[segments.len() - 1 - back].clone()
        };
        let whole = world.content(&path);
        let at = rng.usize(..whole.len());
        let mut content = whole[..at].to_vec();
        let how = rng.usize(..4);
        match how {
            0 => content.resize(whole.len(), 0),
            1 => content.extend((at..whole.len()).map(|_| rng.u8(..))),
            _ => {}
        }
        let how = ["zeros", "noise", "cut", "cut"][how];
        let what = format!(
            "tail {nth}: {how} from byte {at} of {} of {}",
            whole.len(),
            path.display()
        );
        let tally = if in_table { &mut tables } else { &mut journal };
        tally.take(
            world,
            &Harm {
                path,
                content,
                what,
            },
        );
    }
    println!("tails of segments, {journal}");
    println!("tails of tables, {tables}");
}

#[test]
fn flipped_bits() {
    let mut rng = Rng::with_seed(count("ROWHOOK_SEED", 2) as u64);
    let worlds = worlds(&mut rng);
    let (mut journal, mut tables) = (Tally::default(), Tally::default());
    for nth in 0..count("ROWHOOK_FLIPS", 128) {
        let world = &worlds[nth % worlds.len()];
        let in_table = rng.bool();
        let path = if in_table {
            world.some_table(&mut rng)
        } else {
            let segments = world.segments();
            segments[rng.usize(..segments.len())].clone()
        };
        let mut content = world.content(&path).to_vec();
        let (at, bit) = (rng.usize(..content.len()), rng.u32(..8));
        content[at] ^= 1 << bit;
        let what = format!("flip {nth}: bit {bit} of byte {at} of {}", path.display());
        let tally = if in_table { &mut tables } else { &mut journal };
        tally.take(
            world,
            &Harm {
                path,
                content,
                what,
            },
        );
    }
    println!("bits of segments, {journal}");
    println!("bits of tables, {tables}");
    assert_eq!((journal.silent, tables.silent), (0, 0));
}
