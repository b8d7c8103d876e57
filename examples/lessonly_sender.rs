//! A stand-in for the real sender: POSTs made-up Lessonly completions to a callback URL, and tries
//! again what was refused, as the vendor documents it.
//!
//! ```console
//! $ cargo run --release --example lessonly_sender -- --url http://127.0.0.1:8080/hooks/lessonly
//! ```
//!
//! Event number i is a function of `--seed`, `--learners`, `--lessons` and i alone: a second run
//! sends the very same events, and each should come back as a duplicate. No two events of a run are
//! equal.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use clap::{Args, Parser, value_parser};
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use ureq::Agent;
use ureq::http::{HeaderValue, Uri};

const AFTER_HELP: &str = "\
Example: 1000 events at 50 a second, one that failed tried again after 2 seconds
  lessonly_sender --url http://127.0.0.1:8080/hooks/lessonly --count 1000 --rate 50 --retry-seconds 2

The exit status is 1 when an event was finally not accepted.";

/// Send made-up Lessonly completions to a webhook, and count what became of them
#[derive(Parser)]
#[command(name = "lessonly_sender", after_help = AFTER_HELP)]
struct Options {
    /// Callback URL, http only
    #[arg(long, default_value = "http://127.0.0.1:8080/hooks/lessonly", value_parser = http_url)]
    url: Uri,
    /// Authorization header, sent exactly as written; blank sends none
    #[arg(long, value_name = "VALUE", value_parser = authorization, allow_hyphen_values = true)]
    #[arg(env = "LESSONLY_AUTHORIZATION", hide_env_values = true)]
    authorization: Option<HeaderValue>,
    /// Number of events
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    count: u32,
    /// Events per second, retries not counted; 0 is as fast as it can
    #[arg(long, default_value_t = 0.0, value_name = "EVENTS_PER_SECOND", value_parser = rate)]
    rate: f64,
    /// Connections, each kept open, with one request at a time
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u16).range(1..))]
    connections: u16,
    /// Retries of an event whose first attempt failed; the vendor makes 3, then gives up
    #[arg(long, default_value_t = 3)]
    retries: u32,
    /// Seconds from a failed attempt to the next; the vendor waits 5 minutes
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    retry_seconds: u32,
    #[command(flatten)]
    company: Company,
    /// Print the payloads as JSON Lines and send nothing
    #[arg(long)]
    print: bool,
}

fn http_url(text: &str) -> Result<Uri, String> {
    if !text.starts_with("http://") {
        return Err("must begin with http://".into());
    }
    text.parse().map_err(|error| format!("{error}"))
}

/// Visible ASCII and spaces: the HTTP client refuses anything else in this header.
fn authorization(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text).ok();
    let ascii = value.filter(|value| value.to_str().is_ok());
    ascii.ok_or("only visible ASCII and spaces can be sent".into())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate == 0.0 || (0.001..=1e6).contains(&rate) => Ok(rate),
        _ => Err("must be 0, or from 0.001 to 1000000".into()),
    }
}

fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    if options.print {
        return match print(&options) {
            // `| head` that has seen enough is no failure.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(ExitCode::SUCCESS),
        };
    }
    let run = Run {
        options: &options,
        start: Instant::now(),
        board: Mutex::default(),
        changed: Condvar::new(),
        finished: Condvar::new(),
    };
    thread::scope(|scope| {
        for _ in 0..options.connections {
            scope.spawn(|| run.send_all());
        }
        run.watch();
    });
    let board = run.board();
    summarise(&board, run.start.elapsed());
    Ok(ExitCode::from(u8::from(board.given_up > 0)))
}

fn print(options: &Options) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for event in 0..options.count {
        writeln!(out, "{}", options.company.payload(event))?;
    }
    out.flush()
}

/// When it is due, the number of the event, the number of retries before it.
type Attempt = (Instant, u32, u32);

/// Status and body, or why there is none.
type Answer = Result<(u16, Vec<u8>), ureq::Error>;

