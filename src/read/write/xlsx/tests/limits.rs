//! What a sheet or a cell cannot hold goes on elsewhere, or is cut and told.

use super::super::parts::sheet_name;
use super::super::plan::Group;
use super::*;

const SMALL: Limits = Limits {
    rows: 10,
    columns: 3,
    chars: 80,
    bytes: u64::MAX,
    cuts: 3,
};

/// `count` rows of as many columns as `titles`, each cell with its row and column.
fn grid(titles: &[&str], count: usize) -> Box<dyn Table> {
    let row = |r: usize| -> Cells {
        let cell = |c| text(c, &format!("r{r}c{c}"));
        (0..titles.len()).map(cell).collect()
    };
    table(titles, (1..=count).map(row).collect())
}

#[test]
fn rows_go_on_in_further_sheets() {
    let file = made(grid(&["a", "b"], 19), about(Tz::UTC), SMALL);
    let sheets = read(&file);
    let names: Vec<_> = sheets.iter().map(|sheet| sheet.0.as_str()).collect();
    assert_eq!(
        names,
        ["lessonly", "lessonly, rows 2", "lessonly, rows 3", "About"]
    );
    assert_eq!(lines(&sheets[0].1).len(), 10);
    let second = lines(&sheets[1].1);
    assert_eq!(
        (second.len(), second[0].as_str(), second[1].as_str()),
        (10, "a | b", "r10c0 | r10c1")
    );
    assert_eq!(lines(&sheets[2].1), ["a | b", "r19c0 | r19c1"]);
    insta::assert_snapshot!(lines(&sheets[3].1).join("\n"), @r"
    lessonly, 2026-11-23
    Source | lessonly
    Days | 2026-11-23
    Zone of all dates | UTC
    Made at | 46349.75355324074
    Rows | 19
    Columns | 2
    View | latest
    Note | 2026-11-03 was changed by somebody

    Sheet | Name | First row | First column | Rows
    1 | lessonly | 1 | a | 9
    2 | lessonly, rows 2 | 10 | a | 9
    3 | lessonly, rows 3 | 19 | a | 1
    ");
    assert!(part(&file, "xl/worksheets/sheet2.xml").contains("<autoFilter ref=\"A1:B10\"/>"));
    assert!(part(&file, "xl/workbook.xml").contains("'lessonly, rows 3'!$A$1:$B$2<"));
}

#[test]
fn as_many_rows_as_a_sheet_holds_need_no_second_one() {
    assert_eq!(read(&made(grid(&["a"], 9), about(Tz::UTC), SMALL)).len(), 2);
    assert_eq!(
        read(&made(grid(&["a"], 10), about(Tz::UTC), SMALL)).len(),
        3
    );
    assert_eq!(
        read(&made(grid(&["a"; 3], 1), about(Tz::UTC), SMALL)).len(),
        2
    );
}

#[test]
fn columns_go_on_in_further_sheets_beside_the_event_id() {
    let titles = ["a", "b", "c", "d", "e", "event_id", "g"];
    let file = made(grid(&titles, 11), about(Tz::UTC), SMALL);
    let sheets = read(&file);
    let names: Vec<_> = sheets.iter().map(|sheet| sheet.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "lessonly",
            "lessonly, rows 2",
            "lessonly, columns 2",
            "lessonly, columns 2, rows 2",
            "lessonly, columns 3",
            "lessonly, columns 3, rows 2",
            "About"
        ]
    );
    assert_eq!(lines(&sheets[1].1)[2], "r11c0 | r11c1 | r11c2");
    let third = lines(&sheets[2].1);
    assert_eq!(
        (third[0].as_str(), third[1].as_str()),
        ("event_id | d | e", "r1c5 | r1c3 | r1c4")
    );
    let last = lines(&sheets[5].1);
    assert_eq!(
        last,
        [
            "event_id | event_id | g",
            "r10c5 | r10c5 | r10c6",
            "r11c5 | r11c5 | r11c6"
        ]
    );
    insta::assert_snapshot!(lines(&sheets[6].1).join("\n"), @r"
    lessonly, 2026-11-23
    Source | lessonly
    Days | 2026-11-23
    Zone of all dates | UTC
    Made at | 46349.75355324074
    Rows | 11
    Columns | 7
    View | latest
    Note | 2026-11-03 was changed by somebody

    Sheet | Name | First row | First column | Rows
    1 | lessonly | 1 | a | 9
    2 | lessonly, rows 2 | 10 | a | 2
    3 | lessonly, columns 2 | 1 | d | 9
    4 | lessonly, columns 2, rows 2 | 10 | d | 2
    5 | lessonly, columns 3 | 1 | event_id | 9
    6 | lessonly, columns 3, rows 2 | 10 | event_id | 2
    ");
}

#[test]
fn without_an_event_id_the_first_column_is_repeated() {
    let plan = Plan::of(&*grid(&["a", "b", "c", "d"], 0), Tz::UTC, &SMALL).unwrap();
    let group = Group {
        key: Some(0),
        columns: 3..4,
    };
    assert_eq!(plan.groups[1], group);
}

#[test]
fn a_sheet_that_would_be_too_large_goes_on_in_the_next() {
    let limits = Limits {
        rows: 1_000,
        bytes: 4_000,
        ..SMALL
    };
    let sheets = read(&made(grid(&["a"], 200), about(Tz::UTC), limits));
    assert!(sheets.len() > 4, "{}", sheets.len());
    let rows: Vec<_> = sheets[..sheets.len() - 1]
        .iter()
        .flat_map(|sheet| lines(&sheet.1))
        .collect();
    let rows: Vec<_> = rows.iter().filter(|line| *line != "a").collect();
    assert_eq!(rows.len(), 200);
    assert_eq!(rows[199], "r200c0");
}

#[test]
fn a_long_cell_is_cut_with_a_mark_and_told() {
    let rows = vec![
        vec![text(0, &"x".repeat(80)), text(1, &"x".repeat(81))],
        vec![
            text(0, &"😀".repeat(41)),
            (1, Kind::Number, "7".repeat(100).into()),
        ],
        vec![text(0, &"é".repeat(80)), text(1, &"y".repeat(99))],
    ];
    let sheets = read(&made(table(&["a", "b"], rows), about(Tz::UTC), SMALL));
    let cell = |row, column| sheets[0].1[&(row, column)].to_string();
    let mark = |count| format!("… [cut, {count} characters in all; the CSV has the whole]");
    assert_eq!(cell(1, 0), "x".repeat(80));
    assert_eq!(cell(1, 1), "x".repeat(28) + &mark(81));
    assert_eq!(length(&cell(1, 1)), 80);
    assert_eq!(cell(2, 0), "😀".repeat(14) + &mark(82));
    assert_eq!(cell(2, 1), "7".repeat(27) + &mark(100));
    assert_eq!(cell(3, 0), "é".repeat(80));
    insta::assert_snapshot!(lines(&sheets[1].1).join("\n"), @r"
    lessonly, 2026-11-23
    Source | lessonly
    Days | 2026-11-23
    Zone of all dates | UTC
    Made at | 46349.75355324074
    Rows | 3
    Columns | 2
    View | latest
    Note | 2026-11-03 was changed by somebody

    A cell holds 80 characters. These hold more in the CSV and were cut:
    Cell | Sheet | Row | Column | Characters
    B2 | lessonly | 2 | b | 81
    A3 | lessonly | 3 | a | 82
    B3 | lessonly | 3 | b | 100
    … and 1 more
    ");
}

#[test]
fn a_cell_of_excels_own_limit() {
    let rows = vec![vec![
        text(0, &"x".repeat(32_767)),
        text(1, &"x".repeat(32_768)),
    ]];
    let sheets = read(&made(table(&["a", "b"], rows), about(Tz::UTC), EXCEL));
    assert_eq!(sheets[0].1[&(1, 0)].to_string(), "x".repeat(32_767));
    let cut = sheets[0].1[&(1, 1)].to_string();
    assert_eq!(length(&cut), 32_767);
    assert!(
        cut.ends_with("x… [cut, 32768 characters in all; the CSV has the whole]"),
        "{cut}"
    );
}

#[test]
fn names_of_sheets() {
    for (base, group, stretch, wanted) in [
        ("lessonly", 0, 0, "lessonly"),
        ("lessonly", 1, 2, "lessonly, columns 2, rows 3"),
        ("a[b]:c*d?e/f\\g", 0, 0, "a_b__c_d_e_f_g"),
        ("'quoted'", 0, 0, "quoted"),
        ("it's", 0, 0, "it's"),
        ("", 0, 0, "rows"),
        ("'", 0, 0, "rows"),
        ("about", 0, 0, "about rows"),
        ("History", 0, 1, "History rows, rows 2"),
        ("a\u{1}b", 0, 0, "a_b"),
    ] {
        assert_eq!(sheet_name(base, group, stretch), wanted, "{base}");
    }
    let long = sheet_name(&"😀".repeat(40), 1, 1);
    assert_eq!(long, format!("{}, columns 2, rows 2", "😀".repeat(6)));
    assert!(length(&sheet_name(&"x".repeat(64), 9_999, 9_999)) <= 31);
    // A source may not take the name of one of its own sheets.
    let first = format!("{}, rows 2", "a".repeat(23));
    assert_ne!(sheet_name(&first, 0, 0), sheet_name(&first, 0, 1));
}

#[test]
fn rows_that_changed_between_two_readings_are_no_workbook() {
    struct Growing(Made, std::sync::atomic::AtomicUsize);
    impl Table for Growing {
        fn headings(&self) -> &[Heading] {
            self.0.headings()
        }
        fn rows(&self) -> io::Result<Box<dyn Rows>> {
            let count = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let rows = Arc::new(vec![vec![text(0, "x")]; count]);
            Ok(Box::new(MadeRows { rows, at: 0 }))
        }
    }
    let made = Made {
        headings: headings(&["a", "b", "c", "d"]),
        rows: Arc::default(),
    };
    let growing = Box::new(Growing(made, 0.into()));
    let mut workbook = Xlsx::within(growing, about(Tz::UTC), SMALL).unwrap();
    assert!(workbook.next_bytes().unwrap().is_some());
    let error = workbook.next_bytes().unwrap_err();
    assert_eq!(error.to_string(), "1 rows were read, then 2");
    // Never an end that looks like one.
    assert!(workbook.next_bytes().is_err());
}
