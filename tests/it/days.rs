//! Several days: a journal written here, its tables made by the program.

use crate::bodies::table;
use crate::server::{Place, Server, TOKEN};
use rowhook::event::{Day, Seq};
use rowhook::journal::record::Record;
use rowhook::journal::segment::{FirstLine, Previous};
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// A journal of `orders` with the payloads of each day, below `place`. A day that comes again goes on in another segment.
pub fn journal(place: &Place, days: &[(&str, &[&str])]) {
    let folder = place.output().join("journal");
    fs::create_dir_all(&folder).expect("a folder");
    let (mut seq, mut bytes) = (1, 0);
    let mut segments: HashMap<&str, usize> = HashMap::new();
    for (segment, (day, payloads)) in (1..).zip(days) {
        let first = FirstLine {
            rowhook: 1,
            segment,
            day: day.parse().expect("a day"),
            first_seq: Seq(seq),
            previous: Previous {
                segment: segment - 1,
                bytes,
            },
        };
        let mut text = first.encode();
        for payload in *payloads {
            Record {
                seq: Seq(seq),
                batch: Seq(seq),
                left: 0,
                received_at: format!("{day}T12:00:00.007Z").as_bytes(),
                source: "orders",
                id: format!("{seq:032x}").as_bytes(),
                payload: payload.as_bytes(),
            }
            .write(&mut text);
            seq += 1;
        }
        let nth = segments.entry(day).or_default();
        *nth += 1;
        let name = match nth {
            1 => format!("{day}.jsonl"),
            _ => format!("{day}.{nth}.jsonl"),
        };
        fs::write(folder.join(name), &text).expect("a segment");
        bytes = text.len() as u64;
    }
}

