//! What a line of a file is, or an element of an array: a record of a journal,
//! an exported event, a rejected body, or an event as it was sent. Its fields
//! decide, not its bytes: what went through another program is written in
//! another way.

use super::items::Found;
use super::protocol::{Item, Kept};
use crate::event::{Day, Id, Seq, Timestamp};
use crate::journal::record::{self, Record};
use crate::journal::segment::FirstLine;
use crate::json::{compact, scan};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of a rejected file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rejected {
    #[serde(rename = "id")]
    _id: Id,
    #[serde(rename = "received_at")]
    _received_at: Timestamp,
    source: String,
    #[serde(rename = "reason")]
    _reason: String,
    status: u16,
    content_type: Option<String>,
    body: Option<String>,
    body_base64: Option<String>,
}

/// A record of a journal, written by another program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Copied<'a> {
    seq: Seq,
    batch: Seq,
    left: u64,
    received_at: &'a str,
    source: &'a str,
    id: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
    check: &'a str,
}

/// An event as rowhook's JSON Lines have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported<'a> {
    received_at: Timestamp,
    event_id: Id,
    source: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// An event as it was sent.
pub(super) fn event(text: &[u8]) -> Item {
    body(text, None, None)
}

fn body(text: &[u8], content_type: Option<String>, record: Option<Kept>) -> Item {
    Item {
        body: STANDARD.encode(text),
        content_type,
        record,
    }
}

/// What a line gives, or an element, the `number`-th: nothing if it is the first line of a segment.
pub(super) fn of_line(
    text: &[u8],
    number: usize,
    source: &str,
    day: &mut Option<Day>,
) -> Option<Found> {
    if let Ok(first) = serde_json::from_slice::<FirstLine>(text) {
        *day = Some(first.day);
        return None;
    }
    if text.starts_with(b"{\"seq\":") && memchr::memmem::rfind(text, b",\"check\":\"").is_some() {
        let whole = record::parse(text).map_err(|error| format!("a journal's record, but {error}"));
        return Some(of_record(whole, number, source, *day));
    }
    if let Ok(copied) = serde_json::from_slice::<Copied<'_>>(text) {
        let written = copied.as_it_was();
        let whole = written.as_deref().and_then(|line| record::parse(line).ok());
        let changed = "a journal's record, but changed since; to store what it is now, import what stands under `payload` alone";
        return Some(of_record(
            whole.ok_or_else(|| changed.to_owned()),
            number,
            source,
            *day,
        ));
    }
    if let Ok(exported) = serde_json::from_slice::<Exported<'_>>(text) {
        let kept = Kept {
            received_at: exported.received_at,
            day: None,
            id: exported.event_id,
        };
        return Some(if exported.source == source {
            let payload = exported.payload.get().as_bytes();
            Found::Item(body(payload, None, Some(kept)), number)
        } else {
            Found::Other(exported.source.to_owned())
        });
    }
    if let Ok(rejected) = serde_json::from_slice::<Rejected>(text) {
        return Some(of_rejected(rejected, text, number, source));
    }
    Some(Found::Item(event(text), number))
}

fn of_record(
    record: Result<Record<'_>, String>,
    number: usize,
    source: &str,
    day: Option<Day>,
) -> Found {
    match record {
        Ok(record) if record.source != source => Found::Other(record.source.to_owned()),
        Ok(record) => {
            let kept = Kept {
                received_at: record.moment(),
                day,
                id: record.id(),
            };
            Found::Item(body(record.payload, None, Some(kept)), number)
        }
        Err(why) => Found::Bad(number, why),
    }
}

impl Copied<'_> {
    /// The line that it was, without its end; nothing when its check is not that of this line.
    fn as_it_was(&self) -> Option<Vec<u8>> {
        let payload = self.payload.get();
        scan(payload).ok()?;
        let mut line = Vec::new();
        Record {
            seq: self.seq,
            batch: self.batch,
            left: self.left,
            received_at: self.received_at.as_bytes(),
            source: self.source,
            id: self.id.as_bytes(),
            payload: &compact(payload.as_bytes(), &mut []),
        }
        .write(&mut line);
        line.pop();
        let check = format!(",\"check\":\"{}\"}}", self.check);
        line.ends_with(check.as_bytes()).then_some(line)
    }
}

/// A rejected body as it came. An event may look like one: only with exactly one body it is taken for one.
fn of_rejected(rejected: Rejected, text: &[u8], number: usize, source: &str) -> Found {
    let Rejected {
        source: of,
        content_type,
        body: plain,
        body_base64,
        status,
        ..
    } = rejected;
    let bytes = match (plain, body_base64) {
        (Some(text), None) => Some(text.into_bytes()),
        (None, Some(text)) => STANDARD.decode(text).ok(),
        _ => None,
    };
    let (Some(bytes), 400 | 422) = (bytes, status) else {
        return Found::Item(event(text), number);
    };
    if of != source {
        return Found::Other(of);
    }
    Found::Item(body(&bytes, content_type, None), number)
}
