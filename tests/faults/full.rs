//! A file system that fills up, and has room again.

use crate::audit::{Audit, segments};
use crate::flood::{Connection, Event, Ledger};
use crate::server::Place;
use crate::tools::{Mount, wait_for};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn event(nth: usize) -> Event {
    Event {
        round: 0,
        connection: 9,
        nth,
    }
}

/// The event with its lesson's title made long, so that a small disk fills up soon.
fn large(nth: usize) -> String {
    let padding = "long ".repeat(1_000);
    event(nth).body().replace("A Sample Lesson", &padding)
}

#[test]
fn deliveries_fill_the_disk_and_go_on_when_there_is_room() {
    fills_up(|output| Mount::tmpfs(output, "size=8m"));
}

/// One that promises room only once it is written: what fails may be the sync.
#[test]
fn deliveries_fill_an_ext4_and_go_on_when_there_is_room() {
    fills_up(|output| Mount::ext4(output, 12, &["-J", "size=1"]));
}

fn fills_up(mount: impl Fn(&Path) -> Mount) {
    let place = Place::new();
    let _mount = mount(&place.output());
    let ballast = place.output().join("ballast");
    fs::write(&ballast, vec![1; 3 << 20]).expect("a ballast");
    let mut server = place.start();
    let ledger = Ledger::default();
    let mut link = Connection::open(&server.url).expect("a connection");
    let (mut nth, mut refused) = (0, 0);
    let mut full_since: Option<Instant> = None;
    while full_since.is_none_or(|since| since.elapsed() < Duration::from_secs(3)) {
        let reply = link.post(&large(nth)).expect("an answer");
        match reply.status {
            200 => ledger.acknowledged().push(event(nth)),
            503 => {
                assert!(
                    reply
                        .head
                        .to_ascii_lowercase()
                        .contains("\r\nretry-after: "),
                    "{reply:?}"
                );
                // It is the same connection that is asked again.
                let head = reply.head.to_ascii_lowercase();
                assert!(!head.contains("\r\nconnection: close"), "{reply:?}");
                ledger.open().push(event(nth));
                full_since.get_or_insert_with(Instant::now);
                refused += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            _ => panic!("{reply:?}"),
        }
        nth += 1;
        assert!(nth < 20_000, "the disk does not fill up");
    }
    let stored = ledger.acknowledged().len();
    let found = segments(&place).len();
    println!("full after {stored} events; {refused} answers 503 in 3 s, {found} segments");
    let last = link.post(&large(nth)).expect("an answer");
    assert_eq!(last.status, 503, "{last:?}");
    ledger.open().push(event(nth));
    let ready = server.get("/readyz");
    println!("readyz: {} {}", ready.status, ready.text());
    assert_eq!(ready.status, 503);
    assert!(ready.header("retry-after").is_some());
    assert_eq!(server.get("/healthz").status, 200);
    assert!(found <= 8, "{found} segments");

    fs::remove_file(&ballast).expect("room");
    let asked = Instant::now();
    wait_for("readyz is 200 again", 10, || {
        server.get("/readyz").status == 200
    });
    println!("ready again after {:.1?}", asked.elapsed());
    for more in nth + 1..nth + 31 {
        let reply = link.post(&event(more).body()).expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
        ledger.acknowledged().push(event(more));
    }
    let found = segments(&place).len();
    assert!(found <= 9, "{found} segments");
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}; {found} segments");
    audit.assert_untouched();
    // Nobody takes back what was answered 503, but whoever sends it again gets it stored.
    assert!(server.stop().success());
    let mut server = place.start();
    Audit::of(&place, &server, &ledger).assert_untouched();
    server.kill();
    let server = place.start();
    let audit = Audit::of(&place, &server, &ledger);
    println!("after restarts: {audit}");
    audit.assert_untouched();
}

/// Full from the start of the process: it must come up and say that it cannot store, or end with a reason.
#[test]
fn started_on_a_full_disk_it_stores_when_there_is_room() {
    let place = Place::new();
    let _mount = Mount::tmpfs(&place.output(), "size=2m");
    let mut server = place.start();
    let ledger = Ledger::default();
    let mut link = Connection::open(&server.url).expect("a connection");
    for nth in 0..20 {
        assert_eq!(link.post(&large(nth)).expect("an answer").status, 200);
        ledger.acknowledged().push(event(nth));
    }
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    server.kill();
    let ballast = place.output().join("ballast");
    let _ = fs::write(&ballast, vec![1; 2 << 20]);
    let server = place.start();
    let mut link = Connection::open(&server.url).expect("a connection");
    let reply = link.post(&large(20)).expect("an answer");
    println!(
        "on a full disk: {}; readyz {}",
        reply.status,
        server.get("/readyz").status
    );
    assert_eq!(reply.status, 503);
    let mut rebuild = place.bare(&[]);
    rebuild.args(["rebuild", "--output"]).arg(place.output());
    let said = rebuild.output().expect("the program");
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1), "{told}");
    assert!(told.contains("run the same command then"), "{told}");
    fs::remove_file(&ballast).expect("room");
    wait_for("readyz is 200 again", 10, || {
        server.get("/readyz").status == 200
    });
    ledger.open().push(event(20));
    ledger.settle(&server.url);
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}");
    audit.assert_untouched();
}
