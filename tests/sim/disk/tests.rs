//! The disk itself: it forgets what was not synced, and nothing else.

use super::faults::{EIO, Op, Rule};
use super::*;
use std::collections::BTreeSet;

const DIR: &str = "/a/b";

fn disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    disk.create_dir(Path::new(DIR)).unwrap();
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// A file `x` with `1` and `2`, of which the first is durable.
fn half(disk: &SimDisk) -> SharedFile {
    let file = disk.open(&path("x"), Open::New).unwrap();
    file.write_at(&[1; 1000], 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    file.write_at(&[2; 1000], 1000).unwrap();
    file
}

#[test]
fn a_cut_keeps_what_was_synced_and_any_part_of_the_rest() {
    let mut lengths = BTreeSet::new();
    let mut contents = BTreeSet::new();
    for seed in 0..200 {
        let disk = disk(seed);
        drop(half(&disk));
        disk.cut(seed);
        let left = disk.peek(&path("x")).unwrap();
        assert_eq!(left[..1000], [1; 1000]);
        assert!(left.len() <= 2000 && left[1000..].iter().all(|b| [0, 2].contains(b)));
        lengths.insert(left.len());
        contents.insert(left);
    }
    assert!(lengths.contains(&1000) && lengths.contains(&2000));
    assert!(contents.len() > 20, "{}", contents.len());
}

#[test]
fn a_kill_keeps_all_and_makes_nothing_durable() {
    let disk = disk(1);
    drop(half(&disk));
    assert_eq!(disk.peek(&path("x")).unwrap().len(), 2000);
    let mut lost = 0;
    for seed in 0..50 {
        let other = disk.fork();
        other.cut(seed);
        lost += u32::from(other.peek(&path("x")).unwrap().len() < 2000);
    }
    assert!((10..50).contains(&lost), "{lost}");
}

#[test]
fn a_name_is_durable_with_its_folder_only() {
    let mut found = [0; 2];
    for seed in 0..100 {
        let disk = disk(seed);
        let file = disk.open(&path("x"), Open::New).unwrap();
        file.write_at(b"x", 0).unwrap();
        file.sync().unwrap();
        disk.rename(&path("x"), &path("y")).unwrap();
        disk.cut(seed);
        let names = disk.list(Path::new(DIR)).unwrap();
        assert!(names.len() < 2, "{names:?}");
        found[0] += u32::from(names.is_empty());
        found[1] += u32::from(names == ["y"]);
    }
    assert!(found.iter().all(|count| *count > 10), "{found:?}");
}

#[test]
fn a_failed_sync_leaves_it_readable_and_lost() {
    let mut lost = 0;
    for seed in 0..100 {
        let disk = disk(seed);
        let file = half(&disk);
        disk.faults(|f| {
            f.add(Rule {
                op: Some(Op::Sync),
                skip: 0,
                count: 1,
                share: 1000,
                errno: EIO,
            });
        });
        assert!(file.sync().is_err());
        // As on Linux the next one has nothing to do, and says so.
        file.sync().unwrap();
        assert_eq!(disk.peek(&path("x")).unwrap()[1000..], [2; 1000]);
        disk.cut(seed);
        let left = disk.peek(&path("x")).unwrap();
        assert_eq!(left.len(), 2000, "the length is known");
        lost += u32::from(left[1000..] != [2; 1000]);
    }
    assert!(lost > 50, "{lost}");
}

#[test]
fn a_full_disk_takes_a_part() {
    let disk = disk(1);
    let file = half(&disk);
    disk.set_room(Some(10));
    assert_eq!(disk.free_bytes(Path::new(DIR)).unwrap(), 10);
    let error = file.write_at(&[3; 20], 2000).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(ENOSPC));
    assert_eq!(file.stat().unwrap().bytes, 2010);
    file.write_at(&[4; 2010], 0).unwrap();
    disk.set_room(None);
    file.write_at(&[3; 20], 2010).unwrap();
}

#[test]
fn a_dead_process_changes_nothing_more() {
    let disk = disk(1);
    let file = half(&disk);
    disk.faults(|f| f.die_after(1));
    file.write_at(b"last", 0).unwrap();
    assert!(file.write_at(b"dying", 0).is_err());
    let then = disk.peek(&path("x"));
    assert!(file.write_at(b"dead", 0).is_err());
    assert!(disk.open(&path("x"), Open::Read).is_err());
    assert_eq!(disk.peek(&path("x")), then);
    disk.faults(Faults::clear);
    assert!(disk.open(&path("x"), Open::Read).is_ok());
}
