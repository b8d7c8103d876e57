//! What five open pages of the dashboard cost the deliveries, and the deliveries them.
//!
//! `cargo bench --bench pages` delivers 1,000 events a second to the real server, for a minute without anybody who looks, for a
//! minute with five pages open in Chromium, for one in which Chromium leaves the processors to others, as if it were on another
//! machine, and for a minute without again. It needs what `bash tests/all.sh` installs for the tests in the browser. Traffic stays on 127.0.0.1. It ends with 1 if an event that was acknowledged is not a row, and leaves
//! its table in `benches/results` (or `--results`).

mod load;

use clap::Parser;
use load::event;
use load::generator::Histogram;
use load::link::Link;
use load::machine;
use load::process::{self, Server};
use load::round::{TOKEN, caught_up};
use load::start::{Where, bench, float};
use serde::Deserialize;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{self, Path};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that deliver in turn.
const CONNECTIONS: u64 = 8;

/// Measures what pages that somebody looks at cost.
#[derive(Parser)]
struct Options {
    /// How long each part takes.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events a second.
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    #[command(flatten)]
    places: Where,
}

/// What the script tells at its end.
#[derive(Deserialize)]
struct Told {
    /// Stretches of more than 200 ms in which a page did nothing else.
    long: u64,
    /// The longest, in milliseconds.
    longest: f64,
    /// Those of more than 50 ms.
    tasks: u64,
    /// How long a page took to draw when it was asked to, in milliseconds.
    frame_median: f64,
    frame_longest: f64,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    at: u64,
    heap: Vec<u64>,
    nodes: Vec<u64>,
    memory: u64,
}

/// A part of the run.
struct Part {
    what: &'static str,
    times: Histogram,
    events: u64,
    seconds: f64,
    cpu_seconds: f64,
}

fn main() -> ExitCode {
    bench("pages", || run(&Options::parse()))
}

fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let dir = tempfile::Builder::new()
        .prefix("pages-")
        .tempdir_in(path::absolute(&options.places.dir)?)?;
    let mut command = process::command(&path::absolute(&options.places.program)?);
    command.env("ROWHOOK_TOKEN", TOKEN).current_dir(dir.path());
    let output = dir.path().join("output");
    let server = Server::start(command, &output, &dir.path().join("server.log"))?;
    let next = AtomicU64::new(0);
    let deliver = |what| deliver(what, &server, options, &next);
    let before = deliver("nobody looks")?;
    let watched = |what, nice| {
        let (mut browser, lines) = open(&server, options.seconds, nice)?;
        let part = deliver(what);
        let told = read_on(lines);
        let ended = browser.wait()?;
        if !ended.success() {
            return Err(format!("the browser's script ended with {ended}").into());
        }
        Ok::<_, Box<dyn Error>>((part?, told?))
    };
    let (with, told) = watched("five pages are open", 0)?;
    let (apart, _) = watched("the same, and the browser waits for everybody else", 19)?;
    let after = deliver("nobody looks again")?;
    let text = text(&[before, with, apart, after], &told)?;
    println!("{text}");
    std::fs::create_dir_all(&options.places.results)?;
    std::fs::write(options.places.results.join("pages.md"), text)?;
    let (all, rows) = (
        next.load(Ordering::Relaxed),
        caught_up(&server)?.count_records()?,
    );
    let wrong = (rows != all).then(|| format!("{rows} rows for {all} acknowledged events"));
    server.kill()?;
    dir.close()?;
    Ok(wrong.into_iter().collect())
}

