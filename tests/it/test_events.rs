//! Test events: rows that say what they are, or none, as the configuration
//! wants it.

use crate::commands::rowhook;
use crate::days::journal;
use crate::reload::{TAKEN, wait_for};
use crate::server::{Place, Server};
use crate::sessions::{get, log_in, post, proof};

const WITHOUT: &str = "[sources.orders]\ntest_rows = false\n";
const WITH: &str = "[sources.orders]\n";
const TEST: &str = r#"{"rowhook_test":"1","n":0}"#;

#[track_caller]
fn export(server: &Server, path: &str) -> String {
    let answer = server.get(&format!("/exports/{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text().to_owned()
}

/// The rows of today's table, without when they came and their ids.
fn rows(server: &Server) -> Vec<String> {
    let text = export(server, "orders/today.csv");
    let cells = |row: &str| row.splitn(3, ',').nth(2).unwrap_or_default().to_owned();
    text.lines().map(cells).collect()
}

fn count(server: &Server, ending: &str) -> usize {
    export(server, &format!("orders/today.{ending}"))
        .lines()
        .count()
}

/// The audit, which must find nothing.
#[track_caller]
fn verified(place: &Place) {
    let said = rowhook(place, &["verify"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    assert!(!said.out.contains("other rules"), "{}", said.out);
}

/// Makes the two days of old anew.
#[track_caller]
fn rebuilt(place: &Place) {
    let days = ["--from", "2020-01-01", "--to", "2020-01-02"];
    let said = rowhook(
        place,
        &[&["rebuild", "--source", "orders"][..], &days].concat(),
    );
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn the_button_delivers_one_that_says_so_and_counts_for_nothing_else() {
    let place = Place::new();
    let server = place.start_with("[sources.lessonly]\npreset = \"lessonly\"\n[sources.orders]\n");
    let cookie = log_in(&server);
    let page = get(&server, "/connect", &cookie);
    let proof = proof(&page);
    let (_, mark) = page
        .text()
        .split_once("name=\"mark\" value=\"")
        .expect("a form");
    let mark = &mark[..mark.find('"').expect("its end")];
    let press = |source: &str, mark: &str| {
        let form = format!("proof={proof}&test={source}&mark={mark}");
        post(&server, "/connect", &form, &[("Cookie", &cookie)])
    };
    for (source, was) in [
        ("lessonly", "stored"),
        ("lessonly", "duplicate"),
        ("orders", "stored"),
    ] {
        let answer = press(source, mark);
        let to = answer.header("location").unwrap_or_default();
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert!(to.contains(&format!("was={was}#s-{source}")), "{to}");
        let (path, _) = to.split_once('#').expect("a place in the page");
        let shown = get(&server, &format!("/{path}"), &cookie);
        assert!(shown.text().contains("role=\"status\""), "{}", shown.text());
    }
    let told = export(
        &server,
        "lessonly/today.csv?columns=rowhook_test,user.name,lesson.title,score",
    );
    assert_eq!(
        told,
        format!(
            "rowhook_test,user.name,lesson.title,score\n\
             test event from the dashboard ({mark}),\"Test event, not a person\",\"Test event, not a lesson\",\n"
        )
    );
    let overview = server.get("/api/overview").json();
    let of = &overview["sources"][0];
    assert_eq!(
        (&of["today"]["rows"], &of["today"]["tests"]),
        (&1.into(), &1.into())
    );
    let page = get(&server, "/connect", &cookie);
    let waits = "Waiting for the first delivery… A test event came today.";
    assert_eq!(page.text().matches(waits).count(), 2);
    assert_eq!(server.post(r#"{"score":1}"#).status, 200);
    let page = get(&server, "/connect", &cookie);
    assert_eq!(page.text().matches(waits).count(), 1);
    for (source, mark) in [
        ("nobody", mark),
        ("<b>", mark),
        ("orders", ""),
        ("orders", "<b>"),
    ] {
        let answer = press(source, mark);
        assert_eq!(answer.status, 404, "{source} {mark}");
        assert!(!answer.text().contains("<b>"), "{}", answer.text());
    }
    assert_eq!(count(&server, "csv"), 2);
}

#[test]
fn they_are_left_out_of_tables_and_put_in_again() {
    let place = Place::new();
    let mut server = place.start_with(WITH);
    let send = |server: &Server, body: &str| {
        assert_eq!(server.post_to("orders", body.as_bytes(), &[]).status, 200);
    };
    for body in [r#"{"n":1}"#, TEST, r#"{"n":2}"#] {
        send(&server, body);
    }
    assert_eq!(rows(&server), ["n,rowhook_test", "1,", "0,1", "2,"]);
    place.config(WITHOUT);
    wait_for(&server, TAKEN, 1);
    wait_for(&server, "made a table anew under other rules", 1);
    assert_eq!(rows(&server), ["n", "1", "2"]);
    verified(&place);
    // Those that come now are stored, and make no row either, and no column. Nor does the last one hide what comes after it.
    for body in [
        r#"{"rowhook_test":"2","else":1}"#,
        r#"{"n":3}"#,
        r#"{"rowhook_test":"3"}"#,
    ] {
        send(&server, body);
    }
    send(&server, r#"[{"n":4},{"rowhook_test":"4"},{"n":5}]"#);
    let without = ["n", "1", "2", "3", "4", "5"];
    assert_eq!(rows(&server), without);
    assert_eq!(count(&server, "jsonl"), 5);
    assert_eq!(count(&server, "jsonl?columns=n"), 5);
    let said = rowhook(&place, &["rebuild", "--source", "orders"]);
    assert_eq!(said.code, 0, "{}", said.err);
    verified(&place);
    server.kill();
    let made = rowhook(
        &place,
        &[
            "export", "--source", "orders", "--from", "today", "--to", "today", "--format", "csv",
        ],
    );
    assert_eq!(made.out.lines().count(), 6, "{}", made.out);
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    let mut server = place.start_with(WITHOUT);
    assert_eq!(rows(&server), without);
    assert!(server.stop().success());
    verified(&place);
    let server = place.start_with(WITH);
    wait_for(&server, "made a table anew under other rules", 1);
    assert_eq!(rows(&server).len(), 10);
    assert_eq!(count(&server, "jsonl"), 9);
    verified(&place);
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

/// Tables that would lose rows are told of: rows of test events are none that are lost.
#[test]
fn a_day_of_nothing_else_is_a_header_alone() {
    let place = Place::new();
    journal(
        &place,
        &[
            ("2020-01-01", &[r#"{"n":1}"#, TEST]),
            ("2020-01-02", &[TEST]),
        ],
    );
    let mut server = place.start_with(WITHOUT);
    assert_eq!(
        export(&server, "orders/2020-01-02.csv"),
        "received_at,event_id,n\n"
    );
    assert_eq!(export(&server, "orders/2020-01-02.jsonl"), "");
    assert_eq!(export(&server, "orders/latest.csv").lines().count(), 2);
    assert_eq!(
        export(&server, "orders.csv?from=2020-01-01&to=today")
            .lines()
            .count(),
        2
    );
    verified(&place);
    assert!(server.stop().success());
    // Days that are over keep their rules, until somebody asks.
    let server = place.start_with(WITH);
    assert_eq!(export(&server, "orders/2020-01-01.csv").lines().count(), 2);
    rebuilt(&place);
    assert_eq!(export(&server, "orders/2020-01-01.csv").lines().count(), 3);
    assert_eq!(export(&server, "orders/2020-01-02.csv").lines().count(), 2);
    place.config(WITHOUT);
    wait_for(&server, TAKEN, 1);
    rebuilt(&place);
    assert_eq!(export(&server, "orders/2020-01-01.csv").lines().count(), 2);
    verified(&place);
}

#[test]
fn whatever_columns_are_chosen_the_mark_has_one() {
    let place = Place::new();
    let rules = "columns = { include = [\"n\"], exclude = [\"rowhook_*\"] }\n";
    let server = place.start_with(&format!("{WITH}{rules}"));
    for body in [r#"{"n":1,"x":2}"#, TEST] {
        assert_eq!(server.post_to("orders", body.as_bytes(), &[]).status, 200);
    }
    assert_eq!(rows(&server), ["n,rowhook_test", "1,", "0,1"]);
}
