//! What a path and a query under `/exports` ask for.

use crate::event::{Day, SourceName};
use std::ops::RangeInclusive;

/// A day as it can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayName {
    /// Written out.
    Day(Day),
    /// Of the configured zone.
    Today,
    /// The one before.
    Yesterday,
    /// The newest that has rows.
    Latest,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// One day, all its parts.
    Day(SourceName, DayName),
    /// One part alone, from 1.
    Part(SourceName, Day, u32),
    /// All days from one to another.
    Range(SourceName, RangeInclusive<Day>),
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is nothing under this path.
    #[error(
        "no such export; use /exports/SOURCE/DATE.csv, where DATE is YYYY-MM-DD, today, yesterday or latest, or \
         /exports/SOURCE.csv?from=DATE&to=DATE"
    )]
    NoSuch,
    /// A format that this release does not make.
    #[error("this release does not make .{0} yet; ask for .csv")]
    Format(&'static str),
    /// A parameter that is not known.
    #[error("unknown parameter `{0}`; allowed are {1}")]
    Parameter(String, &'static str),
    /// A parameter's value.
    #[error(
        "`{name}` is missing or is no day; use YYYY-MM-DD, today, yesterday, or -30d for 30 days ago"
    )]
    Value {
        /// Which parameter.
        name: &'static str,
    },
    /// The end lies before the start.
    #[error("`from` is {from}, which is after `to`, {to}; exchange the two")]
    Backwards {
        /// The start.
        from: Day,
        /// The end.
        to: Day,
    },
}

const OTHER_FORMATS: [&str; 3] = ["csv.gz", "xlsx", "jsonl"];

impl Address {
    /// Reads `path`, what follows `/exports/`, with the decoded `query`; `today` is today in the configured zone.
    ///
    /// # Errors
    /// When it asks for nothing that could be.
    pub fn parse(path: &str, query: &[(String, String)], today: Day) -> Result<Self, AddressError> {
        let stem = without_format(path)?;
        let (source, day) = match stem.split_once('/') {
            Some((source, day)) => (source, Some(day)),
            None => (stem, None),
        };
        let source = SourceName::new(source).map_err(|_| AddressError::NoSuch)?;
        let Some(day) = day else {
            return Self::range(source, query, today);
        };
        known(query, &["token"], "token")?;
        if let Some((day, part)) = day.split_once('.') {
            let day = day.parse().map_err(|_| AddressError::NoSuch)?;
            let number = part
                .parse()
                .ok()
                .filter(|n: &u32| *n > 0 && n.to_string() == part);
            return Ok(Self::Part(source, day, number.ok_or(AddressError::NoSuch)?));
        }
        let name = match day {
            "today" => DayName::Today,
            "yesterday" => DayName::Yesterday,
            "latest" => DayName::Latest,
            written => DayName::Day(written.parse().map_err(|_| AddressError::NoSuch)?),
        };
        Ok(Self::Day(source, name))
    }

    fn range(
        source: SourceName,
        query: &[(String, String)],
        today: Day,
    ) -> Result<Self, AddressError> {
        known(query, &["from", "to", "token"], "from, to, token")?;
        let end = |name: &'static str| {
            let mut values = query
                .iter()
                .filter(|(n, _)| n == name)
                .map(|(_, value)| value);
            let value = values.next().ok_or(AddressError::Value { name })?;
            let only = values.next().is_none();
            day_of(value, today)
                .filter(|_| only)
                .ok_or(AddressError::Value { name })
        };
        let (from, to) = (end("from")?, end("to")?);
        if from > to {
            return Err(AddressError::Backwards { from, to });
        }
        Ok(Self::Range(source, from..=to))
    }

    /// The source that it is about.
    #[must_use]
    pub fn source(&self) -> &SourceName {
        match self {
            Self::Day(source, _) | Self::Part(source, ..) | Self::Range(source, _) => source,
        }
    }
}

