//! One folder: the names that are in it now, those that a power cut leaves, and
//! what happened between the two.

use fastrand::Rng;
use std::collections::BTreeMap;

#[derive(Clone)]
enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String, usize),
}

/// Names and the numbers of their files.
type Names = BTreeMap<String, usize>;

#[derive(Clone, Default)]
pub struct Folder {
    pub now: Names,
    durable: Names,
    pending: Vec<Change>,
    /// Whether the folder itself is known above.
    pub is_durable: bool,
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Link(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, inode) => {
                // The old name goes with it, unless something else has it.
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
        }
    }
}

impl Folder {
    /// One that was always there.
    pub fn durable() -> Self {
        Self {
            is_durable: true,
            ..Self::default()
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.pending.push(change);
    }

    pub fn link(&mut self, name: &str, inode: usize) {
        self.change(Change::Link(name.into(), inode));
    }

    pub fn unlink(&mut self, name: &str) {
        self.change(Change::Unlink(name.into()));
    }

    pub fn rename(&mut self, from: &str, to: &str, inode: usize) {
        self.change(Change::Rename(from.into(), to.into(), inode));
    }

    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// The power goes: a beginning of what was pending happened, or any part of it.
    pub fn cut(&mut self, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        if rng.bool() {
            for change in &pending[..rng.usize(..=pending.len())] {
                change.apply(&mut self.durable);
            }
        } else {
            let keep = [200, 500, 900][rng.usize(..3)];
            for change in &pending {
                if rng.u32(..1000) < keep {
                    change.apply(&mut self.durable);
                }
            }
        }
        self.now.clone_from(&self.durable);
        self.is_durable = true;
    }
}
