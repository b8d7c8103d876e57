//! What downloads cost: time, processor and memory of each form of a million rows, and what they cost those who deliver
//! meanwhile.
//!
//! `cargo bench --bench exports` runs it; `-- --events 20000` after that makes it short. It starts the server on a directory of
//! its own under `target/tmp` (or `--dir`) and imports three sources: events of 20 columns on one day that is over, as many
//! spread over 30 days, and scores of 2,000 learners in 300 lessons. Then each download has its turn, first with nothing
//! else running, then beside connections that deliver, by turns with these alone. What `gzip` and a plain copy of the same CSV
//! take stands beside it, because the machine is shared with this process and its figures mean little by themselves. It ends
//! with 1 if a row is missing or too many, if the matrix is not what it should be, or if a download took more memory than it may.

mod load;

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{self, Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use clap::Parser;
use rowhook::event::Seq;
use rowhook::journal::record::Record;

use load::generator::Histogram;
use load::process::{self, Server};
use load::round::TOKEN;
use load::scores::Scores;
use load::start::{bench, float};
use load::steady::Steady;
use load::{download, event};

const CONFIG: &str = "[sources.lessonly]\npreset = \"lessonly\"\n[sources.month]\npreset = \"lessonly\"\n\
                      [sources.scores]\npreset = \"lessonly\"\n";
const MONTH_DAYS: u64 = 30;
const DAY_MILLIS: u64 = 86_400_000;
const MIB: u64 = 1 << 20;
/// What a download may take above what the idle server has, in MiB: a workbook, and all else.
const WORKBOOK_MIB_MAX: u64 = 64;
const OTHER_MIB_MAX: u64 = 24;

/// The columns of the day in another order, so that no row can be taken from the file as it is.
const COLUMNS: &str = "event_id,user.ext_uid,user.id,user.name,user.email,lesson.id,lesson.title,lesson.retake_score,score,\
                       score_percent,started_at,completed_at,assigned_at,report_card_url,received_at,Department,Region,\
                       Office,Manager,Number";

/// What is measured: its name, and the download, but for what is no download.
const CASES: [(&str, Work); 14] = [
    ("gzip -6 of the CSV", Work::Beside(Beside::Gzip)),
    ("copy of the CSV", Work::Beside(Beside::Copy)),
    ("csv", Work::Download("lessonly/2020-03-01.csv")),
    ("csv.gz", Work::Download("lessonly/2020-03-01.csv.gz")),
    ("xlsx", Work::Download("lessonly/2020-03-01.xlsx")),
    ("jsonl", Work::Download("lessonly/2020-03-01.jsonl")),
    ("csv, columns=", Work::Columns("lessonly/2020-03-01.csv")),
    (
        "30 days, csv",
        Work::Download("month.csv?from=2020-01-01&to=2020-01-30"),
    ),
    (
        "30 days, xlsx",
        Work::Download("month.xlsx?from=2020-01-01&to=2020-01-30"),
    ),
    (
        "view latest",
        Work::Download("lessonly/2020-03-01.csv?view=latest"),
    ),
    (
        "view best",
        Work::Download("lessonly/2020-03-01.csv?view=best"),
    ),
    (
        "view matrix",
        Work::Download("lessonly/2020-03-01.csv?view=matrix"),
    ),
    (
        "view completed",
        Work::Download("lessonly/2020-03-01.csv?view=completed"),
    ),
    ("matrix of scores", Work::Download(MATRIX)),
];

const MATRIX: &str = "scores/2020-03-01.csv?view=matrix";

#[derive(Clone, Copy)]
enum Work {
    /// The path below `/exports/`.
    Download(&'static str),
    /// The same with [`COLUMNS`].
    Columns(&'static str),
    Beside(Beside),
}

/// What others take for the same CSV.
#[derive(Clone, Copy)]
enum Beside {
    Gzip,
    /// By the `csv` crate, record by record, in this process.
    Copy,
}

/// Measures downloads with and without deliveries.
#[derive(Parser)]
struct Options {
    /// Events of the day, and as many of the month; three scores for five of them.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// How long a turn with deliveries takes at least, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections that deliver, each one event at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Between an answer and the next event of a connection, in milliseconds.
    #[arg(long, default_value_t = 20)]
    pause: u64,
    /// Beside `gzip` and the copy only the cases whose names hold this.
    #[arg(long, default_value = "")]
    only: String,
    /// Where the directory of the server is made.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Another build of rowhook.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_rowhook"))]
    program: PathBuf,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn cases(&self) -> Vec<(&'static str, Work)> {
        let wanted =
            |case: &(&str, Work)| matches!(case.1, Work::Beside(_)) || case.0.contains(&self.only);
        CASES.into_iter().filter(wanted).collect()
    }
}

fn main() -> ExitCode {
    bench("exports", || run(&Options::parse()))
}

/// Measures all, prints two tables, and returns what is wrong with it.
fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let dir = tempfile::Builder::new()
        .prefix("exports-")
        .tempdir_in(path::absolute(&options.dir)?)?;
    std::fs::write(dir.path().join("rowhook.toml"), CONFIG)?;
    let scores = Scores {
        count: options.events * 3 / 5,
        learners: 2_000,
        lessons: 300,
    };
    import_all(options, dir.path(), &scores)?;
    // A server of its own for what is measured: importing leaves memory behind.
    let server = start(options, dir.path())?;
    let csv = dir.path().join("day.csv");
    get(&server, "lessonly/2020-03-01.csv", &mut File::create(&csv)?)?;
    let idle = server.usage()?.rss_bytes;
    println!(
        "{} events on a day, {0} on {MONTH_DAYS} days, {} scores; {} cores shared with this process; the idle server has {} MiB\n",
        options.events,
        scores.count,
        available_parallelism()?,
        idle / MIB
    );
    let mut bench = Bench {
        options,
        server,
        csv,
        idle,
        complaints: Vec::new(),
    };
    let alone = bench.all_alone()?;
    bench.check_matrix(&scores)?;
    let delivered = bench.all_beside_deliveries(&alone)?;
    bench.check_rows(delivered)?;
    bench.server.terminate()?;
    dir.close()?;
    Ok(bench.complaints)
}

// ---------------------------------------------------------------------------------------------------------- the events

fn import_all(options: &Options, dir: &Path, scores: &Scores) -> Result<(), Box<dyn Error>> {
    let server = start(options, dir)?;
    let a_day = (options.events / MONTH_DAYS).max(1);
    let wide = |number, body: &mut Vec<u8>| {
        wide(number, body);
        Ok(())
    };
    let of_month = |number: u64| {
        let day = (number / a_day).min(MONTH_DAYS - 1);
        (
            format!("2020-01-{:02}", day + 1),
            number - day * a_day,
            a_day + MONTH_DAYS,
        )
    };
    import(options, dir, "month", options.events, &of_month, &wide)?;
    let of_day = |number| ("2020-03-01".to_owned(), number, options.events);
    import(options, dir, "lessonly", options.events, &of_day, &wide)?;
    let body = |number, body: &mut Vec<u8>| scores.body(number, body);
    import(options, dir, "scores", scores.count, &of_day, &body)?;
    server.terminate()?;
    Ok(())
}

/// Lessonly's event with four custom fields more: with what rowhook adds 20 columns.
fn wide(number: u64, body: &mut Vec<u8>) {
    let start = body.len();
    event::lessonly(number, body);
    let fields = format!(
        r#","Region":"Region {}","Office":"Office {}","Manager":"Manager Managerson {}","Number":{}"#,
        number % 7,
        number % 83,
        number % 311,
        number % 100_000
    );
    if let Some(at) = memchr::memmem::find(&body[start..], br#"}},"lesson""#) {
        body.splice(start + at..start + at, fields.into_bytes());
    }
}

/// Imports `count` events into `source` as a journal that has them, each on the day, and at the place of so many in that day,
/// that `moment` tells.
fn import(
    options: &Options,
    dir: &Path,
    source: &str,
    count: u64,
    moment: &dyn Fn(u64) -> (String, u64, u64),
    body: &dyn Fn(u64, &mut Vec<u8>) -> io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    eprintln!("{count} events into {source}");
    let path = dir.join("import.jsonl");
    let mut file = BufWriter::new(File::create(&path)?);
    let (mut payload, mut line) = (Vec::new(), Vec::new());
    for number in 0..count {
        payload.clear();
        body(number, &mut payload)?;
        let (day, nth, of) = moment(number);
        let millis = nth * DAY_MILLIS / of.max(1);
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        line.clear();
        Record {
            seq: Seq(number + 1),
            batch: Seq(number + 1),
            left: 0,
            received_at: format!("{day}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
                .as_bytes(),
            source,
            id: format!("{number:032x}").as_bytes(),
            payload: &payload,
        }
        .write(&mut line);
        file.write_all(&line)?;
    }
    file.into_inner()?;
    let mut command = process::command(&path::absolute(&options.program)?);
    command.args(["import", "--source", source]);
    command.arg("--config").arg(dir.join("rowhook.toml"));
    command.arg("--output").arg(dir.join("output")).arg(&path);
    let output = command.stdin(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    if !told.starts_with(&format!("{count} stored, 0 ")) {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the import said {told} {errors}").into());
    }
    std::fs::remove_file(&path)?;
    Ok(())
}

fn start(options: &Options, dir: &Path) -> io::Result<Server> {
    let mut command = process::command(&path::absolute(&options.program)?);
    command.arg("--config").arg(dir.join("rowhook.toml"));
    command.env("ROWHOOK_TOKEN", TOKEN).current_dir(dir);
    Server::start(command, &dir.join("output"), &dir.join("server.log"))
}

/// Downloads `path` below `/exports/` into `into`; gives the bytes.
fn get(server: &Server, path: &str, into: &mut impl io::Write) -> io::Result<u64> {
    let path = format!("/exports/{path}");
    let download = download::get(server.addr(), &path, TOKEN)?;
    match download.status {
        200 => download.save(into),
        status => Err(io::Error::other(format!("GET {path}: {status}"))),
    }
}

// ----------------------------------------------------------------------------------------------------------- measuring

struct Bench<'o> {
    options: &'o Options,
    server: Server,
    /// The day as it is downloaded.
    csv: PathBuf,
    /// What the server has in memory when it does nothing.
    idle: u64,
    complaints: Vec<String>,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Taken {
    bytes: u64,
    seconds: f64,
    /// Of the server, or of what is measured beside it.
    cpu_seconds: f64,
    /// What the server had in memory at most, above what it has when it does nothing.
    peak_mib: u64,
}

impl Bench<'_> {
    /// Each case once, with nothing else running.
    fn all_alone(&mut self) -> Result<Vec<Taken>, Box<dyn Error>> {
        let mut all: Vec<Taken> = Vec::new();
        println!(
            "{:<20} {:>7} {:>8} {:>7} {:>7} {:>17} {:>17} {:>9} {:>6}",
            "alone",
            "MB",
            "s",
            "MB/s",
            "CPU s",
            "s, CPU s of gzip",
            "s, CPU s of copy",
            "peak MiB",
            "limit"
        );
        for (name, work) in self.options.cases() {
            let taken = self.measure(work)?;
            all.push(taken);
            let (gzip, copy) = (all[0], all.get(1).copied().unwrap_or(all[0]));
            let times = |of: Taken| {
                format!(
                    "{:.2} x {:.2} x",
                    taken.seconds / of.seconds,
                    taken.cpu_seconds / of.cpu_seconds
                )
            };
            print!(
                "{name:<20} {:>7.1} {:>8.2} {:>7.1} {:>7.2} {:>17} {:>17}",
                mb(taken.bytes),
                taken.seconds,
                mb(taken.bytes) / taken.seconds,
                taken.cpu_seconds,
                times(gzip),
                times(copy),
            );
            match work.mib_max() {
                Some(limit) => println!(" {:>9} {limit:>6}", taken.peak_mib),
                None => println!(),
            }
            if let Some(limit) = work.mib_max().filter(|limit| taken.peak_mib >= *limit) {
                let peak = taken.peak_mib;
                self.complaints
                    .push(format!("{name}: {peak} MiB of {limit}"));
            }
        }
        Ok(all)
    }

    /// Each case as often as goes into a turn, beside connections that deliver, after a turn of these alone. Gives how
    /// many events were delivered.
    fn all_beside_deliveries(&mut self, alone: &[Taken]) -> Result<u64, Box<dyn Error>> {
        let pause = Duration::from_millis(self.options.pause);
        let steady = Steady::new(self.server.addr(), self.options.connections, pause);
        let turn = Duration::from_secs(self.options.seconds);
        println!(
            "\n{:<20} {:>5} {:>8} {:>8} {:>9} {:>15} {:>17} {:>8} {:>17}",
            "beside deliveries",
            "times",
            "s",
            "x alone",
            "events/s",
            "p50 µs, without",
            "p99 µs, without",
            "x p99",
            "peak MiB, without"
        );
        let (mut without_all, mut with_all) = (Histogram::default(), Histogram::default());
        let calm = || {
            self.server.forget_peak()?;
            thread::sleep(turn);
            self.peak_mib()
        };
        // The first is for warming up.
        deliver_while(&steady, calm)?;
        for ((name, work), alone) in self.options.cases().into_iter().zip(alone) {
            let (without, peak_without) = deliver_while(&steady, calm)?;
            let began = Instant::now();
            let (with, all) = deliver_while(&steady, || {
                let mut all: Vec<Taken> = Vec::new();
                while began.elapsed() < turn {
                    all.push(self.measure(work)?);
                }
                Ok(all)
            })?;
            let lasted = began.elapsed().as_secs_f64();
            let each = all.iter().map(|taken| taken.seconds).sum::<f64>() / float(all.len() as u64);
            println!(
                "{name:<20} {:>5} {each:>8.2} {:>8.2} {:>9.0} {:>7} {:>7} {:>8} {:>8} {:>8.2} {:>8} {peak_without:>8}",
                all.len(),
                each / alone.seconds,
                float(with.count()) / lasted,
                with.quantile(500),
                without.quantile(500),
                with.quantile(990),
                without.quantile(990),
                float(with.quantile(990).into()) / float(without.quantile(990).into()),
                all.iter().map(|taken| taken.peak_mib).max().unwrap_or(0),
            );
            if matches!(work, Work::Download(_) | Work::Columns(_)) {
                without_all.merge(&without);
                with_all.merge(&with);
            }
        }
        println!(
            "\nall downloads: p50 {} µs, {} without; p99 {} µs, {} without; {:.2} x",
            with_all.quantile(500),
            without_all.quantile(500),
            with_all.quantile(990),
            without_all.quantile(990),
            float(with_all.quantile(990).into()) / float(without_all.quantile(990).into()),
        );
        Ok(steady.delivered())
    }

    /// What the server had in memory at most since its peak was forgotten, above what it has when it does nothing.
    fn peak_mib(&self) -> io::Result<u64> {
        let peak = self.server.usage()?.rss_peak_bytes;
        Ok(peak.saturating_sub(self.idle).div_ceil(MIB))
    }

    fn measure(&self, work: Work) -> io::Result<Taken> {
        self.server.forget_peak()?;
        let cpu_seconds = || -> io::Result<f64> {
            Ok(match work {
                Work::Beside(Beside::Gzip) => process::usage("self")?.children_cpu_seconds,
                Work::Beside(Beside::Copy) => process::thread_cpu_seconds()?,
                Work::Download(_) | Work::Columns(_) => self.server.usage()?.cpu_seconds,
            })
        };
        let before = cpu_seconds()?;
        let began = Instant::now();
        let bytes = match work {
            Work::Beside(Beside::Gzip) => gzip(&self.csv)?,
            Work::Beside(Beside::Copy) => copy(&self.csv)?,
            Work::Download(path) => get(&self.server, path, &mut io::sink())?,
            Work::Columns(path) => {
                let path = format!("{path}?columns={COLUMNS}");
                get(&self.server, &path, &mut io::sink())?
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        let peak_mib = self.peak_mib()?;
        Ok(Taken {
            bytes,
            seconds,
            cpu_seconds: cpu_seconds()? - before,
            peak_mib,
        })
    }

    // ------------------------------------------------------------------------------------------------------- checking

    /// Holds the matrix of scores, cell by cell, against one made with everything in memory.
    fn check_matrix(&mut self, scores: &Scores) -> Result<(), Box<dyn Error>> {
        let path = format!("/exports/{MATRIX}");
        let body = download::get(self.server.addr(), &path, TOKEN)?.into_body();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(body);
        let mut rows = reader.records();
        let (mut compared, mut differs) = (0_u64, None);
        scores.matrix(&mut |wanted| {
            let row = match rows.next() {
                Some(Ok(row)) => row,
                other => {
                    differs.get_or_insert(format!("{other:?} for {:?}", wanted.first()));
                    return;
                }
            };
            let mut filled = wanted.iter().peekable();
            for (column, cell) in row.iter().enumerate() {
                let wanted = filled.next_if(|(at, _)| *at == column);
                let wanted = wanted.map_or("", |(_, text)| text);
                compared += 1;
                if cell != wanted {
                    differs.get_or_insert(format!("{cell:?} for {wanted:?} in {row:?}"));
                }
            }
            if let Some(missing) = filled.next() {
                differs.get_or_insert(format!("{missing:?} is missing in {row:?}"));
            }
        });
        if rows.next().is_some() {
            differs.get_or_insert("a row too many".to_owned());
        }
        println!(
            "\n{compared} cells of the matrix of scores compared with those of another implementation"
        );
        let complaint = differs.map(|what| format!("the matrix of scores: {what}"));
        self.complaints.extend(complaint);
        Ok(())
    }

    /// Every event that was imported or acknowledged is a row, and no other.
    fn check_rows(&mut self, delivered: u64) -> Result<(), Box<dyn Error>> {
        let events = self.options.events;
        for (path, wanted) in [
            (
                "/exports/lessonly.csv?from=2020-03-01&to=today",
                events + delivered,
            ),
            ("/exports/month.csv?from=2020-01-01&to=2020-01-30", events),
        ] {
            let rows = download::get(self.server.addr(), path, TOKEN)?.count_records()?;
            println!("{path}: {rows} rows of {wanted} events");
            if rows != wanted {
                self.complaints
                    .push(format!("{path}: {rows} rows of {wanted} events"));
            }
        }
        Ok(())
    }
}

/// Does `work` while `steady` delivers.
fn deliver_while<T>(
    steady: &Steady,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<(Histogram, T)> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let delivering = scope.spawn(|| steady.deliver(&|| !done.load(Ordering::Relaxed)));
        let outcome = work();
        done.store(true, Ordering::Relaxed);
        let times = delivering
            .join()
            .map_err(|_| io::Error::other("a thread died"))??;
        Ok((times, outcome?))
    })
}

impl Work {
    /// What the server may take for it, in MiB.
    fn mib_max(self) -> Option<u64> {
        match self {
            Self::Download(path) | Self::Columns(path) => Some(if path.contains(".xlsx") {
                WORKBOOK_MIB_MAX
            } else {
                OTHER_MIB_MAX
            }),
            Self::Beside(_) => None,
        }
    }
}

/// `gzip -6 -c` of a file; gives the bytes.
fn gzip(path: &Path) -> io::Result<u64> {
    let mut child = Command::new("gzip")
        .args(["-6", "-c"])
        .stdin(File::open(path)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let bytes = match &mut child.stdout {
        Some(stdout) => io::copy(stdout, &mut io::sink()),
        None => Ok(0),
    };
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("gzip ended with {status}")));
    }
    bytes
}

/// Reads a CSV file record by record and writes each again; gives the bytes.
fn copy(path: &Path) -> io::Result<u64> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)?;
    let mut counted = Counted(0);
    let mut writer = csv::Writer::from_writer(&mut counted);
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        writer.write_byte_record(&record)?;
    }
    writer.flush()?;
    drop(writer);
    Ok(counted.0)
}

/// Counts what is written.
struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn mb(bytes: u64) -> f64 {
    float(bytes) / 1e6
}
