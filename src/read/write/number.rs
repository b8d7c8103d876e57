//! Which numbers a spreadsheet keeps as they were sent.

/// Digits that a spreadsheet keeps of a number, and any double gives back.
pub const DIGITS_KEPT: usize = 15;
/// Digits of a whole number that are shown as they are, and not as a power of ten.
pub const DIGITS_SHOWN: usize = 11;
/// What Excel holds: what is nearer to zero it takes for zero, and what is larger it does not take.
const LEAST: f64 = f64::MIN_POSITIVE;
const MOST: f64 = 9.999_999_999_999_99e307;

/// The value of `text`, if it is a number by JSON's grammar and a spreadsheet keeps it with all its digits.
#[must_use]
pub fn kept(text: &[u8]) -> Option<f64> {
    let mantissa = mantissa(text)?;
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    match significant(&text[mantissa]) {
        0 => Some(value),
        digits => (digits <= DIGITS_KEPT && (LEAST..=MOST).contains(&value.abs())).then_some(value),
    }
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
