//! One table by itself: what its files are after each move.

mod restarts;

use super::*;
use crate::disk::tests::{EIO, Faults, Op, faulty};
use crate::disk::{SharedDisk, read_range};
use crate::event::{Day, Preset, Seq, SourceName, Timestamp};
use crate::flatten::Rules;
use crate::layout::Layout;
use std::path::PathBuf;
use std::sync::Arc;

struct Place {
    dir: tempfile::TempDir,
    disk: SharedDisk,
    faults: Arc<Faults>,
    options: TableOptions,
}

fn orders() -> SourceName {
    SourceName::new("orders").unwrap()
}

fn day() -> Day {
    "2026-11-23".parse().unwrap()
}

impl Place {
    fn new(part_rows: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (disk, faults) = faulty();
        let rules = Rules {
            preset: Preset::Generic,
            columns_max: 1000,
            guard: true,
            bom: false,
            columns: None,
        };
        Self {
            dir,
            disk,
            faults,
            options: TableOptions { rules, part_rows },
        }
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path())
    }

    fn try_create(&self, beside: bool) -> Result<Table, TableError> {
        Table::create(
            self.disk.clone(),
            self.layout(),
            orders(),
            day(),
            self.options.clone(),
            &[],
            beside,
        )
    }

    fn create(&self) -> Table {
        self.try_create(false).unwrap()
    }

    fn loaded(&self) -> Checkpoint {
        Checkpoint::load(&self.disk, &self.layout(), &orders(), day())
            .unwrap()
            .unwrap()
    }

    fn resume(&self) -> Result<Table, TableError> {
        Table::resume(
            self.disk.clone(),
            self.layout(),
            self.options.clone(),
            self.loaded(),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("csv/orders").join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.disk.list(&self.path("")).unwrap();
        names.sort();
        names
    }
}

const FILE: &str = "2026-11-23.csv";
const HIDDEN: &str = ".2026-11-23.csv.new";

fn push(table: &mut Table, seq: u64, payload: &str) {
    let now = Timestamp::parse(b"2026-11-23T12:00:00.000Z").unwrap();
    let now = Timestamp::from_millis(now.millis() + i64::try_from(seq).unwrap());
    table.push(
        Seq(seq),
        now.to_string().as_bytes(),
        b"ID",
        payload.as_bytes(),
    );
}

fn write(table: &mut Table) -> Result<(), TableError> {
    table.append()?;
    while table.needs_widening() {
        table.widen(&mut || {})?;
        table.append()?;
    }
    Ok(())
}

#[test]
fn a_new_table_is_a_header() {
    let place = Place::new(10);
    let table = place.create();
    assert_eq!(place.text(FILE), "received_at,event_id\n");
    assert_eq!(
        (table.rows(), table.pushed(), table.room()),
        (0, Seq(0), 10)
    );
    assert!(table.dirty().is_none() && !table.has_waiting());
    let error = place.try_create(false).err().unwrap();
    assert!(matches!(error, TableError::Changed));
    // With a mark, where that is wanted.
    let mut place = Place::new(10);
    place.options.rules.bom = true;
    place.create();
    assert_eq!(place.text(FILE), "\u{feff}received_at,event_id\n");
}

#[test]
fn rows_wait_until_they_are_written() {
    let place = Place::new(10);
    let mut table = place.create();
    push(&mut table, 3, "{}");
    push(&mut table, 5, "{}");
    // Records that are there already.
    push(&mut table, 5, "{}");
    push(&mut table, 4, "{}");
    assert_eq!(place.text(FILE), "received_at,event_id\n");
    assert!(table.has_waiting() && !table.needs_widening());
    assert_eq!(table.room(), 8);
    table.append().unwrap();
    assert_eq!(
        place.text(FILE),
        "received_at,event_id\n2026-11-23T12:00:00.003Z,ID\n2026-11-23T12:00:00.005Z,ID\n"
    );
    assert_eq!(table.state(None).seq, Seq(5));
    table.pass(Seq(9), (1, 77));
    let state = table.state(None);
    assert_eq!((state.seq, state.hint), (Seq(9), (1, 77)));
    push(&mut table, 9, "{}");
    assert!(!table.has_waiting());
}

#[test]
fn wider_rows_wait_for_a_wider_file() {
    let place = Place::new(10);
    let mut table = place.create();
    for (seq, payload) in [
        (1, "{}"),
        (2, r#"{"a":1}"#),
        (3, "{}"),
        (4, r#"{"b":"x\ny"}"#),
    ] {
        push(&mut table, seq, payload);
    }
    table.append().unwrap();
    assert_eq!(table.rows(), 1);
    assert_eq!(table.state(None).seq, Seq(1));
    table.pass(Seq(9), (1, 77));
    assert_eq!(table.state(None).seq, Seq(1), "what waits is not passed");
    assert!(table.needs_widening());
    table.widen(&mut || {}).unwrap();
    assert!(!table.needs_widening() && table.has_waiting());
    table.append().unwrap();
    insta::assert_snapshot!(place.text(FILE), @r#"
    received_at,event_id,a,b
    2026-11-23T12:00:00.001Z,ID,,
    2026-11-23T12:00:00.002Z,ID,1,
    2026-11-23T12:00:00.003Z,ID,,
    2026-11-23T12:00:00.004Z,ID,,"x
    y"
    "#);
    assert_eq!(place.names(), [FILE]);
}

#[test]
fn what_is_learned_ahead_saves_a_widening() {
    let place = Place::new(10);
    let mut table = place.create();
    let payloads = [r#"{"a":1}"#, r#"{"b":1}"#, r#"{"c":1}"#];
    for payload in payloads {
        table.learn(payload.as_bytes());
    }
    push(&mut table, 1, payloads[0]);
    table.append().unwrap();
    table.widen(&mut || {}).unwrap();
    table.append().unwrap();
    let written = place.faults.done();
    push(&mut table, 2, payloads[1]);
    push(&mut table, 3, payloads[2]);
    assert!(!table.needs_widening());
    table.append().unwrap();
    assert_eq!(place.faults.done() - written, 1, "one write for both");
    assert_eq!(
        place.text(FILE).lines().next(),
        Some("received_at,event_id,a,b,c")
    );
}

#[test]
fn full_files_keep_their_width() {
    let place = Place::new(2);
    let mut table = place.create();
    for seq in 1..=5 {
        push(&mut table, seq, &format!(r#"{{"c{seq}":1}}"#));
    }
    assert_eq!(table.room(), 1);
    write(&mut table).unwrap();
    let widths: Vec<_> = [FILE, "2026-11-23.2.csv", "2026-11-23.3.csv"]
        .map(|file| {
            place
                .text(file)
                .lines()
                .map(|l| l.split(',').count())
                .collect::<Vec<_>>()
        })
        .into();
    assert_eq!(widths, [vec![4; 3], vec![6; 3], vec![7; 2]]);
    let figures = table.figures();
    let rows: Vec<u64> = figures.parts.iter().map(|part| part.rows).collect();
    assert_eq!((rows, figures.columns()), (vec![2, 2, 1], 7));
    let snapshot = table.snapshot();
    assert_eq!(snapshot.columns.len(), 7);
    assert_eq!(
        snapshot
            .parts
            .iter()
            .map(|p| p.file.is_some())
            .collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(snapshot.parts[1].path, place.path("2026-11-23.2.csv"));
}
