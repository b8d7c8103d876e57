//! What a reader should find in a workbook for what was sent, told by other people's parsers. It uses nothing of the crate:
//! the tests of the real program take this file too.

use calamine::Data;
use chrono::{DateTime, NaiveDate, Timelike as _};
use chrono_tz::Tz;

/// What a reader finds in a cell.
#[derive(Debug, PartialEq)]
pub enum Found {
    Nothing,
    Number(f64),
    /// Thousandths of a second since 1899-12-30.
    Date(i64),
    Text(String),
}

impl Found {
    /// For a number, by the sender's digits, in a column that holds no ids.
    pub fn of_number(text: &str) -> Self {
        number(text).map_or_else(|| Self::Text(text.to_owned()), Self::Number)
    }

    /// For a text, in a column that holds no ids.
    pub fn of_text(text: &str, zone: Tz) -> Self {
        date(text, zone).map_or_else(|| Self::Text(text.to_owned()), Self::Date)
    }

    /// What stands in a cell.
    pub fn of(cell: Option<&Data>) -> Self {
        match cell {
            None | Some(Data::Empty) => Self::Nothing,
            Some(Data::String(text)) => Self::Text(text.clone()),
            Some(Data::Float(number)) => Self::Number(*number),
            #[expect(clippy::cast_precision_loss, reason = "fifteen digits fit")]
            Some(Data::Int(number)) => Self::Number(*number as f64),
            #[expect(clippy::cast_possible_truncation, reason = "no date is so far")]
            Some(Data::DateTime(date)) => Self::Date((date.as_f64() * 86_400_000.0).round() as i64),
            Some(other) => panic!("{other:?}"),
        }
    }
}

/// A decimal number as sign, digits without zeros at the ends, and the power of ten behind them.
fn decimal(text: &str) -> Option<(bool, String, i128)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let kept = digits.trim_end_matches('0');
    let power = exponent.trim_start_matches('+').parse::<i128>().ok()?;
    let power = power - fraction.len() as i128 + (digits.len() - kept.len()) as i128;
    Some((
        text.starts_with('-'),
        kept.trim_start_matches('0').to_owned(),
        power,
    ))
}

/// A number is one if fifteen digits of the double are what was sent.
fn number(text: &str) -> Option<f64> {
    serde_json::from_str::<Box<serde_json::value::RawValue>>(text)
        .ok()
        .filter(|raw| {
            raw.get() == text && text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        })?;
    let value: f64 = text.parse().ok()?;
    if decimal(text).is_some_and(|d| d.1.is_empty()) {
        return Some(0.0);
    }
    let same = value.is_normal()
        && value.abs() < 1e308
        && decimal(text)? == decimal(&format!("{value:.14e}"))?;
    same.then_some(value)
}

fn date(text: &str, zone: Tz) -> Option<i64> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    let local = moment.with_timezone(&zone).naive_local();
    let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
    let in_range = (day(1900, 3, 1)..=day(9999, 12, 31)).contains(&local.date());
    let since = local - day(1899, 12, 30).and_hms_opt(0, 0, 0).unwrap();
    (in_range && local.nanosecond() < 1_000_000_000).then(|| since.num_milliseconds())
}
