//! Which value is higher: numbers by their value, moments by time, and every
//! number above every moment, those above other text, that above nothing.

use chrono::DateTime;

/// Decimal digits that are compared; what differs behind them is the same.
const DIGITS: u32 = 31;

/// The greatest power of ten that is told from a greater one.
const EXPONENT_MAX: i64 = (1 << 21) - 1;

/// The bits for a number's digits: 10^31 is below 2^103.
const DIGIT_BITS: u32 = 103;

const MOMENT_ZERO: u128 = 1 << 120;
const NUMBER_ZERO: u128 = 1 << 125;

/// How high a value is, in 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Rank(u64, u64);

impl Rank {
    /// Of the text of a cell; an empty one has none.
    pub(super) fn of(text: &[u8]) -> Self {
        let (class, order) = if text.is_empty() {
            (0, 0)
        } else if let Some(order) = number(text) {
            (3, order)
        } else if let Some(order) = moment(text) {
            (2, order)
        } else {
            (1, 0)
        };
        let bits: u128 = class << 126 | order;
        let low = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
        Self(u64::try_from(bits >> 64).unwrap_or_default(), low)
    }
}

/// The place of an RFC 3339 moment among all such.
fn moment(text: &[u8]) -> Option<u128> {
    let moment = DateTime::parse_from_rfc3339(str::from_utf8(text).ok()?).ok()?;
    let nanos = i128::from(moment.timestamp()) * 1_000_000_000;
    let nanos = nanos + i128::from(moment.timestamp_subsec_nanos());
    MOMENT_ZERO.checked_add_signed(nanos)
}

/// The place of `[+-]?\d+(\.\d+)?([eE][+-]?\d+)?` among all such, whatever the size.
fn number(text: &[u8]) -> Option<u128> {
    let (negative, text) = sign(text);
    let (whole, text) = digits(text)?;
    let (fraction, text) = match text {
        [b'.', rest @ ..] => digits(rest)?,
        _ => (&[][..], text),
    };
    let (exponent, text) = match text {
        [b'e' | b'E', rest @ ..] => power(rest)?,
        _ => (0, text),
    };
    if !text.is_empty() {
        return None;
    }
    let all = || whole.iter().chain(fraction);
    let Some(zeros) = all().position(|&digit| digit != b'0') else {
        return Some(NUMBER_ZERO);
    };
    let mantissa = all()
        .skip(zeros)
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(DIGITS as usize)
        .fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    let before_point = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
    let exponent = exponent.saturating_add(before_point);
    let exponent = exponent.clamp(-EXPONENT_MAX, EXPONENT_MAX) + EXPONENT_MAX;
    let size = u128::try_from(exponent).ok()? << DIGIT_BITS | mantissa;
    Some(if negative {
        NUMBER_ZERO - 1 - size
    } else {
        NUMBER_ZERO + 1 + size
    })
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// The digits at the start of `text`, one or more, and what comes after them.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    (count > 0).then(|| text.split_at(count))
}

/// The signed whole number at the start of `text`, or one that is far too large as well, and what comes after it.
fn power(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, text) = sign(text);
    let (digits, rest) = digits(text)?;
    let size = digits.iter().fold(0_i64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    Some((if negative { -size } else { size }, rest))
}

#[cfg(test)]
mod tests {
    use super::Rank;
    use std::cmp::Ordering;

    #[test]
    fn values_stand_in_this_order() {
        // Each line holds what is equal; every line is above the one before it.
        let lines: [&[&str]; 32] = [
            &[""],
            &[
                "a",
                "zzz",
                "true",
                "1,5",
                ".5",
                "5.",
                " 1",
                "85%",
                "NaN",
                "inf",
                "2026-11-23",
            ],
            &["1969-12-31T23:59:59.999Z"],
            &["2026-11-23T10:00:00Z", "2026-11-23T11:00:00+01:00"],
            &["2026-11-23T10:00:00.001Z"],
            &["-1e99999999999999999999", "-1e9999999"],
            &["-2e400"],
            &["-1e400"],
            &["-100", "-100.0", "-1e2", "-0100"],
            &["-99.99999999999999999999999999"],
            &["-9"],
            &["-0.5", "-5e-1"],
            &["-0.05"],
            &["-1e-99999999999999999999", "-1e-9999999"],
            &["0", "-0", "+0.000", "0e5", "000"],
            &["1e-99999999999999999999", "1e-9999999"],
            &["1e-400"],
            &["2e-400"],
            &["0.05", "5e-2"],
            &["0.5"],
            &["1"],
            &["9", "9.0", "+9", "90e-1"],
            &["9.5"],
            &["10", "1e1", "1E+1", "0.1e2", "00010"],
            &["99.9"],
            &["100", "100.00", "1e2"],
            &["9007199254740992"],
            &["9007199254740993"],
            &["123456789012345678901234567890"],
            &["123456789012345678901234567891"],
            &["1e400"],
            &["1e9999999", "1e99999999999999999999"],
        ];
        for (left, one) in lines.iter().enumerate() {
            for (right, other) in lines.iter().enumerate() {
                for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    let found = Rank::of(a.as_bytes()).cmp(&Rank::of(b.as_bytes()));
                    assert_eq!(found, left.cmp(&right), "{a:?} and {b:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_as_a_computer_compares_them() {
        fastrand::seed(7);
        let some = || match fastrand::u8(..4) {
            0 => fastrand::i32(-20..20).to_string(),
            1 => format!("{:.3}", fastrand::f64() * 200.0 - 100.0),
            2 => format!("{:e}", f64::from(fastrand::f32()) * 1e-9),
            _ => format!("{}", fastrand::f64() * 1e12),
        };
        for _ in 0..20_000 {
            let (a, b) = (some(), some());
            let values: [f64; 2] = [a.parse().unwrap(), b.parse().unwrap()];
            let wanted = values[0].partial_cmp(&values[1]);
            let found = Rank::of(a.as_bytes()).cmp(&Rank::of(b.as_bytes()));
            assert_eq!(Some(found), wanted, "{a} and {b}");
        }
        assert_eq!(Rank::default().cmp(&Rank::of(b"")), Ordering::Equal);
    }
}
