//! A disk that fails under the tables: caught up later.

use super::*;
use crate::disk::tests::{EIO, ENOSPC, Op};

fn inode(world: &World, name: &str) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(world.path("csv").join(name))
        .unwrap()
        .ino()
}

#[test]
fn a_failing_disk_is_caught_up_with() {
    let mut wrong = Vec::new();
    for op in [
        Op::Make,
        Op::Write,
        Op::Sync,
        Op::Rename,
        Op::SyncDir,
        Op::Remove,
    ] {
        for path in ["csv", "state", ""] {
            for skip in [0, 1, 2, 3, 5, 8] {
                for count in [1, 2, 5] {
                    let (disk, faults) = faulty();
                    let mut world = World::with(disk, 4, &["orders"]);
                    world.send("orders", r#"{"a":1}"#);
                    world.settle();
                    faults.fail(Some(op), path, skip, count, ENOSPC);
                    for n in 0..10 {
                        world.send("orders", &format!(r#"{{"n":{n},"c{}":1}}"#, n / 3));
                        world.step();
                        if n % 3 == 2 {
                            world.settle();
                        }
                    }
                    faults.clear();
                    world.settle();
                    let what = format!("{op:?} of {path:?}, {count} after {skip}");
                    if !world.edited().is_empty() {
                        wrong.push(format!("{what}: a copy"));
                    } else if world.with_rows() != world.rebuilt() {
                        wrong.push(format!("{what}: other bytes"));
                    } else if world.tables().len() != world.with_rows().len() {
                        wrong.push(format!("{what}: left {:?}", world.tables().keys()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} times: {wrong:#?}", wrong.len());
}

#[test]
fn a_source_that_cannot_be_written_holds_no_other_up() {
    let (disk, faults) = faulty();
    let mut world = World::with(disk, 1000, &["orders", "other"]);
    faults.fail(None, "csv/orders", 0, u64::MAX, EIO);
    for n in 0..5 {
        world.send("orders", &format!(r#"{{"n":{n}}}"#));
        world.send("other", &format!(r#"{{"n":{n}}}"#));
        world.run();
    }
    assert_eq!(cells(&world.csv("other/2026-11-23.csv")).1.len(), 5);
    assert!(!world.path("csv/orders/2026-11-23.csv").exists());
    // What it does not have must not be forgotten by a restart.
    world.clock += Duration::from_secs(60);
    world.run();
    world.kill();
    faults.clear();
    world.start();
    world.settle();
    assert_eq!(world.edited(), [""; 0]);
    world.assert_whole("after all");
}

/// Somebody asks for a table to be made anew while it waits, because its disk failed after rows were written that no checkpoint
/// knows: those are ours, and no copy of them is kept as somebody's version. On a disk that still fails they are told.
#[test]
fn a_table_whose_disk_failed_is_made_anew_as_asked() {
    for still in [false, true] {
        let (disk, faults) = faulty();
        let mut world = World::with(disk, 1000, &["orders"]);
        world.send("orders", r#"{"a":1}"#);
        world.run();
        let count = if still { u64::MAX } else { 1 };
        faults.fail(Some(Op::Make), "csv/orders", 0, count, ENOSPC);
        world.send("orders", r#"{"b":1}"#);
        world.clock += Duration::from_secs(3600);
        world.step();
        let handle = &world.follower.as_ref().unwrap().1;
        let day = world.now.day(Tz::UTC);
        let mut told = handle.rebuild(Some(name("orders")), day..=day).unwrap();
        world.run();
        let rebuilt = told.try_recv().unwrap().unwrap();
        assert_eq!(rebuilt.after.is_err(), still, "{:?}", rebuilt.after);
        assert!(told.try_recv().unwrap().is_none(), "that is all");
        faults.clear();
        world.settle();
        assert_eq!(world.edited(), [""; 0]);
        world.assert_whole("made anew");
    }
}

/// After a failed sync nothing is known of what was written: reading it back shows memory only.
#[test]
fn a_file_that_could_not_be_synced_is_made_anew() {
    let file = "orders/2026-11-23.csv";
    let mut wrong = Vec::new();
    for how in ["checkpoint", "full", "closing"] {
        let (disk, faults) = faulty();
        let mut world = World::with(disk, 4, &["orders"]);
        for n in 0..3 {
            world.send("orders", &format!(r#"{{"n":{n}}}"#));
        }
        world.settle();
        world.send("orders", r#"{"n":3}"#);
        world.run();
        let before = inode(&world, file);
        faults.fail(Some(Op::Sync), "csv/orders", 0, 1, EIO);
        match how {
            "checkpoint" => world.clock += Duration::from_secs(60),
            "full" => world.send("orders", r#"{"n":4}"#),
            _ => world.go_to("2026-11-24T00:00:05.000Z"),
        }
        world.run();
        faults.clear();
        world.settle();
        world.assert_whole(how);
        if inode(&world, file) == before {
            wrong.push(how);
        }
    }
    assert_eq!(wrong, [""; 0], "the same file goes on");
}

/// The journal lost what a table knows: that is said, and nothing is made anew and nothing cut. Whoever has no better journal
/// is told how to go on, and what is stored then becomes rows.
#[test]
fn a_journal_that_ends_before_what_a_table_knows_stops_the_start() {
    for knows in ["tables.json", "tables/orders", "both"] {
        let mut world = World::new();
        for n in 1..4 {
            world.send("orders", &format!(r#"{{"n":{n}}}"#));
        }
        world.stop();
        if knows != "both" {
            for other in ["tables.json", "tables/orders"] {
                let path = world.path("state").join(other);
                if other == knows {
                } else if path.is_dir() {
                    std::fs::remove_dir_all(path).unwrap();
                } else {
                    std::fs::remove_file(path).unwrap();
                }
            }
        }
        let journal = world.path("journal/2026-11-23.jsonl");
        let whole = std::fs::read_to_string(&journal).unwrap();
        let mut cut: String = whole.split_inclusive('\n').take(2).collect();
        let end = cut.len();
        cut += "half a li";
        std::fs::write(&journal, &cut).unwrap();
        let before = world.tables();
        let Err(RecoveryError::EndsEarly {
            path,
            offset,
            what,
            known,
        }) = world.open_journal()
        else {
            panic!("{knows}: it starts");
        };
        assert_eq!((path, offset), (journal.clone(), end as u64), "{knows}");
        assert!(
            what.starts_with("the journal ends with event 1 here, but"),
            "{what}"
        );
        assert!(what.ends_with("knows event 3"), "{what}");
        assert_eq!(world.tables(), before);
        assert_eq!(std::fs::read_to_string(&journal).unwrap(), cut);
        // As it is told.
        assert_eq!(known.len(), if knows == "both" { 2 } else { 1 });
        for path in known {
            std::fs::remove_file(path).unwrap();
        }
        world.start();
        world.send("orders", r#"{"n":"new"}"#);
        world.settle();
        let (_, rows) = cells(&world.csv("orders/2026-11-23.csv"));
        let numbers: Vec<&str> = rows.iter().map(|row| row[2].as_str()).collect();
        assert_eq!(numbers, ["1", "new"], "{knows}");
        assert_eq!(world.edited(), [before["orders/2026-11-23.csv"].as_str()]);
    }
}

/// The same of a day that was closed: its table is made anew too, though the follower remembers that it is behind that day.
#[test]
fn a_closed_day_that_knows_more_than_the_journal_is_made_anew() {
    let mut world = World::new();
    world.send("orders", r#"{"n":1}"#);
    world.send("orders", r#"{"n":2}"#);
    world.stop();
    world.start();
    world.send("orders", r#"{"n":3}"#);
    world.go_to("2026-11-24T00:00:05.000Z");
    world.run();
    world.kill();
    let journal = world.path("journal/2026-11-23.jsonl");
    let whole = std::fs::read_to_string(&journal).unwrap();
    let cut: String = whole.split_inclusive('\n').take(3).collect();
    std::fs::write(&journal, &cut).unwrap();
    let Err(RecoveryError::EndsEarly { what, known, .. }) = world.open_journal() else {
        panic!("it starts");
    };
    assert!(what.ends_with("2026-11-23.json knows event 3"), "{what}");
    assert_eq!(known[0], world.path("state/tables.json"));
    for path in known {
        std::fs::remove_file(path).unwrap();
    }
    world.start();
    world.settle();
    let (_, rows) = cells(&world.csv("orders/2026-11-23.csv"));
    assert_eq!(rows.len(), 2);
    assert_eq!(world.edited().len(), 1);
    assert!(
        world
            .follower
            .as_ref()
            .unwrap()
            .1
            .catalog
            .is_closed(&name("orders"), "2026-11-23".parse().unwrap())
    );
}
