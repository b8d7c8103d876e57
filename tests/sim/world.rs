//! A process on the forgetting disk: journal, refused bodies and tables, stepped
//! through by one hand, with what must hold at each step.

use crate::disk::SimDisk;
use crate::model::{Model, SOURCES};
use crate::raw;
use chrono_tz::Tz;
use rowhook::event::{Day, Preset, SourceName, Timestamp};
use rowhook::flatten::{ColumnRules, Rules};
use rowhook::follow::{FollowOptions, Follower, Handle, Rebuilt, SLICE_BYTES, known};
use rowhook::journal::refused::{Kept, Refused, RefusedBody};
use rowhook::journal::{self, Event, Events, Incoming, Journal, Options, Verdict};
use rowhook::layout::Layout;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// Nothing, or which rule is broken.
pub type Held<T = ()> = Result<T, String>;

const REJECTED_MAX: u64 = 1 << 30;

/// Files by their path.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What runs while the process lives.
struct Process {
    journal: Journal,
    refused: Refused,
    follower: Follower,
    handle: Handle,
    /// What those who asked for tables to be made anew are told.
    told: Vec<UnboundedReceiver<Option<Rebuilt>>>,
}

pub struct World {
    pub disk: SimDisk,
    pub layout: Layout,
    pub options: FollowOptions,
    pub model: Model,
    pub now: Timestamp,
    pub clock: Instant,
    /// How often the process ended without time for anything, and how often the power went.
    pub kills: u64,
    pub cuts: u64,
    process: Option<Process>,
    /// The journal's files as they were read last, and what they said: they change less often than they are asked for.
    last_read: RefCell<(Files, Rc<raw::Journal>)>,
}

pub fn source(nth: usize) -> SourceName {
    SourceName::new(SOURCES[nth]).expect("a name")
}

/// What stands before the name of a column that was renamed.
pub const RENAMED: &str = "renamed ";

/// The rules of all tables; one of two, so that they can change. Those that rename leave tests out.
fn rules(renames: bool) -> Rules {
    let pair = |column: &str| (column.to_owned(), format!("{RENAMED}{column}"));
    let chosen = ColumnRules {
        rename: ["c0", "c2"].map(pair).into(),
        leave_out_tests: true,
        ..ColumnRules::default()
    };
    Rules {
        preset: Preset::Generic,
        columns_max: 1000,
        guard: true,
        bom: false,
        columns: renames.then(|| Arc::new(chosen)),
    }
}

fn options(part_rows: u64, rules: Rules) -> FollowOptions {
    FollowOptions {
        zone: Tz::UTC,
        sources: (0..SOURCES.len())
            .map(|nth| (source(nth), rules.clone()))
            .collect(),
        others: rules,
        part_rows,
        slice_bytes: SLICE_BYTES,
    }
}

impl World {
    /// A world that was not started yet.
    pub fn new(seed: u64, part_rows: u64) -> Self {
        Self {
            disk: SimDisk::new(seed),
            layout: Layout::new("/out"),
            options: options(part_rows, rules(false)),
            model: Model::default(),
            now: Timestamp::parse(b"2026-11-23T12:00:00.000Z").expect("a moment"),
            clock: Instant::now(),
            kills: 0,
            cuts: 0,
            process: None,
            last_read: RefCell::default(),
        }
    }

    /// All tables are to be made under these rules from now on, whether anything runs or not.
    pub fn set_rules(&mut self, rules: Rules) {
        self.options = options(self.options.part_rows, rules);
        if let Some(process) = &self.process {
            process.handle.set_options(self.options.clone());
        }
    }

    /// Under one of the two rules if it was the other, now and then.
    pub fn change_rules(&mut self, number: u64) {
        if (number >> 8).is_multiple_of(3) {
            self.model.other_rules = true;
            let renames = self.options.others.columns.is_none();
            self.set_rules(rules(renames));
        }
    }

    fn process(&mut self) -> Held<&mut Process> {
        self.process.as_mut().ok_or_else(|| "no process".into())
    }

    fn failed_calls(&self) -> u64 {
        self.disk.faults(|f| f.failed)
    }

    /// One try to start, as the program does it.
    pub fn try_start(&mut self) -> Held {
        let (disk, layout) = (self.disk.shared(), self.layout.clone());
        disk.create_dir(&layout.state_dir())
            .map_err(|e| e.to_string())?;
        let options = Options {
            zone: self.options.zone,
            dedup_days: 3650,
            ids_max: 100_000,
        };
        let known = known(&disk, &layout).map_err(|e| e.to_string())?;
        let (journal, _) = journal::open(disk.clone(), layout.clone(), options, &known)
            .map_err(|e| e.to_string())?;
        let zone = self.options.zone;
        let refused = Refused::open(disk.clone(), layout.clone(), zone, REJECTED_MAX, self.now)
            .map_err(|e| e.to_string())?;
        // Times of widening come from the real clock: at the real moment they make later ones wait, an hour on they do not.
        self.clock = Instant::now();
        let shared = journal.shared();
        let (follower, handle) =
            Follower::open(disk, layout, self.options.clone(), shared, self.clock)
                .map_err(|e| e.to_string())?;
        self.process = Some(Process {
            journal,
            refused,
            follower,
            handle,
            told: Vec::new(),
        });
        Ok(())
    }

