//! `import`: what files may be, what is stored of them, what is told.

use crate::bodies::table;
use crate::commands::{
    file, import, import_again, only_file, rowhook, rows, start_again, wait_closed,
};
use crate::days::{export, journal, three_days};
use crate::server::Place;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[test]
fn json_in_any_form_is_imported_once() {
    for running in [true, false] {
        let place = Place::new();
        place.config("[sources.orders]\n[sources.other]\n");
        let server = running.then(|| start_again(&place));
        let files = [
            file(
                &place,
                "lines.jsonl",
                "{\"n\":1}\n\n{\"n\":2.50}\r\n[{\"n\":3},{\"n\":4}]\n{\"n\":1}\n",
            ),
            file(&place, "one.json", "{\n  \"n\": 5,\n  \"t\": \"a b\"\n}\n"),
            file(&place, "array.json", "[\n {\"n\": 6},\n {\"n\": 7}\n]\n"),
            file(&place, "short.json", "\u{feff}[{\"n\":8},{\"n\":9}]"),
            file(&place, "many.json", "{\n\"n\":10}\n{\n\"n\":11}"),
        ];
        let first = import(&place, "orders", &files);
        assert_eq!(
            (first.out.as_str(), first.code),
            ("11 stored, 1 there already, 0 refused\n", 0),
            "{}",
            first.err
        );
        let again = import(&place, "orders", &files);
        assert_eq!(again.out, "0 stored, 12 there already, 0 refused\n");
        let numbers: Vec<_> = rows(&place, "orders")
            .iter()
            .map(|row| row.split(',').nth(2).expect("a cell").to_owned())
            .collect();
        assert_eq!(
            numbers,
            ["1", "2.50", "3", "4", "5", "6", "7", "8", "9", "10", "11"]
        );
        assert_eq!(
            import_again(&place, "orders", &files).out,
            "12 stored, 0 there already, 0 refused\n"
        );
        assert_eq!(rows(&place, "orders").len(), 23);
        if let Some(server) = server {
            // What came by hand is known as a webhook, too.
            assert_eq!(
                server.post_to("orders", b"{\"n\":1}", &[]).masked(),
                r#"{"status":"duplicate","id":"ID"}"#
            );
            assert_eq!(
                server
                    .get("/exports/orders/today.csv")
                    .text()
                    .lines()
                    .count(),
                24
            );
        }
    }
}

