//! Writes the XML of sheets (ECMA-376, `SpreadsheetML`) into the archive, cell
//! by cell. Text stands in its cell: a list of shared texts would grow with
//! the data.

use super::parts::{self, Style};
use super::text::{escape, has_edges};
use super::zip::Zip;
use std::io::{self, Write as _};

/// XML that is gathered before it is pressed.
const GATHERED: usize = 32 << 10;
/// Characters of a text that every spreadsheet shows in a cell with the format "text"; some show `####` for longer ones.
const SHOWN_AS_TEXT: usize = 255;

/// Where the next cell goes.
pub struct Pen {
    zip: Zip,
    xml: Vec<u8>,
    /// XML of this sheet that the archive has.
    bytes: u64,
    /// The number of the row, as digits.
    row: String,
}

/// What is around the cells of a sheet.
pub struct Frame<'a> {
    /// Width of each column, in characters.
    pub widths: &'a [u8],
    /// Whether it is the sheet that is shown first.
    pub first: bool,
    /// Whether its first row is a header: frozen, with filters.
    pub header: bool,
}

impl Pen {
    pub fn new() -> Self {
        Self {
            zip: Zip::new(),
            xml: Vec::new(),
            bytes: 0,
            row: String::new(),
        }
    }

    /// The archive, between sheets.
    pub fn zip(&mut self) -> &mut Zip {
        &mut self.zip
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.zip.held() + self.xml.capacity()
    }

    /// XML of this sheet so far.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.xml.len() as u64
    }

    /// Begins the sheet of this number, from 1.
    pub fn begin(&mut self, number: usize, frame: &Frame) {
        self.zip.begin(&parts::sheet_path(number));
        self.bytes = 0;
        self.put(parts::SHEET_START);
        self.put("<sheetViews><sheetView");
        if frame.first {
            self.put(" tabSelected=\"1\"");
        }
        self.put(" workbookViewId=\"0\">");
        if frame.header {
            self.put("<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/><selection pane=\"bottomLeft\"/>");
        }
        self.put("</sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/>");
        if !frame.widths.is_empty() {
            self.put("<cols>");
            for (i, width) in (1..).zip(frame.widths) {
                self.put(&format!(
                    "<col min=\"{i}\" max=\"{i}\" width=\"{width}\" customWidth=\"1\"/>"
                ));
            }
            self.put("</cols>");
        }
        self.put("<sheetData>");
    }

    /// Begins the row of this number, from 1.
    pub fn begin_row(&mut self, number: u32) {
        self.row = number.to_string();
        self.put("<row r=\"");
        self.xml.extend_from_slice(self.row.as_bytes());
        self.put("\">");
    }

    pub fn end_row(&mut self) -> io::Result<()> {
        self.put("</row>");
        self.pass_on(GATHERED)
    }

    /// A cell with text of `length` characters, in the column of this number, from 0.
    pub fn text(&mut self, column: usize, text: &str, length: usize) -> io::Result<()> {
        let style = if length > SHOWN_AS_TEXT {
            Style::LongText
        } else {
            Style::Text
        };
        self.styled(column, text, style)
    }

    /// A cell with text in a style.
    pub fn styled(&mut self, column: usize, text: &str, style: Style) -> io::Result<()> {
        self.begin_cell(column, style);
        self.put(" t=\"inlineStr\"><is><t");
        if has_edges(text) {
            self.put(" xml:space=\"preserve\"");
        }
        self.put(">");
        escape(text, &mut self.xml);
        self.put("</t></is></c>");
        self.pass_on(GATHERED)
    }

    /// A cell with a number.
    pub fn number(&mut self, column: usize, digits: &str, style: Style) -> io::Result<()> {
        self.begin_cell(column, style);
        self.put("><v>");
        self.put(digits);
        self.put("</v></c>");
        self.pass_on(GATHERED)
    }

    /// A cell with a moment.
    pub fn date(&mut self, column: usize, days: f64, style: Style) -> io::Result<()> {
        self.begin_cell(column, style);
        write!(self.xml, "><v>{days}</v></c>")?;
        self.pass_on(GATHERED)
    }

    /// Ends the sheet. `filled` is the range of its cells, if it has any, in which numbers may be text without a word about
    /// it; `filter` says whether the range is filtered.
    pub fn end(&mut self, filled: Option<&str>, filter: bool) -> io::Result<()> {
        self.put("</sheetData>");
        if let Some(filled) = filled {
            if filter {
                self.put(&format!("<autoFilter ref=\"{filled}\"/>"));
            }
            self.put(&format!(
                "<ignoredErrors><ignoredError sqref=\"{filled}\" twoDigitTextYear=\"1\" numberStoredAsText=\"1\"/></ignoredErrors>"
            ));
        }
        self.put("</worksheet>");
        self.pass_on(0)?;
        self.zip.end()
    }

    fn begin_cell(&mut self, column: usize, style: Style) {
        self.put("<c r=\"");
        letters(column, &mut self.xml);
        self.xml.extend_from_slice(self.row.as_bytes());
        self.put(style.attribute());
    }

    fn put(&mut self, text: &str) {
        self.xml.extend_from_slice(text.as_bytes());
    }

    /// Hands what was gathered to the archive, if it is at least this much.
    fn pass_on(&mut self, least: usize) -> io::Result<()> {
        if self.xml.len() >= least {
            self.zip.write(&self.xml)?;
            self.bytes += self.xml.len() as u64;
            self.xml.clear();
        }
        Ok(())
    }
}

/// Appends the letters of a column, from 0: `A` to `Z`, `AA`, and so on.
fn letters(column: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let mut left = column + 1;
    while left > 0 {
        left -= 1;
        out.push(b'A' + u8::try_from(left % 26).unwrap_or(0));
        left /= 26;
    }
    out[start..].reverse();
}

/// The letters of a column, from 0.
pub fn column_name(column: usize) -> String {
    let mut name = Vec::new();
    letters(column, &mut name);
    name.into_iter().map(char::from).collect()
}
