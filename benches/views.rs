//! What views cost: seconds and resident memory, and whether they are right.
//!
//! `cargo bench --bench views`. Each case runs in a process of its own, so that its peak is its own; the events are made
//! up while they are read. What a case gives is held against the same made with everything in memory.

mod load;

use load::scores::{Score, Scores};
use rowhook::event::{Preset, View};
use rowhook::flatten::Kind;
use rowhook::read::rows::{Heading, Row, Rows, Table};
use std::collections::HashMap;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// The most that a process may take, whatever the case.
const RESIDENT_KIB_MAX: u64 = 24 * 1024;

/// Views of so many events, of learners and lessons at random; 0: each event is of a learner of its own.
const CASES: [(&str, u64, u64, u64); 9] = [
    ("matrix", 600_000, 2_000, 300),
    ("latest", 600_000, 2_000, 300),
    ("best", 600_000, 2_000, 300),
    ("latest", 1_000_000, 0, 300),
    ("latest", 3_000_000, 0, 300),
    ("best", 1_000_000, 0, 300),
    ("best", 3_000_000, 0, 300),
    ("matrix", 1_000_000, 0, 300),
    ("matrix", 600_000, 2_000, 20_000),
];

const COLUMNS: [&str; 9] = [
    "received_at",
    "user.id",
    "user.name",
    "user.email",
    "lesson.id",
    "lesson.title",
    "score_percent",
    "completed_at",
    "event_id",
];

/// Events that are made up while they are read.
struct Events {
    headings: Vec<Heading>,
    scores: Scores,
    passes: AtomicU32,
}

struct Made {
    scores: Scores,
    next: u64,
}

impl Table for Events {
    fn headings(&self) -> &[Heading] {
        &self.headings
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        self.passes.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(self.made()))
    }
}

impl Events {
    fn new(count: u64, learners: u64, lessons: u64) -> Self {
        let heading = |name: &str| Heading {
            name: name.to_owned(),
            title: name.to_owned(),
            is_id: name.ends_with("id"),
        };
        Self {
            headings: COLUMNS.map(heading).into(),
            scores: Scores {
                count,
                learners,
                lessons,
            },
            passes: AtomicU32::new(0),
        }
    }

    fn made(&self) -> Made {
        Made {
            scores: self.scores,
            next: 0,
        }
    }
}

impl Rows for Made {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        row.clear();
        if self.next == self.scores.count {
            return Ok(false);
        }
        let Score {
            learner,
            lesson,
            percent,
        } = self.scores.score(self.next);
        let second = self.next % 86_400;
        let cells = [
            (0, Kind::Text, format!("2026-11-23T00:00:{second:05}Z")),
            (1, Kind::Text, learner.to_string()),
            (2, Kind::Text, format!("Learner {learner}")),
            (3, Kind::Text, format!("learner{learner}@example.com")),
            (4, Kind::Text, lesson.to_string()),
            (5, Kind::Text, format!("Lesson number {lesson}")),
            (6, Kind::Number, percent.to_string()),
            (7, Kind::Text, format!("2026-11-23T00:00:{second:05}Z")),
            (8, Kind::Text, format!("{:032x}", self.next)),
        ];
        for (column, kind, text) in cells {
            row.push(column, kind, text.as_bytes());
        }
        self.next += 1;
        Ok(true)
    }
}

/// A digest of rows, each as the texts of its cells with their columns.
#[derive(Default)]
struct Digest {
    hasher: blake3::Hasher,
    rows: u64,
}

impl Digest {
    fn add<'c>(&mut self, cells: impl Iterator<Item = (usize, &'c [u8])>) {
        for (column, text) in cells {
            self.hasher.update(&(column as u64).to_le_bytes());
            self.hasher.update(&(text.len() as u64).to_le_bytes());
            self.hasher.update(text);
        }
        self.hasher.update(&[0xff]);
        self.rows += 1;
    }

    fn line(&self) -> String {
        format!("{} {}", self.rows, self.hasher.finalize().to_hex())
    }
}

/// What the view gives, and what that took, for the parent to read.
fn child(name: &str, count: u64, learners: u64, lessons: u64) {
    let events = Arc::new(Events::new(count, learners, lessons));
    let view: View = Preset::Lessonly.views()[name].clone();
    let base = resident("VmHWM");
    let start = Instant::now();
    let table = view.of(events.clone(), true);
    let mut digest = Digest::default();
    digest.add(table.headings().iter().map(|h| (0, h.name.as_bytes())));
    let (mut rows, mut row) = (table.rows().expect("rows"), Row::default());
    while rows.next(&mut row).expect("a row") {
        digest.add(row.cells().map(|(column, _, text)| (column, text)));
    }
    let (seconds, passes) = (start.elapsed().as_secs_f64(), &events.passes);
    println!("{}", digest.line());
    println!(
        "{seconds:.2} {} {base} {}",
        passes.load(Ordering::Relaxed),
        resident("VmHWM")
    );
}

/// The same, made of all events in memory.
fn naive(name: &str, events: &Events) -> Digest {
    let mut digest = Digest::default();
    if name == "matrix" {
        let mut is_header = true;
        events.scores.matrix(&mut |row| {
            // A heading stands for itself, a cell also for its column.
            digest.add(row.iter().map(|(column, text)| {
                let column = if is_header { 0 } else { *column };
                (column, text.as_bytes())
            }));
            is_header = false;
        });
        return digest;
    }
    digest.add(COLUMNS.iter().map(|name| (0, name.as_bytes())));
    let mut of_key: HashMap<(u64, u64), (u64, u64)> = HashMap::new();
    for number in 0..events.scores.count {
        let score = events.scores.score(number);
        let rank = if name == "best" { score.percent } else { 0 };
        let best = of_key.entry((score.learner, score.lesson)).or_default();
        *best = (*best).max((rank, number));
    }
    let mut numbers: Vec<u64> = of_key.into_values().map(|(_, number)| number).collect();
    numbers.sort_unstable();
    let mut row = Row::default();
    for number in numbers {
        let mut one = events.made();
        one.next = number;
        one.next(&mut row).expect("a row");
        digest.add(row.cells().map(|(column, _, text)| (column, text)));
    }
    digest
}

/// A figure of this process, in KiB.
fn resident(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with(name));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, _, name, numbers @ ..] = &words[..]
        && words[1] == "child"
    {
        let number = |at: usize| numbers[at].parse().expect("a number");
        return child(name, number(0), number(1), number(2));
    }
    println!(
        "view    events     learners   lessons  rows       seconds  passes  resident KiB (before)"
    );
    for (name, count, learners, lessons) in CASES {
        let numbers = [count, learners, lessons].map(|number| number.to_string());
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["child", name])
            .args(numbers)
            .output()
            .expect("a process");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let output = String::from_utf8(output.stdout).expect("text");
        let (digest, figures) = output.split_once('\n').expect("two lines");
        let figures: Vec<&str> = figures.split_whitespace().collect();
        let wanted = naive(name, &Events::new(count, learners, lessons));
        assert_eq!(digest, wanted.line(), "{name} of {count} events");
        println!(
            "{name:<7} {count:<10} {:<10} {lessons:<8} {:<10} {:<8} {:<7} {} ({})",
            if learners == 0 { count } else { learners },
            wanted.rows - 1,
            figures[0],
            figures[1],
            figures[3],
            figures[2],
        );
        let resident: u64 = figures[3].parse().expect("a number");
        assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB");
    }
}
