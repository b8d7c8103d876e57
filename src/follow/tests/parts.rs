//! Files that are full.

use super::*;

fn small() -> World {
    World::with(calm(), 5, &["orders"])
}

#[test]
fn a_full_file_is_followed_by_another() {
    let mut world = small();
    for n in 0..13 {
        // A column more at the rows 4, 5 and 11.
        let more = match n {
            4 => r#","b":1"#,
            5 => r#","c":1"#,
            11 => r#","d":1"#,
            _ => "",
        };
        world.send("orders", &format!(r#"{{"n":{n}{more}}}"#));
        world.settle();
    }
    let tables = world.tables();
    let shape: Vec<_> = tables
        .iter()
        .map(|(file, content)| {
            let (header, rows) = cells(content);
            (file.as_str(), header[2..].join(" "), rows.len())
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("orders/2026-11-23.2.csv", "n b c".to_owned(), 5),
            ("orders/2026-11-23.3.csv", "n b c d".to_owned(), 3),
            ("orders/2026-11-23.csv", "n b".to_owned(), 5),
        ]
    );
    world.assert_whole("three parts");
}

/// However the events come to the table, the bytes are the same.
#[test]
fn parts_do_not_depend_on_the_steps() {
    for every in [1, 2, 3, 4, 5, 6, 7, 11, 30] {
        for settled in [false, true] {
            let mut world = small();
            for n in 0..30 {
                world.send("orders", &format!(r#"{{"n":{n},"c{}":1}}"#, n / 4));
                if n % every == every - 1 {
                    world.run();
                    if settled {
                        world.settle();
                    }
                }
            }
            world.settle();
            world.assert_whole(&format!("a step after each {every}, settled: {settled}"));
        }
    }
}

#[test]
fn tables_are_made_again_when_all_but_the_journal_is_gone() {
    let mut world = small();
    for n in 0..23 {
        world.send("orders", &format!(r#"{{"n":{n},"c{}":1}}"#, n / 6));
        world.settle();
    }
    let tables = world.tables();
    assert_eq!(tables.len(), 5);
    world.stop();
    std::fs::remove_dir_all(world.path("csv")).unwrap();
    std::fs::remove_dir_all(world.path("state/tables")).unwrap();
    std::fs::remove_file(world.path("state/tables.json")).unwrap();
    world.start();
    world.settle();
    assert_eq!(world.tables(), tables);
}

/// Killed while rows for a later file wait already: the file before must not get their columns.
#[test]
fn columns_of_rows_for_the_next_file_stay_out_of_this_one() {
    for remembered in [false, true] {
        let mut world = small();
        world.send("orders", r#"{"n":0}"#);
        world.run();
        world.send("orders", r#"{"b":1}"#);
        world.run();
        // The clock stands still, so these wait: three for this file, one for the next.
        for payload in [r#"{"c":2}"#, r#"{"n":3}"#, r#"{"n":4}"#, r#"{"d":5}"#] {
            world.send("orders", payload);
        }
        world.run();
        if remembered {
            let clock = world.clock;
            world.follower.as_mut().unwrap().0.checkpoint(clock);
        }
        world.kill();
        world.start();
        world.settle();
        assert_eq!(world.edited(), [""; 0]);
        world.assert_whole(&format!("with a checkpoint: {remembered}"));
    }
}

#[test]
fn a_stranger_has_the_name_of_the_next_file() {
    let mut world = small();
    for n in 0..5 {
        world.send("orders", &format!(r#"{{"n":{n}}}"#));
    }
    world.run();
    std::fs::write(world.path("csv/orders/2026-11-23.2.csv"), "mine\n1\n").unwrap();
    world.send("orders", r#"{"n":5}"#);
    world.settle();
    assert_eq!(world.edited(), ["mine\n1\n"]);
    let mut tables = world.tables();
    tables.retain(|name, _| !name.contains("edited"));
    assert_eq!(tables, world.rebuilt());
}

#[test]
fn fewer_rows_in_a_file_than_before_hold_for_new_files_only() {
    let mut world = small();
    for n in 0..12 {
        world.send("orders", &format!(r#"{{"n":{n}}}"#));
    }
    world.stop();
    world.options.part_rows = 3;
    world.start();
    for n in 12..20 {
        world.send("orders", &format!(r#"{{"n":{n}}}"#));
    }
    world.settle();
    let rows: usize = world.tables().values().map(|c| cells(c).1.len()).sum();
    assert_eq!(rows, 20);
    assert_eq!(world.edited(), [""; 0]);
}

/// Rules that leave rows out may need fewer files: none of the others stays, but for one that somebody changed.
#[test]
fn a_table_that_needs_fewer_files_leaves_none_behind() {
    for changed in [false, true] {
        let mut world = small();
        for n in 0..23 {
            let test = if n < 15 { r#""rowhook_test":1,"# } else { "" };
            world.send("orders", &format!(r#"{{{test}"n":{n}}}"#));
        }
        world.settle();
        assert_eq!(world.tables().len(), 5);
        world.stop();
        let theirs = world.path("csv/orders/2026-11-23.4.csv");
        if changed {
            std::fs::write(&theirs, "mine").unwrap();
        }
        let columns = Arc::new(crate::flatten::ColumnRules {
            leave_out_tests: true,
            ..Default::default()
        });
        for rules in world.options.sources.values_mut() {
            rules.columns = Some(columns.clone());
        }
        world.start();
        world.settle();
        let tables = world.tables();
        let (copies, tables): (Files, Files) = tables
            .into_iter()
            .partition(|(name, _)| name.contains(".edited-"));
        let rows: Vec<_> = tables.values().map(|text| cells(text).1.len()).collect();
        assert_eq!(rows, [3, 5], "{tables:?}");
        assert_eq!(
            copies.values().any(|text| text == "mine"),
            changed,
            "{copies:?}"
        );
        assert!(changed || copies.is_empty(), "{copies:?}");
    }
}
