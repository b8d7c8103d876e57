//! Date-times as they were sent (RFC 3339), as spreadsheets want them.

use chrono::{DateTime, NaiveDateTime, Timelike as _};
use chrono_tz::Tz;

/// The date and time that `text` is in `zone`, if it is wholly an RFC 3339 date-time. Leap seconds are not: no spreadsheet has
/// them.
#[must_use]
pub fn moment(text: &[u8], zone: Tz) -> Option<NaiveDateTime> {
    // Most cells are none, and that is told by a byte or two.
    let likely = (20..=40).contains(&text.len())
        && text[4] == b'-'
        && text[7] == b'-'
        && text[13] == b':'
        && text[..4].iter().all(u8::is_ascii_digit);
    if !likely || !matches!(text[10], b'T' | b't' | b' ') {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    let local = moment.with_timezone(&zone).naive_local();
    (local.nanosecond() < 1_000_000_000).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_date_times_alone() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        for (text, local) in [
            ("2026-11-23T09:05:00Z", Some("2026-11-23 10:05:00")),
            ("2026-07-01t00:30:00.250z", Some("2026-07-01 02:30:00.250")),
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
            let found = moment(text.as_bytes(), zone).map(|m| m.to_string());
            assert_eq!(found.as_deref(), local, "{text}");
        }
    }
}
