//! What an audit has to tell: what kind of thing it is, where, what was
//! expected there and found, and what to do about it.

use crate::event::{Day, Seq, SourceName};
use serde::Serialize;
use std::collections::BTreeMap;

/// Findings that are told in full for one file; the rest are counted.
const TOLD_MAX: usize = 20;
/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 80;

/// What kind of thing a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The journal is not as it was written, or a table's file is not what the journal gives though nobody is seen to have
    /// changed it.
    Damage,
    /// A table's file is not what the journal gives, and is not the file that rowhook left.
    Edit,
    /// A table was made under other rules than those of the configuration.
    OtherRules,
    /// A table ends before the journal does: the server goes on with it, or the next start does.
    NotYetWritten,
    /// A batch that was never finished and never acknowledged.
    Unfinished,
    /// Something that could not be looked at, or that rowhook gets along without.
    Note,
}

impl Kind {
    /// Whether something is wrong.
    #[must_use]
    pub fn is_difference(self) -> bool {
        matches!(self, Self::Damage | Self::Edit)
    }

    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Edit => "edit",
            Self::OtherRules => "other rules",
            Self::NotYetWritten => "not yet written",
            Self::Unfinished => "unfinished",
            Self::Note => "note",
        }
    }
}

/// One thing that was found. What does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: Kind,
    /// The file, below the output directory.
    pub file: String,
    /// What is the matter.
    pub what: String,
    /// The number of the journal's segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
    /// The line of the journal's segment, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The byte of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The table's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// The table's day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Day>,
    /// The event's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// The file's row, 1 being the first below the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The column's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What should stand there, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What stands there, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Finding {
    /// One without a place in the file.
    #[must_use]
    pub fn new(kind: Kind, file: &str, what: impl Into<String>) -> Self {
        Self {
            kind,
            file: file.to_owned(),
            what: what.into(),
            segment: None,
            line: None,
            offset: None,
            source: None,
            date: None,
            seq: None,
            row: None,
            column: None,
            expected: None,
            found: None,
            next: None,
        }
    }
}

/// `text` as one line that a terminal shows as it is: control characters escaped, cut where it is long.
#[must_use]
pub fn shown(text: &[u8]) -> String {
    // Four bytes make a character at most.
    let some = &text[..text.len().min(4 * SHOWN_CHARS + 4)];
    let text_of = String::from_utf8_lossy(some);
    let (mut out, mut count) = (String::new(), 0);
    for letter in text_of.chars() {
        if count == SHOWN_CHARS {
            break;
        }
        count += 1;
        if letter.is_control() {
            out.extend(letter.escape_default());
        } else if matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    if text_of.chars().nth(SHOWN_CHARS).is_some() {
        out.push('…');
    }
    out
}

/// A number for people, with what it counts.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {}", if count == 1 { one } else { many })
}

/// Findings, at most so many of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Those that are told.
    pub told: Vec<Finding>,
    /// Of each file, how many more differences there are.
    pub omitted: BTreeMap<String, u64>,
    /// How many of each kind there are.
    pub counts: BTreeMap<Kind, u64>,
    of_file: BTreeMap<String, usize>,
}

impl Findings {
    /// Takes one.
    pub fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.kind).or_default() += 1;
        if finding.kind.is_difference() {
            let told = self.of_file.entry(finding.file.clone()).or_default();
            if *told == TOLD_MAX {
                *self.omitted.entry(finding.file).or_default() += 1;
                return;
            }
            *told += 1;
        }
        self.told.push(finding);
    }

    /// Takes all of `other`.
    pub fn extend(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        for (file, count) in other.omitted {
            *self.omitted.entry(file).or_default() += count;
        }
        for (file, count) in other.of_file {
            *self.of_file.entry(file).or_default() += count;
        }
        self.told.extend(other.told);
    }

    /// How many of this kind there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// How many tell that something is wrong.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.count(Kind::Damage) + self.count(Kind::Edit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_on_one_line() {
        assert_eq!(shown(b"a\n\x1b[31m\t\xff"), "a\\n\\u{1b}[31m\\t\u{fffd}");
        assert_eq!(shown("\u{202e}x".as_bytes()), "\\u{202e}x");
        let long = "ä".repeat(100);
        assert_eq!(shown(long.as_bytes()), "ä".repeat(80) + "…");
        assert_eq!(shown("ä".repeat(80).as_bytes()), "ä".repeat(80));
    }

    #[test]
    fn twenty_of_a_file_are_told_and_the_rest_counted() {
        let mut findings = Findings::default();
        for n in 0..25 {
            findings.add(Finding::new(Kind::Edit, "a", n.to_string()));
        }
        findings.add(Finding::new(Kind::Damage, "b", "x"));
        findings.add(Finding::new(Kind::Note, "a", "x"));
        assert_eq!(findings.told.len(), 22);
        assert_eq!(findings.omitted, BTreeMap::from([("a".to_owned(), 5)]));
        assert_eq!(findings.differences(), 26);
    }
}
