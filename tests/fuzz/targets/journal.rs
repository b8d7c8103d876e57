//! A start over a journal that something happened to: it goes on or refuses,
//! and never goes on without an event that was acknowledged, the last batch
//! aside (what stands of that one cannot be told from one that was cut off
//! by a crash).
//!
//! Input: a byte of options; then steps of six bytes, each a change to the
//! files of a journal that the real writer made. With the option "raw" the
//! rest of the input is a segment as it is.

use super::memory::MemoryDisk;
use super::{Bytes, shown};
use chrono_tz::Tz;
use rowhook::disk::SharedDisk;
use rowhook::event::{IdKey, SourceName, Timestamp};
use rowhook::journal::{
    Cursor, Event, Events, Incoming, Journal, Opened, Options, Reader, RecoveryError, Verdict,
    open, record,
};
use rowhook::layout::Layout;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Steps beyond these would only take time.
const STEPS_MAX: usize = 8;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let options = bytes.byte();
    if options & 0x80 != 0 {
        return raw(bytes.0);
    }
    let base = &bases()[usize::from(options & 3)];
    let remembered = match options >> 2 & 3 {
        0 | 1 => Remembered::Nothing,
        2 => Remembered::Half,
        _ => Remembered::All,
    };
    let mut case = Case::new(base, remembered);
    for _ in 0..STEPS_MAX {
        if bytes.0.is_empty() {
            break;
        }
        case.step(&mut bytes);
    }
    case.check();
}

/// A segment of any bytes, as the only one and as the last of a chain.
fn raw(content: &[u8]) {
    let disk = Arc::new(MemoryDisk::default());
    disk.put(&layout().journal_dir().join("2026-11-23.jsonl"), content);
    if let Ok((journal, _)) = start(&disk) {
        let found = records(&disk, &journal);
        check_goes_on(&disk, journal, Some(&found));
    }
    let base = &bases()[0];
    let disk = Arc::new(MemoryDisk::default());
    for (path, bytes) in &base.files {
        disk.put(path, bytes);
    }
    disk.put(&layout().journal_dir().join("2026-11-24.jsonl"), content);
    if let Ok((journal, _)) = start(&disk) {
        let found = records(&disk, &journal);
        let all = base.lines.iter().map(|line| line.text.as_slice());
        assert!(
            found
                .iter()
                .map(Vec::as_slice)
                .take(base.lines.len())
                .eq(all),
            "a segment behind it made a whole journal lose events"
        );
        check_goes_on(&disk, journal, Some(&found));
    }
}

fn layout() -> Layout {
    Layout::new("/rowhook")
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).expect("a moment")
}

fn start(disk: &Arc<MemoryDisk>) -> Result<(Journal, Opened), RecoveryError> {
    let options = Options {
        zone: Tz::UTC,
        dedup_days: 7,
        ids_max: 1000,
    };
    let disk: SharedDisk = disk.clone();
    open(disk, layout(), options, &[])
}

fn request(payload: &str) -> Incoming {
    Incoming {
        earlier: None,
        source: SourceName::new("orders").expect("a name"),
        once: true,
        text: payload.into(),
        events: Events::One([Event {
            id: IdKey::new([3; 32]).id("content", &[payload.as_bytes()]),
            payload: 0..payload.len(),
        }]),
    }
}

fn stored(stored: usize, duplicates: usize) -> [Verdict; 1] {
    [Verdict::Stored { stored, duplicates }]
}

/// Every line that a reader is given, without its end; all must be whole records.
fn records(disk: &Arc<MemoryDisk>, journal: &Journal) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(disk.clone(), journal.shared());
    let (mut cursor, end) = (Cursor::default(), journal.shared().end().0);
    let mut found = Vec::new();
    while let Some(block) = reader.next(&mut cursor, end, 300).expect("readable") {
        for line in block.lines.split_inclusive(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\n").expect("a line end");
            record::parse(line).unwrap_or_else(|e| panic!("{e}: {}", shown(line)));
            found.push(line.to_vec());
        }
    }
    found
}

