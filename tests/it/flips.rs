//! Torn tails and flipped bits, thousands of them: what `verify` tells of each,
//! and what a start makes of it. In memory and within this process, so that a
//! thousand take seconds.
//!
//! `ROWHOOK_TAILS=4096 ROWHOOK_FLIPS=1000` are the numbers of the long run.

use crate::flips_world::memory::MemoryDisk;
use crate::flips_world::{Running, World, count, layout, look, name, unanswered};
use fastrand::Rng;
use rowhook::disk::{Open, Sealed, SharedDisk, get_sealed};
use rowhook::journal::record;
use rowhook::layout::csv_of_name;
use rowhook::table::{Checkpoint, is_what_it_was};
use rowhook::verify::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

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
    /// A start cut acknowledged batches that no state remembers yet; a table's file may show them.
    cut: usize,
    /// A start did not read what is damaged, because a checkpoint says how far it had been whole; all tables are right.
    unread: usize,
    why_not_told: BTreeMap<&'static str, usize>,
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
            why_not_told,
            noted_kinds,
        } = self;
        write!(
            f,
            "{times}: verify told {told} as damage or edit, {noted} as notes {noted_kinds:?}, {silent} not; {why_not_told:?}; a start \
             refused {refused}, had everything right after {whole}, told of a closed day's file after {told_by_server} (and verify alone of an open day's full file in {by_verify_alone}), cut what no \
             state remembers in {cut}, did not read what is damaged in {unread} and had every table right"
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
        let ends_early = world.content(path).starts_with(content);
        if lost > 0 && !ends_early && disk.get(path) == *content {
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
            let why = "acknowledged events gone that nothing remembers, no more than a batch that was cut off";
            *self.why_not_told.entry(why).or_default() += 1;
        } else if !told && !noted {
            assert!(all_right, "{what}: nothing was told");
            let why = if world.content(path) == content {
                "nothing was changed"
            } else {
                "bytes that were never acknowledged"
            };
            *self.why_not_told.entry(why).or_default() += 1;
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

/// What it says of one file of several, each time of a world in which only that happened.
#[test]
fn files_of_one_day() {
    let world = World::new(&mut Rng::with_seed(5), false, false);
    let is_second = |path: &Path| path.to_string_lossy().ends_with(".2.csv");
    let is_closed = |path: &Path| !path.to_string_lossy().contains("2026-11-25");
    let mut tables = world.tables.keys();
    let second = tables
        .find(|path| is_second(path) && is_closed(path))
        .expect("a second file");
    let first = PathBuf::from(second.to_string_lossy().replace(".2.csv", ".csv"));
    let third = PathBuf::from(second.to_string_lossy().replace(".2.csv", ".3.csv"));
    let said = |change: &dyn Fn(&MemoryDisk)| {
        let disk = world.copy();
        change(&disk);
        let shared: SharedDisk = disk;
        let told = look(&shared).findings.told.into_iter();
        let differences: Vec<_> = told
            .filter(|finding| finding.kind.is_difference())
            .collect();
        differences
            .into_iter()
            .map(|finding| (finding.file, finding.what))
            .collect::<Vec<_>>()
    };
    let named = |path: &Path, what: &str| {
        let name = path
            .strip_prefix("/rowhook")
            .expect("below")
            .to_string_lossy()
            .into_owned();
        vec![(name, what.to_owned())]
    };
    assert_eq!(said(&|_| {}), []);
    assert_eq!(
        said(&|disk| disk.forget(&first)),
        named(&first, "the file with its 20 rows is missing")
    );
    // Whole rows of the first file's end.
    let text = world.content(&first);
    let end = text.iter().rposition(|&byte| byte == b'\n').expect("a row");
    let mut ends = rowhook::table::rows::RowEnds::default();
    let (mut at, mut last) = (0, 0);
    while let Some(next) = ends.next(&text[..end], at) {
        (last, at) = (next, next);
    }
    let cut = said(&|disk| disk.put(&first, &text[..last]));
    assert_eq!(
        cut,
        named(&first, "the file was cut; missing from here on: 1 row")
    );
    let more = said(&|disk| disk.put(&third, b"mine\n"));
    assert_eq!(
        more,
        named(&third, "no event of the journal gives a row of this file")
    );
    let empty = said(&|disk| disk.put(second, b""));
    assert_eq!(empty, named(second, "the file has no whole header line"));
}
