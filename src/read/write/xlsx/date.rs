//! Moments (RFC 3339) as spreadsheets count them: days since the start of
//! 1900, by the clock of a zone, because a sheet knows no zones.

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

/// A moment as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Serial {
    /// Days and the part of the day, thousandths of a second and no finer.
    pub days: f64,
    /// Whether it is not a whole second.
    pub has_millis: bool,
}

/// The moment that `text` wholly is, by the clock of `zone`. Nothing for what is no moment, for a leap second, which no
/// spreadsheet has, for the time before March 1900, where spreadsheets disagree, and after 9999.
pub fn serial(text: &[u8], zone: Tz) -> Option<Serial> {
    let (utc, millis) = parse(text)?;
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    let local = utc.checked_add_signed(TimeDelta::seconds(i64::from(offset.local_minus_utc())))?;
    of_local(local, millis)
}

/// The number of a moment that the clock shows as `local` and so many thousandths.
fn of_local(local: NaiveDateTime, millis: u32) -> Option<Serial> {
    let first = NaiveDate::from_ymd_opt(1900, 3, 1)?;
    if local.date() < first || local.year() > 9999 {
        return None;
    }
    // The first of March is the 61st day: spreadsheets believe in a 29th of February 1900.
    let days = 61 + (local.date() - first).num_days();
    let in_day = (local - local.date().and_time(chrono::NaiveTime::MIN)).num_milliseconds();
    let in_day = in_day + i64::from(millis);
    // At most 2,958,465 days of 86,400,000 ms: a double has them all.
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^53")]
    let days = (days * DAY_MILLIS + in_day) as f64 / DAY_MILLIS as f64;
    Some(Serial {
        days,
        has_millis: millis != 0,
    })
}

const DAY_MILLIS: i64 = 86_400_000;

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
