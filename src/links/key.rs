//! What signs links.

use crate::event::Timestamp;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// The secret that signs links. Kept in `state/`; whoever has it can make links, but only to what is listed.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

/// 128 bits, as digits.
const SIGNATURE_DIGITS: usize = 32;

impl LinkKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The signature of a link: 128 bits of a keyed BLAKE3 hash of all that it stands for, in lower-case digits.
    pub(super) fn signature(&self, id: &str, expires_at: Option<Timestamp>, feed: &str) -> String {
        let end = expires_at.map_or_else(String::new, |end| end.to_string());
        let mut hash = blake3::Hasher::new_keyed(&self.0);
        // Parts do not run into each other: lengths are hashed too.
        for part in ["rowhook link 1", id, &end, feed] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().to_hex()[..SIGNATURE_DIGITS].to_owned()
    }

    /// Whether `given` is that signature. Takes the same time wherever the two begin to differ.
    pub(super) fn signed(
        &self,
        given: &str,
        id: &str,
        expires_at: Option<Timestamp>,
        feed: &str,
    ) -> bool {
        let right = self.signature(id, expires_at, feed);
        right.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(hidden)")
    }
}
