//! What is asked for: which rows of which source, and as what. One type for
//! whoever asks: a URL, a signed link, the command line. The words that a day
//! is named by are kept, so that a link means another day tomorrow.

mod error;
mod span;
#[cfg(test)]
mod tests;

pub use error::AskError;
pub use span::{DayName, Span, When, WhenError};

use crate::event::{Day, SourceName, nearest};
use chrono_tz::Tz;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

/// What an export is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whose rows.
    pub source: SourceName,
    /// Of which days.
    pub span: Span,
    /// As what.
    pub format: Format,
    /// For whom the CSV is meant.
    pub profile: Profile,
    /// Which columns, in which order; all where none is named.
    pub columns: Vec<String>,
    /// The view of the rows.
    pub view: Option<String>,
    /// The zone that dates are shown in, where it is not the configured one.
    pub zone: Option<Tz>,
}

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180.
    Csv,
    /// The same, gzipped.
    CsvGz,
    /// Office Open XML.
    Xlsx,
    /// One JSON document a line.
    Jsonl,
}

/// For whom a CSV is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As on disk.
    Plain,
    /// For Excel: byte order mark, CRLF, dates that it takes for dates.
    Excel {
        /// Between two cells.
        delimiter: Delimiter,
        /// Between a number's whole part and its fraction.
        decimal: Decimal,
    },
}

/// What stands between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`, where numbers are written with a comma.
    Semicolon,
    /// A tab.
    Tab,
}

/// What stands between a number's whole part and its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    /// `.`
    Point,
    /// `,`
    Comma,
}

impl Format {
    /// All there are, by their endings; one that ends like another comes before it.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::CsvGz, "csv.gz"),
        (Self::Csv, "csv"),
        (Self::Xlsx, "xlsx"),
        (Self::Jsonl, "jsonl"),
    ];

    /// What a file's name ends with.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGz => "csv.gz",
            Self::Xlsx => "xlsx",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format that a file of this name has.
    #[must_use]
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let ends = |ending: &str| {
            name.strip_suffix(ending)
                .is_some_and(|stem| stem.ends_with('.'))
        };
        let found = Self::ALL.into_iter().find(|(_, ending)| ends(ending));
        found.map(|(format, _)| format)
    }

    /// Whether a person can read it.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Jsonl)
    }

    /// The media type (RFC 7111, RFC 6713, ECMA-376).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::CsvGz => "application/gzip",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Jsonl => "application/jsonl",
        }
    }
}

impl Delimiter {
    /// The byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// What a parameter may be, as a message lists it, and what it means.
type Words<T> = [(&'static str, T)];

/// What `delimiter` may be.
pub const DELIMITERS: [(&str, Delimiter); 3] = [
    ("comma", Delimiter::Comma),
    ("semicolon", Delimiter::Semicolon),
    ("tab", Delimiter::Tab),
];
/// What `decimal` may be.
pub const DECIMALS: [(&str, Decimal); 2] = [("point", Decimal::Point), ("comma", Decimal::Comma)];
/// What `profile` may be, and whether that is the one for Excel.
pub const PROFILES: [(&str, bool); 2] = [("plain", false), ("excel", true)];

/// The parameters of every export, besides those that say who asks.
const PARAMETERS: [&str; 6] = ["profile", "delimiter", "decimal", "columns", "view", "tz"];

/// Parameters as they were given, each once.
pub struct Given<'a> {
    /// Names and values.
    pairs: &'a [(String, String)],
}

impl<'a> Given<'a> {
    /// Those of `pairs`, each of which must be one of `known`.
    fn new(pairs: &'a [(String, String)], known: &[&'static str]) -> Result<Self, AskError> {
        for (nth, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let meant = nearest(name, known.iter().copied()).map(str::to_owned);
                let (name, known) = (name.clone(), known.join(", "));
                return Err(AskError::Parameter { name, known, meant });
            }
            if pairs[..nth].iter().any(|(earlier, _)| earlier == name) {
                return Err(AskError::Twice(name.clone()));
            }
        }
        Ok(Self { pairs })
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.pairs.iter();
        let found = pairs.find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The word that `name` has for a value.
    fn word<T: Copy>(&self, name: &'static str, words: &Words<T>) -> Result<Option<T>, AskError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == value);
        let list = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        found
            .map(|(_, meaning)| Some(*meaning))
            .ok_or_else(|| AskError::Value {
                name,
                value: value.to_owned(),
                allowed: list().join(", "),
            })
    }

    fn when(&self, name: &'static str) -> Result<When, AskError> {
        let value = self.get(name).ok_or(AskError::Missing(name))?;
        value.parse().map_err(|error: WhenError| AskError::Day {
            name,
            value: value.to_owned(),
            error,
        })
    }
}

impl Ask {
    /// All rows of `span` as they are, as CSV.
    #[must_use]
    pub fn new(source: SourceName, span: Span) -> Self {
        Self {
            source,
            span,
            format: Format::Csv,
            profile: Profile::Plain,
            columns: Vec::new(),
            view: None,
            zone: None,
        }
    }

