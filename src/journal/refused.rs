//! Bodies that were authenticated but could not become events: kept whole, one
//! JSON object a line, so that a person can mend and deliver them again. Each
//! is kept once however often it is retried, and a day's file has a limit.

use super::seen::Seen;
use crate::disk::{Open, SharedDisk, SharedFile, read_range};
use crate::event::{Day, Id, SourceName, Timestamp};
use crate::layout::Layout;
use base64::Engine as _;
use chrono_tz::Tz;
use serde::Serialize;
use std::collections::HashSet;
use std::io;

/// A body as it came.
#[derive(Debug, Clone)]
pub struct RefusedBody {
    /// Its identity, in a space of its own.
    pub id: Id,
    /// Where it came from.
    pub source: SourceName,
    /// The status that answers it: 400 or 422.
    pub status: u16,
    /// Why.
    pub reason: String,
    /// The Content-Type that it had.
    pub content_type: Option<String>,
    /// The body, decoded where that was possible.
    pub body: Vec<u8>,
}

/// What became of one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is in the file, durable.
    Kept,
    /// The day's file is full.
    Full,
    /// The disk refused.
    Failed,
}

/// Ids of refused bodies that are remembered.
const IDS_MAX: usize = 100_000;
const DAYS: u32 = 7;
/// Bytes gathered before they are handed to the system.
const PIECE_BYTES: usize = 1 << 20;

/// The writing end of the rejected files. Used by one thread.
pub struct Refused {
    disk: SharedDisk,
    layout: Layout,
    zone: Tz,
    bytes_max: u64,
    seen: Seen,
    open: Option<(Day, SharedFile, u64)>,
    /// After a failure: how much of the day's file was durable.
    durable: Option<(Day, u64)>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    received_at: Timestamp,
    source: &'a SourceName,
    status: u16,
    reason: &'a str,
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl Refused {
    /// Opens the rejected files below `layout`; the ids of the last week are read from them.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn open(
        disk: SharedDisk,
        layout: Layout,
        zone: Tz,
        bytes_max: u64,
        now: Timestamp,
    ) -> io::Result<Self> {
        disk.create_dir(&layout.rejected_dir())?;
        let mut refused = Self {
            disk,
            layout,
            zone,
            bytes_max,
            seen: Seen::new(IDS_MAX, DAYS),
            open: None,
            durable: None,
        };
        let oldest = now.day(zone).plus(-i64::from(DAYS));
        let names = refused.disk.list(&refused.layout.rejected_dir())?;
        let day = |name: &String| name.strip_suffix(".jsonl")?.parse::<Day>().ok();
        // Also those of days to come: the clock may have been set back.
        let mut days: Vec<Day> = names.iter().filter_map(day).collect();
        days.retain(|day| *day >= oldest);
        days.sort();
        for (nth, &day) in days.iter().enumerate() {
            refused.load(day, nth + 1 == days.len())?;
        }
        Ok(refused)
    }

    /// Goes on with another zone and limit, from the next body on.
    pub fn set_options(&mut self, zone: Tz, bytes_max: u64) {
        self.zone = zone;
        self.bytes_max = bytes_max;
    }

