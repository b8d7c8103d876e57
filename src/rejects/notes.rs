//! What became of refused bodies: which were delivered again, which nobody
//! wants. One small file, replaced as a whole, durable before anybody is told.

use crate::disk::{Sealed, SharedDisk, get_sealed, put_sealed};
use crate::event::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// So many bodies are remembered; then the one that was noted first waits again.
pub(super) const NOTES_MAX: usize = 10_000;
/// So many event ids of a body are remembered; the rest is counted.
pub(super) const IDS_MAX: usize = 16;

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// When, the last time.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What a person did with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// It was delivered again.
    Delivered {
        /// How many events it gave, over all deliveries.
        events: u64,
        /// The first of them.
        ids: Vec<Id>,
    },
    /// Nobody wants it.
    Dismissed,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    bodies: BTreeMap<Id, Note>,
}

/// All notes.
pub(super) struct Notes {
    disk: SharedDisk,
    path: PathBuf,
    /// Held by one change after the other while it is written; nobody who only asks waits for it.
    changing: Mutex<()>,
    /// What is in force. Held for as long as it takes to take or put a pointer.
    list: RwLock<Arc<List>>,
    /// Another number after every change.
    version: AtomicU64,
}

impl Notes {
    pub fn open(disk: SharedDisk, path: PathBuf) -> io::Result<Self> {
        let list = match get_sealed::<List>(&*disk, &path)? {
            Sealed::Whole(list) => list,
            Sealed::Missing => List::default(),
            Sealed::Broken(why) => {
                tracing::warn!(
                    path = %path.display(), why,
                    "the notes about refused bodies cannot be read; all of them wait again, and those that were delivered are \
                     duplicates when they are delivered again"
                );
                List::default()
            }
        };
        Ok(Self {
            disk,
            path,
            changing: Mutex::default(),
            list: RwLock::new(Arc::new(list)),
            version: AtomicU64::new(0),
        })
    }

    pub fn get(&self, id: Id) -> Option<Note> {
        self.list().bodies.get(&id).cloned()
    }

    pub fn has(&self, id: Id) -> bool {
        self.list().bodies.contains_key(&id)
    }

    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn delivered(&self, id: Id, events: &[Id], now: Timestamp) -> io::Result<()> {
        self.change(|list| {
            let before = list.bodies.get(&id).map(|note| &note.what);
            let (mut count, mut ids) = match before {
                Some(What::Delivered { events, ids }) => (*events, ids.clone()),
                _ => (0, Vec::new()),
            };
            for event in events {
                // The same correction twice gives the same events. Those that are not remembered are counted again.
                if !ids.contains(event) {
                    count += 1;
                    if ids.len() < IDS_MAX {
                        ids.push(*event);
                    }
                }
            }
            list.put(
                id,
                Note {
                    at: now,
                    what: What::Delivered { events: count, ids },
                },
            );
        })
    }

    pub fn dismiss(&self, ids: &[Id], now: Timestamp) -> io::Result<()> {
        self.change(|list| {
            for &id in ids {
                if !list.bodies.contains_key(&id) {
                    let what = What::Dismissed;
                    list.put(id, Note { at: now, what });
                }
            }
        })
    }

    pub fn put_back(&self, id: Id) -> io::Result<()> {
        self.change(|list| {
            let note = list.bodies.get(&id);
            if note.is_some_and(|note| note.what == What::Dismissed) {
                list.bodies.remove(&id);
            }
        })
    }

    /// Changes the list on disk, and then in force.
    fn change(&self, change: impl FnOnce(&mut List)) -> io::Result<()> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.list();
        let mut list = List::clone(&before);
        change(&mut list);
        if list == *before {
            return Ok(());
        }
        put_sealed(&*self.disk, &self.path, &list)?;
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn list(&self) -> Arc<List> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.clone()
    }
}

impl List {
    /// Where there is no room, the one that was noted first leaves.
    fn put(&mut self, id: Id, note: Note) {
        if !self.bodies.contains_key(&id) && self.bodies.len() >= NOTES_MAX {
            let all = self.bodies.iter();
            if let Some((first, _)) = all.min_by_key(|(_, note)| note.at) {
                let first = *first;
                self.bodies.remove(&first);
            }
        }
        self.bodies.insert(id, note);
    }
}
