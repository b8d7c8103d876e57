//! A day of everything that a spreadsheet could take for something else.

use crate::fods::{self, Cell, Document, PLAIN, TYPED};
use crate::server::{Place, Server};
use serde_json::{Value, json};

/// Texts that must be seen as they were sent, each in a cell of its own.
fn texts() -> Vec<String> {
    let long = "x".repeat(40_000);
    let mut texts: Vec<String> = [
        // Formulas, also where cells are split at other characters.
        "=1+1",
        "=HYPERLINK(\"https://example.com\",\"click\")",
        "=cmd|'/C calc'!A0",
        "+1+1",
        "-1+1",
        "@SUM(1)",
        "a;=1+1",
        "a\t=1+1",
        "a,=1+1",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "'=1+1",
        "\"=1+1\"",
        "＝1+1",
        "=",
        "a;\"=1+1",
        "a\n=1+1",
        ";=1+1;+2;-3;@x",
        "{=1+1}",
        "=1+1;\t=2",
        // Numbers, dates and truths that are none.
        "007",
        "00",
        "12345678901234567890",
        "1-2",
        "1/2",
        "3E5",
        "1e10",
        "TRUE",
        "false",
        "1,5",
        "1.5",
        "1.234,5",
        "12:30",
        "2026-11-23",
        "5%",
        "$5",
        "€5",
        "10 Mar",
        "Mar 10",
        "May 2026",
        "+49 30 1234",
        "(5)",
        "-5",
        "+5",
        "1_000",
        "0x1F",
        "#N/A",
        "#REF!",
        "1e400",
        ".5",
        "5.",
        "½",
        "١٢٣",
        "NaN",
        "Infinity",
        // Text that is only strange.
        "two\nlines",
        "three\r\nlines\n",
        "quote \" and, comma; semicolon\ttab",
        "ünïcödé",
        "emoji 👩🏽‍🚀 🏳️‍🌈",
        "עברית ומשהו",
        "\u{202e}override\u{202c}",
        "\u{200b}zero\u{200b}width",
        " edges ",
        "  ",
        "<b>&amp;</b>",
        "]]>",
        "_x0041_",
        "\u{1}\u{7}bell",
        "https://example.com/a?b=c",
        "javascript:alert(1)",
        "mailto:a@example.com",
        "\u{feff}mark",
        "\u{fffd}",
        "a\u{a0}b",
    ]
    .map(str::to_owned)
    .into();
    texts.push(long);
    texts
}

/// Numbers, and whether fifteen digits can hold them.
const NUMBERS: [(&str, bool); 14] = [
    ("0", true),
    ("-0", true),
    ("1", true),
    ("-1.5", true),
    ("100.0", true),
    ("87.25", true),
    ("123456789012345", true),
    ("1234567890123456", false),
    ("12345678901234567890", false),
    ("0.1234567890123456", false),
    ("1e5", true),
    ("1E-7", true),
    ("1e400", false),
    ("-12000000000000000000", true),
];

/// Moments, and what the clock in Berlin said.
const MOMENTS: [(&str, &str); 4] = [
    ("2026-11-23T09:05:00Z", "2026-11-23T10:05:00"),
    ("2026-07-01T00:30:00+02:00", "2026-07-01T00:30:00"),
    ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00"),
    ("2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00"),
];

