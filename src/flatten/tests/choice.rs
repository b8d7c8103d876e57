//! What was chosen for a source's columns: cases.

use super::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rules as a fingerprint has them.
fn chosen(preset: Preset, text: &str) -> Rules {
    let columns = ColumnRules::of_text(text).expect("rules");
    assert_eq!(columns.check(preset), Ok(()), "{text}");
    Rules {
        columns: Some(Arc::new(columns)),
        ..rules(preset)
    }
}

#[track_caller]
fn check(text: &str, payloads: &[&str], csv: &str) {
    let rules = chosen(Preset::Generic, text);
    assert_eq!(table(rules.clone(), &[], payloads), csv, "{text}");
    check_cells(rules, payloads);
}

#[track_caller]
fn check_lessonly(text: &str, payloads: &[&str], csv: &str) {
    let rules = chosen(Preset::Lessonly, text);
    assert_eq!(table(rules.clone(), &[], payloads), csv, "{text}");
    check_cells(rules, payloads);
}

/// What [`Columns::each_cell`] gives is what the row has, guard and quotes aside.
fn check_cells(rules: Rules, payloads: &[&str]) {
    let mut columns = Columns::start(
        Rules {
            guard: false,
            ..rules
        },
        &[],
    );
    let mut flat = Flat::default();
    for payload in payloads {
        columns.place(payload.as_bytes(), &mut flat);
        let (mut row, mut cells) = (Vec::new(), vec![Vec::new(); columns.len()]);
        columns.write_row(b"T", b"I", payload.as_bytes(), &flat, &mut row);
        columns.each_cell(b"T", b"I", payload.as_bytes(), &flat, |column, _, text| {
            cells[column as usize] = text.to_vec();
        });
        let mut again = Vec::new();
        for (nth, cell) in cells.iter().enumerate() {
            if nth > 0 {
                again.push(b',');
            }
            cell::write_text(cell, false, &mut again);
        }
        again.push(b'\n');
        assert_eq!(
            String::from_utf8(again).unwrap(),
            String::from_utf8(row).unwrap()
        );
    }
}