    /// Reads the ids of a day's file. Only whole lines count: what a crash left of one looks like one at its beginning. The
    /// newest file is written again and synced first: the process that wrote it may have died before its sync, and then it is
    /// in memory only.
    fn load(&mut self, day: Day, newest: bool) -> io::Result<()> {
        let file = match self.disk.open(&self.layout.rejected(day), Open::Write) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        let start = Timestamp::start_of(day, self.zone);
        let (mut piece, mut at, mut line) = (Vec::new(), 0, Vec::new());
        let mut found = Vec::new();
        loop {
            read_range(&*file, at..at + PIECE_BYTES as u64, &mut piece)?;
            if piece.is_empty() {
                break;
            }
            if newest {
                file.write_at(&piece, at)?;
            }
            at += piece.len() as u64;
            for part in piece.split_inclusive(|&b| b == b'\n') {
                line.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    found.extend(line_id(&line));
                    line.clear();
                }
            }
        }
        if newest {
            file.sync()?;
            self.disk.sync_dir(&self.layout.rejected_dir())?;
        }
        for id in found {
            if !self.seen.contains(id) {
                self.seen.insert(id, start);
            }
        }
        Ok(())
    }

    /// Makes all of `bodies` durable that were not kept before, with one sync. One answer each.
    pub fn keep(&mut self, bodies: &[RefusedBody], now: Timestamp) -> Vec<Kept> {
        if bodies.is_empty() {
            // No file is made, looked at or cut without need.
            return Vec::new();
        }
        let day = now.day(self.zone);
        let mut outcome = self.open_day(day);
        let mut end = self.open.as_ref().map_or(0, |open| open.2);
        let mut fresh = HashSet::new();
        let mut text = Vec::new();
        let mut answers = Vec::with_capacity(bodies.len());
        for body in bodies {
            if self.seen.contains(body.id) || fresh.contains(&body.id) {
                answers.push(Kept::Kept);
                continue;
            }
            let before = text.len();
            body.write(now, &mut text);
            if end + text.len() as u64 > self.bytes_max {
                text.truncate(before);
                answers.push(Kept::Full);
                continue;
            }
            fresh.insert(body.id);
            answers.push(Kept::Kept);
            if text.len() >= PIECE_BYTES {
                outcome = outcome.and_then(|()| self.write_at(&text, end));
                end += text.len() as u64;
                text.clear();
            }
        }
        if fresh.is_empty() {
            return answers;
        }
        outcome = outcome
            .and_then(|()| self.write_at(&text, end))
            .and_then(|()| self.sync(end + text.len() as u64));
        if let Err(error) = outcome {
            tracing::error!(%error, "a refused body could not be kept");
            // Nothing is known of what this descriptor wrote: the next body opens the file anew and cuts it here. It is cut now
            // if that can be done, because the next body may belong to another day.
            if let Some((day, file, bytes)) = self.open.take() {
                let _ = file.set_len(bytes);
                self.durable = Some((day, bytes));
            }
            for (answer, body) in answers.iter_mut().zip(bodies) {
                if fresh.contains(&body.id) {
                    *answer = Kept::Failed;
                }
            }
            return answers;
        }
        for body in bodies {
            if fresh.remove(&body.id) {
                self.seen.insert(body.id, now);
            }
        }
        answers
    }

    fn open_day(&mut self, day: Day) -> io::Result<()> {
        let path = self.layout.rejected(day);
        if let Some((open, file, _)) = &self.open
            && *open == day
        {
            // Somebody may have moved the file away after working through it: a new one begins then.
            let there = self.disk.stat(&path)?.map(|stat| stat.inode);
            if there == Some(file.stat()?.inode) {
                return Ok(());
            }
            self.durable = None;
        }
        self.open = None;
        let (file, new) = match self.disk.open(&path, Open::Write) {
            Ok(file) => (file, false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                (self.disk.open(&path, Open::New)?, true)
            }
            Err(e) => return Err(e),
        };
        let known = self
            .durable
            .filter(|durable| durable.0 == day)
            .map(|durable| durable.1);
        let bytes = match known {
            _ if new => 0,
            Some(bytes) => bytes.min(file.stat()?.bytes),
            None => whole_lines(&*file)?,
        };
        if file.stat()?.bytes > bytes {
            file.set_len(bytes)?;
        }
        self.disk.sync_dir(&self.layout.rejected_dir())?;
        // From here on it grows by what is durable.
        if known.is_some() {
            self.durable = None;
        }
        self.open = Some((day, file, bytes));
        Ok(())
    }

    fn write_at(&self, text: &[u8], at: u64) -> io::Result<()> {
        match &self.open {
            Some((_, file, _)) => file.write_at(text, at),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// All of the file up to `end` is durable after this.
    fn sync(&mut self, end: u64) -> io::Result<()> {
        let Some((_, file, bytes)) = &mut self.open else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.sync()?;
        *bytes = end;
        Ok(())
    }
}

/// The id of a line that is whole.
fn line_id(line: &[u8]) -> Option<Id> {
    let id = Id::from_hex(line.strip_prefix(b"{\"id\":\"")?.get(..32)?)?;
    serde_json::from_slice::<serde::de::IgnoredAny>(line)
        .is_ok()
        .then_some(id)
}

/// How much of a file is whole lines; what follows was never acknowledged.
fn whole_lines(file: &dyn crate::disk::File) -> io::Result<u64> {
    let mut end = file.stat()?.bytes;
    let mut piece = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(1 << 16);
        read_range(file, start..end, &mut piece)?;
        if let Some(at) = memchr::memrchr(b'\n', &piece) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

impl RefusedBody {
    fn write(&self, now: Timestamp, out: &mut Vec<u8>) {
        let text = std::str::from_utf8(&self.body).ok();
        let line = Line {
            id: self.id.to_string(),
            received_at: now,
            source: &self.source,
            status: self.status,
            reason: &self.reason,
            content_type: self.content_type.as_deref(),
            body: text,
            body_base64: text
                .is_none()
                .then(|| base64::engine::general_purpose::STANDARD.encode(&self.body)),
        };
        // Nothing in a line can fail to be JSON.
        if serde_json::to_writer(&mut *out, &line).is_ok() {
            out.push(b'\n');
        }
    }
}
