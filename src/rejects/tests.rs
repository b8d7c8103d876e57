//! Pages, notes and counts on real files, written by the keeper of refused
//! bodies.

use super::notes::{IDS_MAX, NOTES_MAX};
use super::waiting::LINES_MAX;
use super::{Found, Place, Rejects, Show, Waiting, Wanted, What};
use crate::disk::{RealDisk, SharedDisk};
use crate::event::{Id, IdKey, SourceName, Timestamp};
use crate::journal::refused::{Kept, Refused, RefusedBody};
use crate::layout::Layout;
use chrono_tz::UTC;
use std::io::Write as _;
use std::sync::Arc;
use tempfile::TempDir;

struct World {
    dir: TempDir,
    disk: SharedDisk,
    rejects: Rejects,
    refused: Refused,
}

fn name(source: &str) -> SourceName {
    SourceName::new(source).unwrap()
}

fn id(text: &str) -> Id {
    IdKey::new([1; 32]).id("refused", &[text.as_bytes()])
}

/// Noon of the `day`-th day, and so many seconds.
fn at(day: i64, seconds: i64) -> Timestamp {
    let start = Timestamp::parse(b"2026-11-20T12:00:00.000Z").unwrap();
    Timestamp::from_millis(start.millis() + (day * 86_400 + seconds) * 1000)
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let disk: SharedDisk = Arc::new(RealDisk);
        let layout = Layout::new(dir.path());
        disk.create_dir(&layout.state_dir()).unwrap();
        let refused = Refused::open(disk.clone(), layout.clone(), UTC, 64 << 20, at(0, 0)).unwrap();
        Self {
            rejects: Rejects::open(disk.clone(), layout).unwrap(),
            dir,
            disk,
            refused,
        }
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path())
    }

    /// The same after a restart.
    fn again(&mut self) {
        self.rejects = Rejects::open(self.disk.clone(), self.layout()).unwrap();
    }

    fn keep(&mut self, now: Timestamp, source: &str, bodies: &[&str]) {
        let body = |text: &&str| RefusedBody {
            id: id(text),
            source: name(source),
            status: 400,
            reason: "line 1, column 1: expected a JSON value".into(),
            content_type: None,
            body: text.as_bytes().to_vec(),
        };
        let bodies: Vec<_> = bodies.iter().map(body).collect();
        let kept = self.refused.keep(&bodies, now);
        assert!(kept.iter().all(|kept| *kept == Kept::Kept));
    }

    /// All pages of `limit` bodies.
    fn pages(&self, wanted: &Wanted) -> Vec<Vec<String>> {
        let text = |found: Found| String::from_utf8(found.kept.body).unwrap();
        let mut wanted = wanted.clone();
        let mut pages = Vec::new();
        loop {
            let page = self.rejects.page(&wanted, text).unwrap();
            pages.push(page.items);
            match page.next {
                Some(next) => wanted.before = Some(next),
                None => return pages,
            }
        }
    }

    fn all(&self, show: Show) -> Vec<String> {
        let wanted = Wanted {
            limit: 100,
            show,
            ..Wanted::default()
        };
        self.pages(&wanted).concat()
    }

    fn waiting(&self) -> Vec<(String, u64)> {
        let Waiting { of, at_least } = self.rejects.waiting().unwrap();
        assert!(!at_least);
        of.into_iter()
            .map(|(source, count)| (source.to_string(), count))
            .collect()
    }
}

#[test]
fn pages_over_days_the_newest_first() {
    let mut world = World::new();
    world.keep(at(0, 0), "a", &["a1", "a2"]);
    world.keep(at(0, 1), "b", &["b1"]);
    world.keep(at(2, 0), "a", &["a3"]);
    world.keep(at(3, 0), "b", &["b2", "b3", "b4"]);
    let wanted = |limit, source: Option<&str>| Wanted {
        limit,
        source: source.map(name),
        ..Wanted::default()
    };
    for limit in 1..9 {
        let pages = world.pages(&wanted(limit, None));
        assert_eq!(
            pages.concat(),
            ["b4", "b3", "b2", "a3", "b1", "a2", "a1"],
            "{limit}"
        );
        assert_eq!(pages.len(), 7_usize.div_ceil(limit), "{limit}");
        assert_eq!(
            world.pages(&wanted(limit, Some("a"))).concat(),
            ["a3", "a2", "a1"]
        );
    }
    assert_eq!(
        world.pages(&wanted(2, Some("none"))),
        [Vec::<String>::new()]
    );
    // What comes between two pages moves nothing.
    let first = world
        .rejects
        .page(&wanted(3, None), |found| found.place)
        .unwrap();
    world.keep(at(3, 9), "b", &["b5"]);
    world.keep(at(4, 0), "b", &["b6"]);
    let before = first.next;
    let rest = world.pages(&Wanted {
        before,
        ..wanted(9, None)
    });
    assert_eq!(rest.concat(), ["a3", "b1", "a2", "a1"]);
}

