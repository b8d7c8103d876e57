//! Moments (RFC 3339) as spreadsheets count them: days since the start of
//! 1900, by the clock of a zone, because a sheet knows no zones.

use crate::read::write::moment::moment;
use chrono::{Datelike as _, NaiveDate, NaiveDateTime};
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
    let (local, millis) = moment(text, zone)?;
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
