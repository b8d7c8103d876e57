//! The clock jumps: over midnight, back by days, ahead by a year and back. No
//! event is lost or doubled, and what was delivered before is known after.

use crate::after::{all_is_there, deliver, plain};
use crate::audit::{Audit, csv_files, segments};
use crate::clock::{Clock, DAY};
use crate::flood::{Connection, Event, Flood, Ledger, Load};
use crate::server::{Place, Server, TOKEN};
use crate::tools::wait_for;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// Delivers `events` again: how many are answered as known. A row may never come of it twice, so none is put down as sent.
fn known(server: &Server, events: Range<usize>) -> usize {
    let mut link = Connection::open(&server.url).expect("a connection");
    events
        .map(|nth| link.post(&plain(nth).body()).expect("an answer"))
        .inspect(|reply| assert_eq!(reply.status, 200, "{reply:?}"))
        .filter(|reply| String::from_utf8_lossy(&reply.body).contains("duplicate"))
        .count()
}

fn names(place: &Place) -> Vec<String> {
    csv_files(place).into_keys().collect()
}

fn show(place: &Place) {
    let name = |path: &std::path::Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    let segments: Vec<_> = segments(place).iter().filter_map(|s| name(&s.0)).collect();
    println!("    {segments:?}, {:?}", names(place));
}

#[test]
fn midnight_passes_under_load() {
    let place = Place::new();
    let clock = Clock::new(&place);
    clock.to_midnight(Duration::from_secs(2));
    let server = clock.start(&place);
    let ledger = Arc::new(Ledger::default());
    deliver(&server, &ledger, (0..20).map(plain));
    let flood = Flood::start(&server.url, Load::new(0, 8), &ledger);
    wait_for("the day is closed", 10, || {
        server.log().contains("closed the day")
    });
    flood.stop();
    assert_eq!(known(&server, 0..20), 20);
    show(&place);
    println!(
        "    {} x 200, {} x 503",
        ledger.acknowledged().len(),
        ledger.refused.load(Ordering::Relaxed)
    );
    assert_eq!(ledger.refused.load(Ordering::Relaxed), 0);
    assert_eq!((segments(&place).len(), names(&place).len()), (2, 2));
    drop(all_is_there(&place, server, &ledger, || {
        clock.start(&place)
    }));
}

/// Under load it is set as far ahead as each of `jumps` says, one after the other. Returns how many of the events from
/// before the first one are still known after the last.
fn jumps(jumps: &[f64]) -> usize {
    let place = Place::new();
    let clock = Clock::new(&place);
    let server = clock.start(&place);
    let ledger = Arc::new(Ledger::default());
    deliver(&server, &ledger, (0..20).map(plain));
    for (round, &ahead) in jumps.iter().enumerate() {
        let flood = Flood::start(&server.url, Load::new(round, 8), &ledger);
        thread::sleep(Duration::from_millis(200));
        clock.set(ahead);
        let taken = ledger.acknowledged().len();
        wait_for("deliveries after the jump", 10, || {
            ledger.acknowledged().len() > taken + 200
        });
        flood.stop();
        println!(
            "{:+.3} days: {} x 200, {} x 503, today.csv {}",
            ahead / DAY.as_secs_f64(),
            ledger.acknowledged().len(),
            ledger.refused.load(Ordering::Relaxed),
            server.get("/exports/lessonly/today.csv").status
        );
        show(&place);
        Audit::of(&place, &server, &ledger).assert_untouched();
    }
    assert_eq!(ledger.refused.load(Ordering::Relaxed), 0);
    // Whatever it has forgotten, it has each event once so far; what is sent again below is counted by hand.
    let server = all_is_there(&place, server, &ledger, || clock.start(&place));
    let known = known(&server, 0..20);
    println!("of 20 events from before the jumps {known} are known when they come again");
    known
}

const D: f64 = 86_400.0;

#[test]
fn back_two_days() {
    assert_eq!(jumps(&[-2.0 * D]), 20);
}

#[test]
fn back_two_days_and_forth() {
    assert_eq!(jumps(&[-2.0 * D, 0.0]), 20);
}

#[test]
fn back_an_hour() {
    assert_eq!(jumps(&[-3_600.0, 0.0, 3_600.0, -3_600.0]), 20);
}

#[test]
fn ahead_six_days_and_back() {
    assert_eq!(jumps(&[6.0 * D, 0.0]), 20);
}

/// Ahead by more than the window, and back: ids leave by time that passed.
#[test]
fn ahead_a_year_and_back() {
    assert_eq!(jumps(&[365.0 * D, 0.0]), 20);
}

