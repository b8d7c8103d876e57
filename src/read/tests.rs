//! Answers planned over tables that are made here.

use super::export::Tables;
use super::{Answer, Ask, Changes, Days, ExportError};
use crate::disk::{RealDisk, SharedDisk};
use crate::event::{Day, Preset, Seq, SourceName};
use crate::flatten::Rules;
use crate::journal::Shared;
use crate::journal::segment::Segment;
use crate::layout::Layout;
use crate::table::{Table, TableOptions};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Closed tables of `orders`, two rows a file.
struct World {
    dir: tempfile::TempDir,
    disk: SharedDisk,
    source: SourceName,
    days: Vec<Day>,
    segments: Vec<Segment>,
    last: Seq,
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        preset: Preset::Generic,
        columns_max: 1000,
        guard: true,
        bom: false,
        columns: None,
    }
}

impl World {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            disk: Arc::new(RealDisk),
            source: SourceName::new("orders").unwrap(),
            days: Vec::new(),
            segments: Vec::new(),
            last: Seq(0),
        }
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path())
    }

    fn csv(&self, of: &str, part: u32) -> PathBuf {
        self.layout().csv(&self.source, day(of), part)
    }

    /// Makes the table of a day.
    fn day(&mut self, of: &str, payloads: &[&str]) {
        let (disk, layout, source) = (self.disk.clone(), self.layout(), self.source.clone());
        let options = TableOptions {
            rules: rules(),
            part_rows: 2,
        };
        let mut table = Table::create(disk, layout, source, day(of), options, &[], false).unwrap();
        let number = self.segments.len() as u64 + 1;
        self.segments.push(Segment {
            number,
            day: day(of),
            first_seq: Seq(self.last.0 + 1),
            path: self.dir.path().join(format!("journal/{of}.jsonl")),
            bytes: 0,
        });
        for payload in payloads {
            self.last.0 += 1;
            let id = format!("{:032x}", self.last.0);
            let at = format!("{of}T12:00:00.000Z");
            table.push(self.last, at.as_bytes(), id.as_bytes(), payload.as_bytes());
            table.append().unwrap();
            while table.needs_widening() {
                table.widen(&mut || {}).unwrap();
                table.append().unwrap();
            }
        }
        table.checkpoint(true).unwrap();
        self.days.push(day(of));
    }

    fn answer(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, ExportError> {
        let query: Vec<(String, String)> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let ask = Ask::parse(path, &query, &[]).unwrap();
        let today = day("2021-01-01");
        let (from, to) = ask.days(today, self.days.last().copied()).unwrap();
        let within = self.days.iter().copied();
        let days = Days {
            from,
            to,
            tables: within.filter(|day| (from..=to).contains(day)).collect(),
            earlier: None,
            all: self.days.clone(),
        };
        let (layout, views) = (self.layout(), BTreeMap::new());
        let journal = Arc::new(Shared::found(self.segments.clone(), self.last));
        let tables = Tables {
            disk: &self.disk,
            layout: &layout,
            source: &self.source,
            open: Vec::new(),
            rules: rules(),
            zone: chrono_tz::Tz::UTC,
            journal: &journal,
            changes: &Changes::default(),
            views: Some(&views),
        };
        tables.answer(&ask, &days)
    }

    /// Why there is no answer.
    #[track_caller]
    fn error(&self, path: &str, query: &[(&str, &str)]) -> String {
        let answer = self.answer(path, query);
        let error = answer.err().expect("no answer").to_string();
        error.replace(&self.dir.path().display().to_string(), "OUTPUT")
    }
}

/// The journal has the rows of a file that is gone, but not what somebody made of the other one: neither is shown without the
/// other.
#[test]
fn a_part_that_is_gone_beside_one_that_was_changed() {
    let mut world = World::new();
    world.day("2020-01-01", &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
    std::fs::remove_file(world.csv("2020-01-01", 1)).unwrap();
    let forms: [(&str, &[(&str, &str)]); 3] = [
        ("orders/2020-01-01.xlsx", &[]),
        ("orders/2020-01-01.csv", &[("columns", "a")]),
        ("orders/2020-01-01.jsonl", &[("columns", "a")]),
    ];
    // A workbook would read the journal at once.
    for (path, query) in &forms[1..] {
        assert!(world.answer(path, query).is_ok(), "{path}");
    }
    std::fs::write(world.csv("2020-01-01", 2), "a\n30\n").unwrap();
    let gone = "OUTPUT/csv/orders/2020-01-01.csv is not there any more; its rows are still in the journal, and \
                `rowhook rebuild --source orders --date 2020-01-01` writes them again";
    for (path, query) in forms {
        assert_eq!(world.error(path, query), gone, "{path}");
    }
    assert_eq!(world.error("orders/2020-01-01.csv", &[]), gone);
    // Without its journal it has to be brought back.
    world.segments[0].number = 7;
    let gone = "OUTPUT/csv/orders/2020-01-01.csv is not there any more, and the journal of 2020-01-01 was put away; \
                bring one of the two back";
    for (path, query) in forms {
        assert_eq!(world.error(path, query), gone, "{path}");
    }
}
