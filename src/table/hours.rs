//! How many rows of a table came in which hour. Hours are counted from 1970 in
//! UTC: a change of the zone changes none of them.

use crate::event::Timestamp;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Rows by hour, the earliest hour first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours(Vec<(i64, u64)>);

impl Hours {
    /// The hour that `moment` lies in.
    #[must_use]
    pub fn of(moment: Timestamp) -> i64 {
        moment.millis().div_euclid(HOUR_MS)
    }

    /// Counts a row of `hour`.
    pub(super) fn add(&mut self, hour: i64) {
        match self.0.binary_search_by_key(&hour, |known| known.0) {
            Ok(at) => self.0[at].1 += 1,
            Err(at) => self.0.insert(at, (hour, 1)),
        }
    }

    /// When each hour that has rows began, and how many it has.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, u64)> + '_ {
        let began = |hour: i64| Timestamp::from_millis(hour * HOUR_MS);
        self.0.iter().map(move |&(hour, rows)| (began(hour), rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_by_itself_in_order() {
        let mut hours = Hours::default();
        for ms in [7_200_000, 7_199_999, -1, 9_000_000, 3_600_000] {
            hours.add(Hours::of(Timestamp::from_millis(ms)));
        }
        let found: Vec<_> = hours.iter().map(|(at, rows)| (at.millis(), rows)).collect();
        assert_eq!(found, [(-3_600_000, 1), (3_600_000, 2), (7_200_000, 2)]);
    }
}
