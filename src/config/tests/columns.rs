//! Column rules: what they come to, and the exact words when they do not.

use super::*;
use crate::flatten::{Arrays, ColumnRules};

const RULES: &str = r#"
[sources.lessonly]
preset = "lessonly"

[sources.lessonly.columns]
include = ["user.*", "lesson.title"]
exclude = "Salary*"
rename = { "user.name" = "Learner", "Department" = "Team, or \"group\"" }
alias = { "Abteilung" = "Department", "Dept." = "Department" }
arrays = { "tags" = "join", "items" = "json", "answers" = "expand", "attempts" = "count" }
"#;

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    let owned = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    pairs.into_iter().map(owned).collect()
}

#[test]
fn rules_are_read() {
    let settings = Case::new(RULES).settings();
    let found = source(&settings, "lessonly").columns.clone().unwrap();
    let arrays = [
        ("tags", Arrays::Join),
        ("items", Arrays::Json),
        ("answers", Arrays::Expand),
        ("attempts", Arrays::Count),
    ];
    let wanted = ColumnRules {
        include: ["user.*", "lesson.title"].map(str::to_owned).into(),
        exclude: ["Salary*".to_owned()].into(),
        rename: texts([
            ("user.name", "Learner"),
            ("Department", "Team, or \"group\""),
        ]),
        alias: texts([("Abteilung", "Department"), ("Dept.", "Department")]),
        arrays: arrays.map(|(field, how)| (field.to_owned(), how)).into(),
        leave_out_tests: false,
    };
    assert_eq!(*found, wanted);
    let sheet = settings.describe();
    let lines: Vec<&str> = sheet.lines().filter(|l| l.contains("  columns.")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    columns.include          lesson.title
    columns.include          user.*
    columns.exclude          Salary*
    columns.rename           Department is called Team, or "group"
    columns.rename           user.name is called Learner
    columns.alias            Abteilung goes into Department
    columns.alias            Dept. goes into Department
    columns.arrays           answers: expand
    columns.arrays           attempts: count
    columns.arrays           items: json
    columns.arrays           tags: join
    "##);
}

#[test]
fn rules_that_say_nothing_are_none() {
    for nothing in ["", "rename = {}", "alias = {}\narrays = {}"] {
        let settings = Case::new(format!("[sources.a.columns]\n{nothing}\n")).settings();
        assert_eq!(source(&settings, "a").columns, None, "{nothing}");
    }
}

/// A source with the preset `lessonly` and these rules.
fn lessonly(rules: &str) -> String {
    format!("[sources.a]\npreset = \"lessonly\"\n[sources.a.columns]\n{rules}\n")
}

fn generic(rules: &str) -> String {
    format!("[sources.a.columns]\n{rules}\n")
}

#[track_caller]
fn all_errors(files: &[String]) -> String {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    errors(&files)
}

#[test]
fn mistakes_in_patterns_and_keys() {
    let files = [
        generic("includes = []"),
        generic("include = []"),
        generic("exclude = [\"a\", 1]"),
        generic("exclude = [\"a\", \"\"]"),
        "[sources.a]\nrename = {}\n".to_owned(),
        "[sources.a]\ncolumns = [\"a\"]\n".to_owned(),
    ];
    insta::assert_snapshot!(all_errors(&files), @r##"
    error: unknown key `includes`
     --> rowhook.toml:2:1
      |
    2 | includes = []
      | ^^^^^^^^
      = help: did you mean `include`?
      = help: known keys here: `include`, `exclude`, `rename`, `alias`, `arrays`

    error: `include` is an empty list
     --> rowhook.toml:2:11
      |
    2 | include = []
      |           ^^
      = help: name one or more patterns such as `user.*`, or remove it

    error: `exclude` takes text in quotes, not a number
     --> rowhook.toml:2:17
      |
    2 | exclude = …
      |           ^
      = help: write it in quotes

    error: `exclude` has an empty name
     --> rowhook.toml:2:17
      |
    2 | exclude = ["a", ""]
      |                 ^^
      = help: write a path such as `user.name`

    error: unknown key `rename`
     --> rowhook.toml:2:1
      |
    2 | rename = {}
      | ^^^^^^
      = help: `rename` belongs under `[sources.NAME.columns]`
      = help: known keys here: `preset`, `auth`, `dedup`, `id`, `requests_per_second_max`, `test_rows`, `columns`, `views`

    error: `columns` takes a table, not a list
     --> rowhook.toml:2:11
      |
    2 | columns = …
      |           ^
      = help: write `[sources.NAME.columns]` on a line of its own, and the rules below it
    "##);
}

#[test]
fn mistakes_in_names() {
    let files = [
        generic("rename = [\"a\"]"),
        generic("rename = { a.b = \"x\" }"),
        generic("rename = { a = 1 }"),
        generic("rename = { a = \"\" }"),
        generic("rename = { a = \"more\" }"),
        generic("rename = { a = \"x\", b = \"x\" }"),
        generic("rename = { a = \"a\" }"),
        generic("rename = { a = \"x\\ny\" }"),
        lessonly("rename = { Team = \"user.name\" }"),
        lessonly("rename = { Team = \"x\", \"user.custom_fields.Team\" = \"y\" }"),
        lessonly("rename = { \"user.custom_fields.Team\" = \"Team\" }"),
    ];
    insta::assert_snapshot!(all_errors(&files), @r##"
    error: `rename` takes a table, not a list
     --> rowhook.toml:2:10
      |
    2 | rename = …
      |          ^
      = help: write `{ "NAME" = "NAME" }`

    error: `a` in `rename` takes text in quotes, not a table
     --> rowhook.toml:2:12
      |
    2 | rename = { a.b = …
      |            ^
      = help: put a name with dots into quotes: `"user.name" = …`

    error: `a` takes text in quotes, not a number
     --> rowhook.toml:2:16
      |
    2 | rename = { a = 1 }
      |                ^
      = help: write it in quotes

    error: `rename` has an empty name
     --> rowhook.toml:2:16
      |
    2 | rename = { a = "" }
      |                ^^
      = help: write a path such as `user.name`

    error: `more` is the name of another column
     --> rowhook.toml:2:16
      |
    2 | rename = { a = …
      |                ^
      = help: names of columns differ

    error: `x` is the name of another column
     --> rowhook.toml:2:25
      |
    2 | rename = { a = …
      |                ^
      = help: names of columns differ

    error: `a` is called `a` anyway
     --> rowhook.toml:2:16
      |
    2 | rename = { a = …
      |                ^
      = help: give it another name, or remove it

    error: the new name of `a` has a control character
     --> rowhook.toml:2:16
      |
    2 | rename = { a = …
      |                ^
      = help: a name is one line of text

    error: `user.name` is the name of another column
     --> rowhook.toml:4:19
      |
    4 | rename = { Team = …
      |                   ^
      = help: names of columns differ

    error: `rename` names `user.custom_fields.Team` twice
     --> rowhook.toml:4:52
      |
    4 | rename = { Team = …
      |                   ^
      = help: keep one of the two

    error: `user.custom_fields.Team` is called `Team` anyway
     --> rowhook.toml:4:40
      |
    4 | rename = …
      |          ^
      = help: give it another name, or remove it
    "##);
}

#[test]
fn mistakes_in_aliases_and_arrays() {
    let files = [
        generic("alias = { a = \"a\" }"),
        generic("alias = { a = \"b\", b = \"c\" }"),
        generic("alias = { a = \"b\", b = \"a\" }"),
        lessonly("alias = { a = \"b\", \"user.custom_fields.b\" = \"c\" }"),
        lessonly("alias = { Team = \"user.custom_fields.Team\" }"),
        generic("alias = { a = \"b\" }\nrename = { a = \"x\" }"),
        generic("alias = { a = \"b\" }\narrays = { a = \"json\" }"),
        generic("arrays = { a = \"jsn\" }"),
        generic("arrays = { a = true }"),
    ];
    insta::assert_snapshot!(all_errors(&files), @r##"
    error: `a` is the same field
     --> rowhook.toml:2:15
      |
    2 | alias = { a = …
      |               ^
      = help: name another field, or remove it

    error: `b` is itself another name
     --> rowhook.toml:2:15
      |
    2 | alias = { a = …
      |               ^
      = help: let every name stand for the one whose column it is

    error: `b` is itself another name
     --> rowhook.toml:2:15
      |
    2 | alias = { a = …
      |               ^
      = help: let every name stand for the one whose column it is

    error: `b` is itself another name
     --> rowhook.toml:4:15
      |
    4 | alias = { a = …
      |               ^
      = help: let every name stand for the one whose column it is

    error: `user.custom_fields.Team` is the same field
     --> rowhook.toml:4:18
      |
    4 | alias = { Team = …
      |                  ^
      = help: name another field, or remove it

    error: `alias` puts `a` into the column of `b`
     --> rowhook.toml:3:16
      |
    3 | rename = { a = …
      |                ^
      = help: write that name here

    error: `alias` puts `a` into the column of `b`
     --> rowhook.toml:3:16
      |
    3 | arrays = { a = …
      |                ^
      = help: write that name here

    error: unknown way for arrays "jsn"
     --> rowhook.toml:2:16
      |
    2 | arrays = { a = …
      |                ^
      = help: did you mean `json`?
      = help: known: `join`, `json`, `count`, `expand`

    error: `a` takes text in quotes, not `true` or `false`
     --> rowhook.toml:2:16
      |
    2 | arrays = { a = true }
      |                ^^^^
    "##);
}

#[test]
fn there_is_an_end_to_rules() {
    let many: Vec<String> = (0..257).map(|n| format!("\"f{n:03}\"")).collect();
    let long = "x".repeat(1025);
    let files = [
        format!("[sources.a.columns]\ninclude = [{}]\n", many.join(", ")),
        format!("[sources.a.columns]\nexclude = [\"{long}\"]\n"),
    ];
    let told: Vec<String> = files
        .iter()
        .map(|file| Case::new(file).error().lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "error: `include` has 257 entries; 256 are the most",
            "error: a name is longer than 1024 bytes"
        ]
    );
}

/// Names that would not be taken are taken when the column that has them goes away.
#[test]
fn names_that_become_free() {
    for rules in [
        "rename = { Team = \"user.name\", \"user.name\" = \"Team\" }",
        "exclude = [\"user.name\"]\nrename = { Team = \"user.name\" }",
        "include = [\"Team\"]\nrename = { Team = \"user.name\" }",
        "alias = { \"user.name\" = \"name\" }\nrename = { Team = \"user.name\" }",
    ] {
        Case::new(format!(
            "[sources.a]\npreset = \"lessonly\"\n[sources.a.columns]\n{rules}\n"
        ))
        .settings();
    }
}
