//! No more files can be opened: what is open goes on, what is not waits, and
//! nothing that was acknowledged is missing.

use crate::after::{all_is_there, deliver, plain};
use crate::flood::{Connection, Event, Ledger};
use crate::raw::Raw;
use crate::server::{Place, Server, TOKEN};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A GET over a connection that is open already.
fn get(raw: &mut Raw, path: &str) -> crate::server::Answer {
    raw.send(format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    ));
    raw.answer()
}

#[test]
fn without_another_file_deliveries_go_on_and_the_rest_waits() {
    let place = Place::new();
    let server = place.start();
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..5).map(plain));
    let mut link = Connection::open(&server.url).expect("a connection");
    assert_eq!(link.post(&plain(4).body()).expect("an answer").status, 200);
    let mut reader = Raw::open(&server);
    let today = "/exports/lessonly/today.csv";
    assert_eq!(get(&mut reader, today).status, 200);
    let before = server.allow_no_more_files();

    // A row for the file that is open, then one that needs another file for its column.
    let wider = Event {
        round: 0,
        connection: 0,
        nth: 50,
    };
    for event in [plain(5), wider] {
        let reply = link.post(&event.body()).expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
        ledger.acknowledged().push(event);
    }
    let asked = Instant::now();
    let download = get(&mut reader, today);
    println!(
        "deliveries 200; a download whose table needs a new column: {} after {:.1?}: {}",
        download.status,
        asked.elapsed(),
        download.text()
    );
    assert_eq!(download.status, 503);
    assert!(download.header("retry-after").is_some());
    assert_eq!(get(&mut reader, "/readyz").status, 200);
    // Who comes now is let in when there is a file for the connection.
    let (sender, late) = mpsc::channel();
    let url = server.url.clone();
    let newcomer = thread::spawn(move || {
        let mut link = Connection::open(&url).expect("a connection");
        let reply = link.post(&plain(6).body()).expect("an answer");
        sender.send(reply.status).expect("somebody who waits");
    });
    assert!(
        late.recv_timeout(Duration::from_secs(1)).is_err(),
        "it was let in without a file"
    );
    server.allow_files(before);
    let status = late.recv_timeout(Duration::from_secs(10));
    println!("a delivery over a new connection waited until files were allowed again: {status:?}");
    assert_eq!(status, Ok(200));
    newcomer.join().expect("a newcomer");
    ledger.acknowledged().push(plain(6));
    drop(all_is_there(&place, server, &ledger, || place.start()));
}

/// Hardly any files from the start, and all connections taken by who says nothing: somebody new gets the place of the one that
/// waited longest.
#[test]
fn idle_connections_take_all_there_are_and_make_room() {
    let place = Place::new();
    let start = || Server::start(place.wrapped(&["sh", "-c", r#"ulimit -n 80; exec "$0" "$@""#]));
    let server = start();
    assert!(server.log().contains("ulimit -n"), "{}", server.log());
    let ledger = Ledger::default();
    let idle: Vec<Raw> = (0..20).map(|_| Raw::open(&server)).collect();
    thread::sleep(Duration::from_millis(200));
    let mut link = Connection::open(&server.url).expect("a connection");
    assert_eq!(link.post(&plain(0).body()).expect("an answer").status, 200);
    ledger.acknowledged().push(plain(0));
    let asked = Instant::now();
    let url = server.url.clone();
    let newcomer = thread::spawn(move || {
        let mut told = Vec::new();
        loop {
            let mut link = Connection::open(&url).expect("a connection");
            match link.post(&plain(1).body()).map(|reply| reply.status) {
                Ok(200) => return told,
                other => told.push(other.ok()),
            }
            thread::sleep(Duration::from_millis(200));
        }
    });
    // Whoever is in goes on meanwhile.
    for nth in 2..100 {
        let wider = Event {
            round: 0,
            connection: 0,
            nth,
        };
        let reply = link.post(&wider.body()).expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
        ledger.acknowledged().push(wider);
    }
    let gone = asked.elapsed();
    let told = newcomer.join().expect("a newcomer");
    println!(
        "98 deliveries over the open connection within {gone:.1?}; over a new one {told:?}, then 200 after {:.1?}",
        asked.elapsed()
    );
    assert_eq!(told, [], "one that waited longest for a request made room");
    ledger.acknowledged().push(plain(1));
    drop(idle);
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    drop(all_is_there(&place, server, &ledger, start));
}
