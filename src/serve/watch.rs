//! Watches files for changes by other hands. It only wakes: whoever is woken
//! looks for himself. Folders are watched and not files, because editors,
//! spreadsheets and orchestrators replace a file by renaming another over it.

use super::reload::Why;
use crate::disk::parent;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

/// A watch on some folders.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
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
            folders: BTreeSet::new(),
        }
    }

    /// Watches the folders of `files`, and no others. Returns whether one is watched that was not.
    pub fn set(&mut self, files: &[PathBuf]) -> bool {
        let wanted: BTreeSet<PathBuf> = files.iter().map(|file| parent(file).to_owned()).collect();
        self.set_folders(wanted)
    }

    /// Watches these folders, and no others. Returns whether one is watched that was not.
    pub fn set_folders(&mut self, wanted: BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let mut new = false;
        for folder in self.folders.difference(&wanted) {
            let _ = watcher.unwatch(folder);
        }
        let mut folders = BTreeSet::new();
        for folder in wanted {
            if self.folders.contains(&folder) {
                folders.insert(folder);
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    new = true;
                    folders.insert(folder);
                }
                // Tried again the next time.
                Err(error) => {
                    tracing::debug!(folder = %folder.display(), %error, "cannot be watched");
                }
            }
        }
        self.folders = folders;
        new
    }
}
