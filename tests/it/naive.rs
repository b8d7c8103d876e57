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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The preset `lessonly`; otherwise `generic`.
    pub lessonly: bool,
    /// The number of columns in all that is not exceeded, `more` included.
    pub columns_max: usize,
    /// Whether what a spreadsheet would run as a formula gets a `'`.
    pub guard: bool,
    /// What is chosen for the columns.
    pub choice: Choice,
}

/// What README calls the rules for columns, as they stand in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// Fields and their new names.
    pub rename: Vec<(String, String)>,
    /// First names and second names.
    pub alias: Vec<(String, String)>,
    /// Fields and what becomes of arrays.
    pub arrays: Vec<(String, String)>,
}

impl Choice {
    /// Every field is a column.
    pub const NONE: Choice = Choice {
        include: Vec::new(),
        exclude: Vec::new(),
        rename: Vec::new(),
        alias: Vec::new(),
        arrays: Vec::new(),
    };
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

/// What the sender sent for a cell, by which a workbook tells what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    Number,
    Truth,
    /// Also that of an array, and of what rowhook adds.
    Text,
}

/// The table as a workbook has it: of each column the title and whether it holds ids, and of each row the cells that are not
/// empty, with their columns. Nothing is guarded there; but that two names would be one for the guard counts there too.
pub struct Workbook {
    pub titles: Vec<(String, bool)>,
    pub rows: Vec<Vec<(usize, Sent, String)>>,
}

pub fn workbook(rules: &Rules, start: &[Column], events: &[Event]) -> Workbook {
    let (sheet, events) = placed(rules, start, events);
    let plain = Rules {
        guard: false,
        ..rules.clone()
    };
    let rows = events.iter().map(|(event, leaves)| {
        let mut row = Vec::new();
        for (at, slot) in sheet.slots.iter().enumerate() {
            let sent = match slot {
                Slot::Leaf(wanted) => leaves.iter().find(|(column, _)| column == wanted).map_or(
                    Sent::Text,
                    |(_, value)| match value {
                        Value::Number(_) => Sent::Number,
                        Value::Bool(_) => Sent::Truth,
                        _ => Sent::Text,
                    },
                ),
                _ => Sent::Text,
            };
            let text = cell_of(&plain, &sheet, slot, event, leaves);
            if !text.is_empty() {
                row.push((at, sent, text));
            }
        }
        row
    });
    let rows = rows.collect();
    let titles = sheet.titles.iter().zip(&sheet.slots);
    let titles = titles.map(|(title, slot)| {
        let is_id = match slot {
            Slot::ReceivedAt | Slot::More => false,
            Slot::EventId => true,
            Slot::Leaf(column) => is_id(&column.path.join(".")),
        };
        (title.clone(), is_id)
    });
    Workbook {
        titles: titles.collect(),
        rows,
    }
}

/// Whether the last word of a field's name is one for ids.
fn is_id(name: &str) -> bool {
    let mut words = name.split(['.', '_', '-', ' ']);
    let last = words.next_back().unwrap_or_default().to_lowercase();
    ["id", "uid", "uuid", "guid"].contains(&last.as_str())
}

fn sheet(rules: &Rules, start: &[Column], events: &[Event]) -> (Sheet, Vec<Vec<String>>) {
    let (sheet, events) = placed(rules, start, events);
    // A column never goes away and never moves, so that the final ones serve for all rows.
    let rows = events.iter().map(|(event, leaves)| {
        let slots = sheet.slots.iter();
        slots
            .map(|slot| cell_of(rules, &sheet, slot, event, leaves))
            .collect()
    });
    let rows = rows.collect();
    (sheet, rows)
}

/// An event, and what it has for which columns.
type Placed<'e> = (&'e Event, Vec<(Column, Value)>);

/// The columns that the events give, and the events taken apart.
fn placed<'e>(rules: &Rules, start: &[Column], events: &'e [Event]) -> (Sheet, Vec<Placed<'e>>) {
    let events: Vec<Placed> = events
        .iter()
        .map(|event| (event, leaves(rules, &parse(&event.payload))))
        .collect();
    let mut sheet = Sheet::new(rules);
    for column in start {
        let column = Column {
            path: second_path(rules, &column.path),
            occurrence: column.occurrence,
        };
        if is_chosen(rules, &column.path) && !sheet.has(&column) && sheet.has_room(rules) {
            sheet.add(rules, &column);
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
                sheet.titles.push("more".to_owned());
            }
        }
    }
    (sheet, events)
}

fn cell_of(
    rules: &Rules,
    sheet: &Sheet,
    slot: &Slot,
    event: &Event,
    leaves: &[(Column, Value)],
) -> String {
    match slot {
        Slot::ReceivedAt => event.received_at.clone(),
        Slot::EventId => event.id.clone(),
        Slot::Leaf(wanted) => leaves
            .iter()
            .find(|(column, _)| column == wanted)
            .map_or(String::new(), |(_, value)| {
                cell(rules, &arrays_rule(rules, &wanted.path), value)
            }),
        Slot::More => more_cell(rules, sheet, leaves),
    }
}

