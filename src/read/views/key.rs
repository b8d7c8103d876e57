//! Which rows belong together. Keys are compared by 128 bits of BLAKE3: that two
//! are ever the same by chance, or on purpose, is not to be expected.

use crate::event::Choice;
use crate::read::rows::{Heading, Row};

/// What stands for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Hash(pub(super) u64, u64);

impl Hash {
    /// What stands for these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes);
        let half = |at: usize| {
            let bytes = hash.as_bytes()[at..at + 8].try_into();
            u64::from_le_bytes(bytes.unwrap_or_default())
        };
        Self(half(0), half(8))
    }

    /// Bits that say nothing of the first half.
    pub(super) fn second(self) -> u64 {
        self.1
    }
}

/// Where `name` is.
pub(super) fn column(name: &str, headings: &[Heading]) -> Option<usize> {
    headings.iter().position(|heading| heading.name == name)
}

/// The columns of a table that make a key.
pub(super) struct Key {
    /// For each choice its columns, by how many were preferred.
    choices: Vec<Vec<(u32, usize)>>,
    text: Vec<u8>,
}

impl Key {
    pub(super) fn new(choices: &[Choice], headings: &[Heading]) -> Self {
        let columns = |choice: &Choice| {
            let levels = (0..).zip(&choice.0);
            let found = levels.filter_map(|(level, name)| Some((level, column(name, headings)?)));
            found.collect()
        };
        Self {
            choices: choices.iter().map(columns).collect(),
            text: Vec::new(),
        }
    }

    /// The key of `row`; nothing where a part of it is empty, so that nothing says what the row belongs to.
    pub(super) fn of(&mut self, row: &Row) -> Option<Hash> {
        self.text.clear();
        for choice in &self.choices {
            let (level, text) = first_filled(choice, row)?;
            // An id is not the same as an external id with the same digits.
            self.text.extend_from_slice(&level.to_le_bytes());
            self.text
                .extend_from_slice(&(text.len() as u64).to_le_bytes());
            self.text.extend_from_slice(text);
        }
        Some(Hash::of(&self.text))
    }

    /// The text of the first part of the key of `row`.
    pub(super) fn text<'r>(&self, row: &'r Row) -> Option<&'r [u8]> {
        Some(first_filled(self.choices.first()?, row)?.1)
    }
}

fn first_filled<'r>(choice: &[(u32, usize)], row: &'r Row) -> Option<(u32, &'r [u8])> {
    choice
        .iter()
        .find_map(|&(level, column)| Some((level, row.get(column)?.1)))
}
