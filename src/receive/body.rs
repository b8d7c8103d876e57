//! A body as it arrives, piece by piece: decompressed where it is gzip,
//! counted as decoded bytes while decoding, never larger than its limit or
//! than what all requests together may hold.

use super::waiting::{Permit, Waiting};
use flate2::write::MultiGzDecoder;
use std::io::{self, Write};
use std::sync::Arc;

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is, decoded, larger than the limit.
    TooLarge,
    /// All requests together hold too much.
    TooMuch,
}

/// A body that is being read.
pub struct Reading {
    kind: Kind,
    bytes_max: usize,
}

enum Kind {
    Plain(Bounded),
    Gzip {
        decoder: Box<MultiGzDecoder<Bounded>>,
        /// The body as it came: kept when it turns out not to be gzip.
        raw: Bounded,
        broken: bool,
    },
}

/// A whole body.
#[derive(Debug)]
pub struct Body {
    /// Its bytes, decoded.
    pub bytes: Vec<u8>,
    /// What its memory counts as, until it is answered.
    pub permit: Permit,
    /// It says gzip and is not: then `bytes` are as they came.
    pub broken_gzip: bool,
}

/// Compressed bytes may exceed what they decode to by a little; more than this is a trick with empty members.
const GZIP_OVERHEAD: usize = 64 * 1024;

impl Reading {
    /// A body of which nothing has come yet. `length` is what the sender announced.
    #[must_use]
    pub fn new(
        gzip: bool,
        bytes_max: usize,
        length: Option<usize>,
        waiting: &Arc<Waiting>,
    ) -> Self {
        // Small bodies get their room at once; large ones as they come, lest an announcement alone take memory.
        let hint = length.unwrap_or(0).min(16 * 1024);
        let kind = if gzip {
            let (permit, raw_permit) = waiting.pair();
            let decoder = Box::new(MultiGzDecoder::new(Bounded::new(bytes_max, 0, permit)));
            Kind::Gzip {
                decoder,
                raw: Bounded::new(bytes_max + GZIP_OVERHEAD, hint, raw_permit),
                broken: false,
            }
        } else {
            Kind::Plain(Bounded::new(bytes_max, hint, waiting.permit()))
        };
        Self { kind, bytes_max }
    }

    /// The limit that it has.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When a limit is reached; the body is then of no use any more.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        match &mut self.kind {
            Kind::Plain(body) => body.take(piece),
            Kind::Gzip {
                decoder,
                raw,
                broken,
            } => {
                raw.take(piece)?;
                if !*broken && decoder.write_all(piece).is_err() {
                    if let Some(error) = decoder.get_ref().error {
                        return Err(error);
                    }
                    *broken = true;
                }
                Ok(())
            }
        }
    }

    /// The whole body, when all of it has come.
    ///
    /// # Errors
    /// When the last of it goes over a limit.
    pub fn finish(self) -> Result<Body, BodyError> {
        match self.kind {
            Kind::Plain(body) => Ok(Body {
                bytes: body.bytes,
                permit: body.permit,
                broken_gzip: false,
            }),
            Kind::Gzip {
                mut decoder,
                raw,
                broken,
            } => {
                let whole = !broken && !raw.bytes.is_empty() && decoder.try_finish().is_ok();
                if let Some(error) = decoder.get_ref().error {
                    return Err(error);
                }
                if !whole && !raw.bytes.is_empty() {
                    return Ok(Body {
                        bytes: raw.bytes,
                        permit: raw.permit,
                        broken_gzip: true,
                    });
                }
                let decoded = std::mem::replace(decoder.get_mut(), Bounded::new(0, 0, raw.permit));
                Ok(Body {
                    bytes: decoded.bytes,
                    permit: decoded.permit,
                    broken_gzip: false,
                })
            }
        }
    }
}

/// Bytes up to a limit, paid for before they are held.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
    hint: usize,
    permit: Permit,
    error: Option<BodyError>,
}

