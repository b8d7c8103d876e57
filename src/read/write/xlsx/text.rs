//! Text as XML holds it, with the escapes of spreadsheets (ECMA-376, 22.9.2.19
//! `ST_Xstring`) for what XML 1.0 cannot hold.

use std::borrow::Cow;

/// Bytes that need a look within a cell's text. 0xEF begins U+FFFE and U+FFFF.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        special[control] = true;
        control += 1;
    }
    special[b'\t' as usize] = false;
    special[b'\n' as usize] = false;
    special[b'<' as usize] = true;
    special[b'>' as usize] = true;
    special[b'&' as usize] = true;
    special[b'"' as usize] = true;
    special[b'_' as usize] = true;
    special[0xEF] = true;
    special
};

/// `bytes` as text. What is not UTF-8, which only an edited file can hold, becomes U+FFFD.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Appends `text` for an element or an attribute of type `ST_Xstring`.
///
/// Characters that XML forbids, and CR, which a reader of XML would make LF, become `_xHHHH_`; so the underscore of what
/// reads like such an escape is escaped too, also where only another escape's underscore makes it one.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !SPECIAL[usize::from(byte)] {
            continue;
        }
        let (instead, width): (Cow<'_, [u8]>, usize) = match byte {
            b'<' => (b"&lt;".into(), 1),
            b'>' => (b"&gt;".into(), 1),
            b'&' => (b"&amp;".into(), 1),
            b'"' => (b"&quot;".into(), 1),
            b'_' if is_escape(&bytes[at + 1..]) => (b"_x005F_".into(), 1),
            b'_' => continue,
            0xEF => match bytes[at..] {
                [_, 0xBF, 0xBE, ..] => (b"_xFFFE_".into(), 3),
                [_, 0xBF, 0xBF, ..] => (b"_xFFFF_".into(), 3),
                _ => continue,
            },
            _ => (format!("_x{byte:04X}_").into_bytes().into(), 1),
        };
        out.extend_from_slice(&bytes[copied..at]);
        out.extend_from_slice(&instead);
        copied = at + width;
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// Whether what follows an underscore makes it the start of an escape.
fn is_escape(rest: &[u8]) -> bool {
    let [b'x', a, b, c, d, after @ ..] = rest else {
        return false;
    };
    let ends = match after {
        [b'_', ..] | [0xEF, 0xBF, 0xBE | 0xBF, ..] => true,
        [byte, ..] => *byte < 0x20 && !matches!(byte, b'\t' | b'\n'),
        [] => false,
    };
    ends && [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether a reader would take white space off the ends of `text` unless it is told not to.
pub fn has_edges(text: &str) -> bool {
    let white = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n'));
    white(text.as_bytes().first()) || white(text.as_bytes().last())
}

/// Characters of `text` as spreadsheets count them: UTF-16 units.
pub fn length(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().map(char::len_utf16).sum()
    }
}

/// The longest start of `text` that has at most `units` characters, by whole characters.
pub fn start(text: &str, units: usize) -> &str {
    let mut left = units;
    for (at, letter) in text.char_indices() {
        match left.checked_sub(letter.len_utf16()) {
            Some(rest) => left = rest,
            None => return &text[..at],
        }
    }
    text
}

/// How many places the longest line of `text` takes, looking no further than `most`.
pub fn places(text: &str, most: usize) -> usize {
    let line = |line: &str| line.chars().take(most).map(place).sum();
    text.lines().take(most).map(line).max().unwrap_or(0)
}

/// East Asian letters and pictures take two places.
fn place(letter: char) -> usize {
    match u32::from(letter) {
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}
