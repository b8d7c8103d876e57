//! What signs sessions, and the forms of their pages.

use super::list::Session;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// The secret that signs sessions. Kept in `state/`.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 256 bits in digits: of another token it is another.
    pub(super) fn signature(&self, session: &Session, token: &[u8]) -> String {
        let ends_at = session.ends_at.to_string();
        self.hash(&[
            b"rowhook session 1",
            session.id.as_bytes(),
            ends_at.as_bytes(),
            token,
        ])
    }

    /// Whether `given` is that. Takes the same time wherever the two begin to differ.
    pub(super) fn signed(&self, given: &str, session: &Session, token: &[u8]) -> bool {
        let right = self.signature(session, token);
        right.as_bytes().ct_eq(given.as_bytes()).into()
    }

    pub(super) fn form_proof(&self, id: &str) -> String {
        self.hash(&[b"rowhook form 1", id.as_bytes()])
    }

    pub(super) fn proves(&self, id: &str, given: &str) -> bool {
        let right = self.form_proof(id);
        right.as_bytes().ct_eq(given.as_bytes()).into()
    }

    pub(super) fn name(&self) -> String {
        self.hash(&[b"rowhook name 1"])[..8].to_owned()
    }

    fn hash(&self, parts: &[&[u8]]) -> String {
        let mut hash = blake3::Hasher::new_keyed(&self.0);
        // Parts do not run into each other: lengths are hashed too.
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().to_hex().to_string()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(hidden)")
    }
}
