//! What is fuzzed: each target takes any bytes and panics when something does
//! not hold. The same code runs under the stable runner beside this folder and
//! under `cargo fuzz`, which includes this file.

pub mod address;
pub mod body;
pub mod config;
pub mod encoding;
pub mod journal;
mod memory;
// The second implementation of the rules of flattening, written from the rules alone.
#[path = "../../it/naive.rs"]
#[allow(dead_code)]
mod naive;

/// Takes bytes off the front of an input; zeros once it is used up, so that short inputs mean something too.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// At most `length` bytes.
    pub fn some(&mut self, length: usize) -> &'a [u8] {
        let (some, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        some
    }
}

/// `text` for a message: what can be read as it is, the rest escaped.
pub fn shown(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}
