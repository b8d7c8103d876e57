//! Somebody opens today's table in an editor, saves, replaces or deletes it.

use crate::world::{Held, World, source};
use fastrand::Rng;
use rowhook::disk::{Disk as _, Open, beside, parent};
use rowhook::event::Day;
use std::path::Path;

impl World {
    /// Changes the file that rows are appended to, of a day that is not closed; nothing when there is none. What a stranger
    /// saves is durable: what a power cut makes of their editor is not ours.
    pub fn edit(&mut self, nth: usize, day: Day, rng: &mut Rng) -> Held {
        let Some(state) = self.checkpoint_of(nth, day)? else {
            return Ok(());
        };
        let part = u32::try_from(state.parts.len()).unwrap_or(1);
        let path = self.layout.csv(&source(nth), day, part);
        let Some(before) = self.disk.peek(&path).filter(|_| !state.closed) else {
            return Ok(());
        };
        let mut content = before.clone();
        // What only got shorter, or went away, holds nothing of theirs.
        let mut theirs = true;
        let kind = rng.u8(..5);
        match kind {
            0 => content.extend_from_slice(b"2026,mine\n"),
            1 if !content.is_empty() => {
                let at = rng.usize(..content.len());
                content[at] ^= 1;
            }
            2 => {
                content.truncate(rng.usize(..=content.len()));
                theirs = false;
            }
            3 => {
                content = String::from_utf8_lossy(&content)
                    .replace('\n', "\r\n")
                    .into();
            }
            _ => theirs = false,
        }
        let how = match kind {
            4 => How::Gone,
            3 => How::Renamed,
            _ => How::InPlace,
        };
        self.disk
            .quietly(|| self.save(&path, &content, how))
            .map_err(|e| e.to_string())?;
        self.model.edited(path, &before, content, theirs);
        Ok(())
    }

    fn save(&self, path: &Path, content: &[u8], how: How) -> std::io::Result<()> {
        match how {
            How::Gone => self.disk.remove(path)?,
            How::InPlace => self.write(path, Open::Write, content)?,
            How::Renamed => {
                let other = beside(path, "theirs");
                self.write(&other, Open::Fresh, content)?;
                self.disk.rename(&other, path)?;
            }
        }
        self.disk.sync_dir(parent(path))
    }

    fn write(&self, path: &Path, how: Open, content: &[u8]) -> std::io::Result<()> {
        let file = self.disk.open(path, how)?;
        file.write_at(content, 0)?;
        file.set_len(content.len() as u64)?;
        file.sync()
    }
}

#[derive(Clone, Copy)]
enum How {
    InPlace,
    Renamed,
    Gone,
}
