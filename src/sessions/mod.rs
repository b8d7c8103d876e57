//! Sessions of people who showed the read token to the page: what their
//! browser shows from then on, until it is over, they log out, or the token is
//! changed.
//!
//! - [`Session`]: one of them, as it is listed
//! - [`SessionKey`]: what signs
//! - `notes`: what one is told once
//!
//! Promises: a session is in force only if it is signed for the read token of
//! now, is listed, and is not over; one that ended stays ended, after a restart
//! too if the disk took it.
//! What is listed opens nothing by itself. Knows no HTTP.

mod key;
mod list;
mod notes;
#[cfg(test)]
mod tests;

pub use key::SessionKey;
pub use list::Session;

use crate::disk::{Sealed, SharedDisk, get_sealed, put_sealed};
use crate::event::Timestamp;
use list::List;
use notes::Notes;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How long a session lasts: whoever looks every morning logs in twice a month.
pub const LASTS_DAYS: i64 = 14;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// All sessions of an output directory.
pub struct Sessions {
    disk: SharedDisk,
    path: PathBuf,
    key: SessionKey,
    /// Held by one change after the other while it is written; no request that only asks waits for it.
    changing: Mutex<()>,
    /// What is in force. Held for as long as it takes to take or put a pointer.
    list: RwLock<Arc<List>>,
    /// What is told to them once.
    notes: Notes,
}

impl Sessions {
    /// The sessions that `path` lists, signed by `key`. A damaged list counts as empty: people log in again.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn open(disk: SharedDisk, path: PathBuf, key: SessionKey) -> io::Result<Self> {
        let list = match get_sealed::<List>(&*disk, &path)? {
            Sealed::Whole(list) => list,
            Sealed::Missing => List::default(),
            Sealed::Broken(why) => {
                tracing::warn!(path = %path.display(), why, "the list of sessions cannot be read; everybody logs in again");
                List::default()
            }
        };
        Ok(Self {
            disk,
            path,
            key,
            changing: Mutex::default(),
            list: RwLock::new(Arc::new(list)),
            notes: Notes::default(),
        })
    }

    /// Begins a session of somebody who showed `token`, the read token, and gives what is to be shown. Where there are too many,
    /// the one that began first ends. One that the disk does not take is in force until the next start: who looks because the
    /// disk is full must get in.
    ///
    /// # Errors
    /// When the system gives nothing to make it of.
    pub fn begin(&self, token: &[u8], now: Timestamp) -> io::Result<String> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
        let session = Session {
            id: format!("{:032x}", u128::from_le_bytes(id)),
            ends_at: Timestamp::from_millis(now.millis() + LASTS_DAYS * DAY_MS),
        };
        let shown = format!("{}.{}", session.id, self.key.signature(&session, token));
        self.change(|list| list.add(session, now));
        Ok(shown)
    }

    /// The session that `shown` is of, if it is in force under `token`, the read token of now.
    #[must_use]
    pub fn find(&self, shown: &str, token: &[u8], now: Timestamp) -> Option<Session> {
        let (id, signature) = shown.split_once('.')?;
        let list = self.list();
        let session = list.get(id).filter(|session| session.ends_at > now)?;
        let signed = self.key.signed(signature, &session, token);
        signed.then_some(session)
    }

    /// Ends the session `id`, if there is one. Where the disk does not take that, it stays ended until the next start, and for good
    /// with the next change that is written.
    pub fn end(&self, id: &str) {
        self.change(|list| list.remove(id));
    }

    /// What a form of the session `id` carries, so that it is known to be one of our pages.
    #[must_use]
    pub fn form_proof(&self, id: &str) -> String {
        self.key.form_proof(id)
    }

    /// Whether `given` is that.
    #[must_use]
    pub fn proves(&self, id: &str, given: &str) -> bool {
        self.key.proves(id, given)
    }

    /// Keeps `text`, which is about `about`, for the session `id`: it is told once.
    pub fn tell_once(&self, id: &str, about: &str, text: String) {
        self.notes.leave(id, about, text);
    }

    /// What the session `id` has not been told yet about `about`.
    #[must_use]
    pub fn told(&self, id: &str, about: &str) -> Option<String> {
        self.notes.take(id, about)
    }

    /// By what a browser keeps the sessions of two output directories on one host apart. No secret.
    #[must_use]
    pub fn name(&self) -> String {
        self.key.name()
    }

    /// Changes the list on disk, if that takes it, and then in force.
    fn change(&self, change: impl FnOnce(&mut List)) {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = List::clone(&*self.list());
        change(&mut list);
        if let Err(error) = put_sealed(&*self.disk, &self.path, &list) {
            tracing::warn!(path = %self.path.display(), %error, "the list of sessions could not be written: until it is, a restart knows those of before");
        }
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }

    fn list(&self) -> Arc<List> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.clone()
    }
}
