//! Long downloads, which the system sends out of files: their bytes, what stands beside them on a connection, and readers that
//! leave or wait.

use crate::commands::{start_again, wait_closed};
use crate::days::journal;
use crate::raw::Raw;
use crate::server::{Place, Server, TOKEN};
use std::fs;
use std::time::{Duration, Instant};

const DAY: &str = "/exports/orders/2020-01-01.csv";
const RANGE: &str = "/exports/orders.csv?from=2020-01-01&to=2020-01-02";
/// More than two systems hold of a connection.
const ROWS: u32 = 4_000;
const ROW_BYTES: usize = 10_000;

/// Two closed days: one of 40 MB and a short one with the same columns, so that both together are bytes of files as well.
fn days() -> (Place, Server) {
    let place = Place::new();
    let payload = |nth: u32| {
        let text = format!("{nth} ").repeat(ROW_BYTES / (nth.to_string().len() + 1));
        format!("{{\"a\":\"{text}\"}}")
    };
    let long: Vec<String> = (0..ROWS).map(payload).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    journal(
        &place,
        &[("2020-01-01", &long), ("2020-01-02", &["{\"a\":\"end\"}"])],
    );
    place.config("[sources.orders]\n[sources.lessonly]\npreset = \"lessonly\"\n");
    let server = start_again(&place);
    wait_closed(&server, 2);
    (place, server)
}

fn file(place: &Place, day: &str) -> Vec<u8> {
    fs::read(place.output().join(format!("csv/orders/{day}.csv"))).expect("a table")
}

fn request(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{more}\r\n")
}

/// Descriptors of the long table that the server has.
fn open_tables(server: &Server) -> usize {
    let folder = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("its files");
    let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().contains("/csv/orders/2020-01-01"))
        .count()
}

#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "not soon: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asserts without showing megabytes.
#[track_caller]
fn same(found: &[u8], wanted: &[u8], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    assert!(found == wanted, "{what}: other bytes");
}

#[test]
fn every_range_has_the_bytes_of_the_file() {
    let (place, server) = days();
    let (first, second) = (file(&place, "2020-01-01"), file(&place, "2020-01-02"));
    let rows = second.iter().position(|&byte| byte == b'\n').expect("rows") + 1;
    let both = [&first[..], &second[rows..]].concat();
    let mut raw = Raw::open(&server);
    for (path, whole) in [(DAY, &first), (RANGE, &both)] {
        let (bytes, last) = (whole.len(), whole.len() - 1);
        raw.send(request(path, ""));
        let answer = raw.answer();
        assert_eq!((answer.status, answer.header("connection")), (200, None));
        same(&answer.body, whole, path);
        for (range, from, to) in [
            ("bytes=0-9".to_owned(), 0, 9),
            ("bytes=4090-4100".to_owned(), 4090, 4100),
            ("bytes=5000-2000000".to_owned(), 5000, 2_000_000),
            (format!("bytes=1-{last}"), 1, last),
            (format!("bytes={last}-"), last, last),
            ("bytes=-9999999".to_owned(), bytes - 9_999_999, last),
            ("bytes=-1".to_owned(), last, last),
            (format!("bytes=77-{}", bytes + 5), 77, last),
        ] {
            raw.send(request(path, &format!("Range: {range}\r\n")));
            let answer = raw.answer();
            assert_eq!(answer.status, 206, "{path} {range}");
            let shown = format!("bytes {from}-{to}/{bytes}");
            assert_eq!(answer.header("content-range"), Some(shown.as_str()));
            same(&answer.body, &whole[from..=to], &range);
        }
        raw.send(request(path, &format!("Range: bytes={bytes}-\r\n")));
        assert_eq!(raw.answer().status, 416);
    }
    soon("no table is open", || open_tables(&server) == 0);
}

