//! A second, naive implementation of the rules that turn payloads into a table: the oracle of the property tests.
//!
//! It is written from the contract alone and uses nothing of the library. It looks everything up by walking through
//! lists, keeps no state between calls, and is meant to be checked by reading.

/// A JSON value that keeps what the sender wrote: key order, repeated keys, digits, escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    /// The text as sent.
    Number(String),
    Text {
        /// Decoded; an escaped lone surrogate is U+FFFD.
        text: String,
        /// As sent, with the quotes.
        raw: String,
    },
    Array {
        items: Vec<Value>,
        /// As sent, without insignificant white space.
        raw: String,
    },
    Object(Vec<(String, Value)>),
}

/// What the table depends on besides the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The preset `lessonly`; otherwise `generic`.
    pub lessonly: bool,
    /// The number of columns in all that is not exceeded, `more` included.
    pub columns_max: usize,
    /// Whether what a spreadsheet would run as a formula gets a `'`.
    pub guard: bool,
}

/// One stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub received_at: String,
    pub id: String,
    /// A JSON object, as text.
    pub payload: String,
}

/// What a column holds: the `occurrence`-th value (from 1) that an event has at `path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub path: Vec<String>,
    pub occurrence: usize,
}

/// The header, then one row an event, with the cells as a CSV reader would give them back.
///
/// `start` are the columns that the day starts with after the pinned ones, in their order. They are named anew, first
/// come first; those there is no room for are left out.
pub fn table(rules: &Rules, start: &[Column], events: &[Event]) -> Vec<Vec<String>> {
    let (sheet, rows) = sheet(rules, start, events);
    let mut table = vec![sheet.header];
    table.extend(rows);
    table
}

/// The columns that the day after this one starts with: all but the pinned ones and `more` that have a cell with text.
pub fn carried(rules: &Rules, start: &[Column], events: &[Event]) -> Vec<Column> {
    let (sheet, rows) = sheet(rules, start, events);
    let pinned = Sheet::new(rules).slots.len();
    let mut carried = Vec::new();
    for (at, slot) in sheet.slots.iter().enumerate().skip(pinned) {
        if let Slot::Leaf(column) = slot
            && rows.iter().any(|row| !row[at].is_empty())
        {
            carried.push(column.clone());
        }
    }
    carried
}

fn sheet(rules: &Rules, start: &[Column], events: &[Event]) -> (Sheet, Vec<Vec<String>>) {
    let events: Vec<(&Event, Vec<(Column, Value)>)> = events
        .iter()
        .map(|event| (event, leaves(&parse(&event.payload))))
        .collect();

    // First all the columns …
    let mut sheet = Sheet::new(rules);
    for column in start {
        if !sheet.has(column) && sheet.has_room(rules) {
            sheet.add(rules, column);
        }
    }
    for (_, leaves) in &events {
        let (custom, other): (Vec<_>, Vec<_>) = leaves
            .iter()
            .partition(|(column, _)| is_custom_field(rules, &column.path));
        for (column, _) in custom.into_iter().chain(other) {
            if sheet.has(column) {
                continue;
            }
            if sheet.has_room(rules) {
                sheet.add(rules, column);
            } else if !sheet.slots.contains(&Slot::More) {
                sheet.slots.push(Slot::More);
                sheet.header.push("more".to_owned());
            }
        }
    }

    // … then all the cells. A column never goes away and never moves, so that the final ones serve for all rows.
    let rows = events
        .iter()
        .map(|(event, leaves)| {
            let cell_of = |slot: &Slot| match slot {
                Slot::ReceivedAt => event.received_at.clone(),
                Slot::EventId => event.id.clone(),
                Slot::Leaf(wanted) => leaves
                    .iter()
                    .find(|(column, _)| column == wanted)
                    .map_or(String::new(), |(_, value)| cell(rules, value)),
                Slot::More => more_cell(rules, &sheet, leaves),
            };
            sheet.slots.iter().map(cell_of).collect()
        })
        .collect();
    (sheet, rows)
}

// ---------------------------------------------------------------------------------------------------------- columns

const PINNED_LESSONLY: [&str; 15] = [
    "received_at",
    "user.ext_uid",
    "user.id",
    "user.name",
    "user.email",
    "lesson.id",
    "lesson.title",
    "lesson.retake_score",
    "score",
    "score_percent",
    "started_at",
    "completed_at",
    "assigned_at",
    "report_card_url",
    "event_id",
];
const PINNED_GENERIC: [&str; 2] = ["received_at", "event_id"];

/// Names that are never free, whether or not there is such a column.
const RESERVED: [&str; 3] = ["received_at", "event_id", "more"];

/// Where the cells of a column come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    ReceivedAt,
    EventId,
    Leaf(Column),
    More,
}

