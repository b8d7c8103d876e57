//! Contract cases: columns and cells of whole tables.

use super::*;
use crate::event::Preset;

mod choice;

fn rules(preset: Preset) -> Rules {
    Rules {
        preset,
        columns_max: 1000,
        guard: true,
        bom: false,
        columns: None,
    }
}

/// The whole CSV of `payloads`, each row as wide as the header in the end.
fn table(rules: Rules, carried: &[Column], payloads: &[&str]) -> String {
    let mut columns = Columns::start(rules, carried);
    table_of(&mut columns, payloads)
}

fn table_of(columns: &mut Columns, payloads: &[&str]) -> String {
    let mut flat = Flat::default();
    let mut rows = Vec::new();
    for payload in payloads {
        columns.place(payload.as_bytes(), &mut flat);
        let mut row = Vec::new();
        columns.write_row(b"T", b"I", payload.as_bytes(), &flat, &mut row);
        rows.push((columns.len(), row));
    }
    let mut out = Vec::new();
    columns.write_header(columns.len(), &mut out);
    for (width, row) in rows {
        out.extend_from_slice(&row[..row.len() - 1]);
        out.resize(out.len() + columns.len() - width, b',');
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn generic(payloads: &[&str], csv: &str) {
    assert_eq!(table(rules(Preset::Generic), &[], payloads), csv);
}

const PINNED: &str = "received_at,user.ext_uid,user.id,user.name,user.email,lesson.id,lesson.title,lesson.retake_score,score,\
                      score_percent,started_at,completed_at,assigned_at,report_card_url,event_id";

#[track_caller]
fn lessonly(payloads: &[&str], header_rest: &str, rows: &str) {
    assert_eq!(
        table(rules(Preset::Lessonly), &[], payloads),
        format!("{PINNED}{header_rest}\n{rows}")
    );
}

#[test]
fn columns_come_as_they_are_seen() {
    generic(&["{}"], "received_at,event_id\nT,I\n");
    generic(
        &[
            r#"{"a":1,"b":{"c":"x","d":{}}}"#,
            r#"{"b":{"e":null},"a":2}"#,
            r#"{"f":[]}"#,
        ],
        "received_at,event_id,a,b.c,b.e,f\nT,I,1,x,,\nT,I,2,,,\nT,I,,,,\n",
    );
}

#[test]
fn the_documented_sample() {
    let sample = r#"{"user":{"ext_uid":"1234567890","id":"1","name":"Sample Sampleson","email":"","custom_fields":{"Custom Field":"Custom Field Value"}},"lesson":{"id":"1000","title":"A Sample Lesson","retake_score":85},"score":1,"score_percent":100.0,"started_at":"2015-04-28T14:36:22Z","completed_at":"2015-04-28T14:36:24Z","assigned_at":"2015-04-28T14:36:18Z","report_card_url":""}"#;
    lessonly(
        &[sample],
        ",Custom Field",
        "T,1234567890,1,Sample Sampleson,,1000,A Sample Lesson,85,1,100.0,2015-04-28T14:36:22Z,2015-04-28T14:36:24Z,\
         2015-04-28T14:36:18Z,,I,Custom Field Value\n",
    );
}

#[test]
fn custom_fields_come_first_within_an_event() {
    lessonly(
        &[
            r#"{"x":1,"user":{"y":2,"custom_fields":{"B":"b","Address":{"city":"Ulm"}}}}"#,
            r#"{"z":3,"user":{"custom_fields":{"A":[1,2]}}}"#,
        ],
        ",B,Address.city,x,user.y,A,z",
        "T,,,,,,,,,,,,,,I,b,Ulm,1,2,,\nT,,,,,,,,,,,,,,I,,,,,\"1; 2\",3\n",
    );
}

#[test]
fn custom_fields_that_are_no_object() {
    lessonly(
        &[r#"{"user":{"custom_fields":null}}"#],
        ",user.custom_fields",
        "T,,,,,,,,,,,,,,I,\n",
    );
    lessonly(
        &[r#"{"user":{"custom_fields":{}}}"#],
        "",
        "T,,,,,,,,,,,,,,I\n",
    );
    lessonly(
        &[r#"{"user":{"custom_fields":["a"]}}"#],
        ",user.custom_fields",
        "T,,,,,,,,,,,,,,I,a\n",
    );
}

#[test]
fn a_taken_name_becomes_the_whole_path() {
    lessonly(
        &[
            r#"{"user":{"custom_fields":{"score":1,"more":2,"received_at":3,"":4,"Dept":5}},"Dept":6}"#,
        ],
        ",user.custom_fields.score,user.custom_fields.more,user.custom_fields.received_at,user.custom_fields.,Dept,Dept (2)",
        "T,,,,,,,,,,,,,,I,1,2,3,4,5,6\n",
    );
    generic(
        &[r#"{"received_at":1,"event_id":2,"more":3,"a":{"b":4},"a.b":5}"#],
        "received_at,event_id,received_at (2),event_id (2),more (2),a.b,a.b (2)\nT,I,1,2,3,4,5\n",
    );
}

#[test]
fn repeated_keys_are_columns_of_their_own() {
    generic(
        &[r#"{"a":1,"a":2,"\u0061":3}"#, r#"{"a":4}"#],
        "received_at,event_id,a,a (2),a (3)\nT,I,1,2,3\nT,I,4,,\n",
    );
    generic(
        &[
            r#"{"o":{"x":1},"o":{"x":2,"y":3}}"#,
            r#"{"o":{"y":4},"o":{"x":5}}"#,
        ],
        "received_at,event_id,o.x,o.x (2),o.y\nT,I,1,2,3\nT,I,5,,4\n",
    );
    generic(&[r#"{"a":{},"a":1}"#], "received_at,event_id,a\nT,I,1\n");
}

#[test]
fn names_are_unique_after_the_guard() {
    generic(
        &[r#"{"'=x":1,"=x":2}"#],
        "received_at,event_id,'=x,'=x (2)\nT,I,1,2\n",
    );
    generic(
        &[r#"{"=x":1,"'=x":2}"#],
        "received_at,event_id,'=x,'=x (2)\nT,I,1,2\n",
    );
    generic(
        &[r#"{"a;b":1,"":2,"q\"":"=1+1"}"#],
        "received_at,event_id,\"a;b\",,\"q\"\"\"\nT,I,1,2,'=1+1\n",
    );
}

#[test]
fn digits_stay_as_sent() {
    generic(
        &[r#"{"a":100.0,"b":1e400,"c":-0,"d":123456789012345678901234567890,"e":true,"f":"007"}"#],
        "received_at,event_id,a,b,c,d,e,f\nT,I,100.0,1e400,-0,123456789012345678901234567890,true,007\n",
    );
}

#[test]
fn over_the_limit_paths_share_more() {
    let few = Rules {
        columns_max: 5,
        ..rules(Preset::Generic)
    };
    assert_eq!(
        table(
            few,
            &[],
            &[
                r#"{"a":1,"b":2}"#,
                r#"{"c":{"d":[1,{}]},"a":3,"e":"=x;=","e":null}"#,
                r#"{"b":4}"#,
                r#"{"f":5}"#
            ]
        ),
        "received_at,event_id,a,b,more\n\
         T,I,1,2,\n\
         T,I,3,,\"{\"\"c.d\"\":[1,{}],\"\"e\"\":\"\"=x;'=\"\",\"\"e\"\":null}\"\n\
         T,I,,4,\n\
         T,I,,,\"{\"\"f\"\":5}\"\n"
    );
}

#[test]
fn a_path_too_long_for_a_header_goes_into_more_and_takes_no_room() {
    let long = "k".repeat(5000);
    let payloads = [
        r#"{"a":1}"#.to_owned(),
        format!("{{\"a\":2,\"{long}\":\"x\"}}"),
        r#"{"b":3}"#.to_owned(),
    ];
    let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
    generic(
        &payloads,
        &format!(
            "received_at,event_id,a,more,b\nT,I,1,,\nT,I,2,\"{{\"\"{long}\"\":\"\"x\"\"}}\",\nT,I,,,3\n"
        ),
    );
}

#[test]
fn a_new_day_carries_what_had_a_value() {
    let mut columns = Columns::start(rules(Preset::Lessonly), &[]);
    table_of(
        &mut columns,
        &[r#"{"user":{"custom_fields":{"B":"b","Empty":"","A":"a"}},"n":null,"score":1}"#],
    );
    let carried = columns.all();
    assert_eq!(
        table(rules(Preset::Lessonly), carried, &[]),
        format!("{PINNED},B,A\n")
    );
    assert_eq!(
        table(rules(Preset::Generic), carried, &[]),
        "received_at,event_id,B,A,score\n".replace("B,A,score", "score,B,A")
    );
}

#[test]
fn stored_columns_go_on_as_they_were() {
    let mut columns = Columns::start(rules(Preset::Generic), &[]);
    table_of(&mut columns, &[r#"{"=a":1,"b":{"c":"x"},"b":{"c":2}}"#]);
    let stored = serde_json::to_string(columns.all()).unwrap();
    let mut again = Columns::restore(
        rules(Preset::Generic),
        serde_json::from_str(&stored).unwrap(),
    );
    assert_eq!(again.all(), columns.all());
    let next = [r#"{"b":{"c":1},"b":{"c":2},"'=a":3,"b.c":4}"#];
    assert_eq!(table_of(&mut again, &next), table_of(&mut columns, &next));
}

#[test]
fn a_byte_order_mark_only_when_asked() {
    let with = Rules {
        bom: true,
        ..rules(Preset::Generic)
    };
    assert_eq!(table(with, &[], &[]), "\u{feff}received_at,event_id\n");
}

#[test]
fn a_hundred_thousand_repeats_end_soon() {
    let many = format!("{{{}}}", vec!["\"a\":1"; 100_000].join(","));
    let csv = table(
        Rules {
            columns_max: 50,
            ..rules(Preset::Generic)
        },
        &[],
        &[&many, &many],
    );
    assert_eq!(csv.lines().next().unwrap().split(',').count(), 50);
}

#[test]
fn rules_are_read_back_from_their_fingerprint() {
    for rules in [
        rules(Preset::Lessonly),
        Rules {
            columns_max: 7,
            guard: false,
            bom: true,
            ..rules(Preset::Generic)
        },
    ] {
        let text = rules.fingerprint();
        assert_eq!(Rules::parse(&text), Some(rules));
        assert_eq!(Rules::parse(&format!("{text} more=1")), None);
        assert_eq!(Rules::parse(&text.replacen('1', "2", 1)), None);
        assert_eq!(Rules::parse(&text.replace("guard=", "")), None);
    }
    assert_eq!(Rules::parse(""), None);
}
