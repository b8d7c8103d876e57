//! One kind of system call fails, on one kind of file: each with each, once
//! and as long as it lasts. Writes and syncs of what is acknowledged must be
//! answered 503; of all else deliveries must know nothing.

use crate::after::{all_is_there, deliver, plain};
use crate::audit::segments;
use crate::flood::{Connection, Flood, Ledger, Load};
use crate::server::{Place, Server, TOKEN};
use crate::tools::Strace;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Whose files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Files {
    Journal,
    Tables,
    State,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    files: Files,
    calls: &'static str,
    error: &'static str,
    /// Which of the calls: `1`, all with `1+`, or every third, so that also what mends it fails in the middle.
    when: &'static str,
}

/// The calls, as strace names them. Folders are synced with fsync, files with fdatasync.
const CALLS: [&str; 6] = [
    "write,pwrite64",
    "fdatasync",
    "fsync",
    "/^rename",
    "openat",
    "pread64",
];

/// The files, there or yet to come, by all names that they have on the way.
fn paths(place: &Place, files: Files, day: &str) -> Vec<String> {
    let names: &[&str] = match files {
        Files::Journal => &[
            "journal",
            "journal/.probe",
            "journal/DAY.jsonl",
            "journal/DAY.2.jsonl",
            "journal/DAY.3.jsonl",
            "journal/DAY.4.jsonl",
            "journal/.DAY.jsonl.new",
            "journal/.DAY.2.jsonl.new",
            "journal/.DAY.3.jsonl.new",
            "journal/.DAY.4.jsonl.new",
        ],
        Files::Tables => &[
            "csv/lessonly",
            "csv/lessonly/DAY.csv",
            "csv/lessonly/.DAY.csv.new",
            "csv/lessonly/.DAY.csv.wider",
        ],
        Files::State => &[
            "state",
            "state/journal.json",
            "state/.journal.json.new",
            "state/tables.json",
            "state/.tables.json.new",
            "state/seen",
            "state/seen/00000001.ids",
            "state/seen/00000002.ids",
            "state/seen/00000003.ids",
            "state/tables/lessonly",
            "state/tables/lessonly/DAY.json",
            "state/tables/lessonly/.DAY.json.new",
        ],
    };
    let path = |name: &&str| place.output().join(name.replace("DAY", day));
    let text = |path: std::path::PathBuf| path.to_str().expect("a text").to_owned();
    names.iter().map(path).map(text).collect()
}

fn day_of(segment: &Path) -> String {
    let name = segment.file_name().expect("a name").to_string_lossy();
    name.split('.').next().expect("a day").to_owned()
}

/// What a download of today's table comes to. One whose reading fails on the way ends before the length that it told.
fn download(server: &Server) -> String {
    let addr = server.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(addr).expect("a connection");
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a timeout");
    let request = format!(
        "GET /exports/lessonly/today.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        assert!(text.is_empty(), "{text}");
        return "cut off before its head".into();
    };
    let status = head.split(' ').nth(1).expect("a status").to_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if ended.is_ok() && length == Some(body.len()) {
        return status;
    }
    assert!(length.is_some_and(|length| body.len() < length), "{head}");
    format!("{status} cut off")
}

