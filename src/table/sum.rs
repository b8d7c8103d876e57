//! A digest of a file that grows. It goes by chunks, each hashed into the next,
//! so that going on after a restart reads the last chunk alone, and proving the
//! file reads all of it.

use crate::disk::{File, read_range};
use serde::{Deserialize, Serialize};
use std::io;

const CHUNK: u64 = 1 << 20;

/// The digest of the bytes so far.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    chain: [u8; 16],
    tail: blake3::Hasher,
    bytes: u64,
}

/// A digest as a checkpoint remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumState {
    /// Of all full chunks.
    chain: [u8; 16],
    /// Of the bytes behind them.
    tail: [u8; 16],
}

impl Sum {
    /// The digest of nothing.
    pub fn new() -> Self {
        Self {
            chain: [0; 16],
            tail: blake3::Hasher::new(),
            bytes: 0,
        }
    }

    /// Takes what was appended.
    pub fn update(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let room = usize::try_from(CHUNK - self.bytes % CHUNK).unwrap_or(usize::MAX);
            let (now, rest) = text.split_at(room.min(text.len()));
            self.tail.update(now);
            self.bytes += now.len() as u64;
            if self.bytes.is_multiple_of(CHUNK) {
                let mut next = blake3::Hasher::new();
                next.update(&self.chain);
                next.update(&short(&self.tail));
                self.chain = short(&next);
                self.tail.reset();
            }
            text = rest;
        }
    }

    pub fn state(&self) -> SumState {
        SumState {
            chain: self.chain,
            tail: short(&self.tail),
        }
    }

    /// The digest of the first `bytes` of `file`, all of them read. A shorter file gives that of what there is.
    pub fn of(file: &dyn File, bytes: u64) -> io::Result<Self> {
        Self::new().read(file, 0..bytes)
    }

    /// Goes on from `state`, the digest of the first `bytes` of a file that is known to be what it was.
    pub fn resume(state: SumState, file: &dyn File, bytes: u64) -> io::Result<Self> {
        let start = bytes - bytes % CHUNK;
        let before = Self {
            chain: state.chain,
            bytes: start,
            ..Self::new()
        };
        before.read(file, start..bytes)
    }

    fn read(mut self, file: &dyn File, range: std::ops::Range<u64>) -> io::Result<Self> {
        let (mut piece, mut at) = (Vec::new(), range.start);
        while at < range.end {
            let until = range.end.min(at + CHUNK);
            read_range(file, at..until, &mut piece)?;
            if piece.is_empty() {
                break;
            }
            self.update(&piece);
            at += piece.len() as u64;
        }
        Ok(self)
    }
}

fn short(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk as _, Open, RealDisk};

    #[test]
    fn however_it_comes_it_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&dir.path().join("f"), Open::New).unwrap();
        let text: Vec<u8> = (0..2_500_000_u32)
            .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2])
            .collect();
        file.write_at(&text, 0).unwrap();
        for bytes in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2_400_000] {
            let taken = usize::try_from(bytes).unwrap();
            let mut pieces = Sum::new();
            for piece in text[..taken].chunks(70_001) {
                pieces.update(piece);
            }
            let read = Sum::of(&*file, bytes).unwrap();
            assert_eq!(read.state(), pieces.state(), "{bytes}");
            let mut resumed = Sum::resume(read.state(), &*file, bytes).unwrap();
            resumed.update(&text[taken..]);
            pieces.update(&text[taken..]);
            assert_eq!(resumed.state(), pieces.state(), "{bytes}");
        }
        let before = Sum::of(&*file, 2_500_000).unwrap().state();
        file.write_at(&[text[5] ^ 1], 5).unwrap();
        assert_ne!(Sum::of(&*file, 2_500_000).unwrap().state(), before);
    }
}