    /// Starts; where the disk made that fail, again with a disk that works.
    pub fn start(&mut self, seed: u64) -> Held {
        let before = self.failed_calls();
        if let Err(error) = self.try_start() {
            if self.failed_calls() == before {
                return Err(format!("it does not start: {error}"));
            }
            self.go_down(seed)?;
            self.heal();
            self.try_start().map_err(|error| {
                format!("it does not start on a disk that works again: {error}")
            })?;
        }
        self.reconcile()
    }

    pub fn heal(&self) {
        self.disk.faults(crate::disk::faults::Faults::clear);
        self.disk.set_room(None);
    }

    pub fn is_healthy(&self) -> bool {
        self.disk.is_calm()
    }

    /// The process dies and leaves everything as it is.
    pub fn kill(&mut self) {
        self.kills += 1;
        self.process = None;
    }

    /// The power goes.
    pub fn cut(&mut self, seed: u64) -> Held {
        self.cuts += 1;
        self.process = None;
        self.disk.cut(seed);
        self.model.was_cut = true;
        self.check_vouched()
    }

    /// One or the other: an odd number is a power cut.
    pub fn go_down(&mut self, number: u64) -> Held {
        if number.is_multiple_of(2) {
            self.kill();
            Ok(())
        } else {
            self.cut(number)
        }
    }

    /// A process whose disk calls all fail is as good as dead: the harness ends it.
    pub fn bury(&mut self, seed: u64) -> Held {
        if !self.disk.faults(|f| f.is_dead()) {
            return Ok(());
        }
        self.go_down(seed)?;
        self.heal();
        self.start(seed)
    }

    /// After a start what stands in the journal is settled: all that was acknowledged, and of the last failed batch all or none.
    fn reconcile(&mut self) -> Held {
        let found = self.raw()?;
        if found.rest > 0 {
            return Err("a start left half a line".into());
        }
        let numbers: Vec<usize> = found.lines.iter().map(|line| line.n).collect();
        if numbers.len() > self.model.stored.len() {
            let unsure = std::mem::take(&mut self.model.unsure);
            self.model.store(&unsure);
        }
        self.model.unsure.clear();
        self.check_journal()
    }

    /// What the raw files of the journal say.
    pub fn raw(&self) -> Held<Rc<raw::Journal>> {
        let files = self.disk.files(&self.layout.journal_dir());
        let mut last = self.last_read.borrow_mut();
        if last.0 != files {
            last.1 = Rc::new(raw::read(&files, &self.layout.journal_dir())?);
            last.0 = files;
        }
        Ok(last.1.clone())
    }

    pub fn is_broken(&self) -> bool {
        self.process.as_ref().is_none_or(|p| p.journal.is_broken())
    }

    /// The raw files hold exactly what the model says, and at most, as long as it is open, the batch that failed last.
    pub fn check_journal(&self) -> Held {
        let found = self.raw()?;
        let open = self.is_broken();
        let Model { stored, unsure, .. } = &self.model;
        let numbers: Vec<usize> = found.lines.iter().map(|line| line.n).collect();
        let (sure, more) = numbers.split_at(stored.len().min(numbers.len()));
        if sure != stored {
            return Err(format!(
                "the journal holds {numbers:?}, acknowledged was {stored:?}"
            ));
        }
        let may_be = open && unsure.starts_with(more);
        if !(more.is_empty() || may_be) || (found.rest > 0 && !open) {
            return Err(format!("the journal holds {more:?} besides"));
        }
        for line in &found.lines {
            let event = &self.model.events[line.n];
            let right = line.payload == event.text
                && line.id == event.id.to_string()
                && line.source == SOURCES[event.source];
            if !right {
                return Err(format!("event {} is not as it was delivered", line.n));
            }
        }
        let last = self.process.as_ref().map(|p| p.journal.shared().last_seq());
        if last.is_some_and(|last| last.0 != stored.len() as u64) {
            return Err("readers are told another end than was acknowledged".into());
        }
        Ok(())
    }

