//! `rowhook verify` while events come into days that are over.

use crate::commands::import;
use crate::days::{journal, three_days};
use crate::flips_world::rules;
use crate::server::{Place, Server};
use rowhook::disk::{RealDisk, SharedDisk};
use rowhook::event::{Preset, SourceName};
use rowhook::layout::Layout;
use rowhook::verify::{Options, Report, verify};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Three closed days, and the same with another event of the second one.
fn before_and_after() -> (Place, Place) {
    let (place, mut server) = three_days();
    let until = Instant::now() + Duration::from_secs(10);
    while closed(&server) < 3 {
        assert!(Instant::now() < until, "not closed");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(server.stop().success());
    let (after, late) = (Place::new(), Place::new());
    copy(&place.output(), &after.output());
    fs::copy(
        place.path().join("rowhook.toml"),
        after.path().join("rowhook.toml"),
    )
    .expect("a configuration");
    // The fifth event, by its number and its id.
    let four = ("2020-01-01", &["{}"; 4][..]);
    journal(&late, &[four, ("2020-01-02", &[r#"{"c":"late"}"#])]);
    let said = import(
        &after,
        "orders",
        &[late.output().join("journal/2020-01-02.jsonl")],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    (place, after)
}

fn closed(server: &Server) -> usize {
    let list = server.get("/api/exports");
    list.text().matches("\"closed\"").count()
}

/// What is below `from` takes the place of what is below `to`.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("cp").success());
}

fn audit(place: &Place, tell: &mut dyn FnMut(u64, u64)) -> Report {
    let disk: SharedDisk = Arc::new(RealDisk);
    let rules = rules(Preset::Generic);
    let options = Options {
        sources: [(SourceName::new("orders").expect("a name"), rules.clone())].into(),
        others: rules,
        part_rows: 1_048_575,
        source: None,
        days: (None, None),
        pause: Duration::ZERO,
    };
    verify(&disk, &Layout::new(place.output()), &options, tell).expect("a report")
}

#[test]
fn a_closed_day_that_an_import_has_just_added_to() {
    let (place, after) = before_and_after();
    let mut waits = true;
    let report = audit(&place, &mut |_, _| {
        if std::mem::take(&mut waits) {
            copy(&after.output(), &place.output());
        }
    });
    assert!(!waits && !report.has_differences(), "{report}");
    assert_eq!((report.rows, report.events), (5, 5), "{report}");
}

#[test]
fn a_closed_day_that_an_import_has_yet_to_add_to() {
    let (place, after) = before_and_after();
    for name in ["csv", "state"] {
        copy(&place.output().join(name), &after.output().join(name));
    }
    let report = audit(&after, &mut |_, _| {});
    assert!(!report.has_differences(), "{report}");
    let told = report.to_string();
    let wanted = "csv/orders/2020-01-02.csv\n  not yet written: row 2, byte 89, seq 5: not in the table yet from here on: 1 row";
    assert!(told.contains(wanted), "{told}");
    // The next start does write it; once it has, what is missing is damage.
    let config = fs::read_to_string(after.path().join("rowhook.toml")).expect("a text");
    let mut server = after.start_with(&config);
    let text = server
        .get("/exports/orders/2020-01-02.csv")
        .text()
        .to_owned();
    assert!(text.ends_with(",late\n"), "{text}");
    assert!(server.stop().success());
    assert!(!audit(&after, &mut |_, _| {}).has_differences());
    let file = "csv/orders/2020-01-02.csv";
    fs::copy(place.output().join(file), after.output().join(file)).expect("a file");
    assert!(audit(&after, &mut |_, _| {}).has_differences());
}
