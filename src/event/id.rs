//! Event ids: keyed hashes that say "the same event again".

use siphasher::sip128::{Hasher128 as _, SipHasher24};
use std::fmt;
use std::hash::Hasher as _;

/// The identity of an event: 128 bits of a keyed hash of its source and of its content, or of the id that its source
/// gave it. Written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

/// The secret that makes ids unguessable, so that nobody outside can prepare two events with one id. Kept in `state/`.
#[derive(Clone)]
pub struct IdKey([u8; 16]);

impl IdKey {
    /// The key that is made of these bytes, which are random and secret.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        let mut key = [0; 16];
        let hash = blake3::keyed_hash(&bytes, b"event ids");
        key.copy_from_slice(&hash.as_bytes()[..16]);
        Self(key)
    }

    /// The id of the `parts` in the id space `space`: SipHash-2-4 with 128 bits, which nobody can meet on purpose without the key,
    /// in a fifth of the time of BLAKE3. Neither parts nor spaces run into each other: lengths are hashed too.
    #[must_use]
    pub fn id(&self, space: &str, parts: &[&[u8]]) -> Id {
        let mut hash = SipHasher24::new_with_key(&self.0);
        for part in std::iter::once(space.as_bytes()).chain(parts.iter().copied()) {
            hash.write(&(part.len() as u64).to_le_bytes());
            hash.write(part);
        }
        Id(hash.finish128().as_bytes())
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

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let wrong = || serde::de::Error::custom("not an id of 32 hex digits");
        Self::from_hex(text.as_bytes()).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in files must not change with a release of the library: the values of the authors' test vectors for SipHash-2-4
    /// with 128 bits, of the bytes 0, 1, 2, …
    #[test]
    fn it_is_the_hash_that_its_authors_describe() {
        let key: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        for (bytes, wanted) in [
            (0, "a3817f04ba25a8e66df67214c7550293"),
            (1, "da87c1d86b99af44347659119b22fc45"),
            (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
        ] {
            let text: Vec<u8> = (0..bytes).collect();
            let mut hash = SipHasher24::new_with_key(&key);
            hash.write(&text);
            assert_eq!(Id(hash.finish128().as_bytes()).to_string(), wanted);
        }
    }

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
