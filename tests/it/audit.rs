//! Holds what a server has against what it acknowledged: on disk and over
//! HTTP, in the tables and in the journal.
#![allow(
    dead_code,
    reason = "each binary that takes this file uses its own part of it"
)]

use crate::flood::{Event, Ledger};
use crate::server::{Place, Server};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;

/// What was found. All but `acknowledged`, `open_stored` and `rows` should be nothing.
#[derive(Debug, Default)]
pub struct Audit {
    pub acknowledged: usize,
    pub rows: usize,
    /// Events without a 200 that are there all the same, once.
    pub open_stored: usize,
    pub lost: usize,
    pub doubled: usize,
    pub torn: usize,
    /// Files that were set aside as somebody's edit.
    pub set_aside: usize,
    /// The first things that are not as they should be, in words.
    pub faults: Vec<String>,
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "acknowledged {}, rows {}, stored without a 200 {}, lost {}, doubled {}, torn {}, set aside {}",
            self.acknowledged,
            self.rows,
            self.open_stored,
            self.lost,
            self.doubled,
            self.torn,
            self.set_aside
        )
    }
}

type Counts = HashMap<Event, usize>;

impl Audit {
    /// Looks at everything. Nothing may be under way.
    pub fn of(place: &Place, server: &Server, ledger: &Ledger) -> Self {
        let mut audit = Self::default();
        // Answered once the tables have everything: a start may still be making its first file.
        assert_eq!(server.get("/exports/lessonly/latest.csv").status, 200);
        let over_http: BTreeMap<String, Vec<u8>> = csv_files(place)
            .into_keys()
            .map(|name| {
                let answer = server.get(&format!("/exports/lessonly/{name}"));
                assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                let length = answer.header("content-length").map(str::to_owned);
                assert_eq!(length, Some(answer.body.len().to_string()), "{name}");
                (name, answer.body)
            })
            .collect();
        let on_disk = csv_files(place);
        for (name, bytes) in &over_http {
            if on_disk.get(name) != Some(bytes) {
                audit.fault(format!(
                    "{name} has other bytes on disk than over HTTP: {} and {}",
                    on_disk.get(name).map_or(0, Vec::len),
                    bytes.len()
                ));
            }
        }
        let mut rows = Counts::new();
        for (name, bytes) in &over_http {
            audit.count_rows(name, bytes, &mut rows);
        }
        audit.compare("table", &rows, ledger);
        audit.rows = rows.values().sum();
        let journal = audit.count_journal(place);
        if journal != rows {
            audit.fault(format!(
                "the journal has {} events, the tables {}",
                journal.len(),
                rows.len()
            ));
        }
        audit.look_for_edits(place);
        audit
    }

    /// Ends the test when anything of the data is not as it should be.
    pub fn assert_whole(&self) {
        let wrong = self.lost + self.doubled + self.torn > 0 || !self.faults.is_empty();
        assert!(!wrong, "{self}\n{}", self.faults.join("\n"));
    }

    /// The same, and that nothing was taken for somebody's edit: nobody changes files here.
    pub fn assert_untouched(&self) {
        self.assert_whole();
        assert_eq!(
            self.set_aside, 0,
            "files were set aside as edited, and nobody had changed them"
        );
    }

    fn fault(&mut self, what: String) {
        if self.faults.len() < 20 {
            self.faults.push(what);
        }
    }

    fn compare(&mut self, what: &str, found: &Counts, ledger: &Ledger) {
        let acknowledged: HashSet<Event> = ledger.acknowledged().iter().copied().collect();
        let open: HashSet<Event> = ledger.open().iter().copied().collect();
        self.acknowledged = acknowledged.len();
        for event in &acknowledged {
            if !found.contains_key(event) {
                self.lost += 1;
                self.fault(format!("{what}: {event} was acknowledged and is not there"));
            }
        }
        for (event, &times) in found {
            if times > 1 {
                self.doubled += 1;
                self.fault(format!("{what}: {event} is there {times} times"));
            }
            if !acknowledged.contains(event) {
                self.open_stored += 1;
                if !open.contains(event) {
                    self.fault(format!("{what}: {event} was never sent"));
                }
            }
        }
    }

