//! What a feed gets when there is less than it asks for: no rows, no table, a
//! file that somebody changed, a source that is gone.

use crate::days::{DAYS, export, journal, three_days};
use crate::receiving::{is_problem, problem};
use crate::server::{Place, TOKEN};
use std::fs;

#[test]
fn without_rows_there_is_a_header_alone() {
    let (_place, server) = three_days();
    let pinned = "received_at,user.ext_uid,user.id,user.name,user.email,lesson.id,lesson.title,lesson.retake_score,\
                  score,score_percent,started_at,completed_at,assigned_at,report_card_url,event_id\n";
    for name in [
        "/today.csv",
        "/yesterday.csv",
        "/latest.csv",
        ".csv?from=-30d&to=today",
    ] {
        assert_eq!(
            export(&server, &format!("quiet{name}")),
            "received_at,event_id\n"
        );
        assert_eq!(export(&server, &format!("lessonly{name}")), pinned);
    }
    let between = export(&server, "orders.csv?from=2020-01-03&to=2020-01-03");
    assert_eq!(
        between, "received_at,event_id,c\n",
        "as a table of that day would start"
    );
    let answer = server.get("/exports/orders/2020-01-03.csv");
    let detail = "there is no table of orders for 2020-01-03";
    is_problem(
        &answer,
        &problem(404, "no-table", "There is no such table", detail, ""),
    );
}

#[test]
fn the_header_of_today_without_rows_is_the_one_that_rows_would_get() {
    let (_place, server) = three_days();
    for asked in ["orders/today.csv", "orders.csv?from=today&to=today"] {
        assert_eq!(
            export(&server, asked),
            "received_at,event_id,c,a\n",
            "{asked}"
        );
    }
}

#[test]
fn the_header_of_yesterday_without_rows_is_the_one_that_rows_would_have_got() {
    let (_place, server) = three_days();
    assert_eq!(
        export(&server, "orders/yesterday.csv"),
        "received_at,event_id,c,a\n"
    );
}

#[test]
fn the_feed_of_today_is_there_from_the_first_moment_on() {
    for _ in 0..5 {
        let (_place, server) = three_days();
        assert_eq!(server.post("{\"score\":1}").status, 200);
        for name in ["today", "latest"] {
            export(&server, &format!("orders/{name}.csv"));
        }
    }
}

#[test]
fn a_closed_day_that_somebody_changed_is_served_as_it_is() {
    let (place, server) = three_days();
    let before = server.get("/exports/orders/2020-01-02.csv");
    let path = place.output().join("csv/orders/2020-01-02.csv");
    fs::write(&path, "changed\n").expect("a file");
    let after = server.get("/exports/orders/2020-01-02.csv");
    assert_eq!((after.status, after.text()), (200, "changed\n"));
    assert_ne!(before.header("etag"), after.header("etag"));
    // Under one header with other days its cells go by the names of its own columns.
    let edited = "\u{feff}note,c,event_id,c\r\n\"hi;\",5,E\r\n\"x\ny\",6,F,7,beyond\r\n";
    fs::write(&path, edited).expect("a file");
    let range = "/exports/orders.csv?from=2020-01-01&to=2020-01-04";
    let whole = server.get(range).text().to_owned();
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(lines[0], "received_at,event_id,a,b,note,c,c (2)");
    assert_eq!(lines[4..7], [",E,,,\"hi;\",5,", ",F,,,\"x", "y\",6,7"]);
    assert!(lines[7].starts_with("2020-01-04T12:00:00.007Z,") && lines[7].ends_with(",9,,,8,"));
    let head = server.head_with(range, &[]);
    assert_eq!(
        head.header("content-length"),
        Some(whole.len().to_string().as_str())
    );
    for start in [0, 30, 150, 230, 260] {
        let asked = format!("bytes={start}-");
        let headers = [
            ("authorization", &*format!("Bearer {TOKEN}")),
            ("range", &asked),
        ];
        assert_eq!(
            server.get_with(range, &headers).text(),
            &whole[start..],
            "{start}"
        );
    }
    fs::remove_file(&path).expect("a file");
    let answer = server.get("/exports/orders/2020-01-02.csv");
    let detail = format!(
        "{} is not there any more; its rows are still in the journal, and `rowhook rebuild --source orders --date 2020-01-02` \
         writes them again",
        path.display()
    );
    is_problem(
        &answer,
        &problem(
            404,
            "gone",
            "The table's file is not there any more",
            &detail,
            "",
        ),
    );
}

