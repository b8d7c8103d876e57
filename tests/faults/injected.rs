//! Writes and syncs that fail: 503, a new segment, nothing lost, nothing twice.

use crate::audit::{Audit, first_line, segments};
use crate::flood::{Connection, Event, Flood, Ledger, Load};
use crate::server::Place;
use crate::tools::Strace;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn event(nth: usize) -> Event {
    Event {
        round: 0,
        connection: 9,
        nth,
    }
}

fn show_injected(seen: &str) {
    for line in seen.lines().filter(|line| line.contains("INJECTED")) {
        println!("{line}");
    }
}

/// The third batch fails: its write or its sync, which is the `nth` of the segment.
fn third_batch_fails(inject: &str, nth: u32) {
    let place = Place::new();
    let mut server = place.start();
    let ledger = Ledger::default();
    let mut link = Connection::open(&server.url).expect("a connection");
    let mut post = |nth: usize| link.post(&event(nth).body()).expect("an answer");
    assert_eq!(post(0).status, 200);
    ledger.acknowledged().push(event(0));
    let (path, _) = segments(&place).remove(0);
    let name = path.to_str().expect("a text").to_owned();
    let strace = Strace::attach(
        server.pid(),
        place.path(),
        &[
            "-y",
            "-P",
            &name,
            "-e",
            "trace=fdatasync,pwrite64",
            "-e",
            &format!("{inject}:when={nth}"),
        ],
    );
    for nth in 1..=2 {
        assert_eq!(post(nth).status, 200);
        ledger.acknowledged().push(event(nth));
    }
    let good = segments(&place).remove(0).1.len();
    let refused = post(3);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused
            .head
            .to_ascii_lowercase()
            .contains("\r\nretry-after: "),
        "{refused:?}"
    );
    println!(
        "{inject}: {} {}",
        refused.status,
        String::from_utf8_lossy(&refused.body)
    );
    // The next one waits until the new segment is there, and needs no pause.
    for nth in [4, 5, 3, 3] {
        let reply = post(nth);
        assert_eq!(reply.status, 200, "{reply:?}");
        let known = ledger.acknowledged().contains(&event(nth));
        let status = if known { "duplicate" } else { "stored" };
        let said = String::from_utf8_lossy(&reply.body);
        assert!(said.contains(status), "{reply:?}");
        if !known {
            ledger.acknowledged().push(event(nth));
        }
    }
    show_injected(&strace.finish());
    let found = segments(&place);
    assert_eq!(found.len(), 2, "{found:?}");
    let second = found[1]
        .0
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(second.ends_with(".2.jsonl"), "{second}");
    let first = first_line(&found[1].1);
    println!(
        "{second} says that segment {} is good up to {}; it was {good}",
        first.previous.segment, first.previous.bytes
    );
    assert_eq!((first.segment, first.previous.segment), (2, 1));
    assert_eq!(first.previous.bytes, good);
    assert_eq!(first.first_seq, 4);
    Audit::of(&place, &server, &ledger).assert_untouched();
    server.kill();
    let server = place.start();
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}");
    audit.assert_untouched();
    assert_eq!(audit.open_stored, 0);
}

#[test]
fn a_sync_fails() {
    third_batch_fails("inject=fdatasync:error=EIO", 3);
}

#[test]
fn a_write_finds_no_room() {
    third_batch_fails("inject=pwrite64:error=ENOSPC", 3);
}

#[test]
fn a_write_fails() {
    third_batch_fails("inject=pwrite64:error=EIO", 3);
}

/// Every so many of these calls of each thread fail, whatever file they are for.
fn now_and_then(calls: &str, error: &str, when: &str) {
    let place = Place::new();
    let mut server = place.start();
    let ledger = Arc::new(Ledger::default());
    let trace = format!("trace={calls}");
    let inject = format!("inject={calls}:error={error}:when={when}");
    let strace = Strace::attach(server.pid(), place.path(), &["-e", &trace, "-e", &inject]);
    let load = Load {
        events_max: 100,
        again: true,
        ..Load::new(0, 32)
    };
    let flood = Flood::start(&server.url, load, &ledger);
    flood.join();
    drop(strace);
    ledger.settle(&server.url);
    let found = segments(&place).len();
    let refused = ledger.refused.load(Ordering::Relaxed);
    let audit = Audit::of(&place, &server, &ledger);
    println!("{inject}: {refused} answers 503, {found} segments; {audit}");
    audit.assert_whole();
    assert!(refused > 0 && found > 1, "nothing failed");
    assert_eq!(ledger.without_retry_after.load(Ordering::Relaxed), 0);
    assert_eq!(ledger.strange(), Vec::<String>::new());
    server.kill();
    let server = place.start();
    let audit = Audit::of(&place, &server, &ledger);
    println!("after a kill: {audit}");
    audit.assert_untouched();
    assert_eq!((audit.open_stored, audit.acknowledged), (0, 3_200));
}

#[test]
fn syncs_fail_now_and_then() {
    now_and_then("fdatasync", "EIO", "5+7");
}

#[test]
fn writes_fail_now_and_then() {
    now_and_then("pwrite64", "ENOSPC", "6+9");
}

#[test]
fn syncs_of_folders_and_renames_fail_now_and_then() {
    now_and_then("fsync,fdatasync,/^rename", "EIO", "4+11");
}

/// The file system turns read-only between the first line of a new segment and its sync: it cannot be removed either. What
/// is left of it must not stand in the way of the segment that is made later.
#[test]
fn a_new_segment_can_neither_be_synced_nor_removed() {
    let place = Place::new();
    let mut server = place.start();
    let ledger = Ledger::default();
    let mut link = Connection::open(&server.url).expect("a connection");
    assert_eq!(link.post(&event(0).body()).expect("an answer").status, 200);
    ledger.acknowledged().push(event(0));
    // The batch's sync fails, then the first line's; the probe's between does not.
    let strace = Strace::attach(
        server.pid(),
        place.path(),
        &[
            "-y",
            "-e",
            "trace=fdatasync,/^unlink",
            "-e",
            "inject=fdatasync:error=EIO:when=1+2",
            "-e",
            "inject=/^unlink:error=EROFS:when=2+",
        ],
    );
    assert_eq!(link.post(&event(1).body()).expect("an answer").status, 503);
    std::thread::sleep(Duration::from_millis(300));
    show_injected(&strace.finish());
    for nth in [1, 2] {
        ledger.open().push(event(nth));
    }
    ledger.settle(&server.url);
    server.kill();
    let server = place.start();
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}");
    audit.assert_untouched();
}
