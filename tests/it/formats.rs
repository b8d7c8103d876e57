//! The same rows in other forms: gzipped, for Excel, as JSON Lines, some
//! columns of them.

use crate::commands::wait_closed;
use crate::days::{journal, three_days};
use crate::server::{Answer, Place, Server};
use flate2::read::GzDecoder;
use std::io::Read as _;

#[track_caller]
fn get(server: &Server, path: &str) -> Answer {
    let answer = server.get(&format!("/exports/{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}

/// The journal of one day of `orders` with these payloads, served under `config`.
fn one_day(payloads: &[&str], config: &str) -> (Place, Server) {
    let place = Place::new();
    journal(&place, &[("2020-01-01", payloads)]);
    let server = place.start_with(&format!("{config}\n[sources.orders]\n"));
    (place, server)
}

fn unzipped(answer: &Answer) -> String {
    let mut text = String::new();
    let mut decoder = GzDecoder::new(answer.body.as_slice());
    decoder.read_to_string(&mut text).expect("gzip");
    text
}

/// A line of CSV of the first event of a day.
fn row(cells: &str) -> String {
    format!("2020-01-01 12:00:00,\"\t{:032x}\",{cells}\r\n", 1)
}

#[test]
fn gzipped_it_is_the_same() {
    let (_place, server) = three_days();
    for path in ["orders/2020-01-01", "orders/latest", "orders/today"] {
        let (plain, zipped) = (
            get(&server, &format!("{path}.csv")),
            get(&server, &format!("{path}.csv.gz")),
        );
        assert_eq!(unzipped(&zipped), plain.text(), "{path}");
        assert_eq!(zipped.header("content-type"), Some("application/gzip"));
        assert_eq!(zipped.header("accept-ranges"), None);
    }
    let plain = get(&server, "orders.csv?from=2020-01-01&to=today");
    let zipped = get(&server, "orders.csv.gz?from=2020-01-01&to=today");
    assert_eq!(unzipped(&zipped), plain.text());
    let saved = "attachment; filename=\"orders-2020-01-04.csv.gz\"";
    let latest = get(&server, "orders/latest.csv.gz");
    assert_eq!(latest.header("content-disposition"), Some(saved));
}

#[test]
fn json_lines_are_what_was_sent() {
    let (place, server) = three_days();
    let text = get(&server, "orders.jsonl?from=2020-01-01&to=today");
    assert_eq!(
        text.text(),
        "{\"received_at\":\"2020-01-01T12:00:00.007Z\",\"event_id\":\"00000000000000000000000000000001\",\"source\":\"orders\",\"payload\":{\"a\":\"1\",\"b\":\"x;\\\"y\\\"\\nz\"}}\n\
         {\"received_at\":\"2020-01-01T12:00:00.007Z\",\"event_id\":\"00000000000000000000000000000002\",\"source\":\"orders\",\"payload\":{\"a\":\"2\"}}\n\
         {\"received_at\":\"2020-01-02T12:00:00.007Z\",\"event_id\":\"00000000000000000000000000000003\",\"source\":\"orders\",\"payload\":{\"c\":\"3\"}}\n\
         {\"received_at\":\"2020-01-04T12:00:00.007Z\",\"event_id\":\"00000000000000000000000000000004\",\"source\":\"orders\",\"payload\":{\"c\":\"8\",\"a\":\"9\"}}\n"
    );
    assert_eq!(text.header("content-type"), Some("application/jsonl"));
    assert_eq!(get(&server, "quiet/today.jsonl").text(), "");
    // A day's CSV is not asked, so an edit of it changes nothing here.
    let path = place.output().join("csv/orders/2020-01-02.csv");
    std::fs::write(path, "changed\n").expect("a file");
    assert_eq!(
        get(&server, "orders.jsonl?from=2020-01-01&to=today").body,
        text.body
    );
    let objects = get(&server, "orders/2020-01-01.jsonl?columns=b,a");
    assert_eq!(
        objects.text(),
        "{\"b\":\"x;\\\"y\\\"\\nz\",\"a\":\"1\"}\n{\"a\":\"2\"}\n"
    );
}

#[test]
fn columns_in_the_order_that_was_asked_for() {
    let (_place, server) = three_days();
    assert_eq!(
        get(&server, "orders/2020-01-01.csv?columns=b,a").text(),
        "b,a\n\"x;\"\"y\"\"\nz\",1\n,2\n"
    );
    assert_eq!(
        get(
            &server,
            "orders.csv?from=2020-01-01&to=today&columns=c,a,event_id"
        )
        .text(),
        format!(
            "c,a,event_id\n,1,{:032x}\n,2,{:032x}\n3,,{:032x}\n8,9,{:032x}\n",
            1, 2, 3, 4
        )
    );
    // A column of another day is empty on this one: a feed does not break.
    assert_eq!(
        get(&server, "orders/2020-01-04.csv?columns=b,a").text(),
        "b,a\n,9\n"
    );
    assert_eq!(get(&server, "orders/today.csv?columns=b").text(), "b\n");
    let answer = server.get("/exports/orders/2020-01-04.csv?columns=evnt_id");
    assert_eq!(answer.status, 400);
    let detail = "there is no column \"evnt_id\" (did you mean \"event_id\"?); there are \"received_at\", \"event_id\", \"c\", \"a\"";
    assert_eq!(answer.json()["detail"], detail);
}

#[test]
fn for_excel_every_cell_stays_what_it_is() {
    let payload = r#"{"n":1.5,"long":12345678901234567890,"id":7,"zeros":"007","day":"1-2","yes":true,"word":"TRUE",
        "e":"3E5","when":"2026-07-01T00:30:00.250Z","formula":"=1+1","list":"a;=b","lines":"x\ny","plain":"Lesson 5"}"#;
    let (_place, server) = one_day(&[&payload.replace(['\n'], "").replace("        ", "")], "");
    let text = get(&server, "orders/2020-01-01.csv?profile=excel");
    let header =
        "received_at,event_id,n,long,id,zeros,day,yes,word,e,when,formula,list,lines,plain";
    let wanted = format!(
        "\u{feff}{header}\r\n{}",
        row(
            "1.5,\"\t12345678901234567890\",7,\"\t007\",\"\t1-2\",\"\ttrue\",\"\tTRUE\",\"\t3E5\",2026-07-01 00:30:00,'=1+1,\"a;'=b\",\"x\ny\",Lesson 5"
        )
    );
    assert_eq!(text.text(), wanted);
    let berlin =
        "orders/2020-01-01.csv?profile=excel&decimal=comma&tz=Europe/Berlin&columns=n,when,plain";
    assert_eq!(
        get(&server, berlin).text(),
        "\u{feff}n;when;plain\r\n1,5;2026-07-01 02:30:00;Lesson 5\r\n"
    );
    let comma = "orders/2020-01-01.csv?profile=excel&decimal=comma&delimiter=comma&columns=n,plain";
    assert_eq!(
        get(&server, comma).text(),
        "\u{feff}n,plain\r\n\"1,5\",Lesson 5\r\n"
    );
    let zipped = get(&server, "orders/2020-01-01.csv.gz?profile=excel");
    assert_eq!(unzipped(&zipped), wanted);
}

#[test]
fn a_day_that_somebody_changed_is_shown_as_it_is() {
    let (place, server) = three_days();
    get(&server, "orders/2020-01-02.csv");
    let path = place.output().join("csv/orders/2020-01-02.csv");
    std::fs::write(&path, "c,mine\n3,'=x\n0x,5\n").expect("a file");
    assert_eq!(
        get(&server, "orders/2020-01-02.csv?columns=mine,c").text(),
        "mine,c\n'=x,3\n5,0x\n"
    );
    assert_eq!(
        get(
            &server,
            "orders.csv?from=2020-01-01&to=2020-01-02&columns=a,c,mine"
        )
        .text(),
        "a,c,mine\n1,,\n2,,\n,3,'=x\n,0x,5\n"
    );
    // Gone altogether, the journal still has it.
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(
        get(&server, "orders/2020-01-02.csv?columns=c").text(),
        "c\n3\n"
    );
}

/// As long as it was, only its content tells.
#[test]
fn an_edit_of_the_same_length_is_shown_in_every_form() {
    let (place, server) = three_days();
    wait_closed(&server, 3);
    let asked = [
        ("orders/2020-01-02.csv?columns=c", "c\n3\n", "c\n7\n"),
        (
            "orders/2020-01-02.jsonl?columns=c",
            "{\"c\":\"3\"}\n",
            "{\"c\":7}\n",
        ),
        (
            "orders.csv?from=2020-01-01&to=2020-01-02&columns=c",
            "c\n\"\"\n\"\"\n3\n",
            "c\n\"\"\n\"\"\n7\n",
        ),
    ];
    let path = place.output().join("csv/orders/2020-01-02.csv");
    let text = std::fs::read_to_string(&path).expect("a text");
    let edited = text.replace(",3\n", ",7\n");
    let touched = text.clone();
    for (written, is_edited) in [(touched, false), (edited, true), (text, false)] {
        std::fs::write(&path, &written).expect("a file");
        for (url, before, after) in asked {
            let wanted = if is_edited { after } else { before };
            assert_eq!(get(&server, url).text(), wanted, "{url}");
        }
        assert_eq!(get(&server, "orders/2020-01-02.csv").text(), written);
    }
}

#[test]
fn where_the_journal_was_put_away_the_files_are_all_there_is() {
    let (place, mut server) = three_days();
    server.stop();
    std::fs::remove_file(place.output().join("journal/2020-01-01.jsonl")).expect("removed");
    let server = place.start_with("[sources.orders]\n[sources.quiet]\n");
    let rows = "b,a\n\"x;\"\"y\"\"\nz\",1\n,2\n";
    assert_eq!(
        get(&server, "orders/2020-01-01.csv?columns=b,a").text(),
        rows
    );
    let answer = server.get("/exports/orders.jsonl?from=2020-01-01&to=2020-01-04");
    assert_eq!(answer.status, 404, "{}", answer.text());
    let detail = "the journal of 2020-01-01 was put away, and the events as they were sent with it; ask for CSV or XLSX";
    assert_eq!(answer.json()["detail"], detail);
}

#[test]
fn who_has_it_already_is_told_so() {
    let (_place, server) = three_days();
    let bearer = ("authorization", "Bearer test-token");
    for path in [
        "latest.csv.gz",
        "latest.csv?columns=a",
        "latest.jsonl",
        "today.csv?profile=excel",
    ] {
        let path = format!("/exports/orders/{path}");
        let first = server.get(&path);
        let etag = first.header("etag").expect("a tag").to_owned();
        assert!(etag.starts_with("W/\""), "{etag}");
        assert_eq!(
            server
                .get_with(&path, &[bearer, ("if-none-match", &etag)])
                .status,
            304
        );
        let head = server.head_with(&path, &[]);
        assert_eq!(
            (head.status, head.header("etag")),
            (200, Some(etag.as_str()))
        );
        assert_eq!(
            server
                .get_with(&path, &[bearer, ("if-none-match", "\"x\"")])
                .status,
            200
        );
    }
    let before = server.get("/exports/orders/today.jsonl");
    assert_eq!(server.post_to("orders", b"{\"new\":1}", &[]).status, 200);
    let after = server.get("/exports/orders/today.jsonl");
    assert_ne!(before.header("etag"), after.header("etag"));
    assert!(after.text().ends_with("\"payload\":{\"new\":1}}\n"));
}

/// The `'` of the guard is for spreadsheets that read CSV: other forms have the name that was chosen.
#[test]
fn a_column_that_was_renamed_to_a_formula() {
    let config = "[sources.orders.columns]\nrename = { a = \"=sum\", b = \"it's; =x\" }\n";
    let (_place, server) = one_day(&[r#"{"a":1,"b":2}"#], config);
    let day = "orders/2020-01-01";
    let csv = get(&server, &format!("{day}.csv?columns='%3Dsum"));
    assert_eq!(csv.text(), "'=sum\n1\n");
    let lines = get(&server, &format!("{day}.jsonl?columns='%3Dsum"));
    assert_eq!(lines.text(), "{\"=sum\":1}\n");
    let book = get(&server, &format!("{day}.xlsx"));
    let mut archive =
        calamine::open_workbook_from_rs::<calamine::Xlsx<_>, _>(std::io::Cursor::new(&book.body))
            .expect("a workbook");
    let name = calamine::Reader::sheet_names(&archive)[0].clone();
    let sheet = calamine::Reader::worksheet_range(&mut archive, &name).expect("a sheet");
    let titles: Vec<String> = sheet
        .rows()
        .next()
        .expect("a header")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(titles, ["received_at", "event_id", "=sum", "it's; =x"]);
}

/// A day that was made without the guard is as it is; what is made of it now is made with the guard.
#[test]
fn a_name_from_before_the_guard() {
    let (place, mut server) = one_day(&[r#"{"=x":"=1"}"#], "[csv]\nformula_guard = false\n");
    wait_closed(&server, 1);
    let day = "orders/2020-01-01.csv";
    let plain = get(&server, day).text().to_owned();
    assert!(plain.starts_with("received_at,event_id,=x\n"), "{plain}");
    assert!(server.stop().success());
    let server = place.start_with("[sources.orders]\n");
    assert_eq!(get(&server, day).text(), plain);
    for options in ["columns=%3Dx", "columns=%3Dx&profile=excel"] {
        let text = get(&server, &format!("{day}?{options}")).text().to_owned();
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines, ["'=x", "'=1"], "{options}");
    }
}