impl Cell {
    fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for files in [Files::State, Files::Tables, Files::Journal] {
            for calls in CALLS {
                // State is read at the start only.
                if (files, calls) == (Files::State, "pread64") {
                    continue;
                }
                for error in ["EIO", "ENOSPC"] {
                    for when in ["1", "1+", "2+3"] {
                        cells.push(Self {
                            files,
                            calls,
                            error,
                            when,
                        });
                    }
                }
            }
        }
        cells
    }

    fn inject(&self) -> Vec<String> {
        let Self {
            calls, error, when, ..
        } = self;
        let mut args = vec![
            "-e".to_owned(),
            format!("inject={calls}:error={error}:when={when}"),
        ];
        let mut traced = (*calls).to_owned();
        // The journal opens files, names them and syncs its folder only for a new segment: for that a sync must fail, and with
        // every third call failing more than one.
        if self.files == Files::Journal && matches!(*calls, "openat" | "fsync" | "/^rename") {
            let syncs = if *when == "2+3" { "1+5" } else { "1" };
            args.extend([
                "-e".to_owned(),
                format!("inject=fdatasync:error=EIO:when={syncs}"),
            ]);
            traced += ",fdatasync";
        }
        args.extend(["-e".into(), format!("trace={traced}")]);
        args
    }

    /// Lets it fail, and returns a line that tells what was answered.
    fn run(&self) -> String {
        let place = Place::new();
        let server = place.start();
        let ledger = Arc::new(Ledger::default());
        deliver(&server, &ledger, (0..3).map(plain));
        let today = "/exports/lessonly/today.csv";
        assert_eq!(server.get(today).status, 200);
        let day = day_of(&segments(&place)[0].0);
        let paths = paths(&place, self.files, &day);
        let mut args: Vec<String> = vec!["-y".into()];
        for path in paths {
            args.extend(["-P".into(), path]);
        }
        args.extend(self.inject());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let strace = Strace::attach(server.pid(), place.path(), &args);

        let before = ledger.acknowledged().len();
        // Two of its connections bring columns, with their eighth and thirteenth event.
        let load = Load {
            events_max: 40,
            pause: Duration::from_millis(15),
            ..Load::new(0, 4)
        };
        let flood = Flood::start(&server.url, load, &ledger);
        // Long enough for every kind of checkpoint to be due, where it is checkpoints that fail.
        let seconds = if self.files == Files::State {
            5_600
        } else {
            700
        };
        thread::sleep(Duration::from_millis(seconds));
        let ready = server.get("/readyz").status;
        let download = download(&server);
        flood.join();
        let seen = strace.finish();
        let injected = seen.lines().filter(|line| line.contains("INJECTED"));
        let name = self.calls.rsplit([',', '^']).next().expect("a name");
        let name = format!(" {name}");
        let injected = injected.filter(|line| line.contains(&name)).count();
        let refused = ledger.refused.load(Ordering::Relaxed);
        let taken = ledger.acknowledged().len() - before;
        let strange = ledger.strange();
        let line = format!(
            "{:<8}{:<15}{:<7}{:<6}{injected:>6} failed; deliveries {taken:>3} x 200, {refused:>3} x 503; readyz {ready}; download {download}",
            format!("{:?}", self.files),
            self.calls,
            self.error,
            match self.when {
                "1" => "once",
                "1+" => "all",
                _ => "third",
            },
        );
        println!("{line}");
        assert!(injected > 0, "nothing failed: {seen}");
        assert_eq!(strange, Vec::<String>::new());
        if self.files != Files::Journal || self.calls == "pread64" {
            assert_eq!(
                refused, 0,
                "only what writes to the journal decides about deliveries"
            );
            assert_eq!(ready, 200);
        } else if self.when == "1+" {
            assert!(refused > 0, "it was not synced, and answered all the same");
            assert_eq!(ready, 503);
        }
        drop(all_is_there(&place, server, &ledger, || place.start()));
        let rows = ledger.acknowledged().len();
        let found = segments(&place).len();
        format!("{line}; then {found} segments, all {rows} there")
    }
}

