//! Batches, duplicates, days.

use super::*;
use std::time::{Duration, Instant};

#[test]
fn lines_are_as_documented() {
    let place = Place::new();
    let mut journal = place.open();
    assert_eq!(
        journal.commit(
            &[one(r#"{"a":1}"#), many(&[r#"{"b":1.0}"#, r#"{"b":"é"}"#])],
            at(NOON)
        ),
        [stored(1, 0), stored(2, 0)]
    );
    assert_eq!(
        store(&mut journal, "{}", "2026-11-23T12:00:00.250Z"),
        stored(1, 0)
    );
    insta::assert_snapshot!(place.text("journal/2026-11-23.jsonl"), @r#"
    {"rowhook":1,"segment":1,"day":"2026-11-23","first_seq":1,"previous":{"segment":0,"bytes":0}}
    {"seq":1,"batch":1,"left":2,"received_at":"2026-11-23T12:00:00.000Z","source":"orders","id":"906bcafab20b983e33fc3811641209d5","payload":{"a":1},"check":"de18adbe866d53e9"}
    {"seq":2,"batch":1,"left":1,"received_at":"2026-11-23T12:00:00.000Z","source":"orders","id":"d1f717f1b96f7a9a0cf67b0beab38060","payload":{"b":1.0},"check":"058b4c5122451b33"}
    {"seq":3,"batch":1,"left":0,"received_at":"2026-11-23T12:00:00.000Z","source":"orders","id":"c66c908a27a9fa6880c2fcb77597eb91","payload":{"b":"é"},"check":"a232cc0243424df9"}
    {"seq":4,"batch":4,"left":0,"received_at":"2026-11-23T12:00:00.250Z","source":"orders","id":"5898fca8cf3325adb4fbaefd1fa7eda9","payload":{},"check":"0076c950fd66d8c3"}
    "#);
    assert_eq!(place.names("journal"), ["2026-11-23.jsonl"]);
    assert_eq!(journal.shared().last_seq().0, 4);
    let bytes = place.read("journal/2026-11-23.jsonl").len() as u64;
    assert_eq!(journal.shared().end().0.offset, bytes);
    for line in place.text("journal/2026-11-23.jsonl").lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn the_first_segment_waits_for_the_first_event() {
    let place = Place::new();
    let mut journal = place.open();
    assert!(journal.commit(&[], at(NOON)).is_empty());
    assert_eq!(place.names("journal"), [""; 0]);
    assert_eq!(payloads(&journal), [""; 0]);
    drop(journal);
    assert_eq!(place.open().shared().last_seq().0, 0);
}

#[test]
fn an_equal_event_is_stored_once() {
    let place = Place::new();
    let mut journal = place.open();
    let verdicts = journal.commit(
        &[
            one("{}"),
            one("{}"),
            many(&["{}", r#"{"a":1}"#, r#"{"a":1}"#]),
        ],
        at(NOON),
    );
    assert_eq!(verdicts, [stored(1, 0), stored(0, 1), stored(1, 2)]);
    assert_eq!(
        journal.commit(&[many(&[r#"{"a":1}"#, r#"{"a":2}"#])], at(NOON)),
        [stored(1, 1)]
    );
    assert_eq!(store(&mut journal, "{}", NOON), stored(0, 1));
    assert_eq!(payloads(&journal), ["{}", r#"{"a":1}"#, r#"{"a":2}"#]);
}

#[test]
fn without_once_equal_events_are_all_stored() {
    let place = Place::new();
    let mut journal = place.open();
    let off = Incoming {
        earlier: None,
        once: false,
        ..one("{}")
    };
    let verdicts = journal.commit(&[off.clone(), off.clone()], at(NOON));
    assert_eq!(verdicts, [stored(1, 0), stored(1, 0)]);
    assert_eq!(journal.commit(&[off], at(NOON)), [stored(1, 0)]);
    assert_eq!(store(&mut journal, "{}", NOON), stored(0, 1));
    assert_eq!(payloads(&journal), ["{}"; 3]);
}

#[test]
fn duplicates_are_known_after_a_restart() {
    for lost in [
        "nothing",
        "checkpoint",
        "state",
        "state/seen",
        "state/journal.json",
    ] {
        let place = Place::new();
        let mut journal = place.open();
        store(&mut journal, r#"{"n":1}"#, NOON);
        if lost != "checkpoint" {
            journal.checkpoint().unwrap();
        }
        store(&mut journal, r#"{"n":2}"#, NOON);
        store(&mut journal, r#"{"n":3}"#, "2026-11-24T12:00:00.000Z");
        drop(journal);
        if lost.starts_with("state") {
            place.remove(lost);
        }
        let (mut journal, opened) = place.try_open().unwrap();
        let wanted = if lost == "nothing" { 2 } else { 3 };
        assert_eq!((opened.checked, opened.cut_bytes), (wanted, 0), "{lost}");
        for n in 1..=3 {
            let payload = format!(r#"{{"n":{n}}}"#);
            let verdict = store(&mut journal, &payload, "2026-11-24T12:00:00.000Z");
            assert_eq!(verdict, stored(0, 1), "{lost}: {n}");
        }
        assert_eq!(journal.shared().last_seq().0, 3);
    }
}

#[test]
fn checkpoint_after_checkpoint_keeps_every_id() {
    let place = Place::new();
    for round in 0..4 {
        let mut journal = place.open();
        for n in 0..=round {
            let verdict = store(&mut journal, &format!(r#"{{"n":{n}}}"#), NOON);
            let wanted = if n < round {
                stored(0, 1)
            } else {
                stored(1, 0)
            };
            assert_eq!(verdict, wanted, "round {round}, {n}");
        }
        journal.checkpoint().unwrap();
        journal.checkpoint().unwrap();
        assert_eq!(journal.since_checkpoint(), 0);
    }
    assert_eq!(place.read("state/seen/00000001.ids").len(), 4 * 24);
}

#[test]
fn the_window_has_a_number_over_restarts() {
    let place = Place::new();
    let few = Options {
        ids_max: 3,
        ..options()
    };
    let mut journal = place.open_with(few);
    for n in 0..5 {
        store(&mut journal, &format!(r#"{{"n":{n}}}"#), NOON);
        if n == 3 {
            journal.checkpoint().unwrap();
        }
    }
    drop(journal);
    for lost in ["nothing", "state/journal.json"] {
        place.remove(lost);
        let mut journal = place.open_with(few);
        for n in 2..5 {
            let payload = format!(r#"{{"n":{n}}}"#);
            assert_eq!(store(&mut journal, &payload, NOON), stored(0, 1), "{lost}");
        }
    }
    let mut journal = place.open_with(few);
    assert_eq!(store(&mut journal, r#"{"n":1}"#, NOON), stored(1, 0));
}

#[test]
fn the_window_has_days_over_restarts() {
    let (first, eighth) = ("2026-11-01T12:00:00.000Z", "2026-11-08T13:00:00.000Z");
    // Without the checkpoint nothing is known of when each came: all stay as long as the newest.
    for (lost, oldest) in [
        ("nothing", stored(1, 0)),
        ("state/journal.json", stored(0, 1)),
    ] {
        let place = Place::new();
        let mut journal = place.open();
        store(&mut journal, r#"{"n":1}"#, first);
        hours_pass(&mut journal, first, 24);
        store(&mut journal, r#"{"n":2}"#, "2026-11-02T12:00:00.000Z");
        journal.checkpoint().unwrap();
        drop(journal);
        place.remove(lost);
        let mut journal = place.open();
        // The time that it was down is not believed yet.
        assert_eq!(store(&mut journal, r#"{"n":1}"#, eighth), stored(0, 1));
        hours_pass(&mut journal, eighth, 2);
        assert_eq!(store(&mut journal, r#"{"n":2}"#, eighth), stored(0, 1));
        assert_eq!(store(&mut journal, r#"{"n":1}"#, eighth), oldest, "{lost}");
        hours_pass(&mut journal, "2026-11-08T15:00:00.000Z", 24);
        assert_eq!(store(&mut journal, r#"{"n":2}"#, eighth), stored(1, 0));
    }
}

/// The journal hears of the time every hour.
fn hours_pass(journal: &mut Journal, from: &str, hours: u64) {
    let (start, wall) = (Instant::now(), at(from).millis());
    for hour in 0..=hours {
        let passed = Duration::from_secs(hour * 3600);
        let now = wall + i64::try_from(passed.as_millis()).unwrap();
        journal.tick(Timestamp::from_millis(now), start + passed);
    }
}

/// A clock that is a year ahead for a while, or was a year behind before it was set.
#[test]
fn a_wrong_clock_lets_no_id_go() {
    let place = Place::new();
    let mut journal = place.open();
    let start = Instant::now();
    let (year, minute) = (365 * 86_400_000, Duration::from_secs(60));
    let mut now = at(NOON).millis();
    for (n, jump) in [year, -year, -year, year, 3 * year].into_iter().enumerate() {
        let payload = format!(r#"{{"n":{n}}}"#);
        now += jump;
        let text = Timestamp::from_millis(now).to_string();
        journal.tick(
            Timestamp::from_millis(now),
            start + minute * u32::try_from(n).unwrap(),
        );
        assert_eq!(store(&mut journal, &payload, &text), stored(1, 0));
        journal.checkpoint().unwrap();
    }
    for _ in 0..2 {
        for n in 0..5 {
            let payload = format!(r#"{{"n":{n}}}"#);
            assert_eq!(store(&mut journal, &payload, NOON), stored(0, 1));
        }
        drop(journal);
        journal = place.open();
    }
}

#[test]
fn a_day_of_the_zone_is_a_segment() {
    let place = Place::new();
    let berlin = Options {
        zone: Tz::Europe__Berlin,
        ..options()
    };
    let mut journal = place.open_with(berlin);
    store(&mut journal, r#"{"n":1}"#, "2026-11-23T22:59:59.999Z");
    store(&mut journal, r#"{"n":2}"#, "2026-11-23T23:00:00.000Z");
    let first = place.read("journal/2026-11-23.jsonl").len();
    let second = place.text("journal/2026-11-24.jsonl");
    assert_eq!(
        second.lines().next().unwrap(),
        format!(
            r#"{{"rowhook":1,"segment":2,"day":"2026-11-24","first_seq":2,"previous":{{"segment":1,"bytes":{first}}}}}"#
        )
    );
    drop(journal);
    // Read anew the day before may have ended, and the segment goes on.
    let mut journal = place.open_with(berlin);
    store(&mut journal, r#"{"n":3}"#, "2026-11-24T10:00:00.000Z");
    assert_eq!(place.names("journal").len(), 2);
    assert_eq!(payloads(&journal).len(), 3);
}

#[test]
fn a_clock_that_goes_back_a_little_stands_still() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, "2026-11-24T00:30:00.000Z");
    store(&mut journal, r#"{"n":2}"#, "2026-11-23T23:30:00.000Z");
    drop(journal);
    let mut journal = place.open();
    store(&mut journal, r#"{"n":3}"#, "2026-11-23T00:30:00.000Z");
    // An import is older, and makes nothing else so, also for a start that reads it.
    let old = earlier(r#"{"n":0}"#, "2026-11-02");
    journal.commit(&[old], at("2026-11-23T00:30:00.000Z"));
    drop(journal);
    let mut journal = place.open();
    store(&mut journal, r#"{"n":4}"#, "2026-11-23T23:30:00.000Z");
    store(&mut journal, r#"{"n":5}"#, "2026-11-24T00:30:00.001Z");
    let names = ["2026-11-02.jsonl", "2026-11-24.2.jsonl", "2026-11-24.jsonl"];
    assert_eq!(place.names("journal"), names);
    let both = ["journal/2026-11-24.jsonl", "journal/2026-11-24.2.jsonl"];
    let texts = both.map(|name| place.text(name));
    let stamps: Vec<_> = texts
        .iter()
        .flat_map(|text| text.lines().skip(1))
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["received_at"].clone())
        .collect();
    let half = "2026-11-24T00:30:00.000Z";
    assert_eq!(stamps, [half, half, half, half, "2026-11-24T00:30:00.001Z"]);
}

#[test]
fn a_clock_that_goes_far_back_is_followed() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, "2026-11-23T12:00:00.000Z");
    store(&mut journal, r#"{"n":2}"#, "2027-11-23T12:00:00.000Z");
    store(&mut journal, r#"{"n":3}"#, "2026-11-23T12:00:05.000Z");
    drop(journal);
    let mut journal = place.open();
    store(&mut journal, r#"{"n":4}"#, "2026-11-23T12:00:06.000Z");
    assert_eq!(
        place.names("journal"),
        ["2026-11-23.2.jsonl", "2026-11-23.jsonl", "2027-11-23.jsonl"]
    );
    let text = place.text("journal/2026-11-23.2.jsonl");
    assert!(text.contains(r#""received_at":"2026-11-23T12:00:05.000Z""#));
    assert!(text.contains(r#""received_at":"2026-11-23T12:00:06.000Z""#));
    assert_eq!(payloads(&journal).len(), 4);
    assert_eq!(place.open().shared().last_seq().0, 4);
}

#[test]
fn another_zone_moves_nothing() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, "2026-11-23T00:30:00.000Z");
    drop(journal);
    // It is still the 22nd in New York: the open segment goes on.
    let mut journal = place.open_with(Options {
        zone: Tz::America__New_York,
        ..options()
    });
    store(&mut journal, r#"{"n":2}"#, "2026-11-23T00:31:00.000Z");
    assert_eq!(place.names("journal"), ["2026-11-23.jsonl"]);
    drop(journal);
    // In Tokyo the 24th is there sooner.
    let mut journal = place.open_with(Options {
        zone: Tz::Asia__Tokyo,
        ..options()
    });
    store(&mut journal, r#"{"n":3}"#, "2026-11-23T16:00:00.000Z");
    assert_eq!(
        place.names("journal"),
        ["2026-11-23.jsonl", "2026-11-24.jsonl"]
    );
    assert_eq!(payloads(&journal).len(), 3);
}

#[test]
fn an_event_that_came_again_after_its_days_counts_from_then_on() {
    let place = Place::new();
    let later = at("2026-12-05T12:00:00.000Z");
    let mut journal = place.open();
    assert_eq!(journal.commit(&[one("{}")], at(NOON)), [stored(1, 0)]);
    hours_pass(&mut journal, NOON, 12 * 24);
    assert_eq!(journal.commit(&[one("{}")], later), [stored(1, 0)]);
    // Known after a start that reads the journal, and after one that reads the remembered ids.
    drop(journal);
    for _ in 0..2 {
        let mut journal = place.open();
        assert_eq!(journal.commit(&[one("{}")], later), [stored(0, 1)]);
        journal.checkpoint().unwrap();
    }
}
