//! One kind of system call fails, on one kind of file: each with each, once
//! and as long as it lasts. Writes and syncs of what is acknowledged must be
//! answered 503; of all else deliveries must know nothing.

use crate::after::{all_is_there, deliver, plain};
use crate::audit::segments;
use crate::flood::{Flood, Ledger, Load};
use crate::server::Place;
use crate::tools::Strace;
use std::fmt::Write as _;
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

/// The calls that write anything, as strace names them. Folders are synced with fsync, files with fdatasync.
const CALLS: [&str; 5] = ["write,pwrite64", "fdatasync", "fsync", "/^rename", "openat"];

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

impl Cell {
    fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for files in [Files::State, Files::Tables, Files::Journal] {
            for calls in CALLS {
                // A segment never changes its name.
                if files == Files::Journal && calls == "/^rename" {
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
        // The journal opens files and syncs its folder only for a new segment: for that a sync must fail, and with every
        // third call failing more than one.
        if self.files == Files::Journal && matches!(*calls, "openat" | "fsync") {
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
        let download = server.get(today).status;
        flood.join();
        let seen = strace.finish();
        let injected = seen.lines().filter(|line| line.contains("INJECTED"));
        let name = self.calls.rsplit([',', '^']).next().expect("a name");
        let name = format!(" {name}");
        let injected = injected.filter(|line| line.contains(&name)).count();
        let refused = ledger.refused.load(Ordering::Relaxed);
        let taken = ledger.acknowledged().len() - before;
        let strange = ledger.strange();
        let mut line = format!(
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
        if self.files != Files::Journal {
            assert_eq!(refused, 0, "only the journal decides about deliveries");
            assert_eq!(ready, 200);
        } else if self.when == "1+" {
            assert!(refused > 0, "it was not synced, and answered all the same");
            assert_eq!(ready, 503);
        }
        drop(all_is_there(&place, server, &ledger, || place.start()));
        let rows = ledger.acknowledged().len();
        let _ = write!(
            line,
            "; then {} segments, all {rows} there",
            segments(&place).len()
        );
        line
    }
}

#[test]
fn each_call_fails_on_each_kind_of_file() {
    let cells = Cell::all();
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(vec![String::new(); cells.len()]);
    // Most of the time is waiting.
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let nth = cells.iter().position(|c| std::ptr::eq(c, cell));
                    // One that fails must not hide what the others show.
                    let line = std::panic::catch_unwind(|| cell.run());
                    let line = line.unwrap_or_else(|_| format!("{cell:?} FAILED, as told above"));
                    lines.lock().expect("lines")[nth.expect("its place")] = line;
                }
            });
        }
    });
    let lines = lines.into_inner().expect("lines").join("\n");
    println!("{lines}");
    assert!(!lines.contains("FAILED"), "some cells failed");
}
