//! Fifty events that each bring a custom field nobody had, then fifty without.

use crate::audit::csv_files;
use crate::server::Place;

const PINNED: usize = 15;

#[test]
fn fifty_new_custom_fields_give_fifty_columns_and_each_cell_its_place() {
    let place = Place::new();
    let mut server = place.start();
    for nth in 0..100 {
        let fields = if nth < 50 {
            format!(r#"{{"Field {nth}":"value {nth}"}}"#)
        } else {
            "{}".to_owned()
        };
        let body =
            format!(r#"{{"user":{{"ext_uid":"u{nth}","custom_fields":{fields}}},"score":{nth}}}"#);
        let answer = server.post(&body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let list = server.get("/api/exports");
    assert_eq!(list.status, 200);
    let mut files = csv_files(&place).into_keys();
    let (name, none) = (files.next().expect("a file"), files.next());
    assert_eq!(none, None, "the day turned in the middle of the test");
    let over_http = server.get(&format!("/exports/lessonly/{name}"));
    assert_eq!(over_http.status, 200);
    check(&over_http.body);
    assert!(
        csv_files(&place)[&name] == over_http.body,
        "other bytes on disk"
    );
    assert!(server.stop().success());
    assert!(
        csv_files(&place)[&name] == over_http.body,
        "other bytes after the end"
    );
    let server = place.start();
    let again = server.get(&format!("/exports/lessonly/{name}"));
    assert!(again.body == over_http.body, "other bytes after a restart");
    assert_eq!(csv_files(&place).len(), 1);
}

fn check(text: &[u8]) {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().expect("a header").clone();
    assert_eq!(header.len(), PINNED + 50, "{header:?}");
    let place = |name: &str| {
        header
            .iter()
            .position(|column| column == name)
            .expect("a column")
    };
    let (key, score) = (place("user.ext_uid"), place("score"));
    for nth in 0..50 {
        assert_eq!(&header[PINNED + nth], format!("Field {nth}"));
    }
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 100);
    for (nth, row) in rows.iter().enumerate() {
        assert_eq!(&row[key], format!("u{nth}"));
        assert_eq!(&row[score], nth.to_string());
        for field in 0..50 {
            let wanted = if field == nth {
                format!("value {nth}")
            } else {
                String::new()
            };
            assert_eq!(&row[PINNED + field], wanted, "row {nth}, field {field}");
        }
    }
}