#[test]
fn an_empty_file_has_no_range() {
    let (place, server) = three_days();
    assert_eq!(server.get("/exports/orders/2020-01-02.csv").status, 200);
    fs::write(place.output().join("csv/orders/2020-01-02.csv"), "").expect("a file");
    let token = format!("Bearer {TOKEN}");
    for range in ["bytes=0-", "bytes=-5"] {
        let headers = [("authorization", token.as_str()), ("range", range)];
        let answer = server.get_with("/exports/orders/2020-01-02.csv", &headers);
        is_problem(
            &answer,
            &problem(
                416,
                "range",
                "The range lies outside of the file",
                "the file has 0 bytes",
                "",
            ),
        );
        assert_eq!(answer.header("content-range"), Some("bytes */0"));
    }
}
#[test]
fn a_source_that_was_taken_out_stays_readable() {
    // More than once, because at the first moment its table is still being made.
    for _ in 0..5 {
        let place = Place::new();
        journal(&place, &DAYS[..1]);
        let server = place.start();
        let csv = export(&server, "orders/2020-01-01.csv");
        assert!(csv.starts_with("received_at,event_id,a,b\n"), "{csv}");
        assert_eq!(server.post_to("orders", b"{}", &[]).status, 404);
    }
}

#[test]
fn a_source_that_was_taken_out_keeps_its_columns() {
    let place = Place::new();
    let mut server = place.start();
    server.post(r#"{"x":1,"user":{"custom_fields":{"Department":"Sales"}}}"#);
    let today = "/exports/lessonly/today.csv";
    let before = server.get(today).text().to_owned();
    assert!(
        before
            .lines()
            .next()
            .is_some_and(|header| header.ends_with(",event_id,Department,x"))
    );
    assert!(server.stop().success());
    let server = place.start_with("[sources.orders]");
    assert_eq!(server.get(today).text(), before);
    assert_eq!(place.csv(), before);
}

/// What is not there yet has the header that it would have had, and views are gone with the configuration.
#[test]
fn a_source_that_was_taken_out_has_its_header_and_no_views() {
    let place = Place::new();
    let mut server = place.start();
    server.post(r#"{"x":1,"user":{"custom_fields":{"Department":"Sales"}}}"#);
    let range = "/exports/lessonly.csv?from=2019-01-01&to=2019-01-02";
    let before = server.get(range).text().to_owned();
    assert!(before.starts_with("received_at,user.ext_uid,"), "{before}");
    assert_eq!(
        server.get("/exports/lessonly/today.csv?view=best").status,
        200
    );
    let answer = server.get("/exports/lessonly/today.csv?view=bets");
    let detail = "there is no view \\\"bets\\\" (did you mean \\\"best\\\"?); there are \\\"best\\\", \\\"completed\\\", \\\"latest\\\", \\\"matrix\\\"";
    let title = "A parameter cannot be used";
    is_problem(&answer, &problem(400, "parameter", title, detail, ""));
    assert!(server.stop().success());
    let server = place.start_with("[sources.orders]");
    assert_eq!(server.get(range).text(), before);
    let answer = server.get("/exports/lessonly/today.csv?view=best");
    let detail = "there is no view \\\"best\\\": lessonly is not in the configuration any more, and views are made there; \
                  leave `view` out for all rows";
    is_problem(&answer, &problem(400, "parameter", title, detail, ""));
    let config = place.path().join("rowhook.toml");
    let mut command = place.bare(&[]);
    command.arg("export").arg("--output").arg(place.output());
    command.arg("--config").arg(config).args([
        "--source",
        "lessonly",
        "--from",
        "2019-01-01",
        "--to",
        "2019-01-02",
    ]);
    let output = command.output().expect("a run");
    assert_eq!(String::from_utf8_lossy(&output.stdout), before);
}
