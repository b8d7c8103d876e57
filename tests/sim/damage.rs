//! Acknowledged data that was damaged on the disk must stop the start: never
//! may it be taken for the end of the journal.

use crate::raw::Line;
use crate::world::{Held, World};
use fastrand::Rng;
use rowhook::disk::{Disk as _, Open};

impl World {
    /// Changes one byte of a line that is not of the last batch, on a copy of the disk, and tries to start there.
    pub fn damage(&self, rng: &mut Rng) -> Held {
        let journal = self.raw()?;
        let lines = &journal.lines;
        let last = lines.last().map_or(0, |line| line.batch);
        let earlier: Vec<&Line> = lines.iter().filter(|line| line.batch < last).collect();
        let Some(line) = rng.choice(&earlier) else {
            return Ok(());
        };
        let mut other = World::new(rng.u64(..), self.options.part_rows);
        other.disk = self.disk.fork();
        other.now = self.now;
        let at = line.offset + rng.usize(..line.bytes);
        let done = other.disk.quietly(|| {
            // What a checkpoint vouches for is not read again.
            if other
                .disk
                .stat(&self.layout.journal_checkpoint())?
                .is_some()
            {
                other.disk.remove(&self.layout.journal_checkpoint())?;
            }
            let file = other.disk.open(&line.path, Open::Write)?;
            let mut byte = [0];
            file.read_at(&mut byte, at as u64)?;
            file.write_at(&[byte[0] ^ (1 << rng.u8(..7))], at as u64)
        });
        done.map_err(|e: std::io::Error| e.to_string())?;
        match other.try_start() {
            Err(why) if why.contains("acknowledged events may be lost") => Ok(()),
            Err(why) => Err(format!("damage was met with {why:?}")),
            Ok(()) => Err(format!("it starts over a damaged event {}", line.n)),
        }
    }
}
