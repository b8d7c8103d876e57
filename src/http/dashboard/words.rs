//! Figures and moments in the words of people. Templates give them as they
//! have them, by value or not.

use super::shown::is_hidden;
use crate::event::Timestamp;
use chrono_tz::Tz;
use std::borrow::Borrow;
use std::fmt::Write as _;

/// `1234567` as `1,234,567`.
pub(super) fn count(number: impl Borrow<u64>) -> String {
    let digits = number.borrow().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes with three digits or so: `12 kB`, `1.5 GB`.
pub(super) fn bytes(number: impl Borrow<u64>) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let number = *number.borrow();
    if number < 1000 {
        return format!("{number} B");
    }
    // In tenths of the unit.
    let mut tenths = number / 100;
    for (nth, unit) in UNITS.into_iter().enumerate() {
        if tenths < 10_000 || nth + 1 == UNITS.len() {
            return if tenths < 100 {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            } else {
                format!("{} {unit}", count(tenths / 10))
            };
        }
        tenths /= 1000;
    }
    String::new()
}

/// A moment as it is shown: to the second, in the zone.
pub(super) fn moment(at: Timestamp, zone: Tz) -> String {
    let local = at.utc().with_timezone(&zone);
    local.format("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// The time of a moment's day.
pub(super) fn time(at: Timestamp, zone: Tz) -> String {
    at.utc().with_timezone(&zone).format("%H:%M").to_string()
}

/// How long ago `at` was: `2 minutes ago`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = (now.millis() - at.millis()).div_euclid(1000);
    let (number, unit) = match seconds {
        ..10 => return "just now".into(),
        10..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{s} ago")
}

/// How long something lasts, roughly.
pub(super) fn lasts(days: impl Borrow<u64>) -> String {
    match *days.borrow() {
        days @ 2..60 => format!("about {days} days"),
        days @ 60..730 => format!("about {} months", days / 30),
        days @ 730..36_500 => format!("about {} years", days / 365),
        0 => "less than a day".into(),
        1 => "about a day".into(),
        _ => "more than a hundred years".into(),
    }
}

/// A text as it is shown in a line: what would show nothing, or turn the writing of what stands around it, by its number; and no
/// more of it than `max` letters.
pub(super) fn shown(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for (nth, letter) in text.chars().enumerate() {
        if nth == max {
            out.push('…');
            break;
        }
        match letter {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            hidden if is_hidden(hidden) => {
                let _ = write!(out, "⟨{:04X}⟩", u32::from(hidden));
            }
            letter => out.push(letter),
        }
    }
    out
}

/// JSON without insignificant white space, each key and element in a line of its own. Nothing else changes: repeated keys and
/// the digits of numbers stay as they came.
pub(super) fn indented(json: &str) -> String {
    /// Deeper than this nothing more is indented: what is nested on purpose would grow with the square of it.
    const DEPTH_MAX: usize = 40;
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth: usize = 0;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth.min(DEPTH_MAX)));
    };
    let (mut in_text, mut is_escaped, mut before) = (false, false, ' ');
    for letter in json.chars() {
        if in_text {
            in_text = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            out.push(letter);
        } else {
            let closes = matches!(letter, '}' | ']');
            depth = depth.saturating_sub(usize::from(closes));
            let is_empty = closes && matches!(before, '{' | '[');
            if closes && !is_empty {
                line(&mut out, depth);
            }
            if matches!(before, '{' | '[' | ',') && !closes {
                line(&mut out, depth);
            }
            out.push(letter);
            if letter == ':' {
                out.push(' ');
            }
            depth += usize::from(matches!(letter, '{' | '['));
            in_text = letter == '"';
        }
        before = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_lines() {
        let same = r#"{"a":{"b":[1,{"c":"x,{\\\"y:"}],"d":{},"e":[]},"a":1e400,"n":100000000000000000000.10}"#;
        let shown = "{\n  \"a\": {\n    \"b\": [\n      1,\n      {\n        \"c\": \"x,{\\\\\\\"y:\"\n      }\n    ],\n    \
                     \"d\": {},\n    \"e\": []\n  },\n  \"a\": 1e400,\n  \"n\": 100000000000000000000.10\n}";
        assert_eq!(indented(same), shown);
        assert_eq!(indented("{}"), "{}");
        // Whatever it is given, nothing of it is lost.
        for text in [same, "[[[[", "}}}", "\"open", "a b"] {
            let letters =
                |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
            assert_eq!(letters(&indented(text)), letters(text));
        }
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(indented(&deep).len() < 2_000_000);
    }

    #[test]
    fn figures() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), shown);
        }
        for (number, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (12_345, "12 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1.0 MB"),
            (1_500_000_000, "1.5 GB"),
            (u64::MAX, "18,446 PB"),
        ] {
            assert_eq!(bytes(number), shown);
        }
    }

    #[test]
    fn moments() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        for (seconds, shown) in [
            (-5, "just now"),
            (9, "just now"),
            (10, "10 seconds ago"),
            (120, "2 minutes ago"),
            (7_199, "119 minutes ago"),
            (7_200, "2 hours ago"),
            (172_800, "2 days ago"),
        ] {
            assert_eq!(ago(at(0), at(seconds)), shown);
        }
        let summer = Timestamp::parse(b"2026-07-01T22:30:05.250Z").unwrap();
        assert_eq!(
            moment(summer, chrono_tz::Europe::Berlin),
            "2026-07-02 00:30:05 CEST"
        );
        assert_eq!(time(summer, chrono_tz::Europe::Berlin), "00:30");
    }

    #[test]
    fn what_would_mislead_is_shown() {
        for (text, seen) in [
            ("Ann\nLee\t1", "Ann⏎Lee 1"),
            ("abc\u{202e}txt.exe", "abc⟨202E⟩txt.exe"),
            (
                "\u{0}\u{200b}\u{feff}\u{e0041}",
                "⟨0000⟩⟨200B⟩⟨FEFF⟩⟨E0041⟩",
            ),
            ("ÄÖ مرحبا 👍🏽", "ÄÖ مرحبا 👍🏽"),
        ] {
            assert_eq!(shown(text, 100), seen);
        }
        assert_eq!(shown("abcdef", 3), "abc…");
        assert_eq!(shown("abc", 3), "abc");
    }

    #[test]
    fn how_long_it_lasts() {
        for (days, shown) in [
            (0, "less than a day"),
            (1, "about a day"),
            (59, "about 59 days"),
            (90, "about 3 months"),
            (730, "about 2 years"),
            (u64::MAX, "more than a hundred years"),
        ] {
            assert_eq!(lasts(days), shown);
        }
    }
}