/// The columns and, in the same order, their names.
#[derive(Debug)]
struct Sheet {
    slots: Vec<Slot>,
    header: Vec<String>,
}

impl Sheet {
    /// The pinned columns.
    fn new(rules: &Rules) -> Sheet {
        let pinned: &[&str] = if rules.lessonly {
            &PINNED_LESSONLY
        } else {
            &PINNED_GENERIC
        };
        let slot_of = |name: &str| match name {
            "received_at" => Slot::ReceivedAt,
            "event_id" => Slot::EventId,
            path => Slot::Leaf(Column {
                path: path.split('.').map(str::to_owned).collect(),
                occurrence: 1,
            }),
        };
        Sheet {
            slots: pinned.iter().map(|name| slot_of(name)).collect(),
            header: pinned.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn has(&self, column: &Column) -> bool {
        self.slots.contains(&Slot::Leaf(column.clone()))
    }

    /// Whether one column more may be added: not after `more`, and a place is kept for it.
    fn has_room(&self, rules: &Rules) -> bool {
        !self.slots.contains(&Slot::More) && self.slots.len() + 2 <= rules.columns_max
    }

    fn add(&mut self, rules: &Rules, column: &Column) {
        let name = self.free_name(rules, &column.path);
        self.slots.push(Slot::Leaf(column.clone()));
        self.header.push(name);
    }

    fn free_name(&self, rules: &Rules, path: &[String]) -> String {
        let whole = path.join(".");
        let first = if is_custom_field(rules, path) && !path[2].is_empty() {
            path[2..].join(".")
        } else {
            whole.clone()
        };
        let numbered = (2..).map(|n| format!("{whole} ({n})"));
        [first, whole.clone()]
            .into_iter()
            .chain(numbered)
            .map(|name| guarded(rules, &name))
            .find(|name| !RESERVED.contains(&name.as_str()) && !self.header.contains(name))
            .expect("the numbers do not run out")
    }
}

/// Whether the path lies under (and is not itself) `user.custom_fields`, and that means something to the preset.
fn is_custom_field(rules: &Rules, path: &[String]) -> bool {
    rules.lessonly && path.len() > 2 && path[0] == "user" && path[1] == "custom_fields"
}

/// All that is not an object, in order of appearance. An empty object leaves nothing.
fn leaves(payload: &Value) -> Vec<(Column, Value)> {
    let mut found = Vec::new();
    assert!(
        matches!(payload, Value::Object(_)),
        "a payload is an object"
    );
    collect_leaves(&[], payload, &mut found);
    found
}

fn collect_leaves(path: &[String], value: &Value, found: &mut Vec<(Column, Value)>) {
    if let Value::Object(members) = value {
        for (key, member) in members {
            let mut longer = path.to_vec();
            longer.push(key.clone());
            collect_leaves(&longer, member, found);
        }
    } else {
        let before = found.iter().filter(|(c, _)| c.path == path).count();
        let column = Column {
            path: path.to_vec(),
            occurrence: before + 1,
        };
        found.push((column, value.clone()));
    }
}

// ------------------------------------------------------------------------------------------------------------ cells

fn cell(rules: &Rules, value: &Value) -> String {
    match value {
        // Numbers and truth values are never guarded.
        Value::Null | Value::Bool(_) | Value::Number(_) => scalar(value).expect("a scalar"),
        Value::Text { text, .. } => guarded(rules, text),
        Value::Array { items, raw } => {
            let scalars: Option<Vec<String>> = items.iter().map(scalar).collect();
            let text = scalars.map_or(raw.clone(), |texts| texts.join("; "));
            guarded(rules, &text)
        }
        Value::Object(_) => panic!("an object has no cell"),
    }
}

/// The text of a scalar, not guarded; nothing for an array or an object.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(text) | Value::Text { text, .. } => Some(text.clone()),
        Value::Array { .. } | Value::Object(_) => None,
    }
}

/// One JSON object of what the event has and no column takes, in order of appearance.
fn more_cell(rules: &Rules, sheet: &Sheet, leaves: &[(Column, Value)]) -> String {
    let members: Vec<String> = leaves
        .iter()
        .filter(|(column, _)| !sheet.has(column))
        .map(|(column, value)| format!("{}:{}", quoted(&column.path.join(".")), raw(value)))
        .collect();
    if members.is_empty() {
        String::new()
    } else {
        guarded(rules, &format!("{{{}}}", members.join(",")))
    }
}

/// The value as it was sent, without insignificant white space.
fn raw(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(raw) | Value::Text { raw, .. } | Value::Array { raw, .. } => raw.clone(),
        Value::Object(_) => panic!("an object is taken apart"),
    }
}

/// A JSON string that escapes only what it must.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\u{1f}' => json.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            _ => json.push(c),
        }
    }
    json.push('"');
    json
}

