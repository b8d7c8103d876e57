//! Killed under load, again and again: what was acknowledged is there, once,
//! and whole. Stopped under load: what was taken was answered.

use crate::audit::Audit;
use crate::flood::{Flood, Ledger, Load};
use crate::kills::{self, CONNECTIONS};
use crate::server::Place;
use fastrand::Rng;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn killed_under_load_it_loses_doubles_and_tears_nothing() {
    let kills = kills::run(kills::rounds(15), |_| {
        (|place: &Place| place.start(), |_: &mut Rng, _: Duration| {})
    });
    println!("{kills}");
    assert!(kills.under_way > 0, "nothing was under way at any kill");
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
    assert_eq!(ledger.without_retry_after.load(Ordering::Relaxed), 0);
    assert_eq!(ledger.strange(), Vec::<String>::new());
    assert!(slowest < Duration::from_secs(11), "{slowest:?}");
}

/// The second signal ends it before it has drained: then some of what is stored is not answered, but nothing that was
/// answered is missing.
#[test]
fn stopped_twice_under_load_it_ends_at_once_and_loses_nothing() {
    let place = Place::new();
    let ledger = Arc::new(Ledger::default());
    let mut ended_at_once = 0;
    for round in 0..6 {
        let mut server = place.start();
        let flood = Flood::start(&server.url, Load::new(round, CONNECTIONS), &ledger);
        std::thread::sleep(Duration::from_millis(150));
        server.signal(rustix::process::Signal::TERM);
        // The same signal twice is one signal until it was heard; so the second comes a moment later.
        std::thread::sleep(Duration::from_millis(5 * round as u64));
        let asked = Instant::now();
        let status = server.stop();
        let took = asked.elapsed();
        flood.join();
        let at_once = server.log().contains("ending at once");
        ended_at_once += usize::from(at_once);
        let open = ledger.open().len();
        let server = place.start();
        let audit = Audit::of(&place, &server, &ledger);
        println!(
            "{status}, {took:.1?} after the second signal (heard as one: {}); {open} without an answer; {audit}",
            !at_once
        );
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(3), "{took:?}");
        audit.assert_untouched();
        ledger.settle(&server.url);
    }
    assert!(ended_at_once > 0, "no second signal was heard");
    assert_eq!(ledger.without_retry_after.load(Ordering::Relaxed), 0);
    assert_eq!(ledger.strange(), Vec::<String>::new());
}
