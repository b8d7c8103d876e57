//! What a cell is for a spreadsheet: a number, a date or text. Nothing is
//! ever a formula or a link, and nothing that the spreadsheet would change is
//! a number.

use super::date;
use crate::flatten::Kind;
use chrono_tz::Tz;
use std::borrow::Cow;

/// A cell as a sheet shows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A number, by digits that are valid for it (`xsd:double`).
    Number(Cow<'a, str>),
    /// A whole number that a spreadsheet would by itself show with an exponent.
    Whole(&'a str),
    /// A moment: days since the start of 1900 as spreadsheets count them.
    Date(f64),
    /// A moment with thousandths of a second.
    DateMillis(f64),
    /// Anything else.
    Text,
}

/// What the cell `text` is; `is_id` says that its column holds ids.
pub fn value_of(kind: Kind, is_id: bool, text: &[u8], zone: Tz) -> Value<'_> {
    match kind {
        _ if is_id => Value::Text,
        Kind::Number => number(text).unwrap_or(Value::Text),
        Kind::Text => date::serial(text, zone).map_or(Value::Text, |serial| {
            if serial.has_millis {
                Value::DateMillis(serial.days)
            } else {
                Value::Date(serial.days)
            }
        }),
        Kind::Boolean => Value::Text,
    }
}

/// Digits that a spreadsheet keeps of a number, and any double gives back.
const DIGITS_MAX: usize = 15;
/// Digits of a whole number that are shown as they are.
const DIGITS_SHOWN: usize = 11;
/// Beyond this many characters a number is written anew, as a short text for the same number.
const NUMBER_BYTES_MAX: usize = 24;
/// What Excel holds: what is nearer to zero it takes for zero, and what is larger it does not take.
const LEAST: f64 = f64::MIN_POSITIVE;
const MOST: f64 = 9.999_999_999_999_99e307;

/// `text` as a number, if it is one by JSON's grammar and a spreadsheet shows it as it is.
fn number(text: &[u8]) -> Option<Value<'_>> {
    let text = std::str::from_utf8(text).ok()?;
    let mantissa = mantissa(text.as_bytes())?;
    let value: f64 = text.parse().ok()?;
    let digits = significant(&text.as_bytes()[mantissa.clone()]);
    if digits == 0 {
        return Some(Value::Number("0".into()));
    }
    if digits > DIGITS_MAX || !(LEAST..=MOST).contains(&value.abs()) {
        return None;
    }
    if text.len() > NUMBER_BYTES_MAX {
        return Some(Value::Number(format!("{value:e}").into()));
    }
    let whole = text.trim_start_matches('-');
    if whole.len() > DIGITS_SHOWN
        && whole.len() <= DIGITS_MAX
        && whole.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(Value::Whole(text));
    }
    Some(Value::Number(text.into()))
}

/// Where the digits before the exponent are, if all of `text` is a number by JSON's grammar (RFC 8259, 6).
fn mantissa(text: &[u8]) -> Option<std::ops::Range<usize>> {
    let digits = |from: usize| {
        let count = text[from..].iter().take_while(|b| b.is_ascii_digit());
        from + count.count()
    };
    let start = usize::from(text.first() == Some(&b'-'));
    let mut end = digits(start);
    if end == start || (text[start] == b'0' && end > start + 1) {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == end + 1 {
            return None;
        }
        end = fraction;
    }
    let mut rest = end;
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let from = end + 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        rest = digits(from.min(text.len()));
        if rest <= from {
            return None;
        }
    }
    (rest == text.len()).then_some(start..end)
}

/// How many digits of `mantissa` count: those between its zeros.
fn significant(mantissa: &[u8]) -> usize {
    let counts = |b: &u8| !matches!(b, b'0' | b'.');
    let Some(first) = mantissa.iter().position(counts) else {
        return 0;
    };
    let last = mantissa.iter().rposition(counts).unwrap_or(first);
    mantissa[first..=last]
        .iter()
        .filter(|b| b.is_ascii_digit())
        .count()
}