// ------------------------------------------------------------------------------------------------------------ guard

/// What a spreadsheet takes for the start of a formula: ASCII, white space that it strips, full-width.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn guarded(rules: &Rules, text: &str) -> String {
    if !rules.guard || is_plain_number(text) {
        return text.to_owned();
    }
    let mut safe = String::new();
    let mut before = None;
    for c in text.chars() {
        if matches!(before, None | Some(';' | '\t')) && FORMULA_STARTS.contains(&c) {
            safe.push('\'');
        }
        safe.push(c);
        before = Some(c);
    }
    safe
}

/// `[+-]?\d+(\.\d+)?([eE][+-]?\d+)?`, the whole text, ASCII digits.
fn is_plain_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa = without_sign(mantissa);
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    is_digits(whole)
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|exponent| is_digits(without_sign(exponent)))
}

fn without_sign(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

// ------------------------------------------------------------------------------------------------------------- JSON

/// Reads valid JSON.
///
/// # Panics
///
/// May do so on anything else.
pub fn parse(text: &str) -> Value {
    let mut reader = Reader {
        chars: compact(text).chars().collect(),
        at: 0,
    };
    let value = reader.value();
    assert_eq!(reader.at, reader.chars.len(), "something follows the value");
    value
}

/// The text without the white space outside of its strings.
fn compact(text: &str) -> String {
    let mut compact = String::new();
    let mut in_string = false;
    let mut escaped = false;
    for c in text.chars() {
        if in_string {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == '"' {
                in_string = false;
            }
        } else if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else if c == '"' {
            in_string = true;
        }
        compact.push(c);
    }
    compact
}

/// Reads compact JSON from left to right.
struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> char {
        self.chars[self.at]
    }

    fn next(&mut self) -> char {
        let c = self.peek();
        self.at += 1;
        c
    }

    /// Steps over the character if it is the next one.
    fn skip(&mut self, c: char) -> bool {
        let found = self.peek() == c;
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, text: &str) {
        for c in text.chars() {
            assert_eq!(self.next(), c, "not JSON");
        }
    }

    fn raw_since(&self, start: usize) -> String {
        self.chars[start..self.at].iter().collect()
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            'n' => {
                self.expect("null");
                Value::Null
            }
            't' => {
                self.expect("true");
                Value::Bool(true)
            }
            'f' => {
                self.expect("false");
                Value::Bool(false)
            }
            '"' => {
                let start = self.at;
                let text = self.string();
                Value::Text {
                    text,
                    raw: self.raw_since(start),
                }
            }
            '[' => self.array(),
            '{' => self.object(),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        while self.at < self.chars.len()
            && matches!(self.peek(), '0'..='9' | '+' | '-' | '.' | 'e' | 'E')
        {
            self.at += 1;
        }
        assert!(self.at > start, "not JSON");
        Value::Number(self.raw_since(start))
    }

    fn array(&mut self) -> Value {
        let start = self.at;
        let mut items = Vec::new();
        self.expect("[");
        if !self.skip(']') {
            loop {
                items.push(self.value());
                if self.skip(']') {
                    break;
                }
                self.expect(",");
            }
        }
        Value::Array {
            items,
            raw: self.raw_since(start),
        }
    }

    fn object(&mut self) -> Value {
        let mut members = Vec::new();
        self.expect("{");
        if !self.skip('}') {
            loop {
                let key = self.string();
                self.expect(":");
                members.push((key, self.value()));
                if self.skip('}') {
                    break;
                }
                self.expect(",");
            }
        }
        Value::Object(members)
    }

    /// Decodes into UTF-16, which is what the escapes are in; what is left alone there becomes U+FFFD.
    fn string(&mut self) -> String {
        let mut units: Vec<u16> = Vec::new();
        self.expect("\"");
        loop {
            let c = match self.next() {
                '"' => return String::from_utf16_lossy(&units),
                '\\' => match self.next() {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let digits: String = (0..4).map(|_| self.next()).collect();
                        units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
                        continue;
                    }
                    c @ ('"' | '\\' | '/') => c,
                    c => panic!("not JSON: \\{c}"),
                },
                c => c,
            };
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
    }
}

