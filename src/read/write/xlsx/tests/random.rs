//! Tables made from a seed, read again and held cell by cell against what
//! other people's parsers make of the same text.

use super::wanted::Found;
use super::*;

fn wanted(cell: Option<&(usize, Kind, Vec<u8>)>, is_id: bool, zone: Tz) -> Found {
    let Some((_, kind, bytes)) = cell else {
        return Found::Nothing;
    };
    let text = String::from_utf8_lossy(bytes);
    match kind {
        Kind::Number if !is_id => Found::of_number(&text),
        Kind::Text if !is_id => Found::of_text(&text, zone),
        _ => Found::Text(text.into_owned()),
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
            assert_eq!(Found::of(cells.get(&(0, column))), title);
        }
        for (number, row) in (1..).zip(&rows) {
            for (column, title) in titles.iter().enumerate() {
                let cell = row.iter().find(|cell| cell.0 == column);
                let at = (number, u32::try_from(column).unwrap());
                let wanted = wanted(cell, title.ends_with("id"), zone);
                assert_eq!(
                    Found::of(cells.get(&at)),
                    wanted,
                    "seed {seed}, {at:?}: {cell:?}"
                );
            }
        }
    }
}
