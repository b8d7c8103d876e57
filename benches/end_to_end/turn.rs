//! One server's turn: started on an empty directory, given all events, read, ended.

use crate::load::event;
use crate::load::generator::{self, Plan};
use crate::load::process::Server;
use crate::load::round::{self, TOKEN};
use crate::load::start::float;
use crate::servers::Kind;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::TcpStream;
use std::path::{self, Path};
use std::thread;
use std::time::{Duration, Instant};

/// Sent before it counts: connections, buffers and files are there then.
const WARM_UP: u64 = 2_000;
/// How long others may take to listen, and to write what they acknowledged.
const LONGEST: Duration = Duration::from_secs(10);

/// What to do.
pub struct Turn<'a> {
    pub kind: Kind,
    /// The binary of rowhook.
    pub program: &'a Path,
    /// Where the server's directory is made.
    pub dir: &'a Path,
    pub connections: usize,
    pub events: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub events_per_second: f64,
    /// Of the server, user and system.
    pub cpu_micros: f64,
    /// Latencies in microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub peak_mb: f64,
    /// Events that one sync of the journal made durable.
    pub events_per_sync: Option<f64>,
    /// Why it is not to be trusted.
    pub complaints: Vec<String>,
}

impl Turn<'_> {
    /// Measures it.
    pub fn run(&self) -> Result<Measured, Box<dyn Error>> {
        let dir = tempfile::Builder::new()
            .prefix("end-to-end-")
            .tempdir_in(path::absolute(self.dir)?)?;
        let output = dir.path().join("output");
        let mut command = self.kind.command(self.program)?;
        command.env("ROWHOOK_TOKEN", TOKEN).current_dir(dir.path());
        let server = Server::start(command, &output, &dir.path().join("server.log"))?;
        wait_for(&server)?;
        self.send(&server, 0, WARM_UP);
        let before = server.usage()?.cpu_seconds;
        let report = self.send(&server, WARM_UP, self.events);
        let usage = server.usage()?;
        let mut measured = Measured {
            events_per_second: report.events_per_second(),
            cpu_micros: (usage.cpu_seconds - before) * 1e6 / float(self.events),
            p50: f64::from(report.latency.quantile(500)),
            p99: f64::from(report.latency.quantile(990)),
            p999: f64::from(report.latency.quantile(999)),
            peak_mb: float(usage.rss_peak_bytes) / 1e6,
            ..Measured::default()
        };
        if report.accepted() != self.events || report.errors > 0 {
            measured.complaints.push(format!(
                "{} of {} events were acknowledged; {} errors",
                report.accepted(),
                self.events,
                report.errors
            ));
        }
        let all = WARM_UP + self.events;
        let rows = match self.kind {
            Kind::Ceiling => all,
            Kind::Afternoon => lines(&output.join("rows.csv"))?.0,
            Kind::FluentBit | Kind::Vector => flushed(&output.join("rows.csv"), all)?,
            Kind::Rowhook => {
                measured.events_per_sync = Some(events_per_sync(&output.join("journal"))?);
                round::caught_up(&server)?.count_records()?
            }
        };
        if rows != all {
            let what = format!("{rows} rows for {all} acknowledged events");
            measured.complaints.push(what);
        }
        server.kill()?;
        dir.close()?;
        Ok(measured)
    }

    fn send(&self, server: &Server, first: u64, events: u64) -> generator::Report {
        let body = |index: u64, body: &mut Vec<u8>| event::lessonly(first + index, body);
        generator::run(&Plan {
            connections: self.connections,
            timeout: Duration::from_secs(60 + events / 500),
            ..Plan::new(server.addr(), events, &body)
        })
    }
}

/// Some say where they will listen before they do.
fn wait_for(server: &Server) -> io::Result<()> {
    let began = Instant::now();
    while let Err(error) = TcpStream::connect(server.addr()) {
        if began.elapsed() > LONGEST {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// The lines of a file that is written now and then, once there are so many or it was waited for long enough.
fn flushed(path: &Path, all: u64) -> Result<u64, Box<dyn Error>> {
    let began = Instant::now();
    loop {
        let found = if path.exists() { lines(path)?.0 } else { 0 };
        if found >= all || began.elapsed() > LONGEST {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Each batch was one sync; its last event has nothing left behind it.
fn events_per_sync(journal: &Path) -> Result<f64, Box<dyn Error>> {
    let (mut events, mut batches) = (0, 0);
    for entry in fs::read_dir(journal)? {
        let (all, last) = lines(&entry?.path())?;
        events += all - 1;
        batches += last;
    }
    Ok(float(events) / float(batches.max(1)))
}

/// The lines of a file, and how many of them end a batch.
fn lines(path: &Path) -> Result<(u64, u64), Box<dyn Error>> {
    let (mut all, mut last) = (0, 0);
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        // Behind the journal's last line there is room.
        all += u64::from(line.ends_with(b"\n"));
        let head = &line[..line.len().min(100)];
        last += u64::from(head.windows(9).any(|part| part == b"\"left\":0,"));
        line.clear();
    }
    Ok((all, last))
}