#[test]
fn what_is_torn_damaged_or_moved_away_stands_in_nobodys_way() {
    let mut world = World::new();
    world.keep(at(0, 0), "a", &["a1", "a2"]);
    let path = world.layout().rejected(at(0, 0).day(UTC));
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(b"a person wrote here\n\n{\"id\":\"torn")
        .unwrap();
    std::fs::write(world.layout().rejected_dir().join("notes.txt"), "x").unwrap();
    let wanted = Wanted {
        limit: 9,
        ..Wanted::default()
    };
    let page = world
        .rejects
        .page(&wanted, |found| (found.place, found.kept.id))
        .unwrap();
    assert_eq!((page.items.len(), page.unreadable), (2, 2));
    assert_eq!(world.waiting(), [("a".into(), 2)]);
    let (place, id) = page.items[0];
    let found = world.rejects.get(place, id).unwrap().unwrap();
    assert_eq!(found.kept.body, b"a2");
    for (place, id) in [
        (
            Place {
                at: place.at + 1,
                ..place
            },
            id,
        ),
        (
            Place {
                at: u64::MAX,
                ..place
            },
            id,
        ),
        (
            Place {
                day: place.day.plus(1),
                ..place
            },
            id,
        ),
        (page.items[1].0, id),
    ] {
        assert!(world.rejects.get(place, id).unwrap().is_none(), "{place}");
    }
    std::fs::rename(&path, path.with_extension("done")).unwrap();
    assert!(world.rejects.get(place, id).unwrap().is_none());
    assert_eq!(world.waiting(), []);
    world.keep(at(0, 5), "a", &["a3"]);
    assert_eq!(
        (world.all(Show::All), world.waiting()),
        (vec!["a3".into()], vec![("a".into(), 1)])
    );
}

#[test]
fn what_became_of_each_is_remembered_over_restarts() {
    let mut world = World::new();
    world.keep(at(0, 0), "a", &["a1", "a2", "a3"]);
    world.keep(at(1, 0), "b", &["b1"]);
    assert_eq!(world.waiting(), [("a".into(), 3), ("b".into(), 1)]);
    world.rejects.dismiss(&[id("a1")], at(1, 1)).unwrap();
    world.rejects.dismiss(&[id("b1")], at(1, 2)).unwrap();
    let event = Id([7; 16]);
    world
        .rejects
        .delivered(id("a2"), &[event], at(1, 3))
        .unwrap();
    for _ in 0..2 {
        assert_eq!(world.all(Show::Kept), ["a3", "a2"]);
        assert_eq!(world.all(Show::Waiting), ["a3"]);
        assert_eq!(world.all(Show::Delivered), ["a2"]);
        assert_eq!(world.all(Show::Dismissed), ["b1", "a1"]);
        assert_eq!(world.waiting(), [("a".into(), 1)]);
        world.again();
    }
    // The same once more is the same; what is delivered stays so.
    world
        .rejects
        .delivered(id("a2"), &[event], at(1, 4))
        .unwrap();
    world.rejects.dismiss(&[id("a2")], at(1, 5)).unwrap();
    world.rejects.put_back(id("a2")).unwrap();
    let note = world.rejects.note(id("a2")).unwrap();
    let ids = vec![event];
    assert_eq!(
        (note.at, note.what),
        (at(1, 4), What::Delivered { events: 1, ids })
    );
    world.rejects.put_back(id("b1")).unwrap();
    world.again();
    assert_eq!(world.all(Show::Waiting), ["b1", "a3"]);
    // One that was dismissed can be delivered.
    world
        .rejects
        .delivered(id("a1"), &[event], at(1, 6))
        .unwrap();
    assert_eq!(world.all(Show::Delivered), ["a2", "a1"]);
}

