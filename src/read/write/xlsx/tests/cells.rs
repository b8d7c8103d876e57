//! What a cell becomes: numbers, dates, text.

use super::super::date::serial;
use super::super::text::{escape, has_edges, length, places, start};
use super::*;

#[track_caller]
fn number(text: &str, wanted: Option<&str>) {
    let shown = match value_of(Kind::Number, false, text.as_bytes(), Tz::UTC) {
        Value::Number(digits) => Some(digits.into_owned()),
        Value::Whole(digits) => Some(format!("whole {digits}")),
        Value::Text => None,
        Value::Date(_) | Value::DateMillis(_) => panic!("{text}: a date"),
    };
    assert_eq!(shown.as_deref(), wanted, "{text}");
}

#[test]
fn numbers_with_their_own_digits() {
    for own in [
        "1",
        "-1",
        "100.0",
        "0.10",
        "1e5",
        "1E+5",
        "-2.5e-7",
        "12345678901",
        "0.000123456789012345",
        "1234567.89012345",
        "999999999999999e293",
        "2.3e-308",
        "100000000000000000000000",
    ] {
        number(own, Some(own));
    }
    number("123456789012", Some("whole 123456789012"));
    number("-123456789012345", Some("whole -123456789012345"));
    number("123456789012345.0", Some("123456789012345.0"));
    for zero in ["0", "-0", "0.0", "0e400", "-0.000E-999999999999"] {
        number(zero, Some("0"));
    }
    let long = format!("1{}", "0".repeat(300));
    number(&long, Some("1e300"));
    number(&format!("1.5{}", "0".repeat(100_000)), Some("1.5e0"));
}

#[test]
fn what_fifteen_digits_cannot_hold_is_text() {
    for text in [
        "1234567890123456",
        "0.1234567890123456",
        "-1000000000000001",
        "1.00000000000000001",
        "123456789012345678901234567890",
        "1e400",
        "-1e400",
        "1e-400",
        // Excel takes what is nearer to zero for zero, and does not take what is larger.
        "1e-310",
        "1e308",
        "9.99999999999999e9999999999999999999",
    ] {
        number(text, None);
    }
}

#[test]
fn what_is_no_number_of_json_is_text() {
    for text in [
        "", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1 ", " 1", "0x10", "1_000", "inf",
        "NaN", "1,5", "٣", "1e5.0", "--1", "1-1", "\u{ff11}",
    ] {
        number(text, None);
    }
    assert_eq!(value_of(Kind::Number, false, b"\xff", Tz::UTC), Value::Text);
}

#[test]
fn text_ids_and_booleans_are_no_numbers() {
    for (kind, is_id, text) in [
        (Kind::Text, false, "1"),
        (Kind::Number, true, "1"),
        (Kind::Boolean, false, "true"),
        (Kind::Text, true, "2026-11-23T09:05:00Z"),
        (Kind::Number, true, "0"),
    ] {
        let value = value_of(kind, is_id, text.as_bytes(), Tz::UTC);
        assert_eq!(value, Value::Text, "{text}");
    }
}

/// What the clock shows, by days that were counted some other way: from 1899-12-30, as is usual.
#[track_caller]
fn date(zone: Tz, text: &str, wanted: &str) {
    let shown = match serial(text.as_bytes(), zone) {
        None => "text".to_owned(),
        Some(serial) => {
            #[expect(clippy::cast_possible_truncation, reason = "no date is so far")]
            let millis = (serial.days * 86_400_000.0).round() as i64;
            let time = chrono::NaiveDate::from_ymd_opt(1899, 12, 30)
                .and_then(|day| day.and_hms_opt(0, 0, 0))
                .unwrap()
                + chrono::TimeDelta::milliseconds(millis);
            assert_eq!(serial.has_millis, millis % 1000 != 0, "{text}");
            time.format("%Y-%m-%d %H:%M:%S%.f").to_string()
        }
    };
    assert_eq!(shown, wanted, "{text} in {zone}");
}

