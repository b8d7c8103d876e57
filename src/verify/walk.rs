//! All of it in order: what was known to be stored, the chain of segments, each
//! day, and what only a second look can tell.

use super::days::{DayTables, Journal, RESTORE, doubtful, of_segment};
use super::finding::{Finding, Findings, Kind};
use super::finish::Outcome;
use super::opened::Place;
use super::report::Report;
use super::{Key, Options, Progress, VerifyError};
use crate::disk::{Sealed, SharedDisk, get_sealed};
use crate::event::{Day, Seq, SourceName};
use crate::journal::audit::{Stored, stored};
use crate::journal::chain::{Chain, Fault, NoJournal, is_begun};
use crate::layout::Layout;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Instant;

/// How often something that a running server may explain is looked at again.
const LOOKS: usize = 3;

/// What the follower remembers, as far as it matters here.
#[derive(Deserialize)]
struct Saved {
    seq: Seq,
}

type Tables = BTreeMap<Day, BTreeMap<SourceName, BTreeSet<u32>>>;

/// An audit under way.
struct Walk<'a> {
    place: &'a Place<'a>,
    chain: Chain,
    /// Whether nothing is known of the chain.
    unreadable: bool,
    tables: Tables,
    findings: Findings,
    journal: Journal,
    /// What says that events up to this one were stored.
    known: Vec<(Seq, String)>,
    stored: Option<Stored>,
    report: Report,
}

