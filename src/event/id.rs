//! Event ids: keyed hashes that say "the same event again".

use std::fmt;

/// The identity of an event: 128 bits of a keyed BLAKE3 hash of its source and of its content, or of the id that its source
/// gave it. Written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

/// The secret that makes ids unguessable, so that nobody outside can prepare two events with one id. Kept in `state/`.
#[derive(Clone)]
pub struct IdKey([u8; 32]);

impl IdKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The id of the `parts` in the id space `space`. Neither parts nor spaces run into each other: lengths are hashed too.
    #[must_use]
    pub fn id(&self, space: &str, parts: &[&[u8]]) -> Id {
        let all = || std::iter::once(space.as_bytes()).chain(parts.iter().copied());
        let bytes: usize = all().map(|part| size_of::<u64>() + part.len()).sum();
        let hash = if bytes <= blake3::CHUNK_LEN {
            // In one piece it takes half as long: nothing is set up for what may follow.
            let (mut text, mut end) = ([0; blake3::CHUNK_LEN], 0);
            let mut put = |bytes: &[u8]| {
                text[end..end + bytes.len()].copy_from_slice(bytes);
                end += bytes.len();
            };
            for part in all() {
                put(&(part.len() as u64).to_le_bytes());
                put(part);
            }
            blake3::keyed_hash(&self.0, &text[..bytes])
        } else {
            let mut hash = blake3::Hasher::new_keyed(&self.0);
            for part in all() {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            hash.finalize()
        };
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_bytes()[..16]);
        Id(id)
    }
}

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdKey(hidden)")
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Id {
    /// The 32 hex digits.
    #[must_use]
    pub fn hex(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (pair, byte) in out.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        out
    }

    /// Reads 32 lower-case hex digits.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        if text.len() != 32 {
            return None;
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.hex()))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_spaces_do_not_run_into_each_other() {
        let key = IdKey::new([7; 32]);
        let one = key.id("content", &[b"ab", b"c"]);
        assert_eq!(one, key.id("content", &[b"ab", b"c"]));
        assert_ne!(one, key.id("content", &[b"a", b"bc"]));
        assert_ne!(one, key.id("content", &[b"abc"]));
        assert_ne!(one, key.id("refused", &[b"ab", b"c"]));
        assert_ne!(one, IdKey::new([8; 32]).id("content", &[b"ab", b"c"]));
    }

    #[test]
    fn hex_reads_back() {
        let id = IdKey::new([7; 32]).id("content", &[b"x"]);
        assert_eq!(Id::from_hex(&id.hex()), Some(id));
        assert_eq!(Id::from_hex(b"0123"), None);
        assert_eq!(Id::from_hex(&[b'G'; 32]), None);
    }
}