/// The events, one for each text, number and moment, and one with all names; stored by a real server.
fn day() -> (Place, Server) {
    let place = Place::new();
    let server = place.start_with("timezone = \"Europe/Berlin\"\n[sources.orders]\n");
    let send = |event: Value| {
        let answer = server.post_to("orders", event.to_string().as_bytes(), &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    for (nth, text) in texts().iter().enumerate() {
        send(json!({"nth": nth, "text": text, "kept": "as it is"}));
    }
    for (nth, (moment, _)) in MOMENTS.iter().enumerate() {
        send(json!({"nth": 2000 + nth, "moment": moment, "kept": "as it is"}));
    }
    for (nth, (number, _)) in NUMBERS.iter().enumerate() {
        // serde_json would write them in its own way.
        let event = format!(
            "{{\"nth\":{},\"number\":{number},\"user.id\":7,\"kept\":\"as it is\"}}",
            1000 + nth
        );
        assert_eq!(server.post_to("orders", event.as_bytes(), &[]).status, 200);
    }
    send(
        json!({"nth": 3000, "=1+1": "formula", "a;=1+1": "split", "007": "digits", "kept": "as it is"}),
    );
    (place, server)
}

/// The row whose `nth` is this.
fn row_of(document: &Document, nth: usize) -> usize {
    let sheet = &document.sheets[0];
    let wanted = nth.to_string();
    let rows = 0..sheet.rows.len() - 1;
    let found = rows
        .clone()
        .find(|row| sheet.cell(*row, "nth").value == wanted);
    found.unwrap_or_else(|| panic!("no row {nth}"))
}

fn get(server: &Server, path: &str) -> Vec<u8> {
    let answer = server.get(&format!("/exports/orders/{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.body
}

/// What no way of seeing it may have.
#[track_caller]
fn harmless(document: &Document) {
    assert_eq!(document.formulas, Vec::<String>::new());
    assert_eq!(document.links, Vec::<String>::new());
    let rows = texts().len() + MOMENTS.len() + NUMBERS.len() + 1;
    let sheet = &document.sheets[0];
    assert_eq!(sheet.rows.len(), rows + 1, "one row an event");
    for row in 0..rows {
        assert_eq!(
            sheet.cell(row, "kept").value,
            "as it is",
            "row {row} is shifted"
        );
    }
}

/// Without control characters, which a document of `LibreOffice` cannot have; line ends as a document of `LibreOffice` has them.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.replace(|c: char| c < ' ' && c != '\n' && c != '\t', "")
}

#[test]
fn a_workbook_shows_what_was_sent() {
    let (_place, server) = day();
    let document = fods::open(&get(&server, "today.xlsx"), "xlsx", None);
    harmless(&document);
    let sheet = &document.sheets[0];
    for (nth, text) in texts().iter().enumerate() {
        let cell = sheet.cell(row_of(&document, nth), "text");
        assert_eq!(cell.kind, "string", "{text:?}");
        if text.len() > 32_767 {
            assert!(
                cell.value.starts_with("xxx") && cell.value.contains("cut"),
                "{}",
                &cell.value[32_000..]
            );
            continue;
        }
        assert_eq!(lines(&cell.value), lines(text), "{nth}");
    }
    for (nth, (number, fits)) in NUMBERS.iter().enumerate() {
        let cell = sheet.cell(row_of(&document, 1000 + nth), "number");
        if *fits {
            assert_eq!(cell.kind, "float", "{number}");
            let (shown, sent): (f64, f64) = (cell.value.parse().unwrap(), number.parse().unwrap());
            assert!(
                (shown - sent).abs() <= sent.abs() * 1e-14,
                "{number} is {shown}"
            );
        } else {
            assert_eq!(
                (cell.kind.as_str(), cell.value.as_str()),
                ("string", *number)
            );
        }
        let id = sheet.cell(row_of(&document, 1000 + nth), "user.id");
        assert_eq!(
            (id.kind.as_str(), id.value.as_str()),
            ("string", "7"),
            "an id is text"
        );
    }
    for (nth, (sent, shown)) in MOMENTS.iter().enumerate() {
        let cell = sheet.cell(row_of(&document, 2000 + nth), "moment");
        assert_eq!(
            (cell.kind.as_str(), cell.value.as_str()),
            ("date", *shown),
            "{sent}"
        );
    }
    let names = row_of(&document, 3000);
    for (name, value) in [("=1+1", "formula"), ("a;=1+1", "split"), ("007", "digits")] {
        assert_eq!(sheet.cell(names, name).value, value);
    }
    let about = document.sheets.last().expect("sheets");
    assert_eq!(about.name, "About");
    let told = format!("{:?}", about.rows);
    for part in ["orders", "Europe/Berlin", "40000"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn the_profile_for_excel_keeps_text_text() {
    let (_place, server) = day();
    let document = fods::open(&get(&server, "today.csv?profile=excel"), "csv", Some(TYPED));
    harmless(&document);
    let sheet = &document.sheets[0];
    for (nth, text) in texts().iter().enumerate() {
        let cell = sheet.cell(row_of(&document, nth), "text");
        assert_eq!(
            cell.kind,
            if text.trim().is_empty() {
                cell.kind.as_str()
            } else {
                "string"
            },
            "{text:?}"
        );
        assert_eq!(told(&cell), expected(text), "{nth}");
    }
    for (nth, (number, fits)) in NUMBERS.iter().enumerate() {
        let cell = sheet.cell(row_of(&document, 1000 + nth), "number");
        assert_eq!(
            cell.kind,
            if *fits { "float" } else { "string" },
            "{number}"
        );
        if !fits {
            assert_eq!(cell.value.trim_start_matches('\t'), *number);
        }
    }
    for (nth, (sent, shown)) in MOMENTS.iter().enumerate() {
        let cell = sheet.cell(row_of(&document, 2000 + nth), "moment");
        assert_eq!(
            (cell.kind.as_str(), cell.value.as_str()),
            ("date", *shown),
            "{sent}"
        );
    }
}

/// A cell's text without what stands before it so that it stays text.
fn told(cell: &Cell) -> String {
    lines(cell.value.strip_prefix('\t').unwrap_or(&cell.value))
}

/// What README says of a CSV: a `'` before what would be run.
fn expected(text: &str) -> String {
    let guarded = rowhook::flatten::cell::guarded(text);
    lines(guarded.strip_prefix('\t').unwrap_or(&guarded))
}

#[test]
fn plain_csv_runs_nothing_and_shifts_nothing() {
    let (_place, server) = day();
    let document = fods::open(&get(&server, "today.csv"), "csv", Some(PLAIN));
    harmless(&document);
    let sheet = &document.sheets[0];
    // What a spreadsheet makes of plain CSV is its own affair; this is what it makes of it, so that README can say so.
    let mut changed = Vec::new();
    for (nth, text) in texts().iter().enumerate() {
        let cell = sheet.cell(row_of(&document, nth), "text");
        if lines(&cell.value) != lines(&rowhook::flatten::cell::guarded(text)) {
            changed.push((
                text.chars().take(30).collect::<String>(),
                cell.kind,
                cell.value.chars().take(30).collect::<String>(),
            ));
        }
    }
    let changed: Vec<&str> = changed.iter().map(|(text, ..)| text.as_str()).collect();
    // Whoever opens it must choose text for these columns, or take the profile for Excel, or XLSX.
    let taken = [
        "007",
        "00",
        "12345678901234567890",
        "1/2",
        "3E5",
        "1e10",
        "TRUE",
        "12:30",
        "5%",
        "$5",
        "Mar 10",
        "May 2026",
        "(5)",
        "+5",
        "1e400",
        ".5",
        "5.",
    ];
    assert_eq!(changed, taken);
}

#[test]
fn split_at_other_characters_nothing_runs() {
    let (_place, server) = day();
    for filter in [
        "CSV:59,34,76,1",
        "CSV:9,34,76,1",
        "CSV:59,34,76,1,,1033,false,true",
    ] {
        let document = fods::open(&get(&server, "today.csv"), "csv", Some(filter));
        assert_eq!(document.formulas, Vec::<String>::new(), "{filter}");
    }
    let excel = get(
        &server,
        "today.csv?profile=excel&delimiter=semicolon&decimal=comma",
    );
    let document = fods::open(&excel, "csv", Some("CSV:59,34,76,1,,1031,false,true"));
    harmless(&document);
    let cell = document.sheets[0].cell(row_of(&document, 1003), "number");
    assert_eq!((cell.kind.as_str(), cell.value.as_str()), ("float", "-1.5"));
}
