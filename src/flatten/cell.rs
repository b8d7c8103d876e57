//! One cell as CSV (RFC 4180), and the guard against formulas (OWASP, "CSV
//! injection").

use super::choice::Arrays;
use crate::json::{self, Walker, unescape};
use std::cell::RefCell;

/// Whether `text` starts with a character that makes a spreadsheet take it for a formula.
fn starts_formula(text: &[u8]) -> bool {
    // The last four are the full-width forms: U+FF1D =, U+FF0B +, U+FF0D -, U+FF20 @.
    matches!(
        text,
        [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n', ..]
            | [0xEF, 0xBC, 0x9D | 0x8B | 0x8D | 0xA0, ..]
    )
}

/// Whether `rest`, which stands behind `before`, would be run where cells are split at other characters: quotes that begin in
/// the middle of a cell hold nothing together then, not even lines. Quotes before it are an empty cell that the rest is added
/// to. Of a new line only what hardly a sentence begins with: `-` begins many a list.
fn runs_behind(before: u8, rest: &[u8]) -> bool {
    let quotes = rest.iter().take_while(|b| **b == b'"').count();
    let rest = &rest[quotes..];
    match before {
        b';' | b'\t' => starts_formula(rest),
        b'\n' | b'\r' => matches!(rest, [b'=' | b'@', ..] | [0xEF, 0xBC, 0x9D | 0xA0, ..]),
        _ => false,
    }
}

/// Whether the guard puts a `'` before `text`.
fn is_guarded(text: &[u8]) -> bool {
    starts_formula(text) && !is_plain_number(text)
}

/// Whether `text` is `[+-]?\d+(\.\d+)?([eE][+-]?\d+)?`, which no spreadsheet runs.
fn is_plain_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        (count > 0).then(|| &text[count..])
    }
    fn signed(text: &[u8]) -> Option<&[u8]> {
        digits(
            text.strip_prefix(b"+")
                .or_else(|| text.strip_prefix(b"-"))
                .unwrap_or(text),
        )
    }
    let rest = signed(text).and_then(|rest| match rest {
        [b'.', fraction @ ..] => digits(fraction),
        _ => Some(rest),
    });
    let rest = rest.and_then(|rest| match rest {
        [b'e' | b'E', exponent @ ..] => signed(exponent),
        _ => Some(rest),
    });
    rest.is_some_and(<[u8]>::is_empty)
}

/// Bytes that need a look: quoted always, and what separates cells in half of Europe.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    special[b'"' as usize] = true;
    special[b',' as usize] = true;
    special[b';' as usize] = true;
    special[b'\n' as usize] = true;
    special[b'\r' as usize] = true;
    special[b'\t' as usize] = true;
    special
};

/// Appends `text` as a cell; with `guard`, what a spreadsheet would run gets a `'` before it.
pub fn write_text(text: &[u8], guard: bool, out: &mut Vec<u8>) {
    let lead = guard && is_guarded(text);
    if !text.iter().any(|&b| SPECIAL[usize::from(b)]) {
        if lead {
            out.push(b'\'');
        }
        out.extend_from_slice(text);
        return;
    }
    write_quoted(text, lead, guard, out);
}

/// Out of line: most cells are plain, and quicker without it in between.
#[inline(never)]
fn write_quoted(text: &[u8], lead: bool, guard: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    if lead {
        out.push(b'\'');
    }
    // What nothing is put into is copied at one stroke.
    let mut copied = 0;
    for (i, &byte) in text.iter().enumerate() {
        if byte == b'"' {
            out.extend_from_slice(&text[copied..=i]);
            copied = i;
        } else if guard && SPECIAL[usize::from(byte)] && runs_behind(byte, &text[i + 1..]) {
            out.extend_from_slice(&text[copied..=i]);
            out.push(b'\'');
            copied = i + 1;
        }
    }
    out.extend_from_slice(&text[copied..]);
    out.push(b'"');
}

