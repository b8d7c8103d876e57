//! What readers are given.

use super::*;

/// All blocks up to `until`: start, length, day.
fn blocks(journal: &Journal, until: Cursor, bytes_max: usize) -> Vec<(u64, u64, usize, String)> {
    let mut reader = Reader::new(real(), journal.shared());
    let mut cursor = Cursor::default();
    let mut found = Vec::new();
    while let Some(block) = reader.next(&mut cursor, until, bytes_max).unwrap() {
        assert_eq!(block.lines.last(), Some(&b'\n'));
        let (start, length) = (block.start, block.lines.len());
        found.push((start.segment, start.offset, length, block.day.to_string()));
        assert_eq!(
            cursor,
            Cursor {
                segment: start.segment,
                offset: start.offset + length as u64
            }
        );
    }
    found
}

#[test]
fn blocks_are_whole_lines_of_one_segment_in_order() {
    let place = Place::new();
    let mut journal = place.open();
    for n in 0..60 {
        let day = 23 + n / 30;
        store(
            &mut journal,
            &format!(r#"{{"n":{n}}}"#),
            &format!("2026-11-{day}T12:00:00.000Z"),
        );
    }
    let end = journal.shared().end().0;
    for bytes_max in [1, 500, 5000, 1 << 20] {
        let found = blocks(&journal, end, bytes_max);
        let mut places = Vec::new();
        for (segment, day) in [(1, "2026-11-23"), (2, "2026-11-24")] {
            let bytes = place.text(&format!("journal/{day}.jsonl"));
            let first = bytes.find('\n').unwrap() + 1;
            let mine: Vec<_> = found.iter().filter(|b| b.0 == segment).collect();
            assert!(mine.iter().all(|b| b.3 == day));
            assert_eq!(mine[0].1, first as u64);
            assert_eq!(mine.iter().map(|b| b.2).sum::<usize>(), bytes.len() - first);
            places.extend(mine.iter().map(|b| (b.0, b.1)));
            if bytes_max == 1 {
                assert_eq!(mine.len(), 30);
            }
            if bytes_max == 1 << 20 {
                assert_eq!(mine.len(), 1);
            }
        }
        assert!(places.is_sorted());
    }
    assert_eq!(payloads(&journal).len(), 60);
}

#[test]
fn readers_wait_at_the_end_and_go_on() {
    let place = Place::new();
    let mut journal = place.open();
    let mut reader = Reader::new(real(), journal.shared());
    let mut cursor = Cursor::default();
    let far = Cursor {
        segment: u64::MAX,
        offset: u64::MAX,
    };
    assert!(reader.next(&mut cursor, far, 4096).unwrap().is_none());
    for n in 0..4 {
        let now = format!("2026-11-2{}T12:00:00.000Z", 3 + n / 2);
        store(&mut journal, &format!(r#"{{"n":{n}}}"#), &now);
        // Bytes behind the synced end are nobody's business.
        let name = format!("journal/2026-11-2{}.jsonl", 3 + n / 2);
        let whole = place.read(&name);
        place.write(&name, [&whole, &b"{\"seq\":9}\n"[..]].concat());
        let block = reader.next(&mut cursor, far, 4096).unwrap().unwrap();
        let line = record::parse(block.lines.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(line.seq.0, n + 1);
        assert!(reader.next(&mut cursor, far, 4096).unwrap().is_none());
    }
}

#[test]
fn readers_stop_at_until() {
    let place = Place::new();
    let mut journal = place.open();
    let mut ends = Vec::new();
    for n in 0..4 {
        let now = format!("2026-11-2{}T12:00:00.000Z", 3 + n / 2);
        store(&mut journal, &format!(r#"{{"n":{n}}}"#), &now);
        ends.push(journal.shared().end().0);
    }
    for (nth, &end) in ends.iter().enumerate() {
        assert_eq!(blocks(&journal, end, 1).len(), nth + 1);
        assert_eq!(
            blocks(&journal, end, 1 << 20).len(),
            1 + usize::from(nth >= 2)
        );
    }
    assert!(blocks(&journal, Cursor::default(), 4096).is_empty());
}

#[test]
fn a_line_may_be_longer_than_a_block() {
    let place = Place::new();
    let mut journal = place.open();
    let wanted: Vec<_> = [10, 5_000, 100_000, 20, 2_500_000, 30]
        .iter()
        .map(|&n| format!(r#"{{"x":"{}"}}"#, "x".repeat(n)))
        .collect();
    let events: Vec<_> = wanted.iter().map(|p| one(p)).collect();
    let verdicts = journal.commit(&events, at(NOON));
    assert_eq!(verdicts, [stored(1, 0); 6]);
    assert_eq!(payloads(&journal), wanted);
    drop(journal);
    let (journal, opened) = place.try_open().unwrap();
    assert_eq!((opened.checked, opened.cut_bytes), (6, 0));
    assert_eq!(payloads(&journal), wanted);
}

#[test]
fn a_file_that_got_shorter_is_an_error() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, NOON);
    let whole = place.read("journal/2026-11-23.jsonl");
    place.write("journal/2026-11-23.jsonl", &whole[..whole.len() - 5]);
    let mut reader = Reader::new(real(), journal.shared());
    let end = journal.shared().end().0;
    let error = reader.next(&mut Cursor::default(), end, 4096).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}
