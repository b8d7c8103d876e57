//! Payloads for the property tests: JSON objects as text, since escapes, digits and repeated keys are part of them.
//!
//! Keys come from a small set, so that their paths and names collide; texts from what spreadsheets and CSV stumble on.
//! All are compact and no deeper than [`DEPTH_MAX`].

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// How deep objects and arrays lie in each other at most, the payload itself included.
pub const DEPTH_MAX: u32 = 6;

type Json = BoxedStrategy<String>;

/// Any object.
pub fn generic() -> Json {
    object(value(DEPTH_MAX - 1), 0..7)
}

/// An object of the shape that Lessonly sends, with something odd in it now and then.
pub fn lessonly() -> Json {
    let custom_fields = prop_oneof![
        9 => object(value(DEPTH_MAX - 3), 0..6),
        1 => value(DEPTH_MAX - 2),
    ];
    let user_member = prop_oneof![
        3 => member(one_of(&[r#""custom_fields""#]), custom_fields.boxed()),
        3 => member(one_of(&[r#""ext_uid""#, r#""id""#, r#""name""#, r#""email""#]), scalar()),
        1 => member(key(), value(DEPTH_MAX - 2)),
    ];
    let user = prop_oneof![
        15 => braced(user_member.boxed(), 0..5),
        1 => value(DEPTH_MAX - 1),
    ];
    let lesson_member = prop_oneof![
        6 => member(one_of(&[r#""id""#, r#""title""#, r#""retake_score""#]), scalar()),
        1 => member(key(), value(DEPTH_MAX - 2)),
    ];
    let own = one_of(&[
        r#""score""#,
        r#""score_percent""#,
        r#""started_at""#,
        r#""completed_at""#,
        r#""assigned_at""#,
        r#""report_card_url""#,
    ]);
    let top_member = prop_oneof![
        4 => member(one_of(&[r#""user""#]), user.boxed()),
        1 => member(one_of(&[r#""lesson""#]), braced(lesson_member.boxed(), 0..4)),
        3 => member(own, scalar()),
        2 => member(key(), value(DEPTH_MAX - 1)),
    ];
    braced(top_member.boxed(), 0..7)
}

/// One to thirty payloads, of one kind or mixed. Equal ones occur.
pub fn sequence() -> BoxedStrategy<Vec<String>> {
    prop_oneof![
        vec(generic(), 1..=30),
        vec(lessonly(), 1..=30),
        vec(prop_oneof![generic(), lessonly()], 1..=30),
    ]
    .boxed()
}

/// Any value that is at most `depth` deep, which is not 0.
fn value(depth: u32) -> Json {
    let flat = prop_oneof![
        8 => scalar(),
        2 => array(scalar()),
        1 => one_of(&["{}", "[]"]),
    ];
    flat.prop_recursive(depth - 1, 12, 3, |inner| {
        prop_oneof![
            3 => object(inner.clone(), 0..4),
            1 => array(inner.boxed()),
        ]
    })
    .boxed()
}

fn object(value: Json, size: Range<usize>) -> Json {
    braced(member(key(), value), size)
}

fn braced(member: Json, size: Range<usize>) -> Json {
    vec(member, size)
        .prop_map(|members| format!("{{{}}}", members.join(",")))
        .boxed()
}

fn member(key: Json, value: Json) -> Json {
    (key, value)
        .prop_map(|(key, value)| format!("{key}:{value}"))
        .boxed()
}

fn array(item: Json) -> Json {
    vec(item, 0..4)
        .prop_map(|items| format!("[{}]", items.join(",")))
        .boxed()
}

fn scalar() -> Json {
    prop_oneof![
        1 => one_of(&["null", "true", "false"]),
        2 => number(),
        4 => text(),
    ]
    .boxed()
}

fn number() -> Json {
    let odd = one_of(&[
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        "100.0",
        "1e400",
        "-1E+400",
        "1.50e-07",
        "0E0",
        "9007199254740993",
        "18446744073709551616",
        "123456789012345678901234567890",
        "-0.100000000000000000000000000001",
    ]);
    let any = "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?";
    prop_oneof![2 => odd, 1 => any].boxed()
}

/// A key, with its quotes; most are of a small set.
fn key() -> Json {
    let plain = one_of(&[
        r#""a""#,
        r#""b""#,
        r#""a.b""#,
        r#""""#,
        r#"".""#,
        r#""user""#,
        r#""custom_fields""#,
        r#""score""#,
    ]);
    let colliding = one_of(&[
        // Other spellings of some above.
        r#""\u0061""#,
        r#""a\u002eb""#,
        r#""\u0075ser""#,
        r#""c\u0075stom_fields""#,
        // Names that are taken, and what evades to.
        r#""received_at""#,
        r#""event_id""#,
        r#""more""#,
        r#""id""#,
        r#""user.id""#,
        r#""user.custom_fields""#,
        r#""user.custom_fields.a""#,
        r#""user.custom_fields.a (2)""#,
        r#""a (2)""#,
        r#""a (3)""#,
        r#""a.b (2)""#,
        r#"" (2)""#,
        r#"". (2)""#,
        r#""received_at (2)""#,
        r#""more (2)""#,
        r#""score (2)""#,
        // Equal only after the guard.
        r#""=x""#,
        r#""'=x""#,
        r#""\u003dx""#,
        r#""=x (2)""#,
        r#""'=x (2)""#,
        r#"";=x""#,
        r#"";'=x""#,
        r#""\t""#,
        r#""'\t""#,
        r#""＝x""#,
        r#""'＝x""#,
        r#""-1""#,
        r#""-1 (2)""#,
        r#""'-1 (2)""#,
        r#""+""#,
        // Equal only once decoded.
        r#""\ud800""#,
        r#""\udfff""#,
        r#""\ufffd""#,
        r#""�""#,
        r#""\ud83d\ude00""#,
        r#""😀""#,
        // Equal only to the eye.
        r#""é""#,
        r#""e\u0301""#,
        r#""A""#,
        r#""a ""#,
    ]);
    prop_oneof![8 => plain, 4 => colliding, 1 => text()].boxed()
}

/// A JSON string, with its quotes.
fn text() -> Json {
    let piece = prop_oneof![
        2 => one_of(&["a", "b", "1", "0", ".", "e5", " ", "Sales"]),
        // Formula starts, the blanks among them, and where one may stand.
        4 => one_of(&[
            "=", "+", "-", "@", r"\t", r"\r", r"\n", "＝", "＋", "－", "＠", r"\u003d", r"\u0009",
            r"\uff1d", ";", ";", ";", r"\u003b", "'",
        ]),
        // What CSV and JSON quote.
        2 => one_of(&[
            r#"\""#, r"\\", r"\/", "/", ",", r"\r\n", r"\b", r"\f", r"\u0000", r"\u001F", r"\u0022", r"\u005c",
            "\u{7f}", r"\u0085",
        ]),
        // Unicode; the halves of a pair come together now and then.
        2 => one_of(&[
            "é", "e\u{301}", "ж", "日", "١", "😀", r"\ud83d\ude00", r"\ud83d", r"\uDE00", r"\ud800", "\u{2028}",
            "\u{feff}", "\u{a0}", "\u{10ffff}",
        ]),
    ];
    let mixed = vec(piece, 0..7).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    let telling = one_of(&[
        r#""""#,
        r#""+49 30 1234""#,
        r#""+4930""#,
        r#""-1.5e+7""#,
        r#""-1.""#,
        r#""-.5""#,
        r#""-1\n""#,
        r#""-١""#,
        r#""=1+1""#,
        r#""=HYPERLINK(\"http://x\",\"y\")""#,
        r#""@SUM(1;-1)""#,
        r#""1;-1""#,
        r#""a;\t=b""#,
        r#""\t\t""#,
        r#""null""#,
        r#""{}""#,
        r#""[1,2]""#,
        r#""2026-11-23T10:00:00Z""#,
    ]);
    prop_oneof![3 => mixed, 2 => telling].boxed()
}

fn one_of(texts: &'static [&'static str]) -> Json {
    select(texts).prop_map(str::to_owned).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::{Value, parse};

    fn depth(value: &Value) -> u32 {
        match value {
            Value::Array { items, .. } => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.iter().map(|(_, v)| depth(v)).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Valid to `serde_json` too, an object, without insignificant white space, and not too deep.
    fn check(payload: &str) -> Result<(), TestCaseError> {
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(payload);
        prop_assert!(valid.is_ok(), "{:?}", valid);
        let value = parse(payload);
        prop_assert!(matches!(value, Value::Object(_)));
        prop_assert!(depth(&value) <= DEPTH_MAX);
        // An array's raw text is without insignificant white space: that it is the same says that there was none.
        let Value::Array { raw, .. } = parse(&format!("[{payload}]")) else {
            panic!("an array");
        };
        prop_assert_eq!(raw, format!("[{payload}]"));
        Ok(())
    }

    proptest! {
        #[test]
        fn generic_ones_are_compact_json_objects(payload in generic()) {
            check(&payload)?;
        }

        #[test]
        fn lessonly_ones_are_compact_json_objects(payload in lessonly()) {
            check(&payload)?;
        }

        #[test]
        fn sequences_are_as_long_as_promised(payloads in sequence()) {
            prop_assert!((1..=30).contains(&payloads.len()));
        }
    }

    /// What the strategies are for does come about, and not once in a blue moon.
    #[test]
    fn collisions_are_frequent() {
        use crate::naive::{Event, Rules, table};
        use proptest::strategy::ValueTree as _;
        use proptest::test_runner::TestRunner;

        let mut runner = TestRunner::deterministic();
        let mut seen = [0; 5];
        for _ in 0..50 {
            let payloads = sequence().new_tree(&mut runner).expect("a sequence");
            let events: Vec<Event> = payloads
                .current()
                .into_iter()
                .map(|payload| Event {
                    received_at: String::new(),
                    id: String::new(),
                    payload,
                })
                .collect();
            let rules = Rules {
                lessonly: true,
                columns_max: 40,
                guard: true,
                choice: crate::naive::Choice::NONE,
            };
            let table = table(&rules, &[], &events);
            let cells = || table[1..].iter().flatten();
            let header = || table[0].iter();
            seen[0] += usize::from(header().any(|name| name.ends_with(" (3)")));
            seen[1] += usize::from(header().any(|name| name.starts_with('\'')));
            seen[2] += usize::from(header().any(|name| name == "more"));
            seen[3] += usize::from(cells().any(|cell| cell.starts_with("'=")));
            seen[4] += usize::from(cells().any(|cell| cell.contains(";'")));
        }
        assert!(seen.iter().all(|&times| times >= 5), "{seen:?}");
    }
}
