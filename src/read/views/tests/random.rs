//! Random tables and views, against the naive implementation, however little memory there is.

use super::naive;
use super::*;

/// How many tables are tried.
const SEEDS: u64 = 500;

/// What stands in each column; the first are likelier to be empty than the next.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("user.id", &["", "", "1", "2", "3", "4", "5", "6"]),
    ("user.ext_uid", &["", "1", "2", "e"]),
    ("user.email", &["", "1", "a@x", "b@x"]),
    ("user.name", &["", "Ann", "Ben", "=Cid"]),
    ("lesson.id", &["", "7", "8", "9", "10", "11"]),
    (
        "lesson.title",
        &[
            "",
            "",
            "Safety",
            "Tools",
            "7",
            "others",
            "user.name",
            "=x;=y",
        ],
    ),
    (
        "score",
        &[
            "",
            "10",
            "9",
            "9.0",
            "1e1",
            "-3",
            "n/a",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:30:00+01:00",
        ],
    ),
    (
        "=odd",
        &[
            "",
            "x",
            "a longer text that does not fit into the place of the one before it",
        ],
    ),
];

fn one<T: Copy>(list: &[T]) -> T {
    list[fastrand::usize(..list.len())]
}

fn table() -> Given {
    let present = |_: &&(&str, &[&str])| fastrand::u8(..12) > 0;
    let columns: Vec<_> = COLUMNS.iter().filter(present).collect();
    let cell = |values: &[&str]| {
        let value = one(values);
        let is_number = value.parse::<f64>().is_ok() && fastrand::bool();
        (
            if is_number { Kind::Number } else { Kind::Text },
            value.to_owned(),
        )
    };
    let row = || columns.iter().map(|(_, values)| cell(values)).collect();
    let rows = fastrand::usize(..one(&[2, 10, 40, 120]));
    Given {
        headings: columns.iter().map(|(name, _)| heading(name)).collect(),
        rows: (0..rows).map(|_| row()).collect(),
        ..Given::default()
    }
}

/// One column or more, none twice.
fn some_names() -> Vec<String> {
    let mut names: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    fastrand::shuffle(&mut names);
    names.truncate(fastrand::usize(1..4));
    names
}

fn choice() -> Choice {
    Choice(some_names())
}

fn view() -> View {
    let usual = |name: &str| Preset::Lessonly.views()[name].clone();
    let name = || some_names().remove(0);
    match fastrand::u8(..8) {
        0 => usual("latest"),
        1 => usual("best"),
        2 => usual("matrix"),
        3 => View::Latest {
            key: vec![choice(), choice()],
        },
        4 | 5 => View::Best {
            key: vec![choice(); fastrand::usize(1..3)],
            of: if fastrand::bool() {
                "score".into()
            } else {
                name()
            },
        },
        _ => View::Matrix(Matrix {
            row: choice(),
            show: some_names(),
            column: choice(),
            title: fastrand::bool().then(name),
            value: if fastrand::bool() {
                "score".into()
            } else {
                name()
            },
            pick: if fastrand::bool() {
                Pick::Latest
            } else {
                Pick::Best
            },
        }),
    }
}

#[test]
fn views_are_what_a_naive_implementation_makes() {
    let mut passes = 0;
    for seed in 0..SEEDS {
        fastrand::seed(seed);
        let (table, view) = (Arc::new(table()), view());
        let memory = Memory {
            bytes: one(&[0, 100, 400, 1000, 3000, 10_000, 1 << 20]),
            rows: one(&[3 + table.rows.len() as u64 / 8, 64, 100, 1 << 20]),
            ..MEMORY
        };
        let made = view.within(memory, Arc::new(Shared(Arc::clone(&table))), true);
        let wanted = naive::view(&view, &table);
        for _ in 0..2 {
            assert_eq!(
                read(&*made).unwrap(),
                wanted,
                "seed {seed}: {view:?}, {memory:?}"
            );
        }
        passes = passes.max(table.passes.load(Ordering::Relaxed));
    }
    assert!(passes > 50, "never many passes: {passes}");
}
