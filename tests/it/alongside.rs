//! `import` beside a server that runs: cut off, waiting, stopped.

use crate::commands::{command, file, import, import_again, only_file, rowhook, rows, said};
use crate::server::Place;
use rowhook::config::{self, Overrides};
use rowhook::serve::Parts;
use rowhook::serve::open::Opened;
use rowhook::serve::socket::{self, Patience};
use rustix::process::Signal;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
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

/// Nine sources in this process, whose commands are waited for no longer than `patience`.
fn impatient(place: &Place, patience: Patience) -> Opened {
    let sources = [1, 2, 3, 4, 5, 6, 7, 8, 9]
        .map(|n| format!("[sources.s{n}]\n"))
        .concat();
    let overrides = Overrides {
        config: Some(place.config(&sources)),
        listen: None,
        output: Some(place.output()),
    };
    let settings = config::load_without_secrets(&overrides, &|_| None).expect("settings");
    let opened = Opened::new(settings, Parts::real()).expect("an output directory");
    socket::listen(opened.engine.clone(), patience).expect("a socket");
    opened
}

const BUSY: &str =
    "error: 8 commands are under way already; run the same command again in a moment\n";

/// How long it takes until another command is served.
#[track_caller]
fn until_served(place: &Place) -> Duration {
    let started = Instant::now();
    loop {
        let said = rowhook(place, &["rebuild"]);
        if said.code == 0 {
            return started.elapsed();
        }
        assert_eq!(said.err, BUSY);
        assert!(started.elapsed() < Duration::from_secs(20), "locked out");
    }
}

/// An import that has nothing to hand over yet keeps its place; one that was stopped does not keep it from others.
#[test]
fn a_command_that_was_stopped_locks_nobody_out() {
    let place = Place::new();
    let silent = Duration::from_secs(1);
    let opened = impatient(
        &place,
        Patience {
            silent,
            ..Patience::default()
        },
    );
    let mut waiting: Vec<_> = (1..=8)
        .map(|n| {
            command(&place, &["import", "--source", &format!("s{n}"), "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program")
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(20);
    while opened.engine.imports.lock().expect("imports").len() < 8 {
        assert!(Instant::now() < until, "they did not begin");
    }
    std::thread::sleep(silent * 3);
    assert_eq!(rowhook(&place, &["rebuild"]).err, BUSY, "they are there");
    let signal = |child: &Child, signal| {
        let pid = i32::try_from(child.id()).expect("an id");
        let pid = rustix::process::Pid::from_raw(pid).expect("an id");
        rustix::process::kill_process(pid, signal).expect("a process to signal");
    };
    let alive = waiting.pop().expect("eight");
    for child in &waiting {
        signal(child, Signal::STOP);
    }
    let took = until_served(&place);
    assert!(took < silent * 5, "{took:?}");
    while opened.engine.imports.lock().expect("imports").len() > 1 {
        assert!(Instant::now() < until, "they are waited for");
    }
    for child in &waiting {
        signal(child, Signal::CONT);
    }
    let told = |mut child: Child| {
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(b"{\"n\":1}\n").expect("it reads");
        drop(pipe);
        said(&child.wait_with_output().expect("its end"))
    };
    for child in waiting {
        let said = told(child);
        let why = "error: nothing was heard of this command for too long; what it did is done, and it can be run again\n";
        assert_eq!((said.err.as_str(), said.code), (why, 1));
    }
    let alive = told(alive);
    let stored = "1 stored, 0 there already, 0 refused\n";
    assert_eq!(
        (alive.out.as_str(), alive.code),
        (stored, 0),
        "{}",
        alive.err
    );
    opened.close();
}

/// Whoever connects must say what it wants at once, in one line that is not too long.
#[test]
fn connections_that_say_nothing_lock_nobody_out() {
    let place = Place::new();
    let first = Duration::from_millis(700);
    let opened = impatient(
        &place,
        Patience {
            first,
            ..Patience::default()
        },
    );
    let socket = place.output().join("state/control.sock");
    let connect = || UnixStream::connect(&socket).expect("a connection");
    let answer = |stream: &UnixStream| {
        let mut text = String::new();
        BufReader::new(stream)
            .read_line(&mut text)
            .expect("an answer");
        text
    };
    let silent: Vec<UnixStream> = (0..8).map(|_| connect()).collect();
    assert_eq!(
        answer(&connect()),
        "{\"failed\":\"8 commands are under way already; run the same command again in a moment\"}\n"
    );
    // A byte now and then is no command either.
    let mut slow = silent[0].try_clone().expect("a stream");
    let trickle = std::thread::spawn(move || {
        while slow.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let took = until_served(&place);
    assert!(took < first * 5, "{took:?}");
    trickle.join().expect("its end");
    let why = "{\"failed\":\"nothing was heard of this command for too long; what it did is done, and it can be run again\"}\n";
    assert!(silent.iter().all(|stream| answer(stream) == why));
    let mut long = connect();
    long.write_all(" ".repeat(20_000).as_bytes()).expect("room");
    let why = "{\"failed\":\"it is not understood: a line of more than 16384 bytes\"}\n";
    assert_eq!(answer(&long), why);
    let mut long = connect();
    let command = format!(
        "{{\"command\":\"import\",\"release\":\"{}\",\"source\":\"s1\",\"again\":false}}\n{{\"items\":1}}\n",
        env!("CARGO_PKG_VERSION")
    );
    long.write_all(command.as_bytes()).expect("room");
    assert_eq!(
        answer(&long),
        "{\"ready\":{\"body_bytes_max\":1048576,\"record_bytes_max\":67108864,\"alive_ms\":15000}}\n"
    );
    let endless = vec![b'a'; 1 << 20];
    let sent = (0..200)
        .take_while(|_| long.write_all(&endless).is_ok())
        .count();
    assert!(sent < 100, "{sent} MiB");
    let why = "{\"failed\":\"it is not understood: a line of more than 89740632 bytes\"}\n";
    assert_eq!(answer(&long), why);
    opened.close();
}
