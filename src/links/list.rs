//! The list of links, as it is kept. No I/O but for a little chance.

use crate::event::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::{fmt, io};

/// So many links there may be.
pub(super) const LINKS_MAX: usize = 10_000;
/// A link that does not open any more is remembered for so long, so that whoever still asks hears why.
const REMEMBERED_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;
const ID_DIGITS: usize = 10;

/// A link as it is listed: all but its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// By what it is known; no secret.
    pub id: String,
    /// The address that it opens, always written in the same way.
    pub feed: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when on it opens nothing any more.
    pub expires_at: Option<Timestamp>,
    /// Since when it opens nothing any more because somebody said so.
    pub revoked_at: Option<Timestamp>,
}

/// Why, and since when, a link does not open its feed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its time was over.
    Expired(Timestamp),
    /// Somebody said so.
    Revoked(Timestamp),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(at) => write!(f, "expired at {at}"),
            Self::Revoked(at) => write!(f, "was revoked at {at}"),
        }
    }
}

impl Link {
    /// How it ended, if it does not open its feed at `now`.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Option<Ended> {
        match (self.revoked_at, self.expires_at) {
            (Some(at), _) => Some(Ended::Revoked(at)),
            (None, Some(at)) if at <= now => Some(Ended::Expired(at)),
            _ => None,
        }
    }

    /// What a list says of it at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.ended(now) {
            None => "open",
            Some(Ended::Expired(_)) => "expired",
            Some(Ended::Revoked(_)) => "revoked",
        }
    }

    fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ended(now).map(|ended| match ended {
            Ended::Expired(at) | Ended::Revoked(at) => at,
        })
    }
}

/// All links, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    #[serde(with = "as_list")]
    links: BTreeMap<String, Link>,
}

impl List {
    pub fn get(&self, id: &str) -> Option<&Link> {
        self.links.get(id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Link> {
        self.links.get_mut(id)
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.links.keys().map(String::as_str)
    }

    /// All of them, in the order in which they were made.
    pub fn in_order(&self) -> Vec<Link> {
        let mut all: Vec<Link> = self.links.values().cloned().collect();
        all.sort_by_key(|link| link.made_at);
        all
    }

    /// An id that no link has.
    pub fn free_id(&self) -> io::Result<String> {
        loop {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
            let mut id = format!("{:016x}", u64::from_le_bytes(bytes));
            id.truncate(ID_DIGITS);
            if !self.links.contains_key(&id) {
                return Ok(id);
            }
        }
    }

    /// Adds `link`, unless there are too many that still open something. Those that ended long ago are forgotten, and where
    /// there is no room, the one that ended first.
    pub fn add(&mut self, link: Link, now: Timestamp) -> bool {
        let long_ago = Timestamp::from_millis(now.millis().saturating_sub(REMEMBERED_MILLIS));
        self.links
            .retain(|_, link| link.ended_at(now).is_none_or(|at| at > long_ago));
        if self.links.len() >= LINKS_MAX {
            let ended = self.links.values().filter_map(|link| {
                let at = link.ended_at(now)?;
                Some((at, link.id.clone()))
            });
            let Some((_, first)) = ended.min() else {
                return false;
            };
            self.links.remove(&first);
        }
        self.links.insert(link.id.clone(), link);
        true
    }
}

/// As a list, in the order in which they were made.
mod as_list {
    use super::Link;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    type Links = BTreeMap<String, Link>;

    pub fn serialize<S: Serializer>(links: &Links, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all: Vec<&Link> = links.values().collect();
        all.sort_by_key(|link| link.made_at);
        serializer.collect_seq(all)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Links, D::Error> {
        let all = Vec::<Link>::deserialize(deserializer)?;
        Ok(all.into_iter().map(|l| (l.id.clone(), l)).collect())
    }
}
