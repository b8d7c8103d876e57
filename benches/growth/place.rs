//! A directory of its own for a server, and how events are posted to it.

use crate::Options;
use crate::load::event;
use crate::load::generator::{self, Body, Histogram, Plan, Report};
use crate::load::process::{self, Server};
use crate::load::round::{self, TOKEN};
use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{self, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Events that are posted over the same connections.
pub const SLICE: u64 = 100_000;

/// A directory for one server at a time, and how that is started.
pub struct Place {
    dir: TempDir,
    program: PathBuf,
    connections: usize,
}

impl Place {
    /// A new one, with this configuration.
    pub fn new(options: &Options, config: &str) -> io::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("growth-")
            .tempdir_in(path::absolute(&options.places.dir)?)?;
        fs::write(dir.path().join("rowhook.toml"), config)?;
        Ok(Self {
            dir,
            program: path::absolute(&options.places.program)?,
            connections: options.connections,
        })
    }

    /// Starts the server and waits until it listens.
    pub fn start(&self) -> io::Result<Server> {
        let dir = self.dir.path();
        let mut command = process::command(&self.program);
        command.env("ROWHOOK_TOKEN", TOKEN).current_dir(dir);
        command.args(["--config", "rowhook.toml"]);
        Server::start(command, &dir.join("output"), &dir.join("server.log"))
    }

    /// Removes all of it.
    pub fn close(self) -> io::Result<()> {
        self.dir.close()
    }

    /// Posts so many events and gives what came back; an error if one was not acknowledged.
    pub fn post(&self, server: &Server, events: u64, body: Body<'_>) -> io::Result<Report> {
        let report = generator::run(&Plan {
            connections: self.connections,
            timeout: Duration::from_secs(60 + events / 500),
            ..Plan::new(server.addr(), events, body)
        });
        if report.accepted() == events && report.errors == 0 {
            return Ok(report);
        }
        Err(io::Error::other(format!(
            "{} of {events} events were acknowledged; {} errors: {}",
            report.accepted(),
            report.errors,
            report.first_error.unwrap_or_default()
        )))
    }

    /// Posts Lessonly's events from number `from` to before `to`, a slice at a time; gives how long the answers took.
    pub fn fill(&self, server: &Server, from: u64, to: u64, slice: u64) -> io::Result<Histogram> {
        let mut times = Histogram::default();
        let mut first = from;
        while first < to {
            let events = slice.min(to - first);
            let body = |index, body: &mut Vec<u8>| event::lessonly(first + index, body);
            times.merge(&self.post(server, events, &body)?.latency);
            first += events;
        }
        Ok(times)
    }

    /// The files of the day's tables, but for those that are being made.
    pub fn parts(&self) -> io::Result<Vec<PathBuf>> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(self.dir.path().join("output/csv/lessonly"))? {
            let path = entry?.path();
            let made = path
                .file_stem()
                .is_some_and(|stem| !stem.as_encoded_bytes().starts_with(b"."));
            if made && path.extension().is_some_and(|extension| extension == "csv") {
                parts.push(path);
            }
        }
        Ok(parts)
    }

    /// The names of the columns of the first part.
    pub fn columns(&self) -> io::Result<Vec<String>> {
        let parts = self.parts()?;
        let first = parts.iter().min_by_key(|part| part.as_os_str().len());
        let Some(first) = first else {
            return Ok(Vec::new());
        };
        let mut header = String::new();
        BufReader::new(fs::File::open(first)?).read_line(&mut header)?;
        Ok(header.trim_end().split(',').map(str::to_owned).collect())
    }
}

/// Why the rows of the day are not what was acknowledged, if they are not. `more` of them may be there beyond that.
pub fn check_rows(
    server: &Server,
    what: &str,
    events: u64,
    more: u64,
) -> Result<Option<String>, Box<dyn Error>> {
    let rows = round::caught_up(server)?.count_records()?;
    let right = (events..=events + more).contains(&rows);
    Ok((!right).then(|| {
        format!("{what}: {rows} rows for {events} acknowledged events (if midnight, UTC, came in between: run again)")
    }))
}
