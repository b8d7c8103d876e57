//! Making events durable: all that wait share one write and one sync (group
//! commit), and are answered only then.
//!
//! A write or sync that fails fails its batch. The descriptor is never used
//! again: after a failed fdatasync the page cache says "clean" of pages that
//! never reached the disk. [`Journal::recover`] goes on in a new segment, whose
//! first line says how long the one before is good.

use super::gone::Gone;
use super::ids::{IdLog, Mark};
use super::record::Record;
use super::seen::Seen;
use super::segment::{Cursor, Previous};
use super::shared::{Health, Shared};
use super::window::{Window, WindowMark};
use crate::disk::{Open, SharedDisk, SharedFile, put_sealed};
use crate::event::{Day, Id, Seq, SourceName, Timestamp};
use crate::layout::Layout;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What the journal needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The zone whose midnight starts a segment.
    pub zone: Tz,
    /// How long an id is remembered.
    pub dedup_days: u32,
    /// How many ids are remembered.
    pub ids_max: usize,
}

/// One event of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its identity.
    pub id: Id,
    /// Its payload, within the request's text.
    pub payload: Range<usize>,
}

/// The events of a request: nearly always one, and then without an allocation for the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Events {
    /// One object.
    One([Event; 1]),
    /// An array.
    Many(Vec<Event>),
}

impl Events {
    /// All of them, in order.
    #[must_use]
    pub fn all(&self) -> &[Event] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

/// A request's events, checked and ready to be stored: all or none.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Where they came from.
    pub source: SourceName,
    /// Whether an event that was stored before is not stored again.
    pub once: bool,
    /// The text that holds the payloads, without insignificant white space.
    pub text: Vec<u8>,
    /// The events in it.
    pub events: Events,
    /// When they were received, where that was earlier. Nothing for what comes now.
    pub earlier: Option<Earlier>,
}

/// When events were received that come again from a journal: they keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// The moment.
    pub at: Timestamp,
    /// The day that it was a day of.
    pub day: Day,
}

/// What became of one [`Incoming`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is durable.
    Stored {
        /// Events that were written now.
        stored: usize,
        /// Events that were there already.
        duplicates: usize,
    },
    /// Nothing of it may be counted on. A retry is safe.
    Failed,
}

/// How far the journal is known to be whole, and the ids with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    pub end: Cursor,
    pub last_seq: Seq,
    pub last_received_at: Timestamp,
    pub ids: Mark,
    /// The dedup window's clock.
    pub window: WindowMark,
}

/// An event that is to be written, the request that it came with, and which one that is.
type Fresh<'a> = (usize, &'a Incoming, &'a Event);

/// Bytes of lines gathered before they are handed to the system: a batch of many large events is written in pieces.
const PIECE_BYTES: usize = 1 << 20;
const DAY_MS: i64 = 86_400_000;

/// The writing end of the journal. There is one in a process, used by one thread.
pub struct Journal {
    pub(super) disk: SharedDisk,
    pub(super) layout: Layout,
    pub(super) options: Options,
    pub(super) shared: Arc<Shared>,
    pub(super) tail: Tail,
    pub(super) last_seq: Seq,
    pub(super) last_received_at: Timestamp,
    pub(super) seen: Seen,
    pub(super) ids: IdLog,
    pub(super) window: Window,
    pub(super) buffer: Vec<u8>,
    pub(super) batch_ids: HashSet<Id>,
    pub(super) checkpointed: Option<Cursor>,
    pub(super) left_early: bool,
    pub(super) failed_bytes: usize,
    /// A segment that may have its name, durable or not: it must go before another one is made.
    pub(super) unsure: Option<PathBuf>,
    pub(super) gone: Gone,
}

/// Where the next batch goes.
pub(super) enum Tail {
    /// Behind the last one.
    Open(OpenSegment),
    /// Into a segment yet to be made; `previous` is the one before.
    Next { previous: Previous },
    /// Nowhere, until [`Journal::recover`] succeeds.
    Broken { previous: Previous },
}

impl Tail {
    /// The segment before the next one.
    fn previous(&self) -> Previous {
        match self {
            Self::Open(open) => Previous {
                segment: open.number,
                bytes: open.bytes,
            },
            Self::Next { previous } | Self::Broken { previous } => *previous,
        }
    }
}

pub(super) struct OpenSegment {
    pub number: u64,
    pub day: Day,
    pub file: SharedFile,
    pub bytes: u64,
}

