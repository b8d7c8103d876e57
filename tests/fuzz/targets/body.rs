//! The bytes of a request as JSON, down to the CSV file that a spreadsheet
//! reads. Held against `serde_json` (what is JSON), the `csv` crate (what is
//! CSV) and a naive second implementation (what stands in which cell).
//!
//! Input: a byte of options, then one or more bodies with a zero byte between.
//! The length tells which columns are chosen.

use super::{Bytes, naive, shown};
use rowhook::event::{IdKey, Preset, SourceName};
use rowhook::flatten::{Column, ColumnRules, Columns, Flat, Rules};
use rowhook::receive::identity::{Same, identify};
use rowhook::receive::{Parsed, Unusable, parse};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::sync::Arc;

/// Paths below this cannot be over any limit of theirs; the naive implementation knows none.
const NAIVE_BYTES_MAX: usize = 2000;

/// What is chosen, as fingerprints have it.
const CHOSEN: [&str; 3] = [
    r#"{"arrays":{"a":"expand","b":"json","user":"expand","score":"count"}}"#,
    r#"{"exclude":["*b"],"rename":{"a":"b"},"alias":{"score":"a"},"arrays":{"a":"expand"}}"#,
    r#"{"include":["a*","user.*"],"rename":{"user.id":"=x"},"alias":{"b":"a","c":"a"}}"#,
];

fn chosen(length: usize) -> Option<Arc<ColumnRules>> {
    let text = CHOSEN.get(length % 6)?;
    Some(Arc::new(serde_json::from_str(text).expect("rules")))
}

pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let options = bytes.byte();
    let depth_max = [64, 64, 3, 200][usize::from(options >> 6)];
    let bodies = bytes.0;
    check_parse(bodies, depth_max);
    let rules = Rules {
        preset: if options & 1 == 0 {
            Preset::Lessonly
        } else {
            Preset::Generic
        },
        guard: options & 2 == 0,
        bom: options & 4 != 0,
        columns_max: [1000, 16, 18, 25][usize::from(options >> 3 & 3)],
        columns: chosen(bodies.len()),
    };
    let mut payloads = Vec::new();
    for body in bodies.split(|&b| b == 0) {
        if let Some(parsed) = check_parse(body, depth_max) {
            check_ids(&parsed);
            let text = |range: &std::ops::Range<usize>| parsed.text[range.clone()].to_vec();
            payloads.extend(parsed.payloads.iter().map(text));
        }
    }
    if !payloads.is_empty() {
        check_table(&rules, &payloads, bodies.len());
    }
}

/// What a body must be found to be.
#[derive(Debug, PartialEq)]
enum Wanted {
    Events { payloads: Vec<String>, array: bool },
    Empty,
    NotUtf8 { line: usize, column: usize },
    NotJson,
    Scalar,
    EmptyArray,
    Mixed { index: usize },
    TooDeep { depth: usize },
}

/// Parses `body` and holds the outcome against what other parsers say of it.
pub fn check_parse(body: &[u8], depth_max: usize) -> Option<Parsed> {
    let wanted = wanted(body, depth_max);
    let found = parse(body.to_vec(), false, depth_max);
    if let Err((why, back)) = &found {
        assert_eq!(
            back, body,
            "a body that was refused must come back as it was"
        );
        check_place(why, body);
        let is_json = !matches!(
            wanted,
            Wanted::Empty | Wanted::NotUtf8 { .. } | Wanted::NotJson
        );
        assert_eq!(why.is_json(), is_json, "{why:?}, wanted {wanted:?}");
    }
    let found_as = match &found {
        Ok(parsed) => Wanted::Events {
            payloads: parsed
                .payloads
                .iter()
                .map(|range| String::from_utf8(parsed.text[range.clone()].to_vec()).expect("UTF-8"))
                .collect(),
            array: parsed.array,
        },
        Err((why, _)) => match *why {
            Unusable::Empty => Wanted::Empty,
            Unusable::NotUtf8 { line, column } => Wanted::NotUtf8 { line, column },
            Unusable::NotJson { .. } => Wanted::NotJson,
            Unusable::Scalar => Wanted::Scalar,
            Unusable::EmptyArray => Wanted::EmptyArray,
            Unusable::Mixed { index, .. } => Wanted::Mixed { index },
            Unusable::TooDeep { depth, .. } => Wanted::TooDeep { depth },
            // A path is at most as long as its body, and there are at most as many.
            Unusable::PathsTooLong => {
                assert!(body.len() > 1000, "paths over a megabyte in a short body");
                return None;
            }
            Unusable::FormNotUtf8 { .. } | Unusable::NotGzip => {
                panic!("{why:?} of JSON: {}", shown(body))
            }
        },
    };
    assert_eq!(found_as, wanted, "of {}", shown(body));
    found.ok()
}

