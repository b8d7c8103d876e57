//! The journal as its files say it, read by the description alone: JSON by
//! `serde_json`, the check computed again, the chain of segments followed.

use rowhook::layout::segment_of_name;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One line.
#[derive(Clone)]
pub struct Line {
    pub day: String,
    pub batch: u64,
    pub source: String,
    pub id: String,
    /// The payload as it was delivered.
    pub payload: String,
    /// The event's number.
    pub n: usize,
    /// Where it stands.
    pub path: PathBuf,
    pub offset: usize,
    pub bytes: usize,
}

#[derive(Default)]
pub struct Journal {
    pub lines: Vec<Line>,
    /// Bytes at the end of the last segment that are no whole line.
    pub rest: usize,
}

struct Segment {
    number: u64,
    day: String,
    before: u64,
    good_before: usize,
    path: PathBuf,
    content: Vec<u8>,
}

/// Reads the journal in `dir`.
pub fn read(files: &BTreeMap<PathBuf, Vec<u8>>, dir: &Path) -> Result<Journal, String> {
    let mut journal = Journal::default();
    let segments = segments(files, dir)?;
    for (nth, segment) in segments.iter().enumerate() {
        let next = segments.get(nth + 1);
        let good = next.map(|next| next.good_before);
        if let Some(next) = next
            && next.before != segment.number
        {
            return Err(format!(
                "segment {} says it follows {}",
                next.number, next.before
            ));
        }
        if good.is_some_and(|good| good > segment.content.len()) {
            return Err(format!("segment {} is too short", segment.number));
        }
        let whole = &segment.content[..good.unwrap_or(written(&segment.content))];
        let rest = read_lines(segment, whole, &mut journal.lines);
        if rest > 0 && next.is_some() {
            return Err(format!(
                "segment {}: no whole line within its good length",
                segment.number
            ));
        }
        journal.rest = rest;
    }
    Ok(journal)
}

/// Behind the last line there may be room, full of spaces.
fn written(content: &[u8]) -> usize {
    let last = content.iter().rposition(|&b| b != b' ');
    last.map_or(0, |last| last + 1)
}

fn segments(files: &BTreeMap<PathBuf, Vec<u8>>, dir: &Path) -> Result<Vec<Segment>, String> {
    let mut found: BTreeMap<u64, Segment> = BTreeMap::new();
    for (path, content) in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.parent() != Some(dir) || segment_of_name(&name).is_none() {
            continue;
        }
        let Some(segment) = first_line(path, content) else {
            return Err(format!("{name} has no first line"));
        };
        if let Some(other) = found.insert(segment.number, segment) {
            return Err(format!("two files are segment {}", other.number));
        }
    }
    Ok(found.into_values().collect())
}

fn first_line(path: &Path, content: &[u8]) -> Option<Segment> {
    let end = content.iter().position(|&b| b == b'\n')?;
    let first: Value = serde_json::from_slice(&content[..end]).ok()?;
    Some(Segment {
        number: first["segment"].as_u64()?,
        day: first["day"].as_str()?.to_owned(),
        before: first["previous"]["segment"].as_u64()?,
        good_before: usize::try_from(first["previous"]["bytes"].as_u64()?).ok()?,
        path: path.to_owned(),
        content: content.to_vec(),
    })
}

/// Takes whole lines in their order, and tells how many bytes are left over.
fn read_lines(segment: &Segment, content: &[u8], lines: &mut Vec<Line>) -> usize {
    let mut offset = 0;
    for (nth, text) in content.split_inclusive(|&b| b == b'\n').enumerate() {
        if nth > 0 {
            let line = text
                .strip_suffix(b"\n")
                .and_then(|text| line(segment, text, lines.len() + 1));
            let Some(line) = line else {
                return content.len() - offset;
            };
            lines.push(Line { offset, ..line });
        }
        offset += text.len();
    }
    0
}

fn line(segment: &Segment, text: &[u8], seq: usize) -> Option<Line> {
    let text = std::str::from_utf8(text).ok()?;
    let at = text.rfind(",\"check\":\"")?;
    let json: Value = serde_json::from_str(text).ok()?;
    let hash = twox_hash::XxHash3_64::oneshot(&text.as_bytes()[..at]);
    let payload = text[..at].split_once("\"payload\":")?.1;
    let right = json["check"].as_str()? == format!("{hash:016x}")
        && json["seq"].as_u64()? == seq as u64
        && json["received_at"].as_str()?.len() == 24;
    right.then_some(())?;
    Some(Line {
        day: segment.day.clone(),
        batch: json["batch"].as_u64()?,
        source: json["source"].as_str()?.to_owned(),
        id: json["id"].as_str()?.to_owned(),
        payload: payload.to_owned(),
        n: usize::try_from(json["payload"]["n"].as_u64()?).ok()?,
        path: segment.path.clone(),
        offset: 0,
        bytes: text.len() + 1,
    })
}
