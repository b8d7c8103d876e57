//! Paths: what makes two values of different events belong to one column.

use serde::{Deserialize, Serialize};
use std::io::Write as _;

/// Between two keys. Not a byte of UTF-8, so no key can hold it.
const BETWEEN: u8 = 0xFF;
/// Before the number of an occurrence after the first.
const AGAIN: u8 = 0xFE;
/// Before the names of columns that no payload can make.
const OWN: u8 = 0xFD;

/// The identity of a column: the decoded keys that lead to it, and for a path that is repeated within one event, by a key
/// repeated in an object, which occurrence it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Box<[u8]>);

impl std::borrow::Borrow<[u8]> for Path {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Path {
    /// The path of a column of rowhook's own: `received_at`, `event_id` or `more`.
    #[must_use]
    pub fn own(name: &str) -> Self {
        Self([&[OWN], name.as_bytes()].concat().into())
    }

    /// The path through `keys`, the first time in an event.
    #[must_use]
    pub fn of(keys: &[&str]) -> Self {
        let mut path = Vec::new();
        for key in keys {
            push_key(&mut path, |out| out.extend_from_slice(key.as_bytes()));
        }
        Self(path.into())
    }

    /// The path that `name` stands for: its keys are what the dots separate.
    pub(super) fn dotted(name: &str) -> Self {
        let keys: Vec<&str> = name.split('.').collect();
        Self::of(&keys)
    }

    /// Its bytes without the number of an occurrence.
    pub(super) fn base(&self) -> &[u8] {
        base(&self.0)
    }

    /// This path as often within its event as `other`.
    pub(super) fn with_occurrence_of(&self, other: &Self) -> Self {
        Self(
            [self.base(), &other.0[other.base().len()..]]
                .concat()
                .into(),
        )
    }

