//! Folders that may not be written: taken away while it runs, and read-only at
//! the start.

use crate::after::{all_is_there, deliver, plain, wait_for};
use crate::clock::Clock;
use crate::flood::{Connection, Event, Ledger};
use crate::server::{Place, Server};
use crate::tools::{Bind, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Forbids to write in a folder until dropped.
struct Forbidden(PathBuf);

impl Forbidden {
    fn new(folder: PathBuf) -> Self {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o550)).expect("a folder");
        Self(folder)
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o750));
    }
}

/// As a user to whom permissions apply: root without what lets it pass them over.
fn start(place: &Place, clock: &Clock) -> Server {
    crate::tools::need_root();
    let sets = "-dac_override,-dac_read_search";
    let wrapped = place.wrapped(&["setpriv", "--bounding-set", sets, "--inh-caps", sets]);
    Server::start(clock.over(wrapped))
}

fn wide(nth: usize) -> Event {
    Event {
        round: 0,
        connection: 0,
        nth,
    }
}

/// `folder` is taken away while it runs, before and after midnight. Tells what a delivery after midnight is answered, a
/// download of a table that has to be widened, and one of the day after.
fn taken_away(folder: &str) -> (u16, u16, u16) {
    let place = Place::new();
    let clock = Clock::new(&place);
    let server = start(&place, &clock);
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..5).map(plain));
    let today = "/exports/lessonly/today.csv";
    assert_eq!(server.get(today).status, 200);
    let forbidden = Forbidden::new(place.output().join(folder));
    assert!(
        fs::metadata(place.output().join(folder))
            .expect("a folder")
            .permissions()
            .mode()
            & 0o222
            == 0
    );
    deliver(&server, &ledger, (5..10).map(plain));
    deliver(&server, &ledger, [wide(50)]);
    let widened = server.get(today);
    clock.to_midnight(Duration::ZERO);
    let mut link = Connection::open(&server.url).expect("a connection");
    let reply = link.post(&plain(10).body()).expect("an answer");
    if reply.status == 200 {
        ledger.acknowledged().push(plain(10));
    } else {
        ledger.open().push(plain(10));
    }
    let next = server.get(today);
    let ready = server.get("/readyz").status;
    println!(
        "{folder}: deliveries 200, with a new column 200, download {}; after midnight delivery {} {}, readyz {ready}, download {} {}",
        widened.status,
        reply.status,
        String::from_utf8_lossy(&reply.body),
        next.status,
        if next.status == 200 { "" } else { next.text() },
    );
    assert_eq!(
        ready, reply.status,
        "readyz tells what a delivery would be answered"
    );
    for line in server
        .log()
        .lines()
        .filter(|l| l.contains("Permission"))
        .take(2)
    {
        println!("    {line}");
    }
    assert!(
        server.log().contains("Permission denied"),
        "{}",
        server.log()
    );
    drop(forbidden);
    wait_for("readyz is 200", 10, || server.get("/readyz").status == 200);
    drop(all_is_there(&place, server, &ledger, || {
        start(&place, &clock)
    }));
    (reply.status, widened.status, next.status)
}

#[test]
fn the_journal_s_folder_is_taken_away() {
    assert_eq!(taken_away("journal"), (503, 200, 200));
}

#[test]
fn the_tables_folder_is_taken_away() {
    assert_eq!(taken_away("csv/lessonly"), (200, 503, 503));
}

#[test]
fn the_folder_of_the_tables_checkpoints_is_taken_away() {
    assert_eq!(taken_away("state/tables/lessonly"), (200, 503, 503));
}

/// Only checkpoints that save a start some reading.
#[test]
fn the_state_folder_is_taken_away() {
    let place = Place::new();
    let clock = Clock::new(&place);
    let server = start(&place, &clock);
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..5).map(plain));
    // The folder of the tables' checkpoints is made with the first of them.
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    let forbidden = Forbidden::new(place.output().join("state"));
    deliver(&server, &ledger, (5..10).map(plain));
    deliver(&server, &ledger, [wide(50)]);
    wait_for("a checkpoint fails", 10, || {
        server.log().contains("Permission denied")
    });
    let download = server.get("/exports/lessonly/today.csv").status;
    let ready = server.get("/readyz").status;
    println!("state: deliveries 200, download {download}, readyz {ready}");
    assert_eq!((download, ready), (200, 200));
    drop(forbidden);
    drop(all_is_there(&place, server, &ledger, || {
        start(&place, &clock)
    }));
}

/// Sets the attribute that forbids every change, also to who has the file open, until dropped.
struct Immutable(PathBuf);

impl Immutable {
    fn new(path: &Path) -> Self {
        run("chattr", &["+i", path.to_str().expect("a text")]);
        Self(path.to_owned())
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(&self.0).status();
    }
}

#[test]
fn a_table_and_its_folder_become_immutable() {
    crate::tools::need_root();
    let place = Place::new();
    let server = place.start();
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..5).map(plain));
    let today = "/exports/lessonly/today.csv";
    assert_eq!(server.get(today).status, 200);
    let table = place.csv_path();
    {
        let _file = Immutable::new(&table);
        let _folder = Immutable::new(table.parent().expect("a folder"));
        deliver(&server, &ledger, (5..10).map(plain));
        deliver(&server, &ledger, [wide(50)]);
        let download = server.get(today);
        println!(
            "deliveries 200; download {} {}",
            download.status,
            download.text()
        );
        assert_eq!(download.status, 503);
        assert_eq!(server.get("/readyz").status, 200);
    }
    drop(all_is_there(&place, server, &ledger, || place.start()));
}

/// What a start says when `folder` is on a read-only mount, where `new` is whether nothing was there before.
fn read_only_at_the_start(folder: &str, new: bool) -> String {
    let place = Place::new();
    let ledger = Ledger::default();
    if !new {
        let mut server = place.start();
        deliver(&server, &ledger, (0..5).map(plain));
        assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
        server.kill();
    }
    let at = place.output().join(folder);
    fs::create_dir_all(&at).expect("a folder");
    let bind = Bind::read_only(&at);
    let output = place.command().output().expect("the program");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default().to_owned();
    println!("{folder:?}, new {new}: {}: {last}", output.status);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "it listened");
    assert!(last.starts_with("error: "), "{said}");
    assert!(last.contains(at.to_str().expect("a text")), "{last}");
    assert!(last.contains("Read-only file system"), "{last}");
    drop(bind);
    if !new {
        drop(all_is_there(&place, place.start(), &ledger, || {
            place.start()
        }));
    }
    last
}

#[test]
fn a_start_on_a_read_only_output_says_what_to_do() {
    for (folder, new) in [("", true), ("", false), ("state", false)] {
        let said = read_only_at_the_start(folder, new);
        let todo = "the user that runs rowhook must be able to write there";
        assert!(said.contains(todo), "{said}");
    }
}

#[test]
fn a_start_on_a_read_only_journal_says_which_file() {
    read_only_at_the_start("journal", false);
}
