//! Midnight comes while no file can be opened: the journal has nowhere to go.

use crate::after::{all_is_there, deliver, plain, wait_for};
use crate::audit::segments;
use crate::clock::midnight_in;
use crate::flood::{Connection, Ledger};
use crate::server::{Place, Server};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn midnight_without_another_file() {
    let place = Place::new();
    let started = Instant::now();
    let before = Duration::from_secs(3);
    let server = Server::start(midnight_in(&place, before));
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..5).map(plain));
    let mut link = Connection::open(&server.url).expect("a connection");
    assert_eq!(link.post(&plain(4).body()).expect("an answer").status, 200);
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    assert!(started.elapsed() < before, "too slow to see the midnight");
    let allowed = server.allow_no_more_files();
    thread::sleep(before.saturating_sub(started.elapsed()) + Duration::from_millis(100));
    for nth in 5..8 {
        let reply = link.post(&plain(nth).body()).expect("an answer");
        println!("{} {}", reply.status, String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.status, 503);
        ledger.open().push(plain(nth));
    }
    server.allow_files(allowed);
    wait_for("readyz is 200", 10, || server.get("/readyz").status == 200);
    // The day after stays the day after.
    let later = || Server::start(midnight_in(&place, Duration::ZERO));
    drop(all_is_there(&place, server, &ledger, later));
    let found = segments(&place).len();
    println!("{found} segments");
    assert_eq!(found, 2);
}
