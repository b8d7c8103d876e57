//! Every answer to a delivery: status, headers that matter, and the whole body.

use crate::raw::Raw;
use crate::server::{Answer, Headers, Place, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub const KEPT: &str = r#","kept":true,"help":"mend it and send it again; the body was kept in the day's rejected file""#;
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

/// A problem as it is written, `rest` after the detail.
pub fn problem(status: u16, name: &str, title: &str, detail: &str, rest: &str) -> String {
    format!(
        r#"{{"type":"urn:rowhook:problem:{name}","title":"{title}","status":{status},"detail":"{detail}"{rest}}}"#
    )
}

/// Checks a problem, and the headers that every one has.
#[track_caller]
pub fn is_problem(answer: &Answer, wanted: &str) {
    assert_eq!(answer.text(), wanted);
    assert_eq!(answer.json()["status"], answer.status);
    let headers = ["content-type", "cache-control", "referrer-policy"];
    let headers = headers.map(|name| answer.header(name).unwrap_or(""));
    assert_eq!(
        headers,
        ["application/problem+json", "no-store", "no-referrer"]
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("gzip");
    encoder.finish().expect("gzip")
}

#[test]
fn stored_and_duplicate() {
    let place = Place::new();
    let server = place.start();
    for (body, wanted) in [
        (r#"{"a":1}"#, r#"{"status":"stored","id":"ID"}"#),
        (" {\"a\" : 1}\r\n", r#"{"status":"duplicate","id":"ID"}"#),
        (
            r#"[{"a":1}]"#,
            r#"{"status":"stored","stored":0,"duplicates":1,"ids":["ID"]}"#,
        ),
        (
            r#"[{"b":1}]"#,
            r#"{"status":"stored","stored":1,"duplicates":0,"ids":["ID"]}"#,
        ),
        (
            r#"[{"c":1}, {"c":1}, {"a":1}]"#,
            r#"{"status":"stored","stored":1,"duplicates":2,"ids":["ID","ID","ID"]}"#,
        ),
        (
            r#"[{"c":1},{"a":1}]"#,
            r#"{"status":"stored","stored":0,"duplicates":2,"ids":["ID","ID"]}"#,
        ),
        ("{}", r#"{"status":"stored","id":"ID"}"#),
    ] {
        let answer = server.post(body);
        assert_eq!(
            (answer.status, answer.masked().as_str()),
            (200, wanted),
            "{body}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    let rows: Vec<&str> = place
        .read_all("journal", ".jsonl")
        .lines()
        .map(|_| "")
        .collect();
    assert_eq!(rows.len(), 1 + 4, "a first line, and each event once");
}

#[test]
fn neither_json_nor_a_form_is_400() {
    let place = Place::new();
    let server = place.start();
    let whole = gzip(br#"{"a":1}"#);
    let cut = &whole[..whole.len() - 4];
    let within = |line, column, detail: &str| {
        let place = format!(r#","line":{line},"column":{column}{KEPT}"#);
        problem(
            400,
            "not-json",
            "The body is neither JSON nor a form",
            detail,
            &place,
        )
    };
    let at = |line, column, reason: &str| {
        within(
            line,
            column,
            &format!("line {line}, column {column}: {reason}"),
        )
    };
    let other = |detail: &str| {
        problem(
            400,
            "not-json",
            "The body is neither JSON nor a form",
            detail,
            KEPT,
        )
    };
    let empty = || {
        let place = format!(r#","line":1,"column":1{KEPT}"#);
        problem(
            400,
            "empty",
            "The body is empty",
            "the body is empty",
            &place,
        )
    };
    let no_gzip = "the body says Content-Encoding: gzip, but is not whole gzip data";
    let cases: [(&[u8], Headers, String); 14] = [
        (b"", &[], empty()),
        (b" \r\n\t", &[], empty()),
        (b"\xEF\xBB\xBF", &[FORM], empty()),
        (b"&&", &[FORM], empty()),
        (b"hello", &[], at(1, 1, "expected a JSON value")),
        (b"a=1&b=2", &[], at(1, 1, "expected a JSON value")),
        (
            b"{\n  \"a\": tru}",
            &[FORM],
            at(2, 11, "expected `true`, `false` or `null`"),
        ),
        (
            b"{\"a\":1} x",
            &[],
            at(1, 9, "something follows the end of the JSON text"),
        ),
        (
            b"{\"a\":1",
            &[],
            at(1, 7, "the text ends in the middle of a value"),
        ),
        (
            "{\"ä\":\"".as_bytes(),
            &[],
            at(1, 7, "the text ends in the middle of a value"),
        ),
        (
            b"{\"a\":\n\"\xFF\"}",
            &[],
            at(2, 2, "the body is not UTF-8"),
        ),
        (
            b"a=1&b=%FF",
            &[FORM],
            within(1, 7, "field 2 of the form is not UTF-8 once it is decoded"),
        ),
        (b"{\"a\":1}", &[GZIP], other(no_gzip)),
        (cut, &[GZIP], other(no_gzip)),
    ];
    for (body, headers, wanted) in cases {
        is_problem(&server.post_to("lessonly", body, headers), &wanted);
    }
}

#[test]
fn json_that_cannot_become_rows_is_422() {
    let place = Place::new();
    let server = place.start();
    let deep = |levels: usize| {
        format!("{}{}", "{\"a\":".repeat(levels - 1), "{}") + &"}".repeat(levels - 1)
    };
    let no_rows = |detail: &str, place: &str| {
        let rest = format!("{place}{KEPT}");
        problem(422, "no-rows", "The JSON cannot become rows", detail, &rest)
    };
    let scalar = "the body is a single JSON value; a row needs an object";
    for (body, wanted) in [
        ("7", no_rows(scalar, "")),
        (" \"text\" ", no_rows(scalar, "")),
        ("null", no_rows(scalar, "")),
        (
            "[]",
            no_rows("the body is an empty array; there is nothing to store", ""),
        ),
        (
            "[{\"fresh\":1},\n {}, [{}]]",
            no_rows(
                "line 2, column 6: element 2 of the array is not an object; nothing of the array was stored",
                r#","line":2,"column":6"#,
            ),
        ),
        (
            &deep(65),
            no_rows(
                "line 1, column 321: objects and arrays are nested 65 deep; the limit is 64 (limits.depth_max)",
                r#","line":1,"column":321"#,
            ),
        ),
    ] {
        is_problem(&server.post(body), &wanted);
    }
    let answer = server.post(&deep(64));
    assert_eq!(answer.masked(), r#"{"status":"stored","id":"ID"}"#);
    let fresh = server.post("{\"fresh\":1}");
    assert_eq!(
        fresh.masked(),
        r#"{"status":"stored","id":"ID"}"#,
        "of the array nothing was stored"
    );
}

#[test]
fn who_may_not_is_401_or_403() {
    let place = Place::new();
    let mut command = place.command();
    command.env("LESSONLY_AUTHORIZATION", "Bearer let-me-in");
    // From one address so many wrong values would be slow.
    command.arg("--config");
    command.arg(place.config("trusted_proxies = [\"127.0.0.1\"]"));
    let server = Server::start(command);
    let wanted = problem(
        401,
        "unauthorized",
        "The Authorization header is not the one that this source asks for",
        "the Authorization header is missing or has another value",
        r#","help":"fill in the same value at the sender and here, byte for byte, with or without a scheme""#,
    );
    let right = ("authorization", "Bearer let-me-in");
    let cases: [Headers; 7] = [
        &[],
        &[("authorization", "")],
        &[("authorization", "Bearer let-me-i")],
        &[("authorization", "Bearer let-me-in-")],
        &[("authorization", "bearer let-me-in")],
        &[("authorization", "let-me-in")],
        &[right, right],
    ];
    for (nth, headers) in cases.into_iter().enumerate() {
        let client = format!("198.51.100.{nth}");
        let headers = [headers, &[("x-forwarded-for", client.as_str())]].concat();
        for body in ["{\"a\":1}", "no JSON"] {
            let answer = server.post_to("lessonly", body.as_bytes(), &headers);
            is_problem(&answer, &wanted);
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Webhook realm=\"rowhook\"")
            );
        }
    }
    assert_eq!(place.read_all("rejected", ".jsonl"), "", "nothing is kept");
    let answer = server.post_to(
        "lessonly",
        b"{}",
        &[right, ("origin", "https://example.com")],
    );
    assert_eq!(
        answer.status, 200,
        "who is authenticated may come from a page"
    );

    let started = Instant::now();
    let mut raw = Raw::post(&server, "lessonly", "Content-Length: 1000000\r\n");
    is_problem(&raw.answer(), &wanted);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "before the body"
    );

    let place = Place::new();
    let open = place.start();
    let answer = open.post_to("lessonly", b"{}", &[("origin", "null")]);
    let wanted = problem(
        403,
        "origin",
        "Web pages may not deliver here",
        "the request carries an Origin header, and this source asks for no authentication",
        r#","help":"set a secret for the source (LESSONLY_AUTHORIZATION, or auth in the configuration)""#,
    );
    is_problem(&answer, &wanted);
}

#[test]
fn elsewhere_is_404_and_otherwise_405() {
    let place = Place::new();
    let server = place.start();
    let wanted = problem(
        404,
        "no-such-source",
        "There is no such source",
        r#"no source is called \"Lessonly\""#,
        r#","help":"`rowhook check` lists the sources and their callback URLs""#,
    );
    is_problem(&server.post_to("Lessonly", b"{}", &[]), &wanted);
    let nothing = |path: &str| {
        let detail = format!(r#"nothing is served under \"{path}\""#);
        problem(404, "no-such-path", "There is nothing here", &detail, "")
    };
    is_problem(&server.post_to("", b"{}", &[]), &nothing("/hooks/"));
    is_problem(
        &server.post_to("lessonly/more", b"{}", &[]),
        &nothing("/hooks/lessonly/more"),
    );
    is_problem(&server.get("/metrics"), &nothing("/metrics"));
    let method = |allow| {
        let detail = format!("this path takes {allow}");
        problem(
            405,
            "method",
            "This method is not for this path",
            &detail,
            "",
        )
    };
    let mut raw = Raw::open(&server);
    for (method_name, path, allow) in [
        ("GET", "/hooks/lessonly", "POST"),
        ("PUT", "/hooks/lessonly", "POST"),
        ("OPTIONS", "/hooks/lessonly", "POST"),
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/exports/lessonly/today.csv", "GET, HEAD"),
        ("POST", "/api/exports", "GET, HEAD"),
        ("PUT", "/healthz", "GET, HEAD"),
        ("PUT", "/readyz", "GET, HEAD"),
    ] {
        raw.send(format!(
            "{method_name} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        ));
        let answer = raw.answer();
        is_problem(&answer, &method(allow));
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

/// Each line of the journal comes when it is stored, and stays what it was.
#[test]
fn tail_follows_the_journal() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post(r#"{"n":1}"#).status, 200);
    let path = fs::read_dir(place.output().join("journal"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .next()
        .expect("a segment");
    let mut tail = Command::new("tail")
        .args(["-n", "+1", "-f"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("tail");
    let mut lines = BufReader::new(tail.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("a text");
    assert!(line().starts_with(r#"{"rowhook":1,"#));
    for n in 1..=3 {
        if n > 1 {
            let body = format!(r#"{{"n":{n}}}"#);
            assert_eq!(server.post(&body).status, 200);
        }
        let line = line();
        assert!(
            line.contains(&format!(r#""payload":{{"n":{n}}},"#)),
            "{line}"
        );
    }
    tail.kill().expect("tail");
    tail.wait().expect("its end");
    let last = Command::new("tail").args(["-n", "1"]).arg(&path).output();
    assert!(last.expect("tail").stdout.starts_with(br#"{"seq":3,"#));
}
