use super::list::SESSIONS_MAX;
use super::*;
use crate::disk::RealDisk;
use crate::disk::tests::{ENOSPC, faulty};
use std::path::Path;

const TOKEN: &[u8] = b"the read token";

fn sessions(dir: &Path) -> Sessions {
    let path = dir.join("sessions.json");
    Sessions::open(Arc::new(RealDisk), path, SessionKey::new([7; 32])).unwrap()
}

fn at(days: i64) -> Timestamp {
    Timestamp::from_millis(days * DAY_MS)
}

#[test]
fn one_lasts_for_its_days_and_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let shown = sessions(dir.path()).begin(TOKEN, at(0)).unwrap();
    let sessions = sessions(dir.path());
    let found = sessions.find(&shown, TOKEN, at(LASTS_DAYS - 1)).unwrap();
    assert!(shown.starts_with(&found.id) && found.id.len() == 32);
    assert_eq!(sessions.find(&shown, TOKEN, at(LASTS_DAYS)), None);
}

#[test]
fn one_that_ended_stays_ended() {
    let dir = tempfile::tempdir().unwrap();
    let first = sessions(dir.path());
    let (shown, other) = (
        first.begin(TOKEN, at(0)).unwrap(),
        first.begin(TOKEN, at(0)).unwrap(),
    );
    let id = first.find(&shown, TOKEN, at(1)).unwrap().id;
    first.end(&id);
    for sessions in [first, sessions(dir.path())] {
        assert_eq!(sessions.find(&shown, TOKEN, at(1)), None);
        assert!(sessions.find(&other, TOKEN, at(1)).is_some());
    }
}

#[test]
fn another_token_another_key_and_every_changed_letter_open_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = sessions(dir.path());
    let shown = sessions.begin(TOKEN, at(0)).unwrap();
    assert!(sessions.find(&shown, TOKEN, at(0)).is_some());
    assert_eq!(sessions.find(&shown, b"the next token", at(0)), None);
    let path = dir.path().join("sessions.json");
    let other = Sessions::open(Arc::new(RealDisk), path, SessionKey::new([8; 32])).unwrap();
    assert_eq!(other.find(&shown, TOKEN, at(0)), None);
    for place in 0..shown.len() {
        let mut changed = shown.clone().into_bytes();
        changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(sessions.find(&changed, TOKEN, at(0)), None, "{place}");
    }
    for made_up in ["", ".", "0.0", &shown[..shown.len() - 1]] {
        assert_eq!(sessions.find(made_up, TOKEN, at(0)), None);
    }
}

#[test]
fn the_one_that_is_over_first_makes_room() {
    let mut list = List::default();
    let session = |n: i64| Session {
        id: format!("{n:032x}"),
        ends_at: at(100 + n),
    };
    let max = i64::try_from(SESSIONS_MAX).unwrap();
    for n in 0..=max {
        list.add(session(n), at(0));
    }
    assert_eq!(list.len(), SESSIONS_MAX);
    assert_eq!(
        (list.get(&session(0).id), list.get(&session(1).id)),
        (None, Some(session(1)))
    );
    // Those that are over go by themselves.
    list.add(session(max + 1), at(100 + max));
    assert_eq!(list.len(), 1);
}

#[test]
fn a_proof_is_of_one_session_alone() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = sessions(dir.path());
    let proof = sessions.form_proof("a");
    assert!(sessions.proves("a", &proof) && !sessions.proves("b", &proof));
    assert!(!sessions.proves("a", "") && !sessions.proves("a", &proof[1..]));
}

#[test]
fn a_damaged_list_is_empty_and_can_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let shown = sessions(dir.path()).begin(TOKEN, at(0)).unwrap();
    std::fs::write(dir.path().join("sessions.json"), "{").unwrap();
    let sessions = sessions(dir.path());
    assert_eq!(sessions.find(&shown, TOKEN, at(0)), None);
    let shown = sessions.begin(TOKEN, at(0)).unwrap();
    assert!(sessions.find(&shown, TOKEN, at(0)).is_some());
}

/// A full disk is when somebody looks.
#[test]
fn what_the_disk_does_not_take_holds_until_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions.json");
    let (disk, faults) = faulty();
    let first = Sessions::open(disk, path, SessionKey::new([7; 32])).unwrap();
    let before = first.begin(TOKEN, at(0)).unwrap();
    let id = first.find(&before, TOKEN, at(0)).unwrap().id;
    faults.fail(None, "sessions", 0, u64::MAX, ENOSPC);
    let shown = first.begin(TOKEN, at(0)).unwrap();
    first.end(&id);
    assert!(first.find(&shown, TOKEN, at(0)).is_some());
    assert_eq!(first.find(&before, TOKEN, at(0)), None);
    assert_eq!(sessions(dir.path()).find(&shown, TOKEN, at(0)), None);
    faults.clear();
    let later = first.begin(TOKEN, at(0)).unwrap();
    let again = sessions(dir.path());
    for shown in [&shown, &later] {
        assert!(again.find(shown, TOKEN, at(0)).is_some());
    }
    assert_eq!(again.find(&before, TOKEN, at(0)), None);
}
