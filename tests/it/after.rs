//! What must hold once a fault is gone: as it runs on, after a stop, and after
//! a kill.
#![allow(
    dead_code,
    reason = "each binary that takes this file uses its own part of it"
)]

use crate::audit::Audit;
use crate::flood::{Connection, Event, Ledger};
use crate::server::{Place, Server};
use std::time::{Duration, Instant};

/// Waits until `there`, `seconds` at most.
pub fn wait_for(what: &str, seconds: u64, mut there: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while !there() {
        assert!(Instant::now() < until, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An event of a connection that brings no columns.
pub fn plain(nth: usize) -> Event {
    Event {
        round: 0,
        connection: 9,
        nth,
    }
}

/// Delivers events that must all be taken.
pub fn deliver(server: &Server, ledger: &Ledger, events: impl IntoIterator<Item = Event>) {
    let mut link = Connection::open(&server.url).expect("a connection");
    for event in events {
        let reply = link.post(&event.body()).expect("an answer");
        assert_eq!(reply.status, 200, "{event}: {reply:?}");
        ledger.acknowledged().push(event);
    }
}

/// Sends again what was refused, and then holds everything against the ledger: while it runs, after a stop and after a kill,
/// with events between. Gives the server that runs last.
pub fn all_is_there(
    place: &Place,
    mut server: Server,
    ledger: &Ledger,
    start: impl Fn() -> Server,
) -> Server {
    wait_for("readyz is 200", 20, || server.get("/readyz").status == 200);
    wait_for("a download is 200", 40, || {
        server.get("/exports/lessonly/latest.csv").status == 200
    });
    let look = |server: &Server, when: &str, nth: usize| {
        ledger.settle(&server.url);
        let audit = Audit::of(place, server, ledger);
        println!("    {when}: {audit}");
        if audit.set_aside > 0 || !audit.faults.is_empty() {
            println!("it said\n{}", server.log());
        }
        audit.assert_untouched();
        assert_eq!(audit.open_stored, 0);
        // One that is wider than all before, and one that is not.
        let wider = Event {
            round: 1_000 + nth,
            connection: 0,
            nth: 50,
        };
        deliver(server, ledger, [plain(1_000_000 + nth), wider]);
    };
    look(&server, "the fault gone", 0);
    assert!(server.stop().success(), "{}", server.log());
    let mut server = start();
    look(&server, "after a stop", 1);
    server.kill();
    let server = start();
    look(&server, "after a kill", 2);
    assert_eq!(ledger.strange(), Vec::<String>::new());
    let bare = &ledger.without_retry_after;
    assert_eq!(bare.load(std::sync::atomic::Ordering::Relaxed), 0);
    server
}
