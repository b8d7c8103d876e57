//! Date-times as they were sent (RFC 3339), by the clock of a zone: what
//! spreadsheets want, which know no zones.

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

/// What the clock of `zone` shows at the moment that `text` wholly is, and thousandths of a second beside. Nothing for what is
/// no moment, and for a leap second, which no spreadsheet has.
#[must_use]
pub fn moment(text: &[u8], zone: Tz) -> Option<(NaiveDateTime, u32)> {
    let (utc, millis) = parse(text)?;
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    let local = utc.checked_add_signed(TimeDelta::seconds(i64::from(offset.local_minus_utc())))?;
    // Others are written with a sign, or not at all.
    (1900..=9999)
        .contains(&local.year())
        .then_some((local, millis))
}

/// Reads a `date-time` of RFC 3339, 5.6: `T` and `Z` in either case, a blank for the `T`, any number of decimals.
/// Gives whole seconds of UTC, and thousandths.
fn parse(text: &[u8]) -> Option<(NaiveDateTime, u32)> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        rest @ ..,
    ] = text
    else {
        return None;
    };
    let year = digits(&[*y1, *y2, *y3, *y4])?;
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(year).ok()?,
        digits(&[*m1, *m2])?,
        digits(&[*d1, *d2])?,
    )?;
    // Refuses 24:00 and second 60.
    let local = date.and_hms_opt(
        digits(&[*h1, *h2])?,
        digits(&[*n1, *n2])?,
        digits(&[*s1, *s2])?,
    )?;
    let (millis, rest) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let east = offset(rest)?;
    Some((local.checked_sub_signed(TimeDelta::minutes(east))?, millis))
}

/// The thousandths of the decimals that `text` begins with, finer ones left out, and what follows them.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let digit = |place: usize| match text[..count].get(place) {
        Some(b) => u32::from(b - b'0'),
        None => 0,
    };
    let millis = digit(0) * 100 + digit(1) * 10 + digit(2);
    (count > 0).then(|| (millis, &text[count..]))
}

/// Minutes east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let east = i64::from(hours * 60 + minutes);
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -east } else { east })
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |value, b| {
        b.is_ascii_digit().then(|| value * 10 + u32::from(b - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_date_times_alone() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        for (text, local) in [
            ("2026-11-23T09:05:00Z", Some("2026-11-23 10:05:00")),
            ("2026-07-01t00:30:00.250z", Some("2026-07-01 02:30:00")),
            ("2026-11-23 09:05:00+05:30", Some("2026-11-23 04:35:00")),
            ("2026-11-23T09:05:00", None),
            ("2026-11-23", None),
            ("2026-11-31T09:05:00Z", None),
            ("2026-12-31T23:59:60Z", None),
            (" 2026-11-23T09:05:00Z", None),
            ("2026-11-23T09:05:00Z ", None),
            ("2026-11-23T09:05Z", None),
            ("completed 2026-11-23T09:05:00Z", None),
        ] {
            let found = moment(text.as_bytes(), zone).map(|m| m.0.to_string());
            assert_eq!(found.as_deref(), local, "{text}");
        }
    }
}
