//! The strict check of what arrives: RFC 8259 to the letter, in one pass,
//! whatever the nesting, without recursion.

use smallvec::SmallVec;
use std::ops::Range;

/// Where and why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JsonError {
    /// Offset of the byte at which it went wrong.
    pub at: usize,
    /// What was wrong there.
    pub reason: &'static str,
}

/// What stands at the top of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Top {
    /// One object, at this place.
    Object(Range<usize>),
    /// An array of nothing but objects, each at its place; perhaps empty.
    Objects(Vec<Range<usize>>),
    /// An array that holds something else too.
    Mixed {
        /// Index of the first element that is no object.
        index: usize,
        /// Offset of that element.
        at: usize,
    },
    /// A string, number, `true`, `false` or `null`.
    Scalar,
}

/// What a text turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What stands at its top.
    pub top: Top,
    /// How many objects and arrays lie within each other at most.
    pub depth: usize,
    /// Bytes of insignificant white space, also before and after.
    pub blanks: usize,
    /// How many keys there are.
    pub keys: usize,
    /// Bytes of the longest key, as it is written.
    pub key_bytes_max: usize,
}

/// Line and column, both from 1, of the byte at `at`; columns count characters.
#[must_use]
pub fn position(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
    let column = before[start..]
        .iter()
        .filter(|&&b| b & 0xC0 != 0x80)
        .count()
        + 1;
    (line, column)
}

/// Checks that `text` is one JSON text and tells its shape.
///
/// # Errors
/// The first byte at which it cannot be JSON any more.
pub fn scan(text: &str) -> Result<Scan, JsonError> {
    let mut scanner = Scanner {
        text: text.as_bytes(),
        at: 0,
        blanks: 0,
        open: Nesting::default(),
        depth: 0,
        keys: 0,
        key_bytes_max: 0,
    };
    scanner.blank();
    let start = scanner.at;
    let top = match scanner.peek() {
        Some(b'[') => scanner.top_array()?,
        Some(b'{') => {
            scanner.value()?;
            Top::Object(start..scanner.at)
        }
        _ => {
            scanner.value()?;
            Top::Scalar
        }
    };
    scanner.blank();
    if scanner.at < scanner.text.len() {
        return scanner.fail("something follows the end of the JSON text");
    }
    Ok(Scan {
        top,
        depth: scanner.depth,
        blanks: scanner.blanks,
        keys: scanner.keys,
        key_bytes_max: scanner.key_bytes_max,
    })
}

/// Which of the open brackets are objects, one bit each: a megabyte of `[` costs 128 KiB, and 128 of them no allocation.
#[derive(Default)]
struct Nesting {
    bits: SmallVec<[u64; 2]>,
    depth: usize,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        let last = self.depth - 1;
        self.bits[last / 64] >> (last % 64) & 1 == 1
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    blanks: usize,
    open: Nesting,
    depth: usize,
    keys: usize,
    key_bytes_max: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn fail<T>(&self, reason: &'static str) -> Result<T, JsonError> {
        let reason = if self.at >= self.text.len() {
            "the text ends in the middle of a value"
        } else {
            reason
        };
        Err(JsonError {
            at: self.at,
            reason,
        })
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
            self.blanks += 1;
        }
    }

    fn enter(&mut self, object: bool) {
        self.at += 1;
        self.open.push(object);
        self.depth = self.depth.max(self.open.depth);
        self.blank();
    }

    fn top_array(&mut self) -> Result<Top, JsonError> {
        let mut elements = Vec::new();
        let mut mixed = None;
        self.enter(false);
        if self.peek() == Some(b']') {
            self.at += 1;
            self.open.pop();
            return Ok(Top::Objects(elements));
        }
        loop {
            self.blank();
            let start = self.at;
            if mixed.is_none() && self.peek() != Some(b'{') {
                mixed = Some((elements.len(), start));
            }
            self.value()?;
            if mixed.is_none() {
                elements.push(start..self.at);
            }
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.fail("expected `,` or `]` after an array's element"),
            }
        }
        self.at += 1;
        self.open.pop();
        Ok(match mixed {
            Some((index, at)) => Top::Mixed { index, at },
            None => Top::Objects(elements),
        })
    }

    /// One value with all that is in it, down to the nesting at which it began.
    fn value(&mut self) -> Result<(), JsonError> {
        let floor = self.open.depth;
        loop {
            // At the start of a value.
            match self.peek() {
                Some(b'{') => {
                    self.enter(true);
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                    self.at += 1;
                    self.open.pop();
                }
                Some(b'[') => {
                    self.enter(false);
                    if self.peek() != Some(b']') {
                        continue;
                    }
                    self.at += 1;
                    self.open.pop();
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return self.fail("expected a JSON value"),
            }
            // After a value: close what ends here, or go on with the next one.
            loop {
                if self.open.depth == floor {
                    return Ok(());
                }
                self.blank();
                let object = self.open.in_object();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.blank();
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ if object => return self.fail("expected `,` or `}` after an object's value"),
                    _ => return self.fail("expected `,` or `]` after an array's element"),
                }
                self.at += 1;
                self.open.pop();
            }
        }
    }

    /// A key and its colon, up to the start of its value.
    fn key(&mut self) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return self.fail("expected a key in double quotes");
        }
        let start = self.at;
        self.string()?;
        self.keys += 1;
        self.key_bytes_max = self.key_bytes_max.max(self.at - start);
        self.blank();
        if self.peek() != Some(b':') {
            return self.fail("expected `:` after a key");
        }
        self.at += 1;
        self.blank();
        Ok(())
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        for &letter in word {
            if self.peek() != Some(letter) {
                return self.fail("expected `true`, `false` or `null`");
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.peek() {
                return self.fail("a number must not start with 0");
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            self.fail("expected a digit")
        } else {
            Ok(())
        }
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            self.at += plain_prefix(&self.text[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(_) => return self.fail("a control character in a string must be escaped"),
                None => return self.fail(""),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                        return self.fail("expected four hex digits after `\\u`");
                    }
                    self.at += 1;
                }
            }
            _ => return self.fail("unknown escape in a string"),
        }
        Ok(())
    }
}

