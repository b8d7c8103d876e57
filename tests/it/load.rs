//! The load generator, against servers that misbehave: what a benchmark reports must be what was answered.

#[path = "../../benches/load/event.rs"]
mod event;
#[path = "../../benches/load/generator.rs"]
mod generator;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use generator::{Histogram, Plan};

const STORED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"status\":\"stored\"}";

/// What a server saw: how often each body came.
type Seen = Arc<Mutex<BTreeMap<String, u32>>>;

/// A server that answers the n-th delivery of a body with the pieces that `answer` gives, and closes without any.
fn serve(answer: fn(u32) -> Vec<&'static str>) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let seen = Seen::default();
    let shared = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&shared);
            thread::spawn(move || converse(&stream.unwrap(), &seen, answer));
        }
    });
    (addr, seen)
}

fn converse(mut stream: &TcpStream, seen: &Seen, answer: fn(u32) -> Vec<&'static str>) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = next_body(&mut reader) {
        let times = {
            let mut seen = seen.lock().unwrap();
            let times = seen.entry(body).or_default();
            *times += 1;
            *times
        };
        let pieces = answer(times);
        if pieces.is_empty() {
            return;
        }
        for piece in pieces {
            if stream.write_all(piece.as_bytes()).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn next_body(reader: &mut impl BufRead) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return String::from_utf8(body).ok();
        }
    }
}

fn plan(addr: SocketAddr, events: u64) -> Plan<'static> {
    let timeout = Duration::from_secs(20);
    Plan {
        connections: 5,
        threads: 2,
        timeout,
        ..Plan::new(addr, events, &event::lessonly)
    }
}

fn seen_times(seen: &Seen) -> (usize, BTreeSet<u32>) {
    let seen = seen.lock().unwrap();
    (seen.len(), seen.values().copied().collect())
}

#[test]
fn sends_each_event_once_and_puts_split_answers_together() {
    let (addr, seen) = serve(|_| {
        vec![
            "HTTP/1.1 200 OK\r\ncontent-le",
            "ngth: 22\r\n\r\n{\"status\":",
            "\"duplicate\"}",
        ]
    });
    let report = generator::run(&plan(addr, 203));
    assert_eq!(seen_times(&seen), (203, BTreeSet::from([1])));
    assert_eq!(report.answered, BTreeMap::from([(200, 203)]));
    assert_eq!(
        (report.accepted(), report.duplicates, report.stored),
        (203, 203, 0)
    );
    assert_eq!(
        (report.unanswered, report.errors, report.timed_out),
        (0, 0, false)
    );
    assert!(
        report.latency.quantile(500) >= 2_000,
        "two pauses of a millisecond: {:?}",
        report.latency.quantile(500)
    );
    assert!(
        report.ended > report.started
            && report.seconds() > 0.08
            && report.events_per_second() > 1.0
    );
}

#[test]
fn asks_again_after_503() {
    let (addr, seen) = serve(|times| {
        if times < 3 {
            vec!["HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n"]
        } else {
            vec![STORED]
        }
    });
    let report = generator::run(&plan(addr, 20));
    assert_eq!(seen_times(&seen), (20, BTreeSet::from([3])));
    assert_eq!(report.answered, BTreeMap::from([(200, 20), (503, 40)]));
    assert_eq!(
        (report.stored, report.unanswered, report.errors),
        (20, 0, 0)
    );
}

#[test]
fn asks_again_over_a_new_connection() {
    let (addr, seen) = serve(|times| if times < 2 { vec![] } else { vec![STORED] });
    let report = generator::run(&plan(addr, 20));
    assert_eq!(seen_times(&seen), (20, BTreeSet::from([2])));
    assert_eq!(
        (report.stored, report.unanswered, report.errors),
        (20, 0, 20)
    );
    assert!(report.first_error.unwrap().starts_with("read: "));
}

#[test]
fn follows_connection_close_without_an_error() {
    let (addr, _) =
        serve(|_| vec!["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]);
    let report = generator::run(&plan(addr, 20));
    assert_eq!(
        (report.accepted(), report.stored, report.errors),
        (20, 0, 0)
    );
}

#[test]
fn does_not_ask_again_after_a_refusal() {
    let (addr, seen) = serve(|_| vec!["HTTP/1.1 422 No\r\ncontent-length: 2\r\n\r\n{}"]);
    let report = generator::run(&plan(addr, 20));
    assert_eq!(seen_times(&seen), (20, BTreeSet::from([1])));
    assert_eq!(report.answered, BTreeMap::from([(422, 20)]));
    assert_eq!((report.accepted(), report.unanswered), (0, 0));
}

#[test]
fn ends_by_itself_without_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = Instant::now();
    let timeout = Duration::from_millis(300);
    let report = generator::run(&Plan {
        timeout,
        ..plan(listener.local_addr().unwrap(), 20)
    });
    assert_eq!((report.unanswered, report.timed_out), (20, true));
    drop(listener);
    assert!(asked.elapsed() < Duration::from_secs(5));
}

/// Takes 9 seconds, all of them asleep.
#[test]
fn ends_by_itself_when_the_server_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let report = generator::run(&plan(addr, 1_000));
    assert_eq!((report.unanswered, report.timed_out), (1_000, false));
    assert_eq!(report.errors, 5 * u64::from(generator::ATTEMPTS_MAX));
    assert!(report.first_error.unwrap().starts_with("connect: "));
}

#[test]
fn sends_bodies_larger_than_the_socket_takes_at_once() {
    let (addr, seen) = serve(|_| vec![STORED]);
    let body = |index, body: &mut Vec<u8>| {
        event::lessonly(index, body);
        body.resize(20_000_000, b' ');
    };
    let report = generator::run(&Plan {
        body: &body,
        ..plan(addr, 7)
    });
    assert_eq!(seen_times(&seen), (7, BTreeSet::from([1])));
    assert_eq!((report.stored, report.unanswered, report.errors), (7, 0, 0));
}

#[test]
fn events_are_json_of_one_length_and_all_different() {
    let mut all = BTreeSet::new();
    for index in (0..3_000).chain([9_999_999_999]) {
        let mut body = Vec::new();
        event::lessonly(index, &mut body);
        assert_eq!(body.len(), event::BYTES);
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["user"]["ext_uid"], format!("{index:010}"));
        assert!(json["score_percent"].as_f64().unwrap() < 100.0);
        assert!(all.insert(body));
    }
}

#[test]
fn quantiles_are_within_a_hundredth() {
    let mut histogram = Histogram::default();
    for micros in 1..=100_000 {
        histogram.record(micros);
    }
    for per_mille in [1_u32, 10, 500, 990, 999] {
        let exact = f64::from(per_mille * 100);
        let found = f64::from(histogram.quantile(per_mille.into()));
        assert!(
            (0.0..=0.008).contains(&(found / exact - 1.0)),
            "{found} for {exact}"
        );
    }
    assert_eq!(
        (histogram.count(), histogram.max(), histogram.quantile(1000)),
        (100_000, 100_000, 100_000)
    );
    histogram.record(u128::MAX);
    assert_eq!(
        (histogram.max(), histogram.quantile(1000)),
        (u32::MAX, u32::MAX)
    );
}
