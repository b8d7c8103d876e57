//! Names of sources: short, safe as a folder and in a URL.

use std::fmt;
use std::sync::Arc;

/// The name of a source, matching `[a-z0-9][a-z0-9_-]{0,63}`: safe as a folder name and in a URL, whatever the file system.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(Arc<str>);

/// Why a text is no source name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no source name: use 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit"
)]
pub struct NameError(pub String);

impl SourceName {
    /// Takes `text` as a name.
    ///
    /// # Errors
    /// When `text` does not match `[a-z0-9][a-z0-9_-]{0,63}`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let good = (1..=64).contains(&bytes.len())
            && plain(bytes[0])
            && bytes.iter().all(|&b| plain(b) || b == b'_' || b == b'-');
        if good {
            Ok(Self(text.into()))
        } else {
            Err(NameError(text.to_owned()))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::borrow::Borrow<str> for SourceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for SourceName {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for SourceName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "0", "lessonly", "a-b_c9", &"x".repeat(64)] {
            assert_eq!(SourceName::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "_a",
            "A",
            "a.b",
            "a/b",
            "..",
            "ä",
            "a b",
            &"x".repeat(65),
        ] {
            assert!(SourceName::new(bad).is_err(), "{bad:?}");
        }
    }
}