fn wanted(body: &[u8], depth_max: usize) -> Wanted {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.iter().all(|b| b" \t\r\n".contains(b)) {
        return Wanted::Empty;
    }
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let good = String::from_utf8_lossy(&body[..error.valid_up_to()]).into_owned();
            let last = good.rsplit('\n').next().unwrap_or_default();
            return Wanted::NotUtf8 {
                line: good.matches('\n').count() + 1,
                column: last.chars().count() + 1,
            };
        }
    };
    // Grammar alone: no limit on nesting, lone surrogates and the size of numbers.
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Wanted::NotJson;
    }
    let (compact, depth) = compacted(text);
    same_value(text, &compact);
    let (payloads, array) = match compact.as_bytes()[0] {
        b'{' => (vec![compact], false),
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(&compact).expect("an array");
            let elements: Vec<_> = elements.iter().map(|e| e.get().to_owned()).collect();
            (elements, true)
        }
        _ => return Wanted::Scalar,
    };
    if payloads.is_empty() {
        return Wanted::EmptyArray;
    }
    if let Some(index) = payloads.iter().position(|p| !p.starts_with('{')) {
        return Wanted::Mixed { index };
    }
    let depth = depth - usize::from(array);
    if depth > depth_max {
        return Wanted::TooDeep { depth };
    }
    Wanted::Events { payloads, array }
}

/// The text without white space outside of strings, and how deep it is nested.
fn compacted(text: &str) -> (String, usize) {
    let (mut out, mut depth, mut deepest) = (String::new(), 0_usize, 0);
    let (mut inside, mut escaped) = (false, false);
    for letter in text.chars() {
        if inside {
            out.push(letter);
            inside = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            ' ' | '\t' | '\r' | '\n' => continue,
            '"' => inside = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
        out.push(letter);
    }
    (out, deepest)
}

/// Holds this file's own compacting against a real parser, where that one takes the text at all.
fn same_value(text: &str, compact: &str) {
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        let other: serde_json::Value = serde_json::from_str(compact).expect("still JSON");
        assert_eq!(value, other);
    }
}

/// A place that is told lies within the body, or right behind it.
fn check_place(why: &Unusable, body: &[u8]) {
    let Some((line, column)) = why.place() else {
        return;
    };
    let text = String::from_utf8_lossy(body);
    let lines: Vec<&str> = text.split('\n').collect();
    assert!(
        (1..=lines.len()).contains(&line),
        "line {line} of {}",
        lines.len()
    );
    let longest = lines[line - 1].chars().count() + 1;
    assert!(
        (1..=longest).contains(&column),
        "column {column} of {longest}"
    );
}

/// Equal payloads of a source have equal ids, others have others.
fn check_ids(parsed: &Parsed) {
    let key = IdKey::new([7; 32]);
    let source = SourceName::new("orders").expect("a name");
    for same in [
        Same::Content,
        Same::Pointer("/user/id"),
        Same::Pointer("/a/0/b~1c"),
        Same::Given(b"x"),
    ] {
        let events = identify(&key, &source, same, parsed);
        assert_eq!(events, identify(&key, &source, same, parsed));
        let ranges = events.all().iter().map(|e| e.payload.clone());
        assert!(ranges.eq(parsed.payloads.iter().cloned()));
        let ids: HashSet<_> = events.all().iter().map(|e| e.id).collect();
        let texts: HashSet<_> = parsed
            .payloads
            .iter()
            .map(|p| &parsed.text[p.clone()])
            .collect();
        match same {
            Same::Content => assert_eq!(ids.len(), texts.len()),
            Same::Given(_) => assert_eq!(ids.len(), parsed.payloads.len()),
            Same::Pointer(_) => assert!(ids.len() <= texts.len()),
        }
    }
}

