//! The journal on a directory of its own: what it writes, and what a start
//! makes of it.

mod audit;
mod chain;
mod commits;
mod cuts;
mod failures;
mod random;
mod reading;
mod refusals;

use super::{
    Cursor, Earlier, Event, Events, Incoming, Journal, Known, Opened, Options, Reader,
    RecoveryError, Verdict, open, record,
};
use crate::disk::{RealDisk, SharedDisk};
use crate::event::{Id, IdKey, Seq, SourceName, Timestamp};
use crate::layout::Layout;
use chrono_tz::Tz;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NOON: &str = "2026-11-23T12:00:00.000Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn options() -> Options {
    Options {
        zone: Tz::UTC,
        dedup_days: 7,
        ids_max: 1000,
    }
}

fn real() -> SharedDisk {
    Arc::new(RealDisk)
}

fn id(payload: &str) -> Id {
    IdKey::new([3; 32]).id("content", &[payload.as_bytes()])
}

/// A request that brings one object.
fn one(payload: &str) -> Incoming {
    Incoming {
        earlier: None,
        source: SourceName::new("orders").unwrap(),
        once: true,
        text: payload.into(),
        events: Events::One([Event {
            id: id(payload),
            payload: 0..payload.len(),
        }]),
    }
}

/// The same of an object that came in the morning of an earlier day.
fn earlier(payload: &str, day: &str) -> Incoming {
    Incoming {
        earlier: Some(Earlier {
            at: at(&format!("{day}T08:00:00.000Z")),
            day: day.parse().unwrap(),
        }),
        ..one(payload)
    }
}

/// A request that brings an array.
fn many(payloads: &[&str]) -> Incoming {
    let mut text = String::from("[");
    let mut events = Vec::new();
    for payload in payloads {
        if text.len() > 1 {
            text.push(',');
        }
        events.push(Event {
            id: id(payload),
            payload: text.len()..text.len() + payload.len(),
        });
        text.push_str(payload);
    }
    text.push(']');
    Incoming {
        earlier: None,
        text: text.into_bytes(),
        events: Events::Many(events),
        ..one("{}")
    }
}

fn stored(stored: usize, duplicates: usize) -> Verdict {
    Verdict::Stored { stored, duplicates }
}

/// An output directory with a journal in it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        std::fs::create_dir(dir.path().join("journal")).unwrap();
        Self { dir }
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn try_open(&self) -> Result<(Journal, Opened), RecoveryError> {
        open(real(), self.layout(), options(), &[])
    }

    fn open(&self) -> Journal {
        self.try_open().unwrap().0
    }

    fn open_with(&self, options: Options) -> Journal {
        open(real(), self.layout(), options, &[]).unwrap().0
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn remove(&self, name: &str) {
        let path = self.path(name);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            let _ = std::fs::remove_file(path);
        }
    }

    fn names(&self, dir: &str) -> Vec<String> {
        names(&self.path(dir))
    }
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Stores one payload in a batch of its own.
fn store(journal: &mut Journal, payload: &str, now: &str) -> Verdict {
    journal.commit(&[one(payload)], at(now))[0]
}

/// Every payload that a reader of the journal is given, in order.
fn payloads(journal: &Journal) -> Vec<String> {
    let mut reader = Reader::new(real(), journal.shared());
    let (mut cursor, end) = (Cursor::default(), journal.shared().end().0);
    let mut found = Vec::new();
    while let Some(block) = reader.next(&mut cursor, end, 300).unwrap() {
        for line in block.lines.split_inclusive(|&b| b == b'\n') {
            let record = record::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
            found.push(String::from_utf8(record.payload.to_vec()).unwrap());
        }
    }
    found
}
