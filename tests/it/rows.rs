//! Rows for who looks at them: page by page, found, one by itself, and those
//! that come meanwhile.

use crate::server::{Place, Server};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

fn rows(server: &Server, query: &str) -> Value {
    let answer = server.get(&format!("/api/rows?source=lessonly{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The cells of a column.
fn column(found: &Value, name: &str) -> Vec<String> {
    let columns = found["columns"].as_array().expect("columns");
    let nth = columns.iter().position(|column| column == name);
    let nth = nth.unwrap_or_else(|| panic!("no {name} in {columns:?}"));
    let rows = found["rows"].as_array().expect("rows");
    let cells = rows
        .iter()
        .map(|row| row["cells"][nth].as_str().unwrap_or(""));
    cells.map(str::to_owned).collect()
}

#[test]
fn the_newest_first_and_back_to_the_first() {
    let place = Place::new();
    let server = place.start();
    for nth in 0..25 {
        // A new column in the middle.
        let more = if nth == 12 { ",\"late\":\"yes\"" } else { "" };
        let body = format!("{{\"n\":{nth},\"text\":\"a \\\"quoted\\\"\\nline {nth}\"{more}}}");
        assert_eq!(server.post(&body).status, 200);
    }
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let found = rows(&server, &format!("&limit=10{before}"));
        seen.extend(column(&found, "n"));
        let Some(earlier) = found["earlier"].as_str() else {
            break;
        };
        before = format!("&before={earlier}");
    }
    let wanted: Vec<String> = (0..25).rev().map(|n| n.to_string()).collect();
    assert_eq!(seen, wanted);
    let found = rows(&server, "&find=LINE+7");
    assert_eq!(column(&found, "text"), ["a \"quoted\"\nline 7"]);
    assert_eq!(column(&rows(&server, "&cell.late=y"), "n"), ["12"]);
    assert_eq!(column(&rows(&server, "&find=line&cell.n=24"), "n"), ["24"]);
    assert_eq!(column(&rows(&server, "&find=nowhere"), "n"), [""; 0]);
    let yesterday = rows(&server, "&date=yesterday");
    assert_eq!(yesterday["rows"], Value::Array(Vec::new()));
}

#[test]
fn what_cannot_be_is_told() {
    let place = Place::new();
    let server = place.start();
    for (query, status) in [
        ("", 400),
        ("source=none", 404),
        ("source=%00", 404),
        ("source=lessonly&date=2020-01-01", 404),
        ("source=lessonly&date=someday", 400),
        ("source=lessonly&limit=0", 400),
        ("source=lessonly&limit=1001", 400),
        ("source=lessonly&before=1", 400),
    ] {
        let answer = server.get(&format!("/api/rows?{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        assert_eq!(
            server.get(&format!("/rows?{query}")).status,
            if query.is_empty() { 200 } else { status }
        );
    }
    for (query, status) in [
        ("", 400),
        ("&place=1-1", 404),
        ("&place=9-1", 404),
        ("&place=x", 400),
    ] {
        for path in ["/api/row", "/row"] {
            let answer = server.get(&format!("{path}?source=lessonly{query}"));
            assert_eq!(answer.status, status, "{path} {query}");
        }
    }
    for path in ["/api/rows", "/api/row", "/api/rows/live", "/rows", "/row"] {
        assert_eq!(server.get_with(path, &[]).status, 401, "{path}");
    }
}

#[test]
fn one_row_with_its_payload_and_its_place() {
    let place = Place::new();
    let server = place.start();
    let body = "{\"user\": {\"name\": \"Ann\\u202e\"}, \"=x\": \"=1+1\", \"n\": 1.50}";
    assert_eq!(server.post("{\"n\":0}").status, 200);
    let stored = server.post(body).json();
    let found = rows(&server, "");
    let at = found["rows"][0]["place"].as_str().expect("a place");
    let row = server
        .get(&format!("/api/row?source=lessonly&place={at}"))
        .json();
    assert_eq!(row["event_id"], stored["id"]);
    assert_eq!(row["number"], 2);
    assert_eq!(
        row["payload"],
        "{\"user\":{\"name\":\"Ann\\u202e\"},\"=x\":\"=1+1\",\"n\":1.50}"
    );
    let file = row["file"].as_str().expect("a file");
    let text = std::fs::read_to_string(place.output().join(file)).expect("a file");
    let from: usize = at
        .split('-')
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number");
    assert!(text[from..].contains(stored["id"].as_str().expect("an id")));
    assert!(text[..from].ends_with('\n'));
    let page = server.get(&format!("/row?source=lessonly&place={at}"));
    assert_eq!(page.status, 200);
    let html = page.text();
    for shown in ["Ann⟨202E⟩", "row 2 of", "&#39;=1+1", "1.50"] {
        assert!(html.contains(shown), "{shown} in {html}");
    }
    assert!(!html.contains('\u{202e}'));
}

/// An address of a row that a new column moved opens no other row.
#[test]
fn a_place_that_moved_is_told() {
    let place = Place::new();
    let server = place.start();
    for nth in 0..3 {
        assert_eq!(server.post(&format!("{{\"n\":{nth}}}")).status, 200);
    }
    let found = rows(&server, "");
    let at = found["rows"][0]["place"]
        .as_str()
        .expect("a place")
        .to_owned();
    assert_eq!(server.post("{\"n\":3,\"other\":1}").status, 200);
    assert_eq!(column(&rows(&server, ""), "n"), ["3", "2", "1", "0"]);
    let moved = server.get(&format!("/api/row?source=lessonly&place={at}"));
    assert_eq!(moved.status, 404, "{}", moved.text());
}

/// Server-sent events, one after the other: what stands behind `data: `, or the name of an event.
pub struct Events(BufReader<TcpStream>);

impl Events {
    pub fn open(server: &Server, query: &str, last: &str) -> Self {
        let addr = server.url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(addr).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a limit");
        let token = crate::server::TOKEN;
        write!(
            stream,
            "GET /api/rows/live?source=lessonly{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{last}\r\n"
        )
        .expect("sent");
        Self(BufReader::new(stream))
    }

    pub fn next(&mut self) -> (String, Value) {
        let mut event = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).expect("a line"), 0, "it ended");
            if let Some(name) = line.strip_prefix("event: ") {
                name.trim().clone_into(&mut event);
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (event, serde_json::from_str(data).expect("JSON"));
            }
        }
    }
}

