//! One day at a time: its tables are opened, and all its segments read once, each
//! record handed to its table.

use super::check::Check;
use super::finding::{Finding, Findings, Kind, shown};
use super::finish::{DayEnd, Outcome};
use super::opened::{Opened, Place};
use super::{Key, Progress};
use crate::disk::Open;
use crate::event::{Day, Seq, SourceName};
use crate::journal::audit::{self, End, Line};
use crate::journal::chain::Chain;
use crate::journal::segment::Segment;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// How often progress is told, in bytes.
const TELL_EVERY: u64 = 1 << 20;

/// What reading the journal brings.
#[derive(Default)]
pub struct Journal {
    pub findings: Findings,
    pub events: u64,
    pub bytes: u64,
    /// The numbers of the segments that were read.
    pub read: BTreeSet<u64>,
    /// The last event of a whole batch, in the newest segment that was read.
    pub last: Option<Seq>,
    /// What a batch that was never finished left in the newest segment.
    pub unfinished: Option<(Segment, audit::Unfinished)>,
}

/// The tables of one day while its segments are read.
pub struct DayTables<'a> {
    place: &'a Place<'a>,
    day: Day,
    only: Option<SourceName>,
    checks: BTreeMap<SourceName, Check>,
    /// Why the journal's records are no measure any more.
    fault: Option<String>,
}

impl<'a> DayTables<'a> {
    /// Opens the tables of `day`, those of one source or all. What is wrong with checkpoints is told to `findings`.
    pub fn open(
        place: &'a Place<'a>,
        day: Day,
        only: Option<SourceName>,
        known: Option<&BTreeMap<SourceName, BTreeSet<u32>>>,
        findings: &mut Findings,
    ) -> Self {
        let mut checks = BTreeMap::new();
        for (source, numbers) in known.into_iter().flatten() {
            if only.as_ref().is_none_or(|only| only == source) {
                let key = (source.clone(), day);
                let opened = Opened::new(place, key, numbers, &mut |finding| findings.add(finding));
                checks.insert(source.clone(), Check::new(place, opened));
            }
        }
        Self {
            place,
            day,
            only,
            checks,
            fault: None,
        }
    }

    /// What is read of the journal from here on says nothing of these tables.
    pub fn give_up(&mut self, why: &str) {
        if self.fault.is_none() {
            self.fault = Some(why.to_owned());
            for check in self.checks.values_mut() {
                check.give_up(why);
            }
        }
    }

    /// The journal does not go back to this day.
    pub fn compare_digests(&mut self) {
        for check in self.checks.values_mut() {
            check.give_up("the journal does not go back to this day; only the digest is compared");
            check.compare_digests(self.place);
        }
        self.fault = Some(String::new());
    }

    fn feed(&mut self, record: &crate::journal::record::Record<'_>) {
        if self.fault.is_some() {
            return;
        }
        if let Some(check) = self.checks.get_mut(record.source) {
            return check.feed(self.place, record);
        }
        let Ok(source) = SourceName::new(record.source) else {
            return;
        };
        if self.only.as_ref().is_none_or(|only| *only == source) {
            let opened = Opened::nothing((source.clone(), self.day));
            let mut check = Check::new(self.place, opened);
            check.feed(self.place, record);
            self.checks.insert(source, check);
        }
    }

