//! Bodies that could not become events.

use super::*;
use crate::disk::tests::{EIO, ENOSPC, Op, faulty};
use crate::journal::refused::{Kept, Refused, RefusedBody};

const NAME: &str = "rejected/2026-11-23.jsonl";

fn body(text: &[u8]) -> RefusedBody {
    RefusedBody {
        id: IdKey::new([3; 32]).id("refused", &[text]),
        source: SourceName::new("orders").unwrap(),
        status: 400,
        reason: "not JSON".into(),
        content_type: None,
        body: text.to_vec(),
    }
}

fn open_on(place: &Place, disk: SharedDisk, bytes_max: u64) -> Refused {
    Refused::open(disk, place.layout(), Tz::UTC, bytes_max, at(NOON)).unwrap()
}

fn keep(refused: &mut Refused, text: &[u8]) -> Kept {
    refused.keep(&[body(text)], at(NOON))[0]
}

#[test]
fn a_body_is_kept_as_documented() {
    let place = Place::new();
    let mut refused = open_on(&place, real(), 10_000);
    let typed = RefusedBody {
        content_type: Some("text/plain".into()),
        status: 422,
        ..body("[1, \"é\"]\n".as_bytes())
    };
    let answers = refused.keep(&[typed, body(b"\xff\x00")], at(NOON));
    assert_eq!(answers, [Kept::Kept; 2]);
    insta::assert_snapshot!(place.text(NAME), @r#"
    {"id":"c461256391be9f622fdadaa97abe97a0","received_at":"2026-11-23T12:00:00.000Z","source":"orders","status":422,"reason":"not JSON","content_type":"text/plain","body":"[1, \"é\"]\n"}
    {"id":"5d59049ff825ea0ea8ccd256478dd8da","received_at":"2026-11-23T12:00:00.000Z","source":"orders","status":400,"reason":"not JSON","content_type":null,"body_base64":"/wA="}
    "#);
}

#[test]
fn a_body_is_kept_once() {
    let place = Place::new();
    let mut refused = open_on(&place, real(), 10_000);
    let answers = refused.keep(&[body(b"a"), body(b"b"), body(b"a")], at(NOON));
    assert_eq!(answers, [Kept::Kept; 3]);
    assert_eq!(keep(&mut refused, b"b"), Kept::Kept);
    drop(refused);
    let mut refused = open_on(&place, real(), 10_000);
    for text in [b"a", b"b", b"c"] {
        assert_eq!(keep(&mut refused, text), Kept::Kept);
    }
    assert_eq!(place.text(NAME).lines().count(), 3);
    // A week later a start does not know it any more, and the day has a file of its own.
    let later = at("2026-12-01T12:00:00.000Z");
    drop(refused);
    let mut refused = Refused::open(real(), place.layout(), Tz::UTC, 10_000, later).unwrap();
    assert_eq!(refused.keep(&[body(b"a")], later), [Kept::Kept]);
    assert_eq!(place.text("rejected/2026-12-01.jsonl").lines().count(), 1);
}

#[test]
fn long_bodies_do_not_hide_the_ids_behind_them() {
    let place = Place::new();
    let mut refused = open_on(&place, real(), 10_000_000);
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for n in 0..40 {
        // Lines end all around the megabytes in which the file is read.
        texts.push(vec![b'a' + n % 26; 104_690 + usize::from(n)]);
    }
    for text in &texts {
        assert_eq!(keep(&mut refused, text), Kept::Kept);
    }
    let whole = place.read(NAME);
    drop(refused);
    let mut refused = open_on(&place, real(), 10_000_000);
    for text in &texts {
        assert_eq!(keep(&mut refused, text), Kept::Kept);
    }
    assert!(place.read(NAME) == whole);
}

#[test]
fn a_day_has_a_limit() {
    let place = Place::new();
    let mut refused = open_on(&place, real(), 450);
    let answers = refused.keep(
        &[body(b"a"), body(&[b'x'; 400]), body(b"b"), body(b"a")],
        at(NOON),
    );
    assert_eq!(answers, [Kept::Kept, Kept::Full, Kept::Kept, Kept::Kept]);
    assert_eq!(keep(&mut refused, b"c"), Kept::Full);
    drop(refused);
    let mut refused = open_on(&place, real(), 450);
    assert_eq!(keep(&mut refused, b"c"), Kept::Full);
    assert_eq!(keep(&mut refused, b"a"), Kept::Kept);
    assert_eq!(place.text(NAME).lines().count(), 2);
    assert!(place.read(NAME).len() <= 450);
    let next = at("2026-11-24T12:00:00.000Z");
    assert_eq!(refused.keep(&[body(b"c")], next), [Kept::Kept]);
}

/// Cut anywhere, with whatever the torn line still says of itself: what is answered as kept is in the file.
#[test]
fn a_torn_line_is_cut_and_its_body_kept_again() {
    let place = Place::new();
    let mut refused = open_on(&place, real(), 10_000);
    keep(&mut refused, b"a");
    let first = place.read(NAME).len();
    keep(&mut refused, b"b");
    drop(refused);
    let whole = place.read(NAME);
    for cut in first..whole.len() {
        place.write(NAME, &whole[..cut]);
        let mut refused = open_on(&place, real(), 10_000);
        assert_eq!(keep(&mut refused, b"a"), Kept::Kept);
        assert_eq!(keep(&mut refused, b"b"), Kept::Kept);
        assert_eq!(
            place.text(NAME),
            String::from_utf8(whole.clone()).unwrap(),
            "cut at {cut}"
        );
    }
}

/// A body that was answered as not kept is kept by its retry: once.
#[test]
fn after_a_failure_a_body_is_kept_once() {
    for (op, errno) in [
        (Op::Write, ENOSPC),
        (Op::Sync, EIO),
        (Op::Make, EIO),
        (Op::SyncDir, EIO),
    ] {
        let place = Place::new();
        let (disk, faults) = faulty();
        let mut refused = open_on(&place, disk, 10_000);
        faults.fail(Some(op), "rejected", 0, 1, errno);
        let answers = refused.keep(&[body(b"a"), body(b"b"), body(b"a")], at(NOON));
        assert_eq!(answers, [Kept::Failed; 3], "{op:?}");
        assert_eq!(keep(&mut refused, b"a"), Kept::Kept);
        assert_eq!(keep(&mut refused, b"b"), Kept::Kept);
        let text = place.text(NAME);
        assert_eq!(text.lines().count(), 2, "{op:?}: {text}");
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

#[test]
fn a_file_that_somebody_took_away_is_begun_again() {
    let place = Place::new();
    let mut refused = open_on(&place, real(), 10_000);
    assert_eq!(keep(&mut refused, b"a"), Kept::Kept);
    std::fs::rename(place.path(NAME), place.path("worked-through")).unwrap();
    assert_eq!(keep(&mut refused, b"b"), Kept::Kept);
    assert!(place.text(NAME).contains("\"body\":\"b\""));
    assert_eq!(place.text(NAME).lines().count(), 1);
}

#[test]
fn what_was_kept_after_a_failure_stays_when_the_day_comes_again() {
    let place = Place::new();
    let (disk, faults) = faulty();
    let mut refused = open_on(&place, disk, 10_000);
    assert_eq!(keep(&mut refused, b"a"), Kept::Kept);
    faults.fail(Some(Op::Write), "rejected", 0, 1, ENOSPC);
    assert_eq!(keep(&mut refused, b"b"), Kept::Failed);
    assert_eq!(keep(&mut refused, b"b"), Kept::Kept);
    // The clock goes over midnight, and is set back.
    let next = at("2026-11-24T12:00:00.000Z");
    assert_eq!(refused.keep(&[body(b"c")], next), [Kept::Kept]);
    assert_eq!(keep(&mut refused, b"d"), Kept::Kept);
    assert_eq!(place.text(NAME).lines().count(), 3);
}

/// Somebody may be about to put a file there, or have edited it.
#[test]
fn without_a_body_no_file_is_made_or_changed() {
    let place = Place::new();
    let mut refused = open_on(&place, real(), 10_000);
    assert!(refused.keep(&[], at(NOON)).is_empty());
    assert!(place.names("rejected").is_empty());
    assert_eq!(keep(&mut refused, b"a"), Kept::Kept);
    place.remove(NAME);
    place.write(NAME, "no line end");
    assert!(refused.keep(&[], at(NOON)).is_empty());
    assert_eq!(place.text(NAME), "no line end");
}
