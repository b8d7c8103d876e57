//! Texts: compacted without a tree, strings read and written.

use super::scan::plain_prefix;
use std::ops::Range;

/// `text` without its insignificant white space. `marks`, ascending ranges of values in `text`, are moved along.
/// `text` must have passed [`super::scan`].
#[must_use]
pub fn compact(text: &[u8], marks: &mut [Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut marks = marks.iter_mut();
    let mut mark = marks.next();
    let mut at = 0;
    while at < text.len() {
        if let Some(range) = &mut mark
            && range.start == at
        {
            range.start = out.len();
        }
        match text[at] {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let end = string_end(text, at);
                out.extend_from_slice(&text[at..end]);
                at = end;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
        if let Some(range) = &mut mark
            && range.end == at
        {
            range.end = out.len();
            mark = marks.next();
        }
    }
    out
}

/// The offset behind the string that starts at `at`; the end of the text where it is not closed.
pub(super) fn string_end(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < text.len() {
        at += plain_prefix(&text[at..]);
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Appends what the inside of a string, between its quotes, means. An escaped lone surrogate becomes U+FFFD.
pub fn unescape(inside: &[u8], out: &mut Vec<u8>) {
    let mut rest = inside;
    while let Some(slash) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..slash]);
        rest = &rest[slash + 1..];
        let Some((&kind, after)) = rest.split_first() else {
            return;
        };
        rest = after;
        match kind {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let letter = unicode_escape(&mut rest);
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
}

/// The character of the escape whose hex digits `rest` starts with, and of its second half where it has one.
fn unicode_escape(rest: &mut &[u8]) -> char {
    let Some(first) = hex4(rest) else {
        return char::REPLACEMENT_CHARACTER;
    };
    *rest = &rest[4..];
    if let 0xD800..0xDC00 = first {
        let second = rest.strip_prefix(b"\\u").and_then(hex4);
        if let Some(second @ 0xDC00..0xE000) = second {
            *rest = &rest[6..];
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hex4(text: &[u8]) -> Option<u32> {
    let digits = text.first_chunk::<4>()?;
    digits
        .iter()
        .try_fold(0, |sum, &d| Some(sum << 4 | char::from(d).to_digit(16)?))
}

/// Appends `text` as a JSON string, escaping no more than JSON asks for.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_inside(text.as_bytes(), out);
    out.push(b'"');
}

/// Appends what stands between the quotes of a JSON string that means `text`.
pub fn write_inside(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        let Some((&byte, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let hex = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn means(inside: &str, meaning: &str) {
        let mut out = Vec::new();
        unescape(inside.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), meaning);
    }

    #[test]
    fn escapes() {
        means("plain", "plain");
        means(r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t");
        means(r"\u0041\u00e4\u20AC", "Aä€");
        means(r"\ud83d\ude00!", "😀!");
        means(r"\ud83d", "\u{fffd}");
        means(r"\ude00x\ud83d\u0041", "\u{fffd}x\u{fffd}A");
        means(r"\ud83d\ud83d\ude00", "\u{fffd}😀");
    }

    #[test]
    fn compact_moves_marks_along() {
        let text = b" [ {\"a b\" : \"x \\\" y\"} , {} ]\n";
        let mut marks = [3..21, 24..26];
        let out = compact(text, &mut marks);
        assert_eq!(String::from_utf8_lossy(&out), r#"[{"a b":"x \" y"},{}]"#);
        assert_eq!(&out[marks[0].clone()], br#"{"a b":"x \" y"}"#);
        assert_eq!(&out[marks[1].clone()], b"{}");
    }

    proptest! {
        #[test]
        fn strings_read_back(text in "\\PC{0,30}|[\u{0}-\u{7f}]{0,30}") {
            let mut json = Vec::new();
            write_string(&text, &mut json);
            let theirs: String = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(&theirs, &text);
            let mut back = Vec::new();
            unescape(&json[1..json.len() - 1], &mut back);
            prop_assert_eq!(back, text.into_bytes());
        }
    }
}
