//! Some columns of a table, in the order that was asked for.

use super::{Heading, Row, Rows, Table};
use std::io;
use std::sync::Arc;

/// A table of some columns of another.
pub struct Chosen {
    table: Box<dyn Table>,
    headings: Vec<Heading>,
    places: Arc<[Option<u32>]>,
}

impl Chosen {
    /// The columns of `table` that are called `names`. One that it does not have stays empty.
    #[must_use]
    pub fn new(table: Box<dyn Table>, names: &[String]) -> Self {
        let mut places = vec![None; table.headings().len()];
        let mut headings = Vec::with_capacity(names.len());
        for (nth, name) in names.iter().enumerate() {
            let found = table.headings().iter().position(|h| h.name == *name);
            headings.push(match found {
                Some(at) => {
                    places[at] = u32::try_from(nth).ok();
                    table.headings()[at].clone()
                }
                None => Heading {
                    name: name.clone(),
                    title: name.clone(),
                    is_id: false,
                },
            });
        }
        Self {
            table,
            headings,
            places: places.into(),
        }
    }
}

impl Table for Chosen {
    fn headings(&self) -> &[Heading] {
        &self.headings
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(ChosenRows {
            rows: self.table.rows()?,
            places: self.places.clone(),
        }))
    }
}

struct ChosenRows {
    rows: Box<dyn Rows>,
    places: Arc<[Option<u32>]>,
}

impl Rows for ChosenRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        let more = self.rows.next(row)?;
        row.place(&self.places);
        Ok(more)
    }
}
