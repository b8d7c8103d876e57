//! Tables made from a seed, read again and held cell by cell against what
//! other people's parsers make of the same text.

use super::*;
use chrono::{DateTime, NaiveDate, Timelike as _};

/// What a reader should find.
#[derive(Debug, PartialEq)]
enum Found {
    Nothing,
    Number(f64),
    /// Thousandths of a second since 1899-12-30.
    Date(i64),
    Text(String),
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
fn wanted_number(text: &str) -> Option<f64> {
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

fn wanted_date(text: &str, zone: Tz) -> Option<i64> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    let local = moment.with_timezone(&zone).naive_local();
    let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
    let in_range = (day(1900, 3, 1)..=day(9999, 12, 31)).contains(&local.date());
    let since = local - day(1899, 12, 30).and_hms_opt(0, 0, 0).unwrap();
    (in_range && local.nanosecond() < 1_000_000_000).then(|| since.num_milliseconds())
}

fn wanted(cell: Option<&(usize, Kind, Vec<u8>)>, is_id: bool, zone: Tz) -> Found {
    let Some((_, kind, bytes)) = cell else {
        return Found::Nothing;
    };
    let text = String::from_utf8_lossy(bytes).into_owned();
    let number = (*kind == Kind::Number && !is_id)
        .then(|| wanted_number(&text))
        .flatten();
    let date = (*kind == Kind::Text && !is_id)
        .then(|| wanted_date(&text, zone))
        .flatten();
    match (number, date) {
        (Some(number), _) => Found::Number(number),
        (_, Some(date)) => Found::Date(date),
        _ => Found::Text(text),
    }
}

fn found(cell: Option<&Data>) -> Found {
    match cell {
        None | Some(Data::Empty) => Found::Nothing,
        Some(Data::String(text)) => Found::Text(text.clone()),
        Some(Data::Float(number)) => Found::Number(*number),
        #[expect(clippy::cast_precision_loss, reason = "fifteen digits fit")]
        Some(Data::Int(number)) => Found::Number(*number as f64),
        #[expect(clippy::cast_possible_truncation, reason = "no date is so far")]
        Some(Data::DateTime(date)) => Found::Date((date.as_f64() * 86_400_000.0).round() as i64),
        Some(other) => panic!("{other:?}"),
    }
}

const PIECES: &[&str] = &[
    "a",
    "é",
    "😀",
    "שלום",
    "مرحبا",
    "\u{202e}",
    "\u{200b}",
    "日本",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "'",
    "\"",
    "<",
    ">",
    "&",
    "&amp;",
    "]]>",
    "<!--",
    "_",
    "_x",
    "_x0041_",
    "_x005F_",
    "x000D_",
    "_x0041",
    "\r",
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "\0",
    "\u{1}",
    "\u{1b}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{feff}",
    "\u{10ffff}",
    "http://x.example/?a=b&c",
    "mailto:a@b",
    "TRUE",
    "#N/A",
    "0012",
    "1/2",
];

fn digits(rng: &mut fastrand::Rng, most: usize) -> String {
    (0..rng.usize(1..=most)).map(|_| rng.digit(10)).collect()
}

fn number_text(rng: &mut fastrand::Rng) -> String {
    let mut text = String::from(if rng.bool() { "" } else { "-" });
    let most = if rng.u8(..20) == 0 { 400 } else { 18 };
    let whole = digits(rng, most);
    let whole = whole.trim_start_matches('0');
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if rng.bool() {
        text = text + "." + &digits(rng, most);
    }
    if rng.u8(..4) == 0 {
        let most = if rng.u8(..10) == 0 { 22 } else { 3 };
        text = text + ["e", "E", "e+", "E-", "e-"][rng.usize(..5)] + &digits(rng, most);
    }
    // Sometimes something that is no number.
    if rng.u8(..20) == 0 {
        text.insert(
            rng.usize(..=text.len()),
            ['0', '+', '.', ' ', 'e', '-'][rng.usize(..6)],
        );
    }
    text
}

fn date_text(rng: &mut fastrand::Rng) -> String {
    let year = if rng.bool() {
        rng.u32(1890..2100)
    } else {
        rng.u32(0..=9999)
    };
    let mut text = format!(
        "{year:04}-{:02}-{:02}{}{:02}:{:02}:{:02}",
        rng.u32(1..=12),
        rng.u32(1..=29),
        ['T', 't', ' '][rng.usize(..3)],
        rng.u32(0..=23),
        rng.u32(0..=59),
        rng.u32(0..=60)
    );
    if rng.bool() {
        text = text + "." + &digits(rng, 9);
    }
    match rng.u8(..4) {
        0 => text.push('Z'),
        1 => text.push('z'),
        _ => {
            let (hours, minutes) = (rng.u32(0..=23), rng.u32(0..=59));
            let sign = ['+', '-'][rng.usize(..2)];
            text = format!("{text}{sign}{hours:02}:{minutes:02}");
        }
    }
    if rng.u8(..10) == 0 {
        text.remove(rng.usize(..text.len()));
    }
    text
}

fn cell(rng: &mut fastrand::Rng) -> (Kind, Vec<u8>) {
    match rng.u8(..4) {
        0 => (Kind::Number, number_text(rng).into()),
        1 => (Kind::Text, date_text(rng).into()),
        2 if rng.u8(..8) == 0 => (Kind::Boolean, b"false".to_vec()),
        _ => {
            let pieces = (0..rng.usize(1..6)).map(|_| PIECES[rng.usize(..PIECES.len())]);
            let mut text = pieces.collect::<String>().into_bytes();
            if rng.u8(..20) == 0 {
                text.insert(rng.usize(..=text.len()), rng.u8(0x80..));
            }
            (Kind::Text, text)
        }
    }
}

fn row(rng: &mut fastrand::Rng, columns: usize) -> Cells {
    let columns: Vec<_> = (0..columns).filter(|_| rng.u8(..5) > 0).collect();
    let mut cells = Vec::new();
    for column in columns {
        let (kind, text) = cell(rng);
        cells.push((column, kind, text));
    }
    cells
}

#[test]
fn any_table_reads_back_cell_by_cell() {
    let zones = [
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__St_Johns,
        Tz::Australia__Lord_Howe,
    ];
    for seed in 0..100 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let titles = ["a", "b", "c_id", "=d", "_x0041_", " e ", "\r", "<f>"];
        let titles = &titles[..rng.usize(1..=titles.len())];
        let rows: Vec<_> = (0..100).map(|_| row(&mut rng, titles.len())).collect();
        let zone = zones[rng.usize(..zones.len())];
        let file = made(table(titles, rows.clone()), about(zone), EXCEL);
        let cells = &read(&file)[0].1;
        for (column, title) in (0..).zip(titles) {
            let title = Found::Text((*title).to_owned());
            assert_eq!(found(cells.get(&(0, column))), title);
        }
        for (number, row) in (1..).zip(&rows) {
            for (column, title) in titles.iter().enumerate() {
                let cell = row.iter().find(|cell| cell.0 == column);
                let at = (number, u32::try_from(column).unwrap());
                let wanted = wanted(cell, title.ends_with("id"), zone);
                assert_eq!(
                    found(cells.get(&at)),
                    wanted,
                    "seed {seed}, {at:?}: {cell:?}"
                );
            }
        }
    }
}
