//! Days that are over and of which nothing tells any more what their tables
//! hold: an answer that needs one says so, and never leaves it out.

use crate::commands::{rowhook, said, wait_closed};
use crate::days::{DAYS, export, journal, three_days};
use crate::receiving::{is_problem, problem};
use crate::server::{Place, Server};
use std::fs;
use std::path::PathBuf;

const DAY: &str = "2020-01-02";

/// Closed tables of three days, and the checkpoint of the one in the middle.
fn closed() -> (Place, Server, PathBuf) {
    let (place, server) = three_days();
    wait_closed(&server, 3);
    let path = place.output().join("state/tables/orders/2020-01-02.json");
    assert!(path.exists());
    (place, server, path)
}

/// What harms a checkpoint.
const HARMS: [fn(&PathBuf); 2] = [
    |path| fs::write(path, "{\"closed\":true").expect("a file"),
    |path| fs::remove_file(path).expect("a file"),
];

fn detail(path: &std::path::Path) -> String {
    format!(
        "{} is missing or cannot be read, and with it what the table of orders for {DAY} holds; \
         `rowhook rebuild --source orders --date {DAY}` makes the table anew from the journal",
        path.display()
    )
}

#[test]
fn a_download_that_needs_one_says_so() {
    for harm in HARMS {
        let (place, server, path) = closed();
        let range = "orders.csv?from=2020-01-01&to=2020-01-04";
        let whole = export(&server, range);
        harm(&path);
        for asked in [
            range,
            "orders/2020-01-02.csv",
            "orders/2020-01-02.1.csv",
            "orders/2020-01-02.csv.gz",
            "orders/2020-01-02.jsonl",
            "orders.xlsx?from=2020-01-01&to=2020-01-04",
            "orders.jsonl?from=2020-01-01&to=2020-01-04",
            "orders.csv.gz?from=2020-01-01&to=2020-01-04",
            "orders.csv?from=2020-01-01&to=2020-01-04&columns=a",
            // The header is that of the day before.
            "orders.csv?from=2020-01-03&to=2020-01-03",
            // It may have had this column.
            "orders/2020-01-04.csv?columns=gone",
        ] {
            let answer = server.get(&format!("/exports/{asked}"));
            let title = "The table cannot be read now";
            is_problem(
                &answer,
                &problem(503, "unreadable", title, &detail(&path), ""),
            );
            assert!(answer.header("retry-after").is_some(), "{asked}");
        }
        for others in [
            "orders.csv?from=2020-01-03&to=2020-01-04",
            "orders/2020-01-01.csv",
            "orders/latest.csv",
        ] {
            export(&server, others);
        }
        // What it says to do helps.
        let said = rowhook(&place, &["rebuild", "--source", "orders", "--date", DAY]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert_eq!(export(&server, range), whole);
    }
}

#[test]
fn so_does_the_command() {
    for harm in HARMS {
        let (place, mut server, path) = closed();
        server.stop();
        harm(&path);
        let run = |args: &str| {
            let mut command = place.bare(&[]);
            command.arg("export").arg("--output").arg(place.output());
            command.args(["--source", "orders"]).args(args.split(' '));
            said(&command.output().expect("a run"))
        };
        for args in [
            "--from 2020-01-01 --to 2020-01-04",
            "--date 2020-01-02",
            "--date 2020-01-02 --format jsonl",
            "--from 2020-01-01 --to 2020-01-04 --columns a",
            "--from 2020-01-03 --to 2020-01-03",
        ] {
            let said = run(args);
            let told = format!("error: {}\n", detail(&path));
            assert_eq!(said.code, 1, "{args}");
            assert!(said.err.ends_with(&told), "{args}: {}", said.err);
            assert_eq!(said.out, "");
        }
        assert_eq!(
            run("--from 2020-01-03 --to 2020-01-04 --columns a").out,
            "a\n9\n"
        );
    }
}

/// The newest day may be the one: then nobody knows which is the newest that has rows.
#[test]
fn nor_is_an_older_day_taken_for_the_newest() {
    let (place, mut server) = three_days();
    wait_closed(&server, 3);
    let path = place.output().join("state/tables/orders/2020-01-04.json");
    // As long as the journal has nothing later, the command makes that day of it anyhow.
    assert_eq!(server.post("{\"score\":1}").status, 200);
    server.get("/exports/lessonly/today.csv");
    fs::write(&path, "{}").expect("a file");
    let answer = server.get("/exports/orders/latest.csv");
    assert_eq!(answer.status, 503, "{}", answer.text());
    server.stop();
    let said = rowhook(
        &place,
        &["export", "--source", "orders", "--date", "latest"],
    );
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    assert!(
        said.err.contains("orders for 2020-01-04 holds"),
        "{}",
        said.err
    );
}

/// A file that somebody put there for a day of which there are no events is none of ours.
#[test]
fn a_strangers_file_is_no_table() {
    let place = Place::new();
    journal(&place, &DAYS);
    let mut server = place.start_with("[sources.orders]\n");
    wait_closed(&server, 3);
    server.stop();
    let folder = place.output().join("csv/orders");
    fs::write(folder.join("2020-01-03.csv"), "a\n1\n").expect("a file");
    let said = rowhook(&place, &["export", "--source", "orders", "--columns", "c"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "c\n\"\"\n\"\"\n3\n8\n"),
        "{}",
        said.err
    );
}