/// The clock is a year ahead for `wait` while nobody delivers, and right again. Returns how many of the events from before
/// are known when they come again, at once and after a restart.
fn ahead_and_idle(wait: Duration) -> (usize, usize) {
    let place = Place::new();
    let clock = Clock::new(&place);
    let server = clock.start(&place);
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..40).map(plain));
    clock.set(365.0 * D);
    thread::sleep(wait);
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    clock.set(0.0);
    show(&place);
    let server = all_is_there(&place, server, &ledger, || clock.start(&place));
    let after = known(&server, 20..40);
    drop(server);
    // The same without the restart: what is stored again stands in no ledger, and is not looked at.
    let place = Place::new();
    let clock = Clock::new(&place);
    let server = clock.start(&place);
    deliver(&server, &Ledger::default(), (0..20).map(plain));
    clock.set(365.0 * D);
    thread::sleep(wait);
    clock.set(0.0);
    let at_once = known(&server, 0..20);
    println!("    known at once: {at_once} of 20; after a restart: {after} of 20");
    (at_once, after)
}

/// Longer than the second after which the tables see that it is another day.
#[test]
fn ahead_a_year_for_two_seconds_with_nothing_delivered() {
    assert_eq!(ahead_and_idle(Duration::from_secs(2)), (20, 20));
}

/// Longer than the five seconds after which an idle journal looks at the clock.
#[test]
fn ahead_a_year_for_seven_seconds_with_nothing_delivered() {
    assert_eq!(ahead_and_idle(Duration::from_secs(7)), (20, 20));
}

/// The first events of all come before the machine has asked for the time, as on one without a battery.
#[test]
fn a_first_start_in_the_past_and_a_clock_that_is_then_set() {
    let place = Place::new();
    let clock = Clock::new(&place);
    clock.set(-365.0 * D);
    let server = clock.start(&place);
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..20).map(plain));
    clock.set(0.0);
    deliver(&server, &ledger, (20..40).map(plain));
    show(&place);
    let server = all_is_there(&place, server, &ledger, || clock.start(&place));
    assert_eq!(known(&server, 20..40), 20);
    assert_eq!(known(&server, 0..20), 20);
}

/// Events of the time that the journal has seen last are there, and the clock is behind them.
fn started_behind(seconds: f64, kill: bool) {
    let place = Place::new();
    let clock = Clock::new(&place);
    let mut server = clock.start(&place);
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..20).map(plain));
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    if kill {
        server.kill();
    } else {
        assert!(server.stop().success());
    }
    clock.set(-seconds);
    let server = clock.start(&place);
    assert_eq!(known(&server, 0..20), 20);
    deliver(&server, &ledger, (20..40).map(plain));
    let wider = (0..40).map(|nth| Event {
        round: 0,
        connection: 0,
        nth,
    });
    deliver(&server, &ledger, wider);
    show(&place);
    let server = all_is_there(&place, server, &ledger, || clock.start(&place));
    clock.set(0.0);
    assert_eq!(known(&server, 0..40), 40);
    let server = all_is_there(&place, server, &ledger, || clock.start(&place));
    assert_eq!(known(&server, 0..40), 40);
}

#[test]
fn a_start_with_the_clock_behind_by_hours() {
    started_behind(5.0 * 3_600.0, false);
    started_behind(5.0 * 3_600.0, true);
}

#[test]
fn a_start_with_the_clock_behind_by_a_year() {
    started_behind(365.0 * D, false);
    started_behind(365.0 * D, true);
}

/// A session is over after 14 days, whatever its browser still sends.
#[test]
fn a_session_ends_by_itself() {
    const PERSON: (&str, &str) = ("accept", "text/html");
    let place = Place::new();
    let clock = Clock::new(&place);
    let server = clock.start(&place);
    let begun = server.get_with(&format!("/?token={TOKEN}"), &[PERSON]);
    let cookie = begun.header("set-cookie").expect("a cookie");
    let cookie = cookie.split(';').next().expect("a value").to_owned();
    let get = |path: &str| server.get_with(path, &[PERSON, ("cookie", &cookie)]);
    let days = DAY.as_secs_f64();
    for (ahead, page, list) in [(0.0, 200, 200), (13.9, 200, 200), (14.1, 303, 401)] {
        clock.set(ahead * days);
        let answer = get("/connect");
        assert_eq!(answer.status, page, "after {ahead} days");
        let listed = server.get_with("/api/exports", &[("cookie", &cookie)]);
        assert_eq!(listed.status, list, "after {ahead} days");
        println!("    after {ahead} days: {page}, {list}");
        if page == 303 {
            assert_eq!(answer.header("location"), Some("login?to=connect"));
        }
    }
}