impl Journal {
    /// What other threads may know of it.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Goes on by other options, from the next batch on.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
        self.seen.set_limits(options.ids_max, options.dedup_days);
        self.ids.set_max(options.ids_max);
    }

    /// Whether it can store nothing until [`Journal::recover`] succeeds, or its file is back in its place.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.tail, Tail::Broken { .. }) || self.gone.is_it
    }

    /// Whether an event with this id would be a duplicate now.
    #[must_use]
    pub fn knows(&self, id: Id) -> bool {
        self.seen.contains(id)
    }

    /// Lets ids go whose time is over, and looks for its file. Called now and then, and before each batch.
    pub fn tick(&mut self, now: Timestamp, clock: Instant) {
        self.look_for_segment(now, clock);
        self.window.tick(now, clock);
        self.seen.expire(self.window.at());
    }

    /// Makes all events of `incoming` durable that are not yet, in their order, with one sync. One verdict each.
    pub fn commit(&mut self, incoming: &[Incoming], now: Timestamp) -> Vec<Verdict> {
        self.window.begin(now);
        self.batch_ids.clear();
        let mut fresh: Vec<Fresh<'_>> = Vec::with_capacity(incoming.len());
        let mut all_twins = Vec::new();
        // Requests of which nothing is yet to be written.
        let mut durable = Vec::with_capacity(incoming.len());
        let mut verdicts = Vec::with_capacity(incoming.len());
        for (nth, request) in incoming.iter().enumerate() {
            let (mut stored, mut known, mut twins) = (0, 0, 0);
            for event in request.events.all() {
                if request.once && self.seen.contains(event.id) {
                    known += 1;
                } else if request.once && !self.batch_ids.insert(event.id) {
                    twins += 1;
                    all_twins.push((nth, event.id));
                } else {
                    stored += 1;
                    fresh.push((nth, request, event));
                }
            }
            durable.push(stored == 0);
            verdicts.push(Verdict::Stored {
                stored,
                duplicates: known + twins,
            });
        }
        if fresh.is_empty() {
            return verdicts;
        }
        if let Err(error) = self.append_all(&fresh, now, &mut durable) {
            self.fail(&error);
            // What is durable is, whatever failed behind it: told otherwise, its sender would send it again. But a twin is
            // only what became of the event that it is a twin of.
            for (nth, id) in all_twins {
                durable[nth] &= self.seen.contains(id);
            }
            for (verdict, durable) in verdicts.iter_mut().zip(durable) {
                if !durable {
                    *verdict = Verdict::Failed;
                }
            }
        }
        verdicts
    }

    /// What comes now is one batch. What was received before follows, a batch for each day. Notes whose events are durable.
    fn append_all(
        &mut self,
        fresh: &[Fresh<'_>],
        now: Timestamp,
        durable: &mut [bool],
    ) -> io::Result<()> {
        let (new, mut old): (Vec<_>, Vec<_>) = fresh
            .iter()
            .copied()
            .partition(|(_, request, _)| request.earlier.is_none());
        let day = |event: &Fresh<'_>| event.1.earlier.map(|earlier| earlier.day);
        old.sort_by_key(day);
        let runs = old.chunk_by(|a, b| day(a) == day(b));
        for run in [new.as_slice()].into_iter().chain(runs) {
            if let Some(first) = run.first() {
                self.append(run, now, day(first))?;
                for (nth, ..) in run {
                    durable[*nth] = true;
                }
            }
        }
        Ok(())
    }

    /// Writes and syncs the batch; after that it counts. With a day it is one of events that were received before.
    fn append(&mut self, fresh: &[Fresh<'_>], now: Timestamp, day: Option<Day>) -> io::Result<()> {
        if self.is_broken() {
            return Err(io::Error::other("the journal waits for the disk"));
        }
        let received_at = match day {
            None => self.stamp(now)?,
            Some(day) => {
                self.enter_day(day)?;
                now
            }
        };
        let Tail::Open(segment) = &mut self.tail else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let batch = self.last_seq.next();
        let mut seq = self.last_seq;
        let (mut end, mut text) = (segment.bytes, Vec::with_capacity(24));
        received_at.write(&mut text);
        self.buffer.clear();
        self.failed_bytes = 0;
        for (nth, (_, request, event)) in fresh.iter().enumerate() {
            seq = seq.next();
            if let Some(earlier) = request.earlier {
                text.clear();
                earlier.at.write(&mut text);
            }
            let record = Record {
                seq,
                batch,
                left: (fresh.len() - nth - 1) as u64,
                received_at: &text,
                source: request.source.as_str(),
                id: &event.id.hex(),
                payload: request.text.get(event.payload.clone()).unwrap_or_default(),
            };
            record.write(&mut self.buffer);
            if self.buffer.len() >= PIECE_BYTES || record.left == 0 {
                self.failed_bytes += self.buffer.len();
                segment.file.write_at(&self.buffer, end)?;
                end += self.buffer.len() as u64;
                self.buffer.clear();
            }
        }
        segment.file.sync()?;
        segment.bytes = end;
        self.failed_bytes = 0;
        self.buffer.shrink_to(PIECE_BYTES);
        self.last_seq = seq;
        if day.is_none() {
            self.last_received_at = received_at;
        }
        // What is older than the window would only take the place of what is not.
        let window_ms = i64::from(self.options.dedup_days) * DAY_MS;
        let is_old = |request: &Incoming| {
            let age_ms = |earlier: Earlier| now.millis() - earlier.at.millis();
            request
                .earlier
                .is_some_and(|earlier| age_ms(earlier) > window_ms)
        };
        for (_, request, event) in fresh {
            if !is_old(request) {
                self.remember(event.id);
            }
        }
        self.shared.advance(end, seq);
        Ok(())
    }

    /// An id counts as seen from here on: after its sync.
    fn remember(&mut self, id: Id) {
        if self.seen.contains(id) {
            return;
        }
        let at = self.window.at();
        self.ids.push(id, at);
        let Some(age_ms) = self.seen.insert(id, at) else {
            return;
        };
        let early = age_ms < 15 * 60_000;
        if early && !self.left_early {
            tracing::warn!(
                seconds = age_ms / 1000,
                "ids leave the dedup window sooner than a sender may retry; raise dedup.ids_max"
            );
        }
        self.left_early = early;
    }

    /// The moment for a batch, never earlier than the last one's, and whether the clock went back too far for that: one that
    /// went back by more than a day is followed, into a new segment. Else a clock that was once a year ahead would stamp a
    /// year of events with that moment.
    pub(super) fn moment(&self, now: Timestamp) -> (Timestamp, bool) {
        let far_back = self.last_received_at.millis() - now.millis() > DAY_MS;
        (
            if far_back {
                now
            } else {
                now.max(self.last_received_at)
            },
            far_back,
        )
    }

    /// The moment for a batch, with the segment of its day open.
    fn stamp(&mut self, now: Timestamp) -> io::Result<Timestamp> {
        let (moment, far_back) = self.moment(now);
        let day = moment.day(self.options.zone);
        // The segment's day may be the later one when the zone was changed: then it goes on until that day is over.
        match &self.tail {
            Tail::Open(open) if open.day > day && !far_back => {}
            _ => self.enter_day(day)?,
        }
        Ok(moment)
    }

    /// Sees to it that the open segment is one of `day`.
    fn enter_day(&mut self, day: Day) -> io::Result<()> {
        match &self.tail {
            Tail::Open(open) if open.day == day => Ok(()),
            tail => self.start_segment(day, tail.previous()),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if self.is_broken() {
            return;
        }
        let previous = self.tail.previous();
        tracing::error!(%error, "the journal cannot be written; deliveries are refused until it can");
        // Dropping the descriptor here is what makes sure that it is never used again.
        self.tail = Tail::Broken { previous };
        self.shared.set_health(Health::Failing(error.to_string()));
    }

    /// After a failure: when the disk holds what it is given again, goes on in a new segment.
    ///
    /// # Errors
    /// What is still wrong with the disk.
    pub fn recover(&mut self, now: Timestamp) -> io::Result<()> {
        let Tail::Broken { previous } = &self.tail else {
            return Ok(());
        };
        let previous = *previous;
        let outcome = self
            .cut_failed(previous)
            .and_then(|()| self.probe())
            .and_then(|()| {
                let (moment, _) = self.moment(now);
                self.start_segment(moment.day(self.options.zone), previous)
            });
        match outcome {
            Ok(()) => {
                tracing::info!("the journal goes on in a new segment");
                self.shared.set_health(Health::Ready);
                Ok(())
            }
            Err(error) => {
                self.tail = Tail::Broken { previous };
                self.shared.set_health(Health::Failing(error.to_string()));
                Err(error)
            }
        }
    }

    /// Takes the failed batch off the old segment, so that the file reads well. Only a courtesy: what
    /// counts is the length that the next segment's first line tells.
    fn cut_failed(&self, previous: Previous) -> io::Result<()> {
        if let Some(segment) = self.shared.segment(previous.segment)
            && let Ok(file) = self.disk.open(&segment.path, Open::Write)
            && file.stat()?.bytes > previous.bytes
        {
            let _ = file.set_len(previous.bytes);
        }
        Ok(())
    }

    /// Remembers how far the journal is whole, so that a start need not read it all. Does nothing when nothing was stored since.
    ///
    /// # Errors
    /// Whatever the disk answers; the last checkpoint stays.
    pub fn checkpoint(&mut self) -> io::Result<()> {
        let (end, last_seq) = self.shared.end();
        if end.segment == 0 || self.checkpointed == Some(end) {
            return Ok(());
        }
        let ids = self.ids.sync(&self.seen)?;
        let checkpoint = Checkpoint {
            end,
            last_seq,
            last_received_at: self.last_received_at,
            ids,
            window: self.window.mark(),
        };
        put_sealed(&*self.disk, &self.layout.journal_checkpoint(), &checkpoint)?;
        self.checkpointed = Some(end);
        Ok(())
    }

    /// Bytes stored since the last checkpoint, as far as one segment tells.
    #[must_use]
    pub fn since_checkpoint(&self) -> u64 {
        let end = self.shared.end().0;
        match self.checkpointed {
            Some(at) if at.segment == end.segment => end.offset - at.offset,
            _ => end.offset,
        }
    }
}
