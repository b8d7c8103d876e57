//! `rowhook export`: what a server gives, without one.

use crate::commands::wait_closed;
use crate::days::{DAYS, journal, three_days};
use crate::server::{Place, Server};
use std::fs;
use std::process::{Command, Output};

fn command(place: &Place, args: &str) -> Command {
    let mut command = place.bare(&[]);
    command.arg("export").arg("--output").arg(place.output());
    command.args(args.split(' '));
    command
}

fn run(place: &Place, args: &str) -> Output {
    command(place, args).output().expect("a run")
}

#[track_caller]
fn bytes(place: &Place, args: &str) -> Vec<u8> {
    let output = run(place, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args}: {told}");
    assert_eq!(told, "", "{args}");
    output.stdout
}

/// What the server gives under this address, and what the command gives.
#[track_caller]
fn same(place: &Place, server: &Server, url: &str, args: &str) {
    let answer = server.get(&format!("/exports/{url}"));
    assert_eq!(answer.status, 200, "{url}: {}", answer.text());
    let (here, there) = (bytes(place, args), answer.body);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&here), text(&there), "{args} and {url}");
}

const ASKED: [(&str, &str); 8] = [
    ("orders/2020-01-01.csv", "--source orders --date 2020-01-01"),
    (
        "orders/latest.csv.gz",
        "--source orders --date latest --format csv.gz",
    ),
    ("orders/today.csv", "--source orders --date today"),
    ("orders.csv?from=2020-01-01&to=today", "--source orders"),
    (
        "orders.csv?from=-99999d&to=yesterday",
        "--source orders --from -99999d --to yesterday",
    ),
    (
        "orders.jsonl?from=2020-01-02&to=today",
        "--source orders --from 2020-01-02 --format jsonl",
    ),
    (
        "orders.csv?from=2020-01-01&to=today&profile=excel&decimal=comma&columns=a,c&tz=Asia/Tokyo",
        "--source orders --profile excel --decimal comma --columns a,c --tz Asia/Tokyo",
    ),
    (
        "orders/today.jsonl?columns=a,c",
        "--source orders --date today --format jsonl --columns a,c",
    ),
];

#[test]
fn beside_a_server_it_gives_what_the_server_gives() {
    let (place, server) = three_days();
    for (round, body) in [r#"{"a":"5"}"#, r#"{"new":6}"#, r#"{"new":[1,2],"a":"=x"}"#]
        .iter()
        .enumerate()
    {
        assert_eq!(
            server.post_to("orders", body.as_bytes(), &[]).status,
            200,
            "{round}"
        );
        for (url, args) in ASKED {
            same(&place, &server, url, args);
        }
    }
}

#[test]
fn after_a_kill_it_gives_every_row_that_was_acknowledged() {
    let (place, mut server) = three_days();
    for nth in 0..50 {
        let body = format!("{{\"a\":{nth},\"k{}\":1}}", nth % 7);
        assert_eq!(server.post_to("orders", body.as_bytes(), &[]).status, 200);
    }
    server.kill();
    let before: Vec<_> = ASKED.iter().map(|(_, args)| bytes(&place, args)).collect();
    let server = place.start_with(
        "[sources.orders]\n[sources.quiet]\n[sources.lessonly]\npreset = \"lessonly\"\n",
    );
    for ((url, args), before) in ASKED.iter().zip(before) {
        assert_eq!(
            server.get(&format!("/exports/{url}")).body,
            before,
            "{args}"
        );
    }
}

#[test]
fn the_journal_alone_is_enough() {
    let place = Place::new();
    journal(&place, &DAYS);
    let text = bytes(&place, "--source orders --columns a,b,c");
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "a,b,c\n1,\"x;\"\"y\"\"\nz\",\n2,,\n,,3\n9,,8\n"
    );
}

