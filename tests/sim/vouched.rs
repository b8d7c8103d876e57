//! After a power cut: what a table's checkpoint says of a file is true of it.
//! The code mends what is not, by making the table anew; it must never have to.

use crate::model::SOURCES;
use crate::tables::events_in;
use crate::world::{Held, World};
use rowhook::disk::Disk as _;
use rowhook::event::Day;
use rowhook::table::{Checkpoint, PartState};
use std::path::Path;

impl World {
    pub fn check_vouched(&self) -> Held {
        for (nth, name) in SOURCES.iter().enumerate() {
            let folder = self.layout.tables_dir().join(name);
            let names = self.disk.quietly(|| self.disk.list(&folder));
            for name in names.map_err(|e| e.to_string())? {
                let Some(Ok(day)) = name.strip_suffix(".json").map(str::parse::<Day>) else {
                    continue;
                };
                let state = self.checkpoint_of(nth, day)?;
                let state = state.ok_or("a power cut left a checkpoint that cannot be read")?;
                self.check_state(&state)?;
            }
        }
        Ok(())
    }

    fn check_state(&self, state: &Checkpoint) -> Held {
        let numbered = (1..).zip(&state.parts);
        let last = u32::try_from(state.parts.len()).unwrap_or(u32::MAX);
        let wider = state.wider.iter().map(|wider| (last, wider));
        for (number, part) in numbered.chain(wider) {
            let path = self.layout.csv(&state.source, state.day, number);
            // Somebody else's doing is no concern of a checkpoint.
            if self.model.edits.iter().all(|edit| edit.path != path) {
                self.check_part(&path, part)?;
            }
        }
        Ok(())
    }

    /// The file may be another one: of two versions that a checkpoint knows only one has the name.
    fn check_part(&self, path: &Path, part: &PartState) -> Held {
        let stat = self.disk.quietly(|| self.disk.stat(path));
        let stat = stat.map_err(|e| e.to_string())?;
        if stat.is_none_or(|stat| stat.inode != part.stat.inode) {
            return Ok(());
        }
        let content = self.disk.peek(path).unwrap_or_default();
        let bytes = usize::try_from(part.bytes).unwrap_or(usize::MAX);
        let vouched = content.get(..bytes);
        let events = vouched.and_then(|text| events_in(text, &self.model.events).ok());
        if events.is_some_and(|events| events.len() as u64 == part.rows) {
            Ok(())
        } else {
            let what = path.display();
            Err(format!(
                "a power cut took what a checkpoint vouches for: {what}"
            ))
        }
    }
}
