//! Killed at any moment: the tables are whole again, and nobody is blamed for
//! what a kill left.

use super::*;

/// Days, widenings, full files, checkpoints.
fn scenario(world: &mut World) {
    for n in 0..14 {
        world.send("orders", &format!(r#"{{"n":{n},"c{}":1}}"#, n / 3));
        if n % 2 == 0 {
            world.send("other", &format!(r#"{{"x":{n}}}"#));
        }
        if n % 5 == 3 {
            world.settle();
        } else {
            world.run();
        }
        if n == 10 {
            world.go_to("2026-11-24T00:00:05.000Z");
        }
    }
}

/// After every single change of the disk.
#[test]
fn killed_after_any_operation() {
    let mut wrong = Vec::new();
    let mut moment = 0;
    loop {
        let (disk, faults) = faulty();
        let mut world = World::with(disk, 4, &["orders", "other"]);
        let start = faults.done();
        faults.die_after(moment);
        scenario(&mut world);
        let all = faults.done() - start;
        world.kill();
        world.disk = calm();
        world.start();
        world.settle();
        if !world.edited().is_empty() {
            wrong.push(format!("{moment}: a copy"));
        } else if world.with_rows() != in_rows(world.rebuilt()) {
            wrong.push(format!("{moment}: other bytes"));
        } else if world.tables().keys().any(|name| name.contains("/.")) {
            wrong.push(format!("{moment}: left {:?}", world.tables().keys()));
        }
        if moment > all {
            break;
        }
        moment += 1;
    }
    assert!(
        wrong.is_empty(),
        "of {moment} moments {}: {wrong:#?}",
        wrong.len()
    );
}

fn in_rows(files: Files) -> Files {
    files.into_iter().filter(|(_, c)| has_rows(c)).collect()
}

/// Killed between any two steps, again and again.
#[test]
fn killed_between_any_steps() {
    for kill_every in [1, 2, 3, 5] {
        for checkpoint_every in [1, 2, 7, 100] {
            let mut world = World::with(calm(), 6, &["orders"]);
            for n in 0..25 {
                world.send("orders", &format!(r#"{{"n":{n},"c{}":1}}"#, n / 4));
                world.step();
                if n % checkpoint_every == checkpoint_every - 1 {
                    let clock = world.clock;
                    world.follower.as_mut().unwrap().0.checkpoint(clock);
                }
                if n % kill_every == kill_every - 1 {
                    world.kill();
                    world.start();
                }
            }
            world.settle();
            let what = format!("killed every {kill_every}, checkpoint every {checkpoint_every}");
            assert_eq!(world.edited(), [""; 0], "{what}");
            world.assert_whole(&what);
        }
    }
}

/// A row is in the file, unremembered; behind it the journal has one with a new column.
#[test]
fn killed_before_a_new_column() {
    let mut world = World::new();
    world.send("orders", r#"{"a":1}"#);
    world.stop();
    world.start();
    world.send("orders", r#"{"a":2}"#);
    world.run();
    world.send("orders", r#"{"b":3}"#);
    world.kill();
    world.start();
    world.settle();
    assert_eq!(world.edited(), [""; 0]);
    world.assert_whole("a new column");
}

/// More than a block of the journal is in the file, unremembered.
#[test]
fn killed_with_much_behind_the_checkpoint() {
    for remembered in [false, true] {
        let mut world = World::with(calm(), 1_000_000, &["orders"]);
        if remembered {
            world.send("orders", r#"{"n":0}"#);
            world.stop();
            world.start();
        }
        let text = "x".repeat(1000);
        for n in 0..600 {
            world.send("orders", &format!(r#"{{"n":{n},"text":"{text}"}}"#));
        }
        world.run();
        assert!(world.csv("orders/2026-11-23.csv").len() > 512 * 1024);
        world.kill();
        world.start();
        world.settle();
        assert!(world.edited().is_empty(), "with a checkpoint: {remembered}");
        world.assert_whole("much");
    }
}

/// The machine went down: behind what was synced there is anything.
#[test]
fn anything_behind_the_checkpoint() {
    for tail in ["half a ro", "\0\0\0\0\0\0\0\0", "2026,x,1\n", "\"\n"] {
        for next in [None, Some(r#"{"a":3}"#), Some(r#"{"b":3}"#)] {
            let mut world = World::new();
            world.send("orders", r#"{"a":1}"#);
            world.stop();
            world.append("orders/2026-11-23.csv", tail);
            if let Some(payload) = next {
                world.send("orders", payload);
            }
            world.start();
            world.settle();
            assert_eq!(
                world.csv("orders/2026-11-23.csv"),
                world.rebuilt()["orders/2026-11-23.csv"]
            );
            let theirs = world.edited();
            if tail.starts_with('\0') {
                // What a crash leaves, and nobody's work.
                assert_eq!(theirs, Vec::<String>::new(), "{next:?}");
                continue;
            }
            assert!(
                theirs.len() == 1 && theirs[0].ends_with(tail),
                "{tail:?}, {next:?}"
            );
        }
    }
}

/// A row torn anywhere is finished.
#[test]
fn a_torn_row_is_finished() {
    let mut world = World::new();
    world.send("orders", r#"{"a":1}"#);
    world.stop();
    let before = world.csv("orders/2026-11-23.csv").len();
    world.start();
    world.send_all("orders", &[r#"{"a":"two\nlines"}"#, r#"{"a":3}"#]);
    world.run();
    let whole = world.csv("orders/2026-11-23.csv");
    world.kill();
    for cut in before..whole.len() {
        let mut torn = world.torn(cut);
        torn.start();
        torn.settle();
        assert_eq!(
            torn.tables(),
            Files::from([("orders/2026-11-23.csv".into(), whole.clone())]),
            "cut at {cut}"
        );
        world = torn;
        world.kill();
    }
}

impl World {
    /// As it was, with the CSV cut and the checkpoint of before.
    fn torn(self, cut: usize) -> Self {
        let state = "state/tables/orders/2026-11-23.json";
        let kept = self.path("kept.json");
        if !kept.exists() {
            std::fs::copy(self.path(state), &kept).unwrap();
            std::fs::copy(self.path("state/tables.json"), self.path("kept2.json")).unwrap();
        }
        std::fs::copy(&kept, self.path(state)).unwrap();
        std::fs::copy(self.path("kept2.json"), self.path("state/tables.json")).unwrap();
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(self.path("csv/orders/2026-11-23.csv"))
            .unwrap();
        file.set_len(cut as u64).unwrap();
        self
    }
}

#[test]
fn a_copy_of_the_directory_goes_on() {
    let mut world = World::with(calm(), 5, &["orders"]);
    for n in 0..12 {
        world.send("orders", &format!(r#"{{"n":{n},"c{}":1}}"#, n / 4));
        world.settle();
    }
    world.stop();
    let tables = world.tables();
    for parts in [
        &["journal", "csv", "state"][..],
        &["journal", "csv"],
        &["journal", "state"],
    ] {
        let mut copy = world.fresh_copy(parts);
        assert_eq!(copy.tables(), tables, "{parts:?}");
        copy.send("orders", r#"{"n":"next","new":1}"#);
        copy.settle();
        assert_eq!(copy.edited(), [""; 0], "{parts:?}");
        copy.assert_whole(&format!("{parts:?}"));
    }
}

#[test]
fn a_large_day_without_its_state_leaves_no_copy() {
    let mut world = World::with(calm(), 1_000_000, &["orders"]);
    let text = "x".repeat(1000);
    for n in 0..600 {
        world.send("orders", &format!(r#"{{"n":{n},"text":"{text}"}}"#));
    }
    world.stop();
    let copy = world.fresh_copy(&["journal", "csv"]);
    assert!(copy.edited().is_empty());
    assert!(copy.tables() == world.tables());
}