    /// Reads `path`, what follows `/exports/`, with the decoded `query`. `aside` are parameters that say who asks.
    ///
    /// # Errors
    /// When it asks for nothing that could be.
    pub fn parse(path: &str, query: &[(String, String)], aside: &[&str]) -> Result<Self, AskError> {
        let (stem, format) = without_format(path)?;
        let (source, day) = match stem.split_once('/') {
            Some((source, day)) => (source, Some(day)),
            None => (stem, None),
        };
        let source = SourceName::new(source).map_err(|_| AskError::NoSuch)?;
        let mut query = query.to_vec();
        query.retain(|(name, _)| !aside.contains(&name.as_str()));
        let ends: &[&'static str] = match day {
            None => &["from", "to"],
            Some(_) => &[],
        };
        let part = day.and_then(|day| day.split_once('.'));
        let known = match part {
            None => [ends, &PARAMETERS].concat(),
            Some(_) => Vec::new(),
        };
        if let (Some(_), Some((name, _))) = (part, query.first()) {
            return Err(AskError::OfPart(name.clone()));
        }
        let given = Given::new(&query, &known)?;
        let span = match (day, part) {
            (None, _) => Span::Range(given.when("from")?, given.when("to")?),
            (_, Some((day, part))) => {
                let number = part.parse().ok();
                let number = number.filter(|n: &u32| *n > 0 && n.to_string() == part);
                let day = day.parse().map_err(|_| AskError::NoSuch)?;
                if format != Format::Csv {
                    return Err(AskError::NoSuch);
                }
                Span::Part(day, number.ok_or(AskError::NoSuch)?)
            }
            (Some(day), None) => Span::Day(day.parse().map_err(|_| AskError::NoSuch)?),
        };
        Self::new(source, span).with(format, &given)
    }

    /// The same from the parameters of the command line; a parameter that was not given is none.
    ///
    /// # Errors
    /// When they do not go together.
    pub fn given(
        source: SourceName,
        span: Span,
        format: Format,
        parameters: &[(String, String)],
    ) -> Result<Self, AskError> {
        Self::new(source, span).with(format, &Given::new(parameters, &PARAMETERS)?)
    }

    /// As `format`, and by the other parameters.
    fn with(self, format: Format, given: &Given<'_>) -> Result<Self, AskError> {
        let excel = given.word("profile", &PROFILES)?.unwrap_or(false);
        let delimiter = given.word("delimiter", &DELIMITERS)?;
        let decimal = given.word("decimal", &DECIMALS)?;
        let is_csv = matches!(format, Format::Csv | Format::CsvGz);
        let needless = |name: &'static str, needs| {
            let named = given.get(name).is_some();
            if named {
                Err(AskError::Needless { name, needs })
            } else {
                Ok(())
            }
        };
        if !is_csv {
            needless("profile", "CSV; leave it out")?;
        }
        if !excel {
            needless("delimiter", "profile=excel")?;
            needless("decimal", "profile=excel")?;
        }
        let profile = if excel {
            let decimal = decimal.unwrap_or(Decimal::Point);
            let usual = match decimal {
                Decimal::Point => Delimiter::Comma,
                Decimal::Comma => Delimiter::Semicolon,
            };
            let delimiter = delimiter.unwrap_or(usual);
            Profile::Excel { delimiter, decimal }
        } else {
            Profile::Plain
        };
        if !excel && format != Format::Xlsx {
            needless(
                "tz",
                "profile=excel or XLSX: all other dates are as they were sent",
            )?;
        }
        let zone = match given.get("tz") {
            None => None,
            Some(name) => Some(name.parse().map_err(|_| AskError::Zone(name.to_owned()))?),
        };
        let columns = match given.get("columns") {
            None => Vec::new(),
            Some(list) => names(list).ok_or(AskError::Columns)?,
        };
        let view = match given.get("view") {
            Some("") => return Err(AskError::NoView),
            view => view.map(str::to_owned),
        };
        Ok(Self {
            format,
            profile,
            columns,
            view,
            zone,
            ..self
        })
    }

