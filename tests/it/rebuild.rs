//! `rebuild`, by the server that runs and without one.

use crate::commands::{rowhook, wait_closed};
use crate::days::three_days;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Segments may be put away; a table is not emptied because of that.
#[test]
fn a_day_whose_segments_were_put_away_is_not_rebuilt() {
    let (place, server) = three_days();
    wait_closed(&server, 3);
    drop(server);
    let day = place.output().join("csv/orders/2020-01-01.csv");
    let before = fs::read_to_string(&day).expect("a text");
    fs::remove_file(place.output().join("journal/2020-01-01.jsonl")).expect("a segment");
    let said = rowhook(
        &place,
        &["rebuild", "--source", "orders", "--date", "2020-01-01"],
    );
    insta::assert_snapshot!(said.out, @r"
    orders 2020-01-01: failed: the journal has only 0 of its 2 events; put back the segments of that day
    0 tables made anew, 1 failed
    ");
    assert_eq!(
        (said.code, fs::read_to_string(&day).expect("a text")),
        (1, before)
    );
}

/// After a change of rules, an edit, a loss: the bytes are those that the journal gives.
#[test]
fn days_are_rebuilt() {
    for running in [true, false] {
        let (place, server) = three_days();
        let day = |day: &str| place.output().join(format!("csv/orders/{day}.csv"));
        let text = |name: &str| fs::read_to_string(day(name)).expect("a text");
        wait_closed(&server, 3);
        let whole = ["2020-01-01", "2020-01-02", "2020-01-04"].map(text);
        let server = if running {
            Some(server)
        } else {
            drop(server);
            None
        };
        fs::write(day("2020-01-01"), "theirs\n").expect("a file");
        fs::remove_file(day("2020-01-02")).expect("a file to remove");
        let said = rowhook(
            &place,
            &[
                "rebuild",
                "--source",
                "orders",
                "--from",
                "2020-01-01",
                "--to",
                "2020-01-02",
            ],
        );
        insta::allow_duplicates! { insta::assert_snapshot!(said.out, @r"
    orders 2020-01-01: 2 rows, 4 columns -> 2 rows, 4 columns
    orders 2020-01-02: 1 rows, 5 columns -> 1 rows, 5 columns
    2 tables made anew
    "); }
        assert_eq!(said.code, 0, "{}", said.err);
        assert_eq!(
            [text("2020-01-01"), text("2020-01-02"), text("2020-01-04")],
            whole
        );
        let kept: Vec<_> = fs::read_dir(place.output().join("csv/orders"))
            .expect("a folder")
            .map(|e| e.expect("an entry").path())
            .filter(|p| p.to_string_lossy().contains("2020-01-01.edited-"))
            .collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(fs::read_to_string(&kept[0]).expect("a text"), "theirs\n");
        // Nothing is remembered of a table, and its file is gone: the journal has it.
        let state = place.output().join("state/tables/orders/2020-01-04.json");
        if server.is_none() {
            fs::remove_file(state).expect("a state");
            fs::remove_file(day("2020-01-04")).expect("a file to remove");
            let said = rowhook(&place, &["rebuild", "--date", "2020-01-04"]);
            let wanted =
                "orders 2020-01-04: 0 rows, 0 columns -> 1 rows, 4 columns\n1 tables made anew\n";
            assert_eq!(said.out, wanted, "{}", said.err);
            assert_eq!(text("2020-01-04"), whole[2]);
        }
        let none = rowhook(
            &place,
            &["rebuild", "--source", "orders", "--date", "2019-01-01"],
        );
        assert_eq!((none.out.as_str(), none.code), ("0 tables made anew\n", 0));
        let unknown = rowhook(&place, &["rebuild", "--source", "nobody"]);
        assert_eq!(
            (unknown.err.as_str(), unknown.code),
            ("error: there is no source `nobody`\n", 2)
        );
        let days = ["rebuild", "--from", "2020-01-02", "--to", "2020-01-01"];
        let backwards = rowhook(&place, &days);
        assert_eq!((backwards.out.as_str(), backwards.code), ("", 2));
        if let Some(server) = server {
            let socket = place.output().join("state/control.sock");
            let mode = fs::symlink_metadata(&socket)
                .expect("a socket")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            let list = server.get("/api/exports").json();
            let files: Vec<_> = list
                .as_array()
                .expect("a list")
                .iter()
                .map(|entry| entry["files"].clone())
                .collect();
            assert!(files.iter().all(|files| *files == json!("whole")), "{list}");
        }
    }
}
