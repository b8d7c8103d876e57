//! Ten thousand events of every kind, delivered to the real program and
//! downloaded as a workbook and as JSON Lines: every cell is what a second
//! implementation of the rules and other people's parsers say.

#[path = "../../src/read/write/xlsx/tests/wanted.rs"]
mod wanted;

use crate::flood::Connection;
use crate::naive::{self, Choice, Event, Rules, Sent, Workbook};
use crate::payloads;
use crate::server::{Place, Server};
use calamine::{Data, Reader as _};
use chrono_tz::Tz;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::thread;
use wanted::Found;

const EVENTS: usize = 10_000;
const CONNECTIONS: usize = 16;
/// Few, so that `more` is needed.
const COLUMNS_MAX: usize = 120;
/// Characters that a cell holds; now and then a text has more.
const CHARS_MAX: usize = 32_767;

/// Payloads like no other, each compact; always the same ones.
fn made() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let mut rng = fastrand::Rng::with_seed(20);
    let (lessonly, generic) = (payloads::lessonly(), payloads::generic());
    let one = |nth: usize| {
        let strategy = if nth.is_multiple_of(4) {
            &generic
        } else {
            &lessonly
        };
        let payload = strategy.new_tree(&mut runner).expect("a payload").current();
        let mut members = vec![
            format!("\"nth\":{nth}"),
            format!("\"sum\":{}", number(&mut rng)),
        ];
        if rng.u8(..3) == 0 {
            members.push(format!("\"when\":\"{}\"", moment(&mut rng)));
        }
        if rng.u8(..=255) == 0 {
            let letters = rng.usize(CHARS_MAX - 2..CHARS_MAX + 9);
            // An emoji counts twice, and is not cut in two.
            members.push(format!("\"essay\":\"😀{}\"", "é".repeat(letters)));
        }
        let rest = payload.strip_prefix('{').expect("an object");
        let comma = if rest == "}" { "" } else { "," };
        format!("{{{}{comma}{rest}", members.join(","))
    };
    (0..EVENTS).map(one).collect()
}

/// A number by JSON's grammar, of few digits and of many.
fn number(rng: &mut fastrand::Rng) -> String {
    let digits = |rng: &mut fastrand::Rng, most: usize| -> String {
        (0..rng.usize(1..=most)).map(|_| rng.digit(10)).collect()
    };
    let whole = digits(rng, 18);
    let whole = whole.trim_start_matches('0');
    let mut text = String::from(if rng.bool() { "" } else { "-" });
    text += if whole.is_empty() { "0" } else { whole };
    if rng.bool() {
        text = text + "." + &digits(rng, 18);
    }
    if rng.u8(..4) == 0 {
        text = text + ["e", "E", "e+", "E-", "e-"][rng.usize(..5)] + &digits(rng, 3);
    }
    text
}

/// A date-time, or nearly one.
fn moment(rng: &mut fastrand::Rng) -> String {
    let mut text = format!(
        "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}",
        rng.u32(1890..2100),
        rng.u32(1..=12),
        rng.u32(1..=30),
        ['T', 't', ' '][rng.usize(..3)],
        rng.u32(0..=23),
        rng.u32(0..=59),
        rng.u32(0..=60)
    );
    if rng.bool() {
        text += [".5", ".250", ".123456789"][rng.usize(..3)];
    }
    text + ["Z", "z", "+05:30", "-08:00", ""][rng.usize(..5)]
}

/// Delivers all over several connections that are kept; gives the id that each was answered.
fn deliver(server: &Server, payloads: &[String]) -> Vec<String> {
    let each = payloads.len().div_ceil(CONNECTIONS);
    let one = |share: &[String]| -> Vec<String> {
        let mut connection = Connection::open(&server.url).expect("a connection");
        let deliver = |(nth, payload): (usize, &String)| {
            // White space around and between does not count.
            let body = match nth % 3 {
                0 => format!("\r\n {}\t", payload.replacen(':', " :\n", 1)),
                _ => payload.clone(),
            };
            let reply = connection.post(&body).expect("an answer");
            let answer = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(answer.contains("\"stored\""), "{answer}: {payload}");
            let json: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
            json["id"].as_str().expect("an id").to_owned()
        };
        share.iter().enumerate().map(deliver).collect()
    };
    thread::scope(|scope| {
        let shares = payloads.chunks(each);
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || one(share)))
            .collect();
        let ids = threads.into_iter().flat_map(|t| t.join().expect("ids"));
        ids.collect()
    })
}

