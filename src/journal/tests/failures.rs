//! A disk that fails, and has room again.

use super::*;
use crate::disk::tests::{EIO, ENOSPC, Faults, Op, faulty};
use crate::journal::Health;
use std::time::{Duration, Instant};

fn open_faulty(place: &Place) -> (Journal, Arc<Faults>) {
    let (disk, faults) = faulty();
    let journal = open(disk, place.layout(), options(), &[]).unwrap().0;
    (journal, faults)
}

#[test]
fn a_failed_batch_fails_whole_and_only_with_what_waits() {
    for (op, errno) in [(Op::Write, ENOSPC), (Op::Write, EIO), (Op::Sync, EIO)] {
        let place = Place::new();
        let (mut journal, faults) = open_faulty(&place);
        store(&mut journal, r#"{"n":1}"#, NOON);
        let good = journal.shared().end();
        faults.fail(Some(op), ".jsonl", 0, 1, errno);
        let verdicts = journal.commit(
            &[
                one(r#"{"n":2}"#),
                one(r#"{"n":2}"#),
                one(r#"{"n":1}"#),
                many(&[r#"{"n":1}"#, r#"{"n":3}"#]),
                many(&[r#"{"n":1}"#, r#"{"n":1}"#]),
                many(&[r#"{"n":1}"#, r#"{"n":2}"#]),
            ],
            at(NOON),
        );
        let failed = Verdict::Failed;
        assert_eq!(
            verdicts,
            [failed, failed, stored(0, 1), failed, stored(0, 2), failed]
        );
        assert_eq!(journal.shared().end(), good);
        assert!(journal.is_broken());
        let Health::Failing(why) = journal.shared().health() else {
            panic!("it is said to be well");
        };
        assert!(why.contains(&format!("os error {errno}")), "{why}");
        // Not even tried, as long as nobody made sure of the disk.
        let before = faults.done();
        assert_eq!(store(&mut journal, r#"{"n":2}"#, NOON), failed);
        assert_eq!(store(&mut journal, r#"{"n":1}"#, NOON), stored(0, 1));
        assert_eq!(faults.done(), before);

        journal.recover(at(NOON)).unwrap();
        assert_eq!(journal.shared().health(), Health::Ready);
        let text = place.text("journal/2026-11-23.2.jsonl");
        let good = good.0.offset;
        assert_eq!(
            text,
            format!(
                r#"{{"rowhook":1,"segment":2,"day":"2026-11-23","first_seq":2,"previous":{{"segment":1,"bytes":{good}}}}}"#
            ) + "\n"
        );
        assert_eq!(
            place.read("journal/2026-11-23.jsonl").len() as u64,
            good,
            "the failed batch is still there"
        );
        let again = journal.commit(&[one(r#"{"n":3}"#), one(r#"{"n":2}"#)], at(NOON));
        assert_eq!(again, [stored(1, 0), stored(1, 0)]);
        let wanted = [r#"{"n":1}"#, r#"{"n":3}"#, r#"{"n":2}"#];
        assert_eq!(payloads(&journal), wanted);
        drop(journal);
        let mut journal = place.open();
        assert_eq!(payloads(&journal), wanted);
        assert_eq!(store(&mut journal, r#"{"n":2}"#, NOON), stored(0, 1));
        assert_eq!(
            place.names("journal"),
            ["2026-11-23.2.jsonl", "2026-11-23.jsonl"]
        );
    }
}

#[test]
fn readers_stop_where_the_next_segment_says() {
    let place = Place::new();
    let (mut journal, faults) = open_faulty(&place);
    store(&mut journal, r#"{"n":1}"#, NOON);
    faults.fail(Some(Op::Sync), ".jsonl", 0, 1, EIO);
    store(&mut journal, r#"{"n":2}"#, NOON);
    // It cannot be cut either: the whole failed batch stays in the file.
    faults.fail(Some(Op::SetLen), "", 0, 1, EIO);
    journal.recover(at(NOON)).unwrap();
    assert!(
        place
            .text("journal/2026-11-23.jsonl")
            .contains(r#"{"n":2}"#)
    );
    store(&mut journal, r#"{"n":3}"#, NOON);
    assert_eq!(payloads(&journal), [r#"{"n":1}"#, r#"{"n":3}"#]);
    drop(journal);
    for lost in ["nothing", "state"] {
        place.remove(lost);
        let mut journal = place.open();
        assert_eq!(payloads(&journal), [r#"{"n":1}"#, r#"{"n":3}"#]);
        assert_eq!(store(&mut journal, r#"{"n":3}"#, NOON), stored(0, 1));
    }
    let mut journal = place.open();
    assert_eq!(store(&mut journal, r#"{"n":2}"#, NOON), stored(1, 0));
}

#[test]
fn a_failed_start_of_the_day_is_tried_again() {
    for (op, path) in [
        (Op::Make, "2026-11-24"),
        (Op::Write, "2026-11-24"),
        (Op::Sync, "2026-11-24"),
        (Op::Rename, "2026-11-24"),
        (Op::SyncDir, "journal"),
    ] {
        let place = Place::new();
        let (mut journal, faults) = open_faulty(&place);
        store(&mut journal, r#"{"n":1}"#, NOON);
        faults.fail(Some(op), path, 0, 1, EIO);
        let next = "2026-11-24T00:00:00.000Z";
        assert_eq!(store(&mut journal, r#"{"n":2}"#, next), Verdict::Failed);
        assert_eq!(place.names("journal"), ["2026-11-23.jsonl"]);
        journal.recover(at(next)).unwrap();
        assert_eq!(store(&mut journal, r#"{"n":2}"#, next), stored(1, 0));
        assert_eq!(
            place.names("journal"),
            ["2026-11-23.jsonl", "2026-11-24.jsonl"]
        );
        drop(journal);
        assert_eq!(payloads(&place.open()).len(), 2);
    }
}

/// A segment that has its name, but perhaps not for good, goes for good before another one is made: else a crash could leave
/// two of one number.
#[test]
fn a_segment_whose_name_could_not_be_synced_goes_first() {
    for op in [Op::SyncDir, Op::Remove] {
        let place = Place::new();
        let (mut journal, faults) = open_faulty(&place);
        store(&mut journal, r#"{"n":1}"#, NOON);
        faults.fail(Some(Op::SyncDir), "journal", 0, u64::MAX, EIO);
        let next = "2026-11-24T00:00:00.000Z";
        assert_eq!(store(&mut journal, r#"{"n":2}"#, next), Verdict::Failed);
        assert_eq!(place.names("journal"), ["2026-11-23.jsonl"]);
        // Gone for now is not gone for good.
        let unsure = Some(place.path("journal/2026-11-24.jsonl"));
        assert_eq!(journal.unsure, unsure);
        journal.recover(at("2026-11-25T12:00:00.000Z")).unwrap_err();
        assert_eq!(journal.unsure, unsure);
        // As if it had not been taken away: it cannot be now, or not for good.
        let left = format!(
            r#"{{"rowhook":1,"segment":2,"day":"2026-11-24","first_seq":2,"previous":{{"segment":1,"bytes":{}}}}}"#,
            place.read("journal/2026-11-23.jsonl").len()
        ) + "\n";
        place.write("journal/2026-11-24.jsonl", &left);
        faults.fail(
            Some(op),
            "journal",
            u64::from(op == Op::Remove),
            u64::MAX,
            EIO,
        );
        for _ in 0..3 {
            // The probe is removed first.
            journal.recover(at(next)).unwrap_err();
            faults.fail(
                Some(op),
                "journal",
                u64::from(op == Op::Remove),
                u64::MAX,
                EIO,
            );
            assert!(
                !place
                    .names("journal")
                    .contains(&"2026-11-24.2.jsonl".into())
            );
        }
        faults.clear();
        journal.recover(at(next)).unwrap();
        assert_eq!(store(&mut journal, r#"{"n":2}"#, next), stored(1, 0));
        assert_eq!(
            place.names("journal"),
            ["2026-11-23.jsonl", "2026-11-24.jsonl"]
        );
        drop(journal);
        assert_eq!(payloads(&place.open()).len(), 2);
    }
}

/// Whoever puts a file where the next segment goes keeps it, also if that is while it is made.
#[test]
fn a_file_is_never_replaced_by_a_segment() {
    let place = Place::new();
    let (mut journal, _) = open_faulty(&place);
    store(&mut journal, r#"{"n":1}"#, NOON);
    place.write("journal/2026-11-24.jsonl", "theirs");
    let next = "2026-11-24T00:00:00.000Z";
    assert_eq!(store(&mut journal, r#"{"n":2}"#, next), stored(1, 0));
    assert_eq!(place.text("journal/2026-11-24.jsonl"), "theirs");
    assert!(
        place
            .text("journal/2026-11-24.2.jsonl")
            .contains(r#""first_seq":2"#)
    );
    let dir = place.layout().journal_dir();
    let (unmade, path) = (
        dir.join(".2026-11-24.jsonl.new"),
        dir.join("2026-11-24.jsonl"),
    );
    std::fs::write(&unmade, "ours").unwrap();
    let error = journal.give_name(&unmade, &path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(place.text("journal/2026-11-24.jsonl"), "theirs");
    assert_eq!(store(&mut journal, r#"{"n":3}"#, next), stored(1, 0));
}

#[test]
fn a_full_disk_is_proved_before_a_segment_is_made() {
    let place = Place::new();
    let (mut journal, faults) = open_faulty(&place);
    store(&mut journal, r#"{"n":1}"#, NOON);
    faults.fail(Some(Op::Write), "", 0, u64::MAX, ENOSPC);
    let large = format!(r#"{{"n":"{}"}}"#, "x".repeat(600_000));
    assert_eq!(store(&mut journal, &large, NOON), Verdict::Failed);
    for _ in 0..3 {
        let error = journal.recover(at(NOON)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(ENOSPC));
        assert!(journal.is_broken());
    }
    assert_eq!(place.names("journal"), ["2026-11-23.jsonl"]);
    // There is room for a little, but not for what was refused.
    faults.fail(Some(Op::Write), "", 1, u64::MAX, ENOSPC);
    journal.recover(at(NOON)).unwrap_err();
    faults.clear();
    journal.recover(at(NOON)).unwrap();
    assert_eq!(store(&mut journal, &large, NOON), stored(1, 0));
    assert_eq!(payloads(&place.open()), [r#"{"n":1}"#, &large]);
}

/// Whatever fails for however long: what was answered is there, and the start goes on.
#[test]
fn a_disk_that_fails_for_a_while_loses_nothing() {
    let mut refused = Vec::new();
    for skip in 0..40 {
        for count in 1..12 {
            let place = Place::new();
            let (mut journal, faults) = open_faulty(&place);
            faults.fail(None, "", skip, count, EIO);
            let mut answered = Vec::new();
            for n in 0..8 {
                let hour = 20 + n;
                let now = format!("2026-11-{}T{:02}:00:00.000Z", 23 + hour / 24, hour % 24);
                let payload = format!(r#"{{"n":{n}}}"#);
                if store(&mut journal, &payload, &now) != Verdict::Failed {
                    answered.push(payload);
                }
                let _ = journal.recover(at(&now));
                if n % 3 == 2 {
                    let _ = journal.checkpoint();
                }
            }
            assert_eq!(payloads(&journal), answered, "{skip}, {count}");
            let broken = journal.is_broken();
            drop(journal);
            match place.try_open() {
                Ok((journal, _)) => {
                    let found = payloads(&journal);
                    assert_eq!(found[..answered.len()], answered, "{skip}, {count}");
                    assert!(found.len() == answered.len() || broken, "{skip}, {count}");
                }
                Err(error) => refused.push(format!("{skip}, {count}: {error}")),
            }
        }
    }
    assert!(
        refused.is_empty(),
        "{} times it did not start again, first after {}",
        refused.len(),
        refused[0]
    );
}

/// Killed after any operation: what was answered is there, and nothing twice.
#[test]
fn killed_at_any_moment_nothing_is_lost() {
    for moment in 0.. {
        let place = Place::new();
        let (disk, faults) = faulty();
        faults.die_after(moment);
        let mut answered = Vec::new();
        if let Ok((mut journal, _)) = open(disk, place.layout(), options(), &[]) {
            for n in 0..6 {
                let now = format!("2026-11-{}T12:00:00.000Z", 23 + n / 4);
                let (a, b) = (format!(r#"{{"n":{n}}}"#), format!(r#"{{"m":{n}}}"#));
                if journal.commit(&[many(&[&a, &b])], at(&now)) != [Verdict::Failed] {
                    answered.extend([a, b]);
                }
                if n % 2 == 1 {
                    let _ = journal.checkpoint();
                }
            }
        }
        let alive = answered.len() == 12;
        let mut journal = place.open();
        let found = payloads(&journal);
        assert_eq!(found[..answered.len()], answered, "after {moment}");
        assert!(found.len() <= answered.len() + 2 && found.len().is_multiple_of(2));
        for payload in &found {
            let verdict = store(&mut journal, payload, "2026-11-25T12:00:00.000Z");
            assert_eq!(verdict, stored(0, 1), "after {moment}");
        }
        if alive && moment > 60 {
            break;
        }
    }
}

/// The first segments were put away, and an import makes one of an older day than all others have: whenever it is killed, the
/// next start goes on.
#[test]
fn killed_while_a_segment_of_an_old_day_is_made() {
    for moment in 0.. {
        let place = Place::new();
        let mut journal = place.open();
        for n in 0..4 {
            let now = format!("2026-11-{}T12:00:00.000Z", 23 + n);
            store(&mut journal, &format!(r#"{{"n":{n}}}"#), &now);
        }
        drop(journal);
        place.remove("journal/2026-11-23.jsonl");
        let (mut journal, faults) = open_faulty(&place);
        faults.die_after(moment);
        let old = earlier(r#"{"old":1}"#, "2026-11-02");
        let now = "2026-11-26T12:00:00.000Z";
        let verdict = journal.commit(&[old], at(now))[0];
        let _ = journal.recover(at(now));
        drop(journal);
        let journal = match place.try_open() {
            Ok((journal, _)) => journal,
            Err(error) => panic!("after {moment}: {error}"),
        };
        let found = payloads(&journal);
        assert!(found.len() >= 3, "after {moment}: {found:?}");
        let hidden = |name: &String| name.starts_with('.');
        let names = place.names("journal");
        assert!(!names.iter().any(hidden), "after {moment}: {names:?}");
        if verdict == stored(1, 0) {
            assert_eq!(found.len(), 4);
            break;
        }
    }
}

#[test]
fn a_checkpoint_that_fails_costs_no_id() {
    for path in ["seen", "journal.json"] {
        for op in [Op::Make, Op::Write, Op::Sync, Op::SyncDir] {
            let place = Place::new();
            let (mut journal, faults) = open_faulty(&place);
            store(&mut journal, r#"{"n":1}"#, NOON);
            faults.fail(Some(op), path, 0, 1, EIO);
            let _ = journal.checkpoint();
            store(&mut journal, r#"{"n":2}"#, NOON);
            journal.checkpoint().unwrap();
            store(&mut journal, r#"{"n":3}"#, NOON);
            journal.checkpoint().unwrap();
            drop(journal);
            let (mut journal, opened) = place.try_open().unwrap();
            assert_eq!(opened.checked, 0);
            for n in 1..=3 {
                let verdict = store(&mut journal, &format!(r#"{{"n":{n}}}"#), NOON);
                assert_eq!(verdict, stored(0, 1), "{op:?} of {path}: {n}");
            }
        }
    }
}

/// Tries that fail on a full disk neither fill it further nor cost the files that the checkpoint names.
#[test]
fn ids_that_cannot_be_written_anew_leave_no_file() {
    for (op, skip) in [
        (Op::Make, 0),
        (Op::Write, 0),
        (Op::Write, 7),
        (Op::Sync, 0),
        (Op::Sync, 7),
        (Op::SyncDir, 3),
    ] {
        let place = Place::new();
        let (mut journal, faults) = open_faulty(&place);
        for n in 0..950 {
            store(&mut journal, &format!(r#"{{"n":{n}}}"#), NOON);
        }
        journal.checkpoint().unwrap();
        let there = place.names("state/seen");
        assert_eq!(there.len(), 10, "{there:?}");
        store(&mut journal, r#"{"n":950}"#, NOON);
        faults.fail(Some(Op::Write), "seen", 0, 1, ENOSPC);
        journal.checkpoint().unwrap_err();
        for _ in 0..20 {
            faults.fail(Some(op), "seen", skip, u64::MAX, ENOSPC);
            journal.checkpoint().unwrap_err();
            assert_eq!(place.names("state/seen"), there, "{op:?} after {skip}");
        }
        drop(journal);
        let (mut journal, opened) = place.try_open().unwrap();
        assert_eq!(opened.checked, 1);
        for n in [0, 500, 950] {
            let verdict = store(&mut journal, &format!(r#"{{"n":{n}}}"#), NOON);
            assert_eq!(verdict, stored(0, 1), "{op:?} after {skip}: {n}");
        }
    }
}

/// Beside what is durable stands the twin of one that is not: to say that both are there would lose it.
#[test]
fn a_twin_is_there_only_if_what_it_is_a_twin_of_is() {
    let place = Place::new();
    let (mut journal, faults) = open_faulty(&place);
    store(&mut journal, r#"{"n":0}"#, NOON);
    let batch = [
        earlier(r#"{"x":1}"#, "2026-11-02"),
        many(&[r#"{"y":1}"#, r#"{"x":1}"#]),
        many(&[r#"{"y":2}"#, r#"{"y":1}"#, r#"{"n":0}"#]),
    ];
    faults.fail(Some(Op::Make), "2026-11-02", 0, 1, EIO);
    let failed = Verdict::Failed;
    let verdicts = journal.commit(&batch, at(NOON));
    assert_eq!(verdicts, [failed, failed, stored(1, 2)]);
    faults.clear();
    journal.recover(at(NOON)).unwrap();
    let again = journal.commit(&batch, at(NOON));
    assert_eq!(again, [stored(1, 0), stored(0, 2), stored(0, 3)]);
    drop(journal);
    let mut found = payloads(&place.open());
    found.sort();
    let wanted = [r#"{"n":0}"#, r#"{"x":1}"#, r#"{"y":1}"#, r#"{"y":2}"#];
    assert_eq!(found, wanted);
}

/// Events of earlier days are batches of their own: what is durable before a failure is told so, or it would come again.
#[test]
fn what_was_durable_before_the_failure_is_stored() {
    let place = Place::new();
    let (mut journal, faults) = open_faulty(&place);
    store(&mut journal, r#"{"n":0}"#, NOON);
    let earlier = |payload: &str, day: &str, once: bool| Incoming {
        once,
        ..super::earlier(payload, day)
    };
    for once in [true, false] {
        let n = u8::from(once);
        let batch = [
            earlier(&format!(r#"{{"day":2,"n":{n}}}"#), "2026-11-02", once),
            Incoming {
                once,
                ..one(&format!(r#"{{"now":{n}}}"#))
            },
            earlier(&format!(r#"{{"day":1,"n":{n}}}"#), "2026-11-01", once),
            earlier(&format!(r#"{{"day":2,"m":{n}}}"#), "2026-11-02", once),
        ];
        // The segment of the second day cannot be made.
        faults.fail(Some(Op::Make), "2026-11-02", 0, 1, EIO);
        let failed = Verdict::Failed;
        let verdicts = journal.commit(&batch, at(NOON));
        assert_eq!(verdicts, [failed, stored(1, 0), stored(1, 0), failed]);
        faults.clear();
        journal.recover(at(NOON)).unwrap();
        let again: Vec<_> = [0, 3].map(|nth| batch[nth].clone()).into();
        assert_eq!(journal.commit(&again, at(NOON)), [stored(1, 0); 2]);
        assert!(place.names("journal").contains(&"2026-11-02.jsonl".into()));
    }
    drop(journal);
    assert_eq!(payloads(&place.open()).len(), 9);
}

/// What is written to a file that somebody took away nobody finds.
#[test]
fn nothing_is_stored_while_the_segment_is_not_in_its_place() {
    let place = Place::new();
    let mut journal = place.open();
    let start = Instant::now();
    let later = |seconds: u64| start + Duration::from_secs(seconds);
    store(&mut journal, r#"{"n":1}"#, NOON);
    journal.tick(at(NOON), later(0));
    let (name, away) = (place.path("journal/2026-11-23.jsonl"), place.path("away"));
    std::fs::rename(&name, &away).unwrap();
    journal.tick(at(NOON), later(1));
    let Health::Failing(why) = journal.shared().health() else {
        panic!("it is said to be well");
    };
    assert!(why.contains("2026-11-23.jsonl was moved"), "{why}");
    assert!(journal.is_broken());
    let two = r#"{"n":2}"#;
    assert_eq!(store(&mut journal, two, NOON), Verdict::Failed);
    journal.recover(at(NOON)).unwrap();
    // Another file is not the same.
    std::fs::copy(&away, &name).unwrap();
    journal.tick(at(NOON), later(2));
    assert_eq!(store(&mut journal, two, NOON), Verdict::Failed);
    std::fs::rename(&away, &name).unwrap();
    journal.tick(at(NOON), later(3));
    assert_eq!(journal.shared().health(), Health::Ready);
    assert_eq!(store(&mut journal, two, NOON), stored(1, 0));
    // When its day is over it may be put away, but one that was missed before is still all that there is of its events.
    std::fs::rename(&name, &away).unwrap();
    journal.tick(at(NOON), later(4));
    let (midnight, next) = ("2026-11-24T00:00:05.000Z", "2026-11-24T00:00:09.000Z");
    let three = r#"{"n":3}"#;
    journal.tick(at(midnight), later(5));
    assert_eq!(store(&mut journal, three, midnight), Verdict::Failed);
    std::fs::rename(&away, &name).unwrap();
    journal.tick(at(midnight), later(6));
    assert_eq!(journal.shared().health(), Health::Ready);
    std::fs::rename(&name, &away).unwrap();
    journal.tick(at(next), later(7));
    assert_eq!(store(&mut journal, three, next), stored(1, 0));
    std::fs::rename(&away, &name).unwrap();
    drop(journal);
    assert_eq!(payloads(&place.open()).len(), 3);
}
