//! Midnight, other rules, clocks.

use super::*;
use crate::event::Day;
use crate::flatten::ColumnRules;
use crate::follow::Together;
use std::sync::Arc;

#[test]
fn a_day_ends_and_the_next_has_its_file_at_once() {
    let mut world = World::new();
    world.send("orders", r#"{"a":1,"never":null}"#);
    world.send("other", r#"{"z":1}"#);
    world.settle();
    world.go_to("2026-11-24T00:00:00.000Z");
    world.settle();
    let open = |world: &World| {
        let all = world.follower.as_ref().unwrap().1.catalog().all();
        all.iter()
            .map(|(s, d, summary)| format!("{s} {d} {}", summary.open))
            .collect::<Vec<_>>()
    };
    // Two seconds for a batch that was stamped before midnight.
    assert_eq!(
        open(&world),
        [
            "orders 2026-11-24 true",
            "orders 2026-11-23 true",
            "other 2026-11-24 true",
            "other 2026-11-23 true"
        ]
    );
    world.later(2_000);
    world.settle();
    assert_eq!(
        open(&world),
        [
            "orders 2026-11-24 true",
            "orders 2026-11-23 false",
            "other 2026-11-24 true",
            "other 2026-11-23 false"
        ]
    );
    // Only columns that had a value.
    assert_eq!(
        world.csv("orders/2026-11-24.csv"),
        "received_at,event_id,a\n"
    );
    assert_eq!(
        world.csv("other/2026-11-24.csv"),
        "received_at,event_id,z\n"
    );
    world.go_to("2026-11-25T08:00:00.000Z");
    world.settle();
    world.send("orders", r#"{"never":2,"b":3}"#);
    world.settle();
    let (header, rows) = cells(&world.csv("orders/2026-11-25.csv"));
    assert_eq!(header, ["received_at", "event_id", "a", "never", "b"]);
    assert_eq!(rows[0][2..], ["", "2", "3"]);
    world.assert_whole("days");
}

#[test]
fn days_without_the_program_have_no_file() {
    let mut world = World::new();
    world.send("orders", r#"{"a":1}"#);
    world.stop();
    world.go_to("2026-11-26T08:00:00.000Z");
    world.start();
    world.settle();
    let names: Vec<_> = world.tables().into_keys().collect();
    assert_eq!(names, ["orders/2026-11-23.csv", "orders/2026-11-26.csv"]);
    assert_eq!(
        world.csv("orders/2026-11-26.csv"),
        "received_at,event_id,a\n"
    );
    let closed = world.follower.as_ref().unwrap().1.catalog().all();
    assert!(closed[0].2.open && !closed[1].2.open);
}

#[test]
fn rows_that_wait_at_midnight_are_written_before_the_day_is_closed() {
    let mut world = World::new();
    for payload in [r#"{"a":1}"#, r#"{"b":1}"#, r#"{"c":1}"#] {
        world.send("orders", payload);
        world.run();
    }
    assert_eq!(cells(&world.csv("orders/2026-11-23.csv")).1.len(), 2);
    world.go_to("2026-11-24T00:00:02.000Z");
    world.run();
    world.run();
    assert_eq!(cells(&world.csv("orders/2026-11-23.csv")).1.len(), 3);
    assert_eq!(
        world.csv("orders/2026-11-24.csv"),
        "received_at,event_id,a,b,c\n"
    );
    world.assert_whole("midnight");
}

#[test]
fn a_clock_that_goes_far_back_goes_on_in_the_earlier_table() {
    let mut world = World::new();
    world.send("orders", r#"{"a":1}"#);
    world.settle();
    world.go_to("2026-12-24T12:00:00.000Z");
    world.send("orders", r#"{"b":1}"#);
    world.settle();
    world.go_to("2026-11-23T12:00:01.000Z");
    world.send("orders", r#"{"c":1}"#);
    world.settle();
    world.send("orders", r#"{"a":2}"#);
    world.settle();
    insta::assert_snapshot!(world.csv("orders/2026-11-23.csv"), @r"
    received_at,event_id,a,c
    2026-11-23T12:00:00.000Z,906bcafab20b983e33fc3811641209d5,1,
    2026-11-23T12:00:01.000Z,d4c21a8247dab393b560834d15175a9f,,1
    2026-11-23T12:00:01.000Z,367c8670a2b4dac80710bcd4d7734175,2,
    ");
    let (_, rows) = cells(&world.csv("orders/2026-12-24.csv"));
    assert_eq!(rows.len(), 1);
    assert_eq!(world.edited(), [""; 0]);
    // The later table keeps the start that it had, which only its checkpoint knows: what came to the earlier day after it
    // would be in the start of one that is made without.
    let later = world.csv("orders/2026-12-24.csv");
    world.kill();
    world.start();
    world.settle();
    assert_eq!(world.edited(), [""; 0]);
    assert_eq!(world.csv("orders/2026-12-24.csv"), later);
}

#[test]
fn another_zone_keeps_the_tables_of_before() {
    let mut world = World::new();
    world.go_to("2026-11-23T02:00:00.000Z");
    world.send("orders", r#"{"a":1}"#);
    world.stop();
    world.options.zone = Tz::America__New_York;
    world.start();
    world.send("orders", r#"{"a":2}"#);
    world.settle();
    world.go_to("2026-11-24T12:00:00.000Z");
    world.send("orders", r#"{"a":3}"#);
    world.settle();
    world.assert_whole("New York");
    assert_eq!(cells(&world.csv("orders/2026-11-23.csv")).1.len(), 2);
    assert_eq!(cells(&world.csv("orders/2026-11-24.csv")).1.len(), 1);
}

#[test]
fn other_rules_make_the_open_day_anew_and_leave_closed_ones() {
    let changes: [fn(&mut Rules); 5] = [
        |r| r.columns_max = 4,
        |r| r.guard = false,
        |r| r.bom = true,
        |r| r.preset = Preset::Lessonly,
        |r| {
            let chosen = ColumnRules {
                exclude: ["b*".to_owned()].into(),
                ..ColumnRules::default()
            };
            r.columns = Some(Arc::new(chosen));
        },
    ];
    for change in changes {
        let mut world = World::with(calm(), 4, &["orders"]);
        let send = |world: &mut World| {
            for n in 0..6 {
                world.send("orders", &format!(r#"{{"a":"=1","b{n}":{n}}}"#));
            }
            world.settle();
        };
        send(&mut world);
        world.go_to("2026-11-24T12:00:00.000Z");
        send(&mut world);
        let before = world.tables();
        assert_eq!(before.len(), 4);
        world.stop();
        change(world.options.sources.get_mut("orders").unwrap());
        world.start();
        world.settle();
        world.send("orders", r#"{"a":2}"#);
        world.settle();
        let after = world.tables();
        let names: Vec<_> = after.keys().collect();
        assert_eq!(names, before.keys().collect::<Vec<_>>());
        for closed in ["orders/2026-11-23.csv", "orders/2026-11-23.2.csv"] {
            assert_eq!(after[closed], before[closed]);
        }
        assert_ne!(
            after["orders/2026-11-24.csv"],
            before["orders/2026-11-24.csv"]
        );
        let rows = cells(&after["orders/2026-11-24.csv"]).1.len()
            + cells(&after["orders/2026-11-24.2.csv"]).1.len();
        assert_eq!(rows, 7);
        // Made anew once more, with the same start, it is the same.
        let again = world.fresh_copy(&["journal", "state"]);
        for open in ["orders/2026-11-24.csv", "orders/2026-11-24.2.csv"] {
            assert_eq!(again.csv(open), after[open]);
        }
    }
}

/// A day that is over, whose checkpoint somebody deleted: nothing but its file tells of it.
#[test]
fn a_closed_day_without_its_checkpoint_is_remembered_again() {
    for edited in [false, true] {
        let mut world = World::with(calm(), 3, &["orders", "other"]);
        for n in 0..7 {
            world.send("orders", &format!(r#"{{"n":{n},"c{}":1}}"#, n / 3));
        }
        world.go_to("2026-11-24T12:00:00.000Z");
        world.send("orders", r#"{"n":7}"#);
        world.stop();
        let before = world.tables();
        std::fs::remove_file(world.path("state/tables/orders/2026-11-23.json")).unwrap();
        // The journal has nothing of this one.
        std::fs::write(world.path("csv/orders/2025-01-01.csv"), "mine\n").unwrap();
        if edited {
            world.append("orders/2026-11-23.2.csv", "mine\n");
        }
        world.start();
        world.settle();
        let all = world.follower.as_ref().unwrap().1.catalog().all();
        let told: Vec<_> = all
            .iter()
            .map(|(_, day, summary)| (day.to_string(), summary.figures.rows(), summary.open))
            .collect();
        let wanted = [("2026-11-24", 1, true), ("2026-11-23", 7, false)];
        assert_eq!(
            told,
            wanted.map(|(day, rows, open)| (day.to_owned(), rows, open))
        );
        assert_eq!(world.edited().len(), usize::from(edited));
        let mut after = world.tables();
        assert_eq!(after.remove("orders/2025-01-01.csv").unwrap(), "mine\n");
        after.retain(|name, _| !name.contains("edited"));
        assert_eq!(after, before);
    }
}

/// The open day has neither a file nor a checkpoint any more.
#[test]
fn an_open_day_of_which_nothing_is_left_comes_back() {
    let mut world = World::with(calm(), 3, &["orders", "other"]);
    for n in 0..5 {
        world.send("orders", &format!(r#"{{"n":{n}}}"#));
    }
    world.stop();
    let before = world.tables();
    for name in before.keys() {
        std::fs::remove_file(world.path("csv").join(name)).unwrap();
    }
    std::fs::remove_file(world.path("state/tables/orders/2026-11-23.json")).unwrap();
    world.start();
    world.settle();
    world.send("orders", r#"{"n":5}"#);
    world.settle();
    assert_eq!(world.tables().len(), before.len());
    world.assert_whole("with another row");
}

#[test]
fn many_days_come_back_from_the_journal() {
    let mut world = World::with(calm(), 3, &["orders", "other"]);
    for day in 1..20 {
        world.go_to(&format!("2026-11-{day:02}T10:00:00.000Z"));
        for n in 0..day % 6 {
            world.send("orders", &format!(r#"{{"n":{n},"d{}":1}}"#, day / 3));
            if n % 2 == 0 {
                world.send("other", &format!(r#"{{"x{}":{n}}}"#, day % 4));
            }
            world.run();
        }
        world.settle();
    }
    world.assert_whole("days");
    let whole = world.with_rows();
    world.kill();
    for lost in ["state/tables.json", "state/tables", "state"] {
        let _ = std::fs::remove_dir_all(world.path(lost));
        let _ = std::fs::remove_file(world.path(lost));
        std::fs::create_dir_all(world.path("state")).unwrap();
        world.start();
        world.settle();
        assert_eq!(world.with_rows(), whole, "without {lost}");
        world.kill();
    }
}

/// What a reader was given stays as of one moment, whatever day begins or ends before the rest is looked up.
#[test]
fn a_reader_at_midnight_sees_one_moment() {
    let day = |text: &str| text.parse::<Day>().unwrap();
    let mut world = World::new();
    world.send("orders", r#"{"a":1}"#);
    world.go_to("2026-11-23T23:59:59.900Z");
    world.settle();
    let ever = day("2000-01-01")..=day("2100-01-01");
    let until = world.clock + std::time::Duration::from_secs(1000);
    let ask = |world: &mut World| {
        let handle = &world.follower.as_ref().unwrap().1;
        let mut answer = handle.ask(name("orders"), ever.clone(), until).unwrap();
        world.step();
        answer.try_recv().unwrap()
    };
    let open =
        |together: &Together| -> Vec<Day> { together.open.iter().map(|table| table.day).collect() };
    let before = ask(&mut world);
    world.go_to("2026-11-24T00:00:05.000Z");
    world.send("orders", r#"{"a":2}"#);
    world.settle();
    assert_eq!(open(&before), [day("2026-11-23")]);
    assert_eq!(before.days, [(day("2026-11-23"), true)].into());
    assert_eq!(before.newest_with_rows(None), Some(day("2026-11-23")));
    let after = ask(&mut world);
    assert_eq!(open(&after), [day("2026-11-24")]);
    let days = [(day("2026-11-23"), true), (day("2026-11-24"), true)];
    assert_eq!(after.days, days.into());
    assert_eq!(after.newest_with_rows(None), Some(day("2026-11-24")));
    assert_eq!(
        after.newest_with_rows(Some(day("2026-11-24"))),
        Some(day("2026-11-23"))
    );
}