pub const DAYS: [(&str, &[&str]); 3] = [
    (
        "2020-01-01",
        &[r#"{"a":"1","b":"x;\"y\"\nz"}"#, r#"{"a":"2"}"#],
    ),
    ("2020-01-02", &[r#"{"c":"3"}"#]),
    ("2020-01-04", &[r#"{"c":"8","a":"9"}"#]),
];

pub fn three_days() -> (Place, Server) {
    let place = Place::new();
    journal(&place, &DAYS);
    let server = place.start_with(
        "[sources.orders]\n[sources.quiet]\n[sources.lessonly]\npreset = \"lessonly\"\n",
    );
    (place, server)
}

/// The text of an export of `orders` as [`table`] gives it.
#[track_caller]
pub fn export(server: &Server, path: &str) -> String {
    let answer = server.get(&format!("/exports/{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
    table(answer.text())
}

#[test]
fn a_day_starts_with_the_columns_that_had_a_value_on_the_day_before() {
    let (place, server) = three_days();
    let first = "received_at,event_id,a,b\nTIME,ID,1,\"x;\"\"y\"\"\nz\"\nTIME,ID,2,\n";
    let third = "received_at,event_id,c,a\nTIME,ID,8,9\n";
    assert_eq!(export(&server, "orders/2020-01-01.csv"), first);
    assert_eq!(export(&server, "orders/2020-01-01.1.csv"), first);
    assert_eq!(
        export(&server, "orders/2020-01-02.csv"),
        "received_at,event_id,a,b,c\nTIME,ID,,,3\n"
    );
    assert_eq!(export(&server, "orders/2020-01-04.csv"), third);
    assert_eq!(export(&server, "orders/latest.csv"), third);
    assert_eq!(
        table(&place.read_all("csv/orders", "2020-01-04.csv")),
        third
    );
    let latest = server.get("/exports/orders/latest.csv");
    assert_eq!(
        latest.header("content-disposition"),
        Some("attachment; filename=\"orders-2020-01-04.csv\"")
    );
}

#[test]
fn a_range_has_one_header_for_all_days() {
    let (_place, server) = three_days();
    let all = "received_at,event_id,a,b,c\n\
               TIME,ID,1,\"x;\"\"y\"\"\nz\",\n\
               TIME,ID,2,,\n\
               TIME,ID,,,3\n\
               TIME,ID,9,,8\n";
    for query in [
        "from=2020-01-01&to=2020-01-04",
        "from=2000-01-01&to=today",
        "to=yesterday&from=-99999d",
    ] {
        assert_eq!(
            export(&server, &format!("orders.csv?{query}")),
            all,
            "{query}"
        );
    }
    assert_eq!(
        export(&server, "orders.csv?from=2020-01-02&to=2020-01-03"),
        "received_at,event_id,a,b,c\nTIME,ID,,,3\n"
    );
    assert_eq!(
        export(&server, "orders.csv?from=2020-01-04&to=2020-01-04"),
        "received_at,event_id,c,a\nTIME,ID,8,9\n"
    );
    let whole = server.get("/exports/orders.csv?from=2020-01-01&to=2020-01-04");
    let name = "attachment; filename=\"orders-2020-01-01-2020-01-04.csv\"";
    assert_eq!(whole.header("content-disposition"), Some(name));
    for (from, to) in [(0, 0), (20, 60), (70, 140), (100, whole.body.len() - 1)] {
        let token = format!("Bearer {TOKEN}");
        let range = format!("bytes={from}-{to}");
        let headers = [("authorization", token.as_str()), ("range", &range)];
        let part = server.get_with(
            "/exports/orders.csv?from=2020-01-01&to=2020-01-04",
            &headers,
        );
        assert_eq!(
            (part.status, &part.body[..]),
            (206, &whole.body[from..=to]),
            "{range}"
        );
    }
}

#[test]
fn large_tables_fit_under_one_header_too() {
    let place = Place::new();
    let text = "line\nand \"quotes\", ".repeat(10);
    let payloads = |first: &str, second: &str| -> Vec<String> {
        let payload = |n| json!({first: n, second: format!("{n} {text}")}).to_string();
        (0..3000).map(payload).collect()
    };
    let days = [payloads("a", "b"), payloads("c", "b"), payloads("b", "a")];
    let days: Vec<Vec<&str>> = days
        .iter()
        .map(|d| d.iter().map(String::as_str).collect())
        .collect();
    let names = ["2020-01-01", "2020-01-02", "2020-01-03"];
    let written: Vec<(&str, &[&str])> = names
        .into_iter()
        .zip(&days)
        .map(|(n, d)| (n, d.as_slice()))
        .collect();
    journal(&place, &written);
    let server = place.start_with("[sources.orders]\n");
    let path = "/exports/orders.csv?from=2020-01-01&to=2020-01-03";
    let whole = server.get(path);
    assert!(whole.body.len() > 1_500_000, "{}", whole.body.len());
    let mut reader = csv::Reader::from_reader(&whole.body[..]);
    let header = reader.headers().expect("a header").clone();
    assert_eq!(header.iter().skip(2).collect::<Vec<_>>(), ["a", "b", "c"]);
    let mut rows = 0;
    for (nth, row) in reader.records().enumerate() {
        let row = row.expect("as many fields as the header");
        let (n, long) = (nth % 3000, format!("{} {text}", nth % 3000));
        let number = n.to_string();
        let wanted = match nth / 3000 {
            0 => [number.as_str(), &long, ""],
            1 => ["", &long, &number],
            _ => [long.as_str(), &number, ""],
        };
        assert_eq!(row.iter().skip(2).collect::<Vec<_>>(), wanted, "row {nth}");
        rows += 1;
    }
    assert_eq!(rows, 9000);
    let token = format!("Bearer {TOKEN}");
    for from in [0, 262_143, 262_144, 700_001, 1_400_000] {
        let range = format!("bytes={from}-{}", from + 99_999);
        let headers = [("authorization", token.as_str()), ("range", &range)];
        let part = server.get_with(path, &headers);
        assert!(part.body == whole.body[from..from + 100_000], "{range}");
    }
}

#[test]
fn a_day_is_one_of_the_zone_and_stays_it() {
    let place = Place::new();
    let mut server = place.start_with("timezone = \"Pacific/Kiritimati\"");
    assert_eq!(server.post("{\"a\":1}").status, 200);
    let east = server.get("/api/exports").json()[0]["date"].clone();
    let east = east.as_str().expect("a day").to_owned();
    let first = server.get(&format!("/exports/lessonly/{east}.csv"));
    assert_eq!(
        first.text(),
        server.get("/exports/lessonly/today.csv").text()
    );
    assert!(server.stop().success());

    // 26 hours behind: there it is never the same day.
    let server = place.start_with("timezone = \"Etc/GMT+12\"");
    assert_eq!(
        server.get(&format!("/exports/lessonly/{east}.csv")).text(),
        first.text()
    );
    assert_eq!(
        server.post("{\"a\":1}").masked(),
        r#"{"status":"duplicate","id":"ID"}"#
    );
    let west = server.get("/exports/lessonly/today.csv");
    assert_eq!(west.text().lines().count(), 1, "{}", west.text());
    assert_eq!(
        server.get("/exports/lessonly/latest.csv").text(),
        first.text()
    );
}

#[test]
fn the_list_tells_all_days() {
    let (place, server) = three_days();
    assert_eq!(server.post("{\"score\":1}").status, 200);
    let until = Instant::now() + Duration::from_secs(5);
    let answer = loop {
        // Today's empty table of `orders` is made when all others are.
        let answer = server.get("/api/exports");
        if answer.json().as_array().map(Vec::len) == Some(5) {
            break answer;
        }
        assert!(Instant::now() < until, "{}", answer.text());
    };
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let list = answer.json();
    let today = list[0]["date"].as_str().expect("a day").to_owned();
    assert!(today.parse::<Day>().is_ok());
    let at = &list[0]["first_received_at"];
    let day = |source: &str,
               day: &str,
               rows: u64,
               columns: u64,
               state: &str,
               at: &serde_json::Value| {
        let bytes = place
            .read_all(&format!("csv/{source}"), &format!("{day}.csv"))
            .len();
        json!({
            "source": source, "date": day, "rows": rows, "columns": columns, "bytes": bytes, "parts": 1, "state": state, "files": "whole",
            "first_received_at": at, "last_received_at": at,
            "links": {"csv": format!("/exports/{source}/{day}.csv"), "parts": [format!("/exports/{source}/{day}.1.csv")]},
        })
    };
    let noon = |day: &str| json!(format!("{day}T12:00:00.007Z"));
    assert_eq!(
        list,
        json!([
            day("lessonly", &today, 1, 15, "open", at),
            day("orders", &today, 0, 4, "open", &json!(null)),
            day("orders", "2020-01-04", 1, 4, "closed", &noon("2020-01-04")),
            day("orders", "2020-01-02", 1, 5, "closed", &noon("2020-01-02")),
            day("orders", "2020-01-01", 2, 4, "closed", &noon("2020-01-01")),
        ])
    );
}