    /// Whether it is what the files on disk hold, and no more.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.profile == Profile::Plain && self.columns.is_empty() && self.view.is_none()
    }

    /// The days, from and to; `latest` is the newest day with rows.
    ///
    /// # Errors
    /// When the end lies before the start.
    pub fn days(&self, today: Day, latest: Option<Day>) -> Result<(Day, Day), AskError> {
        let (from, to) = self.span.bounds(today, latest);
        if from > to {
            return Err(AskError::Backwards { from, to });
        }
        Ok((from, to))
    }

    /// Path and query under which it is found: always the same for the same, whatever the order it was asked in.
    #[must_use]
    pub fn url(&self) -> String {
        let mut url = format!("/exports/{}", self.source);
        let _ = match self.span {
            Span::Day(day) => write!(url, "/{day}"),
            Span::Part(day, part) => write!(url, "/{day}.{part}"),
            Span::Range(..) => Ok(()),
        };
        let _ = write!(url, ".{}", self.format.ending());
        let mut between = '?';
        for (name, value) in self.parameters() {
            let value = utf8_percent_encode(&value, IN_QUERY);
            let _ = write!(url, "{between}{name}={value}");
            between = '&';
        }
        url
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        fn word<T: PartialEq>(words: &Words<T>, meaning: &T) -> String {
            let found = words.iter().find(|(_, m)| m == meaning);
            found.map_or_else(String::new, |(word, _)| (*word).to_owned())
        }
        let mut list = Vec::new();
        if let Span::Range(from, to) = self.span {
            list.extend([("from", from.to_string()), ("to", to.to_string())]);
        }
        if let Profile::Excel { delimiter, decimal } = &self.profile {
            list.push(("profile", "excel".to_owned()));
            list.push(("delimiter", word(&DELIMITERS, delimiter)));
            list.push(("decimal", word(&DECIMALS, decimal)));
        }
        if !self.columns.is_empty() {
            list.push(("columns", list_of(&self.columns)));
        }
        list.extend(self.view.iter().map(|view| ("view", view.clone())));
        list.extend(self.zone.map(|zone| ("tz", zone.name().to_owned())));
        list
    }
}

/// What stands in a query as it is.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b'/')
    .remove(b':');

fn without_format(path: &str) -> Result<(&str, Format), AskError> {
    let mut formats = Format::ALL.into_iter();
    let stem = |ending: &str| path.strip_suffix(ending)?.strip_suffix('.');
    let found = formats.find_map(|(format, ending)| Some((stem(ending)?, format)));
    found.ok_or(AskError::NoSuch)
}

/// The names in a list: between commas, in quotes where a comma is in one, as in CSV. Nothing where it is no such list.
fn names(list: &str) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(list.as_bytes());
    let mut records = reader.records();
    let first = records.next()?.ok()?;
    if records.next().is_some() {
        return None;
    }
    let names: Vec<String> = first.iter().map(str::to_owned).collect();
    let distinct: HashSet<&String> = names.iter().collect();
    let good = distinct.len() == names.len() && !distinct.contains(&String::new());
    good.then_some(names)
}

/// The list that gives `names`.
fn list_of(names: &[String]) -> String {
    let mut list = String::new();
    for (nth, name) in names.iter().enumerate() {
        if nth > 0 {
            list.push(',');
        }
        if name.contains([',', '"', '\n', '\r']) {
            let _ = write!(list, "\"{}\"", name.replace('"', "\"\""));
        } else {
            list.push_str(name);
        }
    }
    list
}
