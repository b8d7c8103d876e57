//! Where a body stands in the rejected files: its day and the offset of its
//! line. Files only grow, so it stays there until somebody moves the file away.

use crate::event::Day;
use std::fmt;
use std::str::FromStr;

/// A place, written `2026-11-27.1234`. Later ones are newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The day of the file.
    pub day: Day,
    /// Where in it the line begins.
    pub at: u64,
}

/// The text is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place written YYYY-MM-DD.OFFSET")]
pub struct PlaceError;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.day, self.at)
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (day, at) = text.split_once('.').ok_or(PlaceError)?;
        let day = day.parse().map_err(|_| PlaceError)?;
        let at = at.parse().map_err(|_| PlaceError)?;
        let place = Self { day, at };
        // One way to write each.
        if place.to_string() == text {
            Ok(place)
        } else {
            Err(PlaceError)
        }
    }
}

impl serde::Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_in_one_way() {
        for text in ["2026-11-27.0", "2026-11-27.18446744073709551615"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "2026-11-27",
            "2026-11-27.",
            "2026-11-27.01",
            "2026-11-27.+1",
            "x.1",
        ] {
            assert_eq!(bad.parse::<Place>(), Err(PlaceError), "{bad}");
        }
    }
}
