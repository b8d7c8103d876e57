//! The parts of a workbook beside its sheets (ECMA-376, Open Packaging
//! Conventions).

use super::pen::column_name;
use super::text::{escape, length, start};
use super::{About, Written};
use std::fmt::Write as _;

/// How a cell looks; the number is its place in `cellXfs` below.
#[derive(Debug, Clone, Copy)]
pub enum Style {
    General,
    /// The format "text": what is typed anew stays text too.
    Text,
    Date,
    DateMillis,
    /// Whole numbers without an exponent.
    Whole,
    Heading,
    /// As if typed behind an apostrophe, which makes text of long cells too.
    LongText,
}

impl Style {
    /// The end of a cell's reference, and its style.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::General => "\"",
            Self::Text => "\" s=\"1\"",
            Self::Date => "\" s=\"2\"",
            Self::DateMillis => "\" s=\"3\"",
            Self::Whole => "\" s=\"4\"",
            Self::Heading => "\" s=\"5\"",
            Self::LongText => "\" s=\"6\"",
        }
    }
}

pub const STYLES: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">",
    "<numFmts count=\"2\">",
    "<numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/>",
    "<numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss.000\"/>",
    "</numFmts>",
    "<fonts count=\"2\">",
    "<font><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>",
    "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>",
    "</fonts>",
    "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>",
    "<fill><patternFill patternType=\"gray125\"/></fill></fills>",
    "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>",
    "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>",
    "<cellXfs count=\"7\">",
    "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>",
    "<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
    "<xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
    "<xf numFmtId=\"165\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
    "<xf numFmtId=\"1\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
    "<xf numFmtId=\"49\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyFont=\"1\"/>",
    "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" quotePrefix=\"1\"/>",
    "</cellXfs>",
    "<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>",
    "</styleSheet>",
);

pub const SHEET_START: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">",
);

pub const RELATIONS: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
    "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>",
    "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>",
    "<Relationship Id=\"rId3\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/extended-properties\" Target=\"docProps/app.xml\"/>",
    "</Relationships>",
);

pub const APP: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\">",
    "<Application>rowhook</Application></Properties>",
);

/// Who made the workbook, and when.
pub fn core(about: &About) -> String {
    format!(
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
            "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\"",
            " xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\"",
            " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">",
            "<dc:title>{}</dc:title><dc:creator>rowhook</dc:creator>",
            "<dcterms:created xsi:type=\"dcterms:W3CDTF\">{}</dcterms:created>",
            "</cp:coreProperties>",
        ),
        escaped(&about.title),
        about.made_at,
    )
}

/// Where the sheet of this number, from 1, is in the archive.
pub fn sheet_path(number: usize) -> String {
    format!("xl/worksheets/sheet{number}.xml")
}

/// The types of all parts, with so many sheets.
pub fn content_types(sheets: usize) -> String {
    let mut xml = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">",
        "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>",
        "<Default Extension=\"xml\" ContentType=\"application/xml\"/>",
        "<Override PartName=\"/docProps/app.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.extended-properties+xml\"/>",
        "<Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>",
        "<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>",
        "<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>",
    ));
    for number in 1..=sheets {
        let _ = write!(
            xml,
            "<Override PartName=\"/{}\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>",
            sheet_path(number)
        );
    }
    xml.push_str("</Types>");
    xml
}

/// Which part is which of the workbook's.
pub fn workbook_relations(sheets: usize) -> String {
    const KIND: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let mut xml = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
    ));
    for number in 1..=sheets {
        let _ = write!(
            xml,
            "<Relationship Id=\"rId{number}\" Type=\"{KIND}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
        );
    }
    let _ = write!(
        xml,
        "<Relationship Id=\"rId{}\" Type=\"{KIND}/styles\" Target=\"styles.xml\"/></Relationships>",
        sheets + 1
    );
    xml
}

/// The list of sheets, the one about the workbook behind those with rows; and the ranges that are filtered, by the hidden
/// name under which spreadsheets keep them.
pub fn workbook(sheets: &[Written]) -> String {
    let mut xml = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
        "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"",
        " xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">",
        "<bookViews><workbookView/></bookViews><sheets>",
    ));
    let names = sheets.iter().map(|sheet| sheet.name.as_str());
    for (number, name) in (1..).zip(names.chain([ABOUT])) {
        let name = escaped(name);
        let _ = write!(
            xml,
            "<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>"
        );
    }
    xml.push_str("</sheets>");
    let filtered = |sheet: &&Written| sheet.columns > 0;
    if sheets.iter().any(|sheet| filtered(&sheet)) {
        xml.push_str("<definedNames>");
        for (i, sheet) in sheets.iter().enumerate().filter(|(_, s)| filtered(s)) {
            let name = escaped(&sheet.name.replace('\'', "''"));
            let last = column_name(sheet.columns - 1);
            let _ = write!(
                xml,
                "<definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"{i}\" hidden=\"1\">'{name}'!$A$1:${last}${}</definedName>",
                sheet.rows
            );
        }
        xml.push_str("</definedNames>");
    }
    xml.push_str("</workbook>");
    xml
}

fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    escape(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The name of the sheet that tells about the workbook.
pub const ABOUT: &str = "About";
/// Characters of a sheet's name.
const NAME_MAX: usize = 31;

/// A name for the sheet of a group of columns, from 0, and of a stretch of rows, from 0, that says whose rows they are.
///
/// `base` keeps no comma, and so no two sheets of a workbook get one name, also where it is cut.
pub fn sheet_name(base: &str, group: usize, stretch: usize) -> String {
    let mut more = String::new();
    if group > 0 {
        let _ = write!(more, ", columns {}", group + 1);
    }
    if stretch > 0 {
        let _ = write!(more, ", rows {}", stretch + 1);
    }
    let kept = |letter: char| match letter {
        '[' | ']' | ':' | '*' | '?' | '/' | '\\' | ',' | '\u{FFFE}' | '\u{FFFF}' => '_',
        _ if letter.is_control() => '_',
        _ => letter,
    };
    let mut base: String = base.chars().map(kept).collect();
    // Names that are taken: Excel's own, and the one that is written last. Case does not tell names apart.
    let taken = |name: &&str| base.trim_matches(['\'', ' ']).eq_ignore_ascii_case(name);
    if ["", "history", ABOUT].iter().any(taken) {
        base.push_str(" rows");
    }
    let base = start(
        base.trim_matches(['\'', ' ']),
        NAME_MAX.saturating_sub(length(&more)),
    );
    format!("{}{more}", base.trim_end_matches(['\'', ' ']))
}
