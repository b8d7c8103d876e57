//! Signed links: addresses that open one feed without the read token, until
//! they expire or are revoked. Programs that can only hold a URL then hold
//! nothing that opens anything else.
//!
//! - [`Link`]: one of them, as it is listed; [`Ended`]: why it does not open any more
//! - [`LinkKey`]: what signs
//!
//! Promises: a link opens only if its signature is that of exactly this feed
//! and it is listed, neither revoked nor expired. What was told to be made or
//! revoked is on disk. Knows no HTTP, and a feed by its address alone.

mod expires;
mod key;
mod list;
#[cfg(test)]
mod tests;

pub use expires::Expires;
pub use key::LinkKey;
pub use list::{Ended, Link};

use crate::disk::{Sealed, SharedDisk, get_sealed, put_sealed};
use crate::event::{Timestamp, nearest};
use list::List;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// An address longer than this is none that every program takes.
const FEED_BYTES_MAX: usize = 4096;

/// All links of an output directory.
pub struct Links {
    disk: SharedDisk,
    path: PathBuf,
    key: LinkKey,
    /// Held by one change after the other while it is written; no request asks for it.
    changing: Mutex<()>,
    /// What is in force, or why the list cannot be read. Held for as long as it takes to take or put a pointer.
    list: RwLock<Result<Arc<List>, String>>,
}

/// What a link does for somebody who shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// It opens the feed.
    Yes,
    /// It is none of this feed.
    No,
    /// It was one, and is not any more.
    Ended(Ended),
}

/// Why there is no link, or no change of one.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The list is not what was written.
    #[error(
        "{path} is damaged: {why}; stop rowhook and put the file back from a backup, or remove it, and no link \
         that was made before opens any more",
        path = path.display()
    )]
    Damaged {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system refused; all is as it was.
    #[error("{path}: {error}; nothing was changed", path = path.display())]
    Io {
        /// The list.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// It would be too long.
    #[error("the address would be longer than {FEED_BYTES_MAX} bytes; name fewer columns")]
    TooLong,
    /// There are too many.
    #[error(
        "there are {} links that open a feed, as many as there may be; revoke some",
        list::LINKS_MAX
    )]
    TooMany,
    /// It would never open anything.
    #[error("it would expire at {0}, which is over; give a later end")]
    Over(Timestamp),
    /// There is none of this id.
    #[error("there is no link {id:?}{}; `rowhook link --list` shows all", perhaps(.near.as_deref()))]
    NoSuch {
        /// What was given.
        id: String,
        /// What was meant, probably.
        near: Option<String>,
    },
}

fn perhaps(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" (did you mean {id}?)"))
}

impl Links {
    /// The links that `path` lists, signed by `key`. A damaged list opens nothing and cannot be changed.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn open(disk: SharedDisk, path: PathBuf, key: LinkKey) -> io::Result<Self> {
        let list = match get_sealed::<List>(&*disk, &path)? {
            Sealed::Missing => Ok(Arc::default()),
            Sealed::Whole(list) => Ok(Arc::new(list)),
            Sealed::Broken(why) => Err(why),
        };
        Ok(Self {
            disk,
            path,
            key,
            changing: Mutex::default(),
            list: RwLock::new(list),
        })
    }

    /// All of them, in the order in which they were made.
    ///
    /// # Errors
    /// When the list is damaged.
    pub fn all(&self) -> Result<Vec<Link>, LinkError> {
        Ok(self.list()?.in_order())
    }

    /// Makes a link to `feed` and gives what is to be shown: its id and its signature.
    ///
    /// # Errors
    /// When there is none after all.
    pub fn make(
        &self,
        feed: &str,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<String, LinkError> {
        if feed.len() > FEED_BYTES_MAX {
            return Err(LinkError::TooLong);
        }
        if let Some(end) = expires_at.filter(|end| *end <= now) {
            return Err(LinkError::Over(end));
        }
        let id = self.change(|list| {
            let id = list.free_id().map_err(|error| self.io(error))?;
            let link = Link {
                id: id.clone(),
                feed: feed.to_owned(),
                made_at: now,
                expires_at,
                revoked_at: None,
            };
            if list.add(link, now) {
                Ok(id)
            } else {
                Err(LinkError::TooMany)
            }
        })?;
        let signature = self.key.signature(&id, expires_at, feed);
        Ok(format!("{id}.{signature}"))
    }

    /// Lets the link `id` open nothing any more. One that was revoked before stays as it is.
    ///
    /// # Errors
    /// When there is no such link, or it cannot be written.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<Link, LinkError> {
        self.change(|list| {
            let Some(link) = list.get_mut(id) else {
                let near = nearest(id, list.ids()).map(str::to_owned);
                let id = id.to_owned();
                return Err(LinkError::NoSuch { id, near });
            };
            link.revoked_at.get_or_insert(now);
            Ok(link.clone())
        })
    }

    /// What `shown` does for somebody who asks for `feed`.
    #[must_use]
    pub fn opens(&self, shown: &str, feed: &str, now: Timestamp) -> Opens {
        let Ok(list) = self.list() else {
            return Opens::No;
        };
        let found = shown
            .split_once('.')
            .and_then(|(id, signature)| Some((list.get(id)?, signature)));
        let Some((link, signature)) = found else {
            return Opens::No;
        };
        if !self.key.signed(signature, &link.id, link.expires_at, feed) || link.feed != feed {
            return Opens::No;
        }
        link.ended(now).map_or(Opens::Yes, Opens::Ended)
    }

    /// Changes the list on disk, and then in force.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut List) -> Result<T, LinkError>,
    ) -> Result<T, LinkError> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = List::clone(&*self.list()?);
        let outcome = change(&mut list)?;
        put_sealed(&*self.disk, &self.path, &list).map_err(|error| self.io(error))?;
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = Ok(Arc::new(list));
        Ok(outcome)
    }

    fn list(&self) -> Result<Arc<List>, LinkError> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.clone().map_err(|why| LinkError::Damaged {
            path: self.path.clone(),
            why,
        })
    }

    fn io(&self, error: io::Error) -> LinkError {
        LinkError::Io {
            path: self.path.clone(),
            error,
        }
    }
}