// ------------------------------------------------------------------------------------------------------------ tests

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payloads;

    const GENERIC: Rules = Rules {
        lessonly: false,
        columns_max: 1000,
        guard: true,
    };
    const LESSONLY: Rules = Rules {
        lessonly: true,
        ..GENERIC
    };

    fn events(payloads: &[impl AsRef<str>]) -> Vec<Event> {
        (1..)
            .zip(payloads)
            .map(|(n, payload)| Event {
                received_at: format!("t{n}"),
                id: format!("i{n}"),
                payload: payload.as_ref().to_owned(),
            })
            .collect()
    }

    fn column(path: &[&str], occurrence: usize) -> Column {
        Column {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            occurrence,
        }
    }

    /// The table without its pinned columns.
    fn rest(rules: &Rules, start: &[Column], payloads: &[&str]) -> Vec<Vec<String>> {
        let pinned = if rules.lessonly { 15 } else { 2 };
        let mut table = table(rules, start, &events(payloads));
        for row in &mut table {
            row.drain(..pinned);
        }
        table
    }

    /// The cell that `{"a":…}` gives.
    fn cell_of(json: &str) -> String {
        let table = rest(&GENERIC, &[], &[&format!("{{\"a\":{json}}}")]);
        assert_eq!(table[0], ["a"]);
        table[1][0].clone()
    }

    /// The names that one payload gives after the pinned ones.
    fn names_of(rules: &Rules, payload: &str) -> Vec<String> {
        rest(rules, &[], &[payload]).remove(0)
    }

    #[test]
    fn json_keeps_what_was_sent() {
        assert_eq!(
            parse("{ \"a\" : [ 1.0 , \"\\u0061 \\\" b\" ] ,\n\"a\":null,\"b\":-1E+2,\"c\":true}"),
            Value::Object(vec![
                (
                    "a".to_owned(),
                    Value::Array {
                        items: vec![
                            Value::Number("1.0".to_owned()),
                            Value::Text {
                                text: "a \" b".to_owned(),
                                raw: "\"\\u0061 \\\" b\"".to_owned()
                            },
                        ],
                        raw: "[1.0,\"\\u0061 \\\" b\"]".to_owned()
                    }
                ),
                ("a".to_owned(), Value::Null),
                ("b".to_owned(), Value::Number("-1E+2".to_owned())),
                ("c".to_owned(), Value::Bool(true)),
            ])
        );
        assert_eq!(parse(" 7 "), Value::Number("7".to_owned()));
    }

    #[test]
    fn strings_are_decoded() {
        assert_eq!(
            cell_of(r#""\"\\\/\b\f\n\r\tA\u00e9é""#),
            "\"\\/\u{8}\u{c}\n\r\tAéé"
        );
        assert_eq!(cell_of(r#""\ud83d\ude00\uD83D\uDE00😀""#), "😀😀😀");
        assert_eq!(cell_of(r#""x\ud800""#), "x\u{fffd}");
        assert_eq!(cell_of(r#""\udc00x""#), "\u{fffd}x");
        assert_eq!(cell_of(r#""\ud800\ud801""#), "\u{fffd}\u{fffd}");
        assert_eq!(cell_of(r#""\ud800\ud83d\ude00""#), "\u{fffd}😀");
        assert_eq!(cell_of(r#""\ude00\ud83d""#), "\u{fffd}\u{fffd}");
        assert_eq!(cell_of(r#""\ud800\\udc00""#), "\u{fffd}\\udc00");
        assert_eq!(cell_of(r#""\u0000""#), "\0");
    }

    #[test]
    fn generic_takes_paths_in_first_seen_order() {
        assert_eq!(
            table(
                &GENERIC,
                &[],
                &events(&[
                    r#"{"z":1,"a":{"c":2,"b":{"d":3}}}"#,
                    r#"{"new":4,"a":{"b":{"d":5},"b2":6},"z":7}"#,
                    "{}",
                ])
            ),
            [
                vec![
                    "received_at",
                    "event_id",
                    "z",
                    "a.c",
                    "a.b.d",
                    "new",
                    "a.b2"
                ],
                vec!["t1", "i1", "1", "2", "3", "", ""],
                vec!["t2", "i2", "7", "", "5", "4", "6"],
                vec!["t3", "i3", "", "", "", "", ""],
            ]
        );
    }

    #[test]
    fn lessonly_pins_and_expands() {
        let payload = r#"{"score":9.50,"extra":1,"user":{"id":7,"custom_fields":{"Department":"Sales","Address":{"city":"Bonn"}},"name":"N","nick":"n"},"lesson":{"title":"T"}}"#;
        assert_eq!(
            table(&LESSONLY, &[], &events(&[payload])),
            [
                vec![
                    "received_at",
                    "user.ext_uid",
                    "user.id",
                    "user.name",
                    "user.email",
                    "lesson.id",
                    "lesson.title",
                    "lesson.retake_score",
                    "score",
                    "score_percent",
                    "started_at",
                    "completed_at",
                    "assigned_at",
                    "report_card_url",
                    "event_id",
                    "Department",
                    "Address.city",
                    "extra",
                    "user.nick",
                ],
                vec![
                    "t1", "", "7", "N", "", "", "T", "", "9.50", "", "", "", "", "", "i1", "Sales",
                    "Bonn", "1", "n",
                ],
            ]
        );
    }

    #[test]
    fn custom_fields_come_first_within_an_event_only() {
        assert_eq!(
            rest(
                &LESSONLY,
                &[],
                &[
                    r#"{"x":1,"user":{"custom_fields":{"A":2}}}"#,
                    r#"{"y":3,"user":{"custom_fields":{"B":4,"A":5,"C":6}}}"#,
                ]
            ),
            [
                vec!["A", "x", "B", "C", "y"],
                vec!["2", "1", "", "", ""],
                vec!["5", "", "4", "6", "3"],
            ]
        );
    }

    #[test]
    fn generic_knows_no_custom_fields() {
        assert_eq!(
            names_of(&GENERIC, r#"{"x":1,"user":{"custom_fields":{"A":2}}}"#),
            ["x", "user.custom_fields.A"]
        );
    }

    #[test]
    fn custom_fields_that_are_no_object_are_an_ordinary_column() {
        for (json, text) in [
            ("1", "1"),
            ("null", ""),
            ("[]", ""),
            (r#"[{"A":1}]"#, r#"[{"A":1}]"#),
        ] {
            assert_eq!(
                rest(
                    &LESSONLY,
                    &[],
                    &[&format!(r#"{{"x":1,"user":{{"custom_fields":{json}}}}}"#)]
                ),
                [["x", "user.custom_fields"], ["1", text]]
            );
        }
    }

    #[test]
    fn only_the_real_path_makes_a_custom_field() {
        assert_eq!(
            names_of(
                &LESSONLY,
                r#"{"user.custom_fields":{"A":1},"custom_fields":{"A":2},"x":{"user":{"custom_fields":{"A":3}}}}"#
            ),
            [
                "user.custom_fields.A",
                "custom_fields.A",
                "x.user.custom_fields.A"
            ]
        );
    }

    #[test]
    fn an_empty_custom_field_name_takes_its_whole_path() {
        assert_eq!(
            names_of(
                &LESSONLY,
                r#"{"user":{"custom_fields":{"":1,"a":{"":2},"b":{"":{"c":3}}}},"":4}"#
            ),
            ["user.custom_fields.", "a.", "b..c", ""]
        );
        assert_eq!(
            names_of(&LESSONLY, r#"{"user":{"custom_fields":{"":{"a":1}}}}"#),
            ["user.custom_fields..a"]
        );
    }

    #[test]
    fn taken_names() {
        // The keys a.b and a, b are two columns.
        assert_eq!(
            rest(
                &GENERIC,
                &[],
                &[
                    r#"{"a":{"b":1},"a.b":2}"#,
                    r#"{"a.b":3,"a":{"b":4}}"#,
                    r#"{"a.b (2)":5}"#
                ]
            ),
            [
                ["a.b", "a.b (2)", "a.b (2) (2)"],
                ["1", "2", ""],
                ["4", "3", ""],
                ["", "", "5"]
            ]
        );
        // Three ways to one name, one of which was there already.
        assert_eq!(
            names_of(
                &GENERIC,
                r#"{"a.b.c (2)":0,"a":{"b":{"c":1}},"a.b":{"c":2},"a.b.c":3}"#
            ),
            ["a.b.c (2)", "a.b.c", "a.b.c (3)", "a.b.c (4)"]
        );
    }

    #[test]
    fn reserved_names() {
        assert_eq!(
            rest(
                &GENERIC,
                &[],
                &[
                    r#"{"received_at":1,"event_id":2,"more":3,"received_at (2)":4}"#,
                    r#"{"more":5}"#
                ]
            ),
            [
                [
                    "received_at (2)",
                    "event_id (2)",
                    "more (2)",
                    "received_at (2) (2)"
                ],
                ["1", "2", "3", "4"],
                ["", "", "5", ""],
            ]
        );
        assert_eq!(
            names_of(
                &LESSONLY,
                r#"{"user":{"custom_fields":{"received_at":1,"event_id":2,"more":3,"score":4,"user":{"id":5}}},"user.id":6}"#
            ),
            [
                "user.custom_fields.received_at",
                "user.custom_fields.event_id",
                "user.custom_fields.more",
                "user.custom_fields.score",
                "user.custom_fields.user.id",
                "user.id (2)",
            ]
        );
    }

    #[test]
    fn a_custom_field_that_comes_late_takes_its_whole_path() {
        assert_eq!(
            rest(
                &LESSONLY,
                &[],
                &[
                    r#"{"A":1}"#,
                    r#"{"user.custom_fields.A":2}"#,
                    r#"{"user":{"custom_fields":{"A":3}}}"#,
                ]
            ),
            [
                ["A", "user.custom_fields.A", "user.custom_fields.A (2)"],
                ["1", "", ""],
                ["", "2", ""],
                ["", "", "3"],
            ]
        );
        // And the other way round.
        assert_eq!(
            names_of(&LESSONLY, r#"{"A":1,"user":{"custom_fields":{"A":3}}}"#),
            ["A", "A (2)"]
        );
    }

    #[test]
    fn repeated_keys() {
        assert_eq!(
            rest(
                &GENERIC,
                &[],
                &[
                    r#"{"a":1,"b":2,"a":3,"\u0061":4}"#,
                    r#"{"a":5}"#,
                    r#"{"a":6,"a":7}"#
                ]
            ),
            [
                ["a", "b", "a (2)", "a (3)"],
                ["1", "2", "3", "4"],
                ["5", "", "", ""],
                ["6", "", "7", ""],
            ]
        );
        // In repeated ancestors.
        assert_eq!(
            rest(
                &GENERIC,
                &[],
                &[r#"{"o":{"a":1,"b":2},"o":{"a":3},"o":4,"o":{},"o":5}"#]
            ),
            [
                ["o.a", "o.b", "o.a (2)", "o", "o (2)"],
                ["1", "2", "3", "4", "5"]
            ]
        );
        // Of custom fields.
        assert_eq!(
            names_of(
                &LESSONLY,
                r#"{"user":{"custom_fields":{"A":1,"A":2},"custom_fields":{"A":3}}}"#
            ),
            ["A", "user.custom_fields.A", "user.custom_fields.A (2)"]
        );
        // Keys that differ only in what cannot be told apart once decoded.
        assert_eq!(
            names_of(&GENERIC, r#"{"\ud800":1,"\ud801":2,"\ufffd":3}"#),
            ["\u{fffd}", "\u{fffd} (2)", "\u{fffd} (3)"]
        );
    }

    #[test]
    fn empty_values_make_columns_but_objects_do_not() {
        assert_eq!(
            rest(
                &GENERIC,
                &[],
                &[
                    r#"{"n":null,"e":[],"o":{},"p":{"q":{}},"s":""}"#,
                    r#"{"o":1,"n":{}}"#
                ]
            ),
            [["n", "e", "s", "o"], ["", "", "", ""], ["", "", "", "1"]]
        );
    }

    #[test]
    fn cells() {
        for digits in [
            "100.0",
            "1e400",
            "-0",
            "-1.50E-07",
            "123456789012345678901234567890",
        ] {
            assert_eq!(cell_of(digits), digits);
        }
        assert_eq!(cell_of("true"), "true");
        assert_eq!(cell_of("false"), "false");
        assert_eq!(cell_of(r#"" a, \"b\" ""#), " a, \"b\" ");
        assert_eq!(
            cell_of(r#"[1.0, "x", null, true, "", "y"]"#),
            "1.0; x; ; true; ; y"
        );
        assert_eq!(cell_of("[null]"), "");
        assert_eq!(cell_of("[[]]"), "[[]]");
        assert_eq!(cell_of("[ { } ]"), "[{}]");
        assert_eq!(
            cell_of(r#"[ 1, {"k" : "\u0061 \/ b\ud800"}, [ 1.0 ] ]"#),
            r#"[1,{"k":"\u0061 \/ b\ud800"},[1.0]]"#
        );
    }

    #[test]
    fn guard_of_the_first_character() {
        for start in [
            "=", "+", "-", "@", "\\t", "\\r", "\\n", "＝", "＋", "－", "＠",
        ] {
            let decoded = start
                .replace("\\t", "\t")
                .replace("\\r", "\r")
                .replace("\\n", "\n");
            assert_eq!(cell_of(&format!("\"{start}\"")), format!("'{decoded}"));
            assert_eq!(cell_of(&format!("\"{start}x\"")), format!("'{decoded}x"));
            assert_eq!(cell_of(&format!("\"x{start}x\"")), format!("x{decoded}x"));
            assert_eq!(cell_of(&format!("\" {start}x\"")), format!(" {decoded}x"));
        }
        assert_eq!(cell_of(r#""'=x""#), "'=x");
        assert_eq!(cell_of(r#""==x""#), "'==x");
    }

    #[test]
    fn guard_lets_plain_numbers_pass() {
        for number in ["-1", "+1", "+49", "-1.5", "+1e5", "-1.5E-07", "-007", "-0"] {
            assert_eq!(cell_of(&format!("\"{number}\"")), number);
        }
        for other in [
            "-", "+", "-1.", "-.5", "-1e", "-1e+", "-1.5.5", "--1", "+-1", "-1 ", "-1e5e5",
            "-1e1.5", "-١", "-1,5", "+49 30", "-e5", "－1",
        ] {
            assert_eq!(cell_of(&format!("\"{other}\"")), format!("'{other}"));
        }
        assert_eq!(cell_of(r#""-1\n""#), "'-1\n");
        assert_eq!(cell_of(r#""1;-1""#), "1;'-1");
        assert_eq!(cell_of(r#""-1;-1""#), "'-1;'-1");
        assert_eq!(cell_of("-1"), "-1");
    }

    #[test]
    fn guard_after_semicolon_and_tab() {
        assert_eq!(cell_of(r#""a;=b;+c; -d;e""#), "a;'=b;'+c; -d;e");
        assert_eq!(cell_of(r#""a\t=b""#), "a\t'=b");
        assert_eq!(cell_of(r#""a\t\tb""#), "a\t'\tb");
        assert_eq!(cell_of(r#""a;\t=b""#), "a;'\t'=b");
        assert_eq!(cell_of(r#""\t=b""#), "'\t'=b");
        assert_eq!(cell_of(r#"";=b""#), ";'=b");
        assert_eq!(cell_of(r#"";;=b;""#), ";;'=b;");
        assert_eq!(cell_of(r#""a;＝b;\nc""#), "a;'＝b;'\nc");
        assert_eq!(cell_of(r#""a;'=b""#), "a;'=b");
    }

    #[test]
    fn guard_of_arrays() {
        assert_eq!(cell_of(r#"["=a","=b"]"#), "'=a; =b");
        assert_eq!(cell_of("[-1]"), "-1");
        assert_eq!(cell_of("[-1,-2]"), "'-1; -2");
        assert_eq!(cell_of(r#"["a;=b"]"#), "a;'=b");
        assert_eq!(cell_of(r#"[null,"=b"]"#), "; =b");
        assert_eq!(cell_of(r#"[["a;=b"]]"#), r#"[["a;'=b"]]"#);
        assert_eq!(cell_of(r#"[["\t=b"]]"#), r#"[["\t=b"]]"#);
    }

    #[test]
    fn guard_of_headers() {
        assert_eq!(
            names_of(&GENERIC, r#"{"=x":1,"'=x":2,"a;=b":3,"x":{"=y":4}}"#),
            ["'=x", "'=x (2)", "a;'=b", "x.=y"]
        );
        assert_eq!(
            names_of(&GENERIC, r#"{"'=x":1,"=x":2}"#),
            ["'=x", "'=x (2)"]
        );
        // Alone it is a plain number, with what is appended it is not.
        assert_eq!(names_of(&GENERIC, r#"{"-1":1,"-1":2}"#), ["-1", "'-1 (2)"]);
        assert_eq!(
            names_of(
                &LESSONLY,
                r#"{"'=x":1,"user":{"custom_fields":{"=x":2,"-1":3}}}"#
            ),
            ["'=x", "-1", "'=x (2)"]
        );
    }

    #[test]
    fn guard_may_be_off() {
        let rules = Rules {
            guard: false,
            ..GENERIC
        };
        assert_eq!(
            rest(&rules, &[], &[r#"{"=x":"=1","'=x":"a;=b"}"#]),
            [["=x", "'=x"], ["=1", "a;=b"]]
        );
    }

    #[test]
    fn guard_leaves_the_pinned_cells_of_the_event_alone() {
        let event = Event {
            received_at: "-t".to_owned(),
            id: "=i".to_owned(),
            payload: "{}".to_owned(),
        };
        assert_eq!(table(&GENERIC, &[], &[event])[1], ["-t", "=i"]);
    }

    #[test]
    fn more_takes_what_has_no_place() {
        let rules = Rules {
            columns_max: 5,
            ..GENERIC
        };
        // A place is kept for `more`: two of ours, two of theirs, and it.
        assert_eq!(
            rest(&rules, &[], &[r#"{"a":1,"b":2}"#]),
            [["a", "b"], ["1", "2"]]
        );
        assert_eq!(
            rest(
                &rules,
                &[],
                &[
                    r#"{"a":1}"#,
                    r#"{ "b":2, "c":{ "d":"\u0061;=b", "e":[ ], "f":null, "g":{} }, "a":3, "a":4, "a":1.0 }"#,
                    r#"{"a":5}"#,
                    r#"{"z":[ {"k" : 1} ],"more":true}"#,
                ]
            ),
            [
                ["a", "b", "more"],
                ["1", "", ""],
                [
                    "3",
                    "2",
                    r#"{"c.d":"\u0061;'=b","c.e":[],"c.f":null,"a":4,"a":1.0}"#
                ],
                ["5", "", ""],
                ["", "", r#"{"z":[{"k":1}],"more":true}"#],
            ]
        );
    }

    #[test]
    fn more_escapes_no_more_of_a_key_than_it_must() {
        let rules = Rules {
            columns_max: 3,
            ..GENERIC
        };
        assert_eq!(
            rest(
                &rules,
                &[],
                &[r#"{"\u0022\\\/\b\f\n\r\t\u0000\u001F\u007f\u00e9\ud800😀":"\u0022\/"}"#]
            )[1],
            ["{\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é\u{fffd}😀\":\"\\u0022\\/\"}"]
        );
    }

    #[test]
    fn more_has_custom_fields_under_their_whole_path() {
        let rules = Rules {
            columns_max: 17,
            ..LESSONLY
        };
        // The one place goes to the custom field though it comes later; what is left keeps the order it was sent in.
        assert_eq!(
            rest(
                &rules,
                &[],
                &[r#"{"x":1,"user":{"custom_fields":{"A":2,"B":3}}}"#]
            ),
            [["A", "more"], ["2", r#"{"x":1,"user.custom_fields.B":3}"#]]
        );
    }

    #[test]
    fn start_columns_come_after_the_pinned_ones() {
        let start = [
            column(&["b"], 1),
            column(&["a", "b"], 1),
            column(&["a.b"], 1),
            column(&["b"], 2),
        ];
        assert_eq!(
            table(
                &GENERIC,
                &start,
                &events(&[r#"{"c":1,"a.b":2,"b":3,"b":4}"#])
            ),
            [
                [
                    "received_at",
                    "event_id",
                    "b",
                    "a.b",
                    "a.b (2)",
                    "b (2)",
                    "c"
                ],
                ["t1", "i1", "3", "", "2", "4", "1"],
            ]
        );
        assert_eq!(
            table(&GENERIC, &start, &[]),
            [["received_at", "event_id", "b", "a.b", "a.b (2)", "b (2)"]]
        );
        // What is pinned does not come twice, custom fields have their own names.
        assert_eq!(
            rest(
                &LESSONLY,
                &[
                    column(&["user", "id"], 1),
                    column(&["user", "custom_fields", "A"], 1)
                ],
                &[]
            ),
            [["A"]]
        );
    }

    #[test]
    fn carried_columns_had_a_value() {
        let events = events(&[
            r#"{"a":1,"n":null,"e":[],"s":"","o":{"p":"x"},"a":null,"b":0}"#,
            r#"{"a":2,"a":false}"#,
        ]);
        let start = [column(&["gone"], 1), column(&["b"], 1)];
        let carried = carried(&GENERIC, &start, &events);
        assert_eq!(
            carried,
            [
                column(&["b"], 1),
                column(&["a"], 1),
                column(&["o", "p"], 1),
                column(&["a"], 2)
            ]
        );
        assert_eq!(
            table(&GENERIC, &carried, &[])[0],
            ["received_at", "event_id", "b", "a", "o.p", "a (2)"]
        );
    }

    #[test]
    fn carried_columns_leave_out_more_and_what_is_pinned() {
        let rules = Rules {
            columns_max: 17,
            ..LESSONLY
        };
        assert_eq!(
            carried(&rules, &[], &events(&[r#"{"score":1,"x":1,"y":1}"#])),
            [column(&["x"], 1)]
        );
    }

    fn rules() -> impl Strategy<Value = Rules> {
        let columns_max = prop_oneof![Just(1000_usize), 16_usize..40];
        (any::<bool>(), columns_max, any::<bool>()).prop_map(|(lessonly, columns_max, guard)| {
            Rules {
                lessonly,
                columns_max,
                guard,
            }
        })
    }

    proptest! {
        #[test]
        fn every_table_is_sound(rules in rules(), payloads in payloads::sequence()) {
            let events = events(&payloads);
            let table = table(&rules, &[], &events);
            let header = &table[0];
            prop_assert_eq!(table.len(), events.len() + 1);
            prop_assert!(header.len() <= rules.columns_max);
            for (at, name) in header.iter().enumerate() {
                prop_assert!(!header[..at].contains(name), "{:?} twice", name);
            }
            for (row, event) in table[1..].iter().zip(&events) {
                prop_assert_eq!(row.len(), header.len());
                prop_assert_eq!(&row[0], &event.received_at);
            }
            for text in table.iter().flatten().filter(|_| rules.guard) {
                let starts = text.starts_with(FORMULA_STARTS);
                prop_assert!(!starts || is_plain_number(text), "{:?} is not guarded", text);
                for c in FORMULA_STARTS {
                    prop_assert!(!text.contains(&format!(";{c}")), "{:?} is not guarded", text);
                    prop_assert!(!text.contains(&format!("\t{c}")), "{:?} is not guarded", text);
                }
            }
        }

        #[test]
        fn what_comes_later_changes_nothing(rules in rules(), payloads in payloads::sequence()) {
            let events = events(&payloads);
            let whole = table(&rules, &[], &events);
            let part = table(&rules, &[], &events[..events.len() / 2]);
            for (longer, shorter) in whole.iter().zip(&part) {
                prop_assert_eq!(&longer[..shorter.len()], &shorter[..]);
            }
            for longer in whole[1..].iter().take(part.len() - 1) {
                prop_assert!(longer[part[0].len()..].iter().all(String::is_empty));
            }
        }
    }
}