/// What the connections share.
#[derive(Default)]
struct Board {
    /// Events from this one on have not been tried yet.
    next: u32,
    /// Failed events, the one due first on top.
    waiting: BinaryHeap<Reverse<Attempt>>,
    /// Accepted or given up: nothing more will be done about so many events.
    settled: u32,
    given_up: u32,
    retries: u32,
    /// How often an attempt ended how.
    outcomes: BTreeMap<String, u32>,
    last_failure: String,
    /// From sending to the whole answer, for each attempt that got one.
    answered_in: Vec<Duration>,
}

struct Run<'a> {
    options: &'a Options,
    start: Instant,
    board: Mutex<Board>,
    /// An attempt is over: there may be a retry to wait for, or nothing left to do.
    changed: Condvar,
    /// All is settled. Apart from `changed`, so that `watch` is not woken by every attempt.
    finished: Condvar,
}

impl Run<'_> {
    /// No thread panics while it holds the board, so here and below the lock is never poisoned.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap()
    }

    /// The work of one connection: one attempt after the other until every event is settled.
    fn send_all(&self) {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            // Many servers close a connection that was idle for 5 seconds: do not race with them.
            .max_idle_age(Duration::from_secs(4))
            .user_agent("lessonly_sender")
            .build()
            .into();
        while let Some(attempt) = self.take() {
            let payload = self.options.company.payload(attempt.1).to_string();
            let sent = Instant::now();
            let answer = self.post(&agent, &payload);
            self.settle(attempt, answer, sent.elapsed());
        }
    }

    /// Waits for the next attempt that is due; `None` once there will be no more. A retry goes
    /// before a new event, or sending as fast as it can would put it off to the end.
    fn take(&self) -> Option<Attempt> {
        let mut board = self.board();
        loop {
            let now = Instant::now();
            let retry = board.waiting.peek().map(|Reverse(retry)| *retry);
            if retry.is_some_and(|(due, ..)| due <= now) {
                board.retries += 1;
                board.waiting.pop();
                return retry;
            }
            let new = (board.next < self.options.count).then(|| self.first_attempt(board.next));
            if new.is_some_and(|(due, ..)| due <= now) {
                board.next += 1;
                return new;
            }
            board = match retry.into_iter().chain(new).min() {
                Some((due, ..)) => self.changed.wait_timeout(board, due - now).unwrap().0,
                None if board.settled == self.options.count => return None,
                None => self.changed.wait(board).unwrap(),
            };
        }
    }

    fn first_attempt(&self, event: u32) -> Attempt {
        let after = match self.options.rate {
            0.0 => Duration::ZERO,
            rate => Duration::from_secs_f64(f64::from(event) / rate),
        };
        (self.start + after, event, 0)
    }

    fn post(&self, agent: &Agent, payload: &str) -> Answer {
        let mut request = agent.post(&self.options.url);
        if let Some(value) = &self.options.authorization
            && !value.as_bytes().trim_ascii().is_empty()
        {
            request = request.header("Authorization", value);
        }
        let mut response = request.content_type("application/json").send(payload)?;
        // Read whatever the status is: only then can the connection take the next request.
        let body = response.body_mut().read_to_vec()?;
        Ok((response.status().as_u16(), body))
    }

    fn settle(&self, (_, event, retries): Attempt, answer: Answer, took: Duration) {
        let (outcome, failure) = match answer {
            Ok((200..=299, body)) => (accepted(&body).into(), None),
            Ok((status, body)) => {
                let failure = format!("{status} {}", String::from_utf8_lossy(&body));
                (format!("refused {status}"), Some(failure))
            }
            Err(error) => (FAILED_CONNECTION.into(), Some(error.to_string())),
        };
        let mut board = self.board();
        if outcome != FAILED_CONNECTION {
            board.answered_in.push(took);
        }
        *board.outcomes.entry(outcome).or_default() += 1;
        let give_up = failure.is_some() && retries == self.options.retries;
        board.given_up += u32::from(give_up);
        if failure.is_none() || give_up {
            board.settled += 1;
        } else {
            let due = Instant::now() + Duration::from_secs(self.options.retry_seconds.into());
            board.waiting.push(Reverse((due, event, retries + 1)));
        }
        if let Some(failure) = failure {
            // Written by the other side, shown on a terminal: one line, no escape sequences.
            let printable = failure.replace(char::is_control, " ");
            board.last_failure = printable.chars().take(160).collect();
        }
        if board.settled == self.options.count {
            self.finished.notify_one();
        }
        drop(board);
        self.changed.notify_all();
    }

    /// Shows progress until all is settled: a bar on a terminal, otherwise a line at times.
    fn watch(&self) {
        let count = self.options.count;
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} {msg}");
        let bar = ProgressBar::new(count.into()).with_style(style.unwrap());
        let pause = Duration::from_millis(if bar.is_hidden() { 10_000 } else { 100 });
        loop {
            let board = self.board();
            let unsettled = |board: &mut Board| board.settled < count;
            let waited = self.finished.wait_timeout_while(board, pause, unsettled);
            let (board, timeout) = waited.unwrap();
            if !timeout.timed_out() {
                break;
            }
            let (settled, waiting) = (board.settled, board.waiting.len());
            let message = match waiting {
                0 => String::new(),
                _ => format!("{waiting} to try again: {}", board.last_failure),
            };
            drop(board);
            if bar.is_hidden() {
                eprintln!("{settled}/{count} {message}");
            }
            bar.set_position(settled.into());
            bar.set_message(message);
        }
        bar.finish_and_clear();
    }
}

