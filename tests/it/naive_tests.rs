//! The naive implementation itself, checked against the rules by hand.

use proptest::prelude::*;

use crate::naive::*;
use crate::payloads;

const GENERIC: Rules = Rules {
    lessonly: false,
    columns_max: 1000,
    guard: true,
    choice: Choice::NONE,
};
const LESSONLY: Rules = Rules {
    lessonly: true,
    columns_max: 1000,
    guard: true,
    choice: Choice::NONE,
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
            [
                &PINNED_LESSONLY[..],
                &["Department", "Address.city", "extra", "user.nick"],
            ]
            .concat(),
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
        "-", "+", "-1.", "-.5", "-1e", "-1e+", "-1.5.5", "--1", "+-1", "-1 ", "-1e5e5", "-1e1.5",
        "-١", "-1,5", "+49 30", "-e5", "－1",
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
    (any::<bool>(), columns_max, any::<bool>()).prop_map(|(lessonly, columns_max, guard)| Rules {
        lessonly,
        columns_max,
        guard,
        choice: Choice::NONE,
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
