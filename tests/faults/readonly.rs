//! The tables' folder cannot be written: deliveries go on, downloads say 503,
//! and the table is caught up when it can be.

use crate::audit::{Audit, segments};
use crate::flood::{Connection, Event, Ledger};
use crate::server::{Place, Server};
use crate::tools::{Mount, run, wait_for};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn event(connection: usize, nth: usize) -> Event {
    Event {
        round: 0,
        connection,
        nth,
    }
}

/// Delivers events of two connections, one of which brings a new column on the way.
fn deliver(server: &Server, ledger: &Ledger, range: std::ops::Range<usize>) {
    let mut link = Connection::open(&server.url).expect("a connection");
    for nth in range {
        for connection in [0, 9] {
            let event = event(connection, nth);
            let reply = link.post(&event.body()).expect("an answer");
            assert_eq!(reply.status, 200, "{reply:?}");
            ledger.acknowledged().push(event);
        }
    }
}

fn refused_download(server: &Server) {
    let asked = Instant::now();
    let answer = server.get("/exports/lessonly/today.csv");
    println!(
        "download: {} after {:.1?}: {}",
        answer.status,
        asked.elapsed(),
        answer.text()
    );
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert!(asked.elapsed() < Duration::from_secs(12));
    assert_eq!(server.get("/readyz").status, 200, "it can store");
}

fn caught_up(place: &Place, server: &Server, ledger: &Ledger) {
    let asked = Instant::now();
    wait_for("the download", 15, || {
        server.get("/exports/lessonly/today.csv").status == 200
    });
    let audit = Audit::of(place, server, ledger);
    println!("caught up after {:.1?}: {audit}", asked.elapsed());
    if audit.set_aside > 0 {
        println!("{}", server.log());
    }
    audit.assert_untouched();
}

#[test]
fn the_tables_folder_is_read_only_at_first() {
    let place = Place::new();
    let mount = Mount::tmpfs(&place.output().join("csv"), "size=8m,ro");
    let mut server = place.start();
    let ledger = Ledger::default();
    deliver(&server, &ledger, 0..20);
    refused_download(&server);
    mount.remount("rw");
    caught_up(&place, &server, &ledger);
    deliver(&server, &ledger, 20..40);
    server.kill();
    let server = place.start();
    Audit::of(&place, &server, &ledger).assert_untouched();
}

/// Room runs out in the middle of a row, and columns come meanwhile.
fn no_room_for_rows(first: std::ops::Range<usize>, wait: Duration, then: std::ops::Range<usize>) {
    let place = Place::new();
    let csv = place.output().join("csv");
    let _mount = Mount::tmpfs(&csv, "size=256k");
    let mut server = place.start();
    let ledger = Ledger::default();
    deliver(&server, &ledger, first);
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    std::thread::sleep(wait);
    let ballast = csv.join("ballast");
    let _ = fs::write(&ballast, vec![1; 256 << 10]);
    deliver(&server, &ledger, then.clone());
    refused_download(&server);
    fs::remove_file(&ballast).expect("room");
    caught_up(&place, &server, &ledger);
    deliver(&server, &ledger, then.end..then.end + 5);
    server.kill();
    let server = place.start();
    Audit::of(&place, &server, &ledger).assert_untouched();
}

#[test]
fn the_tables_have_no_room_before_their_first_checkpoint() {
    no_room_for_rows(2..5, Duration::ZERO, 5..60);
}

#[test]
fn the_tables_have_no_room_after_a_checkpoint() {
    no_room_for_rows(2..5, Duration::from_millis(5_500), 5..60);
}

#[test]
fn the_tables_have_no_room_when_a_column_comes() {
    // The column comes with the second event.
    no_room_for_rows(0..1, Duration::ZERO, 1..60);
}

/// Sets or takes the attribute that forbids every change, also to root.
struct Immutable<'a>(&'a Path);

impl<'a> Immutable<'a> {
    fn new(path: &'a Path) -> Self {
        run("chattr", &["+i", path.to_str().expect("a text")]);
        Self(path)
    }
}

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("chattr")
            .arg("-i")
            .arg(self.0)
            .status();
    }
}

#[test]
fn the_journal_cannot_be_written() {
    crate::tools::need_root();
    let place = Place::new();
    let mut server = place.start();
    let ledger = Ledger::default();
    deliver(&server, &ledger, 0..5);
    let (segment, _) = segments(&place).remove(0);
    let folder = place.output().join("journal");
    let mut link = Connection::open(&server.url).expect("a connection");
    {
        let _folder = Immutable::new(&folder);
        let _segment = Immutable::new(&segment);
        for nth in 5..8 {
            let reply = link.post(&event(9, nth).body()).expect("an answer");
            assert_eq!(reply.status, 503, "{reply:?}");
            ledger.open().push(event(9, nth));
        }
        assert_eq!(server.get("/readyz").status, 503);
        // Reading goes on.
        assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    }
    wait_for("readyz is 200 again", 5, || {
        server.get("/readyz").status == 200
    });
    ledger.settle(&server.url);
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}; {} segments", segments(&place).len());
    audit.assert_untouched();
    server.kill();
    let server = place.start();
    Audit::of(&place, &server, &ledger).assert_untouched();
}