const STORED: &str = "stored";
const DUPLICATE: &str = "duplicate";
/// An answer without rowhook's word for it; the vendor would be content with it.
const OTHER_2XX: &str = "other 2xx";
const FAILED_CONNECTION: &str = "failed connection";

/// What a 2xx says has become of the event.
fn accepted(body: &[u8]) -> &'static str {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body["status"].as_str() {
        Some(STORED) => STORED,
        Some(DUPLICATE) => DUPLICATE,
        _ => OTHER_2XX,
    }
}

fn summarise(board: &Board, elapsed: Duration) {
    let count = |name: &str, value: u32| println!("{name:<18}{value:>12}");
    let number = |name: &str, value: f64| println!("{name:<18}{value:>12.2}");
    let mut outcomes = board.outcomes.clone();
    count("events", board.settled);
    for name in [STORED, DUPLICATE, OTHER_2XX, FAILED_CONNECTION] {
        count(name, outcomes.remove(name).unwrap_or(0));
    }
    for (refused, answers) in outcomes {
        count(&refused, answers);
    }
    count("retries", board.retries);
    count("given up", board.given_up);
    number("seconds", elapsed.as_secs_f64());
    let per_second = f64::from(board.settled) / elapsed.as_secs_f64();
    number("events/s", per_second);
    let mut sorted = board.answered_in.clone();
    sorted.sort_unstable();
    for percent in [50, 99] {
        let nearest_rank = (sorted.len() * percent).div_ceil(100).max(1);
        if let Some(took) = sorted.get(nearest_rank - 1) {
            number(&format!("p{percent} ms"), took.as_secs_f64() * 1e3);
        }
    }
    if !board.last_failure.is_empty() {
        println!("last failure: {}", board.last_failure);
    }
}

/// What an event is a function of, besides its number.
#[derive(Args)]
struct Company {
    /// Another seed makes other events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of learners
    #[arg(long, default_value_t = 50, value_parser = value_parser!(u32).range(1..))]
    learners: u32,
    /// Number of lessons
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    lessons: u32,
}

/// Times in seconds since 1970.
struct Completion {
    learner: u32,
    lesson: u32,
    questions: u32,
    correct: u32,
    graded_by_hand: bool,
    assigned: i64,
    started: i64,
    completed: i64,
}

impl Company {
    /// A sequence of random numbers of its own for each purpose and index.
    fn rng(&self, purpose: u8, index: u32) -> Rng {
        let which = (u64::from(purpose) << 32) | u64::from(index);
        Rng::with_seed(Rng::with_seed(self.seed).u64(..) ^ which)
    }

