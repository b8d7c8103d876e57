//! How fast a day is downloaded, beside nginx with sendfile, and what a hundred downloads at once do to memory and to those who
//! deliver.
//!
//! `cargo bench --bench reading` posts the rows of a day to the real server on a directory of its own and downloads them, by
//! turns with nginx where that is found: it serves the same file. Then a hundred read at a time, each no faster than it is told
//! to, while others deliver. Traffic stays on 127.0.0.1. It ends with 1 if a download is not the whole day, not if a limit is
//! missed, and leaves its table in `benches/results` (or `--results`).

mod load;

use clap::Parser;
use load::download::{self, Download};
use load::event;
use load::generator::{self, Histogram, Plan};
use load::machine::{self, median};
use load::process::{self, Server};
use load::round::{TOKEN, caught_up};
use load::start::{Where, bench, float};
use load::steady::Steady;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{self, Path};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const EXPORT: &str = "/exports/lessonly/today.csv";
const CONNECTIONS: usize = 16;
const PAUSE: Duration = Duration::from_millis(10);
const MB: f64 = 1e6;

/// Downloads a day in several ways.
#[derive(Parser)]
struct Options {
    /// Rows of the day.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Downloads one after the other, of each server.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Downloads at once.
    #[arg(long, default_value_t = 100)]
    readers: usize,
    /// How fast each of these reads, in bytes a second.
    #[arg(long, default_value_t = 2_000_000)]
    pace: u64,
    /// How long they read.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    places: Where,
}

fn main() -> ExitCode {
    bench("reading", || run(&Options::parse()))
}

fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let dir = tempfile::Builder::new()
        .prefix("reading-")
        .tempdir_in(path::absolute(&options.places.dir)?)?;
    let mut command = process::command(&path::absolute(&options.places.program)?);
    command.env("ROWHOOK_TOKEN", TOKEN).current_dir(dir.path());
    let output = dir.path().join("output");
    let server = Server::start(command, &output, &dir.path().join("server.log"))?;
    // What is delivered at leisure begins at 0.
    let body = |index, body: &mut Vec<u8>| event::lessonly(1_000_000_000 + index, body);
    let report = generator::run(&Plan::new(server.addr(), options.events, &body));
    let rows = caught_up(&server)?.count_records()?;
    if report.accepted() != options.events || rows != options.events {
        return Err(format!("{rows} rows of {} events", options.events).into());
    }
    let mut text = format!(
        "# Downloads\n\n{}. A day of {rows} rows.\n\n| what | figure | limit |\n| :-- | --: | --: |\n",
        machine::describe()?
    );
    beside_nginx(options, &server, dir.path(), &mut text)?;
    many_at_once(options, &server, &mut text)?;
    println!("{text}");
    fs::create_dir_all(&options.places.results)?;
    fs::write(options.places.results.join("reading.md"), text)?;
    server.kill()?;
    dir.close()?;
    Ok(Vec::new())
}

/// One download after the other, by turns.
fn beside_nginx(
    options: &Options,
    server: &Server,
    dir: &Path,
    text: &mut String,
) -> Result<(), Box<dyn Error>> {
    let folder = dir.join("output/csv/lessonly");
    let file = fs::read_dir(&folder)?.next().ok_or("no table")??;
    let bytes = file.metadata()?.len();
    let nginx = Nginx::start(dir, &folder)?;
    let path = format!("/{}", file.file_name().to_string_lossy());
    let (mut ours, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let own = seconds(|| download::get(server.addr(), EXPORT, TOKEN), bytes)?;
        ours.push(float(bytes) / MB / own);
        if let Some(nginx) = &nginx {
            let other = seconds(|| download::get(nginx.addr, &path, TOKEN), bytes)?;
            ratios.push(other / own);
        }
    }
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "| a download of {:.0} MB | {:.0} MB/s | none |",
        float(bytes) / MB,
        median(ours)
    );
    if nginx.is_none() {
        let _ = writeln!(
            text,
            "| its rate over that of nginx | nginx is not here | at least 0.90 |"
        );
    } else {
        let _ = writeln!(
            text,
            "| its rate over that of nginx with sendfile, {} by turns | {:.2} | at least 0.90 |",
            options.rounds,
            median(ratios)
        );
    }
    Ok(())
}