#[test]
fn notes_are_bounded_and_damaged_ones_are_none() {
    let mut world = World::new();
    let path = world.layout().refused_notes();
    let many: Vec<Id> = (0..100_u8).map(|n| Id([n; 16])).collect();
    world.rejects.delivered(id("x"), &many, at(0, 0)).unwrap();
    match world.rejects.note(id("x")).unwrap().what {
        What::Delivered { events, ids } => assert_eq!((events, ids.len()), (100, IDS_MAX)),
        What::Dismissed => panic!("it was delivered"),
    }
    // As many as there may be, but for one, the first of them the oldest.
    let notes: Vec<String> = (1..NOTES_MAX)
        .map(|n| {
            format!(
                "\"{n:032x}\":{{\"at\":\"{}\",\"what\":\"dismissed\"}}",
                at(0, 1 + i64::try_from(n).unwrap())
            )
        })
        .collect();
    let text: serde_json::Value =
        serde_json::from_str(&format!("{{\"bodies\":{{{}}}}}", notes.join(","))).unwrap();
    crate::disk::put_sealed(&*world.disk, &path, &text).unwrap();
    world.again();
    let first = Id::from_hex(format!("{:032x}", 1).as_bytes()).unwrap();
    world.rejects.dismiss(&[id("y")], at(9, 0)).unwrap();
    assert!(world.rejects.note(first).is_some());
    world.rejects.dismiss(&[id("z")], at(9, 1)).unwrap();
    assert!(world.rejects.note(first).is_none());
    assert!(world.rejects.note(id("y")).is_some());
    std::fs::write(&path, b"{\"bodies\":{}}").unwrap();
    world.again();
    assert!(world.rejects.note(id("y")).is_none());
}

#[test]
fn a_disk_that_does_not_take_the_note_leaves_all_as_it_was() {
    let mut world = World::new();
    world.keep(at(0, 0), "a", &["a1"]);
    let state = world.layout().state_dir();
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, b"no folder").unwrap();
    assert!(world.rejects.dismiss(&[id("a1")], at(0, 1)).is_err());
    assert!(world.rejects.delivered(id("a1"), &[], at(0, 1)).is_err());
    assert_eq!(world.all(Show::Waiting), ["a1"]);
    assert_eq!(world.waiting(), [("a".into(), 1)]);
}

#[test]
fn a_count_reads_what_was_added_and_no_more_than_there_is_room_for() {
    let mut world = World::new();
    world.keep(at(0, 0), "a", &["a1"]);
    assert_eq!(world.waiting(), [("a".into(), 1)]);
    world.keep(at(0, 1), "a", &["a2"]);
    world.keep(at(1, 1), "b", &["b1"]);
    assert_eq!(world.waiting(), [("a".into(), 2), ("b".into(), 1)]);
    // A day with more lines than are known.
    let line = |n: usize| {
        format!(
            "{{\"id\":\"{n:032x}\",\"received_at\":\"2026-11-25T12:00:00.000Z\",\"source\":\"c\",\"status\":400,\
             \"reason\":\"r\",\"content_type\":null,\"body\":\"x\"}}\n"
        )
    };
    let text: String = (0..LINES_MAX + 10).map(line).collect();
    std::fs::write(world.layout().rejected(at(5, 0).day(UTC)), text).unwrap();
    let waiting = world.rejects.waiting().unwrap();
    assert!(waiting.at_least);
    let count = usize::try_from(waiting.all()).unwrap();
    assert!((LINES_MAX..LINES_MAX + 20_000).contains(&count), "{count}");
    assert_eq!(world.rejects.waiting().unwrap(), waiting);
}

/// Its limits may be set so: the count goes on behind it.
#[test]
fn a_line_longer_than_what_is_read_at_once_is_counted() {
    let mut world = World::new();
    world.refused =
        Refused::open(world.disk.clone(), world.layout(), UTC, 1 << 30, at(0, 0)).unwrap();
    world.keep(at(0, 0), "a", &[&"x".repeat(65 << 20)]);
    world.keep(at(0, 1), "b", &["b1"]);
    while world.rejects.waiting().unwrap().at_least {}
    assert_eq!(world.waiting(), [("a".into(), 1), ("b".into(), 1)]);
}
