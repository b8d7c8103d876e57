//! The program: arguments, settings, logging; all else is in the library.

// It panics where nobody takes what is said.
#![warn(clippy::print_stderr)]

use clap::Parser as _;
use rowhook::cli::{self, Args, Command, LinkArgs, LinkWish};
use rowhook::config::{self, Overrides, Settings};
use rowhook::control::ask::{Ask, AskError, Outcome};
use rowhook::engine;
use rowhook::event::{Day, SourceName, Timestamp};
use rowhook::export::find::Found;
use rowhook::export::{self, ExportFailure};
use rowhook::layout::Layout;
use rowhook::read::plan::view_of;
use rowhook::serve::{self, Parts, ServeError, Worker};
use rowhook::verify::{self, ProgressLine};
use std::fmt::Display;
use std::io::{
    BufReader, BufWriter, ErrorKind, IsTerminal as _, Stdout, Write as _, stderr, stdout,
};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

/// Wrong usage or configuration.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let load = match args.command() {
        Command::Serve | Command::Check => config::load,
        Command::Verify { .. }
        | Command::Rebuild { .. }
        | Command::Import { .. }
        | Command::Link(_)
        | Command::Export(_) => config::load_without_secrets,
    };
    let settings = match load(&args.overrides(), &|name| std::env::var_os(name)) {
        Ok(settings) => settings,
        Err(error) => {
            say(&error);
            return ExitCode::from(WRONG);
        }
    };
    match args.command() {
        Command::Check => {
            for warning in settings.warnings() {
                say(&format_args!("warning: {warning}"));
            }
            match write!(stdout(), "{}", settings.describe()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        Command::Serve => serve(settings, args.overrides()),
        Command::Rebuild { source, days } => match days.bounds() {
            Ok((from, to)) => ask(settings, |ask| ask.rebuild(source, from, to)),
            Err(why) => wrong(&why),
        },
        Command::Import {
            source,
            again,
            files,
        } => ask_in(settings, true, |ask| ask.import(&source, &files, again)),
        Command::Export(wanted) => export(&settings, &wanted),
        Command::Link(args) => link(settings, &args),
        Command::Verify { json, source, days } => match days.bounds() {
            Ok(days) => verify(&settings, json, source, days),
            Err(why) => wrong(&why),
        },
    }
}

/// The stream to whoever does a command's work, and standard output.
type Asking = Ask<BufReader<UnixStream>, BufWriter<UnixStream>, Stdout>;

/// Has a command's work done by the server that runs, or by this process if none does.
fn ask(settings: Settings, command: impl FnOnce(Asking) -> Result<Outcome, AskError>) -> ExitCode {
    ask_in(settings, false, command)
}

/// The same of a command that may begin an output directory.
fn ask_in(
    settings: Settings,
    begins: bool,
    command: impl FnOnce(Asking) -> Result<Outcome, AskError>,
) -> ExitCode {
    if let Err(code) = start_log("warn,actix_http=off") {
        return code;
    }
    let failed = |why: &dyn Display| {
        say(&format_args!("error: {why}"));
        ExitCode::FAILURE
    };
    let worker = match Worker::find(settings, begins) {
        Ok(worker) => worker,
        Err(error @ ServeError::Nothing(_)) => return wrong(&error.to_string()),
        Err(error) => return failed(&error),
    };
    let outcome = match worker.stream() {
        Ok((from, to)) => command(Ask::new(from, to, stdout(), stderr().is_terminal())),
        Err(error) => return failed(&error),
    };
    worker.end();
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Partly) => ExitCode::FAILURE,
        Err(AskError::Wrong(why)) => wrong(&why),
        Err(error) => failed(&error),
    }
}

/// Makes, revokes or lists links.
fn link(settings: Settings, args: &LinkArgs) -> ExitCode {
    match args.wish(Timestamp::now(), settings.timezone) {
        Ok(LinkWish::Make { feed, expires_at }) => {
            let source = settings.sources.get(&feed.source);
            if let Some(source) = source
                && let Err(error) = view_of(&feed, Some(&source.views))
            {
                return wrong(&error.to_string());
            }
            ask(settings, |ask| {
                ask.make_link(&feed.source, feed.url(), expires_at)
            })
        }
        Ok(LinkWish::Revoke(id)) => ask(settings, |ask| ask.revoke_link(id)),
        Ok(LinkWish::List) => ask(settings, Ask::list_links),
        Err(why) => wrong(&why),
    }
}

