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

/// The journal lost what the tables know: that is said, and nothing is made anew.
#[test]
fn tables_that_know_more_than_the_journal_stop_the_start() {
    let mut world = World::new();
    world.send("orders", r#"{"n":1}"#);
    world.send("orders", r#"{"n":2}"#);
    world.stop();
    let whole = std::fs::read_to_string(world.path("journal/2026-11-23.jsonl")).unwrap();
    let cut: String = whole.split_inclusive('\n').take(2).collect();
    std::fs::write(world.path("journal/2026-11-23.jsonl"), cut).unwrap();
    let before = world.tables();
    let error = world.try_start().unwrap_err();
    assert!(
        error.to_string().contains("missing from the journal"),
        "{error}"
    );
    assert_eq!(world.tables(), before);
}
