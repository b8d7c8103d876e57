//! The steps from a body to a row, each with what it needs at hand as it is on a server that has met the sender before.

use super::event::{EVENTS, Sender};
use rowhook::event::{IdKey, Seq, SourceName};
use rowhook::flatten::{Columns, Flat, Rules};
use rowhook::journal::Events;
use rowhook::journal::record::{self, Record};
use rowhook::receive::identity::{Same, identify};
use rowhook::receive::{Parsed, parse};
use std::cell::Cell;

pub const RECEIVED_AT: &[u8] = b"2026-11-23T15:42:24.007Z";

/// What is read, and stays as it is.
pub struct Source {
    key: IdKey,
    name: SourceName,
    bodies: Vec<Vec<u8>>,
    turn: Cell<usize>,
}

impl Source {
    pub fn new(sender: Sender) -> Self {
        Self {
            key: IdKey::new([7; 32]),
            name: SourceName::new(&sender.to_string()).expect("a sender's name is a source's"),
            bodies: sender.bodies(),
            turn: Cell::new(0),
        }
    }

    /// The event whose turn it is.
    pub fn next(&self) -> usize {
        self.turn.set((self.turn.get() + 1) % EVENTS);
        self.turn.get()
    }

    pub fn body(&self, nth: usize) -> &[u8] {
        &self.bodies[nth]
    }

    pub fn all(&self) -> impl Iterator<Item = Vec<u8>> {
        self.bodies.iter().cloned()
    }

    pub fn identify(&self, parsed: &Parsed) -> Events {
        identify(&self.key, &self.name, Same::Content, parsed)
    }

    /// Writes the line of `payload` in place of what `line` held.
    pub fn encode(&self, id: &[u8], payload: &[u8], line: &mut Vec<u8>) {
        line.clear();
        let record = Record {
            seq: Seq(1_234_567),
            batch: Seq(1_234_560),
            left: 3,
            received_at: RECEIVED_AT,
            source: self.name.as_str(),
            id,
            payload,
        };
        record.write(line);
    }
}

/// The body as one event.
pub fn parsed(body: Vec<u8>) -> Parsed {
    parse(body, false, 64).expect("the body is an event")
}

pub fn payload(parsed: &Parsed) -> &[u8] {
    &parsed.text[parsed.payloads[0].clone()]
}

/// The record of a line that ends as all do.
pub fn read_back(line: &[u8]) -> Record<'_> {
    let line = line.strip_suffix(b"\n").expect("the line has an end");
    record::parse(line).expect("the line is whole")
}

/// What a table keeps from row to row.
pub struct Table {
    pub columns: Columns,
    flat: Flat,
    pub row: Vec<u8>,
}

impl Table {
    /// One that has had all events of `source`.
    pub fn warm(sender: Sender, source: &Source) -> Self {
        let rules = Rules {
            preset: sender.preset(),
            columns_max: 1000,
            guard: true,
            bom: false,
            columns: None,
        };
        let mut table = Self {
            columns: Columns::start(rules, &[]),
            flat: Flat::default(),
            row: Vec::new(),
        };
        for body in &source.bodies {
            table.place(body);
            table.write_row(&[b'0'; 32], body);
        }
        table
    }

    pub fn place(&mut self, payload: &[u8]) {
        self.columns.place(payload, &mut self.flat);
    }

    /// Writes the row of the payload that was placed last, in place of the one before.
    pub fn write_row(&mut self, id: &[u8], payload: &[u8]) {
        self.row.clear();
        self.columns
            .write_row(RECEIVED_AT, id, payload, &self.flat, &mut self.row);
    }
}