#[test]
fn dates() {
    for (text, wanted) in [
        ("2026-11-23T09:05:00Z", "2026-11-23 09:05:00"),
        ("2026-11-23t09:05:00z", "2026-11-23 09:05:00"),
        ("2026-11-23 09:05:00Z", "2026-11-23 09:05:00"),
        ("2026-11-23T09:05:00-00:00", "2026-11-23 09:05:00"),
        ("2026-11-23T09:05:00+01:30", "2026-11-23 07:35:00"),
        ("2026-11-23T23:05:00-23:59", "2026-11-24 23:04:00"),
        ("2026-11-23T09:05:00.000Z", "2026-11-23 09:05:00"),
        ("2026-11-23T09:05:00.25Z", "2026-11-23 09:05:00.250"),
        ("2026-11-23T09:05:59.9999999999Z", "2026-11-23 09:05:59.999"),
        ("2026-11-23T09:05:00.0004Z", "2026-11-23 09:05:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29 00:00:00"),
        ("1900-03-01T00:00:00Z", "1900-03-01 00:00:00"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59.999"),
    ] {
        date(Tz::UTC, text, wanted);
    }
}

#[test]
fn what_is_no_date_is_text() {
    for text in [
        "",
        "2026-11-23",
        "2026-11-23T09:05Z",
        "2026-11-23T09:05:00",
        "2026-11-23T09:05:00 Z",
        " 2026-11-23T09:05:00Z",
        "2026-11-23T09:05:00Z ",
        "2026-11-23T09:05:00Z\n",
        "2026-11-23T09:05:00.Z",
        "2026-11-23T09:05:00,5Z",
        "2026-11-23T09:05:00+0100",
        "2026-11-23T09:05:00+24:00",
        "2026-11-23T09:05:00+01:60",
        "2026-11-23T09:05:00+01",
        "2026-11-23_09:05:00Z",
        "2026-02-29T09:05:00Z",
        "2026-13-01T09:05:00Z",
        "2026-00-01T09:05:00Z",
        "2026-11-00T09:05:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:60:00Z",
        // A leap second, which no spreadsheet has.
        "2016-12-31T23:59:60Z",
        "1900-02-28T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "+2026-11-23T09:05:00Z",
        "２026-11-23T09:05:00Z",
    ] {
        date(Tz::UTC, text, "text");
    }
}

#[test]
fn dates_go_by_the_clock_of_the_zone() {
    let berlin = Tz::Europe__Berlin;
    for (zone, text, wanted) in [
        (berlin, "2026-11-23T23:30:00Z", "2026-11-24 00:30:00"),
        (berlin, "2026-07-23T23:30:00Z", "2026-07-24 01:30:00"),
        (berlin, "2026-11-23T23:30:00+01:00", "2026-11-23 23:30:00"),
        // The hour that is left out, and the one that comes twice.
        (berlin, "2026-03-29T00:59:59Z", "2026-03-29 01:59:59"),
        (berlin, "2026-03-29T01:00:00Z", "2026-03-29 03:00:00"),
        (berlin, "2026-10-25T00:30:00Z", "2026-10-25 02:30:00"),
        (berlin, "2026-10-25T01:30:00Z", "2026-10-25 02:30:00"),
        (
            Tz::America__New_York,
            "2026-01-01T00:00:00Z",
            "2025-12-31 19:00:00",
        ),
        (
            Tz::Asia__Kathmandu,
            "2026-01-01T00:00:00.007Z",
            "2026-01-01 05:45:00.007",
        ),
        (
            Tz::Pacific__Apia,
            "2011-12-30T10:00:00Z",
            "2011-12-31 00:00:00",
        ),
        (Tz::Pacific__Kiritimati, "9999-12-31T23:00:00Z", "text"),
        (Tz::America__New_York, "1900-03-01T00:00:00Z", "text"),
        (
            Tz::Pacific__Kiritimati,
            "9999-12-31T09:59:59Z",
            "9999-12-31 23:59:59",
        ),
    ] {
        date(zone, text, wanted);
    }
}

#[track_caller]
fn escaped(text: &str, wanted: &str) {
    let mut out = Vec::new();
    escape(text, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), wanted, "{text:?}");
}

#[test]
fn escapes() {
    escaped("", "");
    escaped("plain é 😀\t\n", "plain é 😀\t\n");
    escaped("a<b>&\"c\"]]>", "a&lt;b&gt;&amp;&quot;c&quot;]]&gt;");
    escaped("\0\u{1}\u{1f}\u{7f}", "_x0000__x0001__x001F_\u{7f}");
    escaped("a\r\nb", "a_x000D_\nb");
    escaped(
        "\u{fffe}\u{ffff}\u{fffd}\u{feff}",
        "_xFFFE__xFFFF_\u{fffd}\u{feff}",
    );
    escaped("_x0041_", "_x005F_x0041_");
    escaped("_x0041_x0042_", "_x005F_x0041_x005F_x0042_");
    escaped("__xab1F__", "__x005F_xab1F__");
    escaped("_x0041\r", "_x005F_x0041_x000D_");
    escaped(
        "_X0041_ _x41_ _x004g_ snake_case _",
        "_X0041_ _x41_ _x004g_ snake_case _",
    );
    escaped("_x0041\u{ffff}", "_x005F_x0041_xFFFF_");
    escaped(
        "_x0041 _x0041\t_x0041\u{fffd}_x0041",
        "_x0041 _x0041\t_x0041\u{fffd}_x0041",
    );
    escaped("ends with _x004", "ends with _x004");
}

#[test]
fn measures() {
    assert_eq!(length("aé😀"), 4);
    assert_eq!(start("aé😀b", 3), "aé");
    assert_eq!(start("aé😀b", 4), "aé😀");
    assert_eq!(start("abc", 9), "abc");
    assert_eq!(places("one\nlonger\nx", 60), 6);
    assert_eq!(places("日本😀", 60), 6);
    assert!(has_edges(" a") && has_edges("a\n") && has_edges("\t"));
    assert!(!has_edges("a b") && !has_edges("") && !has_edges("\u{a0}a"));
}

#[test]
fn columns_have_letters() {
    for (column, name) in [
        (0, "A"),
        (25, "Z"),
        (26, "AA"),
        (701, "ZZ"),
        (702, "AAA"),
        (16_383, "XFD"),
    ] {
        assert_eq!(column_name(column), name);
    }
}

#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    let rows = vec![vec![(0, Kind::Text, b"a\xff\xc3(".to_vec())]];
    let file = made(table(&["a"], rows), about(Tz::UTC), EXCEL);
    assert_eq!(lines(&read(&file)[0].1), ["a", "a\u{fffd}\u{fffd}("]);
}
