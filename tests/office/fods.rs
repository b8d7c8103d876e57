//! `LibreOffice` as a program that turns a file into a flat XML document, and the cells of that document.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A cell as `LibreOffice` has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// `string`, `float`, `date`, `boolean`, …; nothing where it is empty.
    pub kind: String,
    /// What it shows; of a number or a date the value itself.
    pub value: String,
}

/// A sheet: its name and its rows, without what is empty at their ends.
#[derive(Debug, Default)]
pub struct Sheet {
    pub name: String,
    pub rows: Vec<Vec<Cell>>,
}

/// A document.
#[derive(Debug, Default)]
pub struct Document {
    pub sheets: Vec<Sheet>,
    /// Formulas in all of it.
    pub formulas: Vec<String>,
    /// Links that a click would follow.
    pub links: Vec<String>,
}

/// How `LibreOffice` is told to read a CSV: the tokens of its import filter.
pub const PLAIN: &str = "CSV:44,34,76,1";
/// The same as somebody who typed it all in: English, special numbers detected.
pub const TYPED: &str = "CSV:44,34,76,1,,1033,false,true";

/// Opens `bytes`, a file with this ending, and gives what `LibreOffice` makes of it.
pub fn open(bytes: &[u8], ending: &str, filter: Option<&str>) -> Document {
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join(format!("file.{ending}"));
    std::fs::write(&path, bytes).expect("a file");
    let made = convert(dir.path(), &path, filter);
    let text = std::fs::read_to_string(made).expect("what LibreOffice wrote");
    read(&text)
}

fn convert(dir: &Path, path: &Path, filter: Option<&str>) -> PathBuf {
    let mut command = Command::new("soffice");
    // A profile of its own: whoever sits at this machine may have one open.
    command.arg(format!(
        "-env:UserInstallation=file://{}/profile",
        dir.display()
    ));
    command.args(["--headless", "--norestore", "--convert-to", "fods"]);
    if let Some(filter) = filter {
        command.arg(format!("--infilter={filter}"));
    }
    let out = dir.join("out");
    let ran = command.arg("--outdir").arg(&out).arg(path).output();
    let ran = ran.expect("soffice, from the package libreoffice-calc");
    let made = out.join("file.fods");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(made.exists(), "LibreOffice wrote nothing: {told}");
    made
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes().flatten();
    let found = attributes.find(|a| a.key.as_ref() == name)?;
    let raw = found.value.into_owned();
    Some(
        quick_xml::escape::unescape(&raw)
            .expect("an attribute")
            .into_owned(),
    )
}

fn count(tag: &BytesStart<'_>, name: &str) -> usize {
    attribute(tag, name).map_or(1, |text| text.parse().expect("a count"))
}

/// Rows that are repeated more often are the empty rest of a sheet.
const REPEATED_MAX: usize = 1000;

/// Reads a flat document.
fn read(text: &str) -> Document {
    let mut reader = Reader::from_str(text);
    let mut document = Document::default();
    let (mut row, mut cell): (Vec<Cell>, Option<(Cell, usize, bool)>) = (Vec::new(), None);
    let (mut rows, mut shown, mut paragraphs) = (1, String::new(), 0);
    // Comments have paragraphs, too, and styles have text.
    let mut inside = false;
    loop {
        let event = reader.read_event().expect("XML");
        let is_empty = matches!(event, Event::Empty(_));
        match event {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                "table:table" => {
                    let name = attribute(&tag, "table:name").unwrap_or_default();
                    let rows = Vec::new();
                    document.sheets.push(Sheet { name, rows });
                }
                "table:table-row" => {
                    rows = count(&tag, "table:number-rows-repeated");
                    row.clear();
                }
                "table:table-cell" | "table:covered-table-cell" => {
                    document.formulas.extend(attribute(&tag, "table:formula"));
                    let value = ["office:value", "office:date-value", "office:boolean-value"];
                    let value = value.iter().find_map(|name| attribute(&tag, name));
                    let kind = attribute(&tag, "office:value-type").unwrap_or_default();
                    let has_value = value.is_some();
                    let value = value.unwrap_or_default();
                    let times = count(&tag, "table:number-columns-repeated");
                    let found = (Cell { kind, value }, times, has_value);
                    (shown, paragraphs) = (String::new(), 0);
                    if is_empty {
                        push(&mut row, found, &shown);
                    } else {
                        cell = Some(found);
                    }
                }
                "text:p" if cell.is_some() => {
                    if paragraphs > 0 {
                        shown.push('\n');
                    }
                    paragraphs += 1;
                    inside = !is_empty;
                }
                "text:s" if inside => {
                    shown.extend(std::iter::repeat_n(' ', count(&tag, "text:c")));
                }
                "text:tab" if inside => shown.push('\t'),
                "text:line-break" if inside => shown.push('\n'),
                "text:a" => document.links.extend(attribute(&tag, "xlink:href")),
                _ => {}
            },
            Event::Text(part) if inside => {
                shown.push_str(&part);
            }
            Event::GeneralRef(name) if inside => {
                let raw = format!("&{};", &*name);
                shown.push_str(&quick_xml::escape::unescape(&raw).expect("a reference"));
            }
            Event::End(tag) => match tag.name().as_ref() {
                "text:p" => inside = false,
                "table:table-cell" | "table:covered-table-cell" => {
                    if let Some(found) = cell.take() {
                        push(&mut row, found, &shown);
                    }
                }
                "table:table-row" => {
                    while row.last().is_some_and(|cell| cell.kind.is_empty()) {
                        row.pop();
                    }
                    if let Some(sheet) = document.sheets.last_mut()
                        && rows <= REPEATED_MAX
                    {
                        sheet.rows.extend(std::iter::repeat_n(row.clone(), rows));
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    for sheet in &mut document.sheets {
        while sheet.rows.last().is_some_and(Vec::is_empty) {
            sheet.rows.pop();
        }
    }
    document
}

fn push(row: &mut Vec<Cell>, (mut cell, times, has_value): (Cell, usize, bool), shown: &str) {
    if !has_value {
        shown.clone_into(&mut cell.value);
    }
    // The empty rest of a row is repeated thousands of times.
    let times = if cell.kind.is_empty() {
        times.min(REPEATED_MAX)
    } else {
        times
    };
    row.extend(std::iter::repeat_n(cell, times));
}

impl Sheet {
    /// The cell of this row below the header and this column; an empty one where there is none.
    pub fn cell(&self, row: usize, name: &str) -> Cell {
        let header = self.rows.first().expect("a header");
        let column = header.iter().position(|cell| cell.value == name);
        let column = column.unwrap_or_else(|| panic!("no column {name:?} in {header:?}"));
        let found = self.rows.get(row + 1).and_then(|row| row.get(column));
        found.cloned().unwrap_or_default()
    }
}
