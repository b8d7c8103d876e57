//! The program: arguments, settings, logging, signals; all else is in the
//! library.

use clap::Parser as _;
use rowhook::cli::{Args, Command};
use rowhook::config::{self, Settings};
use rowhook::disk::RealDisk;
use rowhook::serve;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// Wrong usage or configuration.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let settings = match config::load(&args.overrides(), &|name| std::env::var_os(name)) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(WRONG);
        }
    };
    match args.command() {
        Command::Check => match write!(std::io::stdout(), "{}", settings.describe()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Command::Serve => serve(settings),
    }
}

fn serve(settings: Settings) -> ExitCode {
    if let Err(why) = start_log() {
        eprintln!(
            "error: ROWHOOK_LOG: {why}\n  = help: use a level such as `info`, or `rowhook=debug`"
        );
        return ExitCode::from(WRONG);
    }
    let outcome = signals()
        .map_err(serve::ServeError::from)
        .and_then(|stops| {
            actix_web::rt::System::new().block_on(serve::run(settings, Arc::new(RealDisk), stops))
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error: for people on a terminal, as JSON lines otherwise.
fn start_log() -> Result<(), String> {
    use tracing_subscriber::{EnvFilter, fmt};
    let filter = match std::env::var("ROWHOOK_LOG") {
        Ok(text) if !text.is_empty() => {
            EnvFilter::try_new(text).map_err(|error| error.to_string())?
        }
        _ => EnvFilter::new("warn,rowhook=info"),
    };
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.with_target(false).init();
    } else {
        log.json().flatten_event(true).with_target(false).init();
    }
    Ok(())
}

/// A message for each SIGTERM and SIGINT. SIGHUP is heard and changes nothing yet: it must not kill.
fn signals() -> std::io::Result<UnboundedReceiver<()>> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                tracing::warn!("SIGHUP: the configuration is read at the start only; restart rowhook to apply a change");
            } else if sender.send(()).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