    fn completion(&self, event: u32) -> Completion {
        const FIRST: i64 = 1_736_150_400; // 2025-01-06T08:00:00Z
        const STEP: i64 = 240;
        let mut rng = self.rng(b'c', event);
        // No two events are completed in the same second: that is what makes them distinct.
        let completed = FIRST + i64::from(event) * STEP + rng.i64(0..STEP);
        if event >= 3 && rng.u32(..10) == 0 {
            // A retake. Three events back, it can begin after the earlier one was completed.
            let mut it = self.completion(event - rng.u32(3..=event.min(40)));
            it.correct = (it.correct + 1 + rng.u32(..it.questions)) % (it.questions + 1);
            it.graded_by_hand = false;
            it.started = completed - rng.i64(30..2 * STEP);
            it.completed = completed;
            return it;
        }
        let lesson = rng.u32(..self.lessons);
        let questions = [4, 10, 8, 3, 12][lesson as usize % 5];
        let started = completed - rng.i64(30..3600);
        Completion {
            learner: rng.u32(..self.learners),
            lesson,
            questions,
            correct: rng.u32(..=questions).max(rng.u32(..=questions)),
            graded_by_hand: rng.u32(..20) == 0,
            assigned: started - rng.i64(60..30 * 86_400),
            started,
            completed,
        }
    }

    fn payload(&self, event: u32) -> Value {
        let it = self.completion(event);
        let mut rng = self.rng(b'p', event);
        // Strings in the vendor's sample, whole numbers in its REST API.
        let ids_are_numbers = rng.u32(..50) == 0;
        let id = |id: u32| {
            if ids_are_numbers {
                return id.into();
            }
            id.to_string().into()
        };
        // In hundredths of a percent, so that 2 of 3 is 66.67 and not 66.66666666666667.
        let hundredths = (it.correct * 10_000 + it.questions / 2) / it.questions;
        let score = match hundredths {
            0 | 10_000 => json!(hundredths / 10_000),
            _ => json!(f64::from(hundredths) / 1e4),
        };
        let lesson = it.lesson as usize;
        let report_card = format!("https://acme.lessonly.example/report_cards/{event}");
        json!({
            "user": self.user(it.learner, event, id),
            "lesson": {
                "id": id(1000 + 7 * it.lesson),
                "title": TITLES[lesson % TITLES.len()],
                "retake_score": ([Some(85), Some(70), None, Some(100)][lesson % 4]),
            },
            "score": (!it.graded_by_hand).then_some(score),
            "score_percent": (!it.graded_by_hand).then_some(f64::from(hundredths) / 1e2),
            "started_at": iso8601(it.started),
            "completed_at": iso8601(it.completed),
            "assigned_at": iso8601(it.assigned),
            "report_card_url": if rng.u32(..10) == 0 { "" } else { &report_card },
        })
    }

    fn user(&self, learner: u32, event: u32, id: impl Fn(u32) -> Value) -> Value {
        let mut rng = self.rng(b'l', learner);
        let mut user = Map::new();
        if rng.u32(..10) < 6 {
            user.insert("ext_uid".into(), format!("{learner:07}").into());
        }
        user.insert("id".into(), id(4200 + learner));
        user.insert("name".into(), NAMES[learner as usize % NAMES.len()].into());
        let email = format!("learner{learner}@example.com");
        let has_email = rng.u32(..7) > 0;
        user.insert("email".into(), if has_email { &email } else { "" }.into());
        let mut fields = Map::new();
        for (name, events, values) in CUSTOM_FIELDS {
            // Drawn also when it is not sent: a learner keeps the value while fields come and go.
            let value = values[rng.usize(..values.len())];
            if events.contains(&(event % 1000)) {
                fields.insert((*name).into(), value.into());
            }
        }
        user.insert("custom_fields".into(), fields.into());
        user.into()
    }
}

