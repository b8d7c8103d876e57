//! What a start finds among the tables: what was cut off, and files whose
//! checkpoint is gone.

use super::catalog::Catalog;
use super::follower::Key;
use crate::disk::SharedDisk;
use crate::event::{Day, SourceName};
use crate::journal::{Cursor, Shared};
use crate::layout::{Layout, csv_of_name};
use std::collections::BTreeSet;
use std::io;

/// Takes away what a crash or a full disk cut off among the tables: nothing is under way yet. What is not named as those are
/// is somebody else's.
pub(super) fn remove_hidden(disk: &SharedDisk, layout: &Layout) -> io::Result<()> {
    let root = layout.csv_root();
    for source in disk.list(&root)? {
        let Ok(source) = SourceName::new(&source) else {
            continue;
        };
        let dir = layout.csv_dir(&source);
        // What cannot be listed or removed holds none of our files, or its tables will tell.
        for name in disk.list(&dir).unwrap_or_default() {
            // A dot in front for each step that it is away from its place.
            let stem = [".new.wider", ".new", ".wider"]
                .iter()
                .find_map(|end| name.strip_prefix('.')?.strip_suffix(end))
                .map(|stem| stem.trim_start_matches('.'));
            if stem.is_some_and(|stem| csv_of_name(stem).is_some()) {
                let _ = disk.remove(&dir.join(name));
            }
        }
    }
    Ok(())
}

/// Days that nobody remembers although they have files, and whose events the journal has: they are looked at and made anew,
/// like a table whose checkpoint cannot be read. Days behind `read` are told in the log where nothing else would ever find
/// that they are not there.
pub(super) fn forgotten(
    disk: &SharedDisk,
    layout: &Layout,
    catalog: &Catalog,
    shared: &Shared,
    read: Cursor,
) -> io::Result<Vec<Key>> {
    let journal = shared.days();
    let mut found: BTreeSet<Key> = BTreeSet::new();
    for source in disk.list(&layout.csv_root())? {
        let Ok(source) = SourceName::new(&source) else {
            continue;
        };
        for name in disk.list(&layout.csv_dir(&source)).unwrap_or_default() {
            let Some((day, _)) = csv_of_name(&name) else {
                continue;
            };
            if catalog.get(&source, day).is_some() {
                continue;
            }
            if journal.contains(&day) {
                found.insert((source.clone(), day));
            } else {
                tracing::warn!(%source, file = name, "nobody remembers this file, and the journal has nothing of its day; it is left alone");
            }
        }
    }
    let tables = catalog.all().into_iter().map(|(_, day, _)| day);
    let known: BTreeSet<Day> = tables.chain(found.iter().map(|key| key.1)).collect();
    for day in journal.difference(&known) {
        let has_events = |number| {
            let after = shared.segment(number + 1).map(|next| next.first_seq);
            let first = shared.segment(number).map(|segment| segment.first_seq);
            number < read.segment && first < after
        };
        let first = shared.next_of(*day, 0);
        if std::iter::successors(first, |n| shared.next_of(*day, n + 1)).any(has_events) {
            tracing::warn!(%day, "the journal has events of a day that has no table; rowhook rebuild makes it");
        }
    }
    Ok(found.into_iter().collect())
}
