//! What a cell is for a spreadsheet: a number, a date or text. Nothing is
//! ever a formula or a link, and nothing that the spreadsheet would change is
//! a number.

use super::date;
use crate::flatten::Kind;
use crate::read::write::number::{DIGITS_KEPT, DIGITS_SHOWN, kept};
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

/// Beyond this many characters a number is written anew, as a short text for the same number.
const NUMBER_BYTES_MAX: usize = 24;

/// `text` as a number, if a spreadsheet keeps it as it is.
fn number(text: &[u8]) -> Option<Value<'_>> {
    let value = kept(text)?;
    let text = std::str::from_utf8(text).ok()?;
    if value == 0.0 {
        return Some(Value::Number("0".into()));
    }
    if text.len() > NUMBER_BYTES_MAX {
        return Some(Value::Number(format!("{value:e}").into()));
    }
    let whole = text.trim_start_matches('-');
    if whole.len() > DIGITS_SHOWN
        && whole.len() <= DIGITS_KEPT
        && whole.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(Value::Whole(text));
    }
    Some(Value::Number(text.into()))
}
