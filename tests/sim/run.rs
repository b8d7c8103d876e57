//! Acts done one after the other, and what must hold after each and in the end.

use crate::acts::{Act, Kind};
use crate::disk::faults::{EIO, ENOSPC, Op, Rule};
use crate::model::SOURCES;
use crate::world::{Held, World, source};
use fastrand::Rng;
use rowhook::event::{Day, Timestamp};
use rowhook::follow::SLICE_BYTES;

/// What was done, for the totals.
#[derive(Debug, Default, Clone, Copy)]
pub struct Totals {
    pub acts: u64,
    pub cuts: u64,
    pub kills: u64,
    pub failures: u64,
    pub downloads: u64,
    pub acknowledged: u64,
    pub edits: u64,
    pub calls: u64,
}

impl Totals {
    pub fn add(&mut self, other: Self) {
        self.acts += other.acts;
        self.cuts += other.cuts;
        self.kills += other.kills;
        self.failures += other.failures;
        self.downloads += other.downloads;
        self.acknowledged += other.acknowledged;
        self.edits += other.edits;
        self.calls += other.calls;
    }
}

/// Ids of refused bodies are remembered for a week: no sequence lasts that long.
const WAIT_MAX_MS: i64 = 5 * 86_400_000;
const KINDS: [Op; 13] = [
    Op::Open,
    Op::Make,
    Op::Read,
    Op::Write,
    Op::Sync,
    Op::SetLength,
    Op::Stat,
    Op::Rename,
    Op::Remove,
    Op::SyncFolder,
    Op::MakeFolder,
    Op::List,
    Op::Sync,
];

/// Does all of `acts` in a new world, and holds it against the model.
pub fn run(seed: u64, acts: &[Act]) -> Held<Totals> {
    let mut rng = Rng::with_seed(seed);
    let part_rows = [2, 3, 5, 8, 1000][rng.usize(..5)];
    let mut world = World::new(rng.u64(..), part_rows);
    // A table that is made anew takes a step for each record, or some steps, or one.
    world.options.slice_bytes = [1, 300, 2000, SLICE_BYTES][rng.usize(..4)];
    world.start(0)?;
    let mut totals = Totals::default();
    for (nth, act) in acts.iter().enumerate() {
        let done = world
            .act(*act, &mut totals)
            .and_then(|()| world.after(act.1, nth));
        done.map_err(|rule| format!("after act {nth}, {:?}: {rule}", act.0))?;
    }
    world
        .finish()
        .map_err(|rule| format!("in the end: {rule}"))?;
    totals.acts += acts.len() as u64;
    totals.kills += world.kills;
    totals.cuts += world.cuts;
    totals.failures += world.disk.faults(|f| f.failed);
    totals.calls += world.disk.faults(|f| f.calls);
    totals.acknowledged += world.model.stored.len() as u64;
    totals.edits += world.model.edits.len() as u64;
    Ok(totals)
}

impl World {
    pub fn act(&mut self, Act(kind, number): Act, totals: &mut Totals) -> Held {
        let rng = &mut Rng::with_seed(number);
        match kind {
            Kind::Deliver => self.deliver_new(rng, 1),
            Kind::Batch => {
                let requests = rng.usize(2..6);
                self.deliver_new(rng, requests)
            }
            Kind::Again => match rng.choice(&self.model.stored).copied() {
                Some(event) => self.deliver(&[vec![event]]),
                None => Ok(()),
            },
            Kind::AgainFailed => match rng.choice(&self.model.failed).copied() {
                Some(event) => self.deliver(&[vec![event]]),
                None => Ok(()),
            },
            Kind::Step => self.step().map(|_| ()),
            Kind::Settle => self.settle(),
            Kind::CheckpointJournal => self.checkpoint_journal(),
            Kind::CheckpointTables => self.checkpoint_tables(),
            Kind::Recover => self.recover(),
            Kind::Fail => {
                self.break_disk(rng);
                Ok(())
            }
            Kind::Heal => {
                self.heal();
                Ok(())
            }
            Kind::Die => {
                let skip = rng.u64(..40);
                self.disk.faults(|f| f.die_after(skip));
                Ok(())
            }
            Kind::Edit => {
                let (nth, day) = (rng.usize(..SOURCES.len()), self.day(rng));
                self.edit(nth, day, rng)?;
                // The next row meets what they made of the file.
                if rng.bool() {
                    let event = self.model.new_event(rng, nth, 1);
                    self.deliver(&[vec![event]])?;
                    self.step()?;
                }
                Ok(())
            }
            Kind::Rebuild => {
                let (nth, day) = (rng.usize(..=SOURCES.len()), self.day(rng));
                self.rebuild(SOURCES.get(nth).map(|_| source(nth)), day)
            }
            Kind::Fill => {
                let room = [0, 100, 3000, 400_000][rng.usize(..4)];
                self.disk.set_room(Some(room));
                Ok(())
            }
            Kind::Download => {
                let (nth, day) = (rng.usize(..SOURCES.len()), self.day(rng));
                totals.downloads += u64::from(self.download(nth, day)?);
                Ok(())
            }
            Kind::Refuse => self.refuse_some(rng),
            Kind::Damage => self.damage(rng),
            Kind::Fragile => self.fragile(rng, number % 2 == 1),
            _ => self.pass(kind, number),
        }
    }