/// `text` with what the guard adds, unquoted: a header name as it is compared with others.
#[must_use]
pub fn guarded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 1);
    if is_guarded(bytes) {
        out.push('\'');
    }
    for (i, letter) in text.char_indices() {
        out.push(letter);
        if letter.is_ascii() && runs_behind(bytes[i], &bytes[i + 1..]) {
            out.push('\'');
        }
    }
    out
}

/// `text` without what the guard adds, as far as can be told: text that was sent with a `'` before a formula loses it too.
#[must_use]
pub fn unguarded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    for (i, letter) in text.char_indices() {
        let rest = &bytes[i + letter.len_utf8()..];
        let added = match i.checked_sub(1) {
            None => is_guarded(rest),
            Some(before) => runs_behind(bytes[before], rest),
        };
        if letter != '\'' || !added {
            out.push(letter);
        }
    }
    out
}

thread_local! {
    /// The text of the cell at hand that had to be made.
    static DECODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a cell holds, as the sender sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text, also that of an array.
    Text,
    /// A number, by the sender's own digits.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// Hands `then` the text of a raw JSON value, as it is sent: strings decoded, numbers with the sender's digits, an array as
/// `arrays` says. Null, `{}` and `[]`, unless that is counted or JSON, have none.
pub fn with_value(raw: &[u8], arrays: Arrays, then: impl FnOnce(Kind, &[u8])) {
    match raw.first() {
        Some(b'"') => {
            let inside = &raw[1..raw.len().saturating_sub(1).max(1)];
            if memchr::memchr(b'\\', inside).is_none() {
                then(Kind::Text, inside);
            } else {
                with_decoded(|text| unescape(inside, text), |text| then(Kind::Text, text));
            }
        }
        Some(b'[') => with_array(raw, arrays, then),
        Some(b'n' | b'{') | None => {}
        Some(b't' | b'f') => then(Kind::Boolean, raw),
        Some(_) => then(Kind::Number, raw),
    }
}

fn with_array(raw: &[u8], arrays: Arrays, then: impl FnOnce(Kind, &[u8])) {
    match arrays {
        Arrays::Join => with_decoded(|text| array_text(raw, text), |text| then(Kind::Text, text)),
        // One that is too large to be taken apart is still here.
        Arrays::Json | Arrays::Expand => then(Kind::Text, raw),
        Arrays::Count => then(
            Kind::Number,
            Walker::new(raw, 0).count().to_string().as_bytes(),
        ),
    }
}

/// Appends the cell of a raw JSON value, of the text that [`with_value`] gives.
pub fn write_value(raw: &[u8], arrays: Arrays, guard: bool, out: &mut Vec<u8>) {
    with_value(raw, arrays, |kind, text| match kind {
        Kind::Text => write_text(text, guard, out),
        Kind::Number | Kind::Boolean => out.extend_from_slice(text),
    });
}

/// Hands `then` the text that `fill` makes, in room that is kept: a cell does not cost an allocation. Neither may call this.
pub(super) fn with_decoded(fill: impl FnOnce(&mut Vec<u8>), then: impl FnOnce(&[u8])) {
    DECODED.with_borrow_mut(|text| {
        text.clear();
        fill(text);
        then(text);
        if text.capacity() > 1 << 20 {
            *text = Vec::new();
        }
    });
}

fn array_text(raw: &[u8], text: &mut Vec<u8>) {
    let nested =
        Walker::new(raw, 0).any(|m| matches!(m.kind, json::Kind::Array | json::Kind::Object));
    if nested {
        text.extend_from_slice(raw);
        return;
    }
    for (i, element) in Walker::new(raw, 0).enumerate() {
        if i > 0 {
            text.extend_from_slice(b"; ");
        }
        let value = &raw[element.value];
        match element.kind {
            json::Kind::String => unescape(&value[1..value.len().saturating_sub(1).max(1)], text),
            json::Kind::Null => {}
            _ => text.extend_from_slice(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn text(text: &str, csv: &str) {
        let mut out = Vec::new();
        write_text(text.as_bytes(), true, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), csv);
    }

    #[track_caller]
    fn value(raw: &str, csv: &str) {
        let mut out = Vec::new();
        write_value(raw.as_bytes(), Arrays::Join, true, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), csv);
    }

    #[test]
    fn quoting() {
        text("", "");
        text("plain text é", "plain text é");
        text("a,b", "\"a,b\"");
        text("say \"hi\"", "\"say \"\"hi\"\"\"");
        text("two\nlines", "\"two\nlines\"");
        text("a\rb", "\"a\rb\"");
        text("a;b", "\"a;b\"");
        text("a\tb", "\"a\tb\"");
        text(" edges ", " edges ");
    }

    #[test]
    fn the_guard() {
        text("=1+1", "'=1+1");
        text("+x", "'+x");
        text("-x", "'-x");
        text("@SUM(A1)", "'@SUM(A1)");
        text("\tx", "\"'\tx\"");
        text("\r=x", "\"'\r'=x\"");
        text("\nx", "\"'\nx\"");
        for wide in ["＝1", "＋1", "－1", "＠x"] {
            text(wide, &format!("'{wide}"));
        }
        text("a;=1+1", "\"a;'=1+1\"");
        text("a\t@x", "\"a\t'@x\"");
        text("a;\t=x", "\"a;'\t'=x\"");
        text("a; =x", "\"a; =x\"");
        text("=a;-5", "\"'=a;'-5\"");
        text("a;\"=x", "\"a;'\"\"=x\"");
        text("a\t\"\"@x", "\"a\t'\"\"\"\"@x\"");
        text("\"=x", "\"\"\"=x\"");
        text("a\n=x", "\"a\n'=x\"");
        text("a\r\n\"=x", "\"a\r\n'\"\"=x\"");
        text("a\n- x\n+y", "\"a\n- x\n+y\"");
        text("a;＝x", "\"a;'＝x\"");
        text("'=x", "'=x");
    }

    #[test]
    fn plain_numbers_are_exempt() {
        for number in ["-5", "+5", "-5.25", "-1e400", "+1.5E-7"] {
            text(number, number);
        }
        for formula in ["-", "-5.", "-.5", "-5e", "+1-1", "-5 ", "--5", "+1,5", "-١"] {
            let mut out = Vec::new();
            write_text(formula.as_bytes(), true, &mut out);
            assert!(
                String::from_utf8(out)
                    .unwrap()
                    .trim_start_matches('"')
                    .starts_with('\''),
                "{formula}"
            );
        }
    }

    #[test]
    fn values() {
        value("null", "");
        value("true", "true");
        value("100.0", "100.0");
        value("1e400", "1e400");
        value(
            "-123456789012345678901234567890",
            "-123456789012345678901234567890",
        );
        value("[]", "");
        value("{}", "");
        value("[1,\"a\",null,true]", "\"1; a; ; true\"");
        value("[\"a\"]", "a");
        value("[null]", "");
        value("[\"=x\"]", "'=x");
        value("[\"a\",{}]", "\"[\"\"a\"\",{}]\"");
        value("[[1]]", "[[1]]");
        value(
            r#""\ud83d\ude00 \"x\" \ud800""#,
            "\"😀 \"\"x\"\" \u{fffd}\"",
        );
        value(r#""\u003d1""#, "'=1");
    }

    #[test]
    fn guarded_names_are_what_the_header_says() {
        for name in ["a", "=x", "a;=x", "-5", "a\t@", "＝", ";;=", "\t\t=é"] {
            let (mut guarded_here, mut out) = (Vec::new(), Vec::new());
            write_text(guarded(name).as_bytes(), false, &mut guarded_here);
            write_text(name.as_bytes(), true, &mut out);
            assert_eq!(guarded_here, out, "{name:?}");
        }
    }

    #[test]
    fn what_the_guard_added_is_found_again() {
        for text in [
            "a", "=x", "a;=x", "-5", "a\t@", "＝", ";;=", "\t\t=é", "\t=", "it's", "a;'b",
            "a;\"=x", "a\n=x",
        ] {
            assert_eq!(unguarded(&guarded(text)), text, "{text:?}");
        }
    }

    #[test]
    fn without_the_guard_text_is_kept() {
        let mut out = Vec::new();
        write_text(b"=1;+2", false, &mut out);
        assert_eq!(out, b"\"=1;+2\"");
    }
}
