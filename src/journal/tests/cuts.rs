//! A journal that ends anywhere, and one with any bit changed.

use super::*;
use crate::disk::tests::faulty;
use crate::event::Seq;
use crate::journal::record::Record;

const NAME: &str = "journal/2026-11-23.jsonl";

/// A journal of batches of these sizes: its bytes, and where each batch ends, the first line's end first.
fn written(sizes: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let place = Place::new();
    let mut journal = open(faulty().0, place.layout(), options(), &[]).unwrap().0;
    let mut ends = Vec::new();
    let mut n = 0;
    for &size in sizes {
        let events: Vec<_> = (0..size)
            .map(|i| one(&format!(r#"{{"n":{}}}"#, n + i)))
            .collect();
        n += size;
        journal.commit(&events, at(NOON));
        ends.push(usize::try_from(journal.shared().end().0.offset).unwrap());
    }
    let bytes = place.read(NAME);
    let first = bytes.iter().position(|&b| b == b'\n').unwrap() + 1;
    ends.insert(0, first);
    (bytes, ends)
}

/// Starts over `found`, and looks whether it keeps `kept` bytes of it, sets the rest aside, and goes on.
#[track_caller]
fn keeps(place: &Place, found: &[u8], kept: usize, what: &str) {
    place.write(NAME, found);
    place.remove("state/cut");
    let (disk, _) = faulty();
    let (mut journal, opened) = open(disk, place.layout(), options(), &[])
        .unwrap_or_else(|error| panic!("{what}: it does not start: {error}"));
    assert_eq!(opened.cut_bytes, (found.len() - kept) as u64, "{what}");
    let left = std::fs::read(place.path(NAME)).unwrap();
    assert_eq!(left, &found[..kept], "{what}");
    if found.len() > kept {
        assert_eq!(
            place.names("state/cut"),
            [format!("2026-11-23.jsonl.from-{kept}")],
            "{what}"
        );
        let aside = place.read(&format!("state/cut/2026-11-23.jsonl.from-{kept}"));
        assert_eq!(aside, &found[kept..], "{what}");
    } else {
        assert!(place.names("state/cut").is_empty(), "{what}");
    }
    let known = payloads(&journal);
    assert_eq!(
        store(&mut journal, r#"{"new":1}"#, NOON),
        stored(1, 0),
        "{what}"
    );
    for payload in &known {
        assert_eq!(store(&mut journal, payload, NOON), stored(0, 1), "{what}");
    }
    let end = journal.shared().end();
    drop(journal);
    let (disk, _) = faulty();
    let (journal, opened) = open(disk, place.layout(), options(), &[])
        .unwrap_or_else(|error| panic!("{what}: it does not start again: {error}"));
    assert_eq!(
        (journal.shared().end(), opened.cut_bytes),
        (end, 0),
        "{what}"
    );
    assert_eq!(
        usize::try_from(journal.shared().last_seq().0).unwrap(),
        known.len() + 1,
        "{what}"
    );
}

#[test]
fn cut_anywhere_in_the_last_two_batches() {
    let place = Place::new();
    for (before, last) in [(1, 1), (1, 3), (2, 1), (3, 2)] {
        let (whole, ends) = written(&[2, before, last]);
        for cut in ends[1]..=ends[3] {
            let kept = *ends.iter().rfind(|&&end| end <= cut).unwrap();
            let what = format!("{before} and {last} records, cut at {cut} of {ends:?}");
            keeps(&place, &whole[..cut], kept, &what);
        }
    }
}

/// Only the line end of the last batch is missing: what is stored after the start must be there after the next.
#[test]
fn what_follows_a_last_line_without_its_end_is_kept() {
    let place = Place::new();
    let (whole, ends) = written(&[1, 1]);
    place.write(NAME, &whole[..ends[2] - 1]);
    let mut journal = place.open();
    assert_eq!(store(&mut journal, r#"{"new":1}"#, NOON), stored(1, 0));
    drop(journal);
    let mut journal = place.open();
    assert_eq!(store(&mut journal, r#"{"new":1}"#, NOON), stored(0, 1));
    assert!(payloads(&journal).contains(&r#"{"new":1}"#.to_owned()));
}

/// The length of a file may reach the disk before its content.
#[test]
fn zeros_from_anywhere_in_the_last_batch() {
    let place = Place::new();
    for last in 1..=3 {
        let (whole, ends) = written(&[1, last]);
        for cut in ends[1]..ends[2] {
            let mut found = whole.clone();
            found[cut..].fill(0);
            keeps(
                &place,
                &found,
                ends[1],
                &format!("{last} records, zeros from {cut}"),
            );
        }
    }
    let (mut whole, ends) = written(&[1, 2]);
    for zeros in [1, 10, 4096, 3_000_000] {
        whole.truncate(ends[2]);
        whole.resize(ends[2] + zeros, 0);
        place.write(NAME, &whole);
        let (_, opened) = place.try_open().unwrap();
        assert_eq!(opened.cut_bytes, zeros as u64);
        assert_eq!(place.read(NAME).len(), ends[2]);
        assert_eq!(
            place
                .read(&format!("state/cut/2026-11-23.jsonl.from-{}", ends[2]))
                .len(),
            zeros.min(1 << 20)
        );
        place.remove("state/cut");
    }
}

/// Pages reach the disk in any order: a hole within the last batch.
#[test]
fn a_hole_in_the_last_batch() {
    let place = Place::new();
    let (whole, ends) = written(&[1, 3]);
    for start in (ends[1]..ends[2]).step_by(7) {
        let mut found = whole.clone();
        found[start..ends[2].min(start + 40)].fill(0);
        keeps(&place, &found, ends[1], &format!("a hole at {start}"));
    }
}

/// Starts over `found` and wants to be told of the damage at `offset`.
fn refuses(place: &Place, found: &[u8], offset: usize) -> Result<(), String> {
    place.write(NAME, found);
    let (disk, _) = faulty();
    match open(disk, place.layout(), options(), &[]) {
        Err(
            RecoveryError::Damaged {
                path, offset: told, ..
            }
            | RecoveryError::EndsEarly {
                path, offset: told, ..
            },
        ) if path == place.path(NAME) && told == offset as u64 => {
            if std::fs::read(place.path(NAME)).unwrap() == found {
                Ok(())
            } else {
                Err("the file was changed".into())
            }
        }
        Err(error) => Err(format!("refused otherwise: {error}")),
        Ok((journal, opened)) => Err(format!(
            "started with {} events, {} bytes cut",
            journal.shared().last_seq(),
            opened.cut_bytes
        )),
    }
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    bytes[..at]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |n| n + 1)
}

#[test]
fn every_changed_bit_before_the_last_batch_stops_the_start() {
    let place = Place::new();
    let (whole, ends) = written(&[1, 2, 2]);
    for byte in ends[0]..ends[2] {
        for bit in 0..8 {
            let mut found = whole.clone();
            found[byte] ^= 1 << bit;
            let outcome = refuses(&place, &found, line_start(&whole, byte));
            assert_eq!(outcome, Ok(()), "bit {bit} of byte {byte} of {ends:?}");
        }
    }
}

/// The last batch is a single line: when the line end before it is damaged, both look like one torn line.
#[test]
fn a_changed_line_end_before_a_last_batch_of_one_stops_the_start() {
    let place = Place::new();
    let (whole, ends) = written(&[1, 1, 1]);
    for bit in 0..8 {
        let mut found = whole.clone();
        found[ends[2] - 1] ^= 1 << bit;
        assert_eq!(refuses(&place, &found, ends[1]), Ok(()), "bit {bit}");
    }
}

/// The same for the line end of the first line of a short segment.
#[test]
fn a_changed_line_end_of_the_first_line_stops_the_start() {
    let place = Place::new();
    let (whole, ends) = written(&[1]);
    for bit in 0..8 {
        let mut found = whole.clone();
        found[ends[0] - 1] ^= 1 << bit;
        assert_eq!(refuses(&place, &found, 0), Ok(()), "bit {bit}");
    }
}

#[test]
fn lines_that_are_missing_or_twice_stop_the_start() {
    let place = Place::new();
    let (whole, ends) = written(&[1, 1, 2]);
    let without = [&whole[..ends[1]], &whole[ends[2]..]].concat();
    assert_eq!(refuses(&place, &without, ends[1]), Ok(()));
    // The second line of the last batch without the first: that is a torn batch.
    let second = line_start(&whole, ends[3] - 1);
    let torn = [&whole[..ends[2]], &whole[second..]].concat();
    keeps(&place, &torn, ends[2], "half a batch");
}

/// A whole line of a later batch says that the one before it was answered, be it the last line or not.
#[test]
fn a_missing_batch_before_a_last_one_of_one_line_stops_the_start() {
    let place = Place::new();
    let (whole, ends) = written(&[1, 1, 1]);
    let without = [&whole[..ends[1]], &whole[ends[2]..]].concat();
    assert_eq!(refuses(&place, &without, ends[1]), Ok(()));
    let mut zeros = whole.clone();
    zeros[ends[1]..ends[2]].fill(0);
    assert_eq!(refuses(&place, &zeros, ends[1]), Ok(()));
}

#[test]
fn what_the_checkpoint_knows_is_never_cut() {
    let place = Place::new();
    let mut journal = place.open();
    for n in 0..3 {
        store(&mut journal, &format!(r#"{{"n":{n}}}"#), NOON);
    }
    journal.checkpoint().unwrap();
    drop(journal);
    let whole = place.read(NAME);
    for cut in [whole.len() - 1, whole.len() - 100, 200] {
        assert_eq!(refuses(&place, &whole[..cut], cut), Ok(()));
    }
    place.remove(NAME);
    let Err(RecoveryError::EndsEarly { path, what, .. }) = place.try_open() else {
        panic!("it starts without a journal that a checkpoint knows");
    };
    assert_eq!(path, place.path("journal"));
    assert!(what.contains("segment 1 was stored up to byte"), "{what}");
    place.write(NAME, &whole);
    assert_eq!(place.open().shared().last_seq().0, 3);
}

#[test]
fn a_checkpoint_that_cannot_be_read_costs_time_only() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, NOON);
    journal.checkpoint().unwrap();
    drop(journal);
    let json = place.read("state/journal.json");
    for end in 0..json.len() {
        place.write("state/journal.json", &json[..end]);
        let (mut journal, opened) = place.try_open().unwrap();
        assert_eq!(opened.checked, 1);
        assert_eq!(store(&mut journal, r#"{"n":1}"#, NOON), stored(0, 1));
    }
}

/// A payload may hold what looks like a record of a later batch; torn right behind it, the write is a torn write.
#[test]
fn a_record_within_a_torn_payload_is_no_later_batch() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, NOON);
    let mut inner = Vec::new();
    Record {
        seq: Seq(1 << 40),
        batch: Seq(1 << 40),
        left: 0,
        received_at: NOON.as_bytes(),
        source: "orders",
        id: &[b'0'; 32],
        payload: b"{}",
    }
    .write(&mut inner);
    inner.pop();
    let inner = String::from_utf8(inner).unwrap();
    store(&mut journal, &format!(r#"{{"a":{inner},"b":1}}"#), NOON);
    drop(journal);
    let name = "journal/2026-11-23.jsonl";
    let text = place.text(name);
    let end = text.find(&inner).unwrap() + inner.len();
    place.write(name, &text[..end]);
    assert_eq!(payloads(&place.open()), [r#"{"n":1}"#]);
}
