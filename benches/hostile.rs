//! What those who misbehave cost the others: connections deliver, by turns with nobody else there and among idle connections
//! and bodies that come a byte a second.
//!
//! `cargo bench --bench hostile` runs it. It starts the server on a directory of its own under `target/tmp` (or `--dir`), and
//! shares the machine with it. Traffic stays on 127.0.0.1. Mind `ulimit -n`: here and there a file for every connection.

mod load;

use std::env;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use load::generator::Histogram;
use load::link::Link;
use load::process::{self, Server};
use load::start::bench;
use load::steady::Steady;

/// Measures deliveries with and without others that misbehave.
#[derive(Parser)]
struct Options {
    /// Rounds; in each both have their turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each turn is measured, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections that deliver, each one event at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Between an answer and the next event of a connection, in milliseconds; 0: as fast as it goes.
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// Connections without a request.
    #[arg(long, default_value_t = 5000)]
    idle: usize,
    /// Bodies that come a byte a second.
    #[arg(long, default_value_t = 50)]
    slow: usize,
    /// Where the directory of the server is made.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    bench("hostile", || {
        measure(&Options::parse())?;
        Ok(Vec::new())
    })
}

fn measure(options: &Options) -> io::Result<()> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let config = dir.path().join("rowhook.toml");
    let places = options.idle + options.slow + options.connections + 100;
    std::fs::write(&config, format!("[limits]\nconnections_max = {places}\n"))?;
    let mut command = process::command(env!("CARGO_BIN_EXE_rowhook").as_ref());
    command.arg("--config").arg(&config);
    let server = Server::start(command, &dir.path().join("output"), &dir.path().join("log"))?;
    let addr = server.addr();
    let steady = Steady::new(
        addr,
        options.connections,
        Duration::from_millis(options.pause),
    );
    let (mut calm, mut among) = (Histogram::default(), Histogram::default());
    println!("round  others     events/s   p50 µs    p99 µs  p99.9 µs    max µs");
    // The first is for warming up.
    deliver(&steady, options)?;
    for round in 1..=options.rounds {
        let alone = deliver(&steady, options)?;
        tell(&round.to_string(), "nobody", &alone, options.seconds);
        calm.merge(&alone);
        let beset = with_others(addr, options, || deliver(&steady, options))?;
        tell(&round.to_string(), "all", &beset, options.seconds);
        among.merge(&beset);
    }
    let all = options.seconds * options.rounds as u64;
    tell("all", "nobody", &calm, all);
    tell("all", "all", &among, all);
    let mib = server.usage()?.rss_peak_bytes >> 20;
    println!("at most {mib} MiB of memory");
    server.terminate()?;
    Ok(())
}

fn tell(round: &str, others: &str, times: &Histogram, seconds: u64) {
    println!(
        "{round:<6} {others:<8} {:>10} {:>8} {:>9} {:>9} {:>9}",
        times.count() / seconds,
        times.quantile(500),
        times.quantile(990),
        times.quantile(999),
        times.max()
    );
}

/// Delivers from all connections for as long as a turn takes.
fn deliver(steady: &Steady, options: &Options) -> io::Result<Histogram> {
    let until = Instant::now() + Duration::from_secs(options.seconds);
    steady.deliver(&|| Instant::now() < until)
}

/// Does `work` while the others are there.
fn with_others<T>(
    addr: SocketAddr,
    options: &Options,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let mut idle = Vec::new();
    for _ in 0..options.idle {
        // One that had a request once stays longer than one that never had any.
        let mut link = Link::open(addr)?;
        link.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")?;
        idle.push(link);
    }
    let open_slow = || -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(addr)?;
        stream.write_all(
            b"POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        )?;
        Ok(stream)
    };
    let slow: Vec<TcpStream> = (0..options.slow)
        .map(|_| open_slow())
        .collect::<Result<_, _>>()?;
    let stop = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            let mut slow = slow;
            while !stop.load(Ordering::Relaxed) {
                for stream in &mut slow {
                    // One that was cut off comes again.
                    if stream.write_all(b" ").is_err()
                        && let Ok(again) = open_slow()
                    {
                        *stream = again;
                    }
                }
                thread::sleep(Duration::from_secs(1));
            }
        });
        let outcome = work();
        stop.store(true, Ordering::Relaxed);
        outcome
    });
    drop(idle);
    // The server hears of it, too.
    thread::sleep(Duration::from_millis(500));
    outcome
}