#[track_caller]
fn get(server: &Server, path: &str) -> Vec<u8> {
    let answer = server.get(&format!("/exports/lessonly/{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.body
}

/// The events in the order in which they were stored, from JSON Lines in which each must stand once, byte for byte.
fn stored(lines: &str, payloads: &[String], ids: &[String]) -> Vec<Event> {
    let mut of_id: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, payload) in ids.iter().zip(payloads) {
        assert!(of_id.insert(id, payload).is_none(), "{id} came twice");
    }
    let mut events = Vec::new();
    for line in lines.lines() {
        let received_at = line.get(16..40).expect("a moment");
        let id = line.get(54..86).expect("an id");
        let payload = of_id
            .remove(id)
            .unwrap_or_else(|| panic!("one more: {line}"));
        assert_eq!(
            line,
            format!(
                "{{\"received_at\":\"{received_at}\",\"event_id\":\"{id}\",\"source\":\"lessonly\",\"payload\":{payload}}}"
            )
        );
        events.push(Event {
            received_at: received_at.to_owned(),
            id: id.to_owned(),
            payload: payload.to_owned(),
        });
    }
    assert!(of_id.is_empty(), "missing: {of_id:?}");
    events
}

/// What a reader should find for a cell.
fn wanted(cell: Option<&(usize, Sent, String)>, is_id: bool, zone: Tz) -> Found {
    let Some((_, sent, text)) = cell else {
        return Found::Nothing;
    };
    let units = text.encode_utf16().count();
    if units > CHARS_MAX {
        let mark = format!("… [cut, {units} characters in all; the CSV has the whole]");
        let mut left = CHARS_MAX - mark.encode_utf16().count();
        let fits = |letter: &char| {
            let fits = letter.len_utf16() <= left;
            left = left.saturating_sub(letter.len_utf16());
            fits
        };
        return Found::Text(text.chars().take_while(fits).collect::<String>() + &mark);
    }
    match sent {
        Sent::Number if !is_id => Found::of_number(text),
        Sent::Text if !is_id => Found::of_text(text, zone),
        _ => Found::Text(text.clone()),
    }
}

/// Compares a workbook's first sheet with `table`; tells how many cells of each kind there were.
fn compare(file: Vec<u8>, table: &Workbook, zone: Tz) -> [usize; 4] {
    let mut workbook = calamine::Xlsx::new(Cursor::new(file)).expect("a workbook");
    let names = workbook.sheet_names();
    assert_eq!(names.last().map(String::as_str), Some("About"), "{names:?}");
    assert_eq!(names.len(), 2, "{names:?}");
    let sheet = workbook.worksheet_range(&names[0]).expect("a sheet");
    let formulas = workbook.worksheet_formula(&names[0]).expect("a sheet");
    assert!(formulas.is_empty());
    assert_eq!(sheet.start(), Some((0, 0)));
    assert_eq!(sheet.height(), table.rows.len() + 1);
    assert_eq!(sheet.width(), table.titles.len());
    let titles: Vec<&str> = table
        .titles
        .iter()
        .map(|(title, _)| title.as_str())
        .collect();
    let found: Vec<String> = sheet[0].iter().map(Data::to_string).collect();
    assert_eq!(found, titles);
    let mut kinds = [0; 4];
    for (nth, (cells, row)) in sheet.rows().skip(1).zip(&table.rows).enumerate() {
        let mut row = row.iter().peekable();
        for (column, ((title, is_id), cell)) in table.titles.iter().zip(cells).enumerate() {
            let sent = row.next_if(|cell| cell.0 == column);
            let found = Found::of(Some(cell));
            assert_eq!(
                found,
                wanted(sent, *is_id, zone),
                "row {nth}, {title:?}: {sent:?}"
            );
            kinds[match found {
                Found::Nothing => 0,
                Found::Number(_) => 1,
                Found::Date(_) => 2,
                Found::Text(_) => 3,
            }] += 1;
        }
    }
    kinds
}

#[test]
fn every_cell_of_ten_thousand_events_is_what_was_sent() {
    let place = Place::new();
    let server = place.start_with(&format!(
        "timezone = \"Europe/Berlin\"\n[limits]\ncolumns_max = {COLUMNS_MAX}\n"
    ));
    let payloads = made();
    let ids = deliver(&server, &payloads);
    let lines = String::from_utf8(get(&server, "today.jsonl")).expect("a text");
    let events = stored(&lines, &payloads, &ids);
    let rules = Rules {
        lessonly: true,
        columns_max: COLUMNS_MAX,
        guard: true,
        choice: Choice::NONE,
    };
    let table = naive::workbook(&rules, &[], &events);
    assert_eq!(table.titles.len(), COLUMNS_MAX);
    assert_eq!(table.titles[COLUMNS_MAX - 1].0, "more");
    let kinds = compare(get(&server, "today.xlsx"), &table, Tz::Europe__Berlin);
    assert!(kinds.iter().all(|&count| count > 1_000), "{kinds:?}");
    // Another zone shows other clocks, and nothing else.
    compare(
        get(&server, "today.xlsx?tz=America/St_Johns"),
        &table,
        Tz::America__St_Johns,
    );
}
