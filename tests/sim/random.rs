//! Many random sequences; one that breaks a rule is made as short as it gets.

use crate::acts::{Act, sequence};
use crate::run::{Totals, run};
use crate::world::Held;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

/// A number from the environment.
pub fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A panic within breaks a rule too.
pub fn guarded<T>(then: impl FnOnce() -> Held<T>) -> Held<T> {
    catch_unwind(AssertUnwindSafe(then)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

/// What a broken rule is about, without the act, the names and the numbers of one case.
fn gist(rule: &str) -> String {
    let (_, rule) = rule.split_once(": ").unwrap_or_default();
    let words = rule
        .split(' ')
        .filter(|word| !word.contains(['/', '[', '"']));
    let words: Vec<&str> = words.take(6).collect();
    words.join(" ").replace(|c: char| c.is_ascii_digit(), "")
}

/// Takes away what is not needed to break the same rule: halves first, single acts last.
fn shrink(seed: u64, acts: &[Act], rule: &str) -> Vec<Act> {
    let mut acts = acts.to_vec();
    let mut chunk = acts.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < acts.len() {
            let mut fewer = acts.clone();
            fewer.drain(at..fewer.len().min(at + chunk));
            let broken = guarded(|| run(seed, &fewer)).err();
            if broken.is_some_and(|other| gist(&other) == gist(rule)) {
                acts = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    acts
}

fn report(seed: u64, rule: &str) -> String {
    let acts = shrink(seed, &sequence(seed), rule);
    eprintln!("==== SHRUNK");
    let shrunk = guarded(|| run(seed, &acts)).err();
    let mut text = format!("seed {seed}: {rule}\nshrunk to {} acts:\n", acts.len());
    for (nth, act) in acts.iter().enumerate() {
        let _ = writeln!(text, "  {nth}: {act:?}");
    }
    let _ = writeln!(text, "which break: {}", shrunk.unwrap_or_default());
    text + &format!("again with: ROWHOOK_SEED={seed} cargo test --test sim random -- --nocapture")
}

/// All of `seeds`, and which rules were broken how often, with the first sequence of each; or up to the first.
fn run_all(
    seeds: std::ops::Range<u64>,
    all: bool,
) -> (Totals, BTreeMap<String, (u64, u64, String)>) {
    let (mut totals, mut broken) = (Totals::default(), BTreeMap::new());
    for seed in seeds {
        match guarded(|| run(seed, &sequence(seed))) {
            Ok(done) => totals.add(done),
            Err(rule) => {
                let entry = broken.entry(gist(&rule)).or_insert((0, seed, rule));
                entry.0 += 1;
                if !all {
                    break;
                }
            }
        }
    }
    (totals, broken)
}

#[test]
fn random_sequences_hold() {
    let seeds = match setting("ROWHOOK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("ROWHOOK_SEQUENCES").unwrap_or(200),
    };
    // What panics is told of once, with its sequence.
    set_hook(Box::new(|_| {}));
    let count = setting("ROWHOOK_COUNT").is_some();
    let all = seeds.end - seeds.start;
    let (totals, broken) = run_all(seeds, count);
    if count {
        let caught: u64 = broken.values().map(|b| b.0).sum();
        for (gist, (times, seed, _)) in &broken {
            println!("{times} times, first by seed {seed}: {gist}");
        }
        println!("caught {caught} of {all}");
    } else if let Some((_, seed, rule)) = broken.values().next() {
        let text = report(*seed, rule);
        let _ = take_hook();
        panic!("{text}");
    }
    println!("{all} sequences: {totals:?}");
}