/// Delivers at the wanted rate. An event has its moment, and what it waits for the one before it counts.
fn deliver(
    what: &'static str,
    server: &Server,
    options: &Options,
    next: &AtomicU64,
) -> Result<Part, Box<dyn Error>> {
    let began = Instant::now();
    let cpu = server.usage()?.cpu_seconds;
    let count = options.seconds * options.rate / CONNECTIONS;
    let one = |addr: SocketAddr, nth: u64| -> io::Result<Histogram> {
        let (mut link, mut body) = (Link::open(addr)?, Vec::new());
        let mut times = Histogram::default();
        for event in 0..count {
            let due = Duration::from_micros((event * CONNECTIONS + nth) * 1_000_000 / options.rate);
            thread::sleep(due.saturating_sub(began.elapsed()));
            body.clear();
            event::lessonly(next.fetch_add(1, Ordering::Relaxed), &mut body);
            if link.post(&body)? != 200 {
                return Err(io::Error::other("a delivery was not stored"));
            }
            times.record((began.elapsed().saturating_sub(due)).as_micros());
        }
        Ok(times)
    };
    let mut times = Histogram::default();
    thread::scope(|scope| {
        let links: Vec<_> = (0..CONNECTIONS)
            .map(|nth| scope.spawn(move || one(server.addr(), nth)))
            .collect();
        for link in links {
            let one = link.join().map_err(|_| io::Error::other("a thread died"))?;
            times.merge(&one?);
        }
        Ok::<(), io::Error>(())
    })?;
    Ok(Part {
        what,
        times,
        events: count * CONNECTIONS,
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: server.usage()?.cpu_seconds - cpu,
    })
}

type Lines = io::Lines<BufReader<std::process::ChildStdout>>;

/// Starts the browser, which is as `nice` to others, and waits until its pages are open.
fn open(server: &Server, seconds: u64, nice: u8) -> Result<(Child, Lines), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("target/tools/browser");
    if !tools.join("node_modules").is_dir() {
        return Err("what drives the browser is missing; `bash tests/all.sh` installs it".into());
    }
    let mut command = Command::new("nice");
    command
        .args(["-n", &nice.to_string(), "node"])
        .arg(root.join("tests/browser/play.mjs"))
        .arg("crowd")
        .env("ROWHOOK_BROWSER_TOOLS", tools)
        .env("ROWHOOK_BROWSER_CHROMIUM", "/usr/bin/chromium")
        .env("ROWHOOK_BROWSER_URL", format!("http://{}", server.addr()))
        .env("ROWHOOK_BROWSER_TOKEN", TOKEN)
        .env("ROWHOOK_CROWD_SECONDS", seconds.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut browser = command.spawn()?;
    let stdout = browser.stdout.take().ok_or("the script has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    match lines.next() {
        Some(Ok(line)) if line == "open" => Ok((browser, lines)),
        other => Err(format!("the pages were not opened: {other:?}").into()),
    }
}

/// What the script tells.
fn read_on(lines: Lines) -> Result<Told, Box<dyn Error>> {
    for line in lines {
        if let Some(json) = line?.strip_prefix("told: ") {
            return Ok(serde_json::from_str(json)?);
        }
    }
    Err("the script told nothing".into())
}

fn text(parts: &[Part], told: &Told) -> io::Result<String> {
    const MB: f64 = 1e6;
    let mut text = format!(
        "# Five pages of the dashboard, open while events come\n\n{}. {} bytes an event, over {CONNECTIONS} connections, each \
         event at its moment. The pages: overview, rows, days, connect, refused.\n\n\
         | while | events/s | p50 µs | p99 µs | p99.9 µs | server CPU, ms a second |\n| :-- | --: | --: | --: | --: | --: |\n",
        machine::describe()?,
        event::BYTES
    );
    // Writing to a string does not fail.
    for part in parts {
        let _ = writeln!(
            text,
            "| {} | {:.0} | {} | {} | {} | {:.0} |",
            part.what,
            float(part.events) / part.seconds,
            part.times.quantile(500),
            part.times.quantile(990),
            part.times.quantile(999),
            part.cpu_seconds / part.seconds * 1e3,
        );
    }
    let _ = writeln!(
        text,
        "\nThe pages were busy for more than 200 ms at a stretch {} times (for more than 50 ms {} times; the longest {:.0} ms). \
         Asked to draw, a page took {:.0} ms in the middle and {:.0} at most.\n\n\
         | after s | the five heaps, MB | nodes | all processes of the browser, MB |\n| --: | --: | --: | --: |",
        told.long, told.tasks, told.longest, told.frame_median, told.frame_longest
    );
    for sample in &told.samples {
        let _ = writeln!(
            text,
            "| {} | {:.1} | {} | {:.0} |",
            sample.at,
            float(sample.heap.iter().sum()) / MB,
            sample.nodes.iter().sum::<u64>(),
            float(sample.memory) / MB
        );
    }
    Ok(text)
}