    /// What ends the process, and what moves the clock.
    fn pass(&mut self, kind: Kind, number: u64) -> Held {
        let rng = &mut Rng::with_seed(number);
        match kind {
            Kind::Cut => {
                self.cut(number)?;
                self.start(number)
            }
            Kind::Kill => {
                self.kill();
                self.change_rules(number);
                self.start(number)
            }
            Kind::Stop => {
                self.stop()?;
                self.change_rules(number);
                self.start(number)
            }
            Kind::DieStarting => {
                self.go_down(number)?;
                self.heal();
                let skip = rng.u64(..30);
                self.disk.faults(|f| f.die_after(skip));
                self.start(number)
            }
            Kind::Wait => {
                self.move_clock(rng.i64(0..15 * 3_600_000));
                self.change_rules(number);
                Ok(())
            }
            Kind::Back => {
                let far = rng.u8(..4) == 0;
                self.move_clock(-rng.i64(0..if far { 60 } else { 3 } * 3_600_000));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn move_clock(&mut self, by: i64) {
        let start = Timestamp::parse(b"2026-11-23T00:00:00.000Z").map_or(0, Timestamp::millis);
        let moved = (self.now.millis() + by).clamp(start, start + WAIT_MAX_MS);
        self.now = Timestamp::from_millis(moved);
    }

    /// Today, or now and then the day before.
    fn day(&self, rng: &mut Rng) -> Day {
        let today = self.now.day(self.options.zone);
        if rng.u8(..4) == 0 {
            today.plus(-1)
        } else {
            today
        }
    }

    pub fn deliver_new(&mut self, rng: &mut Rng, count: usize) -> Held {
        let mut requests: Vec<Vec<usize>> = Vec::new();
        for _ in 0..count {
            let source = [0, 0, 0, 1, 2][rng.usize(..5)];
            let columns = [2, 4, 7, 12][rng.usize(..4)];
            let events = if rng.u8(..3) == 0 { rng.usize(1..6) } else { 1 };
            let mut request: Vec<usize> = (0..events)
                .map(|_| self.model.new_event(rng, source, columns))
                .collect();
            // Twins within the request, of another one, and one that is stored already.
            let twin = rng.u8(..4) == 0;
            let earlier = requests.concat();
            let same = |event: &&usize| self.model.events[**event].source == source;
            if twin {
                request.push(request[0]);
                request.extend(earlier.iter().find(same));
                request.extend(rng.choice(&self.model.stored).filter(same));
            }
            requests.push(request);
        }
        self.deliver(&requests)
    }

    fn refuse_some(&mut self, rng: &mut Rng) -> Held {
        let mut bodies: Vec<usize> = (0..rng.usize(..3))
            .map(|_| self.model.new_body(rng))
            .collect();
        if !self.model.bodies.is_empty() {
            bodies.push(rng.usize(..self.model.bodies.len()));
        }
        self.refuse(&bodies)
    }

    fn break_disk(&self, rng: &mut Rng) {
        let any = rng.u8(..3) == 0;
        let rule = Rule {
            op: (!any).then(|| KINDS[rng.usize(..KINDS.len())]),
            skip: rng.u64(..6),
            count: [1, 1, 2, 5, 40][rng.usize(..5)],
            share: [1000, 1000, 300][rng.usize(..3)],
            errno: if rng.bool() { EIO } else { ENOSPC },
        };
        self.disk.faults(|f| f.add(rule));
    }

    /// What must hold at any time.
    fn after(&mut self, number: u64, nth: usize) -> Held {
        self.bury(number)?;
        // Reading all of it after each act would be most of the work.
        if nth.is_multiple_of(4) {
            self.check_journal()?;
        }
        Ok(())
    }

    /// With a disk that works all comes to rest, and is right; also after another stop and start.
    pub fn finish(&mut self) -> Held {
        self.heal();
        self.bury(0)?;
        self.recover()?;
        self.rest()?;
        self.stop()?;
        self.start(0)?;
        self.rest()?;
        self.check_hidden()
    }

    fn rest(&mut self) -> Held {
        self.settle()?;
        // A download looks at parts that nothing is appended to any more, too.
        for nth in 0..SOURCES.len() {
            for back in 0..7 {
                let day = self.now.day(self.options.zone).plus(3 - back);
                self.download(nth, day)?;
            }
        }
        self.settle()?;
        self.check_journal()?;
        self.check_rejected()?;
        self.check_tables()
    }
}
