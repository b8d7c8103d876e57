//! What a checkpoint brings back, and what a stranger or a crash left.

use super::*;

#[test]
fn a_table_goes_on_behind_its_checkpoint() {
    let place = Place::new(3);
    let mut table = place.create();
    for seq in 1..=4 {
        push(&mut table, seq, &format!(r#"{{"c{}":{seq}}}"#, seq / 2));
    }
    write(&mut table).unwrap();
    table.pass(Seq(4), (1, 500));
    table.checkpoint(false).unwrap();
    assert_eq!(table.dirty(), None);
    let state = table.state(None);
    assert_eq!(place.loaded(), state);
    push(&mut table, 5, r#"{"c0":"unremembered"}"#);
    write(&mut table).unwrap();
    assert!(table.dirty().is_some());
    let whole = place.text("2026-11-23.2.csv");
    drop(table);
    let mut table = place.resume().unwrap();
    assert_eq!(
        (table.pushed(), table.hint(), table.rows()),
        (Seq(4), (1, 500), 4)
    );
    assert_eq!(table.columns().len(), 5);
    let before = place.faults.done();
    push(&mut table, 5, r#"{"c0":"unremembered"}"#);
    table.append().unwrap();
    assert_eq!(
        place.faults.done(),
        before + 1,
        "what is there is written again: it may be in memory only"
    );
    assert_eq!(place.text("2026-11-23.2.csv"), whole);
    table.settle().unwrap();
    push(&mut table, 6, r#"{"c0":6}"#);
    push(&mut table, 7, r#"{"c9":7}"#);
    write(&mut table).unwrap();
    assert!(place.text("2026-11-23.2.csv").starts_with(&whole));
    assert_eq!(place.text("2026-11-23.3.csv").lines().count(), 2);
}

#[test]
fn rows_behind_the_checkpoint_that_are_not_ours_are_a_change() {
    for (tail, payload) in [
        ("2026-11-23T12:00:00.002Z,JD,2\n", Some(r#"{"a":2}"#)),
        ("2026-11-23T12:00:00.002Z,ID,2\nmore", Some(r#"{"a":2}"#)),
        ("more", None),
    ] {
        let place = Place::new(10);
        let mut table = place.create();
        push(&mut table, 1, r#"{"a":1}"#);
        write(&mut table).unwrap();
        table.checkpoint(false).unwrap();
        let text = place.text(FILE) + tail;
        let file = place
            .disk
            .open(&place.path(FILE), crate::disk::Open::Write)
            .unwrap();
        file.write_at(text.as_bytes(), 0).unwrap();
        let mut table = place.resume().unwrap();
        let outcome = payload.map_or(Ok(()), |payload| {
            push(&mut table, 2, payload);
            table.append()
        });
        let outcome = outcome.and_then(|()| table.settle());
        assert!(matches!(outcome, Err(TableError::Changed)), "{tail:?}");
        assert_eq!(place.text(FILE), text);
    }
}

#[test]
fn a_changed_file_is_not_written() {
    let place = Place::new(10);
    let mut table = place.create();
    push(&mut table, 1, "{}");
    table.append().unwrap();
    table.check().unwrap();
    std::fs::write(place.path(FILE), "mine").unwrap();
    assert!(matches!(table.check(), Err(TableError::Changed)));
    push(&mut table, 2, "{}");
    assert!(matches!(table.append(), Err(TableError::Changed)));
    push(&mut table, 3, r#"{"a":1}"#);
    assert!(matches!(table.widen(&mut || {}), Err(TableError::Changed)));
    assert_eq!(place.text(FILE), "mine");
    assert_eq!(place.names(), [FILE]);
}

/// A widening stopped after any operation: the start knows which file it has, by its header.
#[test]
fn a_widening_may_stop_anywhere() {
    for moment in 0.. {
        let place = Place::new(10);
        let mut table = place.create();
        push(&mut table, 1, r#"{"a":1}"#);
        write(&mut table).unwrap();
        table.checkpoint(false).unwrap();
        push(&mut table, 2, r#"{"b":2}"#);
        table.append().unwrap();
        place.faults.die_after(moment);
        let done = table.widen(&mut || {}).is_ok();
        place.faults.clear();
        drop(table);
        let mut table = place.resume().unwrap();
        assert_eq!(table.pushed(), Seq(1));
        push(&mut table, 2, r#"{"b":2}"#);
        write(&mut table).unwrap();
        table.settle().unwrap();
        assert_eq!(
            place.text(FILE),
            "received_at,event_id,a,b\n2026-11-23T12:00:00.001Z,ID,1,\n2026-11-23T12:00:00.002Z,ID,,2\n"
        );
        assert_eq!(place.names(), [FILE], "after {moment}");
        if done {
            assert!(moment > 5);
            break;
        }
    }
}

#[test]
fn a_failed_widening_leaves_the_file_and_can_be_tried_again() {
    for op in [Op::Make, Op::Write, Op::Sync, Op::Rename] {
        let place = Place::new(10);
        let mut table = place.create();
        push(&mut table, 1, "{}");
        push(&mut table, 2, r#"{"b":2}"#);
        table.append().unwrap();
        let before = place.text(FILE);
        place.faults.fail(Some(op), "", 0, 1, EIO);
        assert!(
            matches!(table.widen(&mut || {}), Err(TableError::Io(_))),
            "{op:?}"
        );
        assert_eq!(
            (place.text(FILE), place.names()),
            (before, vec![FILE.to_owned()])
        );
        table.widen(&mut || {}).unwrap();
        table.append().unwrap();
        assert_eq!(place.text(FILE).lines().count(), 3, "{op:?}");
    }
}

#[test]
fn a_table_made_beside_takes_the_place() {
    let place = Place::new(2);
    let mut old = place.create();
    for seq in 1..=5 {
        push(&mut old, seq, "{}");
    }
    write(&mut old).unwrap();
    let ours = [FILE, "2026-11-23.2.csv", "2026-11-23.3.csv"].map(|f| place.text(f));
    drop(old);
    std::fs::write(place.path("2026-11-23.2.csv"), "mine\n").unwrap();
    std::fs::write(place.path("2026-11-23.4.csv"), "mine, too\n").unwrap();
    let mut new = place.try_create(true).unwrap();
    assert!(place.names().contains(&HIDDEN.to_owned()));
    for seq in 1..=5 {
        push(&mut new, seq, "{}");
    }
    write(&mut new).unwrap();
    let aside = new.replace_old("121314", &[], &[]).unwrap();
    assert_eq!(aside, [place.path("2026-11-23.2.edited-121314.csv")]);
    assert_eq!(
        place.text("2026-11-23.4.csv"),
        "mine, too\n",
        "no name of ours"
    );
    assert_eq!(place.text("2026-11-23.2.edited-121314.csv"), "mine\n");
    assert_eq!(place.names().len(), 5);
    assert_eq!(
        [FILE, "2026-11-23.2.csv", "2026-11-23.3.csv"].map(|f| place.text(f)),
        ours
    );
    // It goes on under its name, and its checkpoint stands already.
    push(&mut new, 6, "{}");
    write(&mut new).unwrap();
    assert_eq!(place.loaded().parts.len(), 3);
    assert!(place.text("2026-11-23.3.csv").starts_with(&ours[2]));
}

#[test]
fn a_snapshot_is_a_version_for_good() {
    let place = Place::new(10);
    let mut table = place.create();
    push(&mut table, 1, r#"{"a":1}"#);
    write(&mut table).unwrap();
    let snapshot = table.snapshot();
    let whole = place.text(FILE);
    push(&mut table, 2, r#"{"b":2}"#);
    write(&mut table).unwrap();
    let part = &snapshot.parts[0];
    let mut bytes = Vec::new();
    read_range(
        &**part.file.as_ref().unwrap(),
        0..part.state.bytes,
        &mut bytes,
    )
    .unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), whole);
    let names: Vec<&str> = snapshot.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["received_at", "event_id", "a"]);
    let received = snapshot.received.unwrap();
    assert_eq!(received.first.to_string(), "2026-11-23T12:00:00.001Z");
    assert_eq!(received.first, received.last);
}

#[test]
fn other_checkpoints_are_not_taken() {
    let place = Place::new(10);
    place.create().checkpoint(true).unwrap();
    assert!(place.loaded().closed);
    let path = place.layout().table_checkpoint(&orders(), day());
    let json = std::fs::read_to_string(&path).unwrap();
    for wrong in [
        json.replace("orders", "other"),
        json.replace("2026-11-23", "2026-11-24"),
        json[..json.len() / 2].to_owned(),
        String::new(),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let loaded = Checkpoint::load(&place.disk, &place.layout(), &orders(), day());
        assert_eq!(loaded.unwrap(), None);
    }
}
