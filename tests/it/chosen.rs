//! Columns are chosen anew while events come in: no event is lost, and what is
//! downloaded meanwhile is a table under one of the choices, whole.

use crate::audit::Audit;
use crate::flood::{Event, Flood, Ledger, Load};
use crate::reload::{TAKEN, replace_by_rename, wait_for};
use crate::server::{Place, Server};
use rustix::process::Signal;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SOURCE: &str = "[sources.lessonly]\npreset = \"lessonly\"\n";

/// What is chosen, and names that the header then has and does not have.
const CHOICES: [(&str, &[&str], &[&str]); 4] = [
    ("", &["user.name", "user.email", "score"], &["Learner"]),
    (
        "rename = { \"user.name\" = \"Learner\" }\nexclude = [\"Field*\"]",
        &["Learner", "score"],
        &["user.name", "Field 0.0"],
    ),
    (
        "include = [\"user.ext_uid\", \"Field*\"]",
        &["user.ext_uid"],
        &["user.name", "score", "Learner"],
    ),
    (
        "alias = { \"Field 0.0\" = \"Field 0.1\" }\nexclude = [\"user.email\"]",
        &["user.name", "score"],
        &["user.email", "Field 0.0"],
    ),
];

fn config(nth: usize) -> String {
    let (rules, ..) = CHOICES[nth % CHOICES.len()];
    if rules.is_empty() {
        SOURCE.to_owned()
    } else {
        format!("{SOURCE}[sources.lessonly.columns]\n{rules}\n")
    }
}

/// Downloads today's table: a rectangle with every event that was acknowledged before, once, under one of the choices.
/// Tells which.
fn download(server: &Server, ledger: &Ledger) -> usize {
    let before: Vec<Event> = ledger.acknowledged().clone();
    let answer = server.get("/exports/lessonly/today.csv");
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Not flexible: it refuses any row that is not as wide as the header.
    let mut reader = csv::Reader::from_reader(answer.body.as_slice());
    let header = reader.headers().expect("a header").clone();
    let has = |name: &&str| header.iter().any(|column| column == *name);
    let made_by = |(_, with, without): &(&str, &[&str], &[&str])| {
        with.iter().all(has) && !without.iter().any(has)
    };
    let choice = CHOICES.iter().position(made_by);
    let key = header.iter().position(|name| name == "user.ext_uid");
    let mut events = HashSet::new();
    for row in reader.records() {
        let row = row.expect("a rectangle");
        let event: Event = row[key.expect("a key")].parse().expect("an event");
        assert!(events.insert(event), "{event} twice");
    }
    for event in before {
        assert!(events.contains(&event), "{event} was acknowledged");
    }
    choice.unwrap_or_else(|| panic!("made under no choice: {header:?}"))
}

#[test]
fn columns_are_chosen_anew_under_load() {
    let rounds: usize =
        std::env::var("ROWHOOK_RELOADS").map_or(20, |n| n.parse().expect("a number"));
    let place = Place::new();
    let mut server = place.start_with(&config(0));
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        pause: Duration::from_millis(2),
        ..Load::new(0, 16)
    };
    let flood = Flood::start(&server.url, load, &ledger);
    let (begun, stop) = (Instant::now(), AtomicBool::new(false));
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = [0_usize; CHOICES.len()];
            while !stop.load(Ordering::Relaxed) {
                seen[download(&server, &ledger)] += 1;
            }
            seen
        });
        for nth in 1..=rounds {
            replace_by_rename(&place.path().join("rowhook.toml"), &config(nth));
            server.signal(Signal::HUP);
            wait_for(&server, TAKEN, nth);
            // What is asked for from now on is made under the new choice.
            assert_eq!(download(&server, &ledger), nth % CHOICES.len());
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().expect("a reader")
    });
    let took = begun.elapsed();
    flood.stop();
    // Under the first choice everything is there to be looked at.
    if !rounds.is_multiple_of(CHOICES.len()) {
        replace_by_rename(&place.path().join("rowhook.toml"), &config(0));
        wait_for(&server, TAKEN, rounds + 1);
    }
    let audit = Audit::of(&place, &server, &ledger);
    println!(
        "{rounds} changes in {took:.1?}, downloads under each choice {seen:?}, {} refused; {audit}",
        ledger.refused.load(Ordering::Relaxed)
    );
    assert_eq!(ledger.refused.load(Ordering::Relaxed), 0);
    assert_eq!(ledger.strange(), Vec::<String>::new());
    audit.assert_untouched();
    assert!(server.stop().success());
}
