//! The order of system calls: durable first, answered then; and many events to
//! a sync.

use crate::flood::{Event, Ledger};
use crate::generator::{self, Plan};
use crate::server::{Place, Server};
use crate::tools::Strace;
use std::sync::Arc;
use std::time::Duration;

const CALLS: &str =
    "trace=fdatasync,fsync,openat,write,writev,pwrite64,sendto,sendmsg,rename,renameat,renameat2";

/// A system call that strace saw: its begin and its end as lines of the file.
#[derive(Debug)]
struct Call {
    text: String,
    begun: usize,
    ended: usize,
}

/// Puts begins and ends of calls together that others came between.
fn calls(seen: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (nth, line) in seen.lines().enumerate() {
        let (pid, text) = line.split_once(' ').expect("a process and its call");
        let text = text.trim_start();
        if let Some((_, rest)) = text.split_once(" resumed>") {
            if let Some(at) = open.remove(pid) {
                calls[at].text.push_str(rest);
                calls[at].ended = nth;
            }
        } else {
            let begin = text.strip_suffix(" <unfinished ...>");
            if begin.is_some() {
                open.insert(pid, calls.len());
            }
            calls.push(Call {
                text: begin.unwrap_or(text).to_owned(),
                begun: nth,
                ended: if begin.is_some() { usize::MAX } else { nth },
            });
        }
    }
    calls
}

/// Finds the next call that has all of `parts` and begins after the last one's end.
struct Walk<'a> {
    calls: &'a [Call],
    after: Option<usize>,
}

impl Walk<'_> {
    fn next(&mut self, parts: &[&str]) {
        let found = self
            .calls
            .iter()
            .filter(|call| self.after.is_none_or(|after| call.begun > after))
            .find(|call| parts.iter().all(|part| call.text.contains(part)));
        let Some(call) = found else {
            panic!(
                "no call with {parts:?} after line {:?} of\n{}",
                self.after,
                show(self.calls)
            );
        };
        println!("{:>5} {}", call.begun, shorten(&call.text));
        self.after = Some(call.ended);
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(150).collect()
}

fn show(calls: &[Call]) -> String {
    let line = |call: &Call| format!("{} {}", call.begun, shorten(&call.text));
    calls.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What the system sees of one delivery.
fn delivery(place: &Place, server: &Server, nth: usize) -> Vec<Call> {
    let event = Event {
        round: 0,
        connection: 9,
        nth,
    };
    let strace = Strace::attach(
        server.pid(),
        place.path(),
        &["-y", "-s", "300", "-e", CALLS],
    );
    let answer = server.post(&event.body());
    let seen = calls(&strace.finish());
    assert_eq!(answer.status, 200);
    let answers = seen.iter().filter(|call| is_answer(call)).count();
    assert_eq!(answers, 1, "one answer in\n{}", show(&seen));
    seen
}

fn is_answer(call: &Call) -> bool {
    let sends = ["write(", "writev(", "sendto(", "sendmsg("];
    sends.iter().any(|name| call.text.starts_with(name)) && call.text.contains("HTTP/1.1 200")
}

/// The record's write, its sync, and only then the answer.
fn stored_then_answered(walk: &mut Walk<'_>, nth: usize) {
    let key = format!("event-0-9-{nth}");
    walk.next(&["pwrite64(", "/journal/", ".jsonl>", &key]);
    walk.next(&["fdatasync(", "/journal/", ".jsonl>", " = 0"]);
    walk.next(&["HTTP/1.1 200"]);
}

#[test]
fn durable_first_answered_then() {
    let place = Place::new();
    let server = place.start();
    println!("the first delivery of a day:");
    let seen = delivery(&place, &server, 1);
    let mut walk = Walk {
        calls: &seen,
        after: None,
    };
    walk.next(&["openat(", "/journal/.", ".jsonl.new", "O_CREAT|O_TRUNC"]);
    walk.next(&["pwrite64(", ".jsonl.new>", r#"{\"rowhook\":1"#]);
    walk.next(&["fdatasync(", "/journal/.", ".jsonl.new>", " = 0"]);
    walk.next(&["rename", ".jsonl.new\", ", ".jsonl\")", " = 0"]);
    walk.next(&["fsync(", "/journal>", " = 0"]);
    stored_then_answered(&mut walk, 1);
    println!("the second:");
    let seen = delivery(&place, &server, 2);
    let mut walk = Walk {
        calls: &seen,
        after: None,
    };
    stored_then_answered(&mut walk, 2);
    let created = seen
        .iter()
        .any(|call| call.text.starts_with("openat(") && call.text.contains("/journal/"));
    assert!(!created, "the segment stays open:\n{}", show(&seen));
}

/// Also when the sync takes long: no answer goes out while it is under way.
#[test]
fn no_answer_before_a_slow_sync_is_done() {
    let place = Place::new();
    let server = place.start();
    let slow = "inject=fdatasync:delay_enter=300000:delay_exit=300000";
    let strace = Strace::attach(
        server.pid(),
        place.path(),
        &["-e", "trace=fdatasync", "-e", slow],
    );
    let begun = std::time::Instant::now();
    let event = Event {
        round: 0,
        connection: 9,
        nth: 1,
    };
    assert_eq!(server.post(&event.body()).status, 200);
    let took = begun.elapsed();
    println!("answered after {took:.1?}; two syncs of 600 ms each came before");
    assert!(took >= Duration::from_millis(1200), "{took:?}");
    drop(strace);
}

/// The sync is made slow enough that a busy machine, too, has heard all 64 connections before it is done.
#[test]
fn many_events_share_one_sync() {
    let place = Place::new();
    let server = place.start();
    let strace = Strace::attach(
        server.pid(),
        place.path(),
        &[
            "-y",
            "-e",
            "trace=fdatasync",
            "-e",
            "inject=fdatasync:delay_exit=20000",
        ],
    );
    let addr = server.url["http://".len()..].parse().expect("an address");
    let body = |index: u64, body: &mut Vec<u8>| {
        let event = Event {
            round: 0,
            connection: 9,
            nth: usize::try_from(index).expect("an index"),
        };
        body.extend_from_slice(event.body().as_bytes());
    };
    let events = 6_400;
    let report = generator::run(&Plan {
        connections: 64,
        timeout: Duration::from_secs(60),
        ..Plan::new(addr, events, &body)
    });
    let seen = strace.finish();
    assert_eq!(report.stored, events, "{report:?}");
    let syncs = calls(&seen)
        .iter()
        .filter(|call| call.text.contains("/journal/") && call.text.contains(".jsonl>"))
        .count();
    let each = usize::try_from(events).expect("a number") / syncs.max(1);
    println!(
        "{events} events, {syncs} syncs of the journal: {each} events each; {:.0} events/s",
        report.events_per_second()
    );
    assert!(each >= 8, "{each} events to a sync");
    let ledger = Arc::new(Ledger::default());
    for nth in 0..6_400 {
        ledger.acknowledged().push(Event {
            round: 0,
            connection: 9,
            nth,
        });
    }
    let audit = crate::audit::Audit::of(&place, &server, &ledger);
    println!("{audit}");
    audit.assert_untouched();
}
