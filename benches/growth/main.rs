//! Whether anything grows with the size of the day: what an event costs, how long it waits, what is remembered, how long a start
//! takes.
//!
//! `cargo bench --bench growth` takes some minutes and 10 GB of disk; `-- --events 300000` makes it short, `--only day,starts`
//! measures a part of it. It starts the real server on directories of its own under `target/tmp` (or `--dir`) and posts
//! Lessonly's events to it from this process, which shares the machine with it. What is compared comes from one run, because
//! the machine may be slower tomorrow. Traffic stays on 127.0.0.1. It ends with 1 if an event that was acknowledged is not a
//! row, not if a limit is missed, and leaves the tables and a picture in `benches/results` (or `--results`).

mod arrival;
mod columns;
mod day;
#[path = "../load/mod.rs"]
mod load;
mod picture;
mod place;
mod results;
mod starts;

use clap::{Parser, ValueEnum};
use load::bounds::Bounds;
use load::start::{Where, bench};
use results::Results;
use std::error::Error;
use std::fs;
use std::process::ExitCode;

/// Posts the events of a large day and compares its end with its beginning.
#[derive(Parser)]
struct Options {
    /// Events of the day; what else is measured takes fewer.
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Connections that post, each one event at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Memory for this process and the servers, with what the system keeps of their files: as a small server has.
    #[arg(long, default_value_t = 2 << 30)]
    memory: u64,
    /// How many ids are remembered; as installed by default.
    #[arg(long, default_value_t = 2_000_000)]
    ids_max: u64,
    /// Only these.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "day,starts,columns,arrival"
    )]
    only: Vec<Topic>,
    #[command(flatten)]
    places: Where,
}

/// What may grow.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// What an event costs, over the day.
    Day,
    /// How long a start takes after that day.
    Starts,
    /// What an event costs in a table of many columns.
    Columns,
    /// How long an event waits while a large table gets a column.
    Arrival,
}

fn main() -> ExitCode {
    bench("growth", || run(&Options::parse()))
}

/// Measures what is asked for, prints and leaves the results, and returns what is wrong with them.
fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let bounds = Bounds::of(options.memory).inspect_err(|error| {
        eprintln!("the memory is not bounded ({error}): on a virtual machine an event may then cost more, the more came before");
    });
    let mut results = Results::new(bounds.is_ok());
    let wanted = |topic| options.only.contains(&topic);
    if wanted(Topic::Day) || wanted(Topic::Starts) {
        let (place, server) = day::run(options, &mut results)?;
        if wanted(Topic::Starts) {
            starts::after_that_day(options, &place, server, &mut results)?;
            starts::on_nothing(options, &mut results)?;
        } else {
            server.kill()?;
        }
        place.close()?;
    }
    if wanted(Topic::Columns) {
        columns::run(options, &mut results)?;
    }
    if wanted(Topic::Arrival) {
        arrival::at_leisure(options, &mut results)?;
        arrival::under_load(options, &mut results)?;
    }
    let text = results.text(options)?;
    println!("{text}");
    fs::create_dir_all(&options.places.results)?;
    fs::write(options.places.results.join("growth.md"), text)?;
    if wanted(Topic::Day) {
        let picture = picture::of(results.points());
        fs::write(options.places.results.join("growth.svg"), picture)?;
    }
    Ok(results.into_complaints())
}
