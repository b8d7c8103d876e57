//! A download: every row that was acknowledged before it was asked for, as a
//! rectangle, under a header that only grows.

use crate::tables::{event_of, events_of, rectangle, rows_of, unchanged};
use crate::world::{Held, World, source};
use rowhook::disk::{Disk as _, Open, read_range};
use rowhook::event::Day;
use rowhook::flatten::Rules;
use rowhook::follow::Together;
use rowhook::table::{Snapshot, SnapshotPart};
use std::time::Duration;

impl World {
    /// Asks for a day of a source. Whether an answer came: on a failing disk it need not.
    pub fn download(&mut self, nth: usize, day: Day) -> Held<bool> {
        let wanted = events_of(&self.raw()?.lines, nth, &day.to_string());
        let wanted: Vec<usize> = wanted
            .into_iter()
            .filter(|&event| self.model.is_stored(event))
            .collect();
        let until = self.clock + Duration::from_secs(1_000_000);
        let handle = self.handle()?;
        let mut answer = handle
            .ask(source(nth), day..=day, until)
            .map_err(|e| e.to_string())?;
        for _ in 0..8 {
            if !self.step()? {
                break;
            }
        }
        let mut given = answer.try_recv().ok();
        if given.is_none() && self.is_healthy() && !self.is_broken() {
            self.settle()?;
            given = answer.try_recv().ok();
            if given.is_none() {
                return Err("a download was not answered on a disk that works".into());
            }
        }
        let Some(Together { open, .. }) = given else {
            return Ok(false);
        };
        let table = open.into_iter().find(|table| table.day == day);
        // A closed day is read as its checkpoint says.
        let table = match table {
            Some(table) => Some(table),
            None => self
                .checkpoint_of(nth, day)?
                .filter(|state| state.closed)
                .map(|state| Snapshot::of(&state, &self.layout)),
        };
        match table {
            Some(table) if self.is_edited(&table) => {}
            Some(table) => self.check_download(nth, &table, wanted)?,
            None if wanted.is_empty() => {}
            None => return Err(format!("a download has no table for {wanted:?}")),
        }
        Ok(true)
    }

    /// A full part that somebody changed is given as it is, and found when it is looked at next.
    fn is_edited(&self, table: &Snapshot) -> bool {
        let closed = table.parts.iter().filter(|part| part.file.is_none());
        closed.into_iter().any(|part| {
            let stat = self.disk.quietly(|| self.disk.stat(&part.path));
            let edited = self.model.edits.iter().any(|e| e.path == part.path);
            edited && stat.ok().flatten() != Some(part.state.stat)
        })
    }

    fn part(&self, part: &SnapshotPart) -> Held<Vec<u8>> {
        let mut content = Vec::new();
        self.disk
            .quietly(|| {
                let file = match &part.file {
                    Some(file) => file.clone(),
                    None => self.disk.open(&part.path, Open::Read)?,
                };
                read_range(&*file, 0..part.state.bytes, &mut content)
            })
            .map_err(|e| format!("a part of a download cannot be read: {e}"))?;
        if content.len() as u64 == part.state.bytes {
            Ok(content)
        } else {
            Err("a part of a download is shorter than it was said".into())
        }
    }

    fn check_download(&mut self, nth: usize, table: &Snapshot, wanted: Vec<usize>) -> Held {
        let rules = Rules::parse(&table.rules).ok_or("rules that nobody has")?;
        let with_tests = rules.take_tests();
        let wanted = rows_of(wanted, with_tests, &self.model.events);
        let mut found = Vec::new();
        for part in &table.parts {
            let content = self.part(part)?;
            let (header, rows) = rectangle(&content).ok_or("a download is no rectangle")?;
            if !table
                .columns
                .iter()
                .map(|c| &c.name)
                .take(header.len())
                .eq(&header)
                || header.len() != part.state.columns
            {
                return Err(format!(
                    "a part has the columns {header:?} of {:?}",
                    table.columns
                ));
            }
            if rows.len() as u64 != part.state.rows {
                return Err("a part has another number of rows than was said".into());
            }
            for row in &rows {
                let event = event_of(&header, row, &self.model.events);
                found.push(event.ok_or_else(|| format!("a download has {row:?}"))?);
            }
        }
        if !found.starts_with(&wanted) {
            return Err(format!(
                "a download has {found:?}, acknowledged was {wanted:?}"
            ));
        }
        let key = (nth, table.day.to_string(), with_tests);
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| unchanged(&column.name))
            .collect();
        if let Some((header, rows)) = self.model.downloads.get(&key)
            && !(columns.starts_with(header) && found.starts_with(rows))
        {
            return Err(format!(
                "a download has {columns:?} and {found:?}, where an earlier one had {header:?} and {rows:?}"
            ));
        }
        let seen = (columns, found);
        self.model.downloads.insert(key, seen);
        Ok(())
    }
}
