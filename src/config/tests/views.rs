//! Views: what is understood, and the exact words for what is not.

use super::{Case, errors, source};
use crate::event::{Choice, Matrix, Pick, Preset, View};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn choice(columns: &[&str]) -> Choice {
    Choice(names(columns))
}

#[test]
fn views_are_read_as_they_are_written() {
    let case = Case::new(
        r#"
[sources.a.views.new]
kind = "latest"
key = [["user.id", "user.email"], "lesson.id"]
[sources.a.views.one]
kind = "latest"
key = "id"
[sources.a.views.top-3]
kind = "best"
key = ["x"]
of = "points"
[sources.a.views.m]
kind = "matrix"
row = ["user.id", "user.email"]
column = "lesson.id"
value = "score"
[sources.a.views.full]
kind = "matrix"
row = "user.id"
show = ["name", "Team"]
column = ["lesson.id", "lesson.slug"]
title = "lesson.title"
value = "score"
pick = "best"
"#,
    );
    let settings = case.settings();
    let views = &source(&settings, "a").views;
    let found: Vec<&str> = views.keys().map(String::as_str).collect();
    assert_eq!(found, ["full", "m", "new", "one", "top-3"]);
    let key = vec![choice(&["user.id", "user.email"]), choice(&["lesson.id"])];
    assert_eq!(views["new"], View::Latest { key });
    let key = vec![choice(&["id"])];
    assert_eq!(views["one"], View::Latest { key });
    let (key, of) = (vec![choice(&["x"])], "points".to_owned());
    assert_eq!(views["top-3"], View::Best { key, of });
    let matrix = Matrix {
        row: choice(&["user.id", "user.email"]),
        show: names(&["user.id", "user.email"]),
        column: choice(&["lesson.id"]),
        title: None,
        value: "score".into(),
        pick: Pick::Latest,
    };
    assert_eq!(views["m"], View::Matrix(matrix));
    let matrix = Matrix {
        row: choice(&["user.id"]),
        show: names(&["name", "Team"]),
        column: choice(&["lesson.id", "lesson.slug"]),
        title: Some("lesson.title".into()),
        value: "score".into(),
        pick: Pick::Best,
    };
    assert_eq!(views["full"], View::Matrix(matrix));
}

#[test]
fn a_view_of_the_preset_can_be_replaced_and_the_others_stay() {
    let toml = "[sources.a]\npreset = \"lessonly\"\n[sources.a.views.best]\n\
                kind = \"best\"\nkey = \"user.id\"\nof = \"score\"\n[sources.b]\n";
    let settings = Case::new(toml).settings();
    let mut wanted = Preset::Lessonly.views();
    let (key, of) = (vec![choice(&["user.id"])], "score".to_owned());
    wanted.insert("best".into(), View::Best { key, of });
    assert_eq!(source(&settings, "a").views, wanted);
    assert_eq!(wanted.len(), 4);
    assert!(source(&settings, "b").views.is_empty());
}

fn view(lines: &str) -> String {
    format!("[sources.a.views.v]\n{lines}")
}

