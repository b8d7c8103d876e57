//! Watches files for changes by other hands. It only wakes: whoever is woken
//! looks for himself. Folders are watched and not files, because editors,
//! spreadsheets and orchestrators replace a file by renaming another over it.

use super::reload::Why;
use crate::disk::parent;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::SystemTime;

/// A watch on some folders.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// Which was found at each path: another one may be there by now.
    folders: BTreeMap<PathBuf, Found>,
}

/// What a folder is known again by: a new one may have the number of one that was removed.
type Found = (u64, u64, Option<SystemTime>);

fn find(folder: &Path) -> notify::Result<Found> {
    let found = std::fs::metadata(folder).map_err(notify::Error::io)?;
    Ok((found.dev(), found.ino(), found.created().ok()))
}

impl Watch {
    /// Asks for a reload whenever something happens beside the files of the configuration.
    #[must_use]
    pub fn configuration(ask: Sender<Why>) -> Self {
        Self::new(move |event| {
            // Reading them is no change.
            if !matches!(event.kind, EventKind::Access(_)) {
                let _ = ask.send(Why::Changed);
            }
        })
    }

    /// Calls `wake` whenever a file below `root` is replaced, removed, or closed by somebody who wrote to it. Writing alone is
    /// not heard of: that is what rowhook does all the time.
    #[must_use]
    pub fn tables(root: &Path, wake: impl Fn() + Send + 'static) -> Self {
        let mut watch = Self::new(move |event| {
            let ours = matches!(
                event.kind,
                EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any)
            );
            let closed = event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write));
            if closed || !(ours || matches!(event.kind, EventKind::Access(_))) {
                wake();
            }
        });
        if let Some(watcher) = &mut watch.watcher
            && let Err(error) = watcher.watch(root, RecursiveMode::Recursive)
        {
            tracing::warn!(folder = %root.display(), %error, "changes of tables cannot be watched; they are found within a second");
        }
        watch
    }

    fn new(on_event: impl Fn(Event) + Send + 'static) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if let Ok(event) = event {
                on_event(event);
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "changes of files cannot be watched");
        }
        Self {
            watcher: watcher.ok(),
            folders: BTreeMap::new(),
        }
    }

    /// Watches the folders of `files`, and no others. Returns whether one is watched that was not.
    pub fn set(&mut self, files: &[PathBuf]) -> bool {
        let wanted: BTreeSet<PathBuf> = files.iter().map(|file| parent(file).to_owned()).collect();
        self.set_folders(wanted)
    }

    /// Watches these folders, and no others. Returns whether one is watched that was not; one that was exchanged for another
    /// counts as such.
    pub fn set_folders(&mut self, wanted: BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let mut new = false;
        let mut before = std::mem::take(&mut self.folders);
        for folder in wanted {
            // Before it is watched: if it is exchanged in between, that is seen the next time.
            let found = find(&folder);
            if let Some(known) = before.remove(&folder) {
                if found.as_ref().is_ok_and(|found| *found == known) {
                    self.folders.insert(folder, known);
                    continue;
                }
                let _ = watcher.unwatch(&folder);
            }
            let outcome = watcher.watch(&folder, RecursiveMode::NonRecursive);
            match found.and_then(|found| outcome.map(|()| found)) {
                Ok(found) => {
                    new = true;
                    self.folders.insert(folder, found);
                }
                // Tried again the next time.
                Err(error) => {
                    tracing::debug!(folder = %folder.display(), %error, "cannot be watched");
                }
            }
        }
        for folder in before.into_keys() {
            let _ = watcher.unwatch(&folder);
        }
        new
    }
}
