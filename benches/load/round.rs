//! One round: a server on an empty directory takes all events, is read, killed, started again, and read once more.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::download::{self, Download};
use super::generator::{self, Plan, Report};
use super::process::{self, Server};
use super::start::float;
use super::{event, table::Column};

/// What the server is given as its read token.
pub const TOKEN: &str = "the-read-token-of-the-load-benchmark";
const EXPORT: &str = "/exports/lessonly/today.csv";
/// How long the table may be behind the last answer.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(600);
const MB: f64 = 1e6;

/// What to measure.
pub struct Round<'a> {
    /// Makes the command that starts the server, but for `--listen` and `--output`.
    pub command: &'a dyn Fn() -> io::Result<Command>,
    /// An empty directory for all that the server writes.
    pub dir: &'a Path,
    pub events: u64,
    pub connections: usize,
    /// Whether this server makes tables, so that there is something to download.
    pub tables: bool,
}

/// Runs a round; what is wrong with its results is told in the column's complaints.
///
/// # Errors
///
/// When the server cannot be started, read or stopped: then there is nothing to tell.
pub fn measure(round: &Round<'_>) -> Result<Column, Box<dyn Error>> {
    let mut column = Column::default();
    let day = utc_day();
    let server = round.start()?;

    let own_before = process::usage("self")?.cpu_seconds;
    let before = server.usage()?.cpu_seconds;
    let plan = Plan {
        connections: round.connections,
        timeout: Duration::from_secs(60 + round.events / 1000),
        ..Plan::new(server.addr(), round.events, &event::lessonly)
    };
    let report = generator::run(&plan);
    let answered = server.usage()?.cpu_seconds;
    let own = process::usage("self")?.cpu_seconds - own_before;
    round.tell_answers(&report, &mut column);
    column.add(
        "server CPU until answered, µs an event",
        2,
        round.micros_an_event(answered - before),
    );
    column.add("generator CPU, µs an event", 2, round.micros_an_event(own));

    if round.tables {
        let download = caught_up(&server)?;
        column.add(
            "CSV complete after the last answer, s",
            3,
            report.ended.elapsed().as_secs_f64(),
        );
        let cpu = server.usage()?.cpu_seconds - before;
        column.add(
            "server CPU until in the CSV, µs an event",
            2,
            round.micros_an_event(cpu),
        );
        round.check_records(download, day, &mut column)?;
    }
    let usage = server.usage()?;
    column.add("RSS at the end, MB", 1, float(usage.rss_bytes) / MB);
    column.add("RSS peak, MB", 1, float(usage.rss_peak_bytes) / MB);
    column.add(
        "journal, MB",
        1,
        float(bytes_in(&round.dir.join("output/journal"))) / MB,
    );
    column.add(
        "CSV, MB",
        1,
        float(bytes_in(&round.dir.join("output/csv"))) / MB,
    );

    // Killed before it is ever stopped in order, so that it has something to recover.
    server.kill()?;
    let server = round.start()?;
    column.add(
        "start after SIGKILL, s",
        3,
        server.ready_after().as_secs_f64(),
    );
    let asked = Instant::now();
    let status = server.terminate()?;
    column.add("stop with SIGTERM, s", 3, asked.elapsed().as_secs_f64());
    if !status.success() {
        column.complain(format!("after SIGTERM the server ended with {status}"));
    }
    let server = round.start()?;
    column.add(
        "start after SIGTERM, s",
        3,
        server.ready_after().as_secs_f64(),
    );

    if round.tables {
        round.check_records(caught_up(&server)?, day, &mut column)?;
        let asked = Instant::now();
        let download = download::get(server.addr(), EXPORT, TOKEN)?;
        let length = download.discard()?;
        let seconds = asked.elapsed().as_secs_f64();
        column.add("download, s", 3, seconds);
        column.add("download, MB/s", 0, float(length) / MB / seconds);
    }
    server.terminate()?;
    Ok(column)
}

impl Round<'_> {
    fn start(&self) -> Result<Server, Box<dyn Error>> {
        let mut command = (self.command)()?;
        command.env("ROWHOOK_TOKEN", TOKEN).current_dir(self.dir);
        Ok(Server::start(
            command,
            &self.dir.join("output"),
            &self.dir.join("server.log"),
        )?)
    }

    fn tell_answers(&self, report: &Report, column: &mut Column) {
        column.add("events a second", 0, report.events_per_second());
        column.add(
            "latency p50, µs",
            0,
            f64::from(report.latency.quantile(500)),
        );
        column.add(
            "latency p99, µs",
            0,
            f64::from(report.latency.quantile(990)),
        );
        column.add(
            "latency p99.9, µs",
            0,
            f64::from(report.latency.quantile(999)),
        );
        column.add("latency max, µs", 0, f64::from(report.latency.max()));
        let busy = report.answered.get(&503).copied().unwrap_or(0);
        column.add("answers 503, sent again", 0, float(busy));
        if report.accepted() != self.events || report.errors > 0 {
            let first = report
                .first_error
                .as_deref()
                .map_or(String::new(), |error| format!(" ({error})"));
            column.complain(format!(
                "of {} events {} were accepted; answers {:?}, {} errors{first}, {} unanswered{}",
                self.events,
                report.accepted(),
                report.answered,
                report.errors,
                report.unanswered,
                if report.timed_out { ", timed out" } else { "" },
            ));
        }
    }

    fn check_records(
        &self,
        download: Download,
        day: u64,
        column: &mut Column,
    ) -> Result<(), Box<dyn Error>> {
        let records = download.count_records()?;
        if records != self.events {
            let midnight = if utc_day() == day {
                ""
            } else {
                " (midnight, UTC, came in between: run again)"
            };
            column.complain(format!(
                "the CSV has {records} records for {} events{midnight}",
                self.events
            ));
        }
        Ok(())
    }

    fn micros_an_event(&self, seconds: f64) -> f64 {
        seconds * 1e6 / float(self.events.max(1))
    }
}

/// The download that holds every row, as soon as the server gives it.
pub fn caught_up(server: &Server) -> Result<Download, Box<dyn Error>> {
    let deadline = Instant::now() + CATCH_UP_TIMEOUT;
    loop {
        let download = download::get(server.addr(), EXPORT, TOKEN)?;
        match download.status {
            200 => return Ok(download),
            503 if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            status => return Err(format!("GET {EXPORT} was answered {status}").into()),
        }
    }
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            entry.metadata().map_or(0, |entry_is| {
                if entry_is.is_dir() {
                    bytes_in(&entry.path())
                } else {
                    entry_is.len()
                }
            })
        })
        .sum()
}

fn utc_day() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs() / 86_400)
}