/// Events that were imported into a day that is over, and that no server has come to since.
#[test]
fn what_was_imported_and_not_followed_is_there() {
    let (place, mut server) = three_days();
    wait_closed(&server, 3);
    assert!(server.stop().success());
    let others = fs::read(place.output().join("csv/orders/2020-01-02.csv")).expect("a file");
    let imported: [(&str, &[&str]); 2] = [
        ("2020-01-01", &[r#"{"z":"new","a":"10"}"#]),
        ("2020-01-02", &[]),
    ];
    journal(&place, &[&DAYS[..], &imported].concat());
    assert!(place.output().join("journal/2020-01-01.2.jsonl").exists());
    let asked = [
        "--source orders --date 2020-01-01",
        "--source orders --date 2020-01-01 --format jsonl",
        "--source orders",
        "--source orders --columns z,a",
    ];
    let before = asked.map(|args| bytes(&place, args));
    assert_eq!(
        String::from_utf8_lossy(&before[3]),
        "z,a\n,1\n,2\nnew,10\n,\n,9\n"
    );
    // A day to which nothing came is the file that it was.
    assert_eq!(bytes(&place, "--source orders --date 2020-01-02"), others);
    let server = place.start_with(
        "[sources.orders]\n[sources.quiet]\n[sources.lessonly]\npreset = \"lessonly\"\n",
    );
    for (url, before) in [
        "orders/2020-01-01.csv",
        "orders/2020-01-01.jsonl",
        "orders.csv?from=2020-01-01&to=2020-01-04",
        "orders.csv?from=2020-01-01&to=2020-01-04&columns=z,a",
    ]
    .iter()
    .zip(before)
    {
        let answer = server.get(&format!("/exports/{url}"));
        assert_eq!(answer.text(), String::from_utf8_lossy(&before), "{url}");
    }
}

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    let (place, server) = three_days();
    server.get("/exports/orders/2020-01-01.csv");
    let path = place.path().join("out.csv");
    fs::write(&path, "before").expect("a file");
    let run_to = |args: &str| {
        let mut command = command(&place, args);
        command.arg("-o").arg(&path).output().expect("a run")
    };
    let output = run_to("--source orders --columns nothing");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
    let output = run_to("--source orders --columns a");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!("{}: 11 bytes\n", path.display())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\n1\n2\n\"\"\n9\n");
    let names = fs::read_dir(place.path()).unwrap();
    let hidden = names.filter(|name| {
        name.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
    // The ending of the name decides.
    let lines = place.path().join("out.jsonl");
    let mut command = command(&place, "--source orders --date 2020-01-02");
    assert!(
        command
            .arg("-o")
            .arg(&lines)
            .status()
            .expect("a run")
            .success()
    );
    assert!(
        fs::read_to_string(&lines)
            .unwrap()
            .ends_with("\"payload\":{\"c\":\"3\"}}\n")
    );
}

#[test]
fn what_cannot_be_says_so() {
    let (place, server) = three_days();
    server.get("/exports/orders/2020-01-01.csv");
    for (args, code, told) in [
        (
            "--source ordrs",
            2,
            "there is nothing of ordrs in OUTPUT; did you mean lessonly?",
        ),
        (
            "--source orders --date 2020-01-03",
            2,
            "there is no table of orders for 2020-01-03",
        ),
        (
            "--source orders --delimiter tab",
            2,
            "`--delimiter` needs --profile excel",
        ),
        (
            "--source orders --date 2020-01-04 --columns zzzz",
            2,
            "there is no column \"zzzz\"; there are \"received_at\", \"event_id\", \"c\", \"a\"",
        ),
    ] {
        let output = run(&place, args);
        let text = String::from_utf8(output.stderr).unwrap();
        let text = text.replace(&place.output().display().to_string(), "OUTPUT");
        let told = told.replace("did you mean lessonly?", "there are lessonly");
        assert_eq!(
            (output.status.code(), text),
            (Some(code), format!("error: {told}\n")),
            "{args}"
        );
        assert!(output.stdout.is_empty());
    }
    for wrong in ["nope", "-1d", "-30d"] {
        let output = run(&place, &format!("--source orders --date {wrong}"));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let told = "use YYYY-MM-DD, today, yesterday or latest";
        assert!(text.contains(told), "{wrong}: {text}");
    }
    // A folder that was mistyped would give a table without rows.
    let nowhere = Place::new();
    let output = run(&nowhere, "--source lessonly");
    let text = String::from_utf8(output.stderr).unwrap();
    let told = "no journal is here; name the folder";
    assert!(text.contains(told), "{text}");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}
