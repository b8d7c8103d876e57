//! A retry of anything is safe: the same event is one row, and only the same.

use crate::server::{Headers, Place, Server};
use std::sync::Barrier;

const STORED: &str = r#"{"status":"stored","id":"ID"}"#;
const DUPLICATE: &str = r#"{"status":"duplicate","id":"ID"}"#;

fn rows(place: &Place, source: &str) -> usize {
    let csv = place.read_all(&format!("csv/{source}"), ".csv");
    csv.lines().count().saturating_sub(1)
}

/// Sends each to `orders` and compares what is answered.
#[track_caller]
fn answers(server: &Server, cases: &[(&str, Headers, &str)]) {
    for (body, headers, wanted) in cases {
        let answer = server.post_to("orders", body.as_bytes(), headers);
        assert_eq!(answer.masked(), *wanted, "{body} {headers:?}");
    }
}

#[test]
fn duplicates_are_known_after_a_stop_and_after_a_kill() {
    let place = Place::new();
    let mut server = place.start();
    let first = server.post("{\"a\":1}");
    assert_eq!(first.masked(), STORED);
    assert!(server.stop().success());

    let mut server = place.start();
    let again = server.post("{ \"a\": 1 }");
    assert_eq!(again.masked(), DUPLICATE);
    assert_eq!(again.json()["id"], first.json()["id"], "the id stays");
    assert_eq!(server.post("{\"a\":2}").masked(), STORED);
    server.kill();

    let server = place.start();
    for body in ["{\"a\":1}", "{\"a\":2}"] {
        assert_eq!(server.post(body).masked(), DUPLICATE);
    }
    assert_eq!(
        server
            .get("/exports/lessonly/today.csv")
            .text()
            .lines()
            .count(),
        1 + 2
    );
}

#[test]
fn equal_events_at_the_same_moment_are_one() {
    const SENDERS: usize = 16;
    let place = Place::new();
    let server = place.start();
    for round in 0..5 {
        let body = format!("{{\"round\":{round}}}");
        let start = Barrier::new(SENDERS);
        let send = || {
            start.wait();
            server.post(&body)
        };
        let answers: Vec<_> = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
            senders
                .into_iter()
                .map(|s| s.join().expect("an answer"))
                .collect()
        });
        let status = |wanted: &str| answers.iter().filter(|a| a.masked() == wanted).count();
        assert_eq!((status(STORED), status(DUPLICATE)), (1, SENDERS - 1));
        let id = &answers[0].json()["id"];
        assert!(answers.iter().all(|a| a.json()["id"] == *id));
    }
    let csv = server.get("/exports/lessonly/today.csv");
    assert_eq!(csv.text().lines().count(), 1 + 5);
    assert_eq!(rows(&place, "lessonly"), 5);
}

#[test]
fn sources_do_not_share_events() {
    let place = Place::new();
    let server = place.start_with("[sources.orders]\n[sources.other]\n");
    let one = server.post_to("orders", b"{}", &[]);
    let other = server.post_to("other", b"{}", &[]);
    assert_eq!(
        (one.masked().as_str(), other.masked().as_str()),
        (STORED, STORED)
    );
    assert_ne!(one.json()["id"], other.json()["id"]);
}

#[test]
fn with_dedup_off_every_delivery_is_an_event() {
    let place = Place::new();
    let server = place.start_with("[sources.orders]\ndedup = \"off\"");
    answers(
        &server,
        &[("{\"a\":1}", &[], STORED), ("{\"a\":1}", &[], STORED)],
    );
    let array = server.post_to("orders", b"[{\"a\":1},{\"a\":1}]", &[]);
    assert_eq!(
        array.masked(),
        r#"{"status":"stored","stored":2,"duplicates":0,"ids":["ID","ID"]}"#
    );
    assert_eq!(
        server
            .get("/exports/orders/today.csv")
            .text()
            .lines()
            .count(),
        1 + 4
    );
}

#[test]
fn an_id_in_the_payload() {
    let place = Place::new();
    let server = place.start_with("[sources.orders]\ndedup = \"id\"\nid = \"/order/id\"");
    answers(
        &server,
        &[
            (r#"{"order":{"id":7},"x":1}"#, &[], STORED),
            (r#"{"order":{"id":7},"x":2}"#, &[], DUPLICATE),
            (r#"{"order":{"id":"7"},"x":2}"#, &[], DUPLICATE),
            (r#"{"order":{"id":8},"x":1}"#, &[], STORED),
            // Without it the content decides.
            (r#"{"x":1}"#, &[], STORED),
            (r#"{"x":1}"#, &[], DUPLICATE),
            (r#"{"x":2}"#, &[], STORED),
        ],
    );
}

#[test]
fn an_id_in_a_header() {
    let place = Place::new();
    let server = place.start_with("[sources.orders]\ndedup = \"id\"\nid = \"X-Request-Id\"");
    let (one, two) = ([("x-request-id", "1")], [("X-Request-ID", "2")]);
    answers(
        &server,
        &[
            ("{\"a\":1}", &one, STORED),
            ("{\"a\":2}", &one, DUPLICATE),
            ("{\"a\":1}", &two, STORED),
            ("{\"a\":1}", &[], STORED),
            ("{\"a\":1}", &[("x-request-id", "")], DUPLICATE),
        ],
    );
    for (body, counts) in [
        ("[{\"a\":1},{\"a\":1}]", r#""stored":2,"duplicates":0"#),
        ("[{\"a\":1},{\"a\":5}]", r#""stored":0,"duplicates":2"#),
    ] {
        let answer = server.post_to("orders", body.as_bytes(), &[("x-request-id", "3")]);
        let wanted = format!(r#"{{"status":"stored",{counts},"ids":["ID","ID"]}}"#);
        assert_eq!(answer.masked(), wanted, "{body}");
    }
}