fn seconds(get: impl Fn() -> io::Result<Download>, bytes: u64) -> io::Result<f64> {
    let began = Instant::now();
    let read = get()?.discard()?;
    let took = began.elapsed().as_secs_f64();
    if read == bytes {
        return Ok(took);
    }
    Err(io::Error::other(format!(
        "{read} bytes of a file of {bytes}"
    )))
}

/// Many that read, and some that deliver: alone first, then beside each other.
fn many_at_once(
    options: &Options,
    server: &Server,
    text: &mut String,
) -> Result<(), Box<dyn Error>> {
    let steady = Steady::new(server.addr(), CONNECTIONS, PAUSE);
    let time = Duration::from_secs(options.seconds);
    let deliver = || -> io::Result<Histogram> {
        let end = Instant::now() + time;
        steady.deliver(&|| Instant::now() < end)
    };
    let before = deliver()?;
    server.forget_peak()?;
    let idle = server.usage()?.rss_bytes;
    let stop = AtomicBool::new(false);
    let (during, read) = thread::scope(|scope| -> Result<_, Box<dyn Error>> {
        let one = || read_on(server.addr(), options.pace, &stop);
        let readers: Vec<_> = (0..options.readers).map(|_| scope.spawn(one)).collect();
        let during = deliver();
        stop.store(true, Ordering::Relaxed);
        let mut read = 0;
        for reader in readers {
            read += reader.join().map_err(|_| "a thread died")??;
        }
        Ok((during?, read))
    })?;
    let peak = server.usage()?.rss_peak_bytes;
    let p99 = |times: &Histogram| f64::from(times.quantile(990));
    let many = options.readers;
    let _ = writeln!(
        text,
        "| {many} downloads at once, together | {:.0} MB/s | none |\n\
         | memory at its peak meanwhile, above {:.1} MB | {:.1} MB | none |\n\
         | p99 of {CONNECTIONS} connections that deliver now and then, without downloads | {:.0} µs | none |\n\
         | the same beside {many} downloads, over that | {:.2} | at most 2.00 |",
        float(read) / MB / time.as_secs_f64(),
        float(idle) / MB,
        float(peak.saturating_sub(idle)) / MB,
        p99(&before),
        p99(&during) / p99(&before),
    );
    Ok(())
}

/// Reads the day again and again, not faster than `pace`, until `stop`; gives how many bytes.
fn read_on(addr: SocketAddr, pace: u64, stop: &AtomicBool) -> io::Result<u64> {
    let (began, mut all, mut piece) = (Instant::now(), 0, vec![0; 64 * 1024]);
    while !stop.load(Ordering::Relaxed) {
        let mut body = download::get(addr, EXPORT, TOKEN)?.into_body();
        loop {
            let read = body.read(&mut piece)?;
            if read == 0 || stop.load(Ordering::Relaxed) {
                break;
            }
            all += read as u64;
            let due = Duration::from_secs_f64(float(all) / float(pace));
            thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }
    Ok(all)
}

/// A server that gives files with sendfile; it ends when dropped.
struct Nginx {
    child: Child,
    addr: SocketAddr,
}

impl Nginx {
    /// One for the files in `folder`, if it is installed here.
    fn start(dir: &Path, folder: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        const LONGEST: Duration = Duration::from_secs(5);
        // It takes no port from us; between these two lines somebody else might.
        let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = format!(
            "daemon off; worker_processes 1; pid {dir}/nginx.pid; events {{ worker_connections 256; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; server {{ listen {addr}; root {folder}; }} }}\n",
            dir = dir.display(),
            folder = folder.display(),
        );
        let path = dir.join("nginx.conf");
        fs::write(&path, config)?;
        // Where it is started by root it gives that up.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
        let mut command = Command::new("nginx");
        command
            .arg("-c")
            .arg(&path)
            .arg("-e")
            .arg(dir.join("nginx.log"));
        if rustix::process::geteuid().is_root() {
            command.args(["-g", "user root;"]);
        }
        let child = match command.stdin(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let nginx = Self { child, addr };
        let began = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if began.elapsed() > LONGEST {
                return Err("nginx does not listen".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(nginx))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It ends its worker, too; killed it could not.
        if let Some(pid) =
            rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0))
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
