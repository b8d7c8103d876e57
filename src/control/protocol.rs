//! What is said between a command and whoever does its work: JSON objects, a
//! line each. Both ends are of one release: a command that meets another says
//! so instead of guessing.

use crate::event::{Day, Id, SourceName, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};

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
}

impl Command {
    /// The release that asks.
    #[must_use]
    pub fn release(&self) -> &str {
        match self {
            Self::Rebuild { release, .. } | Self::Import { release, .. } => release,
        }
    }
}

/// One body on its way in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The body, in base64.
    pub body: String,
    /// Whether it came as a form.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub form: bool,
    /// Of a journal's record: when it was received, the day of that, and its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Kept>,
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
    /// That was all.
    End,
}

/// What the working end says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It may begin.
    Ready,
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
    /// All is done.
    Done,
    /// It cannot be done.
    Failed(String),
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

/// Reads one object; nothing at the end of the stream.
///
/// # Errors
/// Whatever the stream answers, or when the line is something else.
pub fn get<T: DeserializeOwned>(
    from: &mut impl BufRead,
    line: &mut Vec<u8>,
) -> io::Result<Option<T>> {
    line.clear();
    if from.read_until(b'\n', line)? == 0 {
        return Ok(None);
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