#[test]
fn a_connection_goes_on_after_a_download() {
    let (place, server) = days();
    let whole = file(&place, "2020-01-01");
    let post = "POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
    let get = request(DAY, "");
    let mut one_by_one = Raw::open(&server);
    let mut at_once = Raw::open(&server);
    at_once.send(format!("{get}{post}{get}{post}"));
    for nth in 0..2 {
        one_by_one.send(&get);
        same(&one_by_one.answer().body, &whole, "one by one");
        one_by_one.send(post);
        assert_eq!(one_by_one.answer().status, 200, "{nth}");
        same(&at_once.answer().body, &whole, "at once");
        assert_eq!(at_once.answer().status, 200, "{nth}");
    }
    // Of HTTP/1.0 a connection goes on only if that is asked for.
    let old = get.replace("HTTP/1.1", "HTTP/1.0");
    let keep = old.replace("Host: x\r\n", "Connection: keep-alive\r\n");
    let mut raw = Raw::open(&server);
    for _ in 0..2 {
        raw.send(&keep);
        let answer = raw.answer();
        assert_eq!(answer.header("connection"), Some("keep-alive"));
        assert_eq!(answer.header("transfer-encoding"), None);
        same(&answer.body, &whole, "kept");
    }
    raw.send(&old);
    same(&raw.answer().body, &whole, "not kept");
    assert!(raw.is_closed());
}

/// Nothing is kept for who has gone.
#[test]
fn who_leaves_in_the_middle_leaves_nothing_behind() {
    let (_place, server) = days();
    let mut readers: Vec<Raw> = (0..8).map(|_| Raw::open(&server)).collect();
    for reader in &mut readers {
        reader.send(request(DAY, ""));
        assert_eq!(reader.head().0, 200);
    }
    soon("all are sent to", || open_tables(&server) == 8);
    // Some say that they send nothing more, and go then; the others go at once.
    for reader in readers.iter_mut().step_by(2) {
        reader.end();
    }
    drop(readers);
    soon("no table is open", || open_tables(&server) == 0);
    assert_eq!(server.post("{\"a\":1}").status, 200);
}

/// What is cut while it is sent never looks whole.
#[test]
fn a_file_that_is_cut_meanwhile_breaks_the_download_off() {
    let (place, server) = days();
    let whole = file(&place, "2020-01-01");
    let mut raw = Raw::open(&server);
    raw.send(request(DAY, ""));
    let (status, headers) = raw.head();
    let length = headers["content-length"].to_str().expect("a length");
    assert_eq!((status, length), (200, whole.len().to_string().as_str()));
    let path = place.output().join("csv/orders/2020-01-01.csv");
    let table = fs::OpenOptions::new().write(true).open(path);
    table
        .and_then(|table| table.set_len(30_000_000))
        .expect("cut");
    let found = raw.rest();
    assert!(
        found.len() > 10_000_000 && found.len() < 30_000_000 + 1,
        "{}",
        found.len()
    );
    soon("it is told", || {
        server.log().contains("a download was broken off")
    });
    assert_eq!(server.post("{\"a\":1}").status, 200);
}

/// A figure of the server's memory, in KiB.
fn memory(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Read through our memory they would take 128 KiB each.
#[test]
fn many_slow_downloads_take_no_memory() {
    const MANY: usize = 100;
    const KIB_MAX: u64 = 64 * MANY as u64;
    let (_place, server) = days();
    let download = || {
        let mut raw = Raw::open(&server);
        raw.send(request(DAY, ""));
        assert_eq!(raw.head().0, 200);
        raw
    };
    drop(download());
    soon("no table is open", || open_tables(&server) == 0);
    fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").expect("a reset");
    let before = memory(&server, "VmRSS:");
    let readers: Vec<Raw> = (0..MANY).map(|_| download()).collect();
    std::thread::sleep(Duration::from_secs(1));
    let grown = memory(&server, "VmHWM:").saturating_sub(before);
    println!("{grown} KiB more for {MANY} downloads");
    assert!(grown < KIB_MAX, "{grown} KiB");
    drop(readers);
}