/// How many bytes at the start are neither `"`, `\` nor a control character. Eight at a time: most of a body is inside strings.
pub(super) fn plain_prefix(text: &[u8]) -> usize {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    const HIGH: u64 = each(0x80);
    let zero_bytes = |word: u64| word.wrapping_sub(each(1)) & !word & HIGH;
    let mut at = 0;
    while let Some(chunk) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(each(0x20)) & !word & HIGH;
        let found = control | zero_bytes(word ^ each(b'"')) | zero_bytes(word ^ each(b'\\'));
        if found != 0 {
            // The lowest mark is always true; a borrow can only make false ones above it.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + text[at..]
        .iter()
        .take_while(|&&b| b >= 0x20 && b != b'"' && b != b'\\')
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refuses(text: &str, at: usize, reason: &str) {
        assert_eq!(
            scan(text).map_err(|e| (e.at, e.reason)),
            Err((at, reason)),
            "{text}"
        );
    }

    #[test]
    fn tops() {
        let top = |text| scan(text).unwrap().top;
        assert_eq!(top(" {} "), Top::Object(1..3));
        assert_eq!(top("[]"), Top::Objects(vec![]));
        assert_eq!(top("[{} ,{\"a\":[1]}]"), Top::Objects(vec![1..3, 5..14]));
        assert_eq!(top("[{}, 1, {}]"), Top::Mixed { index: 1, at: 5 });
        assert_eq!(top("12"), Top::Scalar);
        assert_eq!(top("\"[{\""), Top::Scalar);
    }

    #[test]
    fn depth_and_blanks() {
        let scan = scan("\n[ {\"a\" :[[ ]], \"b\":{}}\t]").unwrap();
        assert_eq!((scan.depth, scan.blanks), (4, 6));
    }

    #[test]
    fn errors_tell_where() {
        let end = "the text ends in the middle of a value";
        refuses("", 0, end);
        refuses("{\"a\":", 5, end);
        refuses("{\"a\":\"x", 7, end);
        refuses("{'a':1}", 1, "expected a key in double quotes");
        refuses("{\"a\" 1}", 5, "expected `:` after a key");
        refuses("{\"a\":1,}", 7, "expected a key in double quotes");
        refuses("[1,]", 3, "expected a JSON value");
        refuses("{\"a\":01}", 6, "a number must not start with 0");
        refuses("{\"a\":1.}", 7, "expected a digit");
        refuses("{\"a\":+1}", 5, "expected a JSON value");
        refuses("{\"a\":NaN}", 5, "expected a JSON value");
        refuses("{\"a\":nul}", 8, "expected `true`, `false` or `null`");
        refuses(
            "{\"a\":\"\u{1}\"}",
            6,
            "a control character in a string must be escaped",
        );
        refuses("{\"a\":\"\\x\"}", 7, "unknown escape in a string");
        refuses(
            "{\"a\":\"\\u12g4\"}",
            10,
            "expected four hex digits after `\\u`",
        );
        refuses(
            "{\"a\":1]",
            6,
            "expected `,` or `}` after an object's value",
        );
        refuses("[1}", 2, "expected `,` or `]` after an array's element");
        refuses("{} {}", 3, "something follows the end of the JSON text");
        refuses("{}\u{a0}", 2, "something follows the end of the JSON text");
    }

    #[test]
    fn lone_surrogates_are_grammar() {
        assert!(scan(r#"{"a":"\ud800"}"#).is_ok());
    }

    #[test]
    fn a_megabyte_of_brackets_is_no_trouble() {
        let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
        assert_eq!(scan(&deep).unwrap().depth, 1 << 20);
        assert!(scan(&"[".repeat(1 << 20)).is_err());
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("{\n \"ä\": x".as_bytes(), 8), (2, 6));
        assert_eq!(position(b"", 0), (1, 1));
    }

    proptest! {
        #[test]
        fn plain_prefix_is_what_it_says(text in "[ -~\"\\\\\u{0}-\u{1f}é€😀]{0,40}") {
            let naive = text.bytes().take_while(|&b| b >= 0x20 && b != b'"' && b != b'\\').count();
            prop_assert_eq!(plain_prefix(text.as_bytes()), naive);
        }

        /// serde_json is an independent judge of the grammar, but for depth and lone surrogates, which these texts lack.
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"a0-9.eE+\- \\ntrufalsb/\n]{0,24}"#) {
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(scan(&text).is_ok(), theirs, "{}", text);
        }
    }
}
