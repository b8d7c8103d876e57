//! Files as events: JSON, JSON Lines, a journal's segment, a rejected file.
//! What a file is shows in what stands in it, line by line; nothing is held but
//! the line or element at hand.

use super::lines::{event, of_line};
use super::protocol::Item;
use crate::event::Day;
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
                return read_whole(begun.chain(from), source, then);
            }
            // The first line is torn; those behind it are lines.
            then(Found::Item(event(text), number))?;
            number += 1;
            if let Some(found) = of_line(next.trim_ascii(), number, source, &mut day) {
                then(found)?;
            }
            continue;
        }
        if is_first && text[0] == b'[' && from.fill_buf()?.is_empty() {
            return read_whole(io::Cursor::new(line), source, then);
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

/// A file that is one value over many lines, or several: each of them, or each element of an array, is what a line is.
fn read_whole(
    from: impl io::Read,
    source: &str,
    then: &mut dyn FnMut(Found) -> io::Result<()>,
) -> io::Result<()> {
    let mut from = io::BufReader::new(from);
    let is_array = from.fill_buf()?.trim_ascii_start().first() == Some(&b'[');
    let mut values = serde_json::Deserializer::from_reader(from);
    let mut failed = None;
    let mut each = Each {
        count: 0,
        day: None,
        source,
        failed: &mut failed,
        then: &mut *then,
    };
    let outcome = if is_array {
        each.deserialize(&mut values).and_then(|()| values.end())
    } else {
        let mut all = values.into_iter::<Box<RawValue>>();
        loop {
            match all.next() {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(value)) => each.take(&value)?,
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

/// Hands on values as they are read.
struct Each<'a> {
    count: usize,
    day: Option<Day>,
    source: &'a str,
    failed: &'a mut Option<io::Error>,
    then: &'a mut dyn FnMut(Found) -> io::Result<()>,
}

impl Each<'_> {
    fn take(&mut self, value: &RawValue) -> io::Result<()> {
        self.count += 1;
        let text = value.get().as_bytes();
        match of_line(text, self.count, self.source, &mut self.day) {
            Some(found) => (self.then)(found),
            None => Ok(()),
        }
    }
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

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            if let Err(error) = self.take(&element) {
                *self.failed = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
