//! Walking a text that was scanned and compacted before. Never panics on
//! other texts either: it stops early.

use super::text::{string_end, unescape};
use std::ops::Range;

/// What a raw value is, told by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number, `true` or `false`.
    Plain,
    /// `null`
    Null,
}

/// Goes through the members of one object, or the elements of one array.
#[derive(Debug, Clone)]
pub struct Walker<'a> {
    text: &'a [u8],
    at: usize,
    object: bool,
}

/// One member or element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key between its quotes, still escaped; empty in an array.
    pub key: Range<usize>,
    /// The raw value.
    pub value: Range<usize>,
    /// What kind of value.
    pub kind: Kind,
}

impl<'a> Walker<'a> {
    /// Starts inside the object or array that begins at `at`.
    #[must_use]
    pub fn new(text: &'a [u8], at: usize) -> Self {
        Self {
            text,
            at: at + 1,
            object: text.get(at) == Some(&b'{'),
        }
    }

    /// The next member; at an object or array its value's end is not known yet, and [`Walker::skip_to`] must follow.
    #[inline]
    pub fn step(&mut self) -> Option<Member> {
        if self.text.get(self.at) == Some(&b',') {
            self.at += 1;
        }
        let mut key = self.at..self.at;
        if self.object {
            if self.text.get(self.at) != Some(&b'"') {
                return None;
            }
            let end = string_end(self.text, self.at);
            key = self.at + 1..end.saturating_sub(1).max(self.at + 1);
            self.at = end + 1;
        }
        let start = self.at;
        let (kind, end) = match *self.text.get(start)? {
            b'{' => (Kind::Object, start + 1),
            b'[' => (Kind::Array, start + 1),
            b'"' => (Kind::String, string_end(self.text, start)),
            b']' | b'}' => return None,
            first => {
                let rest = &self.text[start..];
                let len = rest
                    .iter()
                    .position(|b| matches!(b, b',' | b'}' | b']'))
                    .unwrap_or(rest.len());
                (
                    if first == b'n' {
                        Kind::Null
                    } else {
                        Kind::Plain
                    },
                    start + len.max(1),
                )
            }
        };
        self.at = end;
        Some(Member {
            key,
            value: start..end,
            kind,
        })
    }

    /// Goes on behind a nested value.
    pub fn skip_to(&mut self, end: usize) {
        self.at = end;
    }

    /// Where the walk stands; after the last [`Walker::step`] that is the closing bracket.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }
}

impl Iterator for Walker<'_> {
    type Item = Member;

    /// The next member with its whole value.
    fn next(&mut self) -> Option<Member> {
        let mut member = self.step()?;
        if let Kind::Object | Kind::Array = member.kind {
            member.value.end = nested_end(self.text, member.value.start);
            self.at = member.value.end;
        }
        Some(member)
    }
}

/// The offset behind the object or array that starts at `at`.
#[must_use]
pub fn nested_end(text: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Bytes of the paths to all values in the object at `at`, taken together: what flattening has to hold at worst. A long key
/// counts once for every value below it.
#[must_use]
pub fn path_bytes(text: &[u8], at: usize) -> u64 {
    path_bytes_below(text, at, 0).0
}

fn path_bytes_below(text: &[u8], at: usize, above: u64) -> (u64, usize) {
    let mut members = Walker::new(text, at);
    let mut sum = 0_u64;
    while let Some(member) = members.step() {
        let path = above + member.key.len() as u64 + 1;
        match member.kind {
            Kind::Object => {
                let (below, end) = path_bytes_below(text, member.value.start, path);
                sum = sum.saturating_add(below);
                members.skip_to(end);
            }
            Kind::Array => {
                sum = sum.saturating_add(path);
                members.skip_to(nested_end(text, member.value.start));
            }
            _ => sum = sum.saturating_add(path),
        }
    }
    (sum, members.at() + 1)
}

/// The raw value that a JSON Pointer (RFC 6901) names in `text`; of repeated keys the first.
#[must_use]
pub fn find<'a>(text: &'a [u8], pointer: &str) -> Option<&'a [u8]> {
    let mut value = 0..text.len();
    let mut name = Vec::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let mut members = Walker::new(text, value.start);
        let found = match text.get(value.start)? {
            b'{' => members.find(|member| {
                name.clear();
                unescape(&text[member.key.clone()], &mut name);
                name == token.as_bytes()
            }),
            b'[' => {
                let plain = token == "0"
                    || !token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit());
                plain
                    .then(|| token.parse().ok())
                    .flatten()
                    .and_then(|index| members.nth(index))
            }
            _ => None,
        };
        value = found?.value;
    }
    text.get(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements() {
        let text = br#"{"a":1,"b\"":[1,{"x":"]"}],"":null,"c":"y","d":{},"e":true}"#;
        let seen: Vec<_> = Walker::new(text, 0)
            .map(|m| {
                let part = |r: Range<usize>| String::from_utf8_lossy(&text[r]).into_owned();
                (part(m.key), part(m.value), m.kind)
            })
            .collect();
        let row = |k: &str, v: &str, kind| (k.to_owned(), v.to_owned(), kind);
        let wanted = [
            row("a", "1", Kind::Plain),
            row("b\\\"", r#"[1,{"x":"]"}]"#, Kind::Array),
            row("", "null", Kind::Null),
            row("c", "\"y\"", Kind::String),
            row("d", "{}", Kind::Object),
            row("e", "true", Kind::Plain),
        ];
        assert_eq!(seen, wanted);
    }

    #[test]
    fn pointers() {
        let text = br#"{"a":{"b/c":[10,{"~":"x"}]},"":{"":7},"\u0061":2}"#;
        let found = |pointer| find(text, pointer).map(|v| String::from_utf8_lossy(v).into_owned());
        assert_eq!(found("/a/b~1c/0").as_deref(), Some("10"));
        assert_eq!(found("/a/b~1c/1/~0").as_deref(), Some("\"x\""));
        assert_eq!(found("//").as_deref(), Some("7"));
        assert_eq!(found("/a/b~1c/00"), None);
        assert_eq!(found("/a/b~1c/2"), None);
        assert_eq!(found("/a/x"), None);
        assert_eq!(found("/a/b~1c/0/x"), None);
    }

    #[test]
    fn a_long_key_counts_for_every_value_below_it() {
        assert_eq!(
            path_bytes(br#"{"a":1,"long":{"b":[{"x":1}],"c":{"d":2},"e":{}}}"#, 0),
            2 + (5 + 2) + (5 + 2 + 2)
        );
    }

    #[test]
    fn other_texts_do_no_harm() {
        for text in [
            "", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":[", "[,", "[,,]", "{]", "\"", "x",
            "{\"a\":}",
        ] {
            for at in 0..=text.len() {
                assert!(Walker::new(text.as_bytes(), at).count() < 10);
            }
        }
    }
}
