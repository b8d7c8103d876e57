//! The program: arguments, settings, logging; all else is in the library.

use clap::Parser as _;
use rowhook::cli::{Args, Command};
use rowhook::config::{self, Overrides, Settings};
use rowhook::serve::{self, Parts};
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

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
        Command::Check => {
            for warning in settings.warnings() {
                eprintln!("warning: {warning}");
            }
            match write!(std::io::stdout(), "{}", settings.describe()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        Command::Serve => serve(settings, args.overrides()),
    }
}

fn serve(settings: Settings, overrides: Overrides) -> ExitCode {
    if let Err(why) = start_log() {
        eprintln!(
            "error: ROWHOOK_LOG: {why}\n  = help: use a level such as `info`, or `rowhook=debug`"
        );
        return ExitCode::from(WRONG);
    }
    let parts = Parts {
        reload: Some(Box::new(move || {
            config::load(&overrides, &|name| std::env::var_os(name))
        })),
        ..Parts::real()
    };
    let outcome = serve::signals()
        .map_err(serve::ServeError::from)
        .and_then(|signals| {
            actix_web::rt::System::new().block_on(serve::run(settings, parts, signals))
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
        _ => EnvFilter::new("warn,rowhook=info,actix_http=off"),
    };
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.with_target(false).init();
    } else {
        log.json().flatten_event(true).with_target(false).init();
    }
    Ok(())
}