/// Says it on standard error; where that is full or closed, there is nobody to tell.
fn say(text: &dyn Display) {
    let _ = writeln!(stderr(), "{text}");
}

/// Says what is wrong with what was asked for.
fn wrong(why: &str) -> ExitCode {
    say(&format_args!("error: {why}"));
    ExitCode::from(WRONG)
}

fn verify(
    settings: &Settings,
    json: bool,
    source: Option<SourceName>,
    days: (Option<Day>, Option<Day>),
) -> ExitCode {
    let rules = engine::follow_options(settings);
    let options = verify::Options {
        sources: rules.sources,
        others: rules.others,
        part_rows: rules.part_rows,
        source,
        days,
        pause: Duration::from_millis(250),
    };
    let disk = Parts::real().disk;
    let mut line = ProgressLine::new(stderr().is_terminal());
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
            say(&format_args!("error: {error}"));
            return ExitCode::from(if error.is_wrong_usage() { WRONG } else { 1 });
        }
    };
    let text = if json {
        report.json() + "\n"
    } else {
        report.to_string()
    };
    match stdout().write_all(text.as_bytes()) {
        Ok(()) if !report.has_differences() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn export(settings: &Settings, wanted: &cli::Export) -> ExitCode {
    if let Err(code) = start_log("warn") {
        return code;
    }
    match try_export(settings, wanted) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read enough closes the pipe.
        Err(ExportFailure::Io { error, .. }) if error.kind() == ErrorKind::BrokenPipe => {
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format_args!("error: {error}"));
            ExitCode::from(if error.is_wrong_usage() { WRONG } else { 1 })
        }
    }
}

fn try_export(settings: &Settings, wanted: &cli::Export) -> Result<(), ExportFailure> {
    let ask = wanted.ask().map_err(ExportFailure::Wrong)?;
    let out = &wanted.out;
    if out.is_none() && stdout().is_terminal() && !ask.format.is_text() {
        return Err(ExportFailure::Terminal(ask.format.ending()));
    }
    let disk = Parts::real().disk;
    let (layout, options) = (
        Layout::new(&settings.output),
        engine::follow_options(settings),
    );
    let today = Timestamp::now().day(settings.timezone);
    let found = Found::open(&disk, &layout, &options)?;
    let source = settings.sources.get(&ask.source);
    let views = source.map(|source| &source.views);
    let answer = found.answer(&ask, views, today, settings.timezone)?;
    let (mut chunks, total) = export::write::chunks(&disk, answer);
    let mut line = ProgressLine::new(stderr().is_terminal() && out.is_some());
    let mut tell = |bytes: u64| {
        line.say(|| match total {
            Some(total) => format!(
                "{} % of {} MB",
                bytes * 100 / total.max(1),
                total / 1_000_000
            ),
            None => format!("{} MB", bytes / 1_000_000),
        });
    };
    let written =
        match out {
            Some(path) => export::write::to_file(&mut *chunks, path, &mut tell),
            None => export::write::to_pipe(&mut *chunks, &mut stdout().lock(), &mut tell).map_err(
                |error| ExportFailure::Io {
                    path: "standard output".into(),
                    error,
                },
            ),
        };
    line.clear();
    let bytes = written?;
    if let Some(path) = out {
        say(&format_args!("{}: {bytes} bytes", path.display()));
    }
    Ok(())
}

fn serve(settings: Settings, overrides: Overrides) -> ExitCode {
    if let Err(code) = start_log("warn,rowhook=info,actix_http=off") {
        return code;
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
            say(&format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error what `ROWHOOK_LOG` says, else what `usual` says: for people on a terminal, as JSON lines otherwise.
fn start_log(usual: &str) -> Result<(), ExitCode> {
    use tracing_subscriber::{EnvFilter, fmt};
    let filter = match std::env::var("ROWHOOK_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text).map_err(|why| {
            say(&format_args!(
                "error: ROWHOOK_LOG: {why}\n  = help: use a level such as `info`, or `rowhook=debug`"
            ));
            ExitCode::from(WRONG)
        })?,
        _ => EnvFilter::new(usual),
    };
    // What cannot be logged is lost, and nothing else: to complain of it on the same standard error would end the thread.
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    if stderr().is_terminal() {
        log.with_target(false).init();
    } else {
        log.json().flatten_event(true).with_target(false).init();
    }
    Ok(())
}