#[test]
fn rows_come_while_somebody_looks_and_after_a_lost_connection() {
    let place = Place::new();
    let mut server = place.start();
    assert_eq!(server.post("{\"n\":0}").status, 200);
    let found = rows(&server, "");
    let width = found["columns"].as_array().expect("columns").len();
    let end = found["end"].as_str().expect("a place");
    let mut events = Events::open(&server, &format!("&width={width}&after={end}"), "");
    for nth in 1..4 {
        assert_eq!(server.post(&format!("{{\"n\":{nth}}}")).status, 200);
    }
    let mut came = Vec::new();
    let mut last = Value::Null;
    while came.len() < 3 {
        let (name, data) = events.next();
        assert_eq!((name.as_str(), &data["skipped"]), ("", &false.into()));
        let mut rows: Vec<Value> = data["rows"].as_array().expect("rows").clone();
        rows.reverse();
        came.extend(rows);
        last = data["end"].clone();
    }
    let n: Vec<_> = came
        .iter()
        .map(|row| row["cells"][width - 1].clone())
        .collect();
    assert_eq!(n, ["1", "2", "3"]);
    drop(events);
    assert_eq!(server.post("{\"n\":4}").status, 200);
    // The browser names the last that it had, whatever the address says.
    let last = format!("Last-Event-ID: {}\r\n", last.as_str().expect("a place"));
    let mut events = Events::open(&server, &format!("&width={width}&after={end}"), &last);
    let (_, data) = events.next();
    assert_eq!(data["rows"][0]["cells"][width - 1], "4");
    assert_eq!(data["rows"].as_array().expect("rows").len(), 1);
    // Where places moved the page begins anew.
    assert_eq!(server.post("{\"n\":5,\"other\":1}").status, 200);
    assert_eq!(events.next().0, "anew");
    // Whoever looks keeps no server from its end.
    let _events = Events::open(&server, &format!("&width={width}&after={end}"), "");
    let began = std::time::Instant::now();
    assert!(server.stop().success());
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn only_what_is_looked_for_comes() {
    let place = Place::new();
    let server = place.start();
    let send = |n: u32, name: &str| {
        let body = format!("{{\"n\":{n},\"name\":\"{name}\"}}");
        assert_eq!(server.post(&body).status, 200);
    };
    send(0, "Ann");
    let found = rows(&server, "");
    let width = found["columns"].as_array().expect("columns").len();
    let end = found["end"].as_str().expect("a place");
    let query = format!("&width={width}&after={end}&find=ann&cell.n=1");
    let mut events = Events::open(&server, &query, "");
    for (n, name) in [
        (1, "Ben"),
        (2, "Ann"),
        (10, "ANNA"),
        (3, "Ann"),
        (21, "Joanne"),
    ] {
        send(n, name);
    }
    let mut came = Vec::new();
    while came.len() < 2 {
        let (_, data) = events.next();
        let mut rows = data["rows"].as_array().expect("rows").clone();
        rows.reverse();
        came.extend(rows.iter().map(|row| row["cells"][width - 2].clone()));
    }
    assert_eq!(came, ["10", "21"]);
}

#[test]
fn so_many_may_look_and_no_more() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"n\":0}").status, 200);
    let mut all: Vec<Events> = (0..64)
        .map(|_| Events::open(&server, "&width=16&after=1-0", ""))
        .collect();
    for events in &mut all {
        let mut line = String::new();
        events.0.read_line(&mut line).expect("a line");
        assert!(line.contains(" 200 "), "{line}");
    }
    assert_eq!(
        server
            .get("/api/rows/live?source=lessonly&width=16&after=1-0")
            .status,
        503
    );
    drop(all);
    // That they are gone is noticed when something is said to them.
    let until = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let mut line = String::new();
        let mut events = Events::open(&server, "&width=16&after=1-0", "");
        events.0.read_line(&mut line).expect("a line");
        if line.contains(" 200 ") {
            break;
        }
        assert!(std::time::Instant::now() < until, "{line}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_page_shows_what_was_asked_for() {
    let place = Place::new();
    let server = place.start();
    for nth in 0..30 {
        assert_eq!(
            server
                .post(&format!(
                    "{{\"n\":{nth},\"name\":\"<b>Ann</b> {nth}\",\"x\":{{\"y\":{nth}}}}}"
                ))
                .status,
            200
        );
    }
    let page = server.get("/rows");
    let html = page.text();
    assert!(html.contains("Columns: 4 of 18 are shown"), "{html}");
    let live = "data-live=\"api/rows/live?source=lessonly&#38;width=18&#38;after=1-";
    assert!(html.contains(live), "{html}");
    let page = server.get("/rows?source=lessonly&date=today&show=name&show=n&find=%3C%2Fb%3E+7");
    let html = page.text();
    assert_eq!(html.matches("<tr><td>").count(), 1, "{html}");
    assert!(html.contains("<bdi>&#60;b&#62;Ann&#60;/b&#62; 7</bdi>"));
    assert!(html.contains(live) && html.contains("&#38;find=%3C%2Fb%3E%207\""));
    assert!(!html.contains("<b>"));
    let page = server.get("/rows?column=n&holds=29&show=n");
    assert!(page.text().contains("<td><bdi>29</bdi></td>"));
    let page = server.get("/rows?limit=20&show=n");
    let (_, rest) = page
        .text()
        .split_once("href=\"rows?")
        .expect("a link to earlier rows");
    let link = rest
        .split('"')
        .next()
        .expect("a link")
        .replace("&#38;", "&");
    let next = server.get(&format!("/rows?{link}"));
    assert_eq!(next.text().matches("<tr><td>").count(), 10, "{link}");
    assert!(next.text().contains("<td><bdi>9</bdi></td>"));
}