    /// Reads one of the day's segments; `next` is the one behind it.
    pub fn read(
        &mut self,
        segment: &Segment,
        next: Option<&Segment>,
        journal: &mut Journal,
        progress: &mut Progress<'_>,
    ) {
        let name = self.place.name(&segment.path);
        let file = match self.place.disk.open(&segment.path, Open::Read) {
            Ok(file) => file,
            Err(error) => return self.unreadable(segment, &error, journal),
        };
        let mut told = 0;
        let outcome = audit::read(
            segment,
            &*file,
            next.map(|next| next.first_seq),
            &mut |line| {
                if line.offset >= told + TELL_EVERY {
                    told = line.offset;
                    progress.tell(told);
                }
                match &line.record {
                    Ok(record) => {
                        journal.events += 1;
                        self.feed(record);
                    }
                    Err(what) => {
                        let why = format!("line {} of {name} is damaged", line.number);
                        journal.findings.add(of_line(&name, segment, &line, what));
                        self.give_up(&why);
                    }
                }
            },
        );
        match outcome {
            Ok(end) => self.take_end(segment, next, end, journal),
            Err(_) if next.is_none() && file.stat().is_ok_and(|s| s.bytes < segment.bytes) => {
                let what = "the segment was cut while it was read: the server took a batch back that it could not write";
                let mut note = of_segment(Kind::Note, &name, segment, what);
                note.next = Some("verify again".to_owned());
                journal.findings.add(note);
                self.give_up(what);
            }
            Err(error) => self.unreadable(segment, &error, journal),
        }
        progress.pass(segment.bytes);
        journal.bytes += segment.bytes;
    }

    fn take_end(
        &mut self,
        segment: &Segment,
        next: Option<&Segment>,
        end: End,
        journal: &mut Journal,
    ) {
        let name = self.place.name(&segment.path);
        // A segment that is missing between two is told once, where the chain is looked at.
        let follows = next.is_none_or(|next| next.number == segment.number + 1);
        if let Some((offset, what)) = end.fault.filter(|_| follows) {
            let mut finding = of_segment(Kind::Damage, &name, segment, &what);
            finding.offset = Some(offset);
            journal.findings.add(finding);
            self.give_up(&format!("{name} does not end as it was written"));
        }
        if next.is_none() {
            journal.unfinished = end
                .unfinished
                .map(|unfinished| (segment.clone(), unfinished));
        }
        if journal
            .read
            .last()
            .is_none_or(|last| *last < segment.number)
        {
            journal.last = Some(end.last);
        }
        journal.read.insert(segment.number);
    }

    fn unreadable(&mut self, segment: &Segment, error: &std::io::Error, journal: &mut Journal) {
        let name = self.place.name(&segment.path);
        let what = format!("cannot be read: {error}");
        journal
            .findings
            .add(of_segment(Kind::Damage, &name, segment, &what));
        journal.read.insert(segment.number);
        self.give_up(&format!("{name} cannot be read"));
    }

    /// All segments of the day were read.
    pub fn finish(self, unfinished: Option<Seq>) -> Vec<(Key, Outcome)> {
        let end = DayEnd { unfinished };
        let (place, day) = (self.place, self.day);
        let checks = self.checks.into_iter();
        checks
            .map(|(source, check)| ((source, day), check.finish(place, &end)))
            .collect()
    }
}

/// What to do about a journal that is not as it was written.
pub const RESTORE: &str = "rowhook does not start over a damaged journal: keep a copy of the whole output directory, then put \
                           this file back from a backup";

/// A finding about a segment as a whole.
pub fn of_segment(kind: Kind, name: &str, segment: &Segment, what: &str) -> Finding {
    Finding {
        segment: Some(segment.number),
        next: Some(RESTORE.to_owned()),
        ..Finding::new(kind, name, what)
    }
}

fn of_line(name: &str, segment: &Segment, line: &Line<'_>, what: &str) -> Finding {
    Finding {
        line: Some(line.number),
        offset: Some(line.offset),
        seq: Some(line.expected),
        found: Some(shown(line.text)),
        ..of_segment(Kind::Damage, name, segment, what)
    }
}

/// Days that the journal says nothing sure about, because a segment of theirs is damaged or missing.
pub fn doubtful(chain: &Chain) -> Vec<RangeInclusive<Day>> {
    let of_fault = |fault: &crate::journal::chain::Fault| {
        let name = fault.path.file_name()?.to_string_lossy();
        let (day, _) = crate::layout::segment_of_name(&name)?;
        let before = chain
            .segments
            .iter()
            .map(|s| s.day)
            .filter(|d| *d < day)
            .max();
        Some(before.unwrap_or(day)..=day)
    };
    chain.faults.iter().filter_map(of_fault).collect()
}
