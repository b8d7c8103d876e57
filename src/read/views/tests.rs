//! Views of tables in memory, under bounds so tight that little fits at a time.

mod naive;
mod random;

use super::{MEMORY, Memory};
use crate::event::{Choice, Matrix, Pick, Preset, View};
use crate::flatten::Kind;
use crate::read::rows::{Heading, Row, Rows, Table};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands in a cell; a text that is empty is none.
type Cell = (Kind, String);

/// A table in memory that counts how often it is read.
#[derive(Default)]
struct Given {
    headings: Vec<Heading>,
    rows: Vec<Vec<Cell>>,
    passes: AtomicU64,
    /// From this pass on it has a row less.
    short_from: Option<u64>,
}

struct GivenRows {
    table: Arc<Given>,
    at: usize,
    end: usize,
}

/// So that the rows can hold on to what they are of.
struct Shared(Arc<Given>);

impl Table for Shared {
    fn headings(&self) -> &[Heading] {
        &self.0.headings
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        let pass = self.0.passes.fetch_add(1, Ordering::Relaxed);
        let is_short = self.0.short_from.is_some_and(|from| pass >= from);
        Ok(Box::new(GivenRows {
            table: Arc::clone(&self.0),
            at: 0,
            end: self.0.rows.len() - usize::from(is_short),
        }))
    }
}

impl Rows for GivenRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        row.clear();
        if self.at == self.end {
            return Ok(false);
        }
        for (column, (kind, text)) in self.table.rows[self.at].iter().enumerate() {
            row.push(column, *kind, text.as_bytes());
        }
        self.at += 1;
        Ok(true)
    }
}

fn heading(name: &str) -> Heading {
    Heading {
        name: name.to_owned(),
        title: name.to_owned(),
        is_id: name.ends_with("id"),
    }
}

fn text(text: &str) -> Cell {
    (Kind::Text, text.to_owned())
}

/// A table from lines of cells with `|` between them; the first has the headings.
fn given(lines: &str) -> Given {
    let mut lines = lines.trim().lines().map(|line| line.trim().split('|'));
    let headings = lines.next().unwrap();
    Given {
        headings: headings.map(heading).collect(),
        rows: lines.map(|cells| cells.map(text).collect()).collect(),
        ..Given::default()
    }
}

/// All that a table has.
type Whole = (Vec<Heading>, Vec<Vec<Cell>>);

fn read(table: &dyn Table) -> io::Result<Whole> {
    let headings = table.headings().to_vec();
    let (mut rows, mut row, mut all) = (table.rows()?, Row::default(), Vec::new());
    while rows.next(&mut row)? {
        let mut cells = vec![text(""); headings.len()];
        for (column, kind, text) in row.cells() {
            cells[column] = (kind, String::from_utf8(text.to_vec()).unwrap());
        }
        all.push(cells);
    }
    assert_eq!(row.cells().count(), 0, "the row is empty at the end");
    Ok((headings, all))
}

/// The view of a table as lines like those of [`given`].
#[track_caller]
fn shown(view: &View, table: Given) -> String {
    let (headings, rows) = read(&*view.of(Arc::new(Shared(Arc::new(table))), true)).unwrap();
    let names: Vec<String> = headings.into_iter().map(|heading| heading.name).collect();
    let texts = |cells: Vec<Cell>| cells.into_iter().map(|cell| cell.1).collect();
    let lines = rows.into_iter().map(texts);
    let lines: Vec<String> = std::iter::once(names)
        .chain(lines)
        .map(|cells: Vec<String>| cells.join("|"))
        .collect();
    lines.join("\n")
}

fn lessonly(name: &str) -> View {
    Preset::Lessonly.views()[name].clone()
}

const EVENTS: &str = "
user.id|user.ext_uid|user.email|user.name|lesson.id|lesson.title|score_percent|completed_at
5|||Ann|7|Safety|80|2026-01-01T00:00:00Z
|5||Ben|7|Safety|70|2026-01-02T00:00:00Z
5||a@x|Ann|8|Tools|9.5|2026-01-03T00:00:00Z
||c@x|Cid|7|Safety|50|2026-01-04T00:00:00Z
5||a@x|Ann B|7|Safety 2|80.0|2026-01-05T00:00:00Z
|||Dee|7|Safety 2|10|2026-01-06T00:00:00Z
|||Dee|7|Safety 2|20|2026-01-07T00:00:00Z
5||a@x|Ann B|8|Tools|10|2026-01-08T00:00:00Z
|5||Ben|7|Safety 2||2026-01-09T00:00:00Z
5||a@x|Ann B|8|Tools|n/a|2026-01-10T00:00:00Z
5||a@x|Ann B||Tools|99|2026-01-11T00:00:00Z
";

