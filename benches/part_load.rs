//! How long an answer takes that means stored, where the server has time: in syncs of the same disk.
//!
//! `cargo bench --bench part_load` writes and syncs a file as the journal does, alone, and then posts to the real server on a
//! directory beside it: over one connection; as fast as it goes over 64; and over as few as are half as fast. What is compared comes from
//! the same round. Traffic stays on 127.0.0.1. It ends with 1 if an event that was acknowledged is not a row, not if a limit
//! is missed, and leaves its table in `benches/results` (or `--results`).

mod load;

use clap::Parser;
use load::event;
use load::generator::{self, Histogram, Plan};
use load::link::Link;
use load::machine::{self, median};
use load::process::{self, Server};
use load::round::{TOKEN, caught_up};
use load::start::{Where, bench, float};
use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{self, Path};
use std::process::ExitCode;
use std::time::Instant;

const CONNECTIONS: usize = 64;
/// What a batch of one event has in the journal.
const RECORD_BYTES: usize = 650;
const ALONE: u64 = 3_000;
const FAST: u64 = 200_000;
const PART: u64 = 60_000;

/// Measures how long answers take at part load.
#[derive(Parser)]
struct Options {
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    #[command(flatten)]
    places: Where,
}

fn main() -> ExitCode {
    bench("part_load", || run(&Options::parse()))
}

/// What a round gave, in microseconds and events a second.
#[derive(Default)]
struct Round {
    sync: (f64, f64),
    alone: (f64, f64),
    rate: f64,
    half_rate: f64,
    connections: f64,
    half: (f64, f64),
}

fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let (mut rounds, mut complaints) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let (round, complaint) = measure(options)?;
        complaints.extend(complaint);
        rounds.push(round);
    }
    let text = text(&rounds)?;
    println!("{text}");
    std::fs::create_dir_all(&options.places.results)?;
    std::fs::write(options.places.results.join("part_load.md"), text)?;
    Ok(complaints)
}

fn measure(options: &Options) -> Result<(Round, Option<String>), Box<dyn Error>> {
    let dir = tempfile::Builder::new()
        .prefix("part-load-")
        .tempdir_in(path::absolute(&options.places.dir)?)?;
    let mut round = Round {
        sync: middle(&syncs(&dir.path().join("probe"))?),
        ..Round::default()
    };
    let mut command = process::command(&path::absolute(&options.places.program)?);
    command.env("ROWHOOK_TOKEN", TOKEN).current_dir(dir.path());
    let output = dir.path().join("output");
    let server = Server::start(command, &output, &dir.path().join("server.log"))?;

    let mut alone = Histogram::default();
    let (mut link, mut body) = (Link::open(server.addr())?, Vec::new());
    for index in 0..ALONE {
        body.clear();
        event::lessonly(1_000_000_000 + index, &mut body);
        let began = Instant::now();
        if link.post(&body)? != 200 {
            return Err("a delivery was not stored".into());
        }
        alone.record(began.elapsed().as_micros());
    }
    round.alone = middle(&alone);

    let fast = |index, body: &mut Vec<u8>| event::lessonly(2_000_000_000 + index, body);
    let report = generator::run(&Plan {
        connections: CONNECTIONS,
        ..Plan::new(server.addr(), FAST, &fast)
    });
    round.rate = report.events_per_second();
    // Of so few connections that they wait for each other's answers half as fast.
    let (mut sent, mut nearest) = (FAST, f64::INFINITY);
    for connections in 2..=12 {
        let part = |index, body: &mut Vec<u8>| event::lessonly(3_000_000_000 + sent + index, body);
        let report = generator::run(&Plan {
            connections,
            ..Plan::new(server.addr(), PART, &part)
        });
        sent += PART;
        let rate = report.events_per_second();
        let distance = (rate - round.rate / 2.0).abs();
        if distance < nearest {
            nearest = distance;
            (round.half_rate, round.connections) = (rate, float(connections as u64));
            round.half = middle(&report.latency);
        }
    }

    let all = ALONE + sent;
    let rows = caught_up(&server)?.count_records()?;
    let wrong = (rows != all).then(|| format!("{rows} rows for {all} acknowledged events"));
    server.kill()?;
    dir.close()?;
    Ok((round, wrong))
}

/// A write and a sync at a time, into room that is there.
fn syncs(path: &Path) -> io::Result<Histogram> {
    let file = File::create_new(path)?;
    let record = [b'x'; RECORD_BYTES];
    let room = vec![b' '; RECORD_BYTES * usize::try_from(ALONE).unwrap_or(0)];
    file.write_all_at(&room, 0)?;
    file.sync_all()?;
    let mut times = Histogram::default();
    for nth in 0..ALONE {
        let began = Instant::now();
        file.write_all_at(&record, nth * RECORD_BYTES as u64)?;
        file.sync_data()?;
        times.record(began.elapsed().as_micros());
    }
    Ok(times)
}

/// The median and the 99th percentile.
fn middle(times: &Histogram) -> (f64, f64) {
    (
        f64::from(times.quantile(500)),
        f64::from(times.quantile(990)),
    )
}

fn text(rounds: &[Round]) -> io::Result<String> {
    let of = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    let mut text = format!(
        "# How long a 200 takes where the server has time\n\n{}. {} bytes an event, the median of {} rounds; a sync is a write of \
         {RECORD_BYTES} bytes and an fdatasync by nobody else, in the same round.\n\n\
         | what | events/s | p50 µs | p99 µs | p50 in syncs | p99 in syncs |\n| :-- | --: | --: | --: | --: | --: |\n",
        machine::describe()?,
        event::BYTES,
        rounds.len(),
    );
    let (p50, p99) = (of(|r| r.sync.0), of(|r| r.sync.1));
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "| a sync | {:.0} | {p50:.0} | {p99:.0} | 1 | 1 |",
        1e6 / p50
    );
    let mut line = |what: &str, rate: f64, at: [f64; 4]| {
        let _ = writeln!(
            text,
            "| {what} | {rate:.0} | {:.0} | {:.0} | {:.2} | {:.2} |",
            at[0], at[1], at[2], at[3]
        );
    };
    line(
        "one connection",
        of(|r| 1e6 / r.alone.0),
        [
            of(|r| r.alone.0),
            of(|r| r.alone.1),
            of(|r| r.alone.0 / r.sync.0),
            of(|r| r.alone.1 / r.sync.1),
        ],
    );
    line(
        &format!(
            "{:.0} connections, about half of what it can",
            of(|r| r.connections)
        ),
        of(|r| r.half_rate),
        [
            of(|r| r.half.0),
            of(|r| r.half.1),
            of(|r| r.half.0 / r.sync.0),
            of(|r| r.half.1 / r.sync.1),
        ],
    );
    let _ = writeln!(
        text,
        "\nWhat it can, over {CONNECTIONS} connections: {:.0} events/s, of which these were {:.2}.",
        of(|r| r.rate),
        of(|r| r.half_rate / r.rate)
    );
    Ok(text)
}
