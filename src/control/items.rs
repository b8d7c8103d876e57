//! Files as events: JSON, JSON Lines, a journal's segment, a rejected file.
//! What a file is shows in what stands in it, line by line; nothing is held but
//! the line or element at hand.

use super::protocol::{Item, Kept};
use crate::event::{Day, Timestamp};
use crate::journal::record;
use crate::journal::segment::FirstLine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::io::{self, BufRead, Read as _};

/// What a file gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A body, and where it begins: the line, or the element of an array that is the whole file, both from 1.
    Item(Item, usize),
    /// A record or rejected body of another source.
    Other(String),
    /// Something that cannot be taken, where, and why.
    Bad(usize, String),
}

/// A line of a rejected file, exactly as such a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rejected {
    #[serde(rename = "id")]
    _id: String,
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

/// A longer line is no line of ours.
const LINE_BYTES_MAX: u64 = 1 << 30;

/// Hands all that `from` gives for `source` to `then`, in order.
///
/// # Errors
/// Whatever the file or `then` answers.
pub fn read(
    from: &mut impl BufRead,
    source: &str,
    then: &mut dyn FnMut(Found) -> io::Result<()>,
) -> io::Result<()> {
    skip_mark(from)?;
    let (mut line, mut number, mut day, mut first) = (Vec::new(), 0, None, true);
    loop {
        line.clear();
        if from
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(());
        }
        number += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let is_first = std::mem::take(&mut first);
        // A line that is no value by itself is the beginning of one that goes over many: then the whole file is.
        let whole = serde_json::from_slice::<IgnoredAny>(text).is_ok();
        if is_first && !whole && matches!(text[0], b'{' | b'[') && !from.fill_buf()?.is_empty() {
            let mut next = Vec::new();
            from.by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut next)?;
            let is_value = serde_json::from_slice::<IgnoredAny>(next.trim_ascii()).is_ok();
            if text.len() == 1 || !is_value {
                let begun = io::Cursor::new(line).chain(io::Cursor::new(next));
                return read_whole(begun.chain(from), then);
            }
            // The first line is torn; those behind it are lines.
            then(Found::Item(body(text, None, None), number))?;
            number += 1;
            if let Some(found) = of_line(next.trim_ascii(), number, source, &mut day) {
                then(found)?;
            }
            continue;
        }
        if is_first && text[0] == b'[' && from.fill_buf()?.is_empty() {
            return read_whole(io::Cursor::new(line), then);
        }
        if let Some(found) = of_line(text, number, source, &mut day) {
            then(found)?;
        }
    }
}

fn skip_mark(from: &mut impl BufRead) -> io::Result<()> {
    if from.fill_buf()?.starts_with(b"\xEF\xBB\xBF") {
        from.consume(3);
    }
    Ok(())
}

fn body(text: &[u8], content_type: Option<String>, record: Option<Kept>) -> Item {
    Item {
        body: STANDARD.encode(text),
        content_type,
        record,
    }
}

/// What a line gives: nothing if it is the first line of a segment.
fn of_line(text: &[u8], number: usize, source: &str, day: &mut Option<Day>) -> Option<Found> {
    if let Ok(first) = serde_json::from_slice::<FirstLine>(text)
        && first.encode().trim_ascii_end() == text
    {
        *day = Some(first.day);
        return None;
    }
    if text.starts_with(b"{\"seq\":") && memchr::memmem::rfind(text, b",\"check\":\"").is_some() {
        return Some(match record::parse(text) {
            Ok(record) if record.source != source => Found::Other(record.source.to_owned()),
            Ok(record) => {
                let kept = Kept {
                    received_at: record.moment(),
                    day: *day,
                    id: record.id(),
                };
                Found::Item(body(record.payload, None, Some(kept)), number)
            }
            Err(error) => Found::Bad(number, format!("a journal's record, but {error}")),
        });
    }
    if let Some(rejected) = rejected_of(text) {
        return Some(of_rejected(rejected, text, number, source));
    }
    Some(Found::Item(body(text, None, None), number))
}

fn rejected_of(text: &[u8]) -> Option<Rejected> {
    let digits = text.strip_prefix(b"{\"id\":\"")?.get(..32)?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    serde_json::from_slice(text).ok()
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
        return Found::Item(body(text, None, None), number);
    };
    if of != source {
        return Found::Other(of);
    }
    Found::Item(body(&bytes, content_type, None), number)
}

/// A file that is one value over many lines, or several: each element of an array is a body.
fn read_whole(
    from: impl io::Read,
    then: &mut dyn FnMut(Found) -> io::Result<()>,
) -> io::Result<()> {
    let mut from = io::BufReader::new(from);
    let is_array = from.fill_buf()?.trim_ascii_start().first() == Some(&b'[');
    let mut values = serde_json::Deserializer::from_reader(from);
    let (mut count, mut failed) = (0, None);
    let outcome = if is_array {
        let each = Each {
            count: &mut count,
            failed: &mut failed,
            then: &mut *then,
        };
        each.deserialize(&mut values).and_then(|()| values.end())
    } else {
        let mut all = values.into_iter::<Box<RawValue>>();
        loop {
            match all.next() {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(value)) => {
                    count += 1;
                    then(Found::Item(body(value.get().as_bytes(), None, None), count))?;
                }
            }
        }
    };
    if let Some(error) = failed {
        return Err(error);
    }
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if error.is_io() => Err(error.into()),
        Err(error) => then(Found::Bad(
            error.line(),
            format!("not JSON: {error}; nothing behind this place was read"),
        )),
    }
}

/// Hands on the elements of an array as they are read.
struct Each<'a> {
    count: &'a mut usize,
    failed: &'a mut Option<io::Error>,
    then: &'a mut dyn FnMut(Found) -> io::Result<()>,
}

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            *self.count += 1;
            let found = Found::Item(body(element.get().as_bytes(), None, None), *self.count);
            if let Err(error) = (self.then)(found) {
                *self.failed = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
