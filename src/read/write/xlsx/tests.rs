//! Workbooks are read again by `calamine`, an implementation that shares nothing with this one but the archive's inflate.

mod cells;
mod limits;
mod random;
mod streaming;
mod wanted;

use super::*;
use crate::event::Timestamp;
use crate::flatten::Kind;
use crate::read::rows::Heading;
use calamine::{Data, Reader as _};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::sync::Arc;

type Cells = Vec<(usize, Kind, Vec<u8>)>;

/// A table in memory.
struct Made {
    headings: Vec<Heading>,
    rows: Arc<Vec<Cells>>,
}

struct MadeRows {
    rows: Arc<Vec<Cells>>,
    at: usize,
}

impl Table for Made {
    fn headings(&self) -> &[Heading] {
        &self.headings
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(MadeRows {
            rows: Arc::clone(&self.rows),
            at: 0,
        }))
    }
}

impl Rows for MadeRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        row.clear();
        let Some(cells) = self.rows.get(self.at) else {
            return Ok(false);
        };
        self.at += 1;
        for (column, kind, text) in cells {
            row.push(*column, *kind, text);
        }
        Ok(true)
    }
}

/// Headings by these titles; those that end with `id` are of ids.
fn headings(titles: &[&str]) -> Vec<Heading> {
    let heading = |title: &&str| Heading {
        name: (*title).to_owned(),
        title: (*title).to_owned(),
        is_id: title.ends_with("id"),
    };
    titles.iter().map(heading).collect()
}

fn table(titles: &[&str], rows: Vec<Cells>) -> Box<dyn Table> {
    Box::new(Made {
        headings: headings(titles),
        rows: Arc::new(rows),
    })
}

fn text(column: usize, text: &str) -> (usize, Kind, Vec<u8>) {
    (column, Kind::Text, text.into())
}

fn about(zone: Tz) -> About {
    About {
        title: "lessonly, 2026-11-23".to_owned(),
        source: "lessonly".to_owned(),
        days: "2026-11-23".to_owned(),
        zone,
        made_at: Timestamp::parse(b"2026-11-23T18:05:07.000Z").unwrap(),
        chosen: vec![("View".to_owned(), "latest".to_owned())],
        notes: vec!["2026-11-03 was changed by somebody".to_owned()],
    }
}

fn bytes(workbook: &mut Xlsx) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = workbook.next_bytes().unwrap() {
        assert!(!piece.is_empty());
        all.extend(piece);
    }
    assert!(workbook.next_bytes().unwrap().is_none());
    all
}

fn made(table: Box<dyn Table>, about: About, limits: Limits) -> Vec<u8> {
    bytes(&mut Xlsx::within(table, about, limits).unwrap())
}

/// The cells of a sheet by row and column, from 0.
type Sheet = BTreeMap<(u32, u32), Data>;

/// The sheets of a workbook, by their names.
fn read(file: &[u8]) -> Vec<(String, Sheet)> {
    read_from(Cursor::new(file))
}

fn read_from(file: impl io::Read + io::Seek) -> Vec<(String, Sheet)> {
    let mut workbook = calamine::Xlsx::new(io::BufReader::new(file)).unwrap();
    let names = workbook.sheet_names();
    let mut sheets = Vec::new();
    for name in names {
        let formulas = workbook.worksheet_formula(&name).unwrap();
        assert!(formulas.is_empty(), "a formula in {name}");
        let range = workbook.worksheet_range(&name).unwrap();
        let (top, left) = range.start().unwrap_or((0, 0));
        let cells = range.used_cells().map(|(row, column, cell)| {
            let (row, column) = (u32::try_from(row).unwrap(), u32::try_from(column).unwrap());
            ((row + top, column + left), cell.clone())
        });
        sheets.push((name.clone(), cells.collect()));
    }
    sheets
}

/// A sheet as lines of cells, for people.
fn lines(cells: &Sheet) -> Vec<String> {
    let mut lines = Vec::new();
    for (&(row, _), cell) in cells {
        lines.resize(lines.len().max(row as usize + 1), String::new());
        let line: &mut String = &mut lines[row as usize];
        if !line.is_empty() {
            line.push_str(" | ");
        }
        line.push_str(&cell.to_string());
    }
    lines
}

