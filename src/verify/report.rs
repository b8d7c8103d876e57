//! All that an audit found, for people and as one JSON document.

use super::finding::{Finding, Findings, Kind, counted};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The outcome of an audit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The output directory.
    pub output: PathBuf,
    /// Events of the journal that were read.
    pub events: u64,
    /// Segments that were read.
    pub segments: u64,
    /// Tables that were compared.
    pub tables: u64,
    /// Rows of their files.
    pub rows: u64,
    /// Bytes of segments and tables.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// What was found.
    pub findings: Findings,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    output: String,
    events: u64,
    segments: u64,
    tables: u64,
    rows: u64,
    bytes: u64,
    seconds: f64,
    damage: u64,
    edits: u64,
    notes: u64,
    findings: &'a [Finding],
    omitted: &'a BTreeMap<String, u64>,
}

impl Report {
    /// Whether something is wrong.
    #[must_use]
    pub fn has_differences(&self) -> bool {
        self.findings.differences() > 0
    }

    fn notes(&self) -> u64 {
        let all: u64 = self.findings.counts.values().sum();
        all - self.findings.differences()
    }

    /// One JSON document, on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let document = Document {
            output: self.output.display().to_string(),
            events: self.events,
            segments: self.segments,
            tables: self.tables,
            rows: self.rows,
            bytes: self.bytes,
            seconds: (self.seconds * 1000.0).round() / 1000.0,
            damage: self.findings.count(Kind::Damage),
            edits: self.findings.count(Kind::Edit),
            notes: self.notes(),
            findings: &self.findings.told,
            omitted: &self.findings.omitted,
        };
        // Numbers and texts: there is nothing in it that could not be written.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} in {}, {} with {}, {} in {:.2} s: {}, {}, {}",
            counted(self.events, "event", "events"),
            counted(self.segments, "segment", "segments"),
            counted(self.tables, "table", "tables"),
            counted(self.rows, "row", "rows"),
            counted(self.bytes, "byte", "bytes"),
            self.seconds,
            if self.findings.count(Kind::Damage) == 0 {
                "no damage".to_owned()
            } else {
                format!(
                    "{} damaged",
                    counted(self.findings.count(Kind::Damage), "place", "places")
                )
            },
            if self.findings.count(Kind::Edit) == 0 {
                "no edits".to_owned()
            } else {
                counted(self.findings.count(Kind::Edit), "edit", "edits")
            },
            if self.notes() == 0 {
                "no notes".to_owned()
            } else {
                counted(self.notes(), "note", "notes")
            },
        )?;
        let mut files: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in &self.findings.told {
            files.entry(&finding.file).or_default().push(finding);
        }
        for (file, findings) in files {
            writeln!(f, "\n{file}")?;
            let mut next: Option<&str> = None;
            for finding in findings {
                // What to do is told once for findings that follow each other and have it in common.
                if next.is_some() && next != finding.next.as_deref() {
                    tell_next(f, next)?;
                }
                next = finding.next.as_deref();
                write!(f, "{}", Lines(finding))?;
            }
            if let Some(more) = self.findings.omitted.get(file) {
                writeln!(
                    f,
                    "  and {} in this file",
                    counted(*more, "more difference", "more differences")
                )?;
            }
            tell_next(f, next)?;
        }
        Ok(())
    }
}

fn tell_next(f: &mut fmt::Formatter<'_>, next: Option<&str>) -> fmt::Result {
    next.map_or(Ok(()), |next| writeln!(f, "    what to do: {next}"))
}

/// A finding as lines for people.
struct Lines<'a>(&'a Finding);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = self.0;
        let numbers = [
            ("segment", finding.segment),
            ("line", finding.line),
            ("row", finding.row),
            ("byte", finding.offset),
            ("seq", finding.seq.map(|seq| seq.0)),
        ];
        let mut place: Vec<String> = numbers
            .into_iter()
            .filter_map(|(name, number)| Some(format!("{name} {}", number?)))
            .collect();
        place.extend(
            finding
                .column
                .as_ref()
                .map(|column| format!("column {column}")),
        );
        let place = if place.is_empty() {
            String::new()
        } else {
            format!("{}: ", place.join(", "))
        };
        writeln!(f, "  {}: {place}{}", finding.kind.as_str(), finding.what)?;
        for (name, value) in [("expected", &finding.expected), ("found", &finding.found)] {
            if let Some(value) = value {
                writeln!(f, "    {name}: {value}")?;
            }
        }
        Ok(())
    }
}
