//! When the rows of a table came: how many in which hour, and which of them were
//! tests. Hours are counted from 1970 in UTC: a change of the zone changes none.

use super::checkpoint::Received;
use crate::event::Timestamp;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Rows by hour, the earliest hour first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours(Vec<(i64, u64)>);

impl Hours {
    /// The hour that `moment` lies in, by its number.
    #[must_use]
    pub fn of(moment: Timestamp) -> i64 {
        moment.millis().div_euclid(HOUR_MS)
    }

    /// Counts a row that came at `moment`.
    pub(super) fn add(&mut self, moment: Timestamp) {
        let hour = Self::of(moment);
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

/// The rows of a table that are tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tests {
    /// How many they are.
    pub rows: u64,
    /// When the first and the last of all others came, if any did. Nothing is known of it while there is no test.
    others: Option<Received>,
}

impl Tests {
    /// Counts a row that came at `moment`, of a table whose rows `so_far` came at these moments.
    pub(super) fn add(&mut self, is_test: bool, moment: Timestamp, so_far: Option<Received>) {
        if is_test {
            if self.rows == 0 {
                self.others = so_far;
            }
            self.rows += 1;
        } else if self.rows > 0 {
            self.others = Some(Received::with(self.others, moment));
        }
    }

    pub(super) fn are_none(&self) -> bool {
        self.rows == 0
    }

    /// When the first and the last row that is no test came, of a table whose rows came at these moments.
    #[must_use]
    pub fn others(&self, all: Option<Received>) -> Option<Received> {
        if self.rows == 0 { all } else { self.others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_by_itself_in_order() {
        let mut hours = Hours::default();
        for ms in [7_200_000, 7_199_999, -1, 9_000_000, 3_600_000] {
            hours.add(Timestamp::from_millis(ms));
        }
        let found: Vec<_> = hours.iter().map(|(at, rows)| (at.millis(), rows)).collect();
        assert_eq!(found, [(-3_600_000, 1), (3_600_000, 2), (7_200_000, 2)]);
    }

    #[test]
    fn tests_do_not_count_as_the_first_or_the_last() {
        let at = Timestamp::from_millis;
        let came = |first, last| {
            Some(Received {
                first: at(first),
                last: at(last),
            })
        };
        for (rows, expected) in [
            (&[(5, true)][..], None),
            (&[(5, false)], came(5, 5)),
            (&[(5, false), (7, true)], came(5, 5)),
            (&[(5, true), (7, false), (9, false), (11, true)], came(7, 9)),
            (&[(5, false), (6, true), (3, false), (8, true)], came(3, 5)),
        ] {
            let (mut tests, mut all) = (Tests::default(), None);
            for &(moment, is_test) in rows {
                tests.add(is_test, at(moment), all);
                all = Some(Received::with(all, at(moment)));
            }
            let count = rows.iter().filter(|row| row.1).count() as u64;
            assert_eq!(
                (tests.rows, tests.others(all)),
                (count, expected),
                "{rows:?}"
            );
        }
    }
}