#[test]
fn fields_that_are_included() {
    check(
        r#"{"include":["a","u.*"]}"#,
        &[
            r#"{"a":1,"b":2,"u":{"x":3,"y":{"z":4}},"ua":5,"A":6}"#,
            r#"{"b":1}"#,
        ],
        "received_at,event_id,a,u.x,u.y.z\nT,I,1,3,4\nT,I,,,\n",
    );
    // Keys with dots in them are not told apart from paths.
    check(
        r#"{"include":["a.b"]}"#,
        &[r#"{"a.b":1,"a":{"b":2,"c":3}}"#],
        "received_at,event_id,a.b,a.b (2)\nT,I,1,2\n",
    );
}

#[test]
fn fields_that_are_excluded() {
    check(
        r#"{"exclude":["*secret*","c"]}"#,
        &[r#"{"a":1,"secret":2,"b":{"my secret":{"x":3}},"c":4,"c":5,"d":6}"#],
        "received_at,event_id,a,d\nT,I,1,6\n",
    );
    check(
        r#"{"exclude":["u.x"],"include":["u.*"]}"#,
        &[r#"{"u":{"x":1,"y":2}}"#],
        "received_at,event_id,u.y\nT,I,2\n",
    );
}

#[test]
fn documented_columns_obey_too() {
    check_lessonly(
        r#"{"exclude":["user.email","Salary*"],"include":["user.*","lesson.title"],"rename":{"user.name":"Learner"}}"#,
        &[
            r#"{"user":{"name":"n","email":"e","custom_fields":{"Salary":1,"Team":"t"}},"lesson":{"id":1},"score":1}"#,
        ],
        "received_at,user.ext_uid,user.id,Learner,lesson.title,event_id,Team\nT,,,n,,I,t\n",
    );
}

#[test]
fn what_is_left_out_is_not_in_more_either() {
    let rules = Rules {
        columns_max: 4,
        ..chosen(Preset::Generic, r#"{"exclude":["b"]}"#)
    };
    let csv = table(
        rules,
        &[],
        &[r#"{"a":1,"b":2,"c":3,"d":{"e":4}}"#, r#"{"b":1}"#],
    );
    assert_eq!(
        csv,
        "received_at,event_id,a,more\nT,I,1,\"{\"\"c\"\":3,\"\"d.e\"\":4}\"\nT,I,,\n"
    );
}

#[test]
fn columns_that_are_renamed() {
    check(
        r#"{"rename":{"a":"=A","b":"c","u.x":"X"}}"#,
        &[r#"{"c":0,"a":1,"b":2,"a":3,"u":{"x":4}}"#],
        "received_at,event_id,c,'=A,c (2),'=A (2),X\nT,I,0,1,2,3,4\n",
    );
    // Both names of a custom field.
    for name in ["Team", "user.custom_fields.Team"] {
        let csv = table(
            chosen(
                Preset::Lessonly,
                &format!(r#"{{"include":["T*","*s.T*"],"rename":{{"{name}":"Group"}}}}"#),
            ),
            &[],
            &[r#"{"user":{"custom_fields":{"Team":"t"}}}"#],
        );
        assert_eq!(csv, "received_at,event_id,Group\nT,I,t\n");
    }
}

#[test]
fn two_names_of_one_field() {
    let text = r#"{"alias":{"old":"new","older":"new"}}"#;
    check(
        text,
        &[
            r#"{"old":1}"#,
            r#"{"new":2}"#,
            r#"{"older":3,"x":0}"#,
            // Its own value has the column, whatever comes first.
            r#"{"old":4,"y":5,"new":6}"#,
            r#"{"older":7,"old":8}"#,
        ],
        "received_at,event_id,new,x,y,new (2)\nT,I,1,,,\nT,I,2,,,\nT,I,3,0,,\nT,I,6,,5,4\nT,I,7,,,8\n",
    );
    // The other rules know it by its second name.
    check(
        r#"{"alias":{"old":"new"},"rename":{"new":"N"},"exclude":["old"],"arrays":{"new":"count"}}"#,
        &[r#"{"old":[1,2]}"#],
        "received_at,event_id,N\nT,I,2\n",
    );
    check(
        r#"{"alias":{"old":"new"},"exclude":["new"]}"#,
        &[r#"{"old":1,"new":2,"b":3}"#],
        "received_at,event_id,b\nT,I,3\n",
    );
}

#[test]
fn two_names_of_a_custom_field() {
    let payloads = [
        r#"{"x":1,"user":{"custom_fields":{"Abteilung":"a"}}}"#,
        r#"{"user":{"custom_fields":{"Department":"d"}}}"#,
    ];
    for first in ["Abteilung", "user.custom_fields.Abteilung"] {
        for second in ["user.custom_fields.Department", "Department"] {
            for include in ["Dep*", "user.custom_fields.*"] {
                check_lessonly(
                    &format!(r#"{{"include":["{include}","x"],"alias":{{"{first}":"{second}"}}}}"#),
                    &payloads,
                    "received_at,event_id,Department,x\nT,I,a,1\nT,I,d,\n",
                );
            }
        }
    }
    // To a documented field, and to one that is not.
    check_lessonly(
        r#"{"include":["score","lesson.*","user.a"],"exclude":["lesson.id","*t*"],
            "alias":{"Points":"score","Kind":"lesson.kind","A":"user.a"}}"#,
        &[r#"{"user":{"custom_fields":{"Points":1,"Kind":2,"A":3}}}"#],
        "received_at,score,event_id,lesson.kind,user.a\nT,1,I,2,3\n",
    );
}

#[test]
fn a_documented_column_under_another_name() {
    check_lessonly(
        r#"{"alias":{"user.name":"user.full_name"},"include":["user.full_name","score"]}"#,
        &[r#"{"user":{"name":"a"}}"#, r#"{"user":{"full_name":"b"}}"#],
        "received_at,user.full_name,score,event_id\nT,a,,I\nT,b,,I\n",
    );
}

#[test]
fn what_becomes_of_arrays() {
    let payload = r#"{"j":[1,"a;=b"],"n":["=",{}],"c":[1,[2],3],"e":[]}"#;
    check(
        r#"{"arrays":{"j":"json","n":"join","c":"count","e":"count"}}"#,
        &[payload, r#"{"j":"[","c":"x","e":null}"#],
        "received_at,event_id,j,n,c,e\n\
         T,I,\"[1,\"\"a;'=b\"\"]\",\"[\"\"=\"\",{}]\",3,0\nT,I,[,,x,\n",
    );
    check(
        r#"{"arrays":{"e":"json"}}"#,
        &[r#"{"e":[]}"#],
        "received_at,event_id,e\nT,I,[]\n",
    );
}

#[test]
fn a_count_is_a_number() {
    let mut columns = Columns::start(chosen(Preset::Generic, r#"{"arrays":{"a":"count"}}"#), &[]);
    let mut flat = Flat::default();
    let payload = br#"{"a":[1,2]}"#;
    columns.place(payload, &mut flat);
    let mut found = Vec::new();
    columns.each_cell(b"T", b"I", payload, &flat, |_, kind, text| {
        found.push((kind, text.to_vec()));
    });
    assert_eq!(found[2], (Kind::Number, b"2".to_vec()));
}

#[test]
fn arrays_that_are_taken_apart() {
    check(
        r#"{"arrays":{"a":"expand","a.tags":"json"}}"#,
        &[
            r#"{"b":0,"a":[{"s":1,"tags":["x"]},2,[3,[4]],{},null],"z":[]}"#,
            r#"{"a":[]}"#,
            r#"{"a":"none"}"#,
            r#"{"a":[{"tags":[1],"s":5}]}"#,
            // The numbers may be keys as well.
            r#"{"a":{"1":{"s":6,"tags":[7]}}}"#,
        ],
        "received_at,event_id,b,a.1.s,a.1.tags,a.2,a.3.1,a.3.2.1,a.5,z,a\n\
         T,I,0,1,\"[\"\"x\"\"]\",2,3,4,,,\n\
         T,I,,,,,,,,,\n\
         T,I,,,,,,,,,none\n\
         T,I,,5,[1],,,,,,\n\
         T,I,,6,[7],,,,,,\n",
    );
    // What is left out, is so by the paths of the elements.
    check(
        r#"{"arrays":{"a":"expand"},"include":["a.*.s"]}"#,
        &[r#"{"a":[{"s":1,"t":2},{"s":3},4]}"#],
        "received_at,event_id,a.1.s,a.2.s\nT,I,1,3\n",
    );
    // An array under another name, within which there are others.
    check(
        r#"{"arrays":{"a":"expand"},"alias":{"old":"a","a.1.t":"first"}}"#,
        &[r#"{"old":[{"t":1,"s":2}],"first":3,"a":[{"t":4,"s":5}]}"#],
        "received_at,event_id,first,a.1.s,first (2),a.1.s (2),first (3)\nT,I,3,5,1,2,4\n",
    );
}

#[test]
fn elements_count_as_columns() {
    let rules = Rules {
        columns_max: 5,
        ..chosen(Preset::Generic, r#"{"arrays":{"a":"expand"}}"#)
    };
    assert_eq!(
        table(rules, &[], &[r#"{"a":[1,{"b":[2]},3,[4]]}"#]),
        "received_at,event_id,a.1,a.2.b,more\nT,I,1,2,\"{\"\"a.3\"\":3,\"\"a.4.1\"\":4}\"\n"
    );
}

/// A long key above many values, in many elements: it stays one cell.
#[test]
fn an_array_that_is_too_much_is_not_taken_apart() {
    let rules = chosen(Preset::Generic, r#"{"arrays":{"a":"expand"}}"#);
    let key = "k".repeat(1000);
    let element = format!("{{\"{key}\":1}}");
    for (count, wanted) in [(1000, 1000), (1100, 3)] {
        let payload = format!("{{\"a\":[{}]}}", vec![element.as_str(); count].join(","));
        let mut columns = Columns::start(rules.clone(), &[]);
        let mut flat = Flat::default();
        columns.place(payload.as_bytes(), &mut flat);
        assert_eq!(columns.len(), wanted, "{count}");
        let mut row = Vec::new();
        columns.write_row(b"T", b"I", payload.as_bytes(), &flat, &mut row);
        // Whole, each quote twice.
        assert!(row.len() > payload.len() || wanted == 1000, "{}", row.len());
    }
    // Nor are many that are too much together.
    let half = format!("\"a\":[{}]", vec![element.as_str(); 600].join(","));
    let payload = format!("{{{half},{half}}}");
    let mut columns = Columns::start(rules, &[]);
    columns.place(payload.as_bytes(), &mut Flat::default());
    let names: Vec<&str> = columns.all().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.len(), 2 + 600 + 1);
    assert_eq!(names[602], "a");
}

#[test]
fn columns_that_are_carried_on() {
    let day = |rules: Rules, carried: &[Column], payload: &str| {
        let mut columns = Columns::start(rules, carried);
        table_of(&mut columns, &[payload]);
        columns.all().to_vec()
    };
    let names = |columns: &[Column]| -> Vec<String> {
        columns[2..].iter().map(|c| c.name.clone()).collect()
    };
    let plain = rules(Preset::Generic);
    let first = day(plain.clone(), &[], r#"{"a":1,"b":2,"c":3,"a":4,"d":5}"#);
    let text = r#"{"exclude":["b"],"rename":{"c":"C"},"alias":{"a":"e"}}"#;
    let other = chosen(Preset::Generic, text);
    let second = day(other.clone(), &first, r#"{"e":1,"a":4,"c":2,"d":3}"#);
    assert_eq!(names(&second), ["e", "C", "e (2)", "d"]);
    // Under the same rules it stays, and without them what was chosen is gone.
    let third = Columns::start(other, &second);
    assert_eq!(names(third.all()), ["e", "C", "e (2)", "d"]);
    let fourth = Columns::start(plain, &second);
    assert_eq!(names(fourth.all()), ["e", "c", "e (2)", "d"]);
}

#[test]
fn fingerprints_give_the_rules_back() {
    assert_eq!(
        rules(Preset::Lessonly).fingerprint(),
        "1 lessonly columns_max=1000 guard=true bom=false"
    );
    for text in [
        r#"{"include":["a","user.*"]}"#,
        r#"{"exclude":[" bom=true","columns={}"]}"#,
        r#"{"rename":{"a":"bom=true columns={\"","b\nc":"ü; \\"},"alias":{"x":"y"}}"#,
        r#"{"arrays":{"a":"join","b":"json","c":"count","d":"expand"}}"#,
    ] {
        let rules = Rules {
            columns: ColumnRules::of_text(text).map(Arc::new),
            ..rules(Preset::Generic)
        };
        let line = rules.fingerprint();
        assert_eq!(
            line,
            format!("1 generic columns_max=1000 guard=true bom=false columns={text}")
        );
        assert_eq!(line.lines().count(), 1);
        assert_eq!(Rules::parse(&line), Some(rules.clone()));
        assert!(!Rules::bom_of(&line), "{line}");
        assert!(Rules::bom_of(&Rules { bom: true, ..rules }.fingerprint()));
    }
    for other in [
        "1 generic columns_max=1000 guard=true bom=false columns=",
        "1 generic columns_max=1000 guard=true bom=false columns={\"includes\":[]}",
        "1 generic columns_max=1000 guard=true bom=false columns={\"include\":[\"b\",\"a\"]}",
        "1 generic columns_max=1000 guard=true bom=false columns={ }",
        "2 generic columns_max=1000 guard=true bom=false",
    ] {
        assert_eq!(Rules::parse(other), None, "{other}");
    }
}

/// A source that is not configured any more goes on as it was: what was left out stays so.
#[test]
fn without_a_configuration_the_choice_stays() {
    let chosen = chosen(Preset::Lessonly, r#"{"exclude":["user.email"]}"#);
    let others = Rules {
        guard: false,
        ..rules(Preset::Generic)
    };
    let now = others.as_it_was(Some(&chosen.fingerprint()));
    assert_eq!(
        now,
        Rules {
            guard: false,
            ..chosen
        }
    );
    assert_eq!(others.as_it_was(None), others);
    assert_eq!(
        others.as_it_was(Some("0 lessonly more=1")).preset,
        Preset::Lessonly
    );
}

/// A hostile sender makes endless paths: what is left out of tables does not gather in memory.
#[test]
fn dropped_paths_take_no_memory() {
    let mut columns = Columns::start(chosen(Preset::Generic, r#"{"include":["a"]}"#), &[]);
    let mut flat = Flat::default();
    let mut most = 0;
    for n in 0..20_000 {
        let payload = format!("{{\"{}{n}\":1,\"a\":2}}", "x".repeat(n % 500));
        columns.place(payload.as_bytes(), &mut flat);
        most = most.max(columns.decided_bytes());
    }
    assert_eq!(columns.len(), 3);
    assert!(most <= 256 << 10, "{most}");
    // One that is longer than all that is kept.
    let payload = format!("{{\"{}\":1,\"a\":2}}", "x".repeat(400_000));
    columns.place(payload.as_bytes(), &mut flat);
    assert_eq!(columns.decided_bytes(), 0);
    let by: BTreeMap<_, _> = columns.all().iter().map(|c| (&c.name, c.valued)).collect();
    assert_eq!(by.len(), 3);
}
