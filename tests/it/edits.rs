//! Other hands on the files while nothing is delivered: seen within two
//! seconds, their version kept, the table whole again.

use crate::commands::{rowhook, wait_closed};
use crate::days::three_days;
use crate::server::{Place, Server, TOKEN};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A server with three rows, and the path and text of their table.
fn three(place: &Place) -> (Server, PathBuf, String) {
    let server = place.start();
    for n in 0..3 {
        assert_eq!(server.post(&format!(r#"{{"n":{n}}}"#)).status, 200);
    }
    let text = server.get("/exports/lessonly/today.csv").text().to_owned();
    (server, place.csv_path(), text)
}

fn edited(place: &Place) -> Vec<String> {
    let dir = fs::read_dir(place.output().join("csv/lessonly")).expect("a folder");
    let mut found: Vec<_> = dir
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(".edited-"))
        .collect();
    found.sort();
    found
        .iter()
        .map(|path| fs::read_to_string(path).expect("a text"))
        .collect()
}

/// Waits two seconds at most until the table is whole.
#[track_caller]
fn assert_whole_again(path: &Path, whole: &str, what: &str) {
    let until = Instant::now() + Duration::from_secs(2);
    // To read a pipe would wait for whoever writes it.
    let text = || path.is_file().then(|| fs::read_to_string(path).ok())?;
    while text().as_deref() != Some(whole) {
        assert!(Instant::now() < until, "{what}: not within two seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}

type Edit = fn(&Path, &str) -> Option<String>;

fn write(path: &Path, text: String) -> String {
    fs::write(path, &text).expect("a file");
    text
}

/// What somebody does, and the version that must be kept.
const EDITS: [(&str, Edit); 6] = [
    ("a cell", |path, text| {
        Some(write(path, text.replace(",2", ",7")))
    }),
    ("more rows", |path, text| {
        Some(write(path, format!("{text}mine\n")))
    }),
    ("cut", |path, text| {
        Some(write(path, text[..text.len() / 2].into()))
    }),
    ("emptied", |path, _| {
        write(path, String::new());
        None
    }),
    ("replaced", |path, text| {
        let beside = path.with_extension("tmp");
        let text = text.replace('\n', "\r\n");
        fs::write(&beside, &text).expect("a file");
        fs::rename(beside, path).expect("a rename");
        Some(text)
    }),
    ("removed", |path, _| {
        fs::remove_file(path).expect("a file to remove");
        None
    }),
];

#[test]
fn an_edit_of_the_open_day() {
    for (what, edit) in EDITS {
        let place = Place::new();
        let (mut server, path, whole) = three(&place);
        let theirs = edit(&path, &whole);
        assert_whole_again(&path, &whole, what);
        assert_eq!(edited(&place), Vec::from_iter(theirs.clone()), "{what}");
        let answer = server.get("/exports/lessonly/today.csv");
        assert_eq!(answer.text(), whole, "{what}");
        // The same while it is stopped.
        assert!(server.stop().success());
        let theirs = edit(&path, &whole);
        let _server = place.start();
        assert_whole_again(&path, &whole, what);
        assert_eq!(edited(&place), Vec::from_iter(theirs), "{what}, kept once");
    }
}

/// What spreadsheets and editors do beside a file that they have open.
#[test]
fn files_beside_a_table_do_no_harm() {
    let place = Place::new();
    let (server, path, whole) = three(&place);
    let dir = path.parent().expect("a folder");
    let name = path.file_name().expect("a name").to_string_lossy();
    for other in [
        format!(".~lock.{name}#"),
        format!("{name}~"),
        format!(".{name}.swp"),
        "notes.txt".into(),
        "2026-11-23 copy.csv".into(),
    ] {
        fs::write(dir.join(&other), "theirs").expect("a file");
        assert_eq!(server.post(&format!(r#"{{"n":"{other}"}}"#)).status, 200);
        fs::remove_file(dir.join(other)).expect("a file to remove");
    }
    // Opened by somebody who only reads, and holds it.
    let held = fs::File::open(&path).expect("a file");
    assert_eq!(server.post("{}").status, 200);
    let now = server.get("/exports/lessonly/today.csv").text().to_owned();
    assert!(now.starts_with(&whole) && now.lines().count() == 10);
    assert_eq!(fs::read_to_string(&path).expect("a text"), now);
    assert_eq!(edited(&place), Vec::<String>::new());
    drop(held);
}

/// Each is seen, none is lost, and neither log nor memory nor folder grows with their number.
#[test]
fn ten_thousand_changes() {
    let place = Place::new();
    let (mut server, path, whole) = three(&place);
    let memory = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid()));
        let status = status.expect("its state");
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("a figure")
    };
    let (before, started) = (memory(), Instant::now());
    for n in 0..10_000 {
        fs::write(&path, format!("{whole}{n}\n")).expect("a file");
    }
    let seconds = started.elapsed().as_secs();
    assert_whole_again(&path, &whole, "after all");
    let (after, kept) = (memory(), edited(&place).len());
    let log = server.log();
    println!(
        "10,000 changes in {seconds} s: {kept} versions kept, {} lines of log, memory {before} to {after} KiB",
        log.lines().count()
    );
    // One a second at most; the log tells of them once a minute.
    assert!(kept as u64 <= seconds + 3, "{kept} in {seconds} s");
    assert!(log.lines().count() < 20, "{log}");
    assert!(after < before + 8 * 1024, "{before} to {after} KiB");
    assert_eq!(server.post("{}").status, 200);
    assert!(server.stop().success());
}

/// Of a day that is over the file is left as it is, served as it is, and told of.
#[test]
fn a_day_that_is_over() {
    let (place, server) = three_days();
    let wait_until = Instant::now() + Duration::from_secs(5);
    let state_of = |day: &str| {
        let list = server.get("/api/exports").json();
        let found = list.as_array().expect("a list").iter().find(|entry| {
            entry["source"] == "orders" && entry["date"] == day && entry["state"] == "closed"
        });
        found.map(|entry| entry["files"].as_str().expect("a word").to_owned())
    };
    while state_of("2020-01-04").is_none() {
        assert!(Instant::now() < wait_until, "not closed");
    }
    let path = |day: &str| place.output().join(format!("csv/orders/{day}.csv"));
    let text = |day: &str| fs::read_to_string(path(day)).expect("a text");
    let (first, second, last) = ("2020-01-01", "2020-01-02", "2020-01-04");
    // As long as it was: only its content tells.
    let theirs = text(first)
        .replace(",2\n", ",7\n")
        .replace(",2,\n", ",7,\n");
    assert_ne!(theirs, text(first));
    fs::write(path(first), &theirs).expect("a file");
    // Written again as it was, as by a restore from a backup.
    let same = text(second);
    fs::write(path(second), &same).expect("a file");
    fs::remove_file(path(last)).expect("a file to remove");
    for _ in 0..2 {
        let found = [first, second, last].map(|day| state_of(day).expect("a day"));
        assert_eq!(found, ["edited", "whole", "missing"]);
    }
    let answer = server.get(&format!("/exports/orders/{first}.csv"));
    assert_eq!(answer.text(), theirs);
    assert_eq!(text(first), theirs);
    assert!(
        server
            .get("/days")
            .text()
            .contains("somebody changed its file")
    );
    let page = server.get("/");
    assert!(page.text().contains(&format!(
        "The file of {first} is not what rowhook left: edited."
    )));
}

type Put = fn(&Path);

/// Something that is no file is nothing to read, and above all nothing to wait for.
const NO_FILES: [(&str, Put); 4] = [
    ("a pipe", |path| {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.expect("mkfifo").success());
    }),
    ("a folder", |path| fs::create_dir(path).expect("a folder")),
    ("a link into itself", |path| {
        std::os::unix::fs::symlink(path, path).expect("a link");
    }),
    ("a link to nothing", |path| {
        std::os::unix::fs::symlink("/nowhere/at/all", path).expect("a link");
    }),
];

#[test]
fn something_else_has_the_name_of_the_open_day() {
    for (what, put) in NO_FILES {
        let place = Place::new();
        let (mut server, path, whole) = three(&place);
        let put = || {
            fs::remove_file(&path).expect("a file to remove");
            put(&path);
        };
        put();
        assert_whole_again(&path, &whole, what);
        assert_eq!(
            server.get("/exports/lessonly/today.csv").text(),
            whole,
            "{what}"
        );
        assert!(server.stop().success());
        put();
        let _server = place.start();
        assert_whole_again(&path, &whole, what);
    }
}

#[test]
fn something_else_has_the_name_of_a_closed_day() {
    for (what, put) in NO_FILES {
        let (place, server) = three_days();
        let url = "/exports/orders/2020-01-01.csv";
        let whole = server.get(url).text().to_owned();
        let path = place.output().join("csv/orders/2020-01-01.csv");
        wait_closed(&server, 3);
        fs::remove_file(&path).expect("a file to remove");
        put(&path);
        for url in [url, "/exports/orders/2020-01-01.1.csv"] {
            let answer = server.get(url);
            let told = answer.text();
            assert_eq!(answer.status, 404, "{what}: {told}");
            assert!(told.contains("2020-01-01.csv"), "{what}: {told}");
        }
        assert_eq!(rowhook(&place, &["verify"]).code, 1, "{what}");
        let said = rowhook(&place, &["rebuild", "--date", "2020-01-01"]);
        assert_eq!(said.code, 0, "{what}: {}", said.err);
        assert_eq!(server.get(url).text(), whole, "{what}");
    }
}

/// Old tables may be moved to another disk, and a link left in their place.
#[test]
fn a_closed_day_that_is_a_link() {
    let (place, server) = three_days();
    let url = "/exports/orders/2020-01-01.csv";
    let whole = server.get(url).text().to_owned();
    wait_closed(&server, 3);
    let path = place.output().join("csv/orders/2020-01-01.csv");
    let away = place.path().join("away.csv");
    fs::rename(&path, &away).expect("a rename");
    std::os::unix::fs::symlink(&away, &path).expect("a link");
    for url in [url, "/exports/orders/2020-01-01.1.csv"] {
        assert_eq!(server.get(url).text(), whole);
        let head = server.head_with(url, &[]);
        let length = whole.len().to_string();
        assert_eq!(head.header("content-length"), Some(length.as_str()));
    }
    let token = format!("Bearer {TOKEN}");
    let part = server.get_with(url, &[("authorization", &token), ("range", "bytes=3-7")]);
    assert_eq!((part.status, part.text()), (206, &whole[3..8]));
    assert_eq!(rowhook(&place, &["verify"]).code, 0);
}