/// Looks at everything below `layout` that `options` ask for.
///
/// # Errors
/// When there is nothing to look at, or the output directory cannot be read.
pub fn verify(
    disk: &SharedDisk,
    layout: &Layout,
    options: &Options,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Report, VerifyError> {
    let started = Instant::now();
    let at = |path: PathBuf| move |error| VerifyError::Io { path, error };
    let begun = is_begun(disk, layout);
    if !begun.map_err(|(path, error)| VerifyError::Io { path, error })? {
        return Err(NoJournal(layout.root().to_owned()).into());
    }
    let mut findings = Findings::default();
    // What was known to be stored is read first: the journal, read later, must have all of it.
    let mut place = Place {
        disk,
        layout,
        options,
        saved: None,
    };
    let stored = read_stored(&place, &mut findings);
    place.saved = read_saved(&place, &mut findings);
    let (chain, unreadable) = match read_chain(&place) {
        Ok(chain) => (chain, false),
        Err((path, error)) => (lost(path, &error), true),
    };
    let tables = place.tables().map_err(at(layout.csv_root()))?;
    let mut walk = Walk {
        place: &place,
        chain,
        unreadable,
        tables,
        findings,
        journal: Journal::default(),
        known: Vec::new(),
        stored,
        report: Report::default(),
    };
    walk.all_days(tell);
    walk.tell_chain();
    walk.tell_end();
    let Walk {
        findings,
        journal,
        report,
        ..
    } = walk;
    let mut all = findings;
    all.extend(journal.findings);
    if let Some(source) = &options.source
        && !options.sources.contains_key(source)
        && !all
            .told
            .iter()
            .any(|told| told.source.as_ref() == Some(source))
    {
        let dir = layout.csv_dir(source);
        if disk.stat(&dir).map_err(at(dir.clone()))?.is_none() {
            return Err(options.no_such_source(source));
        }
    }
    Ok(Report {
        output: layout.root().to_owned(),
        seconds: started.elapsed().as_secs_f64(),
        events: journal.events,
        segments: journal.read.len() as u64,
        bytes: report.bytes + journal.bytes,
        findings: all,
        ..report
    })
}

/// A server that makes or removes a segment just now may show half of that; it does not show it twice.
fn read_chain(place: &Place) -> Result<Chain, (PathBuf, io::Error)> {
    let dir = place.layout.journal_dir();
    let chain = Chain::read(place.disk, &dir);
    match &chain {
        Ok(chain) if chain.faults.is_empty() => {}
        _ => std::thread::sleep(place.options.pause),
    }
    match chain {
        Ok(chain) if chain.faults.is_empty() => Ok(chain),
        _ => Chain::read(place.disk, &dir),
    }
}

/// A chain of which nothing is known, because one of its files cannot be read.
fn lost(path: PathBuf, error: &io::Error) -> Chain {
    let what = format!("cannot be read: {error}; no table is compared");
    Chain {
        faults: vec![Fault {
            path,
            offset: 0,
            what,
        }],
        ..Chain::default()
    }
}

fn tell_broken(findings: &mut Findings, name: &str, what: &str, next: &str) {
    let what = format!("a state that cannot be read: {what}");
    let next = Some(next.to_owned());
    findings.add(Finding {
        next,
        ..Finding::new(Kind::Note, name, what)
    });
}

fn read_stored(place: &Place, findings: &mut Findings) -> Option<Stored> {
    let name = place.name(&place.layout.journal_checkpoint());
    let what = match stored(place.disk, place.layout) {
        Ok(Sealed::Whole(stored)) => return Some(stored),
        Ok(Sealed::Missing) => return None,
        Ok(Sealed::Broken(what)) => what,
        Err(error) => error.to_string(),
    };
    tell_broken(
        findings,
        &name,
        &what,
        "the next start reads the whole journal instead",
    );
    None
}

fn read_saved(place: &Place, findings: &mut Findings) -> Option<Seq> {
    let path = place.layout.follow_checkpoint();
    let what = match get_sealed::<Saved>(&**place.disk, &path) {
        Ok(Sealed::Whole(saved)) => return Some(saved.seq),
        Ok(Sealed::Missing) => return None,
        Ok(Sealed::Broken(what)) => what,
        Err(error) => error.to_string(),
    };
    tell_broken(
        findings,
        &place.name(&path),
        &what,
        "the next start follows the whole journal instead",
    );
    None
}

impl Walk<'_> {
    fn wants(&self, day: Day) -> bool {
        self.place.options.wants(day)
    }

    /// The next day to look at. That of the last segment comes last: it is the one that a server writes to.
    fn next_day(&self, done: &BTreeSet<Day>) -> Option<(Day, bool)> {
        let newest = self.chain.segments.last().map(|s| s.day);
        let in_journal = self.chain.segments.iter().map(|s| s.day);
        let days: BTreeSet<Day> = self.tables.keys().copied().chain(in_journal).collect();
        let mut open = days
            .difference(done)
            .copied()
            .filter(|day| self.wants(*day));
        let earlier = open.clone().find(|day| Some(*day) != newest);
        earlier
            .map(|day| (day, false))
            .or_else(|| open.next().map(|day| (day, true)))
    }

    fn all_days(&mut self, tell: &mut dyn FnMut(u64, u64)) {
        let wanted = self.chain.segments.iter().filter(|s| self.wants(s.day));
        let total = wanted.map(|s| s.bytes).sum();
        let mut progress = Progress {
            tell,
            done: 0,
            total,
        };
        let only = self.place.options.source.clone();
        let mut done = BTreeSet::new();
        while let Some((day, newest)) = self.next_day(&done) {
            done.insert(day);
            let mut journal = std::mem::take(&mut self.journal);
            let outcomes = self.day(day, only.clone(), newest, &mut journal, &mut progress);
            self.journal = journal;
            for (key, outcome) in outcomes {
                if let Some(seq) = outcome.known {
                    let path = self.place.layout.table_checkpoint(&key.0, day);
                    self.known.push((seq, self.place.name(&path)));
                }
                let outcome = self.look_again(&key, outcome);
                self.report.tables += 1;
                self.report.rows += outcome.rows;
                self.report.bytes += outcome.bytes;
                self.findings.extend(outcome.findings);
            }
        }
        self.read_late(&mut progress);
    }

    /// Reads the segments of one day, with its tables opened before. With `fresh` the tables and the chain are looked up again.
    fn day(
        &mut self,
        day: Day,
        only: Option<SourceName>,
        fresh: bool,
        journal: &mut Journal,
        progress: &mut Progress<'_>,
    ) -> Vec<(Key, Outcome)> {
        if fresh && let Ok(tables) = self.place.tables() {
            self.tables = tables;
        }
        let known = self.tables.get(&day);
        let mut tables = DayTables::open(self.place, day, only, known, &mut journal.findings);
        if fresh && let Ok(chain) = read_chain(self.place) {
            self.chain = chain;
        }
        let doubt = doubtful(&self.chain).iter().any(|days| days.contains(&day));
        if doubt || self.unreadable {
            tables.give_up("a segment of the journal is damaged or missing");
        }
        let segments = &self.chain.segments;
        if segments
            .first()
            .is_some_and(|first| first.number > 1 && first.day > day)
        {
            tables.compare_digests();
        }
        for (nth, segment) in segments.iter().enumerate() {
            if segment.day == day {
                tables.read(segment, segments.get(nth + 1), journal, progress);
            }
        }
        let last = segments.last().map(|segment| segment.number);
        let unfinished = journal.unfinished.as_ref();
        let unfinished = unfinished.filter(|(segment, _)| Some(segment.number) == last);
        tables.finish(unfinished.map(|(_, unfinished)| unfinished.batch))
    }

    /// What a server under way may explain is looked at again, with nothing that was known before.
    fn look_again(&mut self, key: &Key, first: Outcome) -> Outcome {
        let mut outcome = first;
        for _ in 0..LOOKS {
            if !outcome.may_be_under_way
                && (outcome.findings.differences() == 0 || !self.has_grown())
            {
                break;
            }
            std::thread::sleep(self.place.options.pause);
            let (mut journal, mut quiet) = (Journal::default(), |_, _| {});
            let mut progress = Progress {
                tell: &mut quiet,
                done: 0,
                total: 0,
            };
            let again = self.day(
                key.1,
                Some(key.0.clone()),
                true,
                &mut journal,
                &mut progress,
            );
            if let Some((_, again)) = again.into_iter().next() {
                outcome = again;
            }
        }
        outcome
    }

    /// Whether something was stored since the chain was read: of a day that was closed, if it was imported.
    fn has_grown(&self) -> bool {
        read_chain(self.place).is_ok_and(|chain| chain.segments != self.chain.segments)
    }

    /// Segments that came while this ran, of days that were looked at before: their lines are proved, no table is.
    fn read_late(&mut self, progress: &mut Progress<'_>) {
        let segments = &self.chain.segments;
        for (nth, segment) in segments.iter().enumerate() {
            if !self.journal.read.contains(&segment.number) && self.wants(segment.day) {
                let mut nothing =
                    DayTables::open(self.place, segment.day, None, None, &mut self.findings);
                nothing.give_up("");
                nothing.read(segment, segments.get(nth + 1), &mut self.journal, progress);
            }
        }
    }

    fn tell_chain(&mut self) {
        for fault in &self.chain.faults {
            let name = self.place.name(&fault.path);
            self.findings.add(Finding {
                offset: Some(fault.offset),
                next: Some(RESTORE.to_owned()),
                ..Finding::new(Kind::Damage, &name, fault.what.clone())
            });
        }
        for path in &self.chain.leftovers {
            let name = self.place.name(path);
            self.findings.add(Finding {
                next: Some(
                    "nothing, if the server makes it just now; else the next start removes it"
                        .to_owned(),
                ),
                ..Finding::new(
                    Kind::Unfinished,
                    &name,
                    "a file whose making was cut off; it holds no event",
                )
            });
        }
    }

    /// Whether the journal has all that is known to have been stored. Only its newest segment can tell.
    fn tell_end(&mut self) {
        let newest = self.chain.segments.last();
        if self.unreadable {
            return;
        }
        if newest.is_some_and(|segment| !self.journal.read.contains(&segment.number)) {
            return;
        }
        let last = self.journal.last.unwrap_or(Seq(0));
        let unfinished = self.journal.unfinished.take();
        let name_of = |path: PathBuf| self.place.name(&path);
        let journal = self.stored.map(|stored| {
            (
                stored.last_seq,
                name_of(self.place.layout.journal_checkpoint()),
            )
        });
        let follower = self
            .place
            .saved
            .map(|seq| (seq, name_of(self.place.layout.follow_checkpoint())));
        let known = self
            .known
            .iter()
            .cloned()
            .chain(journal)
            .chain(follower)
            .max();
        let known = known.filter(|(seq, _)| *seq > last);
        let file = newest.map_or_else(
            || name_of(self.place.layout.journal_dir()),
            |segment| self.place.name(&segment.path),
        );
        if let Some((seq, state)) = known {
            self.findings.add(Finding {
                segment: newest.map(|segment| segment.number),
                line: unfinished.as_ref().map(|(_, at)| at.line),
                offset: unfinished.as_ref().map(|(_, at)| at.offset),
                seq: Some(last.next()),
                next: Some(RESTORE.to_owned()),
                ..Finding::new(
                    Kind::Damage,
                    &file,
                    format!("the journal ends with event {last} here, but {state} knows event {seq}: acknowledged events are missing"),
                )
            });
        } else if let Some((segment, at)) = unfinished {
            let what = format!(
                "a batch of {} bytes that is not whole: it was never acknowledged",
                at.bytes
            );
            self.findings.add(Finding {
                line: Some(at.line),
                offset: Some(at.offset),
                seq: Some(at.batch),
                next: Some("nothing, if the server writes it just now; else the next start sets it aside in state/cut".to_owned()),
                ..of_segment(Kind::Unfinished, &file, &segment, &what)
            });
        }
    }
}