// ---------------------------------------------------------------------------------------------------------- columns

pub const PINNED_LESSONLY: [&str; 15] = [
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
    /// The names before the guard.
    titles: Vec<String>,
}

impl Sheet {
    /// The pinned columns.
    fn new(rules: &Rules) -> Sheet {
        let pinned: &[&str] = if rules.lessonly {
            &PINNED_LESSONLY
        } else {
            &PINNED_GENERIC
        };
        let mut sheet = Sheet {
            slots: Vec::new(),
            header: Vec::new(),
            titles: Vec::new(),
        };
        for &name in pinned {
            let own = match name {
                "received_at" => Some(Slot::ReceivedAt),
                "event_id" => Some(Slot::EventId),
                _ => None,
            };
            if let Some(slot) = own {
                sheet.slots.push(slot);
                sheet.header.push(name.to_owned());
                sheet.titles.push(name.to_owned());
                continue;
            }
            let documented: Vec<String> = name.split('.').map(str::to_owned).collect();
            let path = second_path(rules, &documented);
            let column = Column {
                path,
                occurrence: 1,
            };
            if is_chosen(rules, &column.path) && !sheet.has(&column) {
                sheet.add(rules, &column);
            }
        }
        sheet
    }

    fn has(&self, column: &Column) -> bool {
        self.slots.contains(&Slot::Leaf(column.clone()))
    }

    /// Whether one column more may be added: not after `more`, and a place is kept for it.
    fn has_room(&self, rules: &Rules) -> bool {
        !self.slots.contains(&Slot::More) && self.slots.len() + 2 <= rules.columns_max
    }

    fn add(&mut self, rules: &Rules, column: &Column) {
        let (title, name) = self.free_name(rules, &column.path);
        self.slots.push(Slot::Leaf(column.clone()));
        self.header.push(name);
        self.titles.push(title);
    }

    /// The first name that is free once it is guarded: before the guard, and after.
    fn free_name(&self, rules: &Rules, path: &[String]) -> (String, String) {
        let names = names_of(rules, path);
        let renamed = rules
            .choice
            .rename
            .iter()
            .find(|(field, _)| names.contains(field));
        let (first, whole) = match renamed {
            Some((_, new)) => (new.clone(), new.clone()),
            None => (names[names.len() - 1].clone(), names[0].clone()),
        };
        let numbered = (2..).map(|n| format!("{whole} ({n})"));
        [first, whole.clone()]
            .into_iter()
            .chain(numbered)
            .map(|name| (name.clone(), guarded(rules, &name)))
            .find(|(_, name)| !RESERVED.contains(&name.as_str()) && !self.header.contains(name))
            .expect("the numbers do not run out")
    }
}

/// Whether the path lies under (and is not itself) `user.custom_fields`, and that means something to the preset.
fn is_custom_field(rules: &Rules, path: &[String]) -> bool {
    rules.lessonly && path.len() > 2 && path[0] == "user" && path[1] == "custom_fields"
}

/// All that is not an object, in order of appearance. An empty object leaves nothing. What came by the first of two names
/// comes behind the rest.
fn leaves(rules: &Rules, payload: &Value) -> Vec<(Column, Value)> {
    assert!(
        matches!(payload, Value::Object(_)),
        "a payload is an object"
    );
    let mut all = Vec::new();
    collect_leaves(rules, &[], false, payload, &mut all);
    let (first, second): (Vec<Leaf>, Vec<Leaf>) =
        all.into_iter().partition(|leaf| leaf.by_first_name);
    let mut found: Vec<(Column, Value)> = Vec::new();
    for Leaf { path, value, .. } in second.into_iter().chain(first) {
        let before = found.iter().filter(|(c, _)| c.path == path).count();
        let occurrence = before + 1;
        found.push((Column { path, occurrence }, value));
    }
    found
}

struct Leaf {
    path: Vec<String>,
    by_first_name: bool,
    value: Value,
}

fn collect_leaves(
    rules: &Rules,
    path: &[String],
    by_first_name: bool,
    value: &Value,
    found: &mut Vec<Leaf>,
) {
    if let Value::Object(members) = value {
        for (key, member) in members {
            let mut longer = path.to_vec();
            longer.push(key.clone());
            collect_leaves(rules, &longer, by_first_name, member, found);
        }
        return;
    }
    let by_first_name = by_first_name || second_name(rules, path).is_some();
    let path = second_path(rules, path);
    match value {
        Value::Array { items, .. } if arrays_rule(rules, &path) == "expand" => {
            for (number, item) in (1..).zip(items) {
                let mut longer = path.clone();
                longer.push(i32::to_string(&number));
                collect_leaves(rules, &longer, by_first_name, item, found);
            }
        }
        _ => {
            if is_chosen(rules, &path) {
                found.push(Leaf {
                    path,
                    by_first_name,
                    value: value.clone(),
                });
            }
        }
    }
}

