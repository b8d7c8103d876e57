//! `rowhook export`: a download without a server, or beside one. Takes no lock
//! and writes nothing below the output directory.
//!
//! - [`find`]: the journal and the tables as they are on disk, and for days
//!   whose tables are not as far as the journal what those would be
//! - [`write`](mod@write): to a file that is there whole or not at all
//!
//! Promises: every row that was acknowledged before it began. A row of a batch
//! that is being synced just now may be among them: it is whole, and nobody
//! has been answered yet.

pub mod find;
pub mod write;

use crate::journal::chain::NoJournal;
use crate::read::ExportError;
use std::io;
use std::path::PathBuf;

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportFailure {
    /// There is nothing of this source.
    #[error("there is nothing of {source_name} in {output}; {hint}", output = .output.display())]
    NoSource {
        /// Which.
        source_name: crate::event::SourceName,
        /// Where.
        output: PathBuf,
        /// What there is.
        hint: String,
    },
    /// There is no journal.
    #[error(transparent)]
    Nothing(#[from] NoJournal),
    /// The journal is damaged.
    #[error("{path}: {what}; `rowhook verify` tells more", path = .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// What is asked for cannot be.
    #[error("{0}")]
    Wrong(String),
    /// Nobody could read it there.
    #[error("{0} is nothing for a terminal; name a file with -o FILE")]
    Terminal(&'static str),
    /// There is no such export.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A file cannot be read or written.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl ExportFailure {
    /// Whether something else should have been asked for.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        match self {
            Self::NoSource { .. } | Self::Nothing(_) | Self::Terminal(_) | Self::Wrong(_) => true,
            Self::Export(error) => {
                matches!(error, ExportError::Ask(_) | ExportError::NoTable { .. })
            }
            Self::Damaged { .. } | Self::Io { .. } => false,
        }
    }
}
