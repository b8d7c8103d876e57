//! The program: arguments, settings, logging; all else is in the library.

use clap::Parser as _;
use rowhook::cli::{Args, Command, Verify};
use rowhook::config::{self, Overrides, Settings};
use rowhook::engine;
use rowhook::layout::Layout;
use rowhook::serve::{self, Parts};
use rowhook::verify::{self, ProgressLine};
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

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
        Command::Serve => serve(settings, args.overrides()),
        Command::Verify(wanted) => verify(&settings, &wanted),
    }
}

fn verify(settings: &Settings, wanted: &Verify) -> ExitCode {
    let rules = engine::follow_options(settings);
    let options = verify::Options {
        sources: rules.sources,
        others: rules.others,
        part_rows: rules.part_rows,
        source: wanted.source.clone(),
        days: wanted.days(),
        pause: Duration::from_millis(250),
    };
    let disk = Parts::real().disk;
    let mut line = ProgressLine::new(std::io::stderr().is_terminal());
    let outcome = verify::verify(
        &disk,
        &Layout::new(&settings.output),
        &options,
        &mut |done, total| line.tell(done, total),
    );
    line.clear();
    let report = match outcome {
        Ok(report) => report,
        Err(error) => {
            eprintln!("error: {error}");
            let wrong = matches!(error, verify::VerifyError::Nothing(_));
            return ExitCode::from(if wrong { WRONG } else { 1 });
        }
    };
    let text = if wanted.json {
        report.json() + "\n"
    } else {
        report.to_string()
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) if !report.has_differences() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
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
