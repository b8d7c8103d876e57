//! Killed under load, again and again: what was acknowledged is there, once,
//! and whole.

use crate::audit::Audit;
use crate::flood::{Flood, Ledger, Load};
use crate::server::{Place, Server};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 32;

/// How often: `ROWHOOK_KILLS`, or `otherwise`.
fn rounds(otherwise: usize) -> usize {
    std::env::var("ROWHOOK_KILLS").map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Times of starts, from the process's creation until it listened.
#[derive(Default)]
struct Starts(Vec<Duration>);

impl Starts {
    fn start(&mut self, place: &Place) -> Server {
        let begun = Instant::now();
        let server = place.start();
        self.0.push(begun.elapsed());
        server
    }

    fn show(&mut self) -> String {
        self.0.sort();
        let [first, .., last] = self.0.as_slice() else {
            return String::new();
        };
        let middle = self.0[self.0.len() / 2];
        format!(
            "{} starts: {first:.1?} to {last:.1?}, half below {middle:.1?}",
            self.0.len()
        )
    }
}

#[test]
fn killed_under_load_it_loses_doubles_and_tears_nothing() {
    let place = Place::new();
    let ledger = Arc::new(Ledger::default());
    let (mut starts, mut stored_open, mut under_way) = (Starts::default(), 0, 0);
    let mut set_aside = 0;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    println!("seed {seed}");
    let mut server = starts.start(&place);
    let rounds = rounds(15);
    // Many rounds are shorter ones: each looks at all rows so far.
    let longest = (3_000 / rounds.max(1) as u64).clamp(60, 200);
    for round in 0..rounds {
        let flood = Flood::start(&server.url, Load::new(round, CONNECTIONS), &ledger);
        std::thread::sleep(Duration::from_millis(random.u64(15..longest)));
        server.kill();
        flood.join();
        server = starts.start(&place);
        let audit = Audit::of(&place, &server, &ledger);
        if !audit.faults.is_empty() || audit.set_aside > set_aside {
            println!("round {round}: {audit}; it said\n{}", server.log());
            keep(&place);
        }
        set_aside = audit.set_aside;
        audit.assert_whole();
        stored_open += audit.open_stored;
        under_way += ledger.open().len();
        // Now and then the load goes on at once; else what was under way is sent again first.
        if round % 2 == 0 {
            ledger.settle(&server.url);
        }
    }
    ledger.settle(&server.url);
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}; of {under_way} under way {stored_open} had been stored");
    println!("{}", starts.show());
    audit.assert_untouched();
    assert!(audit.open_stored == 0 && audit.rows == audit.acknowledged);
    assert_eq!(ledger.strange(), Vec::<String>::new());
    assert!(server.stop().success());
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

#[test]
fn stopped_under_load_it_answers_for_all_it_took() {
    let place = Place::new();
    let ledger = Arc::new(Ledger::default());
    let mut slowest = Duration::ZERO;
    for round in 0..3 {
        let mut server = place.start();
        let flood = Flood::start(&server.url, Load::new(round, CONNECTIONS), &ledger);
        std::thread::sleep(Duration::from_millis(150));
        let asked = Instant::now();
        assert!(server.stop().success(), "{}", server.log());
        slowest = slowest.max(asked.elapsed());
        flood.join();
        let server = place.start();
        let audit = Audit::of(&place, &server, &ledger);
        println!("{audit}; stopped within {slowest:.1?}");
        audit.assert_untouched();
        // A stop that drains leaves nothing that is stored and not answered.
        assert_eq!(audit.open_stored, 0, "stored, and not answered");
    }
    assert_eq!(
        ledger
            .without_retry_after
            .load(std::sync::atomic::Ordering::Relaxed),
        0
    );
    assert_eq!(ledger.strange(), Vec::<String>::new());
    assert!(slowest < Duration::from_secs(11), "{slowest:?}");
}
