//! How fast a 200 that means "on disk" can be, beside a server that stores nothing and one that promises nothing.
//!
//! `cargo bench --bench end_to_end` starts, in turn and each on a directory of its own: the ceiling (a bare actix that reads the
//! body and answers), the afternoon program (a tree of values, a CSV line, a flush), rowhook with everything on, and Fluent Bit
//! and Vector where they are found. Each gets the same events, no two alike, from this process, which shares the machine with
//! it. Ratios are taken within a round, so that a machine that is slower for a while is so for all. Traffic stays on 127.0.0.1.
//! It ends with 1 if an event that was acknowledged is not a row, and leaves the table and a picture in `benches/results` (or
//! `--results`).

#[path = "../load/mod.rs"]
mod load;
mod picture;
mod results;
mod servers;
mod turn;

use clap::Parser;
use load::start::{Where, bench};
use results::Results;
use servers::Kind;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use turn::Turn;

/// Posts events to all servers in turn and compares them.
#[derive(Parser)]
struct Options {
    /// Events a turn with 64 connections and more; fewer connections get fewer.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Connections that post, each one event at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    connections: Vec<usize>,
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Names of the servers that get turns; all that are here when none is given. Without the ceiling there are no ratios.
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    #[command(flatten)]
    places: Where,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    if let [_, first, name, rest @ ..] = &args[..]
        && first == servers::AS_SERVER
    {
        return servers::serve(&name.to_string_lossy(), rest);
    }
    bench("end_to_end", || run(&Options::parse()))
}

/// Runs all rounds, prints and leaves the results, and returns what is wrong with them.
fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let mut kinds = Kind::found();
    let names = &options.servers;
    if let Some(unknown) = names.iter().find(|n| kinds.iter().all(|k| k.name() != **n)) {
        let here: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        return Err(format!(
            "no server {unknown:?} is here; there are {}",
            here.join(", ")
        )
        .into());
    }
    kinds.retain(|kind| names.is_empty() || names.iter().any(|name| name == kind.name()));
    let mut results = Results::new(&options.connections, &kinds);
    for round in 1..=options.rounds {
        for &connections in &options.connections {
            for &kind in &kinds {
                let name = kind.name();
                eprintln!(
                    "round {round} of {}, {connections} connections: {name}",
                    options.rounds
                );
                let turn = Turn {
                    kind,
                    program: &options.places.program,
                    dir: &options.places.dir,
                    connections,
                    events: events(options.events, connections),
                };
                let measured = turn.run().map_err(|error| format!("{name}: {error}"))?;
                results.add(connections, kind, measured);
            }
        }
    }
    let text = results.text(options.events, options.rounds)?;
    println!("{text}");
    std::fs::create_dir_all(&options.places.results)?;
    std::fs::write(options.places.results.join("end_to_end.md"), text)?;
    std::fs::write(
        options.places.results.join("end_to_end.svg"),
        picture::of(&results),
    )?;
    Ok(results.complaints())
}

/// So many that a turn takes seconds, not minutes: one connection waits for each answer.
fn events(events: u64, connections: usize) -> u64 {
    let connections = u64::try_from(connections).unwrap_or(u64::MAX);
    (events * connections.min(64) / 64).clamp(events.min(5_000), events)
}