#[test]
fn what_is_wrong_with_a_view_is_told() {
    let files = [
        view("kid = \"best\""),
        view("key = \"id\""),
        view("kind = \"bset\""),
        view("kind = 5"),
        view("kind = \"latest\"\nkey = \"id\"\nof = \"score\""),
        view("kind = \"latest\""),
        view("kind = \"best\"\nkey = \"id\""),
        view("kind = \"matrix\"\nrow = \"id\"\nvalue = \"score\""),
        "[sources.a.views.Best]\nkind = \"best\"".into(),
        "[sources.a]\nviews = \"best\"".into(),
        "[sources.a]\nkind = \"best\"".into(),
    ];
    insta::assert_snapshot!(errors(&files.each_ref().map(String::as_str)), @r#"
    error: unknown key `kid`
     --> rowhook.toml:2:1
      |
    2 | kid = "best"
      | ^^^
      = help: did you mean `kind`?
      = help: known keys here: `kind`, `key`, `of`, `row`, `show`, `column`, `title`, `value`, `pick`

    error: the view has no `kind`
     --> rowhook.toml:1:1
      |
    1 | [sources.a.views.v]
      | ^^^^^^^^^^^^^^^^^^^
      = help: write `kind = "NAME"` with one of `latest`, `best`, `matrix`

    error: unknown kind "bset"
     --> rowhook.toml:2:8
      |
    2 | kind = "bset"
      |        ^^^^^^
      = help: did you mean `best`?
      = help: known: `latest`, `best`, `matrix`

    error: `kind` takes text in quotes, not a number
     --> rowhook.toml:2:8
      |
    2 | kind = 5
      |        ^
      = help: write it in quotes

    error: `of` has no meaning with `kind = "latest"`
     --> rowhook.toml:4:1
      |
    4 | of = "score"
      | ^^
      = help: keys of this kind: `kind`, `key`

    error: a view of the kind "latest" needs `key`
     --> rowhook.toml:1:1
      |
    1 | [sources.a.views.v]
      | ^^^^^^^^^^^^^^^^^^^
      = help: name columns, as in `key = [["user.id", "user.email"], "lesson.id"]`

    error: a view of the kind "best" needs `of`
     --> rowhook.toml:1:1
      |
    1 | [sources.a.views.v]
      | ^^^^^^^^^^^^^^^^^^^
      = help: name columns, as in `of = "score_percent"`

    error: a view of the kind "matrix" needs `column`
     --> rowhook.toml:1:1
      |
    1 | [sources.a.views.v]
      | ^^^^^^^^^^^^^^^^^^^
      = help: name columns, as in `column = "lesson.id"`

    error: "Best" is no name for a view
     --> rowhook.toml:1:18
      |
    1 | [sources.a.views.Best]
      |                  ^^^^
      = help: use 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit

    error: `views` takes a table, not text
     --> rowhook.toml:2:9
      |
    2 | views = …
      |         ^

    error: unknown key `kind`
     --> rowhook.toml:2:1
      |
    2 | kind = "best"
      | ^^^^
      = help: `kind` belongs under `[sources.NAME.views.VIEW]`
      = help: known keys here: `preset`, `auth`, `dedup`, `id`, `requests_per_second_max`, `test_rows`, `columns`, `views`
    "#);
}

#[test]
fn what_is_wrong_with_its_columns_is_told() {
    let many: Vec<String> = (0..101).map(|n| format!("\"c{n}\"")).collect();
    let files = [
        view("kind = \"matrix\"\nrow = []"),
        view("kind = \"matrix\"\nrow = [\"a\", \"\"]"),
        view("kind = \"matrix\"\nrow = \"a\"\nshow = [\"a\", \"b\", \"a\"]"),
        view("kind = \"matrix\"\nrow = \"a\"\ncolumn = \"b\"\nvalue = \"c\"\npick = \"last\""),
        view("kind = \"latest\"\nkey = [\"a\", 5]"),
        view("kind = \"latest\"\nkey = [[\"a\", [\"b\"]]]"),
        view("kind = \"latest\"\nkey = [\"a\", []]"),
        view(&format!("kind = \"matrix\"\nrow = [{}]", many.join(","))),
    ];
    insta::assert_snapshot!(errors(&files.each_ref().map(String::as_str)), @r#"
    error: `row` is an empty list
     --> rowhook.toml:3:7
      |
    3 | row = []
      |       ^^
      = help: name one column or more

    error: a column has a name
     --> rowhook.toml:3:13
      |
    3 | row = ["a", ""]
      |             ^^
      = help: write it as the first line of a table shows it, such as `user.id`

    error: `show` names the same column twice
     --> rowhook.toml:4:19
      |
    4 | show = ["a", "b", "a"]
      |                   ^^^

    error: unknown pick "last"
     --> rowhook.toml:6:8
      |
    6 | pick = "last"
      |        ^^^^^^
      = help: known: `latest`, `best`

    error: `key` takes text in quotes, or a list of it, not a number
     --> rowhook.toml:3:13
      |
    3 | key = …
      |       ^

    error: `key` takes text in quotes, not a list
     --> rowhook.toml:3:14
      |
    3 | key = …
      |       ^

    error: `key` is an empty list
     --> rowhook.toml:3:7
      |
    3 | key = …
      |       ^
      = help: name one column or more

    error: `row` has more than 100 entries
     --> rowhook.toml:3:7
      |
    3 | row = ["c0","c1","c2","c3","c4","c5","c6","c7","c8","c9","c10","c11","c12","c13","c14","c15","c16","c17","c18","c19","c2…
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn what_readme_shows_is_understood() {
    let readme = include_str!("../../../README.md");
    let start = readme.find("[sources.lessonly.views.best]").unwrap();
    let length = readme[start..].find("```").unwrap();
    let settings = Case::new(&readme[start..start + length]).settings();
    let views = &source(&settings, "lessonly").views;
    let found: Vec<&str> = views.keys().map(String::as_str).collect();
    assert_eq!(found, ["best", "by-team"]);
    assert_eq!(views["best"], Preset::Lessonly.views()["best"]);
}
