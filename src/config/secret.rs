//! Secrets: where one came from, its bytes, and comparison in constant time.
//! Promises that nothing that prints a [`Secret`] prints its value.

use std::fmt;
use std::path::PathBuf;

use subtle::ConstantTimeEq;

use super::error::Fault;

/// A value that only [`expose`](Self::expose) shows. There is no `Display`, and `Debug` is `Secret(hidden)`.
#[derive(Clone)]
pub struct Secret {
    bytes: Box<[u8]>,
    digest: blake3::Hash,
    origin: Origin,
}

/// Where a secret was read from; no secret itself. `Display` reads on after "from ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The environment variable of this name.
    Environment(String),
    /// The content of this file.
    File(PathBuf),
}

impl Secret {
    /// Takes `bytes` as they are.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>, origin: Origin) -> Self {
        let bytes = bytes.into();
        Self {
            digest: blake3::hash(&bytes),
            bytes,
            origin,
        }
    }

    /// Takes the content of a file: one line end at its end (LF or CRLF), which editors and `echo` put there, does not count.
    #[must_use]
    pub fn from_file(content: &[u8], path: PathBuf) -> Self {
        let line = content.strip_suffix(b"\n").map_or(content, |line| {
            line.strip_suffix(b"\r").unwrap_or(line) // no CR without LF: that is not a line end
        });
        Self::new(line, Origin::File(path))
    }

    /// The value. Whoever calls this sees to it that it reaches no log, message or page.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether `candidate` is this value. Takes the same time wherever the two begin to differ and whatever their lengths: digests are compared.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let candidate = blake3::hash(candidate);
        candidate.as_bytes().ct_eq(self.digest.as_bytes()).into()
    }

    /// Where it was read from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// One secret or several, each as good as the others: while one takes the place of another, both count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// These secrets; nothing when there is none.
    #[must_use]
    pub fn new(secrets: Vec<Secret>) -> Option<Self> {
        (!secrets.is_empty()).then_some(Self(secrets))
    }

    /// Whether `candidate` is one of the values. Takes the same time whichever it is: all are compared.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let candidate = blake3::hash(candidate);
        let none = subtle::Choice::from(0);
        let any = self.0.iter().fold(none, |found, secret| {
            found | candidate.as_bytes().ct_eq(secret.digest.as_bytes())
        });
        any.into()
    }

    /// Each of them, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter()
    }
}

impl From<Secret> for Secrets {
    fn from(secret: Secret) -> Self {
        Self(vec![secret])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.bytes) && self.origin == other.origin
    }
}

impl Eq for Secret {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// Whether `value` can arrive in an Authorization header: no control characters but tabs, no blank at either end (RFC 9110, 5.5).
pub(super) fn check_header_value(value: &[u8]) -> Result<(), Fault> {
    check_not_empty(value)?;
    if let [b' ' | b'\t', ..] | [.., b' ' | b'\t'] = value {
        return Err(Fault::new(
            "the secret starts or ends with a blank, which HTTP removes from a header: it could never match",
        ));
    }
    if value.iter().any(|&b| b != b'\t' && b.is_ascii_control()) {
        return Err(Fault::new(
            "the secret contains a line end or another control character, which no header can carry",
        )
        .help("it must be the value of the Authorization header, on one line"));
    }
    Ok(())
}

/// Whether `value` can be the read token in a header and in a URL: UTF-8 text without blanks and control characters.
pub(super) fn check_read_token(value: &[u8]) -> Result<(), Fault> {
    check_not_empty(value)?;
    let Ok(text) = str::from_utf8(value) else {
        return Err(Fault::new("the read token is not UTF-8 text"));
    };
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Fault::new(
            "the read token contains a blank, a line end or a control character",
        )
        .help("use letters, digits and punctuation; `openssl rand -hex 32` makes a good one"));
    }
    Ok(())
}

fn check_not_empty(value: &[u8]) -> Result<(), Fault> {
    if value.is_empty() {
        return Err(Fault::new("the secret is empty"));
    }
    if value.starts_with("\u{feff}".as_bytes()) {
        return Err(
            Fault::new("the secret starts with a byte order mark, which no sender sends")
                .help("save the file as UTF-8 without a byte order mark"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> Secret {
        Secret::new(value.as_bytes(), Origin::Environment("NAME".into()))
    }

    #[test]
    fn printing_does_not_tell() {
        assert_eq!(format!("{:?}", secret("hunter2")), "Secret(hidden)");
        assert_eq!(
            format!("{:#?}", [Some(secret("hunter2"))]),
            "[\n    Some(\n        Secret(hidden),\n    ),\n]"
        );
    }

    #[test]
    fn matches_the_same_bytes_alone() {
        let it = secret("Bearer abc");
        assert!(it.matches(b"Bearer abc"));
        for other in ["", "Bearer ab", "Bearer abcd", "bearer abc", " Bearer abc"] {
            assert!(!it.matches(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn any_of_several_matches() {
        assert_eq!(Secrets::new(Vec::new()), None);
        let two = Secrets::new(vec![secret("new"), secret("old")]).unwrap();
        assert!(two.matches(b"new") && two.matches(b"old"));
        assert!(!two.matches(b"") && !two.matches(b"newold") && !two.matches(b"ol"));
        assert_eq!(
            format!("{two:?}"),
            "Secrets([Secret(hidden), Secret(hidden)])"
        );
    }

    #[test]
    fn one_line_end_of_a_file_does_not_count() {
        for (content, value) in [
            ("abc", "abc"),
            ("abc\n", "abc"),
            ("abc\r\n", "abc"),
            ("abc\n\n", "abc\n"),
            ("abc\r", "abc\r"),
            ("\n", ""),
            ("", ""),
        ] {
            let read = Secret::from_file(content.as_bytes(), "f".into());
            assert_eq!(read.expose(), value.as_bytes(), "{content:?}");
        }
    }

    #[test]
    fn header_values() {
        for good in ["Bearer abc", "Basic dTpw", "=", "a\tb", "pässword"] {
            assert_eq!(check_header_value(good.as_bytes()), Ok(()), "{good:?}");
        }
        for bad in [
            "",
            " a",
            "a ",
            "\ta",
            "a\t",
            "a\nb",
            "a\r",
            "\0",
            "a\u{7f}",
            "\u{feff}a",
        ] {
            assert!(check_header_value(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn read_tokens() {
        for good in ["a", "0f3c", "a:b/c?d=e&f%", "pässword"] {
            assert_eq!(check_read_token(good.as_bytes()), Ok(()), "{good:?}");
        }
        let bad: [&[u8]; 7] = [
            b"",
            b"a b",
            b" a",
            b"a\n",
            b"a\x7f",
            b"\xff",
            "a\u{a0}".as_bytes(),
        ];
        for bad in bad {
            assert!(check_read_token(bad).is_err(), "{bad:?}");
        }
    }
}
