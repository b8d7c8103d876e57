//! Too large, too slow, too often, too much at a time: and what just fits.

use crate::raw::Raw;
use crate::receiving::{gzip, is_problem, problem};
use crate::server::{Place, Server};
use std::time::{Duration, Instant};

const RETRY: &str = r#","help":"send it again: a retry of anything is safe""#;
const RETRY_SOON: &str = r#","help":"try again soon: a retry of anything is safe""#;
const GZIP: (&str, &str) = ("content-encoding", "gzip");

#[test]
fn bodies_that_do_not_end_are_400_or_408() {
    let place = Place::new();
    let server = place.start_with("limits.body_seconds_max = 1");
    let cut_off = problem(
        400,
        "cut-off",
        "The request ended before its body did",
        "the connection or its transfer encoding broke before the end of the body",
        RETRY,
    );
    let mut raw = Raw::post(&server, "lessonly", "Transfer-Encoding: chunked\r\n");
    raw.send("5\r\n{\"a\":\r\nnonsense\r\n");
    is_problem(&raw.answer(), &cut_off);
    assert!(raw.is_closed());

    let mut slow = Raw::post(&server, "lessonly", "Content-Length: 7\r\n");
    slow.send("{");
    let answer = slow.answer();
    let wanted = problem(
        408,
        "too-slow",
        "The body took too long",
        "the body did not arrive within 1 seconds (limits.body_seconds_max)",
        RETRY,
    );
    is_problem(&answer, &wanted);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(slow.is_closed());
}

#[test]
fn a_body_that_is_cut_off_is_400() {
    let place = Place::new();
    let server = place.start();
    for head in ["Transfer-Encoding: chunked\r\n", "Content-Length: 12\r\n"] {
        let mut raw = Raw::post(&server, "lessonly", head);
        raw.send("5\r\n{\"a\":\r\n").end();
        let answer = raw.answer();
        assert_eq!(
            (answer.status, answer.json()["type"].as_str()),
            (400, Some("urn:rowhook:problem:cut-off")),
            "{head}"
        );
    }
}

#[test]
fn too_large_is_413_and_other_encodings_are_415() {
    let place = Place::new();
    let server = place.start_with("limits.body_bytes_max = 100");
    let wanted = problem(
        413,
        "too-large",
        "The body is too large",
        "the body, decoded, is over 100 bytes (limits.body_bytes_max)",
        r#","help":"send fewer events at a time, or raise the limit""#,
    );
    let event = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(server.post(&event(100)).status, 200);
    let answer = server.post_to("lessonly", &gzip(event(100).as_bytes()), &[GZIP]);
    assert_eq!(answer.masked(), r#"{"status":"duplicate","id":"ID"}"#);
    is_problem(&server.post(&event(101)), &wanted);
    is_problem(
        &server.post_to("lessonly", &gzip(event(101).as_bytes()), &[GZIP]),
        &wanted,
    );
    is_problem(
        &Raw::post(&server, "lessonly", "Content-Length: 101\r\n").answer(),
        &wanted,
    );
    let mut raw = Raw::post(&server, "lessonly", "Transfer-Encoding: chunked\r\n");
    raw.send(format!("65\r\n{}\r\n", event(101)));
    is_problem(&raw.answer(), &wanted);

    let wanted = problem(
        415,
        "encoding",
        "This Content-Encoding is not understood",
        "the body has a Content-Encoding other than gzip or identity",
        r#","help":"send it plain or with Content-Encoding: gzip""#,
    );
    for encoding in ["br", "deflate", "gzip, gzip", "gzip, br"] {
        is_problem(
            &server.post_to("lessonly", b"{}", &[("content-encoding", encoding)]),
            &wanted,
        );
    }
    for encoding in ["identity", "Identity", ""] {
        let answer = server.post_to("lessonly", b"{}", &[("content-encoding", encoding)]);
        assert_eq!(answer.status, 200, "{encoding:?}");
    }
    let packed = gzip(b"{}");
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        let answer = server.post_to("lessonly", &packed, &[("content-encoding", encoding)]);
        assert_eq!(answer.status, 200, "{encoding:?}");
    }
}

#[test]
fn too_often_is_429() {
    let place = Place::new();
    let server = place.start_with("[sources.slow]\nrequests_per_second_max = 1\n[sources.other]\n");
    let answers = [0; 4].map(|_| server.post_to("slow", b"{}", &[]));
    assert_eq!(answers[0].status, 200);
    let over = answers.iter().find(|a| a.status != 200).expect("too often");
    let wanted = problem(
        429,
        "rate",
        "Too many requests",
        "the source is over its requests_per_second_max; wait 1 s",
        "",
    );
    is_problem(over, &wanted);
    assert_eq!(over.header("retry-after"), Some("1"));
    assert_eq!(
        server.post_to("other", b"{}", &[]).status,
        200,
        "each source has its own rate"
    );
}