/// The path without `.csv`.
fn without_format(path: &str) -> Result<&str, AddressError> {
    for other in OTHER_FORMATS {
        if path
            .strip_suffix(other)
            .is_some_and(|stem| stem.ends_with('.'))
        {
            return Err(AddressError::Format(other));
        }
    }
    path.strip_suffix(".csv").ok_or(AddressError::NoSuch)
}

fn known(
    query: &[(String, String)],
    names: &[&str],
    list: &'static str,
) -> Result<(), AddressError> {
    match query
        .iter()
        .find(|(name, _)| !names.contains(&name.as_str()))
    {
        Some((name, _)) => Err(AddressError::Parameter(name.clone(), list)),
        None => Ok(()),
    }
}

/// A day as a parameter gives it.
fn day_of(text: &str, today: Day) -> Option<Day> {
    match text {
        "today" => Some(today),
        "yesterday" => Some(today.plus(-1)),
        _ => match text.strip_prefix('-').and_then(|t| t.strip_suffix('d')) {
            Some(days) if days.bytes().all(|b| b.is_ascii_digit()) => {
                Some(today.plus(-days.parse::<i64>().ok()?))
            }
            _ => text.parse().ok(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn parse(path: &str, query: &[(&str, &str)]) -> Result<Address, String> {
        let query: Vec<_> = query
            .iter()
            .map(|&(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        Address::parse(path, &query, day("2026-11-23")).map_err(|e| e.to_string())
    }

    #[test]
    fn addresses() {
        let source = || SourceName::new("lessonly").unwrap();
        let named = |name| Ok(Address::Day(source(), name));
        assert_eq!(
            parse("lessonly/2026-11-22.csv", &[]),
            named(DayName::Day(day("2026-11-22")))
        );
        assert_eq!(
            parse("lessonly/today.csv", &[("token", "x")]),
            named(DayName::Today)
        );
        assert_eq!(
            parse("lessonly/yesterday.csv", &[]),
            named(DayName::Yesterday)
        );
        assert_eq!(parse("lessonly/latest.csv", &[]), named(DayName::Latest));
        assert_eq!(
            parse("lessonly/2026-11-22.2.csv", &[]),
            Ok(Address::Part(source(), day("2026-11-22"), 2))
        );
        let range = |from, to| Ok(Address::Range(source(), day(from)..=day(to)));
        assert_eq!(
            parse("lessonly.csv", &[("from", "2026-11-01"), ("to", "today")]),
            range("2026-11-01", "2026-11-23")
        );
        assert_eq!(
            parse("lessonly.csv", &[("from", "-30d"), ("to", "yesterday")]),
            range("2026-10-24", "2026-11-22")
        );
    }

    #[test]
    fn what_is_none_says_why() {
        let why = |path, query: &[_]| parse(path, query).unwrap_err();
        for path in [
            "",
            ".csv",
            "x",
            "X/today.csv",
            "lessonly/2026-13-01.csv",
            "lessonly/2026-11-22.0.csv",
            "a/b/today.csv",
            "lessonly/today.02.csv",
        ] {
            assert!(why(path, &[]).starts_with("no such export"), "{path}");
        }
        assert_eq!(
            why("lessonly/today.csv.gz", &[]),
            "this release does not make .csv.gz yet; ask for .csv"
        );
        assert_eq!(
            why("lessonly.xlsx", &[]),
            "this release does not make .xlsx yet; ask for .csv"
        );
        assert_eq!(
            why("lessonly/today.csv", &[("profile", "excel")]),
            "unknown parameter `profile`; allowed are token"
        );
        assert!(why("lessonly.csv", &[("from", "today")]).starts_with("`to` is missing"));
        assert!(
            why("lessonly.csv", &[("from", "-d"), ("to", "today")])
                .starts_with("`from` is missing or is no day")
        );
        assert!(
            why(
                "lessonly.csv",
                &[("from", "today"), ("from", "today"), ("to", "today")]
            )
            .starts_with("`from`")
        );
        let backwards = why("lessonly.csv", &[("from", "today"), ("to", "-1d")]);
        assert_eq!(
            backwards,
            "`from` is 2026-11-23, which is after `to`, 2026-11-22; exchange the two"
        );
    }
}