/// A journal that was opened stores, and finds at its next start what it found and what it stored, with all that it remembers
/// and, when `found` is all that is in it, without.
fn check_goes_on(disk: &Arc<MemoryDisk>, mut journal: Journal, found: Option<&[Vec<u8>]>) {
    let now = moment("2026-11-25T12:00:00.000Z");
    let before = journal.shared().last_seq();
    assert_eq!(
        journal.commit(&[request(r#"{"new":1}"#)], now),
        stored(1, 0)
    );
    drop(journal);
    for forget in [false, found.is_some()] {
        if forget {
            disk.forget(&layout().state_dir());
        }
        let (mut journal, opened) =
            start(disk).unwrap_or_else(|e| panic!("it does not start again: {e}"));
        assert_eq!(
            opened.cut_bytes, 0,
            "what was opened is cut at the next start"
        );
        assert_eq!(journal.shared().last_seq(), before.next());
        assert_eq!(
            journal.commit(&[request(r#"{"new":1}"#)], now),
            stored(0, 1)
        );
        if let Some(found) = found {
            let again = records(disk, &journal);
            assert_eq!(again.len(), found.len() + 1);
            assert!(again.starts_with(found), "other events at the next start");
        }
    }
}

/// A journal as the writer made it, with what is to be known of it.
struct Base {
    /// The segments in the order of their chain.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// Every record.
    lines: Vec<Line>,
    /// What the next batch would append.
    next: Vec<u8>,
    /// What is remembered halfway.
    half: Memory,
    /// The same at the end.
    all: Memory,
}

/// The files of the state, and how far they say that the journal is whole: index of the segment, and offset.
type Memory = (Vec<(PathBuf, Vec<u8>)>, (usize, usize));

struct Line {
    /// Index of its file.
    file: usize,
    /// Its bytes there, with its end.
    range: Range<usize>,
    /// Which batch, from 0.
    batch: usize,
    /// Without its end.
    text: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Remembered {
    Nothing,
    Half,
    All,
}

fn bases() -> &'static [Base; 4] {
    static BASES: OnceLock<[Base; 4]> = OnceLock::new();
    BASES.get_or_init(|| {
        let long = format!(r#"{{"long":"{}"}}"#, "x".repeat(300));
        let n = |n: u32| format!(r#"{{"n":{n}}}"#);
        let rich = || r#"{"a":{"b":[1,"\n"]},"é":-0.0}"#.to_owned();
        [
            Base::new(&[
                ("2026-11-20T12:00:00.000Z", &[n(1), n(2)]),
                ("2026-11-20T12:00:01.000Z", &[rich()]),
                ("2026-11-21T12:00:00.000Z", &[n(4)]),
                ("2026-11-21T12:00:01.000Z", &[long.clone(), n(5)]),
                ("2026-11-23T12:00:00.000Z", &[n(6)]),
                (
                    "2026-11-23T12:00:01.000Z",
                    &[n(7), n(8), long.replace('x', "y")],
                ),
            ]),
            // As small as can be.
            Base::new(&[("2026-11-23T12:00:00.000Z", &[n(1)])]),
            // A clock that went back: one day has two segments, and the last one is not the one with the latest name.
            Base::new(&[
                ("2026-11-22T12:00:00.000Z", &[n(1)]),
                ("2026-11-20T12:00:00.000Z", &[n(2)]),
                ("2026-11-22T13:00:00.000Z", &[rich(), n(4)]),
                ("2026-11-20T13:00:00.000Z", &[n(5)]),
                ("2026-11-20T13:00:01.000Z", &[n(6)]),
            ]),
            // One segment.
            Base::new(&[
                ("2026-11-23T12:00:00.000Z", &[n(1)]),
                ("2026-11-23T12:00:01.000Z", &[n(2)]),
                ("2026-11-23T12:00:02.000Z", &[rich(), n(4)]),
                ("2026-11-23T12:00:03.000Z", &[long]),
                ("2026-11-23T12:00:04.000Z", &[n(5)]),
            ]),
        ]
    })
}

impl Base {
    fn new(batches: &[(&str, &[String])]) -> Self {
        let disk = Arc::new(MemoryDisk::default());
        let (mut journal, _) = start(&disk).expect("an empty journal");
        let mut half = (Vec::new(), (0, 0));
        for (nth, (now, payloads)) in batches.iter().enumerate() {
            let requests: Vec<_> = payloads.iter().map(|p| request(p)).collect();
            journal.commit(&requests, moment(now));
            if nth == batches.len() / 2 {
                half = Self::remembered(&disk, &mut journal);
            }
        }
        let all = Self::remembered(&disk, &mut journal);
        let (end, _) = journal.shared().end();
        let files: Vec<_> = (1..=end.segment)
            .map(|number| journal.shared().segment(number).expect("a segment").path)
            .map(|path| (path.clone(), disk.get(&path)))
            .collect();
        let (mut lines, mut batch) = (Vec::new(), 0);
        for (file, (_, bytes)) in files.iter().enumerate() {
            let mut at = 0;
            for (nth, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
                let range = at..at + line.len();
                at = range.end;
                if nth == 0 {
                    continue;
                }
                let text = line[..line.len() - 1].to_vec();
                let left = record::parse(&text).expect("a record").left;
                lines.push(Line {
                    file,
                    range,
                    batch,
                    text,
                });
                batch += usize::from(left == 0);
            }
        }
        let next: Vec<_> = hostile().iter().map(|p| request(p)).collect();
        journal.commit(&next, moment(batches.last().expect("a batch").0));
        let (last, before) = files.last().expect("a segment");
        let next = disk.get(last)[before.len()..].to_vec();
        Self {
            files,
            lines,
            next,
            half,
            all,
        }
    }

    fn remembered(disk: &Arc<MemoryDisk>, journal: &mut Journal) -> Memory {
        journal.checkpoint().expect("a checkpoint");
        let state = layout().state_dir();
        let mut files = disk.all();
        files.retain(|(path, _)| path.starts_with(&state));
        let end = journal.shared().end().0;
        let number = |n: u64| usize::try_from(n).expect("small");
        (files, (number(end.segment - 1), number(end.offset)))
    }
}

/// Payloads that hold what looks like records of much later batches: any sender may send them.
fn hostile() -> [String; 2] {
    let mut line = Vec::new();
    let forged = record::Record {
        seq: rowhook::event::Seq(1 << 40),
        batch: rowhook::event::Seq(1 << 40),
        left: 0,
        received_at: b"2026-11-23T12:00:00.000Z",
        source: "orders",
        id: &[b'0'; 32],
        payload: b"{}",
    };
    forged.write(&mut line);
    let line = String::from_utf8(line).expect("text");
    let line = line.trim_end();
    [
        format!(r#"{{"a":{line},"b":1}}"#),
        format!("{{\"c\":[{line},{line}]}}"),
    ]
}

/// A base that something happens to.
struct Case {
    base: &'static Base,
    remembered: Remembered,
    files: Vec<Option<Vec<u8>>>,
    state: Vec<(PathBuf, Vec<u8>)>,
    state_changed: bool,
}

impl Case {
    fn new(base: &'static Base, remembered: Remembered) -> Self {
        let state = match remembered {
            Remembered::Nothing => Vec::new(),
            Remembered::Half => base.half.0.clone(),
            Remembered::All => base.all.0.clone(),
        };
        Self {
            base,
            remembered,
            files: base.files.iter().map(|f| Some(f.1.clone())).collect(),
            state,
            state_changed: false,
        }
    }

    /// One change to one file; the last one is hit as often as all others together.
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (kind, file, at) = (bytes.byte() % 16, usize::from(bytes.byte()), bytes.number());
        let (one, other) = (bytes.byte(), bytes.byte());
        let last = self.files.len() - 1;
        let nth = (file % (2 * self.files.len())).min(last);
        if kind >= 14 {
            return self.change_state(kind, file, at, one);
        }
        let base = self.base;
        let Some(content) = &mut self.files[nth] else {
            return;
        };
        let place = at % (content.len() + 1);
        let line = &base.lines[usize::from(other) % base.lines.len()];
        let whole_line = &base.files[line.file].1[line.range.clone()];
        match kind {
            0 | 1 if place < content.len() => content[place] ^= one.max(1),
            // Lines are short and files are long: a place in a line is found sooner this way.
            2 if line.file == nth && line.range.end <= content.len() => {
                content[line.range.start + at % line.range.len()] ^= one.max(1);
            }
            3 => {
                let end = content.len().min(place + usize::from(one));
                content[place..end].fill(0);
            }
            4 => content.truncate(place),
            5 if line.file == nth => content.truncate(line.range.end),
            6 => content.extend_from_slice(bytes.some(usize::from(one))),
            7 => {
                let some = bytes.some(usize::from(one)).to_vec();
                content.splice(place..place, some);
            }
            8 => drop(content.drain(place..(place + usize::from(one)).min(content.len()))),
            9 if line.file == nth && line.range.end <= content.len() => {
                drop(content.drain(line.range.clone()));
            }
            10 => content.extend_from_slice(whole_line),
            11 => {
                let torn = &base.next[..at % (base.next.len() + 1)];
                content.extend_from_slice(torn);
            }
            12 => {
                let mut torn = base.next.clone();
                let from = at % torn.len();
                let until = (from + usize::from(one) * 4).min(torn.len());
                torn[from..until].fill(other & 1);
                content.extend_from_slice(&torn);
            }
            13 => self.files[nth] = None,
            _ => {}
        }
    }

    fn change_state(&mut self, kind: u8, file: usize, at: usize, one: u8) {
        let count = self.state.len().max(1);
        if let Some((_, content)) = self.state.get_mut(file % count)
            && !content.is_empty()
        {
            self.state_changed = true;
            let place = at % content.len();
            if kind == 14 {
                content[place] ^= one.max(1);
            } else {
                content.truncate(place);
            }
        }
    }

    fn check(self) {
        let disk = Arc::new(MemoryDisk::default());
        for ((path, _), content) in self.base.files.iter().zip(&self.files) {
            if let Some(content) = content {
                disk.put(path, content);
            }
        }
        for (path, content) in &self.state {
            disk.put(path, content);
        }
        match start(&disk) {
            Err(RecoveryError::Io { path, error }) => {
                panic!("{}: {error}, though the disk does not fail", path.display())
            }
            Err(error) => {
                let needless = self.only_appended() && !self.state_changed && !self.other_follows();
                assert!(!needless, "refused, though nothing is missing: {error}");
            }
            Ok((journal, _)) if self.changed_before_remembered() => {
                check_goes_on(&disk, journal, None);
            }
            Ok((journal, _)) => {
                let found = records(&disk, &journal);
                self.check_found(&found);
                let wanted = self.first(&found) + found.len();
                assert_eq!(
                    journal.shared().last_seq().0,
                    wanted as u64,
                    "the number of the last event is not that of the last event"
                );
                check_goes_on(&disk, journal, Some(&found));
            }
        }
    }

    /// Whether all that was acknowledged is there, with perhaps something behind it.
    fn only_appended(&self) -> bool {
        let last = self.files.len() - 1;
        let mut pairs = self.base.files.iter().zip(&self.files).enumerate();
        pairs.all(|(nth, ((_, base), now))| match now {
            Some(now) if nth == last => now.starts_with(base),
            Some(now) => now == base,
            None => false,
        })
    }

    /// Whether a whole line of another batch than the next stands behind what was acknowledged: no crash leaves that.
    fn other_follows(&self) -> bool {
        let acknowledged = self.base.files.last().map_or(0, |f| f.1.len());
        let Some(Some(content)) = self.files.last() else {
            return false;
        };
        let next = self.base.lines.len() as u64 + 1;
        let lines = content[acknowledged..].split_inclusive(|&b| b == b'\n');
        let batches: Vec<u64> = lines
            .filter_map(|line| line.strip_suffix(b"\n"))
            .flat_map(|line| {
                (0..line.len())
                    .filter(|&at| line[at..].starts_with(b"{\"seq\":"))
                    .filter_map(|at| record::parse(&line[at..]).ok())
                    .map(|record| record.batch.0)
            })
            .collect();
        // The next batch has two records; what stands behind it then is of no later batch.
        batches.len() > 2 || batches.iter().any(|&batch| batch != next)
    }

    /// Whether something changed that a start does not read any more, or what it remembers itself.
    fn changed_before_remembered(&self) -> bool {
        let (file, offset) = match self.remembered {
            Remembered::Nothing => return false,
            Remembered::Half => self.base.half.1,
            Remembered::All => self.base.all.1,
        };
        let mut pairs = self.base.files.iter().zip(&self.files).enumerate();
        pairs.any(|(nth, ((_, base), now))| {
            let length = match nth.cmp(&file) {
                std::cmp::Ordering::Less => base.len(),
                std::cmp::Ordering::Equal => offset,
                std::cmp::Ordering::Greater => 0,
            };
            now.as_ref()
                .is_none_or(|now| now.get(..length) != base.get(..length))
        })
    }

    /// How many events the first segments had that were put away, which an operator may do.
    fn first(&self, found: &[Vec<u8>]) -> usize {
        let seq = |line: &Vec<u8>| record::parse(line).expect("a record").seq.0;
        let put_away = self.files.iter().take_while(|f| f.is_none()).count();
        let events = self.base.lines.iter().filter(|l| l.file < put_away).count();
        match found.first().map(seq) {
            _ if put_away == self.files.len() => 0,
            Some(seq) => {
                let before = usize::try_from(seq).expect("small") - 1;
                assert_eq!(before, events, "the first events are not there");
                before
            }
            None => events,
        }
    }

    /// Holds what was found against what was acknowledged.
    fn check_found(&self, found: &[Vec<u8>]) {
        let acknowledged = &self.base.lines[self.first(found)..];
        let same = acknowledged
            .iter()
            .zip(found)
            .take_while(|(line, found)| line.text == **found)
            .count();
        if same == acknowledged.len() {
            // What follows is a batch that was written and not yet acknowledged.
            assert!(
                found.len() == same || !self.only_appended() || self.files.last().is_some(),
                "events from nowhere"
            );
            return;
        }
        assert_eq!(same, found.len(), "an event that was never acknowledged");
        let missing = &acknowledged[same];
        let begins = same == 0 || acknowledged[same - 1].batch != missing.batch;
        assert!(begins, "a part of a batch is there");
        let batch = acknowledged.iter().filter(|l| l.batch == missing.batch);
        let whole = batch.clone().all(|line| self.stands(line));
        assert!(
            !whole,
            "an event is lost, though nothing of its batch changed"
        );
        let later = acknowledged
            .iter()
            .find(|l| l.batch > missing.batch && self.is_anywhere(l));
        assert!(
            later.is_none(),
            "an event of an earlier batch is lost without a word: {}",
            shown(&missing.text)
        );
    }

    /// Whether the line is where it was.
    fn stands(&self, line: &Line) -> bool {
        let base = &self.base.files[line.file].1[line.range.clone()];
        let now = self.files[line.file].as_ref();
        now.and_then(|now| now.get(line.range.clone())) == Some(base)
    }

    /// Whether the line is in a file, as far as that counts: a segment that is followed by another ends where that one says.
    fn is_anywhere(&self, line: &Line) -> bool {
        let whole = &self.base.files[line.file].1[line.range.clone()];
        self.files.iter().enumerate().any(|(nth, content)| {
            let Some(content) = content else { return false };
            let end = if nth + 1 == self.files.len() {
                content.len()
            } else {
                content.len().min(self.base.files[nth].1.len())
            };
            content[..end]
                .windows(whole.len())
                .any(|part| part == whole)
        })
    }
}
