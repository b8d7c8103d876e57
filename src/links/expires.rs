//! When a link is to end, as whoever makes it says it.

use crate::event::{Day, Timestamp};
use chrono_tz::Tz;
use std::str::FromStr;

/// When a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// So many hours from now.
    Hours(u32),
    /// With this day.
    With(Day),
}

impl Expires {
    /// The moment from which on the link opens nothing any more, where it is made at `now`.
    #[must_use]
    pub fn at(self, now: Timestamp, zone: Tz) -> Timestamp {
        match self {
            Self::Hours(hours) => {
                Timestamp::from_millis(now.millis().saturating_add(i64::from(hours) * 3_600_000))
            }
            Self::With(day) => Timestamp::start_of(day.plus(1), zone),
        }
    }
}

impl FromStr for Expires {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const USE: &str =
            "use a number of days such as 90d, of hours such as 12h, or the last day, YYYY-MM-DD";
        if let Ok(day) = text.parse() {
            return Ok(Self::With(day));
        }
        let (number, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(number), _) => (number, 24),
            (_, Some(number)) => (number, 1),
            _ => return Err(USE),
        };
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(USE);
        }
        let number: u32 = number.parse().map_err(|_| USE)?;
        match number.checked_mul(hours) {
            Some(hours) if hours > 0 => Ok(Self::Hours(hours)),
            _ => Err(USE),
        }
    }
}
