//! Rows, columns that appear, requests that wait.

use super::*;
use crate::follow::Together;
use tokio::sync::oneshot::{self, error::TryRecvError};

#[test]
fn events_become_rows() {
    let mut world = World::new();
    world.send("orders", r#"{"a":1,"b":{"c":"x,y"}}"#);
    world.later(250);
    world.send_all("orders", &[r#"{"a":"=1"}"#, r#"{"b":{"c":null}}"#]);
    world.run();
    insta::assert_snapshot!(world.csv("orders/2026-11-23.csv"), @r#"
    received_at,event_id,a,b.c
    2026-11-23T12:00:00.000Z,1e55ed94f49696987e63af896cd58cec,1,"x,y"
    2026-11-23T12:00:00.250Z,5594ab211b4375998d090c66564fc55a,'=1,
    2026-11-23T12:00:00.250Z,d1b6c11d4b757675660cee2158d5c272,,
    "#);
    assert_eq!(world.tables().len(), 1);
}

#[test]
fn a_column_in_the_middle_of_the_day_is_as_if_it_had_been_known() {
    let mut world = World::new();
    for n in 0..12 {
        world.send("orders", &format!(r#"{{"a":{n},"c{}":"{n}"}}"#, n / 4));
        world.run();
        world.settle();
        let whole = world.csv("orders/2026-11-23.csv");
        let (header, rows) = cells(&whole);
        assert_eq!((header.len(), rows.len()), (4 + n / 4, n + 1));
        assert_eq!(world.rebuilt()["orders/2026-11-23.csv"], whole);
    }
    assert_eq!(
        world.csv("orders/2026-11-23.csv").lines().next().unwrap(),
        "received_at,event_id,a,c0,c1,c2"
    );
}

#[test]
fn rows_with_line_ends_and_quotes_become_wider() {
    let mut world = World::new();
    world.send("orders", r#"{"a":"one\ntwo \"three\",\r\n","b":"\n"}"#);
    world.run();
    world.send("orders", r#"{"c":1}"#);
    world.settle();
    let (_, rows) = cells(&world.csv("orders/2026-11-23.csv"));
    assert_eq!(rows[0][2..], ["one\ntwo \"three\",\r\n", "'\n", ""]);
    assert_eq!(rows[1][2..], ["", "", "1"]);
    world.assert_whole("line ends");
}

/// Asks for the day's table with all that is stored.
fn ask(world: &mut World) -> oneshot::Receiver<Together> {
    let day = world.now.day(Tz::UTC);
    let until = world.clock + Duration::from_secs(10);
    let handle = &world.follower.as_ref().unwrap().1;
    handle.ask(name("orders"), day..=day, until).unwrap()
}

/// A world whose table was widened just now, with a wider row waiting.
fn waiting() -> World {
    let mut world = World::new();
    world.send("orders", r#"{"a":1}"#);
    world.run();
    world.send("orders", r#"{"b":1}"#);
    world.run();
    assert_eq!(cells(&world.csv("orders/2026-11-23.csv")).1.len(), 2);
    // The clock stands still: the pause after that widening does not pass.
    world.send("orders", r#"{"c":1}"#);
    world.send("orders", r#"{"a":2}"#);
    world.run();
    world
}

#[test]
fn wider_rows_wait_for_the_pause_and_those_behind_them_too() {
    let mut world = waiting();
    let before = world.csv("orders/2026-11-23.csv");
    assert_eq!(cells(&before).1.len(), 2);
    world.run();
    assert_eq!(world.csv("orders/2026-11-23.csv"), before);
    let rest = world.follower.as_ref().unwrap().0.rest(world.clock);
    assert!(rest <= Duration::from_secs(1));
    world.settle();
    assert_eq!(cells(&world.csv("orders/2026-11-23.csv")).1.len(), 4);
    world.assert_whole("after the pause");
}

#[test]
fn whoever_waits_forces_the_widening() {
    let mut world = waiting();
    let mut answer = ask(&mut world);
    assert_eq!(answer.try_recv().err(), Some(TryRecvError::Empty));
    world.step();
    let snapshots = answer.try_recv().unwrap().open;
    assert_eq!(snapshots.len(), 1);
    let names: Vec<&str> = snapshots[0]
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["received_at", "event_id", "a", "b", "c"]);
    let part = &snapshots[0].parts[0];
    assert_eq!(part.state.rows, 4);
    let whole = world.csv("orders/2026-11-23.csv");
    assert_eq!(part.state.bytes, whole.len() as u64);
    // It is the version of that moment, whatever comes later.
    world.send("orders", r#"{"d":1}"#);
    world.settle();
    let mut bytes = Vec::new();
    let file = part.file.as_ref().unwrap();
    crate::disk::read_range(&**file, 0..part.state.bytes, &mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), whole);
    assert_ne!(world.csv("orders/2026-11-23.csv"), whole);
}

#[test]
fn an_answer_has_every_row_stored_before_the_question() {
    let mut world = World::new();
    for n in 0..3_000 {
        world.send(
            "orders",
            &format!(r#"{{"n":{n},"text":"{}"}}"#, "x".repeat(100)),
        );
    }
    let mut answer = ask(&mut world);
    let mut steps = 0;
    let snapshots = loop {
        assert!(world.step(), "no answer");
        steps += 1;
        match answer.try_recv() {
            Ok(together) => break together.open,
            Err(error) => assert_eq!(error, TryRecvError::Empty),
        }
    };
    assert!(steps > 2, "all of it is one block");
    assert_eq!(
        snapshots[0].parts.iter().map(|p| p.state.rows).sum::<u64>(),
        3_000
    );
}

#[test]
fn nobody_waits_for_ever() {
    let (disk, faults) = faulty();
    let mut world = World::on(disk);
    faults.fail(None, "csv", 0, u64::MAX, crate::disk::tests::EIO);
    world.send("orders", r#"{"n":1}"#);
    let mut answer = ask(&mut world);
    world.clock += Duration::from_secs(9);
    world.run();
    assert_eq!(answer.try_recv().err(), Some(TryRecvError::Empty));
    world.clock += Duration::from_secs(1);
    world.run();
    assert_eq!(answer.try_recv().err(), Some(TryRecvError::Closed));
}

#[test]
fn every_source_has_tables_of_its_own() {
    let mut world = World::with(calm(), 1000, &["orders"]);
    for n in 0..300 {
        let source = format!("source-{}", n % 40);
        world.send(&source, &format!(r#"{{"n":{n},"only-{}":1}}"#, n % 40));
        if n % 7 == 0 {
            world.run();
        }
    }
    world.settle();
    let tables = world.tables();
    assert_eq!(tables.len(), 40);
    for (file, content) in &tables {
        let (header, rows) = cells(content);
        let number: usize = file["source-".len()..]
            .split('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(header[2..], ["n".to_owned(), format!("only-{number}")]);
        let numbers: Vec<usize> = rows.iter().map(|r| r[2].parse().unwrap()).collect();
        let wanted: Vec<_> = (0..300).filter(|n| n % 40 == number).collect();
        assert_eq!(numbers, wanted);
    }
    world.assert_whole("many sources");
    world.kill();
    world.start();
    world.settle();
    assert_eq!(world.tables(), tables);
}

#[test]
fn the_catalog_says_what_there_is() {
    let mut world = World::with(calm(), 3, &["orders"]);
    for n in 0..7 {
        world.send("orders", &format!(r#"{{"n":{n}}}"#));
    }
    world.settle();
    let check = |world: &World, open: bool| {
        let all = world.follower.as_ref().unwrap().1.catalog().all();
        assert_eq!(all.len(), 1);
        let (source, day, summary) = &all[0];
        assert_eq!(
            (source.as_str(), day.to_string().as_str()),
            ("orders", "2026-11-23")
        );
        let rows: Vec<u64> = summary.figures.parts.iter().map(|p| p.rows).collect();
        assert_eq!(rows, [3, 3, 1]);
        let bytes: usize = world.with_rows().values().map(String::len).sum();
        assert_eq!(
            (summary.figures.bytes(), summary.figures.columns()),
            (bytes as u64, 3)
        );
        assert_eq!(summary.open, open);
    };
    check(&world, true);
    world.stop();
    world.start();
    check(&world, true);
    world.settle();
    check(&world, true);
}
