//! Files that somebody else changes. Their version is kept, and the table is
//! whole again.

use super::*;

const FILE: &str = "orders/2026-11-23.csv";

fn world(rows: usize) -> World {
    let mut world = World::new();
    for n in 0..rows {
        world.send("orders", &format!(r#"{{"n":{n},"text":"é;x"}}"#));
    }
    world.settle();
    world
}

type Edit = fn(&World);

const EDITS: [(&str, Edit); 6] = [
    ("append", |world| world.append(FILE, "2026,mine\n")),
    ("append half a row", |world| world.append(FILE, "2026,\"mi")),
    ("another header", |world| {
        let text = world.csv(FILE).replacen("received_at", "received-at", 1);
        std::fs::write(world.path("csv").join(FILE), text).unwrap();
    }),
    ("saved by a spreadsheet", |world| {
        let path = world.path("csv").join(FILE);
        let text = world.csv(FILE).replace('\n', "\r\n");
        std::fs::write(path.with_extension("tmp"), text).unwrap();
        std::fs::rename(path.with_extension("tmp"), path).unwrap();
    }),
    ("a row less", |world| {
        let text = world.csv(FILE);
        let mut lines: Vec<_> = text.lines().collect();
        lines.remove(1);
        std::fs::write(world.path("csv").join(FILE), lines.join("\n") + "\n").unwrap();
    }),
    ("other text altogether", |world| {
        std::fs::write(world.path("csv").join(FILE), "mine\n").unwrap();
    }),
];

#[track_caller]
fn assert_kept(world: &mut World, theirs: &str, what: &str) {
    let whole = world.rebuilt();
    let mut tables = world.tables();
    tables.retain(|name, _| !name.contains("edited"));
    assert_eq!(tables, whole, "{what}: the table");
    assert_eq!(world.edited(), [theirs], "{what}: their version");
    let names = world.tables();
    let name = names.keys().find(|name| name.contains("edited")).unwrap();
    let stamp = name
        .strip_prefix("orders/2026-11-23.edited-")
        .and_then(|n| n.strip_suffix(".csv"))
        .unwrap();
    assert!(
        stamp.len() == 6 && stamp.bytes().all(|b| b.is_ascii_digit()),
        "{name}"
    );
}

#[test]
fn an_edit_while_it_runs() {
    for (what, edit) in EDITS {
        let mut world = world(4);
        edit(&world);
        let theirs = world.csv(FILE);
        world.send("orders", r#"{"n":"next"}"#);
        world.settle();
        assert_kept(&mut world, &theirs, what);
        // It goes on from there as if nothing had been.
        world.send("orders", r#"{"n":"after","new":1}"#);
        world.settle();
        world.stop();
        world.start();
        world.settle();
        assert_kept(&mut world, &theirs, what);
    }
}

#[test]
fn an_edit_while_it_is_stopped() {
    for (what, edit) in EDITS {
        for next in [None, Some(r#"{"n":"next"}"#), Some(r#"{"new":"next"}"#)] {
            let mut world = world(4);
            world.stop();
            edit(&world);
            let theirs = world.csv(FILE);
            if let Some(payload) = next {
                world.send("orders", payload);
            }
            world.start();
            world.settle();
            assert_kept(&mut world, &theirs, &format!("{what}, then {next:?}"));
        }
    }
}

/// In place and of equal length, as an editor saves a cell of which one digit was changed.
#[test]
fn an_edit_of_equal_length() {
    for stopped in [false, true] {
        let mut world = world(4);
        if stopped {
            world.stop();
        }
        let theirs = world.csv(FILE).replacen(",0,", ",7,", 1);
        std::fs::write(world.path("csv").join(FILE), &theirs).unwrap();
        if stopped {
            world.start();
        }
        world.send("orders", r#"{"n":"next"}"#);
        world.settle();
        assert_kept(&mut world, &theirs, &format!("stopped: {stopped}"));
    }
}

#[test]
fn an_edit_before_a_kill() {
    for (what, edit) in EDITS {
        let mut world = world(4);
        world.stop();
        world.start();
        world.send("orders", r#"{"n":"unremembered"}"#);
        world.run();
        edit(&world);
        let theirs = world.csv(FILE);
        world.kill();
        world.start();
        world.settle();
        assert_kept(&mut world, &theirs, what);
    }
}

#[test]
fn an_edit_is_noticed_when_the_day_is_closed() {
    for (what, edit) in EDITS {
        let mut world = world(4);
        edit(&world);
        let theirs = world.csv(FILE);
        world.go_to("2026-11-24T00:00:05.000Z");
        world.settle();
        let mut tables = world.with_rows();
        tables.retain(|name, _| !name.contains("edited"));
        assert_eq!(tables.len(), 1, "{what}");
        assert_eq!(tables[FILE], world.rebuilt()[FILE], "{what}");
        assert_eq!(world.edited(), [theirs], "{what}");
    }
}

/// A file that got shorter is somebody's version too; one that is empty or gone holds nothing to keep.
#[test]
fn truncated_and_deleted_files_come_back() {
    for cut in [None, Some(0), Some(10), Some(60), Some(200)] {
        for stopped in [false, true] {
            let mut world = world(4);
            let path = world.path("csv").join(FILE);
            if stopped {
                world.stop();
            }
            if let Some(bytes) = cut {
                let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
                file.set_len(bytes).unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
            if stopped {
                world.start();
            }
            world.send("orders", r#"{"n":"next"}"#);
            world.settle();
            let mut tables = world.tables();
            tables.retain(|name, _| !name.contains("edited"));
            assert_eq!(tables, world.rebuilt(), "{cut:?}, {stopped}");
            let kept: Vec<usize> = world.edited().iter().map(String::len).collect();
            let wanted = cut.and_then(|bytes| usize::try_from(bytes).ok());
            assert_eq!(kept, Vec::from_iter(wanted.filter(|&bytes| bytes > 0)));
        }
    }
}

#[test]
fn two_edits_within_a_second_are_both_kept() {
    let mut world = world(2);
    let mut theirs = Vec::new();
    for n in 0..3 {
        world.append(FILE, &format!("mine {n}\n"));
        theirs.push(world.csv(FILE));
        world.send("orders", &format!(r#"{{"n":"after {n}"}}"#));
        world.settle();
    }
    let mut kept = world.edited();
    kept.sort_by_key(String::len);
    assert_eq!(kept, theirs);
    assert_eq!(world.csv(FILE), world.rebuilt()[FILE]);
}

/// What is named as a copy and cannot be read keeps nothing, and keeps nothing from being done.
#[test]
fn copies_that_cannot_be_read() {
    let mut world = world(4);
    let folder = world.path("csv/orders");
    let loop_ = folder.join("2026-11-23.edited-000000.csv");
    std::os::unix::fs::symlink(&loop_, &loop_).unwrap();
    let mut theirs = world.csv(FILE);
    theirs.push_str(&"x".repeat(4096 - theirs.len()));
    std::fs::create_dir(folder.join("2026-11-23.edited-folder")).unwrap();
    std::fs::write(world.path("csv").join(FILE), &theirs).unwrap();
    world.settle();
    std::fs::remove_file(&loop_).unwrap();
    assert_kept(&mut world, &theirs, "unreadable copies");
}

/// Other rules make the table anew; an edit of the same pause is kept all the same.
#[test]
fn an_edit_with_other_rules() {
    for (what, edit) in EDITS {
        let mut world = world(4);
        world.stop();
        edit(&world);
        let theirs = world.csv(FILE);
        world.options.sources.get_mut("orders").unwrap().guard = false;
        world.start();
        world.settle();
        assert_kept(&mut world, &theirs, what);
    }
}

/// What a killed process wrote behind its last checkpoint is its own, whatever the rules are at the next start.
#[test]
fn a_kill_before_other_rules_is_nobody_s_edit() {
    for guard in [true, false] {
        let mut world = world(4);
        world.stop();
        world.start();
        world.send("orders", r#"{"n":"=behind"}"#);
        world.run();
        world.kill();
        world.options.sources.get_mut("orders").unwrap().guard = guard;
        world.start();
        world.settle();
        assert_eq!(world.edited(), [""; 0], "guard={guard}");
        assert_eq!(world.csv(FILE), world.rebuilt()[FILE]);
    }
}

/// A closed day is left as somebody made it.
#[test]
fn an_edit_of_a_closed_day_stays() {
    for (what, edit) in EDITS {
        let mut world = world(4);
        world.go_to("2026-11-24T00:00:05.000Z");
        world.settle();
        edit(&world);
        let theirs = world.csv(FILE);
        world.send("orders", r#"{"n":"next"}"#);
        world.settle();
        world.stop();
        world.start();
        world.settle();
        assert_eq!(world.csv(FILE), theirs, "{what}");
        assert_eq!(world.edited(), [""; 0], "{what}");
    }
}
