//! Which calls of the disk fail, and when the process dies of one.

use fastrand::Rng;

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;

/// The kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Open,
    Make,
    Read,
    Write,
    Sync,
    SetLength,
    Stat,
    Rename,
    Remove,
    SyncFolder,
    MakeFolder,
    List,
    Free,
}

impl Op {
    /// Whether a call of this kind changes what is on the disk.
    pub fn changes(self) -> bool {
        !matches!(
            self,
            Self::Open | Self::Read | Self::Stat | Self::List | Self::Free
        )
    }

    /// Whether a full disk may refuse it.
    pub fn takes_room(self) -> bool {
        matches!(
            self,
            Self::Make
                | Self::Write
                | Self::Sync
                | Self::SetLength
                | Self::Rename
                | Self::MakeFolder
        )
    }
}

/// Calls that fail: of those that match, `count` behind the first `skip`, each with a chance of `share` in 1000.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// All kinds when there is none.
    pub op: Option<Op>,
    pub skip: u64,
    pub count: u64,
    pub share: u32,
    pub errno: i32,
}

/// How much of a call happens, and what it answers.
pub struct Fate {
    pub happens: Happens,
    pub error: Option<i32>,
    /// The process dies in the middle of it: unlike a failure it leaves everything as open as it was.
    pub dies: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Happens {
    Whole,
    Part,
    Not,
}

#[derive(Default)]
pub struct Faults {
    /// Calls so far, and their kinds when somebody wants to know.
    pub calls: u64,
    pub log: Option<Vec<Op>>,
    rules: Vec<Rule>,
    die_at: Option<u64>,
    dead: bool,
    /// Calls that failed because they were told to, or for want of room.
    pub failed: u64,
    /// Those of them that a rule made fail.
    pub told: u64,
    /// While the tests look at the disk themselves.
    pub quiet: bool,
}

impl Faults {
    pub fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// No failure and no death from here on.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.die_at = None;
        self.dead = false;
    }

    pub fn is_clear(&self) -> bool {
        self.rules.is_empty() && self.die_at.is_none() && !self.dead
    }

    /// The process dies in the call that comes after `skip` others.
    pub fn die_after(&mut self, skip: u64) {
        self.die_at = Some(self.calls + skip);
    }

    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// What becomes of the next call.
    pub fn fate(&mut self, op: Op, rng: &mut Rng) -> Fate {
        let works = Fate {
            happens: Happens::Whole,
            error: None,
            dies: false,
        };
        if self.quiet {
            return works;
        }
        let call = self.calls;
        self.calls += 1;
        if let Some(log) = &mut self.log {
            log.push(op);
        }
        if self.dead || self.die_at.is_some_and(|at| at <= call) {
            let happens = match rng.u8(..3) {
                _ if self.dead => Happens::Not,
                0 => Happens::Whole,
                1 => Happens::Part,
                _ => Happens::Not,
            };
            self.dead = true;
            self.failed += 1;
            return Fate {
                happens,
                error: Some(EIO),
                dies: true,
            };
        }
        match self.rules.iter_mut().find_map(|rule| rule.hits(op, rng)) {
            None => works,
            Some(errno) => {
                self.failed += 1;
                self.told += 1;
                Fate {
                    happens: if rng.bool() {
                        Happens::Part
                    } else {
                        Happens::Not
                    },
                    error: Some(errno),
                    dies: false,
                }
            }
        }
    }
}

impl Rule {
    fn hits(&mut self, op: Op, rng: &mut Rng) -> Option<i32> {
        let matches = self.op.is_none_or(|wanted| wanted == op);
        let possible = self.errno != ENOSPC || op.takes_room();
        if !matches || !possible {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.count == 0 || rng.u32(..1000) >= self.share {
            return None;
        }
        self.count -= 1;
        Some(self.errno)
    }
}
