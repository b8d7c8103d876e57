//! A million events through the real server: how fast, at what cost, and whether every one is in the CSV.
//!
//! `cargo bench --bench million` runs it; `-- --events 20000` after that makes it short. It starts the server on a directory of
//! its own under `target/tmp` (or `--dir`: a disk, if syncs are to cost what they cost), posts Lessonly's events to it from this
//! process, and so shares the machine with it. Traffic stays on 127.0.0.1. It ends with 1 if a row is missing or too many.

mod load;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::{self, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread::available_parallelism;

use clap::Parser;
use rowhook::cli::Args;
use rowhook::config;
use rowhook::disk::{RealDisk, SharedDisk};
use rowhook::serve::{self, Parts};

use load::process;
use load::round::{self, Round};
use load::start::bench;
use load::table::Table;
use load::unsynced::UnsyncedJournal;

/// The hidden first argument with which the benchmark starts itself as a server.
const SERVE_VARIANT: &str = "--serve-variant";

/// A server to measure. In every round each has its turn.
struct Variant {
    name: &'static str,
    program: Program,
    args: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    /// Whether it makes tables.
    tables: bool,
}

enum Program {
    /// The binary of this crate, or the one named with `--program`.
    Rowhook,
    /// This benchmark, in [`serve_variant`].
    Myself,
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "rowhook",
        program: Program::Rowhook,
        args: &[],
        env: &[],
        tables: true,
    },
    Variant {
        name: "no sync",
        program: Program::Myself,
        args: &[],
        env: &[],
        tables: true,
    },
    Variant {
        name: "no tables",
        program: Program::Myself,
        args: &[],
        env: &[],
        tables: false,
    },
    Variant {
        name: "neither",
        program: Program::Myself,
        args: &[],
        env: &[],
        tables: false,
    },
];

/// Serves as the variant `name`, in a process of its own, until SIGTERM: rowhook from the library, without the journal's
/// syncs, without tables, or without both. `args` are `--listen 127.0.0.1:0 --output DIR`.
fn serve_variant(name: &str, args: &[OsString]) -> ExitCode {
    let syncs = matches!(name, "no tables");
    let tables = matches!(name, "no sync");
    let disk: SharedDisk = if syncs {
        Arc::new(RealDisk)
    } else {
        Arc::new(UnsyncedJournal)
    };
    let args =
        Args::parse_from(std::iter::once(OsString::from("rowhook")).chain(args.iter().cloned()));
    let served = config::load(&args.overrides(), &|name| env::var_os(name))
        .map_err(|error| error.to_string())
        .and_then(|settings| {
            let signals = serve::signals().map_err(|error| error.to_string())?;
            let run = serve::run(
                settings,
                Parts {
                    disk,
                    tables,
                    ..Parts::real()
                },
                signals,
            );
            actix_web::rt::System::new()
                .block_on(run)
                .map_err(|error| error.to_string())
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Posts events to rowhook and measures it.
#[derive(Parser)]
struct Options {
    /// Events a round.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Connections that post, each one event at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rounds; more than one shows the median, the least and the greatest.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Where the directories of the servers are made.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Another build of rowhook.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_rowhook"))]
    program: PathBuf,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    if let [_, first, name, rest @ ..] = &args[..]
        && first == SERVE_VARIANT
    {
        return serve_variant(&name.to_string_lossy(), rest);
    }
    bench("million", || run(&Options::parse()))
}

/// Runs all rounds, prints the table, and returns what is wrong with it.
fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let mut table = Table::new(VARIANTS.iter().map(|variant| variant.name.to_owned()));
    for number in 1..=options.rounds {
        for (column, variant) in VARIANTS.iter().enumerate() {
            eprintln!("round {number} of {}: {}", options.rounds, variant.name);
            let dir = tempfile::Builder::new()
                .prefix("million-")
                .tempdir_in(path::absolute(&options.dir)?)?;
            let round = Round {
                command: &|| command(variant, options),
                dir: dir.path(),
                events: options.events,
                connections: options.connections,
                tables: variant.tables,
            };
            table.add(
                column,
                round::measure(&round).map_err(|error| format!("{}: {error}", variant.name))?,
            );
            dir.close()?;
        }
    }
    println!(
        "{} events of {} bytes, {} connections, {} cores shared with the generator, {}\n\n{table}",
        options.events,
        load::event::BYTES,
        options.connections,
        available_parallelism()?,
        options.dir.display(),
    );
    Ok(table.complaints())
}

fn command(variant: &Variant, options: &Options) -> io::Result<Command> {
    let mut command = match variant.program {
        Program::Rowhook => process::command(&path::absolute(&options.program)?),
        Program::Myself => {
            let mut command = process::command(&env::current_exe()?);
            command.arg(SERVE_VARIANT).arg(variant.name);
            command
        }
    };
    command.args(variant.args).envs(variant.env.iter().copied());
    Ok(command)
}
