//! What must be true, in a few lines: which events were acknowledged in which
//! order, which may or may not be there, what strangers did.

use fastrand::Rng;
use rowhook::event::{Id, IdKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;

pub const SOURCES: [&str; 3] = ["orders", "other", "third"];

/// One event, known by its number: its payload has it as `n`.
#[derive(Clone)]
pub struct Event {
    pub source: usize,
    pub text: String,
    pub id: Id,
    /// What its row must show besides receipt and id.
    pub cells: BTreeMap<String, String>,
    /// Whether it says of itself that it is a test: some rules leave it out.
    pub is_test: bool,
}

/// A body that could not become an event.
pub struct Body {
    pub id: Id,
    pub text: String,
    /// Whether it was answered as kept.
    pub kept: bool,
    /// Whether it ever failed: then the line may stand in the file of that day too, when it was kept on another.
    pub failed: bool,
}

/// What somebody made of a table's file.
pub struct Edit {
    pub path: PathBuf,
    pub content: Vec<u8>,
    /// Whether a copy of it must be there in the end.
    pub must_be_kept: bool,
}

/// What a download of a day gave: the header, and the events of its rows.
pub type Seen = (Vec<String>, Vec<usize>);

#[derive(Default)]
pub struct Model {
    pub events: Vec<Event>,
    /// What stands in the journal, in order.
    pub stored: Vec<usize>,
    known: BTreeSet<usize>,
    /// The batch that failed last: until the journal goes on it may turn out to be there, whole.
    pub unsure: Vec<usize>,
    /// Everything that was answered as failed, to be delivered again.
    pub failed: Vec<usize>,
    pub bodies: Vec<Body>,
    pub edits: Vec<Edit>,
    /// By source, day, and whether the rules then took tests.
    pub downloads: HashMap<(usize, String, bool), Seen>,
    /// Whether the power ever went: then behind what was synced there may be anything.
    pub was_cut: bool,
    /// Whether the rules of tables changed.
    pub other_rules: bool,
}

const TEXTS: [&str; 6] = ["x", "two\nlines", "say \"so\"", "é;,", " ", "0100"];

impl Model {
    /// A new event with columns drawn from the first `columns`.
    pub fn new_event(&mut self, rng: &mut Rng, source: usize, columns: usize) -> usize {
        let n = self.events.len();
        let mut cells = BTreeMap::from([("n".to_owned(), n.to_string())]);
        let is_test = rng.u8(..8) == 0;
        let mut text = if is_test {
            cells.insert("rowhook_test".to_owned(), "t".to_owned());
            format!(r#"{{"rowhook_test":"t","n":{n}"#)
        } else {
            format!(r#"{{"n":{n}"#)
        };
        for column in 0..columns {
            if rng.u8(..3) > 0 {
                continue;
            }
            // Now and then one that goes over several sectors.
            let value = match rng.u8(..12) {
                0 => "long ".repeat(rng.usize(100..500)) + "end",
                _ => TEXTS[rng.usize(..TEXTS.len())].to_owned(),
            };
            let quoted = serde_json::Value::from(value.as_str());
            let _ = write!(text, r#","c{column}":{quoted}"#);
            cells.insert(format!("c{column}"), value);
        }
        text.push('}');
        let key = IdKey::new([7; 32]);
        let id = key.id("content", &[SOURCES[source].as_bytes(), text.as_bytes()]);
        self.events.push(Event {
            source,
            text,
            id,
            cells,
            is_test,
        });
        n
    }

    pub fn new_body(&mut self, rng: &mut Rng) -> usize {
        let n = self.bodies.len();
        let text = format!("{{ not json {n} ") + &"x".repeat(rng.usize(..1500));
        let id = IdKey::new([7; 32]).id("refused", &[text.as_bytes()]);
        self.bodies.push(Body {
            id,
            text,
            kept: false,
            failed: false,
        });
        n
    }

    pub fn is_stored(&self, event: usize) -> bool {
        self.known.contains(&event)
    }

    /// From now on these stand in the journal, behind all others.
    pub fn store(&mut self, events: &[usize]) {
        self.stored.extend_from_slice(events);
        self.known.extend(events);
    }

    /// What a batch must be answered, for each request how many are stored and how many are duplicates, and what it writes.
    pub fn expected(&self, requests: &[Vec<usize>]) -> (Vec<(usize, usize, bool)>, Vec<usize>) {
        let mut fresh: Vec<usize> = Vec::new();
        let mut answers = Vec::new();
        for request in requests {
            let (mut new, mut waits) = (0, false);
            for &event in request {
                waits |= !self.is_stored(event);
                if !self.is_stored(event) && !fresh.contains(&event) {
                    fresh.push(event);
                    new += 1;
                }
            }
            answers.push((new, request.len() - new, waits));
        }
        (answers, fresh)
    }

    /// Takes note of an edit. One of a file that still holds an earlier edit takes its place.
    pub fn edited(&mut self, path: PathBuf, before: &[u8], content: Vec<u8>, must_be_kept: bool) {
        let earlier = self.edits.iter_mut().rev().find(|e| e.path == path);
        if let Some(earlier) = earlier.filter(|e| e.content == before) {
            earlier.must_be_kept = false;
        }
        self.edits.push(Edit {
            path,
            content,
            must_be_kept,
        });
    }
}
