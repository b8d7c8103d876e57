//! `rebuild` and `import`, by the server that runs and without one.

use crate::days::{journal, three_days};
use crate::server::{Place, Server};
use serde_json::json;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a command printed, and its exit code.
struct Said {
    out: String,
    err: String,
    code: i32,
}

fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        out: text(&output.stdout),
        err: text(&output.stderr),
        code: output.status.code().expect("an exit code"),
    }
}

/// Runs `rowhook` with `args` for the output directory of `place`.
fn rowhook(place: &Place, args: &[&str]) -> Said {
    said(&command(place, args).output().expect("the program"))
}

fn command(place: &Place, args: &[&str]) -> Command {
    let mut command = place.bare(&[]);
    command.args(args).arg("--output").arg(place.output());
    let config = place.path().join("rowhook.toml");
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command
}

fn file(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.path().join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// The rows of all days of `source` as they are on disk, without their headers.
fn rows(place: &Place, source: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let dir = place.output().join("csv").join(source);
    let Ok(entries) = fs::read_dir(dir) else {
        return rows;
    };
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if !path.to_string_lossy().contains("edited") {
            let text = fs::read_to_string(path).expect("a text");
            rows.extend(text.lines().skip(1).map(str::to_owned));
        }
    }
    rows
}

#[test]
fn json_in_any_form_is_imported_once() {
    for running in [true, false] {
        let place = Place::new();
        place.config("[sources.orders]\n[sources.other]\n");
        let server = running.then(|| {
            let mut command = place.command();
            command
                .arg("--config")
                .arg(place.path().join("rowhook.toml"));
            Server::start(command)
        });
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
        let mut args = vec!["import", "--source", "orders"];
        args.extend(files.iter().map(|path| path.to_str().expect("a text")));
        let first = rowhook(&place, &args);
        assert_eq!(
            (first.out.as_str(), first.code),
            ("11 stored, 1 there already, 0 refused\n", 0),
            "{}",
            first.err
        );
        let again = rowhook(&place, &args);
        assert_eq!(again.out, "0 stored, 12 there already, 0 refused\n");
        let numbers: Vec<_> = rows(&place, "orders")
            .iter()
            .map(|row| row.split(',').nth(2).expect("a cell").to_owned())
            .collect();
        assert_eq!(
            numbers,
            ["1", "2.50", "3", "4", "5", "6", "7", "8", "9", "10", "11"]
        );
        args.insert(1, "--again");
        assert_eq!(
            rowhook(&place, &args).out,
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
    let said = rowhook(
        &place,
        &[
            "import",
            "--source",
            "orders",
            path.to_str().expect("a text"),
        ],
    );
    let out = said.out.replace(path.to_str().expect("a text"), "FILE");
    insta::assert_snapshot!(out, @r"
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
    let missing = rowhook(&place, &["import", "--source", "orders", "nowhere.json"]);
    assert_eq!(
        (missing.err.as_str(), missing.code),
        (
            "error: nowhere.json: No such file or directory (os error 2)\n",
            1
        )
    );
    let unknown = rowhook(
        &place,
        &[
            "import",
            "--source",
            "ordres",
            path.to_str().expect("a text"),
        ],
    );
    assert_eq!(
        (unknown.err.as_str(), unknown.code),
        (
            "error: there is no source `ordres`; configured: orders\n",
            1
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
    let path = fs::read_dir(place.output().join("rejected"))
        .expect("a folder")
        .next()
        .expect("a file")
        .expect("a file")
        .path();
    let said = rowhook(
        &place,
        &[
            "import",
            "--source",
            "orders",
            path.to_str().expect("a text"),
        ],
    );
    let out = said.out.replace(path.to_str().expect("a text"), "FILE");
    insta::assert_snapshot!(out, @r"
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
        let server = running.then(|| {
            let mut command = place.command();
            command
                .arg("--config")
                .arg(place.path().join("rowhook.toml"));
            Server::start(command)
        });
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
        let mut args = vec!["import", "--source", "orders"];
        args.extend(paths.iter().map(|path| path.to_str().expect("a text")));
        let said = rowhook(&place, &args);
        assert_eq!(
            (said.out.as_str(), said.code),
            ("4 stored, 0 there already, 0 refused\n", 0),
            "{}",
            said.err
        );
        assert_eq!(
            rowhook(&place, &args).out,
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

/// Cut off at any moment and run again, an import doubles nothing and loses nothing.
#[test]
fn an_import_that_was_cut_off_is_run_again() {
    let place = Place::new();
    let lines: Vec<String> = (0..20_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let text = lines.concat();
    let path = file(&place, "many.jsonl", &text);
    place.config("[sources.orders]\n[sources.off]\ndedup = \"off\"\n");
    for source in ["orders", "off"] {
        let args = ["import", "--source", source, path.to_str().expect("a text")];
        for milliseconds in [60, 120, 200] {
            let mut child = command(&place, &args)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the program");
            std::thread::sleep(Duration::from_millis(milliseconds));
            let _ = child.kill();
            child.wait().expect("its end");
        }
        let said = rowhook(&place, &args);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        println!("{source}: {}", said.out.trim());
        let rows = rows(&place, source);
        let mut numbers: Vec<usize> = rows
            .iter()
            .map(|row| {
                row.split(',')
                    .nth(2)
                    .expect("a cell")
                    .parse()
                    .expect("a number")
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..20_000).collect::<Vec<_>>());
    }
}

#[test]
fn standard_input_and_one_at_a_time() {
    let place = Place::new();
    let server = place.start();
    let begin = || {
        command(&place, &["import", "--source", "lessonly", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program")
    };
    let mut first = begin();
    let mut pipe = first.stdin.take().expect("a pipe");
    let lines: Vec<String> = (0..6000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    pipe.write_all(lines.concat().as_bytes()).expect("it reads");
    let until = Instant::now() + Duration::from_secs(10);
    while server
        .get("/exports/lessonly/today.csv")
        .text()
        .lines()
        .count()
        < 2
    {
        assert!(Instant::now() < until, "the first chunk is not there");
    }
    let second = said(&begin().wait_with_output().expect("its end"));
    let why = "error: another import into `lessonly` is still under way\n";
    assert_eq!((second.err.as_str(), second.code), (why, 1));
    drop(pipe);
    let first = said(&first.wait_with_output().expect("its end"));
    assert_eq!(first.out, "6000 stored, 0 there already, 0 refused\n");
    assert_eq!(
        server
            .get("/exports/lessonly/today.csv")
            .text()
            .lines()
            .count(),
        6001
    );
}

/// An import holds nothing that a request waits for.
#[test]
fn a_small_budget_for_requests() {
    let place = Place::new();
    let server =
        place.start_with("[limits]\nbody_bytes_max = 100000\nwaiting_bytes_max = 100000\n");
    let lines: Vec<String> = (0..3000)
        .map(|n| format!("{{\"n\":{n},\"text\":\"{}\"}}\n", "x".repeat(80)))
        .collect();
    let path = file(&place, "many.jsonl", &lines.concat());
    let said = rowhook(
        &place,
        &[
            "import",
            "--source",
            "lessonly",
            path.to_str().expect("a text"),
        ],
    );
    assert_eq!(
        said.out, "3000 stored, 0 there already, 0 refused\n",
        "{}",
        said.err
    );
    assert_eq!(server.post("{}").status, 200);
}

/// The open segment, into itself: it ends where it ended when it was opened.
#[test]
fn the_open_segment_is_imported_again() {
    let place = Place::new();
    let server = place.start();
    for n in 0..50 {
        assert_eq!(server.post(&format!("{{\"n\":{n}}}")).status, 200);
    }
    let path = fs::read_dir(place.output().join("journal"))
        .expect("a folder")
        .next()
        .expect("a file")
        .expect("a file")
        .path();
    let said = rowhook(
        &place,
        &[
            "import",
            "--again",
            "--source",
            "lessonly",
            path.to_str().expect("a text"),
        ],
    );
    assert_eq!(
        said.out, "50 stored, 0 there already, 0 refused\n",
        "{}",
        said.err
    );
    assert_eq!(
        server
            .get("/exports/lessonly/today.csv")
            .text()
            .lines()
            .count(),
        101
    );
}

/// Segments may be put away; a table is not emptied because of that.
#[test]
fn a_day_whose_segments_were_put_away_is_not_rebuilt() {
    let (place, server) = three_days();
    let until = Instant::now() + Duration::from_secs(5);
    while server.get("/api/exports").text().matches("closed").count() < 3 {
        assert!(Instant::now() < until, "not closed");
    }
    drop(server);
    let day = place.output().join("csv/orders/2020-01-01.csv");
    let before = fs::read_to_string(&day).expect("a text");
    fs::remove_file(place.output().join("journal/2020-01-01.jsonl")).expect("a segment");
    let said = rowhook(
        &place,
        &["rebuild", "--source", "orders", "--date", "2020-01-01"],
    );
    insta::assert_snapshot!(said.out, @r"
    orders 2020-01-01: failed: the journal has only 0 of its 2 events; put back the segments of that day
    0 tables made anew, 1 failed
    ");
    assert_eq!(
        (said.code, fs::read_to_string(&day).expect("a text")),
        (1, before)
    );
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
    let said = rowhook(
        &place,
        &[
            "import",
            "--source",
            "lessonly",
            path.to_str().expect("a text"),
        ],
    );
    let out = said.out.replace(path.to_str().expect("a text"), "FILE");
    insta::assert_snapshot!(out, @r"
    FILE:1: line 1, column 8: the text ends in the middle of a value; kept in rejected/
    2 stored, 0 there already, 1 refused
    ");
    assert!(rows(&place, "lessonly")[0].contains("disk"));
}

/// After a change of rules, an edit, a loss: the bytes are those that the journal gives.
#[test]
fn days_are_rebuilt() {
    for running in [true, false] {
        let (place, server) = three_days();
        let day = |day: &str| place.output().join(format!("csv/orders/{day}.csv"));
        let text = |name: &str| fs::read_to_string(day(name)).expect("a text");
        let until = Instant::now() + Duration::from_secs(5);
        while server.get("/api/exports").text().matches("closed").count() < 3 {
            assert!(Instant::now() < until, "not closed");
        }
        let whole = ["2020-01-01", "2020-01-02", "2020-01-04"].map(text);
        let server = if running {
            Some(server)
        } else {
            drop(server);
            None
        };
        fs::write(day("2020-01-01"), "theirs\n").expect("a file");
        fs::remove_file(day("2020-01-02")).expect("a file to remove");
        let said = rowhook(
            &place,
            &[
                "rebuild",
                "--source",
                "orders",
                "--from",
                "2020-01-01",
                "--to",
                "2020-01-02",
            ],
        );
        insta::allow_duplicates! { insta::assert_snapshot!(said.out, @r"
    orders 2020-01-01: 2 rows, 4 columns -> 2 rows, 4 columns
    orders 2020-01-02: 1 rows, 5 columns -> 1 rows, 5 columns
    2 tables made anew
    "); }
        assert_eq!(said.code, 0, "{}", said.err);
        assert_eq!(
            [text("2020-01-01"), text("2020-01-02"), text("2020-01-04")],
            whole
        );
        let kept: Vec<_> = fs::read_dir(place.output().join("csv/orders"))
            .expect("a folder")
            .map(|e| e.expect("an entry").path())
            .filter(|p| p.to_string_lossy().contains("2020-01-01.edited-"))
            .collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(fs::read_to_string(&kept[0]).expect("a text"), "theirs\n");
        // Nothing is remembered of a table, and its file is gone: the journal has it.
        let state = place.output().join("state/tables/orders/2020-01-04.json");
        if server.is_none() {
            fs::remove_file(state).expect("a state");
            fs::remove_file(day("2020-01-04")).expect("a file to remove");
            let said = rowhook(&place, &["rebuild", "--date", "2020-01-04"]);
            let wanted =
                "orders 2020-01-04: 0 rows, 0 columns -> 1 rows, 4 columns\n1 tables made anew\n";
            assert_eq!(said.out, wanted, "{}", said.err);
            assert_eq!(text("2020-01-04"), whole[2]);
        }
        let none = rowhook(
            &place,
            &["rebuild", "--source", "orders", "--date", "2019-01-01"],
        );
        assert_eq!((none.out.as_str(), none.code), ("0 tables made anew\n", 0));
        let unknown = rowhook(&place, &["rebuild", "--source", "nobody"]);
        assert_eq!(
            (unknown.err.as_str(), unknown.code),
            ("error: there is no source `nobody`\n", 1)
        );
        if let Some(server) = server {
            let socket = place.output().join("state/control.sock");
            let mode = fs::symlink_metadata(&socket)
                .expect("a socket")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            let list = server.get("/api/exports").json();
            let files: Vec<_> = list
                .as_array()
                .expect("a list")
                .iter()
                .map(|entry| entry["files"].clone())
                .collect();
            assert!(files.iter().all(|files| *files == json!("whole")), "{list}");
        }
    }
}

/// Whoever runs a command need not have the server's secrets at hand.
#[test]
fn commands_need_no_secrets() {
    let place = Place::new();
    place.config(
        "listen = \"0.0.0.0:0\"\n[access]\ntoken_env = \"NOT_HERE\"\n[sources.orders]\nauth = { scheme = \"authorization\", value_env = [\"NOR_THIS\", \"NOR_THAT\"] }\n\
         [sources.files]\nauth = { scheme = \"authorization\", value_file = \"nowhere\" }\n[tls]\ncert_file = \"no.pem\"\nkey_file = \"no.pem\"\n",
    );
    let path = file(&place, "one.json", "{\"n\":1}");
    let said = rowhook(
        &place,
        &[
            "import",
            "--source",
            "orders",
            path.to_str().expect("a text"),
        ],
    );
    assert_eq!(
        (said.out.as_str(), said.code),
        ("1 stored, 0 there already, 0 refused\n", 0),
        "{}",
        said.err
    );
    // What serves does need them.
    assert_eq!(rowhook(&place, &["check"]).code, 2);
}

/// The address of a socket has room for a hundred bytes, a path for thousands.
#[test]
fn a_deep_output_directory_has_its_socket() {
    let place = Place::new();
    let deep = place.path().join("a".repeat(120)).join("b".repeat(120));
    let mut serve = place.bare(&[]);
    serve
        .args(["--listen", "127.0.0.1:0", "--output"])
        .arg(&deep);
    let server = Server::start(serve);
    assert_eq!(server.post("{}").status, 200);
    let mut rebuild = place.bare(&[]);
    rebuild.args(["rebuild", "--output"]).arg(&deep);
    let said = said(&rebuild.output().expect("the program"));
    assert!(
        said.code == 0 && said.out.ends_with("1 tables made anew\n"),
        "{}{}",
        said.out,
        said.err
    );
}

/// A journal of one source is not poured into another.
#[test]
fn records_of_other_sources_are_passed_over_and_told() {
    let place = Place::new();
    let old = Place::new();
    journal(&old, &[("2020-01-01", &[r#"{"a":1}"#])]);
    let path = old.output().join("journal/2020-01-01.jsonl");
    let said = rowhook(
        &place,
        &[
            "import",
            "--source",
            "lessonly",
            path.to_str().expect("a text"),
        ],
    );
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
    let said = rowhook(
        &place,
        &[
            "import",
            "--source",
            "orders",
            path.to_str().expect("a text"),
        ],
    );
    insta::assert_snapshot!(said.out.replace(path.to_str().expect("a text"), "FILE"), @r"
    FILE:2: a journal's record, but the line's check does not fit
    0 stored, 0 there already, 1 refused
    ");
    assert_eq!(said.code, 1);
}

/// Neither does a command's work as another user, nor takes a server that it cannot reach for none.
#[test]
fn a_server_that_cannot_be_reached() {
    let place = Place::new();
    let server = place.start();
    fs::remove_file(place.output().join("state/control.sock")).expect("a socket");
    let said = rowhook(&place, &["rebuild"]);
    assert!(
        said.code == 1 && said.err.contains("does not answer on"),
        "{}",
        said.err
    );
    drop(server);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.output().join("state"), Some(1), None).expect("a folder");
        let said = rowhook(&place, &["rebuild"]);
        assert!(
            said.code == 1 && said.err.contains("belongs to the user with number 1"),
            "{}",
            said.err
        );
    }
}
