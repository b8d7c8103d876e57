//! Three senders: what each one's events look like, and the row that each event must give.
//!
//! The events of a sender are as long as each other and differ in their ids alone, so that a step meets the same work each
//! time, but not the same bytes.

use super::load::event::lessonly;
use rowhook::event::Preset;
use std::fmt::{self, Write as _};

/// Events of each sender, by turns.
pub const EVENTS: usize = 16;
pub const NESTED_BYTES: usize = 20 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A completion as Lessonly sends it.
    Lessonly,
    /// [`NESTED_BYTES`] of objects in objects, with an array of objects.
    Nested,
    /// All at once that a sender may do to be slow: escapes, nesting, keys that are long or repeated, formulas.
    Hostile,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lessonly => "lessonly",
            Self::Nested => "nested",
            Self::Hostile => "hostile",
        })
    }
}

impl Sender {
    pub const ALL: [Self; 3] = [Self::Lessonly, Self::Nested, Self::Hostile];

    pub fn preset(self) -> Preset {
        match self {
            Self::Lessonly => Preset::Lessonly,
            Self::Nested | Self::Hostile => Preset::Generic,
        }
    }

    /// How many cells of a row hold something, with the moment and the id of the event.
    pub fn cells(self) -> usize {
        2 + match self {
            Self::Lessonly => 14,
            Self::Nested => 1 + GROUPS * MEMBERS * 6 + 2,
            Self::Hostile => 1 + 1 + FORMULAS.len() + 2 + 1 + AGAIN + 2 + 1 + 1,
        }
    }

    pub fn bodies(self) -> Vec<Vec<u8>> {
        let body = |index: usize| match self {
            Self::Lessonly => {
                let mut body = Vec::new();
                lessonly(index as u64, &mut body);
                body
            }
            Self::Nested => nested(index).into_bytes(),
            Self::Hostile => hostile(index).into_bytes(),
        };
        (0..EVENTS).map(body).collect()
    }
}

const GROUPS: usize = 10;
const MEMBERS: usize = 8;

fn nested(index: usize) -> String {
    let mut text = format!(r#"{{"id":"{index:010}""#);
    for group in 0..GROUPS {
        let _ = write!(text, r#","group_{group}":{{"#);
        for member in 0..MEMBERS {
            let comma = if member == 0 { "" } else { "," };
            let _ = write!(
                text,
                r#"{comma}"member_{member}":{{"name":"Sample Member {group} {member}","email":"member.{member}@example.com","#
            );
            let _ = write!(
                text,
                r#""scores":{{"first":{group}.25,"last":-1{member}.5}},"at":{{"done":"2026-11-23T15:0{member}:24Z","late":null}},"active":true}}"#
            );
        }
        text.push('}');
    }
    let items: Vec<_> = (0..40)
        .map(|nth| format!(r#"{{"item":{nth},"title":"A Sample Item","tags":["a","b"]}}"#))
        .collect();
    let _ = write!(text, r#","items":[{}],"notes":""#, items.join(","));
    let notes = "Nothing to be added. ";
    text.extend(notes.chars().cycle().take(NESTED_BYTES - 2 - text.len()));
    text + "\"}"
}

const FORMULAS: [&str; 6] = [
    r#"=HYPERLINK(\"https://example.com\";\"x\")"#,
    r"+1;=2\t@SUM(A1)\n=3\r\n@4",
    "@x",
    "-1-1",
    "＝1+1",
    r"\u003dcmd|' /C calc'!A0;;;;====;=;=;=",
];
/// How often a key comes again.
const AGAIN: usize = 24;

fn hostile(index: usize) -> String {
    let mut members = vec![format!(r#""id":"{index:010}""#)];
    let mut add = |key: &str, value: &str| members.push(format!(r#""{key}":{value}"#));
    let escapes = r#"\"\u0048i\"\\\/\b\n\t\u00e4\ud83d\ude00\ud800,\"\" "#.repeat(40);
    add("escapes", &format!("\"{escapes}\""));
    for (nth, formula) in FORMULAS.iter().enumerate() {
        add(&format!("formula {nth}"), &format!("\"{formula}\""));
    }
    add("ключ \\u952e", "\"Zoë 你好 🙂 ﷽; é\"");
    let letters = "Zoë 你好 🙂 ﷽ é".repeat(40);
    add("letters", &format!("\"{letters}\""));
    add("list", r#"["=a","b\n","\u0063",null,-5,true,[]]"#);
    for nth in 0..AGAIN {
        add("again", &nth.to_string());
    }
    for (open, close) in [("{\"n\":", "}"), ("[", "]")] {
        let deep = format!("{}1{}", open.repeat(60), close.repeat(60));
        add(&format!("deep {close}"), &deep);
    }
    // One that gets a column, and those that are too long for one and share `more`.
    add(&"k".repeat(1_000), "1");
    for key in ["l", "m", "\\u006e"] {
        add(&key.repeat(4_200), "\"\\\"x\\\"\"");
    }
    format!("{{{}}}", members.join(","))
}
