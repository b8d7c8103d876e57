//! What is said between a command and whoever does its work: JSON objects, a
//! line each. Both ends are of one release: a command that meets another says
//! so instead of guessing.

use crate::event::{Day, Id, SourceName, Timestamp};
use crate::links::Link;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read as _, Write};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Tables made anew.
    Rebuild {
        /// The release that asks.
        release: String,
        /// Whose; all if none is named.
        source: Option<SourceName>,
        /// The first day.
        from: Option<Day>,
        /// The last day.
        to: Option<Day>,
    },
    /// Events, in chunks that follow.
    Import {
        /// The release that asks.
        release: String,
        /// Whose.
        source: SourceName,
        /// Whether events that are there already are stored once more.
        again: bool,
    },
    /// A link made.
    MakeLink {
        /// The release that asks.
        release: String,
        /// Whose rows.
        source: SourceName,
        /// The address of the feed, below that of the server.
        feed: String,
        /// From when on it opens nothing any more.
        expires_at: Option<Timestamp>,
    },
    /// A link revoked.
    RevokeLink {
        /// The release that asks.
        release: String,
        /// Which.
        id: String,
    },
    /// All links told.
    ListLinks {
        /// The release that asks.
        release: String,
    },
}

impl Command {
    /// The release that asks.
    #[must_use]
    pub fn release(&self) -> &str {
        match self {
            Self::Rebuild { release, .. }
            | Self::Import { release, .. }
            | Self::MakeLink { release, .. }
            | Self::RevokeLink { release, .. }
            | Self::ListLinks { release } => release,
        }
    }
}

/// One body on its way in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The body, in base64.
    pub body: String,
    /// The Content-Type that it came with, if a rejected file tells: a form is read as one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Of a journal's record: when it was received, the day of that, and its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Kept>,
}

impl Item {
    /// Bytes of the body.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.trim_end_matches('=').len() * 3 / 4
    }
}

/// What a journal's record keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// When it was received.
    pub received_at: Timestamp,
    /// The day of its segment, where that was told.
    pub day: Option<Day>,
    /// Its id.
    #[serde(with = "hex")]
    pub id: Id,
}

/// What the asking end says after the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Chunk {
    /// So many items follow, a line each.
    Items(usize),
    /// Nothing yet, but there will be.
    Alive,
    /// That was all.
    End,
}

/// What the working end says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It may begin.
    Ready(Terms),
    /// A table was made anew, or why not.
    Table {
        /// Whose.
        source: SourceName,
        /// Of which day.
        day: Day,
        /// Tables that are left to do.
        left: usize,
        /// Rows and columns before.
        before: (u64, usize),
        /// Rows and columns now.
        after: Result<(u64, usize), String>,
    },
    /// What became of a chunk.
    Taken {
        /// Events that were stored.
        stored: u64,
        /// Events that were there already.
        duplicates: u64,
        /// Items that were refused.
        refused: Vec<Refused>,
    },
    /// A link was made.
    LinkMade {
        /// What opens the feed: the whole address.
        url: String,
        /// Whether the address holds on other machines too.
        everywhere: bool,
    },
    /// A link that there is, or that was revoked.
    Link(Link),
    /// All is done.
    Done,
    /// What is asked for makes no sense.
    Wrong(String),
    /// It cannot be done.
    Failed(String),
}

/// What the working end takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// Bytes of a body that was in a journal: it was taken once, under another limit perhaps.
    pub record_bytes_max: usize,
    /// How often it must hear of the other end; nothing when it waits for ever.
    pub alive_ms: Option<u64>,
}

impl Terms {
    /// Why a body of so many bytes is too large, if it is.
    #[must_use]
    pub fn refuse(&self, bytes: usize, is_record: bool) -> Option<String> {
        let bytes_max = if is_record {
            self.record_bytes_max
        } else {
            self.body_bytes_max
        };
        (bytes > bytes_max).then(|| {
            format!("it has {bytes} bytes; the limit is {bytes_max} (limits.body_bytes_max)")
        })
    }
}

/// An item that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which of its chunk, from 0.
    pub nth: usize,
    /// Why.
    pub reason: String,
    /// Whether it was kept in the rejected file.
    pub kept: bool,
}

/// Writes one object.
///
/// # Errors
/// Whatever the stream answers.
pub fn put(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Reads one object from a line of `bytes_max` at most; nothing at the end of the stream.
///
/// # Errors
/// Whatever the stream answers, or when the line is something else or longer.
pub fn get<T: DeserializeOwned>(
    from: &mut impl BufRead,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Option<T>> {
    line.clear();
    let mut limited = from.take(bytes_max as u64 + 1);
    if limited.read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    if line.len() > bytes_max {
        let why = format!("a line of more than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(Some(serde_json::from_slice(line)?))
}

mod hex {
    use crate::event::Id;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &Id, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = String::deserialize(deserializer)?;
        Id::from_hex(text.as_bytes()).ok_or_else(|| D::Error::custom("no id"))
    }
}
