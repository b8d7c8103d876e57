//! One event as a line of the journal. The fields stand in a fixed order, so
//! that a line can be read without a JSON parser; any JSON parser reads it too.

use crate::event::{Id, Seq, Timestamp};
use twox_hash::XxHash3_64;

/// One line, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub seq: Seq,
    /// The number of the first record of its batch.
    pub batch: Seq,
    /// How many records of the batch are still to come.
    pub left: u64,
    /// When its batch was written, as it is written.
    pub received_at: &'a [u8],
    /// The source that it came from.
    pub source: &'a str,
    /// Its identity, 32 hex digits.
    pub id: &'a [u8],
    /// The payload without insignificant white space.
    pub payload: &'a [u8],
}

/// A line is not a whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It does not have the form of one.
    #[error("not a journal line")]
    Form,
    /// It is not what was written.
    #[error("the line's check does not fit")]
    Check,
}

/// `,"check":"` and what follows it: 16 digits, quote, brace.
const CHECK: &[u8] = b",\"check\":\"";
const TAIL_BYTES: usize = CHECK.len() + 16 + 2;

/// XXH3 (64 bits, big-endian) over all of the line before `,"check"`. It finds what broke; against somebody who means harm
/// nothing within the file itself could help. It is a tenth of the work of a cryptographic hash, and done twice for each event.
fn check(body: &[u8]) -> [u8; 16] {
    let mut digits = [0; 16];
    for (pair, byte) in digits
        .chunks_exact_mut(2)
        .zip(XxHash3_64::oneshot(body).to_be_bytes())
    {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    digits
}

fn write_number(value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

impl Record<'_> {
    /// Appends the line, with its line end.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"{\"seq\":");
        write_number(self.seq.0, out);
        out.extend_from_slice(b",\"batch\":");
        write_number(self.batch.0, out);
        out.extend_from_slice(b",\"left\":");
        write_number(self.left, out);
        out.extend_from_slice(b",\"received_at\":\"");
        out.extend_from_slice(self.received_at);
        out.extend_from_slice(b"\",\"source\":\"");
        out.extend_from_slice(self.source.as_bytes());
        out.extend_from_slice(b"\",\"id\":\"");
        out.extend_from_slice(self.id);
        out.extend_from_slice(b"\",\"payload\":");
        out.extend_from_slice(self.payload);
        let digits = check(&out[start..]);
        out.extend_from_slice(CHECK);
        out.extend_from_slice(&digits);
        out.extend_from_slice(b"\"}\n");
    }
}

/// Reads a line without its line end, and proves it whole.
///
/// # Errors
/// When it is no record, or not the one that was written.
pub fn parse(line: &[u8]) -> Result<Record<'_>, RecordError> {
    let body_bytes = line
        .len()
        .checked_sub(TAIL_BYTES)
        .ok_or(RecordError::Form)?;
    let (body, tail) = line.split_at(body_bytes);
    let digits = tail
        .strip_prefix(CHECK)
        .and_then(|t| t.strip_suffix(b"\"}"))
        .ok_or(RecordError::Form)?;
    // The form first: it costs less, and most of what is no record fails it.
    let record = parse_body(body).ok_or(RecordError::Form)?;
    if check(body) == digits {
        Ok(record)
    } else {
        Err(RecordError::Check)
    }
}

/// The source that a line is of, without a proof of anything.
#[must_use]
pub fn source(line: &[u8]) -> Option<&[u8]> {
    const BEFORE: &[u8] = b"\",\"source\":\"";
    // Before it stand three numbers, a moment and four names: some hundred bytes at most.
    let start = &line[..line.len().min(200)];
    let at = memchr::memmem::find(start, BEFORE)? + BEFORE.len();
    let rest = &line[at..];
    rest.get(..memchr::memchr(b'"', rest)?)
}

/// Where the payload of a record's line begins, and all behind it; nothing when the line is none.
#[must_use]
pub fn from_payload(line: &[u8]) -> Option<&[u8]> {
    const BEFORE: &[u8] = b"\",\"payload\":";
    // Before it stand the start that a source stands in, a source and an id.
    let start = &line[..line.len().min(400)];
    let at = memchr::memmem::find(start, BEFORE)? + BEFORE.len();
    line.get(at..)
}

fn parse_body(body: &[u8]) -> Option<Record<'_>> {
    let rest = body.strip_prefix(b"{\"seq\":")?;
    let (seq, rest) = number(rest)?;
    let (batch, rest) = number(rest.strip_prefix(b",\"batch\":")?)?;
    let (left, rest) = number(rest.strip_prefix(b",\"left\":")?)?;
    let (received_at, rest) = rest
        .strip_prefix(b",\"received_at\":\"")?
        .split_at_checked(24)?;
    let rest = rest.strip_prefix(b"\",\"source\":\"")?;
    let (source, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
    let (id, rest) = rest.strip_prefix(b"\",\"id\":\"")?.split_at_checked(32)?;
    let payload = rest.strip_prefix(b"\",\"payload\":")?;
    let source = std::str::from_utf8(source).ok()?;
    Some(Record {
        seq: Seq(seq),
        batch: Seq(batch),
        left,
        received_at,
        source,
        id,
        payload,
    })
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

impl Record<'_> {
    /// The id as a value; zeros where it is not one, which a line that passed its check never has.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_hex(self.id).unwrap_or(Id([0; 16]))
    }

    /// The moment as a value.
    #[must_use]
    pub fn moment(&self) -> Timestamp {
        Timestamp::parse(self.received_at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record<'static> {
        Record {
            seq: Seq(18_446_744_073_709_551_615),
            batch: Seq(7),
            left: 0,
            received_at: b"2026-11-23T12:21:00.007Z",
            source: "lessonly",
            id: b"0123456789abcdef0123456789abcdef",
            payload: br#"{"a":"\",\"check\":\""}"#,
        }
    }

    #[test]
    fn a_line_has_this_form() {
        let mut line = Vec::new();
        sample().write(&mut line);
        insta::assert_snapshot!(String::from_utf8(line).unwrap().trim_end(), @r#"{"seq":18446744073709551615,"batch":7,"left":0,"received_at":"2026-11-23T12:21:00.007Z","source":"lessonly","id":"0123456789abcdef0123456789abcdef","payload":{"a":"\",\"check\":\""},"check":"e810c0bdd69739ce"}"#);
    }

    #[test]
    fn a_line_reads_back_and_json_reads_it_too() {
        let mut line = Vec::new();
        sample().write(&mut line);
        assert_eq!(parse(&line[..line.len() - 1]), Ok(sample()));
        let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(json["payload"]["a"], "\",\"check\":\"");
    }

    #[test]
    fn every_changed_bit_is_found() {
        let mut line = Vec::new();
        sample().write(&mut line);
        line.pop();
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut other = line.clone();
                other[at] ^= 1 << bit;
                assert!(parse(&other).is_err(), "byte {at}, bit {bit}");
            }
            assert!(parse(&line[..at]).is_err(), "cut at {at}");
        }
    }
}