impl Cell {
    /// Kills a server under load, and starts another one that cannot do what it should. It may end with a reason, or go on as
    /// far as it can; but it may not take for lost, cut or edited what it only cannot read or write now.
    fn start(&self) -> String {
        let place = Place::new();
        let mut server = place.start();
        let ledger = Arc::new(Ledger::default());
        deliver(&server, &ledger, (0..3).map(plain));
        let flood = Flood::start(&server.url, Load::new(0, 4), &ledger);
        thread::sleep(Duration::from_millis(200));
        server.kill();
        flood.join();
        let day = day_of(&segments(&place)[0].0);
        let seen = place.path().join("strace-start.txt");
        // As a grandchild, so that the process that is started here is the server.
        let mut args: Vec<String> = ["strace", "-D", "-f", "-y", "-o"].map(str::to_owned).into();
        args.push(seen.to_str().expect("a text").to_owned());
        for path in paths(&place, self.files, &day) {
            args.extend(["-P".into(), path]);
        }
        let Self {
            calls, error, when, ..
        } = self;
        args.extend(["-e".into(), format!("trace={calls}")]);
        let inject = format!("inject={calls}:error={error}:when={when}");
        args.extend(["-e".into(), inject]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let outcome = match Server::try_start(place.wrapped(&args)) {
            Ok(mut server) => {
                let mut link = Connection::open(&server.url).expect("a connection");
                let event = plain(3);
                let delivery = link.post(&event.body()).expect("an answer").status;
                match delivery {
                    200 => ledger.acknowledged().push(event),
                    503 => ledger.open().push(event),
                    _ => panic!("{delivery}"),
                }
                let today = download(&server);
                server.kill();
                format!("listens; delivery {delivery}, download {today}")
            }
            Err((status, said)) => {
                let last = said.lines().last().unwrap_or_default();
                assert_eq!(status.code(), Some(1), "{said}");
                assert!(last.starts_with("error: "), "{said}");
                assert!(!last.contains("may be lost"), "{last}");
                let place = place.path().to_str().expect("a text");
                format!("ends with 1: {}", last.replace(place, ""))
            }
        };
        let seen = std::fs::read_to_string(seen).expect("what strace saw");
        let injected = seen.lines().filter(|l| l.contains("INJECTED")).count();
        let line = format!(
            "{:<8}{:<15}{:<7}{:<6}{injected:>3} failed; {outcome}",
            format!("{:?}", self.files),
            self.calls,
            self.error,
            self.when,
        );
        println!("{line}");
        drop(all_is_there(&place, place.start(), &ledger, || {
            place.start()
        }));
        let rows = ledger.acknowledged().len();
        let never = if injected == 0 { " (never called)" } else { "" };
        format!("{line}; then all {rows} there{never}")
    }
}

/// Runs all cells, eight at a time: most of the time is waiting. Gives a line for each.
fn run_all(
    cells: &[Cell],
    run: impl Fn(&Cell) -> String + Sync + std::panic::RefUnwindSafe,
) -> String {
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(vec![String::new(); cells.len()]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = cells.get(nth) else {
                        return;
                    };
                    // One that fails must not hide what the others show.
                    let line = std::panic::catch_unwind(|| run(cell));
                    let line = line.unwrap_or_else(|_| format!("{cell:?} FAILED, as told above"));
                    lines.lock().expect("lines")[nth] = line;
                }
            });
        }
    });
    let lines = lines.into_inner().expect("lines").join("\n");
    println!("{lines}");
    assert!(!lines.contains("FAILED"), "some cells failed");
    lines
}

#[test]
fn each_call_fails_on_each_kind_of_file() {
    run_all(&Cell::all(), Cell::run);
}

#[test]
fn each_call_fails_on_each_kind_of_file_at_the_start() {
    let mut cells = Vec::new();
    for files in [Files::State, Files::Tables, Files::Journal] {
        for calls in CALLS {
            for (error, when) in [("EIO", "1"), ("EIO", "1+"), ("ENOSPC", "1")] {
                cells.push(Cell {
                    files,
                    calls,
                    error,
                    when,
                });
            }
        }
    }
    let lines = run_all(&cells, Cell::start);
    let never = lines.lines().filter(|l| l.contains("never called")).count();
    // A start need not rename or sync any table; what it does depends on where the kill came.
    println!("{never} of {} cells had nothing to fail", cells.len());
    assert!(never < cells.len() / 2, "hardly anything failed");
}
