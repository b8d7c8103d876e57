//! Rounds of load that end with a kill, each followed by a look at all that
//! there is. Who starts the server, and what its clock does, is told from
//! outside.
#![allow(
    dead_code,
    reason = "each binary that takes this file uses its own part of it"
)]

use crate::audit::Audit;
use crate::flood::{Flood, Ledger, Load};
use crate::server::{Place, Server};
use fastrand::Rng;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub const CONNECTIONS: usize = 32;

/// Rounds in one directory. Each looks at every row so far, and brings columns that nobody brought before: many rounds are
/// done in several directories, so that the last ones do not take minutes each, nor find no place for their columns.
const ROUNDS_IN_A_PLACE: usize = 50;

/// How often: `ROWHOOK_KILLS`, or `otherwise`.
pub fn rounds(otherwise: usize) -> usize {
    std::env::var("ROWHOOK_KILLS").map_or(otherwise, |text| text.parse().expect("a number"))
}

/// What came of all rounds.
#[derive(Default)]
pub struct Kills {
    pub times: usize,
    pub acknowledged: usize,
    /// Events that had no answer when the process was killed, and how many of them were there afterwards.
    pub under_way: usize,
    pub under_way_stored: usize,
    pub lost: usize,
    pub doubled: usize,
    pub torn: usize,
    pub set_aside: usize,
    pub refused: u64,
    /// Journal segments and CSV files at the end.
    pub segments: usize,
    pub files: usize,
    /// From the process's creation until it listened.
    starts: Vec<Duration>,
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            times,
            acknowledged,
            under_way,
            under_way_stored,
            lost,
            doubled,
            torn,
            set_aside,
            refused,
            segments,
            files,
            starts,
        } = self;
        let mut starts = starts.clone();
        starts.sort();
        write!(
            f,
            "{times} kills: acknowledged {acknowledged}, lost {lost}, doubled {doubled}, torn {torn}, set aside {set_aside}; \
             of {under_way} under way {under_way_stored} had been stored; {refused} answers 503; {segments} segments, \
             {files} CSV files; {} starts, the slowest {:.1?}, half below {:.1?}",
            starts.len(),
            starts.last().copied().unwrap_or_default(),
            starts.get(starts.len() / 2).copied().unwrap_or_default(),
        )
    }
}

/// Kills a server under load `rounds` times, at random moments. `start` starts it; `before` is called before each load
/// with how long that may last.
pub fn run<S, B>(rounds: usize, mut in_place: impl FnMut(&Place) -> (S, B)) -> Kills
where
    S: FnMut(&Place) -> Server,
    B: FnMut(&mut Rng, Duration),
{
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut kills = Kills::default();
    // Many rounds are shorter ones.
    let longest = Duration::from_millis((3_000 / rounds.max(1) as u64).clamp(60, 200));
    while kills.times < rounds {
        let more = ROUNDS_IN_A_PLACE.min(rounds - kills.times);
        let place = Place::new();
        let (start, before) = in_place(&place);
        kills.run_in(&place, more, longest, &mut random, start, before);
        if rounds > ROUNDS_IN_A_PLACE {
            println!("{kills}");
        }
    }
    kills
}

impl Kills {
    fn run_in(
        &mut self,
        place: &Place,
        rounds: usize,
        longest: Duration,
        random: &mut Rng,
        mut start: impl FnMut(&Place) -> Server,
        mut before: impl FnMut(&mut Rng, Duration),
    ) {
        let ledger = Arc::new(Ledger::default());
        let mut start = |starts: &mut Vec<Duration>| {
            let begun = Instant::now();
            let server = start(place);
            starts.push(begun.elapsed());
            server
        };
        let mut server = start(&mut self.starts);
        let mut set_aside = 0;
        for round in 0..rounds {
            before(random, longest);
            let flood = Flood::start(&server.url, Load::new(round, CONNECTIONS), &ledger);
            let longest = u64::try_from(longest.as_millis()).expect("some time");
            std::thread::sleep(Duration::from_millis(random.u64(15..longest)));
            server.kill();
            self.times += 1;
            flood.join();
            server = start(&mut self.starts);
            let audit = Audit::of(place, &server, &ledger);
            if !audit.faults.is_empty() || audit.set_aside > set_aside {
                println!("round {round}: {audit}; it said\n{}", server.log());
                keep(place);
            }
            set_aside = audit.set_aside;
            self.take(&audit);
            audit.assert_whole();
            self.under_way_stored += audit.open_stored;
            self.under_way += ledger.open().len();
            // Now and then the load goes on at once; else what was under way is sent again first.
            if round % 2 == 0 {
                ledger.settle(&server.url);
            }
        }
        ledger.settle(&server.url);
        let audit = Audit::of(place, &server, &ledger);
        self.take(&audit);
        self.set_aside += audit.set_aside;
        self.acknowledged += audit.acknowledged;
        self.refused += ledger.refused.load(Ordering::Relaxed);
        self.segments += crate::audit::segments(place).len();
        self.files += crate::audit::csv_files(place).len();
        audit.assert_untouched();
        assert!(audit.open_stored == 0 && audit.rows == audit.acknowledged);
        assert_eq!(ledger.strange(), Vec::<String>::new());
        assert!(server.stop().success());
    }

    fn take(&mut self, audit: &Audit) {
        self.lost += audit.lost;
        self.doubled += audit.doubled;
        self.torn += audit.torn;
    }
}

/// Where `ROWHOOK_KEEP` names a folder, what failed is kept there.
fn keep(place: &Place) {
    if let Some(folder) = std::env::var_os("ROWHOOK_KEEP") {
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(place.output())
            .arg(folder)
            .status();
        println!("kept: {copied:?}");
    }
}
