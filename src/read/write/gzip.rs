//! Any bytes, gzipped (RFC 1952) as they come.

use super::{CHUNK_BYTES, Chunks};
use crate::disk::SharedFile;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};
use std::ops::Range;

/// Gzipped bytes.
pub struct Gzip<C> {
    from: C,
    /// Nothing once all is said.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<C: Chunks> Gzip<C> {
    /// What `from` gives, gzipped.
    pub fn new(from: C) -> Self {
        let encoder = GzEncoder::new(Vec::new(), Compression::default());
        Self {
            from,
            encoder: Some(encoder),
        }
    }
}

impl<C: Chunks> Chunks for Gzip<C> {
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        while let Some(encoder) = &mut self.encoder {
            if encoder.get_ref().len() >= CHUNK_BYTES {
                return Ok(Some(std::mem::take(encoder.get_mut())));
            }
            if let Some(bytes) = self.from.next_bytes()? {
                encoder.write_all(&bytes)?;
            } else {
                return self.encoder.take().map(GzEncoder::finish).transpose();
            }
        }
        Ok(None)
    }
}

impl Chunks for Box<dyn Chunks> {
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        (**self).next_bytes()
    }

    fn ready_bytes(&mut self) -> Option<Vec<u8>> {
        (**self).ready_bytes()
    }

    fn ready_part(&mut self) -> Option<(SharedFile, Range<u64>)> {
        (**self).ready_part()
    }

    fn sent(&mut self, bytes: u64) {
        (**self).sent(bytes);
    }
}
