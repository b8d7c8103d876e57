//! Links of sources that there are, whoever asks for one.

use super::Engine;
use crate::event::{SourceName, Timestamp, nearest};
use crate::links::LinkError;

/// Why no link was made.
#[derive(Debug, thiserror::Error)]
pub enum NoLink {
    /// There is no such source.
    #[error("there is no source `{name}`{}; configured: {known}", perhaps(.meant.as_deref()))]
    NoSource {
        /// Its name, as asked for.
        name: SourceName,
        /// What was meant, probably.
        meant: Option<String>,
        /// What there is.
        known: String,
    },
    /// The list of links did not take it.
    #[error(transparent)]
    Refused(#[from] LinkError),
}

fn perhaps(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

impl NoLink {
    /// Whether another wish would be fulfilled.
    #[must_use]
    pub fn is_wish(&self) -> bool {
        match self {
            Self::NoSource { .. } => true,
            Self::Refused(error) => matches!(error, LinkError::TooLong | LinkError::Over(_)),
        }
    }
}

impl Engine {
    /// Whether there is such a source: configured, or in the tables.
    #[must_use]
    pub fn knows(&self, source: &SourceName) -> bool {
        let configured = self.live().settings.sources.contains_key(source);
        configured || self.tables.catalog().knows(source.as_str())
    }

    /// Makes a link to `feed`, which is one of `source`, and gives its address behind that of the server.
    ///
    /// # Errors
    /// When there is none after all.
    pub fn make_link(
        &self,
        source: &SourceName,
        feed: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<String, NoLink> {
        if !self.knows(source) {
            return Err(self.no_source(source));
        }
        let link = self.links.make(feed, expires_at, Timestamp::now())?;
        let and = if feed.contains('?') { '&' } else { '?' };
        Ok(format!("{feed}{and}link={link}"))
    }

    fn no_source(&self, source: &SourceName) -> NoLink {
        let live = self.live();
        let known = || live.settings.sources.keys().map(SourceName::as_str);
        NoLink::NoSource {
            name: source.clone(),
            meant: nearest(source.as_str(), known()).map(str::to_owned),
            known: known().collect::<Vec<_>>().join(", "),
        }
    }
}
