//! `import` beside a server that runs: cut off, waiting, stopped.

use crate::commands::{command, file, import, import_again, only_file, rowhook, rows, said};
use crate::server::Place;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

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
    let said = import(&place, "lessonly", &[&path]);
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
    let path = only_file(&place, "journal");
    let said = import_again(&place, "lessonly", &[&path]);
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
