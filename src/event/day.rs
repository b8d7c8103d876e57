//! Days as they stand in file names and segment headers.

use chrono::{Datelike as _, NaiveDate};
use std::fmt;
use std::str::FromStr;

/// A calendar day, written `YYYY-MM-DD`. Which zone it is a day of was decided when the event was received.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// The day that chrono calls `date`. Years outside 0 to 9999 cannot be written and are moved to the nearest that can.
    #[must_use]
    pub fn new(date: NaiveDate) -> Self {
        let first = NaiveDate::from_ymd_opt(0, 1, 1).unwrap_or_default();
        let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or_default();
        Self(date.clamp(first, last))
    }

    /// The same day for chrono.
    #[must_use]
    pub fn date(self) -> NaiveDate {
        self.0
    }

    /// The day `days` later, or earlier when negative; stops at the first and last day that can be written.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        let end = if days < 0 {
            NaiveDate::MIN
        } else {
            NaiveDate::MAX
        };
        let moved = chrono::TimeDelta::try_days(days).and_then(|d| self.0.checked_add_signed(d));
        Self::new(moved.unwrap_or(end))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}",
            self.0.year(),
            self.0.month(),
            self.0.day()
        )
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a day written `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day written YYYY-MM-DD")]
pub struct DayError;

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let b = text.as_bytes();
        let digits = |range: std::ops::Range<usize>| b[range].iter().all(u8::is_ascii_digit);
        if b.len() != 10
            || b[4] != b'-'
            || b[7] != b'-'
            || !digits(0..4)
            || !digits(5..7)
            || !digits(8..10)
        {
            return Err(DayError);
        }
        let number =
            |range: std::ops::Range<usize>| text[range].parse::<u32>().map_err(|_| DayError);
        let year = i32::try_from(number(0..4)?).map_err(|_| DayError)?;
        NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?)
            .map(Self)
            .ok_or(DayError)
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_back_as_written() {
        for text in ["2026-11-23", "2024-02-29", "0000-01-01", "9999-12-31"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for bad in [
            "2026-11-3",
            "2026-02-30",
            "20261123",
            "2026-11-23.2",
            "+026-11-23",
            "",
            "2026-1é-2",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_ends_of_the_calendar_hold() {
        let day: Day = "2026-11-23".parse().unwrap();
        assert_eq!(day.plus(-30).to_string(), "2026-10-24");
        assert_eq!(day.plus(i64::MAX).to_string(), "9999-12-31");
        assert_eq!(day.plus(i64::MIN).to_string(), "0000-01-01");
    }
}
