//! What the operator decided: one [`Settings`] from flags, environment, the TOML
//! file and defaults, in this order. Promises that a value that exists is valid
//! and that no error and no `Debug` tells a secret; knows no HTTP and no output.
//!
//! - `file`: the text, its tables and keys, the place of each value
//! - `value`: single values that are written as text
//! - `secret`: secrets and what they may consist of
//! - `lookup`: where secrets are found
//! - `sources`: who may send; `views`: what is made of their rows
//! - `columns`: which fields become columns
//! - `tls`, `validity`: the certificate and its key
//! - `networks`: addresses of proxies
//! - `resolve`: all of it together
//! - `running`: what new settings may change while rowhook runs
//! - `describe`: settings as text for a person
//! - `error`, `excerpt`: what is said when something is wrong, and the line of the file

mod columns;
mod describe;
mod error;
mod excerpt;
mod file;
mod lookup;
mod networks;
mod resolve;
mod running;
mod secret;
mod sources;
#[cfg(test)]
mod tests;
mod tls;
mod validity;
mod value;
mod views;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use crate::event::{Preset, SourceName, View};
use crate::flatten::ColumnRules;

pub use error::ConfigError;
pub use networks::Network;
pub use resolve::{load, load_without_secrets};
pub use secret::{Origin, Secret, Secrets};
pub use tls::Tls;

/// The variable with the value of the Authorization header that Lessonly sends.
const LESSONLY_VARIABLE: &str = "LESSONLY_AUTHORIZATION";

/// Everything that can be set, complete and valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The configuration file these came from; none when there was none.
    pub file: Option<PathBuf>,
    /// Where to listen; port 0 stands for a free one.
    pub listen: SocketAddr,
    /// The folder of tables, journal and state, relative to the current folder.
    pub output: PathBuf,
    /// Whose days are days.
    pub timezone: Tz,
    /// The URL under which people reach rowhook, without a slash at its end.
    pub public_url: Option<String>,
    /// Whose word on where a request came from is believed.
    pub trusted_proxies: Vec<Network>,
    /// What makes HTTP into HTTPS; none: plain HTTP.
    pub tls: Option<Tls>,
    /// What its addresses begin with. Known also to commands, which read no certificates.
    pub scheme: &'static str,
    /// Who may read. None: a random token is made at the first start and kept in the state folder.
    pub read_token: Option<Secret>,
    /// What is too much.
    pub limits: Limits,
    /// How far back an event is known again.
    pub dedup: Dedup,
    /// How tables are written.
    pub csv: Csv,
    /// Who may send; never empty.
    pub sources: BTreeMap<SourceName, Source>,
}

/// What is too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest body after decoding, in bytes.
    pub body_bytes_max: usize,
    /// The longest that a body may take to arrive.
    pub body_time_max: Duration,
    /// The longest that the head of a request, or a TLS handshake, may take.
    pub head_time_max: Duration,
    /// The deepest nesting of a payload, in levels.
    pub depth_max: usize,
    /// The most columns of a table, `more` among them.
    pub columns_max: usize,
    /// The most connections at a time.
    pub connections_max: usize,
    /// The most bytes of bodies being read, decoded or waiting for the disk, together; at least `body_bytes_max`.
    pub waiting_bytes_max: usize,
    /// The most bytes of refused bodies that are kept a day.
    pub rejected_bytes_max: u64,
}

/// How far back an event is known again: whichever of the two is reached first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dedup {
    /// In days.
    pub days: u32,
    /// In events; 24 bytes of memory each.
    pub ids_max: usize,
}

/// How tables are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    /// Whether a text that a spreadsheet would run as a formula gets a leading `'`.
    pub formula_guard: bool,
    /// Whether a table starts with a byte order mark.
    pub bom: bool,
}

/// Who sends to `/hooks/{name}`, and what is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name in URLs and folders.
    pub name: SourceName,
    /// Whose payloads these are.
    pub preset: Preset,
    /// How a sender shows that it is one.
    pub auth: Auth,
    /// What makes two events the same.
    pub identity: Identity,
    /// The most requests a second; none: no limit.
    pub requests_per_second_max: Option<NonZeroU32>,
    /// Which fields become columns, and how; none: all of them, as they come.
    pub columns: Option<Arc<ColumnRules>>,
    /// What can be made of its rows, by name; those of the preset among them.
    pub views: BTreeMap<String, View>,
}

/// How a sender shows that it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None {
        /// Whether the configuration says so; otherwise it is only the default, and good for loopback alone.
        written: bool,
    },
    /// The Authorization header has one of these values, byte for byte.
    Authorization(Secrets),
}

/// What makes two events of a source the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Their whole content.
    Content,
    /// Nothing: every delivery is an event.
    Off,
    /// The value at this JSON Pointer (RFC 6901; starts with `/`).
    Pointer(String),
    /// The value of this HTTP header, its name in lower case.
    Header(String),
}

/// What the command line says; it beats everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--output`
    pub output: Option<PathBuf>,
}