/// The table of `payloads`: a rectangle whose cells are those of the naive implementation.
fn check_table(rules: &Rules, payloads: &[Vec<u8>], input_bytes: usize) {
    let mut columns = Columns::start(rules.clone(), &[]);
    let mut flat = Flat::default();
    let mut rows = Vec::new();
    for (nth, payload) in payloads.iter().enumerate() {
        let mut again = restored(rules, &columns);
        let before: Vec<_> = columns.all().iter().map(|c| c.path.clone()).collect();
        let row = row_of(&mut columns, &mut flat, nth, payload);
        // A start in between reads the columns from a checkpoint; the same row must follow.
        let row_again = row_of(&mut again, &mut Flat::default(), nth, payload);
        assert_eq!(row, row_again, "after a start in between");
        assert_eq!(columns.all(), again.all(), "after a start in between");
        let after = columns.all().iter().map(|c| &c.path);
        assert!(
            after.take(before.len()).eq(before.iter()),
            "a column moved or went away"
        );
        assert!(columns.len() <= rules.columns_max);
        rows.push((columns.len(), row));
    }
    let names: HashSet<_> = columns.all().iter().map(|c| &c.name).collect();
    assert_eq!(names.len(), columns.len(), "header names are not unique");
    let mut csv = Vec::new();
    columns.write_header(columns.len(), &mut csv);
    for (width, row) in &rows {
        let line = row.strip_suffix(b"\n").expect("a line end");
        csv.extend_from_slice(line);
        csv.resize(csv.len() + columns.len() - width, b',');
        csv.push(b'\n');
    }
    let found = read_csv(&csv);
    assert_eq!(found.len(), payloads.len() + 1);
    if rules.guard {
        check_guard(&found);
    }
    let header: Vec<_> = columns.all().iter().map(|c| c.name.clone()).collect();
    assert_eq!(found[0], header);
    if input_bytes < NAIVE_BYTES_MAX {
        assert_eq!(found, naive_table(rules, payloads));
    }
}

fn time(nth: usize) -> String {
    format!("2026-11-23T12:00:00.{:03}Z", nth % 1000)
}

fn id(nth: usize) -> String {
    format!("{nth:032x}")
}

fn row_of(columns: &mut Columns, flat: &mut Flat, nth: usize, payload: &[u8]) -> Vec<u8> {
    columns.place(payload, flat);
    let mut row = Vec::new();
    columns.write_row(
        time(nth).as_bytes(),
        id(nth).as_bytes(),
        payload,
        flat,
        &mut row,
    );
    row
}

fn restored(rules: &Rules, columns: &Columns) -> Columns {
    let stored = serde_json::to_vec(columns.all()).expect("JSON");
    let stored: Vec<Column> = serde_json::from_slice(&stored).expect("columns");
    assert_eq!(stored, columns.all(), "columns change in a checkpoint");
    Columns::restore(rules.clone(), stored)
}

/// All records. The reader refuses a row that is not as wide as the first.
fn read_csv(csv: &[u8]) -> Vec<Vec<String>> {
    let csv = csv.strip_prefix(rowhook::flatten::BOM).unwrap_or(csv);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv);
    let records = reader.records().map(|r| r.expect("a rectangle of UTF-8"));
    records
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect()
}

/// With the guard no cell starts as a formula does, plain numbers aside.
fn check_guard(table: &[Vec<String>]) {
    for cell in table.iter().flatten() {
        let formula = cell.starts_with(naive::FORMULA_STARTS) && !naive::is_plain_number(cell);
        assert!(!formula, "{cell:?} runs as a formula");
    }
}

fn naive_table(rules: &Rules, payloads: &[Vec<u8>]) -> Vec<Vec<String>> {
    let rules = naive::Rules {
        lessonly: rules.preset == Preset::Lessonly,
        columns_max: rules.columns_max,
        guard: rules.guard,
        choice: rules
            .columns
            .as_deref()
            .map(naive_choice)
            .unwrap_or_default(),
    };
    let event = |(nth, payload): (usize, &Vec<u8>)| naive::Event {
        received_at: time(nth),
        id: id(nth),
        payload: String::from_utf8(payload.clone()).expect("UTF-8"),
    };
    let events: Vec<_> = payloads.iter().enumerate().map(event).collect();
    naive::table(&rules, &[], &events)
}

fn naive_choice(rules: &ColumnRules) -> naive::Choice {
    let pair = |(a, b): (&String, &String)| (a.clone(), b.clone());
    naive::Choice {
        include: rules.include.iter().cloned().collect(),
        exclude: rules.exclude.iter().cloned().collect(),
        rename: rules.rename.iter().map(pair).collect(),
        alias: rules.alias.iter().map(pair).collect(),
        arrays: rules
            .arrays
            .iter()
            .map(|(field, what)| (field.clone(), what.as_str().to_owned()))
            .collect(),
    }
}
