//! Bodies that were refused, for whoever looks after them: listed the newest
//! first, what became of each, and what rows a corrected one would make.
//!
//! - [`Place`]: where a body stands; [`Kept`]: the body and what is known of it
//! - [`page`](Rejects::page), [`get`](Rejects::get): read a piece at a time, never a whole file
//! - [`Note`]: that a body was delivered again, or dismissed
//! - [`Waiting`]: how many wait for somebody
//! - [`preview`]: the rows of a body that nobody stored
//!
//! Promises: the rejected files are read and never written; what became of a
//! body is durable before anybody is told so. Knows no HTTP.

mod backwards;
mod line;
mod list;
mod notes;
mod place;
pub mod preview;
#[cfg(test)]
mod tests;
mod waiting;

pub use line::Kept;
pub use list::{Found, Page, Show, Wanted};
pub use notes::{Note, What};
pub use place::{Place, PlaceError};
pub use waiting::Waiting;

use crate::disk::SharedDisk;
use crate::event::{Id, Timestamp};
use crate::layout::Layout;
use notes::Notes;
use std::io;
use std::sync::{Mutex, PoisonError};
use waiting::Index;

/// The refused bodies of an output directory.
pub struct Rejects {
    disk: SharedDisk,
    layout: Layout,
    notes: Notes,
    /// Held by one count after the other while it reads what was added.
    index: Mutex<Index>,
}

impl Rejects {
    /// Those below `layout`. Notes that are damaged count as none: what was delivered shows as waiting, and is a duplicate when
    /// it is delivered again.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn open(disk: SharedDisk, layout: Layout) -> io::Result<Self> {
        let notes = Notes::open(disk.clone(), layout.refused_notes())?;
        Ok(Self {
            disk,
            layout,
            notes,
            index: Mutex::default(),
        })
    }

    /// What became of the body `id`; nothing while it waits.
    #[must_use]
    pub fn note(&self, id: Id) -> Option<Note> {
        self.notes.get(id)
    }

    /// Notes that the body `id` was delivered again and gave `events`.
    ///
    /// # Errors
    /// When that cannot be written: then it is not noted.
    pub fn delivered(&self, id: Id, events: &[Id], now: Timestamp) -> io::Result<()> {
        self.notes.delivered(id, events, now)
    }

    /// Notes that nobody wants the bodies `ids`. One that was delivered stays so.
    ///
    /// # Errors
    /// When that cannot be written: then it is not noted.
    pub fn dismiss(&self, ids: &[Id], now: Timestamp) -> io::Result<()> {
        self.notes.dismiss(ids, now)
    }

    /// Lets the body `id`, which was dismissed, wait again.
    ///
    /// # Errors
    /// When that cannot be written: then it stays dismissed.
    pub fn put_back(&self, id: Id) -> io::Result<()> {
        self.notes.put_back(id)
    }

    /// How many bodies wait for somebody. Costs a look at each file's length, and a read of what was added since the last time.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn waiting(&self) -> io::Result<Waiting> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.count(&self.disk, &self.layout, &self.notes)
    }
}
