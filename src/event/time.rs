//! Moments as they are stamped on events: UTC, whole milliseconds.

use crate::event::Day;
use chrono::{DateTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use std::fmt;

/// A moment in UTC, in milliseconds since 1970; written as RFC 3339 with three decimals and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The text is not a moment as rowhook writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a moment written YYYY-MM-DDTHH:MM:SS.mmmZ")]
pub struct TimeError;

/// From year 0 to the end of 9999, so that a moment always has 24 characters.
const MILLIS_MIN: i64 = -62_167_219_200_000;
const MILLIS_MAX: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The moment that the system's clock shows.
    #[must_use]
    pub fn now() -> Self {
        Self::from_millis(Utc::now().timestamp_millis())
    }

    /// `millis` after the start of 1970, moved into the years 0 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(MILLIS_MIN, MILLIS_MAX))
    }

    /// Milliseconds since the start of 1970.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The same moment for chrono.
    #[must_use]
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// The day that it is in `zone` at this moment.
    #[must_use]
    pub fn day(self, zone: Tz) -> Day {
        Day::new(self.utc().with_timezone(&zone).date_naive())
    }

    /// The first moment of `day` in `zone`. Where a change of clocks skips midnight it is the first moment after the gap.
    #[must_use]
    pub fn start_of(day: Day, zone: Tz) -> Self {
        let midnight = day.date().and_hms_opt(0, 0, 0).unwrap_or_default();
        let local = (0..=8).find_map(|quarter| {
            let time = midnight + chrono::TimeDelta::minutes(quarter * 15);
            zone.from_local_datetime(&time).earliest()
        });
        Self::from_millis(local.map_or(midnight.and_utc().timestamp_millis(), |t| {
            t.timestamp_millis()
        }))
    }

    /// Appends the 24 characters `YYYY-MM-DDTHH:MM:SS.mmmZ` to `out`.
    pub fn write(self, out: &mut Vec<u8>) {
        use chrono::{Datelike as _, Timelike as _};
        let t = self.utc();
        let mut digits = |value: u32, width: u32, end: u8| {
            for place in (0..width).rev() {
                out.push(b'0' + u8::try_from(value / 10_u32.pow(place) % 10).unwrap_or(0));
            }
            out.push(end);
        };
        digits(u32::try_from(t.year()).unwrap_or(0), 4, b'-');
        digits(t.month(), 2, b'-');
        digits(t.day(), 2, b'T');
        digits(t.hour(), 2, b':');
        digits(t.minute(), 2, b':');
        digits(t.second(), 2, b'.');
        digits(t.timestamp_subsec_millis(), 3, b'Z');
    }

    /// Reads what [`Timestamp::write`] writes, and nothing else.
    ///
    /// # Errors
    /// When the text has any other form.
    pub fn parse(text: &[u8]) -> Result<Self, TimeError> {
        let text = std::str::from_utf8(text).map_err(|_| TimeError)?;
        if text.len() != 24 || !text.ends_with('Z') {
            return Err(TimeError);
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| TimeError)?;
        let stamp = Self(time.timestamp_millis());
        if stamp.to_string() == text {
            Ok(stamp)
        } else {
            Err(TimeError)
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(d)?.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_as_written() {
        for text in [
            "2026-11-23T12:21:00.007Z",
            "1969-12-31T23:59:59.999Z",
            "9999-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00.000Z",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        for bad in [
            "2026-11-23T12:21:00Z",
            "2026-11-23 12:21:00.007Z",
            "2026-11-23T12:21:60.000Z",
            "",
        ] {
            assert!(Timestamp::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_day_is_a_day_of_the_zone() {
        let moment = Timestamp::parse(b"2026-11-23T23:30:00.000Z").unwrap();
        assert_eq!(moment.day(Tz::UTC).to_string(), "2026-11-23");
        assert_eq!(moment.day(Tz::Europe__Berlin).to_string(), "2026-11-24");
        assert_eq!(moment.day(Tz::America__New_York).to_string(), "2026-11-23");
        let start = Timestamp::start_of("2026-11-24".parse().unwrap(), Tz::Europe__Berlin);
        assert_eq!(start.to_string(), "2026-11-23T23:00:00.000Z");
    }

    #[test]
    fn a_midnight_that_does_not_exist_starts_after_the_gap() {
        // Beirut skips from 00:00 to 01:00 on the last Sunday of March.
        let start = Timestamp::start_of("2026-03-29".parse().unwrap(), Tz::Asia__Beirut);
        assert_eq!(start.to_string(), "2026-03-28T22:00:00.000Z");
        assert_eq!(start.day(Tz::Asia__Beirut).to_string(), "2026-03-29");
    }
}
