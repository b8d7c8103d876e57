//! Restarts that find more in the files than the last checkpoint knows: what
//! stands there is ours, and is kept as it is.

use crate::audit::{Audit, csv_files};
use crate::flood::{Event, Ledger};
use crate::server::{Place, Server};
use std::fs;
use std::time::Duration;

fn event(connection: usize, nth: usize) -> Event {
    Event {
        round: 0,
        connection,
        nth,
    }
}

fn deliver(server: &Server, ledger: &Ledger, events: &[Event]) {
    let bodies: Vec<String> = events.iter().map(Event::body).collect();
    let answer = server.post(&format!("[{}]", bodies.join(",")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    ledger.acknowledged().extend(events);
}

/// Kills it and starts it again: nothing may have been taken for somebody's edit.
fn killed(place: &Place, mut server: Server, ledger: &Ledger) {
    server.kill();
    let server = place.start();
    let audit = Audit::of(place, &server, ledger);
    println!("{audit}; it said\n{}", server.log());
    audit.assert_untouched();
}

/// Longer than a checkpoint takes to come by itself.
const CHECKPOINT: Duration = Duration::from_millis(5_500);

/// Rows of more journal than is read at a time.
fn many_rows(wait: Duration) {
    let (place, ledger) = (Place::new(), Ledger::default());
    let server = place.start();
    deliver(&server, &ledger, &[event(9, 0)]);
    std::thread::sleep(wait);
    let events: Vec<Event> = (1..2_000).map(|nth| event(9, nth)).collect();
    deliver(&server, &ledger, &events);
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    killed(&place, server, &ledger);
}

#[test]
fn many_rows_and_no_checkpoint() {
    many_rows(Duration::ZERO);
}

#[test]
fn many_rows_behind_a_checkpoint() {
    many_rows(CHECKPOINT);
}

/// A row that brings a column is in the journal, and its column not yet in the file.
fn column_on_its_way(wait: Duration, kill: bool) {
    let (place, ledger) = (Place::new(), Ledger::default());
    let server = place.start();
    deliver(&server, &ledger, &[event(9, 0)]);
    std::thread::sleep(wait);
    deliver(&server, &ledger, &[event(9, 1)]);
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    let (name, _) = csv_files(&place).pop_first().expect("a file");
    // A folder under the name of the wider file holds the widening up, as a disk that fails would.
    let wider = place.output().join(format!("csv/lessonly/.{name}.wider"));
    fs::create_dir(&wider).expect("a folder");
    let bringer = event(0, 1);
    assert!(bringer.field().is_some());
    deliver(&server, &ledger, &[bringer]);
    if kill {
        let mut server = server;
        server.kill();
        fs::remove_dir(&wider).expect("the folder");
        let server = place.start();
        Audit::of(&place, &server, &ledger).assert_untouched();
    } else {
        std::thread::sleep(Duration::from_millis(300));
        fs::remove_dir(&wider).expect("the folder");
        // What failed is tried again a second later.
        std::thread::sleep(Duration::from_millis(1_200));
        Audit::of(&place, &server, &ledger).assert_untouched();
        killed(&place, server, &ledger);
    }
}

#[test]
fn killed_with_a_column_on_its_way_and_no_checkpoint() {
    column_on_its_way(Duration::ZERO, true);
}

#[test]
fn killed_with_a_column_on_its_way_behind_a_checkpoint() {
    column_on_its_way(CHECKPOINT, true);
}

#[test]
fn a_widening_that_failed_is_done_later() {
    column_on_its_way(Duration::ZERO, false);
}

#[test]
fn a_widening_that_failed_behind_a_checkpoint_is_done_later() {
    column_on_its_way(CHECKPOINT, false);
}
