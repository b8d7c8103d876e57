//! Refused bodies, the newest first, a page at a time.

use super::Rejects;
use super::backwards::{Backwards, Found as Line, line_at};
use super::line::{self, Kept};
use super::notes::{Note, What};
use super::place::Place;
use crate::disk::{Open, SharedFile};
use crate::event::{Day, Id, SourceName};
use std::io;

/// What is read at most for one page: else a question that nothing answers would read the files of years.
const READ_BYTES_MAX: u64 = 128 << 20;

/// Which bodies are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// All but those that were dismissed.
    #[default]
    Kept,
    /// Those that wait for somebody.
    Waiting,
    /// Those that were delivered again.
    Delivered,
    /// Those that were dismissed.
    Dismissed,
    /// All.
    All,
}

impl Show {
    fn shows(self, note: Option<&Note>) -> bool {
        let dismissed = note.is_some_and(|note| note.what == What::Dismissed);
        match self {
            Self::All => true,
            Self::Kept => !dismissed,
            Self::Waiting => note.is_none(),
            Self::Delivered => note.is_some() && !dismissed,
            Self::Dismissed => dismissed,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this source alone.
    pub source: Option<SourceName>,
    /// Older than the one at this place.
    pub before: Option<Place>,
    /// So many at most.
    pub limit: usize,
    /// Which of them.
    pub show: Show,
}

/// A body that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where.
    pub place: Place,
    /// The body.
    pub kept: Kept,
    /// What became of it; nothing while it waits.
    pub note: Option<Note>,
}

/// A page of bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// They, the newest first.
    pub items: Vec<T>,
    /// Where to go on; nothing behind the last one.
    pub next: Option<Place>,
    /// Whether it stopped because it had read so much, with perhaps more to be found.
    pub stopped: bool,
    /// Lines that are no body, or longer than what is held.
    pub unreadable: u64,
}

impl Rejects {
    /// Bodies as `wanted`, each made to what `make` makes of it before the next one is read: bodies are large.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn page<T>(
        &self,
        wanted: &Wanted,
        mut make: impl FnMut(Found) -> T,
    ) -> io::Result<Page<T>> {
        let mut page = Page {
            items: Vec::new(),
            next: None,
            stopped: false,
            unreadable: 0,
        };
        let (mut read, mut last) = (0, None);
        for day in self.days()? {
            let end = match wanted.before {
                Some(before) if before.day < day => continue,
                Some(before) if before.day == day => before.at,
                _ => u64::MAX,
            };
            let Some(file) = self.open_day(day)? else {
                continue;
            };
            let mut lines = Backwards::new(&*file, end)?;
            while let Some(found) = lines.next()? {
                let (at, line) = match found {
                    Line::Line(at, line) => (at, Some(line)),
                    Line::TooLong(at) => (at, None),
                };
                let place = Place { day, at };
                match line.map(|line| self.wanted(wanted, place, &line)) {
                    Some(Some(Ok(found))) => {
                        // One more than wanted tells that there is one.
                        if page.items.len() == wanted.limit {
                            page.next = last;
                            return Ok(page);
                        }
                        last = Some(place);
                        page.items.push(make(found));
                    }
                    Some(Some(Err(Unreadable))) | None => page.unreadable += 1,
                    Some(None) => {}
                }
                if read + lines.read > READ_BYTES_MAX {
                    (page.next, page.stopped) = (Some(place), true);
                    return Ok(page);
                }
            }
            read += lines.read;
        }
        Ok(page)
    }

    /// The body of a line that is wanted.
    fn wanted(
        &self,
        wanted: &Wanted,
        place: Place,
        line: &[u8],
    ) -> Option<Result<Found, Unreadable>> {
        // Most lines that are not wanted are known by how they begin.
        let is_wanted = |id: Id, source: &str| {
            let note = self.note(id);
            let of_source = wanted
                .source
                .as_ref()
                .is_none_or(|of| of.as_str() == source);
            (of_source && wanted.show.shows(note.as_ref())).then_some(note)
        };
        if let Some(head) = line::head(line) {
            is_wanted(head.id, head.source)?;
        }
        let Some(kept) = line::parse(line) else {
            return Some(Err(Unreadable));
        };
        let note = is_wanted(kept.id, kept.source.as_str())?;
        Some(Ok(Found { place, kept, note }))
    }

    /// The body `id` at `place`; nothing when it is not there any more.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn get(&self, place: Place, id: Id) -> io::Result<Option<Found>> {
        let Some(file) = self.open_day(place.day)? else {
            return Ok(None);
        };
        let line = line_at(&*file, place.at)?;
        let kept = line.and_then(|line| line::parse(&line));
        let kept = kept.filter(|kept| kept.id == id);
        let note = self.note(id);
        Ok(kept.map(|kept| Found { place, kept, note }))
    }

    /// The days that have a file, the newest first.
    fn days(&self) -> io::Result<Vec<Day>> {
        let names = self.disk.list(&self.layout.rejected_dir())?;
        let mut days: Vec<Day> = names.iter().filter_map(|name| day_of(name)).collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(days)
    }

    /// The file of `day`; nothing when somebody moved it away.
    fn open_day(&self, day: Day) -> io::Result<Option<SharedFile>> {
        match self.disk.open(&self.layout.rejected(day), Open::Read) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A line that is no body.
struct Unreadable;

/// The day of a rejected file's name.
pub(super) fn day_of(name: &str) -> Option<Day> {
    name.strip_suffix(".jsonl")?.parse().ok()
}
