//! The moments that matter most and that chance rarely strings together: a batch
//! that is cut off by a failure or the end of the process, what is done about
//! it, and then a power cut before anything else was synced.

use crate::disk::faults::{EIO, Op, Rule};
use crate::world::{Held, World};
use fastrand::Rng;

impl World {
    /// `cuts` says whether the power may go.
    pub fn fragile(&mut self, rng: &mut Rng, cuts: bool) -> Held {
        self.heal();
        self.recover()?;
        let fail = |op, world: &Self| {
            let rule = Rule {
                op: Some(op),
                skip: 0,
                count: 1,
                share: 1000,
                errno: EIO,
            };
            world.disk.faults(|f| f.add(rule));
        };
        if rng.u8(..4) == 0 {
            // The rows of a table that could not be synced.
            self.deliver_new(rng, 2)?;
            self.step()?;
            fail(Op::Sync, self);
            self.checkpoint_tables()?;
            self.heal();
            self.checkpoint_tables()?;
            return if cuts {
                self.cut_and_start(rng)
            } else {
                Ok(())
            };
        }
        match rng.u8(..4) {
            // In the middle of the batch.
            0 => self.disk.faults(|f| f.die_after(rng.u64(..3))),
            // What failed stays in the file, because it cannot be cut off.
            1 => {
                fail(Op::Sync, self);
                fail(Op::SetLength, self);
            }
            _ => fail(Op::Sync, self),
        }
        let requests = rng.usize(1..4);
        self.deliver_new(rng, requests)?;
        if rng.bool() && !self.disk.faults(|f| f.is_dead()) {
            self.recover()?;
            self.deliver_new(rng, 1)?;
        }
        if rng.u8(..3) > 0 || self.disk.faults(|f| f.is_dead()) {
            self.kill();
            self.heal();
            self.start(0)?;
        }
        self.heal();
        if cuts {
            self.cut_and_start(rng)?;
        }
        self.check_journal()
    }

    fn cut_and_start(&mut self, rng: &mut Rng) -> Held {
        self.cut(rng.u64(..))?;
        self.start(0)
    }
}
