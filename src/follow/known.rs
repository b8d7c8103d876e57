//! What the tables know of the journal. A row is made of what is durable only:
//! a journal that ends before it has lost what was acknowledged.

use crate::disk::{Sealed, SharedDisk, get_sealed};
use crate::event::{Day, Seq, SourceName};
use crate::journal::Known;
use crate::layout::Layout;
use serde::Deserialize;
use std::io;
use std::path::PathBuf;

/// What all states of tables say of themselves alike.
#[derive(Deserialize)]
struct State {
    seq: Seq,
}

/// Up to which events the tables were made, by each file that says so. One that cannot be read says nothing.
///
/// # Errors
/// Whatever the disk answers.
pub fn known(disk: &SharedDisk, layout: &Layout) -> io::Result<Vec<Known>> {
    let together = layout.follow_checkpoint();
    let mut paths: Vec<PathBuf> = vec![together.clone()];
    for folder in disk.list(&layout.tables_dir())? {
        let Ok(source) = SourceName::new(&folder) else {
            continue;
        };
        for name in disk.list(&layout.tables_dir().join(&folder))? {
            let day = name.strip_suffix(".json").map(str::parse::<Day>);
            if let Some(Ok(day)) = day {
                paths.push(layout.table_checkpoint(&source, day));
            }
        }
    }
    let mut known: Vec<Known> = Vec::new();
    for path in paths {
        if let Sealed::Whole(State { seq }) = get_sealed(&**disk, &path)? {
            known.push(Known { seq, path });
        }
    }
    // Where all are is worth nothing without the state of each: a table that forgets reads what lies before it again.
    let most = known.iter().map(|known| known.seq).max();
    if let (Some(first), Some(most)) = (known.first_mut(), most)
        && first.path == together
    {
        first.seq = most;
    }
    Ok(known)
}