impl Bounded {
    fn new(max: usize, hint: usize, permit: Permit) -> Self {
        Self {
            bytes: Vec::new(),
            max,
            hint,
            permit,
            error: None,
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        let outcome = self.try_take(piece);
        self.error = outcome.err();
        outcome
    }

    fn try_take(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        let needed = self.bytes.len() + piece.len();
        if needed > self.max {
            return Err(BodyError::TooLarge);
        }
        let held = self.bytes.capacity();
        if needed > held {
            let wanted = needed.max((held * 2).min(self.max)).max(self.hint);
            self.permit
                .grow(wanted - held)
                .map_err(|_| BodyError::TooMuch)?;
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.take(piece)
            .map(|()| piece.len())
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn read(
        gzip: bool,
        max: usize,
        budget: usize,
        pieces: &[u8],
        by: usize,
    ) -> Result<(Vec<u8>, bool), BodyError> {
        let waiting = Waiting::new(budget + 1);
        let mut other = waiting.permit();
        other.grow(1).unwrap();
        let mut reading = Reading::new(gzip, max, None, &waiting);
        for piece in pieces.chunks(by.max(1)) {
            reading.push(piece)?;
            assert!(waiting.used() <= budget + 1);
        }
        let body = reading.finish()?;
        assert!(waiting.used() >= body.bytes.len());
        let broken = body.broken_gzip;
        let bytes = body.bytes.clone();
        drop(body);
        assert_eq!(waiting.used(), 1);
        Ok((bytes, broken))
    }

    #[test]
    fn plain_bodies_up_to_the_limit() {
        assert_eq!(
            read(false, 5, 100, b"12345", 2),
            Ok((b"12345".to_vec(), false))
        );
        assert_eq!(read(false, 4, 100, b"12345", 2), Err(BodyError::TooLarge));
        assert_eq!(read(false, 100, 4, b"12345", 2), Err(BodyError::TooMuch));
        assert_eq!(read(false, 100, 4, b"", 1), Ok((Vec::new(), false)));
    }

    #[test]
    fn gzip_is_counted_as_it_is_decoded() {
        let plain = vec![b'a'; 10_000];
        let packed = gzip(&plain);
        for by in [1, 7, 10_000] {
            assert_eq!(
                read(true, 10_000, 1 << 20, &packed, by),
                Ok((plain.clone(), false))
            );
            assert_eq!(
                read(true, 9_999, 1 << 20, &packed, by),
                Err(BodyError::TooLarge)
            );
        }
        assert_eq!(
            read(true, 10_000, 9_000, &packed, 10),
            Err(BodyError::TooMuch)
        );
        let two = [gzip(b"one"), gzip(b"two")].concat();
        assert_eq!(
            read(true, 100, 1000, &two, 3),
            Ok((b"onetwo".to_vec(), false))
        );
    }

    #[test]
    fn a_bomb_is_stopped_early() {
        let bomb = gzip(&vec![0; 50 << 20]);
        assert_eq!(
            read(true, 1 << 20, 8 << 20, &bomb, 4096),
            Err(BodyError::TooLarge)
        );
        let empty_members = gzip(b"").repeat(10_000);
        assert_eq!(
            read(true, 1 << 10, 8 << 20, &empty_members, 4096),
            Err(BodyError::TooLarge)
        );
    }

    #[test]
    fn what_is_not_gzip_comes_back_as_it_was() {
        assert_eq!(
            read(true, 100, 1000, b"{\"a\":1}", 3),
            Ok((b"{\"a\":1}".to_vec(), true))
        );
        let cut = &gzip(b"hello hello")[..15];
        assert_eq!(read(true, 100, 1000, cut, 4), Ok((cut.to_vec(), true)));
        let mut flipped = gzip(b"hello hello");
        let crc = flipped.len() - 6;
        flipped[crc] ^= 1;
        assert_eq!(
            read(true, 100, 1000, &flipped, 100),
            Ok((flipped.clone(), true))
        );
        assert_eq!(read(true, 100, 1000, b"", 1), Ok((Vec::new(), false)));
    }
}
