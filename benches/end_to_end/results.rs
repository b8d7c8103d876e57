//! What all turns gave, as a table in Markdown.

use crate::load::machine::{self, median};
use crate::servers::Kind;
use crate::turn::Measured;
use std::fmt::Write as _;
use std::io;

/// All turns so far, by connections and kind.
pub struct Results {
    connections: Vec<usize>,
    kinds: Vec<Kind>,
    turns: Vec<(usize, Kind, Measured)>,
}

impl Results {
    /// None yet.
    pub fn new(connections: &[usize], kinds: &[Kind]) -> Self {
        Self {
            connections: connections.to_vec(),
            kinds: kinds.to_vec(),
            turns: Vec::new(),
        }
    }

    /// One more.
    pub fn add(&mut self, connections: usize, kind: Kind, measured: Measured) {
        self.turns.push((connections, kind, measured));
    }

    /// What was measured with.
    pub fn connections(&self) -> &[usize] {
        &self.connections
    }

    /// What was measured.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The median over the rounds.
    pub fn median(&self, connections: usize, kind: Kind, of: impl Fn(&Measured) -> f64) -> f64 {
        median(self.of(connections, kind).map(of).collect())
    }

    /// How a server compares with the ceiling of the same round, the median.
    pub fn ratio(&self, connections: usize, kind: Kind, of: impl Fn(&Measured) -> f64) -> f64 {
        let ceiling = self.of(connections, Kind::Ceiling);
        let ratios = self.of(connections, kind).zip(ceiling);
        median(ratios.map(|(own, ceiling)| of(own) / of(ceiling)).collect())
    }

    /// Why the figures are not to be trusted.
    pub fn complaints(&self) -> Vec<String> {
        let all = self.turns.iter().flat_map(|(connections, kind, turn)| {
            let tell = move |what| format!("{}, {connections} connections: {what}", kind.name());
            turn.complaints.iter().map(tell)
        });
        all.collect()
    }

    /// The table, with what it was measured on.
    pub fn text(&self, events: u64, rounds: usize) -> io::Result<String> {
        let mut text = String::new();
        let mut line = |line: std::fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}");
        };
        line(format_args!(
            "# rowhook beside a server that stores nothing\n"
        ));
        line(format_args!(
            "{}. Up to {events} events of {} bytes a turn, the median of {rounds} rounds; ratios are taken within a round.\n",
            machine::describe()?,
            crate::load::event::BYTES,
        ));
        line(format_args!(
            "| connections | server | events/s | of the ceiling | CPU µs an event | of the ceiling | p50 µs | p99 µs | p99.9 µs | peak MB | events a sync |"
        ));
        line(format_args!(
            "| --: | :-- | --: | --: | --: | --: | --: | --: | --: | --: | --: |"
        ));
        for &connections in &self.connections {
            for &kind in &self.kinds {
                let of = |of: fn(&Measured) -> f64| self.median(connections, kind, of);
                let syncs = match kind {
                    Kind::Rowhook => format!("{:.1}", of(|m| m.events_per_sync.unwrap_or(0.0))),
                    _ => "none".to_owned(),
                };
                line(format_args!(
                    "| {connections} | {} | {:.0} | {:.2} | {:.1} | {:.2} | {:.0} | {:.0} | {:.0} | {:.1} | {syncs} |",
                    kind.name(),
                    of(|m| m.events_per_second),
                    self.ratio(connections, kind, |m| m.events_per_second),
                    of(|m| m.cpu_micros),
                    self.ratio(connections, kind, |m| m.cpu_micros),
                    of(|m| m.p50),
                    of(|m| m.p99),
                    of(|m| m.p999),
                    of(|m| m.peak_mb),
                ));
            }
        }
        line(format_args!(
            "\nceiling: a bare actix reads the body and answers 200. afternoon: a tree of values, a CSV line, a flush, no sync. \
             rowhook: 200 after the sync, duplicates removed, the table written."
        ));
        for (kind, what) in [
            (
                Kind::FluentBit,
                "into memory, a file of JSON lines once a second, no sync.",
            ),
            (
                Kind::Vector,
                "200 after its file sink acknowledged, a file of JSON lines, no sync.",
            ),
        ] {
            if self.kinds.contains(&kind) {
                line(format_args!("{}: {what}", kind.name()));
            }
        }
        Ok(text)
    }

    fn of(&self, connections: usize, kind: Kind) -> impl Iterator<Item = &Measured> {
        let is = move |turn: &&(usize, Kind, Measured)| turn.0 == connections && turn.1 == kind;
        self.turns.iter().filter(is).map(|turn| &turn.2)
    }
}
