//! Which days: written out, or by words that mean another day every day.

use crate::event::Day;
use std::fmt;
use std::str::FromStr;

/// A day as it can be asked for on its own.
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

/// An end of a range of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Written out.
    Day(Day),
    /// Of the configured zone.
    Today,
    /// The one before.
    Yesterday,
    /// So many days before today.
    DaysAgo(u32),
}

/// Which days, or which part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// One day, all its parts.
    Day(DayName),
    /// One part alone, from 1.
    Part(Day, u32),
    /// All days from one to another, both included.
    Range(When, When),
}

/// A text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use YYYY-MM-DD, today, yesterday, or -30d for 30 days ago")]
pub struct WhenError;

/// A text is no day of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use YYYY-MM-DD, today, yesterday or latest")]
pub struct DayNameError;

impl When {
    /// The day that it means when today is `today`.
    #[must_use]
    pub fn day(self, today: Day) -> Day {
        match self {
            Self::Day(day) => day,
            Self::Today => today,
            Self::Yesterday => today.plus(-1),
            Self::DaysAgo(days) => today.plus(-i64::from(days)),
        }
    }
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        match text {
            "today" => Ok(Self::Today),
            "yesterday" => Ok(Self::Yesterday),
            _ => match text.strip_prefix('-').and_then(|t| t.strip_suffix('d')) {
                Some(days) if days.bytes().all(|b| b.is_ascii_digit()) => {
                    days.parse().map(Self::DaysAgo).map_err(|_| WhenError)
                }
                _ => text.parse().map(Self::Day).map_err(|_| WhenError),
            },
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::DaysAgo(days) => write!(f, "-{days}d"),
        }
    }
}

impl FromStr for DayName {
    type Err = DayNameError;

    fn from_str(text: &str) -> Result<Self, DayNameError> {
        match text {
            "today" => Ok(Self::Today),
            "yesterday" => Ok(Self::Yesterday),
            "latest" => Ok(Self::Latest),
            written => written.parse().map(Self::Day).map_err(|_| DayNameError),
        }
    }
}

impl fmt::Display for DayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

impl Span {
    /// The same days, written out; `latest` is the newest day with rows, where there is one.
    #[must_use]
    pub fn bounds(self, today: Day, latest: Option<Day>) -> (Day, Day) {
        match self {
            Self::Day(DayName::Day(day)) | Self::Part(day, _) => (day, day),
            Self::Day(DayName::Today) => (today, today),
            Self::Day(DayName::Yesterday) => (today.plus(-1), today.plus(-1)),
            Self::Day(DayName::Latest) => (latest.unwrap_or(today), latest.unwrap_or(today)),
            Self::Range(from, to) => (from.day(today), to.day(today)),
        }
    }

    /// Whether every day of it is written out, so that it always means the same.
    #[must_use]
    pub fn is_fixed(self) -> bool {
        match self {
            Self::Part(..)
            | Self::Day(DayName::Day(_))
            | Self::Range(When::Day(_), When::Day(_)) => true,
            Self::Day(_) | Self::Range(..) => false,
        }
    }
}
