//! Several days one after the other, under the union of their columns. Of each
//! day no more is held than where its columns are in the whole: there may be
//! thousands of days.

use super::{Heading, Row, Rows, Table, Union};
use std::io;
use std::sync::Arc;

/// The rows of a day, as often as they are asked for.
pub trait Part: Send + Sync {
    /// The rows, from the first on.
    ///
    /// # Errors
    /// Whatever the disk answers.
    fn rows(&self) -> io::Result<Box<dyn Rows>>;
}

/// Days, as one table.
#[derive(Default)]
pub struct Joined {
    days: Arc<[Day]>,
    headings: Vec<Heading>,
}

/// Days that become one table.
#[derive(Default)]
pub struct Joining {
    union: Union,
    days: Vec<Day>,
    headings: Vec<Heading>,
}

struct Day {
    part: Box<dyn Part>,
    /// For each of its columns the place in the whole; none where that is its own.
    places: Option<Box<[Option<u32>]>>,
}

impl Joining {
    /// Adds the rows of `part`, whose columns are `headings`.
    pub fn add(&mut self, headings: Vec<Heading>, part: Box<dyn Part>) {
        let own = self.union.add(headings.iter().map(|h| h.name.as_str()));
        let is_own = own.iter().copied().eq(0..own.len());
        for (heading, place) in headings.into_iter().zip(&own) {
            if *place == self.headings.len() {
                self.headings.push(heading);
            }
        }
        let places = own.into_iter().map(|place| u32::try_from(place).ok());
        let places = (!is_own).then(|| places.collect());
        self.days.push(Day { part, places });
    }

    /// Whether there is no day.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// The rows of all days, in their order.
    #[must_use]
    pub fn finish(self) -> Joined {
        Joined {
            days: self.days.into(),
            headings: self.headings,
        }
    }
}

impl Table for Joined {
    fn headings(&self) -> &[Heading] {
        &self.headings
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(JoinedRows {
            days: self.days.clone(),
            next: 0,
            rows: None,
        }))
    }
}

struct JoinedRows {
    days: Arc<[Day]>,
    /// The day after the one at hand.
    next: usize,
    rows: Option<Box<dyn Rows>>,
}

impl Rows for JoinedRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        loop {
            if let Some(rows) = &mut self.rows {
                if rows.next(row)? {
                    if let Some(places) = &self.days[self.next - 1].places {
                        row.place(places);
                    }
                    return Ok(true);
                }
                self.rows = None;
            }
            let Some(day) = self.days.get(self.next) else {
                row.clear();
                return Ok(false);
            };
            self.rows = Some(day.part.rows()?);
            self.next += 1;
        }
    }
}