/// A part of the archive, as a zip reader gives it.
fn part(file: &[u8], name: &str) -> String {
    let at = local_header(file, name);
    let names = usize::from(u16::from_le_bytes([file[at + 26], file[at + 27]]));
    let mut text = String::new();
    flate2::read::DeflateDecoder::new(&file[at + 30 + names..])
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// Where the entry of this name begins.
fn local_header(file: &[u8], name: &str) -> usize {
    let starts = memchr::memmem::find_iter(file, b"PK\x03\x04");
    let mut found = starts.filter(|at| file[at + 30..].starts_with(name.as_bytes()));
    found.next().expect("an entry")
}

#[test]
fn a_workbook() {
    let titles = ["received_at", "user.id", "score", "=title", "event_id"];
    let rows = vec![
        vec![
            text(0, "2026-11-23T09:05:00.250Z"),
            text(1, "1234567890"),
            (2, Kind::Number, b"100.0".to_vec()),
            text(3, "=1+1"),
            text(4, "00ff"),
        ],
        vec![],
        vec![
            (1, Kind::Number, b"17".to_vec()),
            (2, Kind::Number, b"-0.5".to_vec()),
            (3, Kind::Boolean, b"true".to_vec()),
        ],
    ];
    let file = made(table(&titles, rows), about(Tz::Europe__Berlin), EXCEL);
    let sheets = read(&file);
    assert_eq!(sheets.len(), 2);
    assert_eq!(sheets[0].0, "lessonly");
    let sheet = part(&file, "xl/worksheets/sheet1.xml");
    let sheet = [
        "<sheet",
        "<cols",
        "<row",
        "<c ",
        "</row",
        "<auto",
        "<ignoredErrors",
    ]
    .iter()
    .fold(sheet, |xml, tag| xml.replace(tag, &format!("\n{tag}")));
    insta::assert_snapshot!(sheet, @r#"
    <?xml version="1.0" encoding="UTF-8" standalone="yes"?>
    <worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
    <sheetViews>
    <sheetView tabSelected="1" workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft"/></sheetView></sheetViews>
    <sheetFormatPr defaultRowHeight="15"/>
    <cols><col min="1" max="1" width="25" customWidth="1"/><col min="2" max="2" width="12" customWidth="1"/><col min="3" max="3" width="9" customWidth="1"/><col min="4" max="4" width="10" customWidth="1"/><col min="5" max="5" width="12" customWidth="1"/></cols>
    <sheetData>
    <row r="1">
    <c r="A1" s="5" t="inlineStr"><is><t>received_at</t></is></c>
    <c r="B1" s="5" t="inlineStr"><is><t>user.id</t></is></c>
    <c r="C1" s="5" t="inlineStr"><is><t>score</t></is></c>
    <c r="D1" s="5" t="inlineStr"><is><t>=title</t></is></c>
    <c r="E1" s="5" t="inlineStr"><is><t>event_id</t></is></c>
    </row>
    <row r="2">
    <c r="A2" s="3"><v>46349.42014178241</v></c>
    <c r="B2" s="1" t="inlineStr"><is><t>1234567890</t></is></c>
    <c r="C2"><v>100.0</v></c>
    <c r="D2" s="1" t="inlineStr"><is><t>=1+1</t></is></c>
    <c r="E2" s="1" t="inlineStr"><is><t>00ff</t></is></c>
    </row>
    <row r="3">
    </row>
    <row r="4">
    <c r="B4" s="1" t="inlineStr"><is><t>17</t></is></c>
    <c r="C4"><v>-0.5</v></c>
    <c r="D4" s="1" t="inlineStr"><is><t>true</t></is></c>
    </row></sheetData>
    <autoFilter ref="A1:E4"/>
    <ignoredErrors><ignoredError sqref="A1:E4" twoDigitTextYear="1" numberStoredAsText="1"/></ignoredErrors></worksheet>
    "#);
    assert_eq!(sheets[1].0, "About");
    insta::assert_snapshot!(lines(&sheets[1].1).join("\n"), @r"
    lessonly, 2026-11-23
    Source | lessonly
    Days | 2026-11-23
    Zone of all dates | Europe/Berlin
    Made at | 46349.795219907406
    Rows | 3
    Columns | 5
    View | latest
    Note | 2026-11-03 was changed by somebody
    ");
    insta::assert_snapshot!(part(&file, "xl/workbook.xml"), @r#"
    <?xml version="1.0" encoding="UTF-8" standalone="yes"?>
    <workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><bookViews><workbookView/></bookViews><sheets><sheet name="lessonly" sheetId="1" r:id="rId1"/><sheet name="About" sheetId="2" r:id="rId2"/></sheets><definedNames><definedName name="_xlnm._FilterDatabase" localSheetId="0" hidden="1">'lessonly'!$A$1:$E$4</definedName></definedNames></workbook>
    "#);
    insta::assert_snapshot!(part(&file, "docProps/core.xml"), @r#"
    <?xml version="1.0" encoding="UTF-8" standalone="yes"?>
    <cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>lessonly, 2026-11-23</dc:title><dc:creator>rowhook</dc:creator><dcterms:created xsi:type="dcterms:W3CDTF">2026-11-23T18:05:07.000Z</dcterms:created></cp:coreProperties>
    "#);
}

#[test]
fn a_table_without_rows_or_columns_is_a_workbook() {
    let file = made(table(&["a", "b"], vec![]), about(Tz::UTC), EXCEL);
    assert_eq!(lines(&read(&file)[0].1), ["a | b"]);
    let file = made(table(&[], vec![]), about(Tz::UTC), EXCEL);
    assert_eq!(lines(&read(&file)[0].1), [""; 0]);
}

#[test]
fn same_rows_same_bytes() {
    let rows = vec![vec![text(0, "x")]; 1_000];
    let make = || made(table(&["a"], rows.clone()), about(Tz::UTC), EXCEL);
    assert_eq!(make(), make());
}
