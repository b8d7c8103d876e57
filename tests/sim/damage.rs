//! Acknowledged data that was damaged on the disk must stop the start: never
//! may it be taken for the end of the journal.

use crate::raw::Line;
use crate::world::{Held, World};
use fastrand::Rng;
use rowhook::disk::{Disk as _, Open};
use std::io;
use std::path::Path;

impl World {
    pub fn damage(&self, rng: &mut Rng) -> Held {
        self.flip(rng)?;
        self.shorten(rng)
    }

    /// Changes one byte of a line that is not of the last batch, and tries to start there.
    fn flip(&self, rng: &mut Rng) -> Held {
        let journal = self.raw()?;
        let lines = &journal.lines;
        let last = lines.last().map_or(0, |line| line.batch);
        let earlier: Vec<&Line> = lines.iter().filter(|line| line.batch < last).collect();
        let Some(line) = rng.choice(&earlier) else {
            return Ok(());
        };
        let at = line.offset + rng.usize(..line.bytes);
        // What a checkpoint vouches for is not read again.
        let mut other = self.other(rng, &[&self.layout.journal_checkpoint()])?;
        let done = other.disk.quietly(|| {
            let file = other.disk.open(&line.path, Open::Write)?;
            let mut byte = [0];
            file.read_at(&mut byte, at as u64)?;
            file.write_at(&[byte[0] ^ (1 << rng.u8(..7))], at as u64)
        });
        done.map_err(|e: io::Error| e.to_string())?;
        refuses(&mut other, &format!("a damaged event {}", line.n))
    }

    /// Takes the last batches away, whole, and tries to start there with nothing but the tables that remember them.
    fn shorten(&self, rng: &mut Rng) -> Held {
        let journal = self.raw()?;
        let lines = &journal.lines;
        let Some(line) = rng.choice(lines) else {
            return Ok(());
        };
        let begins = |other: &Line| other.path == line.path && other.batch == line.batch;
        let left = lines.iter().take_while(|line| !begins(line)).count();
        let known = self.disk.files(&self.layout.tables_dir());
        let seqs = known.iter().filter_map(|(path, content)| {
            let hidden = path.file_name()?.to_string_lossy().starts_with('.');
            let state: serde_json::Value = serde_json::from_slice(content).ok()?;
            state["seq"].as_u64().filter(|_| !hidden)
        });
        if seqs.max().unwrap_or(0) <= left as u64 {
            return Ok(());
        }
        let layout = &self.layout;
        let states = [&*layout.journal_checkpoint(), &layout.follow_checkpoint()];
        let mut other = self.other(rng, &states)?;
        let end = lines[left].offset as u64;
        let done = other
            .disk
            .quietly(|| other.disk.open(&line.path, Open::Write)?.set_len(end));
        done.map_err(|e: io::Error| e.to_string())?;
        refuses(&mut other, "tables that know more")
    }

    /// Another world on a copy of the disk, without some files.
    fn other(&self, rng: &mut Rng, without: &[&Path]) -> Held<Self> {
        let mut other = Self::new(rng.u64(..), self.options.part_rows);
        other.disk = self.disk.fork();
        other.now = self.now;
        let done = other.disk.quietly(|| {
            for path in without {
                if other.disk.stat(path)?.is_some() {
                    other.disk.remove(path)?;
                }
            }
            Ok(())
        });
        done.map_err(|e: io::Error| e.to_string())?;
        Ok(other)
    }
}

fn refuses(other: &mut World, over: &str) -> Held {
    match other.try_start() {
        Err(why) if why.contains("acknowledged events may be lost") => Ok(()),
        Err(why) => Err(format!("damage was met with {why:?}")),
        Ok(()) => Err(format!("it starts over {over}")),
    }
}