    /// Counts the rows of one file, each cell of which must be where it belongs.
    pub fn count_rows(&mut self, name: &str, text: &[u8], rows: &mut Counts) {
        if text.last() != Some(&b'\n') {
            self.torn += 1;
            self.fault(format!("{name} does not end with a whole row"));
        }
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text);
        let header: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(str::to_owned).collect(),
            Err(error) => return self.fault(format!("{name}: {error}")),
        };
        let places: HashMap<&str, usize> = header.iter().map(String::as_str).zip(0..).collect();
        if places.len() != header.len() {
            self.fault(format!("{name}: a column has no name of its own"));
        }
        let fields: Vec<usize> = (0..header.len())
            .filter(|&place| header[place].starts_with("Field "))
            .collect();
        let mut row = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.torn += 1;
                    self.fault(format!("{name}: {error}"));
                    continue;
                }
            }
            match row_event(&row, &places, &fields) {
                Ok(event) => *rows.entry(event).or_default() += 1,
                Err(what) => {
                    self.torn += 1;
                    self.fault(format!("{name}: {what}: {row:?}"));
                }
            }
        }
    }

    /// Counts the events of the journal, each line of which must be in its place.
    fn count_journal(&mut self, place: &Place) -> Counts {
        let (mut counts, mut seq, mut left) = (Counts::new(), 0, 0);
        for (path, text) in segments(place) {
            for line in text.lines().skip(1) {
                let record: Record = match serde_json::from_str(line) {
                    Ok(record) => record,
                    Err(error) => {
                        self.fault(format!("{}: {error}: {line}", path.display()));
                        continue;
                    }
                };
                seq += 1;
                let expected = if left > 0 { left - 1 } else { record.left };
                if record.seq != seq || record.left != expected {
                    self.fault(format!("{}: record {seq} is {record:?}", path.display()));
                    seq = record.seq;
                }
                left = record.left;
                match record.payload.user.ext_uid.parse() {
                    Ok(event) => *counts.entry(event).or_default() += 1,
                    Err(what) => self.fault(what),
                }
            }
        }
        if left != 0 {
            self.fault(format!("{left} records of the last batch are missing"));
        }
        counts
    }

    fn look_for_edits(&mut self, place: &Place) {
        let dir = std::fs::read_dir(place.output().join("csv/lessonly"));
        for entry in dir.into_iter().flatten() {
            let name = entry.expect("an entry").file_name();
            self.set_aside += usize::from(name.to_string_lossy().contains(".edited-"));
        }
    }
}

fn row_event(
    row: &csv::StringRecord,
    places: &HashMap<&str, usize>,
    fields: &[usize],
) -> Result<Event, String> {
    let cell = |name: &str| places.get(name).and_then(|&at| row.get(at));
    let key = cell("user.ext_uid").ok_or("no key")?;
    let event: Event = key.parse()?;
    if cell("user.name") != Some(event.name()) {
        return Err("another name".into());
    }
    if cell("event_id").is_none_or(|id| id.len() != 32) {
        return Err("no event id".into());
    }
    let filled = fields.iter().filter(|&&at| !row[at].is_empty()).count();
    match event.field() {
        None if filled > 0 => Err("a field that the event does not have".into()),
        Some(field) if filled != 1 || cell(&field) != Some(key) => {
            Err(format!("{field} is not where it belongs"))
        }
        _ => Ok(event),
    }
}

/// The CSV files of `lessonly` that carry its days' names.
pub fn csv_files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let Ok(dir) = std::fs::read_dir(place.output().join("csv/lessonly")) else {
        return BTreeMap::new();
    };
    dir.map(|entry| entry.expect("an entry"))
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let stem = name.strip_suffix(".csv")?;
            let ours = !stem.starts_with('.') && !stem.contains("edited");
            ours.then(|| (name, std::fs::read(entry.path()).expect("a file")))
        })
        .collect()
}

#[derive(Debug, Deserialize)]
pub struct FirstLine {
    pub segment: u64,
    pub first_seq: u64,
    pub previous: Previous,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Previous {
    pub segment: u64,
    pub bytes: usize,
}

#[derive(Debug, Deserialize)]
struct Record {
    seq: u64,
    left: u64,
    payload: Payload,
}

#[derive(Debug, Deserialize)]
struct Payload {
    user: User,
}

#[derive(Debug, Deserialize)]
struct User {
    ext_uid: String,
}

/// The segments of the journal in the order of their chain, each as far as the next one says that it is good.
pub fn segments(place: &Place) -> Vec<(PathBuf, String)> {
    let mut found: Vec<(FirstLine, PathBuf, String)> =
        std::fs::read_dir(place.output().join("journal"))
            .expect("a journal")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
            .map(|path| {
                let text = std::fs::read_to_string(&path).expect("a text");
                let first = text.lines().next().expect("a first line");
                (
                    serde_json::from_str(first).expect("a first line"),
                    path,
                    text,
                )
            })
            .collect();
    found.sort_by_key(|(first, ..)| first.segment);
    for nth in 1..found.len() {
        let Previous { segment, bytes } = found[nth].0.previous;
        assert_eq!(segment, found[nth - 1].0.segment, "a chain of segments");
        found[nth - 1].2.truncate(bytes);
    }
    found
        .into_iter()
        // The open one has room behind its last line.
        .map(|(_, path, text)| (path, text.trim_end_matches(' ').to_owned()))
        .collect()
}

/// The first line of the segment at `path`.
pub fn first_line(text: &str) -> FirstLine {
    serde_json::from_str(text.lines().next().expect("a line")).expect("a first line")
}
