//! Downloads while rows and columns come: each is a table of its own moment,
//! whole, with every row acknowledged before it was asked for.

use crate::audit::{Audit, csv_files};
use crate::flood::{Event, Flood, Ledger, Load};
use crate::server::{Answer, Place};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WRITERS: usize = 8;
const READERS: usize = 2;
const ROUNDS: usize = 12;

#[test]
fn downloads_hold_every_row_acknowledged_before_them() {
    let downloads: usize =
        std::env::var("ROWHOOK_DOWNLOADS").map_or(300, |text| text.parse().expect("a number"));
    let place = Place::new();
    let server = place.start();
    let ledger = Arc::new(Ledger::default());
    let begun = Instant::now();
    let done = AtomicUsize::new(0);
    let mut slowest = Duration::ZERO;
    let mut widths = Vec::new();
    // Each round of writers brings columns of its own.
    for round in 0..ROUNDS {
        let until = downloads * (round + 1) / ROUNDS;
        let load = Load {
            pause: Duration::from_millis(2),
            ..Load::new(round, WRITERS)
        };
        let flood = Flood::start(&server.url, load, &ledger);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..READERS)
                .map(|_| {
                    scope.spawn(|| {
                        let (mut slowest, mut wide) = (Duration::ZERO, 0);
                        while done.fetch_add(1, Ordering::Relaxed) < until {
                            let (took, columns) = download(&server, &ledger);
                            slowest = slowest.max(took);
                            wide = wide.max(columns);
                        }
                        (slowest, wide)
                    })
                })
                .collect();
            for reader in readers {
                let (took, wide) = reader.join().expect("a reader");
                slowest = slowest.max(took);
                widths.push(wide);
            }
        });
        flood.stop();
        done.store(until, Ordering::Relaxed);
    }
    let audit = Audit::of(&place, &server, &ledger);
    println!(
        "{downloads} downloads in {:.1?}, the slowest {slowest:.1?}, {} to {} columns; {audit}",
        begun.elapsed(),
        widths
            .iter()
            .filter(|&&wide| wide > 0)
            .min()
            .expect("a download"),
        widths.iter().max().expect("a download"),
    );
    audit.assert_untouched();
    assert_eq!(ledger.strange(), Vec::<String>::new());
    assert_eq!(
        csv_files(&place).len(),
        1,
        "the day turned in the middle of the test"
    );
}

/// One download, held against what was acknowledged before it. How long it took, and how many columns it has.
fn download(server: &crate::server::Server, ledger: &Ledger) -> (Duration, usize) {
    let before: Vec<Event> = ledger.acknowledged().clone();
    let asked = Instant::now();
    let answer: Answer = server.get("/exports/lessonly/today.csv");
    let took = asked.elapsed();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
    let (mut audit, mut rows) = (Audit::default(), HashMap::new());
    audit.count_rows("download", &answer.body, &mut rows);
    audit.assert_whole();
    for event in before {
        assert_eq!(
            rows.get(&event),
            Some(&1),
            "{event} was acknowledged before"
        );
    }
    let header = answer.text().lines().next().expect("a header");
    (took, header.split(',').count())
}

/// What an allocator keeps for a thread is then kept once.
#[test]
fn one_thread_makes_one_download_after_the_other() {
    let place = Place::new();
    let server = place.start();
    assert_eq!(server.post("{\"user\":{\"id\":\"7\"}}").status, 200);
    let threads = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid()));
        tasks.expect("its threads").count()
    };
    let before = threads();
    for path in [
        "xlsx",
        "csv.gz",
        "jsonl",
        "csv?view=latest",
        "csv?view=matrix",
    ]
    .repeat(8)
    {
        let answer = server.get(&format!("/exports/lessonly/today.{path}"));
        assert_eq!(answer.status, 200, "{path}");
    }
    // Two, if the end of a download is seen before its thread is free again.
    let more = threads() - before;
    assert!((1..=2).contains(&more), "{more} threads");
}