#[test]
fn what_is_refused_is_told_with_its_place() {
    let place = Place::new();
    let _server = place.start_with("[sources.orders]\n[limits]\nbody_bytes_max = 50\n");
    let long = format!("{{\"long\":\"{}\"}}", "x".repeat(60));
    let path = file(
        &place,
        "bad.jsonl",
        &format!("{{\"n\":1}}\nhello\n7\n[]\n{{\"n\":2}}\n{long}\n{{\"n\":3\n"),
    );
    let said = import(&place, "orders", &[&path]);
    insta::assert_snapshot!(said.masked(&path), @r"
    FILE:2: line 1, column 1: expected a JSON value; kept in rejected/
    FILE:3: the body is a single JSON value; a row needs an object; kept in rejected/
    FILE:4: the body is an empty array; there is nothing to store; kept in rejected/
    FILE:6: it has 71 bytes; the limit is 50 (limits.body_bytes_max)
    FILE:7: line 1, column 7: the text ends in the middle of a value; kept in rejected/
    2 stored, 0 there already, 5 refused
    ");
    assert_eq!((said.code, rows(&place, "orders").len()), (1, 2));
    // As a webhook's body, the refused ones are kept; and what was cut off or too long is still in the file.
    assert_eq!(place.read_all("rejected", ".jsonl").lines().count(), 4);
    let missing = import(&place, "orders", &["nowhere.json"]);
    assert_eq!(
        (missing.err.as_str(), missing.code),
        (
            "error: nowhere.json: No such file or directory (os error 2)\n",
            1
        )
    );
    let unknown = import(&place, "ordres", &[&path]);
    assert_eq!(
        (unknown.err.as_str(), unknown.code),
        (
            "error: there is no source `ordres`; configured: orders\n",
            2
        )
    );
}

/// Mended by hand, or under a new limit, rejected bodies are delivered again from the file that kept them.
#[test]
fn a_rejected_file_is_imported() {
    let place = Place::new();
    let server = place.start_with("[sources.orders]\n[sources.other]\n[limits]\ndepth_max = 2\n");
    assert_eq!(
        server
            .post_to("orders", br#"{"a":{"b":{"c":1}}}"#, &[])
            .status,
        422
    );
    assert_eq!(
        server
            .post_to("other", br#"{"a":{"b":{"c":2}}}"#, &[])
            .status,
        422
    );
    assert_eq!(server.post_to("orders", b"{\"half\":", &[]).status, 400);
    drop(server);
    place.config("[sources.orders]\n[sources.other]\n");
    let path = only_file(&place, "rejected");
    let said = import(&place, "orders", &[&path]);
    insta::assert_snapshot!(said.masked(&path), @r"
    FILE:3: line 1, column 9: the text ends in the middle of a value; kept in rejected/
    1 stored, 0 there already, 1 refused
    1 of the source other were passed over; import them with --source other
    ");
    assert_eq!(said.code, 1);
    assert_eq!(rows(&place, "orders").len(), 1);
    assert_eq!(
        fs::read_to_string(&path).expect("a text").lines().count(),
        3,
        "kept once"
    );
}

/// What a download of JSON Lines has is what there is.
#[test]
fn exported_lines_are_imported() {
    let (old, server) = three_days();
    let lines = server
        .get("/exports/orders/2020-01-01.jsonl")
        .text()
        .to_owned();
    let wanted = export(&server, "orders/2020-01-01.csv");
    drop(server);
    let path = file(&old, "export.jsonl", &lines);
    let said = import(&old, "orders", &[&path]);
    assert_eq!(said.out, "0 stored, 2 there already, 0 refused\n");
    let place = Place::new();
    place.config("[sources.orders]\n[sources.other]\n");
    for stored in [2, 0] {
        let said = import(&place, "orders", &[&path]);
        let told = format!("{stored} stored, {} there already, 0 refused\n", 2 - stored);
        assert_eq!((said.out, said.code), (told, 0));
    }
    assert_eq!(
        table(&place.read_all("csv/orders", "2020-01-01.csv")),
        wanted
    );
    let said = import(&place, "other", &[&path]);
    assert!(
        said.out.contains("2 of the source orders were passed over"),
        "{}",
        said.out
    );
}

type Way<'a> = &'a dyn Fn(&[Value]) -> String;

/// Other programs write the same in another way: over many lines, as one array, with blanks.
#[test]
fn files_that_went_through_another_program() {
    let (old, server) = three_days();
    assert_eq!(server.post_to("orders", b"{\"half\":", &[]).status, 400);
    let wanted = export(&server, "orders/2020-01-01.csv");
    drop(server);
    let values = |path: &Path| -> Vec<Value> {
        let text = fs::read_to_string(path).expect("a text");
        let value = |line| serde_json::from_str(line).expect("JSON");
        text.lines().map(value).collect()
    };
    let day = values(&old.output().join("journal/2020-01-01.jsonl"));
    let mut rejected = values(&only_file(&old, "rejected"));
    rejected[0]["body"] = json!("{\"half\":\"whole\"}");
    let many_lines = |values: &[Value]| {
        let text = |value| serde_json::to_string_pretty(value).expect("JSON");
        values.iter().map(text).collect::<Vec<_>>().join("\n")
    };
    let one_array = |values: &[Value]| serde_json::to_string_pretty(values).expect("JSON");
    let blanks = |values: &[Value]| {
        let text = |value: &Value| value.to_string().replacen("\":", "\" : ", 9) + "\n";
        values.iter().map(text).collect::<String>()
    };
    let ways: [Way<'_>; 3] = [&many_lines, &one_array, &blanks];
    for (nth, text) in ways.into_iter().enumerate() {
        let place = Place::new();
        place.config("[sources.orders]\n");
        let journal = file(&place, "journal", &text(&day));
        let said = import(&place, "orders", &[&journal]);
        let stored = "2 stored, 0 there already, 0 refused\n";
        assert_eq!((said.out.as_str(), said.code), (stored, 0), "{nth}");
        assert_eq!(
            table(&place.read_all("csv/orders", "2020-01-01.csv")),
            wanted
        );
        let mended = file(&place, "rejected.json", &text(&rejected));
        let said = import(&place, "orders", &[&mended]);
        assert!(said.out.starts_with("1 stored"), "{nth}: {}", said.out);
        assert!(place.read_all("csv/orders", ".csv").contains(",whole\n"));
        // What its check does not fit is another event.
        let mut other = day.clone();
        other[2]["payload"]["a"] = json!("changed");
        let changed = file(&place, "changed", &text(&other));
        let said = import(&place, "orders", &[&changed]);
        let told = "FILE:3: a journal's record, but changed since; to store what it is now, import what stands under `payload` alone\n\
                    0 stored, 1 there already, 1 refused\n";
        assert_eq!((said.masked(&changed).as_str(), said.code), (told, 1));
    }
}

/// A journal keeps its moments and days, into a server with another key, while that one receives.
#[test]
fn a_journal_is_imported_with_its_days() {
    for running in [true, false] {
        let (old, server) = three_days();
        let wanted: Vec<(String, String)> = ["2020-01-01", "2020-01-02", "2020-01-04"]
            .map(|day| {
                (
                    day.to_owned(),
                    server
                        .get(&format!("/exports/orders/{day}.csv"))
                        .text()
                        .to_owned(),
                )
            })
            .into();
        drop(server);
        let place = Place::new();
        place.config("[sources.orders]\n[sources.lessonly]\npreset = \"lessonly\"\n");
        let server = running.then(|| start_again(&place));
        if let Some(server) = &server {
            assert_eq!(server.post("{\"now\":1}").status, 200);
            assert_eq!(
                server.post_to("orders", b"{\"a\":\"now\"}", &[]).status,
                200
            );
        }
        let mut paths: Vec<_> = fs::read_dir(old.output().join("journal"))
            .expect("a folder")
            .map(|e| e.expect("an entry").path())
            .collect();
        paths.sort();
        let said = import(&place, "orders", &paths);
        assert_eq!(
            (said.out.as_str(), said.code),
            ("4 stored, 0 there already, 0 refused\n", 0),
            "{}",
            said.err
        );
        assert_eq!(
            import(&place, "orders", &paths).out,
            "0 stored, 4 there already, 0 refused\n"
        );
        let server = server.unwrap_or_else(|| {
            place.start_with("[sources.orders]\n[sources.lessonly]\npreset = \"lessonly\"\n")
        });
        for (day, text) in &wanted {
            let now = server.get(&format!("/exports/orders/{day}.csv"));
            let cells = |text: &str| {
                let mut reader = csv::Reader::from_reader(text.as_bytes());
                let header = reader.headers().expect("a header").clone();
                let id = header
                    .iter()
                    .position(|name| name == "event_id")
                    .expect("ids");
                let rows: Vec<Vec<String>> = reader
                    .records()
                    .map(|row| {
                        let row = row.expect("a row");
                        row.iter()
                            .enumerate()
                            .filter(|(nth, _)| *nth != id)
                            .map(|(_, cell)| cell.to_owned())
                            .collect()
                    })
                    .collect();
                (header, rows)
            };
            assert_eq!(cells(now.text()), cells(text), "{day}");
        }
        // Deliveries go on today.
        assert_eq!(
            server.post_to("orders", b"{\"a\":\"later\"}", &[]).status,
            200
        );
        assert!(
            server
                .get("/exports/orders/today.csv")
                .text()
                .contains("later")
        );
        let verified = server.get("/readyz").status;
        assert_eq!(verified, 200);
    }
}

/// What looks like a line of a rejected file and is not, and a first line that is torn.
#[test]
fn lines_that_look_like_others() {
    let place = Place::new();
    let event =
        r#"{"source":"web","reason":"disk","status":422,"body":"{\"a\":1}","severity":"high"}"#;
    let path = file(
        &place,
        "events.jsonl",
        &format!("{{\"n\":1,\n{event}\n{{\"n\":2}}\n"),
    );
    let said = import(&place, "lessonly", &[&path]);
    insta::assert_snapshot!(said.masked(&path), @r"
    FILE:1: line 1, column 8: the text ends in the middle of a value; kept in rejected/
    2 stored, 0 there already, 1 refused
    ");
    assert!(rows(&place, "lessonly")[0].contains("disk"));
}

/// A journal of one source is not poured into another.
#[test]
fn records_of_other_sources_are_passed_over_and_told() {
    let place = Place::new();
    let old = Place::new();
    journal(&old, &[("2020-01-01", &[r#"{"a":1}"#])]);
    let path = old.output().join("journal/2020-01-01.jsonl");
    let said = import(&place, "lessonly", &[&path]);
    insta::assert_snapshot!(said.out, @r"
    0 stored, 0 there already, 0 refused
    1 of the source orders were passed over; import them with --source orders
    ");
    // One changed digit: told, and not stored.
    let text = fs::read_to_string(&path)
        .expect("a text")
        .replace(r#"{"a":1}"#, r#"{"a":2}"#);
    fs::write(&path, text).expect("a file");
    place.config("[sources.orders]\n");
    let said = import(&place, "orders", &[&path]);
    insta::assert_snapshot!(said.masked(&path), @r"
    FILE:2: a journal's record, but the line's check does not fit
    0 stored, 0 there already, 1 refused
    ");
    assert_eq!(said.code, 1);
}

/// A form keeps its Content-Type through the rejected file, also where it is refused again on its way.
#[test]
fn a_rejected_form_is_mended_and_imported() {
    let place = Place::new();
    let server = place.start_with("[sources.orders]\n");
    let form = [(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    let body = b"payload=%7B%22a%22%3A%22b+c%22";
    assert_eq!(server.post_to("orders", body, &form).status, 400);
    let path = only_file(&place, "rejected");
    let text = || fs::read_to_string(&path).expect("a text");
    let lines = || text().lines().count();
    let first = text();
    insta::assert_snapshot!(import(&place, "orders", &[&path]).masked(&path), @r"
    FILE:1: line 1, column 11: the text ends in the middle of a value; kept in rejected/
    0 stored, 0 there already, 1 refused
    ");
    assert_eq!(text(), first, "kept once");
    // Mended, but not enough: it is kept as the form that it is.
    let half = file(
        &place,
        "half.jsonl",
        &first.replace("payload=%7B", "payload=%7B%7B"),
    );
    insta::assert_snapshot!(import(&place, "orders", &[&half]).masked(&half), @r"
    FILE:1: line 1, column 2: expected a key in double quotes; kept in rejected/
    0 stored, 0 there already, 1 refused
    ");
    assert_eq!(lines(), 2);
    let kept = text().lines().nth(1).expect("a line").to_owned();
    let whole = file(
        &place,
        "whole.jsonl",
        &kept.replace("%7B%7B", "%7B").replace("c%22", "c%22%7D"),
    );
    let said = import(&place, "orders", &[&whole]);
    assert_eq!(said.out, "1 stored, 0 there already, 0 refused\n");
    let row = rows(&place, "orders").concat();
    assert!(row.ends_with(",b c"), "{row}");
    assert_eq!(lines(), 2);
}

/// What stands twice in a journal, as after `--again`, is one event to whoever imports it, unless equal events are many.
#[test]
fn an_event_that_a_journal_has_twice_is_imported_once() {
    let old = Place::new();
    let body = file(&old, "one.json", "{\"n\":1}");
    for _ in 0..2 {
        assert_eq!(import_again(&old, "lessonly", &[&body]).code, 0);
    }
    let path = only_file(&old, "journal");
    let place = Place::new();
    let said = import(&place, "lessonly", &[&path]);
    assert_eq!(said.out, "1 stored, 1 there already, 0 refused\n");
    let said = import_again(&place, "lessonly", &[&path]);
    assert_eq!(said.out, "2 stored, 0 there already, 0 refused\n");
    let place = Place::new();
    place.config("[sources.lessonly]\ndedup = \"off\"\n");
    for wanted in ["2 stored, 0 there", "0 stored, 2 there"] {
        let said = import(&place, "lessonly", &[&path]);
        assert_eq!(said.out, format!("{wanted} already, 0 refused\n"));
    }
}

/// What is added to a day that is over is added by the rules that made its table; all of it is made by those of now when
/// somebody asks for that.
#[test]
fn a_day_that_is_over_keeps_its_rules() {
    for running in [true, false] {
        let (place, server) = three_days();
        wait_closed(&server, 3);
        drop(server);
        let day = place.output().join("csv/orders/2020-01-01.csv");
        let text = || fs::read_to_string(&day).expect("a text");
        let before = text();
        let old = Place::new();
        // The first four ids are known already.
        let payloads = ["{}", "{}", "{}", "{}", r#"{"a":"=1"}"#];
        journal(&old, &[("2020-01-01", &payloads)]);
        let path = only_file(&old, "journal");
        place.config("[sources.orders]\n[csv]\nbom = true\nformula_guard = false\n");
        let server = running.then(|| start_again(&place));
        let said = import(&place, "orders", &[&path]);
        assert_eq!(
            said.out, "1 stored, 4 there already, 0 refused\n",
            "{}",
            said.err
        );
        let added = text();
        assert!(
            added.starts_with(&before) && added.contains("'=1"),
            "{before}{added}"
        );
        drop(server);
        let _server = start_again(&place);
        assert_eq!(text(), added);
        let said = rowhook(&place, &["rebuild", "--date", "2020-01-01"]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        let anew = text();
        assert!(
            anew.starts_with('\u{feff}') && anew.contains(",=1"),
            "{anew}"
        );
    }
}
