//! The list of sessions, as it is kept. No I/O.

use crate::event::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many sessions there may be.
pub(super) const SESSIONS_MAX: usize = 1_000;

/// A session as it is listed: all but its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// By what it is known.
    pub id: String,
    /// From when on it is over.
    pub ends_at: Timestamp,
}

/// All sessions, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    sessions: BTreeMap<String, Timestamp>,
}

impl List {
    pub fn get(&self, id: &str) -> Option<Session> {
        let (id, &ends_at) = self.sessions.get_key_value(id)?;
        let id = id.clone();
        Some(Session { id, ends_at })
    }

    /// Adds `session` and forgets those that are over; where there is no room, the one that is over first.
    pub fn add(&mut self, session: Session, now: Timestamp) {
        self.sessions.retain(|_, ends_at| *ends_at > now);
        if self.sessions.len() >= SESSIONS_MAX {
            let all = self.sessions.iter();
            if let Some((first, _)) = all.min_by_key(|(_, ends_at)| **ends_at) {
                let first = first.clone();
                self.sessions.remove(&first);
            }
        }
        self.sessions.insert(session.id, session.ends_at);
    }

    pub fn remove(&mut self, id: &str) {
        self.sessions.remove(id);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }
}