    fn incoming(&self, events: &[usize]) -> Incoming {
        let mut text = Vec::new();
        let mut list = Vec::new();
        for (nth, &event) in events.iter().enumerate() {
            text.push(if nth == 0 { b'[' } else { b',' });
            let event = &self.model.events[event];
            let start = text.len();
            text.extend_from_slice(event.text.as_bytes());
            list.push(Event {
                id: event.id,
                payload: start..text.len(),
            });
        }
        text.push(b']');
        Incoming {
            earlier: None,
            source: source(self.model.events[events[0]].source),
            once: true,
            text,
            events: match list.as_slice() {
                [one] => Events::One([one.clone()]),
                _ => Events::Many(list),
            },
        }
    }

    /// One batch of requests, each with events of one source.
    pub fn deliver(&mut self, requests: &[Vec<usize>]) -> Held {
        let incoming: Vec<Incoming> = requests.iter().map(|r| self.incoming(r)).collect();
        let (wanted, fresh) = self.model.expected(requests);
        let (now, before) = (self.now, self.failed_calls());
        let was_broken = self.is_broken();
        let verdicts = self.process()?.journal.commit(&incoming, now);
        let failed = verdicts.contains(&Verdict::Failed);
        if failed && !was_broken && self.failed_calls() == before {
            return Err("a batch failed on a disk that works".into());
        }
        if failed != self.is_broken() && !fresh.is_empty() {
            return Err("a batch failed, and the journal goes on".into());
        }
        for (verdict, (stored, duplicates, waits)) in verdicts.into_iter().zip(wanted) {
            let right = if failed && waits {
                Verdict::Failed
            } else {
                Verdict::Stored { stored, duplicates }
            };
            if verdict != right {
                return Err(format!("answered {verdict:?}, not {right:?}"));
            }
        }
        if !failed {
            self.model.store(&fresh);
            return Ok(());
        }
        self.model.failed.extend(&fresh);
        if !was_broken {
            self.model.unsure = fresh;
        }
        Ok(())
    }

    pub fn recover(&mut self) -> Held {
        let (now, before) = (self.now, self.failed_calls());
        let was_broken = self.is_broken();
        match self.process()?.journal.recover(now) {
            Ok(()) => {
                if was_broken {
                    self.model.unsure.clear();
                }
                self.check_journal()
            }
            Err(error) if self.failed_calls() == before => {
                Err(format!("no recovery on a disk that works: {error}"))
            }
            Err(_) => Ok(()),
        }
    }

    pub fn checkpoint_journal(&mut self) -> Held {
        let before = self.failed_calls();
        match self.process()?.journal.checkpoint() {
            Err(error) if self.failed_calls() == before => {
                Err(format!("no checkpoint on a disk that works: {error}"))
            }
            _ => Ok(()),
        }
    }

    pub fn checkpoint_tables(&mut self) -> Held {
        let clock = self.clock;
        self.process()?.follower.checkpoint(clock);
        Ok(())
    }

    pub fn step(&mut self) -> Held<bool> {
        let (now, clock) = (self.now, self.clock);
        Ok(self.process()?.follower.step(now, clock))
    }

    /// Steps with so much time between that nothing has a reason to wait.
    pub fn settle(&mut self) -> Held {
        for _ in 0..5 {
            self.clock = self.clock.max(Instant::now()) + Duration::from_secs(3600);
            let mut steps = 0;
            while self.step()? {
                steps += 1;
                if steps > 10_000 {
                    return Err("the tables come to no end".into());
                }
            }
        }
        Ok(())
    }

    /// As the program ends: the tables get what is there, and both remember how far they are.
    pub fn stop(&mut self) -> Held {
        self.checkpoint_journal()?;
        for _ in 0..100 {
            if !self.step()? {
                break;
            }
        }
        self.checkpoint_tables()?;
        self.process = None;
        Ok(())
    }

    pub fn handle(&mut self) -> Held<Handle> {
        Ok(self.process()?.handle.clone())
    }

    /// Somebody asks for a day to be made anew.
    pub fn rebuild(&mut self, source: Option<SourceName>, day: Day) -> Held {
        let process = self.process()?;
        let told = process.handle.rebuild(source, day..=day);
        process.told.push(told.map_err(|e| e.to_string())?);
        Ok(())
    }

    pub fn refuse(&mut self, bodies: &[usize]) -> Held {
        let list: Vec<RefusedBody> = bodies
            .iter()
            .map(|&n| RefusedBody {
                id: self.model.bodies[n].id,
                source: source(n % SOURCES.len()),
                status: 400,
                reason: "not JSON".into(),
                content_type: None,
                body: self.model.bodies[n].text.clone().into_bytes(),
            })
            .collect();
        let (now, before) = (self.now, self.failed_calls());
        let answers = self.process()?.refused.keep(&list, now);
        for (&n, answer) in bodies.iter().zip(answers) {
            match answer {
                Kept::Kept => self.model.bodies[n].kept = true,
                Kept::Failed if self.failed_calls() > before => self.model.bodies[n].failed = true,
                other => return Err(format!("a body was answered {other:?}")),
            }
        }
        Ok(())
    }
}