    /// Whether it is a column of rowhook's own.
    pub(super) fn is_own(&self) -> bool {
        super::names::OWN
            .iter()
            .any(|name| *self == Self::own(name))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The keys joined with `.`, without the number of an occurrence.
    #[must_use]
    pub fn whole(&self) -> String {
        joined(self.base())
    }

    /// Whether its values tell one thing from another, by its last key.
    #[must_use]
    pub fn is_id(&self) -> bool {
        is_id(self.whole().rsplit('.').next().unwrap_or_default())
    }

    /// What the column would like to be called: a custom field of Lessonly by its own name, all else by its whole path.
    pub(super) fn wanted(&self) -> Option<String> {
        let rest = custom(self.base())?;
        Self::is_named(rest).then(|| joined(rest))
    }

    /// Whether the rest of a path behind `user.custom_fields` begins with a name.
    pub(super) fn is_named(rest: &[u8]) -> bool {
        !matches!(rest, [] | [BETWEEN, ..])
    }
}

/// Whether a key's values tell one thing from another: nobody counts with them, whatever digits they have.
#[must_use]
pub fn is_id(key: &str) -> bool {
    const WORDS: [&str; 4] = ["id", "uid", "uuid", "guid"];
    // Words end at `_`, `-`, blanks and dots, and begin at a capital after a small letter.
    let last = key.rsplit(['_', '-', ' ', '.']).next().unwrap_or_default();
    let camel = last
        .rfind(|c: char| c.is_ascii_uppercase())
        .map_or("", |at| {
            let before = &last[..at];
            let small = before.ends_with(|c: char| c.is_ascii_lowercase());
            if small { &last[at..] } else { "" }
        });
    let is_word = |word: &str| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    let capitals = last
        .strip_suffix("ID")
        .is_some_and(|before| before.ends_with(|c: char| c.is_ascii_lowercase()));
    is_word(last) || is_word(camel) || capitals
}

/// The path under `user.custom_fields`, if `path` is one. (Each key is preceded by its mark but the first.)
pub(super) fn custom(path: &[u8]) -> Option<&[u8]> {
    path.strip_prefix(b"user\xFFcustom_fields\xFF")
}

/// Appends a key that `write` writes. An empty first key is told apart from none by a mark of its own.
pub(super) fn push_key(path: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if !path.is_empty() {
        path.push(BETWEEN);
    }
    let start = path.len();
    write(path);
    if start == 0 && path.is_empty() {
        path.push(OWN);
    }
}

/// Each key of a path, as it stands there.
pub(super) fn split(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == BETWEEN)
}

/// Appends a key that [`split`] gave as the `nth`.
pub(super) fn push_raw(path: &mut Vec<u8>, nth: usize, key: &[u8]) {
    if nth > 0 {
        path.push(BETWEEN);
    }
    path.extend_from_slice(key);
}

/// Appends the digits of `n`.
pub(super) fn push_number(path: &mut Vec<u8>, n: usize) {
    // Writing to memory does not fail.
    let _ = write!(path, "{n}");
}

/// Appends the number of an occurrence.
pub(super) fn push_occurrence(path: &mut Vec<u8>, n: u32) {
    path.push(AGAIN);
    push_number(path, n as usize);
}

/// `path` without the number of an occurrence.
pub(super) fn base(path: &[u8]) -> &[u8] {
    match memchr::memchr(AGAIN, path) {
        Some(end) => &path[..end],
        None => path,
    }
}

/// Each key of a path, as it was sent.
pub(super) fn keys(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    // An empty first key.
    split(path.strip_prefix(&[OWN]).unwrap_or(path))
}

/// The text of the keys in `path`, joined with `.`.
pub(super) fn joined(path: &[u8]) -> String {
    let mut text = Vec::with_capacity(path.len());
    for (nth, key) in keys(path).enumerate() {
        if nth > 0 {
            text.push(b'.');
        }
        text.extend_from_slice(key);
    }
    String::from_utf8(text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// In checkpoints a path is its list of keys; an own column is a text, an occurrence the last element, a number.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Own(String),
    Keys(Vec<StoredKey>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredKey {
    Key(String),
    Occurrence(u32),
}

impl Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if self.is_own() {
            return Stored::Own(text(&self.0[1..])).serialize(s);
        }
        let (keys, occurrence) = match memchr::memchr(AGAIN, &self.0) {
            Some(at) => (&self.0[..at], text(&self.0[at + 1..]).parse().ok()),
            None => (&self.0[..], None),
        };
        let keys = keys.strip_prefix(&[OWN]).unwrap_or(keys);
        let mut stored: Vec<_> = split(keys).map(|key| StoredKey::Key(text(key))).collect();
        stored.extend(occurrence.map(StoredKey::Occurrence));
        Stored::Keys(stored).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let keys = match Stored::deserialize(d)? {
            Stored::Own(name) => return Ok(Self::own(&name)),
            Stored::Keys(keys) => keys,
        };
        let mut path = Vec::new();
        for key in &keys {
            match key {
                StoredKey::Key(key) => {
                    push_key(&mut path, |out| out.extend_from_slice(key.as_bytes()));
                }
                StoredKey::Occurrence(n) => push_occurrence(&mut path, *n),
            }
        }
        Ok(Self(path.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_from_checkpoints() {
        let mut again = Path::of(&["a"]).0.into_vec();
        push_occurrence(&mut again, 2);
        let paths = [
            (Path::own("more"), r#""more""#),
            (Path::of(&["user", "id"]), r#"["user","id"]"#),
            (Path::of(&[""]), r#"[""]"#),
            (Path::of(&["", ""]), r#"["",""]"#),
            (Path::of(&["", "a"]), r#"["","a"]"#),
            (Path::of(&["a.b", "ü"]), r#"["a.b","ü"]"#),
            (Path(again.into()), r#"["a",2]"#),
        ];
        for (path, json) in paths {
            assert_eq!(serde_json::to_string(&path).unwrap(), json);
            assert_eq!(serde_json::from_str::<Path>(json).unwrap(), path);
        }
    }

    #[test]
    fn ids() {
        for key in [
            "id",
            "ID",
            "ext_uid",
            "event_id",
            "userId",
            "userID",
            "Employee ID",
            "a-uuid",
        ] {
            assert!(is_id(key), "{key}");
        }
        for key in ["", "paid", "Id card", "score", "grid", "id_count", "GRID"] {
            assert!(!is_id(key), "{key}");
        }
    }

    #[test]
    fn names_of_paths() {
        assert_eq!(Path::of(&["a", "", "b"]).whole(), "a..b");
        assert_eq!(Path::of(&[""]).whole(), "");
        assert_eq!(Path::of(&["", ""]).whole(), ".");
        let wanted = |keys: &[&str]| Path::of(keys).wanted();
        assert_eq!(
            wanted(&["user", "custom_fields", "Address", "city"]).as_deref(),
            Some("Address.city")
        );
        assert_eq!(wanted(&["user", "custom_fields", ""]), None);
        assert_eq!(wanted(&["user", "custom_fields", "", "x"]), None);
        assert_eq!(wanted(&["user", "custom_fields"]), None);
        assert_ne!(Path::of(&[""]), Path::of(&["", ""]));
        assert_ne!(Path::of(&["a.b"]), Path::of(&["a", "b"]));
    }
}