#[test]
fn the_newest_row_of_each_key() {
    insta::assert_snapshot!(shown(&lessonly("latest"), given(EVENTS)), @r"
    user.id|user.ext_uid|user.email|user.name|lesson.id|lesson.title|score_percent|completed_at
    ||c@x|Cid|7|Safety|50|2026-01-04T00:00:00Z
    5||a@x|Ann B|7|Safety 2|80.0|2026-01-05T00:00:00Z
    |||Dee|7|Safety 2|10|2026-01-06T00:00:00Z
    |||Dee|7|Safety 2|20|2026-01-07T00:00:00Z
    |5||Ben|7|Safety 2||2026-01-09T00:00:00Z
    5||a@x|Ann B|8|Tools|n/a|2026-01-10T00:00:00Z
    5||a@x|Ann B||Tools|99|2026-01-11T00:00:00Z
    ");
}

#[test]
fn the_best_row_of_each_key() {
    insta::assert_snapshot!(shown(&lessonly("best"), given(EVENTS)), @r"
    user.id|user.ext_uid|user.email|user.name|lesson.id|lesson.title|score_percent|completed_at
    |5||Ben|7|Safety|70|2026-01-02T00:00:00Z
    ||c@x|Cid|7|Safety|50|2026-01-04T00:00:00Z
    5||a@x|Ann B|7|Safety 2|80.0|2026-01-05T00:00:00Z
    |||Dee|7|Safety 2|10|2026-01-06T00:00:00Z
    |||Dee|7|Safety 2|20|2026-01-07T00:00:00Z
    5||a@x|Ann B|8|Tools|10|2026-01-08T00:00:00Z
    5||a@x|Ann B||Tools|99|2026-01-11T00:00:00Z
    ");
}

#[test]
fn a_row_for_each_learner_and_a_column_for_each_lesson() {
    insta::assert_snapshot!(shown(&lessonly("matrix"), given(EVENTS)), @r"
    user.name|user.email|user.id|Safety 2|Tools|others
    Ann B|a@x|5|80.0|n/a|1
    Ben|||||
    Cid|c@x||50||
    Dee|||10||
    Dee|||20||
    ");
    insta::assert_snapshot!(shown(&lessonly("completed"), given(EVENTS)), @r"
    user.name|user.email|user.id|Safety 2|Tools|others
    Ann B|a@x|5|2026-01-05T00:00:00Z|2026-01-10T00:00:00Z|1
    Ben|||2026-01-09T00:00:00Z||
    Cid|c@x||2026-01-04T00:00:00Z||
    Dee|||2026-01-06T00:00:00Z||
    Dee|||2026-01-07T00:00:00Z||
    ");
}

#[test]
fn columns_of_one_title_get_their_ids_and_names_are_unique_and_guarded() {
    let table = given(
        "user.id|user.name|lesson.id|lesson.title|score_percent
         1|Ann|7|Safety|1
         1|Ann|8|Safety|2
         1|Ann|9||3
         1|Ann|10|9|4
         1|Ann|11|user.name|5
         1|Ann|12|=1+1|6
         1|Ann|13|others|7
         1|Ann||x|8",
    );
    insta::assert_snapshot!(shown(&lessonly("matrix"), table), @r"
    user.name|user.email|user.id|Safety (7)|Safety (8)|9 (9)|9 (10)|user.name (2)|'=1+1|others|others (2)
    Ann||1|1|2|3|4|5|6|7|1
    ");
}

#[test]
fn empty_days_and_days_without_the_columns_have_views() {
    let events = "received_at|event_id\n1|a\n2|b";
    for name in ["latest", "best"] {
        assert_eq!(shown(&lessonly(name), given(events)), events);
        let empty = shown(&lessonly(name), given("received_at|event_id"));
        assert_eq!(empty, "received_at|event_id");
    }
    let names = "user.name|user.email|user.id";
    assert_eq!(
        shown(&lessonly("matrix"), given(EVENTS.lines().nth(1).unwrap())),
        names
    );
    let wanted = format!("{names}|others\n|||1\n|||1");
    assert_eq!(shown(&lessonly("matrix"), given(events)), wanted);
}

#[test]
fn a_table_that_changes_meanwhile_is_an_error() {
    for (view, passes) in [("latest", 2), ("best", 2), ("matrix", 3)] {
        for short_from in 0..=passes {
            let mut table = given(EVENTS);
            table.short_from = Some(short_from);
            let found = read(&*lessonly(view).of(Arc::new(Shared(Arc::new(table))), true));
            if short_from == 0 || short_from == passes {
                assert!(found.is_ok(), "{view} from pass {short_from}");
            } else {
                let error = found.expect_err("an error").to_string();
                let wanted = "the rows changed while they were read: there were 11";
                assert_eq!(error, wanted, "{view} from pass {short_from}");
            }
        }
    }
}

/// A table that cannot be read.
struct Broken;

impl Table for Broken {
    fn headings(&self) -> &[Heading] {
        &[]
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Err(io::Error::other("broken"))
    }
}

#[test]
fn headings_that_cannot_be_read_are_told_by_the_rows() {
    let view = lessonly("matrix").of(Arc::new(Broken), true);
    assert_eq!(view.headings(), &[]);
    let error = view.rows().map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

/// Rows of `count` learners, with so many events each.
fn learners(count: usize, each: usize) -> Given {
    let rows = (0..count * each).map(|n| {
        let learner = (n % count).to_string();
        vec![text(&learner), text("7"), text("1")]
    });
    Given {
        headings: ["user.id", "lesson.id", "score_percent"]
            .map(heading)
            .into(),
        rows: rows.collect(),
        ..Given::default()
    }
}

#[test]
fn what_does_not_fit_costs_passes_in_proportion() {
    let memory = Memory {
        bytes: 46 * 1000,
        ..MEMORY
    };
    // Shares of 750 to 1,000 keys (`best`), and more of the smaller entries of the others; lines of a third of a KiB.
    for (name, each, passes) in [
        ("best", 1, 4..=5),
        ("latest", 1, 4..=5),
        ("matrix", 1, 5..=6),
        ("best", 2, 12..=16),
        ("latest", 2, 8..=12),
        ("matrix", 2, 70..=110),
    ] {
        let table = Arc::new(learners(10_000, each));
        let view = lessonly(name).within(memory, Arc::new(Shared(Arc::clone(&table))), true);
        assert_eq!(read(&*view).unwrap().1.len(), 10_000);
        let found = table.passes.load(Ordering::Relaxed);
        assert!(passes.contains(&found), "{name} of {each}: {found} passes");
    }
}

#[test]
fn columns_end_where_a_sheet_does_and_the_rest_is_counted() {
    let rows = (0..40_000).map(|n| vec![text("1"), text(&(n % 20_000).to_string()), text("5")]);
    let table = Given {
        headings: ["user.id", "lesson.id", "score_percent"]
            .map(heading)
            .into(),
        rows: rows.collect(),
        ..Given::default()
    };
    let (headings, rows) =
        read(&*lessonly("matrix").of(Arc::new(Shared(Arc::new(table))), true)).unwrap();
    assert_eq!(headings.len(), 16_384);
    assert_eq!(
        (headings[3].name.as_str(), headings[16_382].name.as_str()),
        ("0", "16379")
    );
    assert_eq!(headings[16_383].name, "others");
    assert_eq!(rows.len(), 1);
    // 20,000 - 16,380 lessons, two events each.
    assert_eq!(rows[0][16_383], (Kind::Number, "7240".into()));
    assert!(rows[0][3..16_383].iter().all(|cell| *cell == text("5")));
}

#[test]
fn long_titles_do_not_take_more_than_their_bound() {
    let long = "x".repeat(3000);
    let rows = (0..10).map(|n| {
        vec![
            text("1"),
            text(&n.to_string()),
            text(&format!("{n}{long}")),
            text("5"),
        ]
    });
    let mut table = Given {
        headings: ["user.id", "lesson.id", "lesson.title", "score_percent"]
            .map(heading)
            .into(),
        rows: rows.collect(),
        ..Given::default()
    };
    // A title that grows beyond the bound makes place for the id.
    table
        .rows
        .push(vec![text("1"), text("0"), text(&long.repeat(9)), text("6")]);
    let memory = Memory {
        headings: 20_000,
        ..MEMORY
    };
    let view = lessonly("matrix").within(memory, Arc::new(Shared(Arc::new(table))), true);
    let (headings, rows) = read(&*view).unwrap();
    let names: Vec<usize> = headings.iter().map(|heading| heading.name.len()).collect();
    assert_eq!(names, [9, 10, 7, 1, 3001, 3001, 6]);
    let cells: Vec<&str> = rows[0].iter().map(|cell| cell.1.as_str()).collect();
    assert_eq!(cells, ["", "", "1", "6", "5", "5", "7"]);
}
