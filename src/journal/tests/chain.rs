//! Segments that follow each other.

use super::*;

/// Three days, a segment each.
fn three() -> Place {
    let place = Place::new();
    let mut journal = place.open();
    for day in 23..26 {
        for n in 0..2 {
            let payload = format!(r#"{{"day":{day},"n":{n}}}"#);
            store(
                &mut journal,
                &payload,
                &format!("2026-11-{day}T12:00:00.000Z"),
            );
        }
    }
    place
}

#[track_caller]
fn damaged(place: &Place, name: &str, offset: u64, what: &str) {
    match place.try_open() {
        Err(RecoveryError::Damaged {
            path,
            offset: told,
            what: why,
        }) => {
            assert_eq!((path, told), (place.path(name), offset), "{why}");
            assert!(why.contains(what), "{why}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

#[test]
fn a_segment_in_the_middle_is_missing() {
    let place = three();
    place.remove("journal/2026-11-24.jsonl");
    damaged(
        &place,
        "journal/2026-11-25.jsonl",
        0,
        "segment 3 follows segment 1",
    );
}

#[test]
fn the_first_segments_may_be_put_away() {
    let place = three();
    place.remove("journal/2026-11-23.jsonl");
    let mut journal = place.open();
    assert_eq!(
        (journal.shared().last_seq().0, payloads(&journal).len()),
        (6, 4)
    );
    store(&mut journal, r#"{"n":7}"#, "2026-11-25T13:00:00.000Z");
    assert_eq!(place.open().shared().last_seq().0, 7);
}

#[test]
fn a_segment_is_shorter_than_the_next_one_says() {
    let place = three();
    let name = "journal/2026-11-24.jsonl";
    let whole = place.read(name);
    for cut in [whole.len() - 1, 150] {
        place.write(name, &whole[..cut]);
        damaged(&place, name, cut as u64, "bytes of it were stored");
    }
    // What stands behind the length that the next one says does not count.
    place.write(name, [&whole, &b"anything"[..]].concat());
    assert_eq!(payloads(&place.open()).len(), 6);
}

#[test]
fn every_changed_byte_of_a_segment_before_the_last_stops_the_start() {
    let place = three();
    let name = "journal/2026-11-23.jsonl";
    let whole = place.read(name);
    let first = whole.iter().position(|&b| b == b'\n').unwrap();
    for byte in first..whole.len() {
        let mut found = whole.clone();
        found[byte] ^= 1;
        place.write(name, &found);
        let line = whole[..byte]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |n| n + 1);
        match place.try_open() {
            Err(RecoveryError::Damaged { path, offset, .. }) => {
                assert_eq!(
                    (path, offset),
                    (place.path(name), line as u64),
                    "byte {byte}"
                );
            }
            Err(error) => panic!("byte {byte}: {error}"),
            Ok(_) => panic!("byte {byte}: it starts"),
        }
    }
}

/// A segment has its name only once its first line is durable: one that has none lost it, whichever it is and whatever else
/// is missing.
#[test]
fn a_segment_without_a_whole_first_line_stops_the_start() {
    for (name, first_is_gone) in [
        ("journal/2026-11-23.jsonl", false),
        ("journal/2026-11-24.jsonl", true),
        ("journal/2026-11-25.jsonl", false),
        ("journal/2026-11-25.jsonl", true),
    ] {
        let place = three();
        place.remove("state/journal.json");
        if first_is_gone {
            place.remove("journal/2026-11-23.jsonl");
        }
        let whole = place.read(name);
        let end = whole.iter().position(|&b| b == b'\n').unwrap();
        for left in 0..=end {
            let mut zeros = whole[..left].to_vec();
            zeros.resize(whole.len(), 0);
            for found in [whole[..left].to_vec(), zeros] {
                place.write(name, &found);
                damaged(&place, name, 0, "no first line");
                assert_eq!(place.read(name), found, "it stays for whoever looks at it");
            }
        }
        if name.contains("23") {
            place.remove(name);
            assert_eq!(payloads(&place.open()).len(), 4);
        }
    }
}

/// One bit of the first line makes every record stand in a wrong place: they are not taken for a batch that was cut off.
#[test]
fn a_changed_first_seq_stops_the_start() {
    let place = Place::new();
    let mut journal = place.open();
    for n in 0..4 {
        store(&mut journal, &format!("{{\"n\":{n}}}"), NOON);
    }
    drop(journal);
    let name = "journal/2026-11-23.jsonl";
    let text = place
        .text(name)
        .replace(r#""first_seq":1"#, r#""first_seq":9"#);
    place.write(name, &text);
    assert!(place.try_open().is_err());
    assert_eq!(place.text(name), text);
}

/// The last record is damaged, and the ids are gone so that the whole journal is read: it was stored all the same.
#[test]
fn what_a_checkpoint_says_was_stored_was_stored() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, NOON);
    journal.checkpoint().unwrap();
    drop(journal);
    place.remove("state/seen");
    let name = "journal/2026-11-23.jsonl";
    let text = place.text(name).replace(r#""n":1"#, r#""n":2"#);
    place.write(name, &text);
    let Err(error) = place.try_open() else {
        panic!("it starts");
    };
    let (file, state) = (place.path(name), place.path("state/journal.json"));
    let (file, state) = (file.display(), state.display());
    let wanted = format!(
        "{file}: at byte 94: the journal ends with event 0 here, but {state} knows event 1; acknowledged events may be lost. \
         rowhook does not start over a damaged journal: keep a copy of the whole output directory, then put this file back \
         from a backup; if there is no better one, move {state} out of the output directory and start \
         again: it goes on without those events, or names what else knows of them"
    );
    assert_eq!(error.to_string(), wanted);
    assert_eq!(place.text(name), text);
    // As it is told.
    place.remove("state/journal.json");
    let mut journal = place.open();
    assert_eq!(store(&mut journal, r#"{"n":1}"#, NOON), stored(1, 0));
}

/// What others remember counts like what the journal remembers itself, also when nothing is left of the journal.
#[test]
fn what_others_know_was_stored() {
    let place = three();
    let known = |seq| Known {
        seq: Seq(seq),
        path: place.path("state").join(seq.to_string()),
    };
    let open = |known: &[Known]| open(real(), place.layout(), options(), known);
    assert!(open(&[known(5), known(6)]).is_ok());
    let told = |error| match error {
        RecoveryError::EndsEarly {
            path,
            offset,
            what,
            known,
        } => (path, offset, what, known),
        error => panic!("{error}"),
    };
    let (path, offset, what, files) = told(open(&[known(8), known(6), known(7)]).err().unwrap());
    let last = "journal/2026-11-25.jsonl";
    assert_eq!(
        (path, offset),
        (place.path(last), place.read(last).len() as u64)
    );
    assert_eq!(
        what,
        format!(
            "the journal ends with event 6 here, but {} knows event 8",
            place.path("state/8").display()
        )
    );
    assert_eq!(files, [place.path("state/8"), place.path("state/7")]);
    place.remove("journal");
    let (path, offset, ..) = told(open(&[known(1)]).err().unwrap());
    assert_eq!((path, offset), (place.path("journal"), 0));
}

#[test]
fn numbers_that_nothing_ever_counted_to() {
    for (segment, seq) in [(u64::MAX, u64::MAX), (0, 1), (1, 0), (1, 1 << 54)] {
        let place = Place::new();
        let line = format!(
            r#"{{"rowhook":1,"segment":{segment},"day":"2026-11-23","first_seq":{seq},"previous":{{"segment":0,"bytes":0}}}}"#
        );
        place.write("journal/2026-11-23.jsonl", line + "\n");
        assert!(place.try_open().is_err(), "{segment} {seq}");
    }
}

/// Under the name that a segment has while it is made nothing is ever read, be it a first line or a whole segment.
#[test]
fn what_was_never_finished_is_taken_away() {
    let place = three();
    let bytes = place.read("journal/2026-11-25.jsonl").len();
    let first = format!(
        r#"{{"rowhook":1,"segment":4,"day":"2026-11-26","first_seq":7,"previous":{{"segment":3,"bytes":{bytes}}}}}"#
    ) + "\n";
    let contents = [
        Vec::new(),
        first.as_bytes()[..40].to_vec(),
        vec![0; 90],
        first.clone().into_bytes(),
        place.read("journal/2026-11-25.jsonl"),
        b"anything".to_vec(),
    ];
    for content in &contents {
        for name in [
            ".2026-11-26.jsonl.new",
            ".2026-11-25.2.jsonl.new",
            ".2026-11-02.jsonl.new",
            ".probe",
        ] {
            place.write(&format!("journal/{name}"), content);
        }
        let journal = place.open();
        assert_eq!(
            (journal.shared().last_seq().0, payloads(&journal).len()),
            (6, 6)
        );
        assert_eq!(place.names("journal").len(), 3);
    }
    // With its name and without an event yet, it is the place to go on.
    let name = "journal/2026-11-26.jsonl";
    place.write(name, &first);
    let mut journal = place.open();
    store(&mut journal, r#"{"n":7}"#, "2026-11-26T12:00:00.000Z");
    assert_eq!(place.names("journal").len(), 4);
    assert!(place.text(name).starts_with(&first));
    drop(journal);
    assert_eq!(payloads(&place.open()).len(), 7);
    // What is not named as those are is somebody else's; and before damage nothing is touched.
    for name in [".2026-11-26.jsonl", "2026-11-26.jsonl.new", ".mine.new"] {
        place.write(&format!("journal/{name}"), "mine");
    }
    assert_eq!(payloads(&place.open()).len(), 7);
    place.write("journal/.2026-11-27.jsonl.new", "");
    place.remove("journal/2026-11-24.jsonl");
    damaged(
        &place,
        "journal/2026-11-25.jsonl",
        0,
        "segment 3 follows segment 1",
    );
    assert_eq!(place.names("journal").len(), 7);
}

/// The next segment has a number only once the last one that failed is gone: two of one number were never made.
#[test]
fn two_files_are_one_segment() {
    let place = three();
    let whole = place.text("journal/2026-11-25.jsonl");
    let end = whole.find('\n').unwrap() + 1;
    for content in [&whole, &whole[..end]] {
        place.write("journal/2026-11-25.2.jsonl", content);
        let Err(error) = place.try_open() else {
            panic!("it starts");
        };
        assert!(
            error.to_string().contains("two files are segment 3"),
            "{error}"
        );
    }
}

#[test]
fn other_formats_and_first_lines_are_refused() {
    let place = three();
    let name = "journal/2026-11-25.jsonl";
    let whole = place.text(name);
    place.write(name, whole.replacen(r#""rowhook":1"#, r#""rowhook":2"#, 1));
    damaged(&place, name, 0, "format version 2");
    place.write(
        name,
        whole.replacen(r#""first_seq":5"#, r#""first_seq":6"#, 1),
    );
    damaged(&place, name, 0, "starts with seq 6, expected 5");
    place.write(name, whole.replacen(r#"{"rowhook""#, r#"{ "rowhook""#, 1));
    damaged(&place, name, 0, "not as it was written");
    place.write(name, whole.split_once('\n').unwrap().1);
    damaged(&place, name, 0, "first line");
    place.write(name, &whole);
    place.write("journal/notes.txt", "mine");
    place.write("journal/2026-11-25.jsonl~", "mine");
    assert_eq!(payloads(&place.open()).len(), 6);
}

/// The first line has no check of its own; its day stands in the file's name too.
#[test]
fn a_day_that_the_name_does_not_have_is_refused() {
    let place = three();
    let name = "journal/2026-11-25.jsonl";
    let whole = place.text(name);
    place.write(name, whole.replacen("2026-11-25", "2026-11-35", 1));
    damaged(&place, name, 0, "first line");
    place.write(name, whole.replacen("2026-11-25", "2026-11-24", 1));
    damaged(&place, name, 0, "");
}

#[test]
fn a_start_reads_on_from_the_checkpoint_over_segments() {
    let place = Place::new();
    let mut journal = place.open();
    store(&mut journal, r#"{"n":1}"#, NOON);
    journal.checkpoint().unwrap();
    store(&mut journal, r#"{"n":2}"#, NOON);
    store(&mut journal, r#"{"n":3}"#, "2026-11-24T12:00:00.000Z");
    store(&mut journal, r#"{"n":4}"#, "2026-11-25T12:00:00.000Z");
    drop(journal);
    for _ in 0..2 {
        let (mut journal, opened) = place.try_open().unwrap();
        assert_eq!(opened.checked, 3);
        for n in 1..=4 {
            let payload = format!(r#"{{"n":{n}}}"#);
            let now = "2026-11-25T12:00:00.000Z";
            assert_eq!(store(&mut journal, &payload, now), stored(0, 1), "{n}");
        }
    }
    // A checkpoint and nothing since: nothing to read, the stamps go on.
    let mut journal = place.open();
    journal.checkpoint().unwrap();
    drop(journal);
    let (mut journal, opened) = place.try_open().unwrap();
    assert_eq!(opened.checked, 0);
    store(&mut journal, r#"{"n":5}"#, "2026-11-25T11:00:00.000Z");
    let text = place.text("journal/2026-11-25.jsonl");
    assert!(
        text.lines()
            .last()
            .unwrap()
            .contains("2026-11-25T12:00:00.000Z")
    );
}