fn iso8601(seconds: i64) -> String {
    let time = DateTime::from_timestamp_secs(seconds).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[rustfmt::skip] // One a line would be a page.
const NAMES: [&str; 24] = [
    "Amélie Lefèvre", "Bjørn Åkesson", "田中 さくら", "O'Brien, Siobhán", "Мария Кузнецова", "李小龙",
    "فاطمة الزهراء", "José María Núñez", "William \"Bill\" Hayes, Jr.", "Ελένη Παπαδοπούλου", "김민준",
    "Zoë van der Berg", "अनन्या शर्मा", "Łukasz Wójcik", "נועה לוי", "Nguyễn Thị Hương", "Ada Okafor",
    "สมชาย ใจดี", "Jürgen Groß", "Dvořák, Antonín", "İpek Yılmaz", " Renée  Faure ", "Null", "Sam Lee 🎓",
];

#[rustfmt::skip]
const TITLES: [&str; 20] = [
    "Welcome to Acme", "Safety, Health and Environment", "The \"Challenger\" Sale", "接客の基本",
    "Datenschutz für Einsteiger", "Objections: Price, Timing, Trust", "Cold Chain: -18 °C and below",
    "Première visite client", "Onboarding\nWeek 1", "=SUM() and other spreadsheet basics", "+1 Support",
    "Étiquette; courriels et appels", "1/2 Day Forklift Refresher", "Информационная безопасность",
    "Tab\tKey Shortcuts", "100% Uptime", "Say \"Hi\", Say \"Bye\"", "3.10", "Lektion 4", "R&D <Basics>",
];

#[rustfmt::skip]
/// Name, the events of every thousand that have it, values. Location is renamed to Office.
const CUSTOM_FIELDS: [(&str, Range<u32>, &[&str]); 9] = [
    ("Department", 5..1000, &["Sales", "R&D", "Vertrieb, Marketing", "営業部"]),
    ("Hire Date", 10..1000, &["2019-03-01", "03/12/2021", "2024-02-29", ""]),
    ("Manager", 20..1000, &["Grace O'Neil", "Dvořák, Antonín", "김민준", ""]),
    ("Location", 0..60, &["Indianapolis, IN", "Zürich", "東京"]),
    ("Office", 60..1000, &["Indianapolis, IN", "Zürich", "東京"]),
    ("Cost Center", 30..80, &["0042", "4711-00", "1e5"]),
    ("Région", 40..90, &["Île-de-France", "Auvergne-Rhône-Alpes", "-"]),
    ("Team, \"Shift\"", 50..70, &["A, early", "B, \"late\"", "C"]),
    ("雇用形態", 65..95, &["正社員", "契約社員"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const COMPANY: Company = Company {
        seed: 1,
        learners: 3,
        lessons: 2,
    };

    #[test]
    fn payloads_are_repeatable_and_distinct() {
        let payload = |event| COMPANY.payload(event).to_string();
        let mut once: Vec<String> = (0..2000).map(payload).collect();
        let mut again: Vec<String> = (0..2000).rev().map(payload).collect();
        again.reverse();
        assert_eq!(once, again);
        once.sort();
        once.dedup();
        assert_eq!(once.len(), 2000);
    }

    #[test]
    fn a_retake_begins_after_the_earlier_completion() {
        let mut all: Vec<Completion> = (0..1000).map(|event| COMPANY.completion(event)).collect();
        // Only a retake has the assignment of an earlier event.
        all.sort_by_key(|it| (it.assigned, it.completed));
        let mut retakes = 0;
        for pair in all.windows(2) {
            assert!(pair[1].assigned < pair[1].started && pair[1].started < pair[1].completed);
            if pair[0].assigned == pair[1].assigned {
                assert!(pair[0].completed < pair[1].started);
                retakes += 1;
            }
        }
        assert!((50..200).contains(&retakes), "{retakes} retakes");
    }

    #[test]
    fn custom_fields_come_and_go() {
        let names = |event: u32| {
            let fields = COMPANY.payload(event)["user"]["custom_fields"].take();
            let names = fields.as_object().unwrap().keys().cloned();
            names.collect::<Vec<_>>().join("|")
        };
        assert_eq!(names(0), "Location");
        assert_eq!(names(25), "Department|Hire Date|Manager|Location");
        assert_eq!(names(99), "Department|Hire Date|Manager|Office");
    }
}