// ----------------------------------------------------------------------------------------------------------- choice

/// The path; for a custom field of Lessonly that has a name, the short name too.
fn names_of(rules: &Rules, path: &[String]) -> Vec<String> {
    let mut names = vec![path.join(".")];
    if is_custom_field(rules, path) && !path[2].is_empty() {
        names.push(path[2..].join("."));
    }
    names
}

/// The second name of a field that goes by a first one.
fn second_name(rules: &Rules, path: &[String]) -> Option<String> {
    let names = names_of(rules, path);
    let mut alias = rules.choice.alias.iter();
    alias
        .find(|(first, _)| names.contains(first))
        .map(|(_, second)| second.clone())
}

/// The path that a field has after all: that of the second name, if it goes by either of two.
fn second_path(rules: &Rules, path: &[String]) -> Vec<String> {
    let names = names_of(rules, path);
    let mut alias = rules.choice.alias.iter();
    let Some((_, second)) =
        alias.find(|(first, second)| names.contains(first) || names.contains(second))
    else {
        return path.to_vec();
    };
    let as_it_is = !rules.lessonly
        || second.starts_with("user.")
        || second.starts_with("lesson.")
        || PINNED_LESSONLY[1..14].contains(&second.as_str());
    let whole = if as_it_is {
        second.clone()
    } else {
        format!("user.custom_fields.{second}")
    };
    whole.split('.').map(str::to_owned).collect()
}

/// Whether the field becomes a column, or a part of `more`.
fn is_chosen(rules: &Rules, path: &[String]) -> bool {
    let names = names_of(rules, path);
    let any_matches = |patterns: &[String]| {
        patterns
            .iter()
            .any(|pattern| names.iter().any(|name| matches(pattern, name)))
    };
    let Choice {
        include, exclude, ..
    } = &rules.choice;
    (include.is_empty() || any_matches(include)) && !any_matches(exclude)
}

/// Tries everything that a `*` may stand for.
fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return name.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    if first == '*' {
        return (0..=name.len())
            .any(|end| name.is_char_boundary(end) && matches(rest, &name[end..]));
    }
    name.strip_prefix(first)
        .is_some_and(|after| matches(rest, after))
}

/// What becomes of arrays at a path, in whose name the numbers of elements have no part.
fn arrays_rule(rules: &Rules, path: &[String]) -> String {
    let rule_of = |path: &[String]| -> String {
        let names = names_of(rules, path);
        let mut arrays = rules.choice.arrays.iter();
        let found = arrays.find(|(field, _)| names.contains(field));
        found.map_or("join".to_owned(), |(_, what)| what.clone())
    };
    let mut unnumbered: Vec<String> = Vec::new();
    for key in path {
        let is_number = !key.starts_with('0') && is_digits(key);
        let is_element = !unnumbered.is_empty() && rule_of(&unnumbered) == "expand";
        if !(is_number && is_element) {
            unnumbered.push(key.clone());
        }
    }
    rule_of(&unnumbered)
}

// ------------------------------------------------------------------------------------------------------------ cells

fn cell(rules: &Rules, arrays: &str, value: &Value) -> String {
    match value {
        // Numbers and truth values are never guarded.
        Value::Null | Value::Bool(_) | Value::Number(_) => scalar(value).expect("a scalar"),
        Value::Text { text, .. } => guarded(rules, text),
        Value::Array { items, .. } if arrays == "count" => items.len().to_string(),
        Value::Array { raw, .. } if arrays == "json" => guarded(rules, raw),
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
pub const FORMULA_STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn guarded(rules: &Rules, text: &str) -> String {
    if !rules.guard || is_plain_number(text) {
        return text.to_owned();
    }
    let mut safe = String::new();
    let mut before = None;
    for (at, c) in text.char_indices() {
        // Split there, quotes would be an empty cell before the rest.
        let alone = text[at..].trim_start_matches('"').chars().next();
        let runs = match before {
            None => FORMULA_STARTS.contains(&c),
            Some(';' | '\t') => alone.is_some_and(|c| FORMULA_STARTS.contains(&c)),
            // A list may begin with `-`.
            Some('\n' | '\r') => matches!(alone, Some('=' | '@' | '＝' | '＠')),
            Some(_) => false,
        };
        if runs {
            safe.push('\'');
        }
        safe.push(c);
        before = Some(c);
    }
    safe
}

/// `[+-]?\d+(\.\d+)?([eE][+-]?\d+)?`, the whole text, ASCII digits.
pub fn is_plain_number(text: &str) -> bool {
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
