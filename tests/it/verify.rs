//! `rowhook verify` from outside: what it says of directories that are whole,
//! that something happened to, and that a server writes to meanwhile.

use crate::days::three_days;
use crate::flood::{Flood, Ledger, Load};
use crate::server::{Place, Server, mask};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CONFIG: &str =
    "[sources.orders]\n[sources.quiet]\n[sources.lessonly]\npreset = \"lessonly\"\n";

fn run(place: &Place, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = place.bare(&[]);
    command
        .arg("verify")
        .args(args)
        .arg("--output")
        .arg(place.output());
    if place.path().join("rowhook.toml").exists() {
        command
            .arg("--config")
            .arg(place.path().join("rowhook.toml"));
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    (status.code(), text(stdout), text(stderr))
}

/// What it says, without what differs from run to run, and its exit code.
fn said(place: &Place, args: &[&str]) -> String {
    let (code, said, errors) = run(place, args);
    assert_eq!(errors, "");
    let (first, rest) = said.split_once('\n').expect("a line");
    let (counts, outcome) = first.split_once(" in ").expect("counts");
    let (figures, outcome) = outcome.rsplit_once(" s: ").expect("seconds");
    let figures = figures.rsplit_once(", ").expect("bytes").0;
    format!(
        "{counts} in {figures}: {outcome}\n{rest}exit {}",
        code.expect("a code")
    )
}

fn report_of(place: &Place, args: &[&str]) -> Value {
    let (_, said, _) = run(place, &[&["--json"], args].concat());
    serde_json::from_str(&said).expect("JSON")
}

/// Three days of `orders`, the newest closed too, with the server stopped.
fn stopped() -> Place {
    let (place, mut server) = three_days();
    let until = Instant::now() + Duration::from_secs(10);
    let open = |server: &Server| {
        server
            .get("/api/exports")
            .text()
            .matches("\"closed\"")
            .count()
            < 3
    };
    while open(&server) {
        assert!(Instant::now() < until, "not closed");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(server.stop().success());
    place
}

fn path(place: &Place, name: &str) -> PathBuf {
    place.output().join(name)
}

fn change(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a text");
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(path, text.replacen(from, to, 1)).expect("a file");
}

/// Every file and folder below, with what tells one version from another.
fn listing(dir: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let meta = fs::symlink_metadata(&path).expect("a file");
        if meta.is_dir() {
            found.extend(listing(&path));
        }
        found.push((path, meta.len(), meta.modified().expect("a time")));
    }
    found.sort();
    found
}

#[test]
fn a_directory_that_is_whole() {
    let place = stopped();
    let before = listing(&place.output());
    assert_eq!(run(&place, &[]).0, Some(0));
    assert_eq!(listing(&place.output()), before, "it wrote something");
    insta::assert_snapshot!(said(&place, &[]), @r##"
    4 events in 3 segments, 4 tables with 4 rows: no damage, no edits, no notes
    exit 0
    "##);
    let server = place.start_with(CONFIG);
    assert_eq!(server.post_to("orders", br#"{"a":"7"}"#, &[]).status, 200);
    assert_eq!(server.get("/exports/orders/today.csv").status, 200);
    let report = report_of(&place, &[]);
    assert_eq!(
        (&report["damage"], &report["edits"]),
        (&0.into(), &0.into())
    );
    assert_eq!(report["events"], 5);
    assert_eq!(report["rows"], 5);
}

#[test]
fn edits_and_damage_of_tables() {
    let place = stopped();
    let first = path(&place, "csv/orders/2020-01-01.csv");
    change(&first, ",2,", ",\"7\x1b[31m\",");
    fs::remove_file(path(&place, "csv/orders/2020-01-02.csv")).expect("a file");
    insta::assert_snapshot!(mask(&said(&place, &[]), 32, "ID"), @r##"
    4 events in 3 segments, 4 tables with 3 rows: no damage, 2 edits, no notes

    csv/orders/2020-01-01.csv
      edit: row 2, byte 97, seq 2, column a: a cell differs
        expected: 2
        found: "7\u{1b}[31m"
        what to do: `rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept

    csv/orders/2020-01-02.csv
      edit: seq 3: the file with its 1 row is missing
        what to do: `rowhook rebuild --source orders --date 2020-01-02` makes it anew; this version is kept
    exit 1
    "##);

    // The same bytes under the stat that rowhook left: nobody is seen to have changed them.
    let place = stopped();
    let last = path(&place, "csv/orders/2020-01-04.csv");
    let before = fs::metadata(&last)
        .expect("a file")
        .modified()
        .expect("a time");
    change(&last, ",8,", ",9,");
    let file = fs::File::options().write(true).open(&last).expect("a file");
    file.set_modified(before).expect("a time");
    insta::assert_snapshot!(mask(&said(&place, &["--date", "2020-01-04"]), 32, "ID"), @r##"
    1 event in 1 segment, 1 table with 1 row: 1 place damaged, no edits, no notes

    csv/orders/2020-01-04.csv
      damage: row 1, byte 25, seq 4, column c: a cell differs
        expected: 8
        found: 9
        what to do: `rowhook rebuild --source orders --date 2020-01-04` makes it anew; this version is kept
    exit 1
    "##);
}

#[test]
fn rows_that_are_missing_or_too_many() {
    let place = Place::new();
    let payloads: Vec<String> = (0..40).map(|n| format!(r#"{{"n":"{n}"}}"#)).collect();
    let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
    crate::days::journal(&place, &[("2020-01-01", &payloads)]);
    let mut server = place.start_with("[sources.orders]\n");
    assert_eq!(server.get("/exports/orders/2020-01-01.csv").status, 200);
    assert!(server.stop().success());
    let table = path(&place, "csv/orders/2020-01-01.csv");
    let text = fs::read_to_string(&table).expect("a text");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.remove(30);
    lines.insert(10, "mine".into());
    lines[20] = lines[20].replace(",18", ",x");
    fs::write(&table, lines.join("\n") + "\nand\nthese\n").expect("a file");
    insta::assert_snapshot!(mask(&said(&place, &[]), 32, "ID"), @r##"
    40 events in 1 segment, 2 tables with 42 rows: no damage, 5 edits, no notes

    csv/orders/2020-01-01.csv
      edit: row 10, byte 563: a row that no event of the journal gives
        found: mine
      edit: row 20, byte 1116, seq 19, column n: a cell differs
        expected: 18
        found: x
      edit: row 31, byte 1786, seq 30: a row is missing here
        expected: 2020-01-01T12:00:00.007Z,ID,29
      edit: row 41, byte 2396: a row that no event of the journal gives
        found: and
      edit: row 42, byte 2400: a row that no event of the journal gives
        found: these
        what to do: `rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept
    exit 1
    "##);

    let other = text.replace(',', ";");
    fs::write(&table, other).expect("a file");
    insta::assert_snapshot!(mask(&said(&place, &[]), 32, "ID"), @r##"
    40 events in 1 segment, 2 tables with 0 rows: no damage, 1 edit, no notes

    csv/orders/2020-01-01.csv
      edit: byte 0, column received_at: the header is another one; the rows below it are not compared
        expected: received_at
        found: received_at;event_id;n
        what to do: `rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept
    exit 1
    "##);

    // Twenty of a file are told, and the rest counted.
    fs::write(&table, text.replace(",1", ",2").replace(",3", ",4")).expect("a file");
    let report = report_of(&place, &[]);
    assert_eq!(report["findings"].as_array().expect("a list").len(), 20);
    assert_eq!(report["omitted"]["csv/orders/2020-01-01.csv"], 2);
    assert_eq!(report["edits"], 22);
}

#[test]
fn damage_of_the_journal() {
    let place = stopped();
    let first = path(&place, "journal/2020-01-01.jsonl");
    change(&first, "\"a\":\"2\"", "\"a\":\"3\"");
    insta::assert_snapshot!(said(&place, &[]), @r##"
    3 events in 3 segments, 4 tables with 3 rows: 1 place damaged, no edits, 1 note

    csv/orders/2020-01-01.csv
      note: row 2, byte 97: not compared from here on: line 3 of journal/2020-01-01.jsonl is damaged
        what to do: put the journal right, then verify again

    journal/2020-01-01.jsonl
      damage: segment 1, line 3, byte 286, seq 2: the line's check does not fit
        found: {"seq":2,"batch":2,"left":0,"received_at":"2020-01-01T12:00:00.007Z","source":"o…
        what to do: rowhook does not start over a damaged journal: keep a copy of the whole output directory, then put this file back from a backup
    exit 1
    "##);
    change(&first, "\"a\":\"3\"", "\"a\":\"2\"");
    assert!(said(&place, &[]).ends_with("exit 0"));

    // Of three segments the one in the middle.
    fs::rename(
        path(&place, "journal/2020-01-02.jsonl"),
        place.path().join("aside"),
    )
    .expect("a rename");
    insta::assert_snapshot!(said(&place, &[]), @r##"
    3 events in 2 segments, 4 tables with 0 rows: 1 place damaged, no edits, 3 notes

    csv/orders/2020-01-01.csv
      note: row 1, byte 25: not compared from here on: a segment of the journal is damaged or missing
        what to do: put the journal right, then verify again

    csv/orders/2020-01-02.csv
      note: row 1, byte 27: not compared from here on: a segment of the journal is damaged or missing
        what to do: put the journal right, then verify again

    csv/orders/2020-01-04.csv
      note: row 1, byte 25: not compared from here on: a segment of the journal is damaged or missing
        what to do: put the journal right, then verify again

    journal/2020-01-04.jsonl
      damage: byte 0: segment 3 follows segment 1; one between is missing
        what to do: rowhook does not start over a damaged journal: keep a copy of the whole output directory, then put this file back from a backup
    exit 1
    "##);
    fs::rename(
        place.path().join("aside"),
        path(&place, "journal/2020-01-02.jsonl"),
    )
    .expect("a rename");

    // The end, of which state knows that it was stored.
    let last = path(&place, "journal/2020-01-04.jsonl");
    let text = fs::read_to_string(&last).expect("a text");
    fs::write(&last, &text[..text.len() - 3]).expect("a file");
    insta::assert_snapshot!(said(&place, &[]), @r##"
    3 events in 3 segments, 4 tables with 4 rows: 2 places damaged, no edits, no notes

    csv/orders/2020-01-04.csv
      damage: row 1, byte 25: a row that no event of the journal gives
        found: 2020-01-04T12:00:00.007Z,00000000000000000000000000000004,8,9
        what to do: if the journal is damaged, put that right first: this may be an event that it lost; else `rowhook rebuild --source orders --date 2020-01-04` makes it anew; this version is kept

    journal/2020-01-04.jsonl
      damage: segment 3, line 2, byte 96, seq 4: the journal ends with event 3 here, but state/tables/orders/2020-01-04.json knows event 4: acknowledged events are missing
        what to do: rowhook does not start over a damaged journal: keep a copy of the whole output directory, then put this file back from a backup
    exit 1
    "##);
}

#[test]
fn what_was_never_acknowledged_is_a_note() {
    let place = stopped();
    let last = path(&place, "journal/2020-01-04.jsonl");
    let text = fs::read_to_string(&last).expect("a text");
    let torn = text
        .lines()
        .last()
        .expect("a line")
        .replace("\"seq\":4", "\"seq\":5");
    fs::write(&last, text + &torn[..60]).expect("a file");
    fs::write(path(&place, "state/journal.json"), "{}").expect("a file");
    fs::write(path(&place, "state/tables/orders/2020-01-02.json"), "").expect("a file");
    insta::assert_snapshot!(said(&place, &[]), @r##"
    4 events in 3 segments, 4 tables with 4 rows: no damage, no edits, 3 notes

    journal/2020-01-04.jsonl
      unfinished: segment 3, line 3, byte 279, seq 5: a batch of 60 bytes that is not whole: it was never acknowledged
        what to do: nothing, if the server writes it just now; else the next start sets it aside in state/cut

    state/journal.json
      note: a state that cannot be read: it is cut off
        what to do: the next start reads the whole journal instead

    state/tables/orders/2020-01-02.json
      note: a state that cannot be read: it is cut off
        what to do: rowhook makes the table anew at its next start
    exit 0
    "##);
}

#[test]
fn other_rules_are_a_note() {
    let place = stopped();
    place.config(&format!("{CONFIG}[csv]\nbom = true\n"));
    insta::assert_snapshot!(said(&place, &["--to", "2020-01-01"]), @r##"
    2 events in 1 segment, 1 table with 2 rows: no damage, no edits, 1 note

    csv/orders/2020-01-01.csv
      other rules: made under other rules than those of the configuration, and compared under its own: `1 generic columns_max=1000 guard=true bom=false`, not `1 generic columns_max=1000 guard=true bom=true`
        what to do: `rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept; without that it stays as it is
    exit 0
    "##);
    let state = path(&place, "state/tables/orders/2020-01-01.json");
    reseal(&state, "\"rules\":\"1 ", "\"rules\":\"9 ");
    insta::assert_snapshot!(said(&place, &["--to", "2020-01-01"]), @r##"
    2 events in 1 segment, 1 table with 2 rows: no damage, no edits, 1 note

    csv/orders/2020-01-01.csv
      other rules: made by another release (`9 generic columns_max=1000 guard=true bom=false`), and compared by its digest alone
        what to do: `rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept; without that it stays as it is
    exit 0
    "##);
    change(&path(&place, "csv/orders/2020-01-01.csv"), "x;", "y;");
    let report = report_of(&place, &["--date", "2020-01-01"]);
    assert_eq!(
        report["findings"][1]["what"],
        "the file is not what it was when its day was closed"
    );
}

/// A day that is over keeps the columns that were chosen then.
#[test]
fn other_columns_are_a_note() {
    let place = stopped();
    let chosen = format!(
        "{CONFIG}[sources.orders.columns]\nexclude = [\"b*\", \"=x\"]\nrename = {{ a = \"A; \\\"1\\\"\" }}\n"
    );
    let config = place.config(&chosen);
    insta::assert_snapshot!(said(&place, &["--to", "2020-01-01"]), @r##"
    2 events in 1 segment, 1 table with 2 rows: no damage, no edits, 1 note

    csv/orders/2020-01-01.csv
      other rules: made under other rules than those of the configuration, and compared under its own: `1 generic columns_max=1000 guard=true bom=false`, not `1 generic columns_max=1000 guard=true bom=false columns={"exclude":["=x","b*"],"rename":{"a":"A; \"1\""}}`
        what to do: `rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept; without that it stays as it is
    exit 0
    "##);
    let mut rebuild = place.bare(&[]);
    rebuild
        .args(["rebuild", "--source", "orders", "--date", "2020-01-01"])
        .arg("--output")
        .arg(place.output())
        .arg("--config")
        .arg(config);
    assert!(rebuild.output().expect("the program").status.success());
    insta::assert_snapshot!(said(&place, &["--to", "2020-01-01"]), @r##"
    2 events in 1 segment, 1 table with 2 rows: no damage, no edits, no notes
    exit 0
    "##);
    // Without the choice the table is compared under its own.
    place.config(CONFIG);
    insta::assert_snapshot!(said(&place, &["--to", "2020-01-01"]), @r##"
    2 events in 1 segment, 1 table with 2 rows: no damage, no edits, 1 note

    csv/orders/2020-01-01.csv
      other rules: made under other rules than those of the configuration, and compared under its own: `1 generic columns_max=1000 guard=true bom=false columns={"exclude":["=x","b*"],"rename":{"a":"A; \"1\""}}`, not `1 generic columns_max=1000 guard=true bom=false`
        what to do: `rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept; without that it stays as it is
    exit 0
    "##);
}

/// Changes a state and seals it again, as another release might have written it.
fn reseal(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a text");
    let body = text
        .rsplit_once(",\"check\":")
        .expect("a check")
        .0
        .replacen(from, to, 1);
    let check = blake3::hash(body.as_bytes()).to_hex();
    fs::write(path, format!("{body},\"check\":\"{}\"}}\n", &check[..16])).expect("a file");
}

#[test]
fn tables_that_are_not_written_yet() {
    let place = Place::new();
    crate::days::journal(&place, &crate::days::DAYS);
    place.config(CONFIG);
    insta::assert_snapshot!(said(&place, &["--from", "2020-01-02"]), @r##"
    2 events in 2 segments, 2 tables with 0 rows: no damage, no edits, 2 notes

    csv/orders/2020-01-02.csv
      not yet written: seq 3: the file is not there yet; 1 rows belong into it
        what to do: the server makes it, or the next start does

    csv/orders/2020-01-04.csv
      not yet written: seq 4: the file is not there yet; 1 rows belong into it
        what to do: the server makes it, or the next start does
    exit 0
    "##);
    // Once the follower was behind its events, a table that is not there is missing.
    let place = stopped();
    fs::remove_file(path(&place, "csv/orders/2020-01-02.csv")).expect("a file");
    fs::remove_file(path(&place, "state/tables/orders/2020-01-02.json")).expect("a file");
    insta::assert_snapshot!(said(&place, &["--date", "2020-01-02"]), @r##"
    1 event in 1 segment, 1 table with 0 rows: no damage, 1 edit, no notes

    state/tables/orders/2020-01-02.json
      edit: seq 3: no checkpoint and no file, though all tables were written up to these events once
        what to do: `rowhook rebuild --source orders --date 2020-01-02` makes it anew; this version is kept
    exit 1
    "##);
}

#[test]
fn the_json_document() {
    let place = stopped();
    change(&path(&place, "csv/orders/2020-01-01.csv"), ",2,", ",7,");
    let mut report = report_of(&place, &["--source", "orders", "--date", "2020-01-01"]);
    report["seconds"] = 0.into();
    report["output"] = "output".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).expect("JSON"), @r##"
    {
      "output": "output",
      "events": 2,
      "segments": 1,
      "tables": 1,
      "rows": 2,
      "bytes": 619,
      "seconds": 0,
      "damage": 0,
      "edits": 1,
      "notes": 0,
      "findings": [
        {
          "kind": "edit",
          "file": "csv/orders/2020-01-01.csv",
          "what": "a cell differs",
          "offset": 97,
          "source": "orders",
          "date": "2020-01-01",
          "seq": 2,
          "row": 2,
          "column": "a",
          "expected": "2",
          "found": "7",
          "next": "`rowhook rebuild --source orders --date 2020-01-01` makes it anew; this version is kept"
        }
      ],
      "omitted": {}
    }
    "##);
    // Another source has nothing to do with it.
    let report = report_of(&place, &["--source", "lessonly"]);
    assert_eq!(
        (&report["edits"], &report["events"]),
        (&0.into(), &4.into())
    );
}

#[test]
fn what_cannot_be_read_or_asked() {
    let place = Place::new();
    let (code, said, errors) = run(&place, &[]);
    assert_eq!((code, said.as_str()), (Some(2), ""));
    let errors = errors.replace(&*place.output().to_string_lossy(), "OUTPUT");
    insta::assert_snapshot!(errors.trim_end(), @"error: OUTPUT: no journal is here; name the folder that the server writes to with --output or --config");
    for wrong in [&["--source", "A"], &["--date", "today"], &["--form", "x"]] {
        assert_eq!(run(&place, wrong).0, Some(2), "{wrong:?}");
    }
    // To look at nothing would find nothing wrong.
    let backwards = run(&place, &["--from", "2020-01-02", "--to", "2020-01-01"]);
    let wanted = "error: --from 2020-01-02 is after --to 2020-01-01; exchange the two\n";
    assert_eq!((backwards.0, backwards.2.as_str()), (Some(2), wanted));
    // Permissions do not stop root: a folder stands where the file was.
    let place = stopped();
    let nobody = run(&place, &["--source", "nobody"]);
    let wanted = "error: there is no source `nobody`; configured: lessonly, orders, quiet\n";
    assert_eq!((nobody.0, nobody.2.as_str()), (Some(2), wanted));
    for name in [
        "csv/orders/2020-01-02.csv",
        "state/tables.json",
        "journal/2020-01-01.jsonl",
    ] {
        fs::remove_file(path(&place, name)).expect("a file");
        fs::create_dir(path(&place, name)).expect("a folder");
        let report = report_of(&place, &[]);
        let of_file = |finding: &&Value| finding["file"] == name;
        let found = report["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .find(of_file);
        let what = found.expect("a finding")["what"].as_str().expect("a text");
        assert!(what.contains("no regular file"), "{name}: {what}");
    }
    assert_eq!(run(&place, &[]).0, Some(1));
    fs::remove_dir_all(path(&place, "journal")).expect("a folder");
    fs::write(path(&place, "journal"), "").expect("a file");
    let (code, said, errors) = run(&place, &[]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(errors.contains("journal: cannot be read"), "{errors}");
}

/// Under load, with new columns all the time, it never tells of anything that is not so; and after a kill neither.
#[test]
fn no_false_alarm_while_a_server_writes() {
    let place = Place::new();
    let mut server = place.start();
    let ledger = Arc::new(Ledger::default());
    let until = Instant::now() + Duration::from_secs(6);
    let (mut round, mut looks) = (0, 0);
    while Instant::now() < until {
        let flood = Flood::start(&server.url, Load::new(round, 8), &ledger);
        let next = Instant::now() + Duration::from_millis(700);
        while Instant::now() < next {
            let (code, said, errors) = run(&place, &[]);
            assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
            looks += 1;
        }
        if round % 3 == 2 {
            server.kill();
            flood.join();
            let (code, said, _) = run(&place, &[]);
            assert_eq!(code, Some(0), "after a kill: {said}");
            server = place.start();
        } else {
            flood.stop();
        }
        round += 1;
    }
    println!("{looks} looks over {} events", ledger.acknowledged().len());
    assert!(looks > 5 && ledger.acknowledged().len() > 100);
}