#[test]
fn too_much_at_a_time_is_503() {
    let place = Place::new();
    let server = place.start_with("[limits]\nbody_bytes_max = 10_000\nwaiting_bytes_max = 10_000");
    let mut slow = Raw::post(&server, "lessonly", "Content-Length: 9000\r\n");
    slow.send(format!("{{\"a\":\"{}", "x".repeat(8000)));
    let held = |bytes: u64| {
        let until = Instant::now() + Duration::from_secs(5);
        while server.get("/readyz").json()["waiting_bytes"] != bytes {
            assert!(
                Instant::now() < until,
                "the slow body does not hold {bytes}"
            );
        }
    };
    held(9000);
    let answer = server.post(&format!("{{\"b\":\"{}\"}}", "y".repeat(2000)));
    let wanted = problem(
        503,
        "busy",
        "Too much is waiting",
        "bodies that are being read or wait for the disk fill limits.waiting_bytes_max",
        RETRY_SOON,
    );
    is_problem(&answer, &wanted);
    assert_eq!(answer.header("retry-after"), Some("5"));
    slow.send(format!("{}\"}}", "x".repeat(9000 - 8000 - 8)));
    assert_eq!(slow.answer().masked(), r#"{"status":"stored","id":"ID"}"#);
    held(0);
}

/// What is free of each head is little, and the rest counts as bodies do.
#[test]
fn long_heads_count_too() {
    let place = Place::new();
    let server = place.start_with("[limits]\nwaiting_bytes_max = 100_000\nbody_bytes_max = 10_000");
    let head = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}",
        "x".repeat(20_000)
    );
    let mut all: Vec<Raw> = (0..20)
        .map(|_| {
            let mut connection = Raw::open(&server);
            connection.try_send(&head);
            connection
        })
        .collect();
    let waiting = || server.get("/readyz").json()["waiting_bytes"].as_u64();
    let until = Instant::now() + Duration::from_secs(5);
    while waiting() < Some(70_000) {
        assert!(Instant::now() < until, "{:?}", waiting());
    }
    std::thread::sleep(Duration::from_millis(300));
    let (mut taken, mut refused) = (0, 0);
    for connection in &mut all {
        connection.try_send("\r\n\r\n");
        match connection.answer().status {
            200 => taken += 1,
            503 => refused += 1,
            other => panic!("{other}"),
        }
    }
    println!("{taken} taken, {refused} refused");
    assert!((2..=6).contains(&taken), "{taken} taken, {refused} refused");
    // Refused or answered, nothing of them counts any more; and one that is alone may be long.
    let mut alone = Raw::open(&server);
    alone.send(format!("{head}{}\r\n\r\n", "x".repeat(80_000)));
    assert_eq!(alone.answer().status, 200);
    drop((all, alone));
    while waiting() != Some(0) {
        assert!(Instant::now() < until, "{:?}", waiting());
    }
}

#[test]
fn one_body_of_the_largest_size_fits() {
    let place = Place::new();
    let server = place.start_with("[limits]\nbody_bytes_max = 10_000\nwaiting_bytes_max = 10_000");
    let largest = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000 - 8));
    assert_eq!(
        server.post(&largest).masked(),
        r#"{"status":"stored","id":"ID"}"#
    );
    let answer = server.post_to("lessonly", &gzip(largest.as_bytes()), &[GZIP]);
    assert_eq!(answer.masked(), r#"{"status":"duplicate","id":"ID"}"#);
}

#[test]
fn too_many_events_at_once_are_413() {
    let place = Place::new();
    let server = place.start();
    let array = |events: usize| format!("[{}{{}}]", "{},".repeat(events - 1));
    assert_eq!(server.post(&array(65_536)).status, 200);
    let wanted = problem(
        413,
        "too-many-events",
        "The array holds too many events",
        "an array may hold 65536 events here (limits.waiting_bytes_max)",
        ",\"help\":\"send fewer events at a time, or raise the limit\"",
    );
    is_problem(&server.post(&array(65_537)), &wanted);
}

#[test]
fn who_sends_a_large_body_gets_to_read_the_refusal() {
    let place = Place::new();
    let mut command = place.command();
    command.env("LESSONLY_AUTHORIZATION", "Bearer let-me-in");
    let server = Server::start(command);
    let right = [("authorization", "Bearer let-me-in")];
    let event = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)).into_bytes();
    for _ in 0..5 {
        let answer = server.post_to("lessonly", &event(1_000_000), &[]);
        assert_eq!(answer.status, 401);
        let answer = server.post_to("lessonly", &event(4_000_000), &right);
        assert_eq!(answer.status, 413);
        let chunked = [right[0], ("transfer-encoding", "chunked")];
        let answer = server.post_to("lessonly", &event(4_000_000), &chunked);
        assert_eq!(answer.status, 413);
    }
    // Nor does it matter whether the sender looks before all is sent.
    let piece = vec![b' '; 1 << 20];
    for head in [
        "Content-Length: 67108864\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let mut raw = Raw::post(
            &server,
            "lessonly",
            &format!("{}: {}\r\n{head}", right[0].0, right[0].1),
        );
        raw.try_send(if head.starts_with('T') {
            "4000000\r\n"
        } else {
            ""
        });
        for _ in 0..64 {
            raw.try_send(&piece);
        }
        assert_eq!(raw.answer().status, 413, "{head}");
    }
}
