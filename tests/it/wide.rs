//! Ranges of many days with many columns: what is held of each day.

use crate::commands::{start_again, wait_closed};
use crate::days::journal;
use crate::server::{Place, Server};
use std::fmt::Write as _;

const DAYS: u32 = 80;
const COLUMNS: u32 = 900;

/// Holding the columns of each day took 9 MiB and more for so many, 18 MiB with headings.
const BYTES_MAX: u64 = 7 << 20;

/// A figure of a process's memory.
fn memory(server: &Server, name: &str) -> u64 {
    let path = format!("/proc/{}/status", server.pid());
    let status = std::fs::read_to_string(path).expect("a status");
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix(name));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    figure.expect("a figure").parse::<u64>().expect("a number") << 10
}

/// Each day has some columns that the one before had not: none is like another.
#[test]
fn a_range_holds_no_more_than_its_header() {
    let place = Place::new();
    let days: Vec<(String, String)> = (0..DAYS)
        .map(|nth| {
            let mut payload = String::from("{\"same\":1");
            for column in nth * 5..nth * 5 + COLUMNS {
                let _ = write!(payload, ",\"column {column}\":{nth}");
            }
            (
                format!("2020-{:02}-{:02}", 1 + nth / 28, 1 + nth % 28),
                payload + "}",
            )
        })
        .collect();
    let payloads: Vec<[&str; 1]> = days.iter().map(|(_, text)| [text.as_str()]).collect();
    let written: Vec<(&str, &[&str])> = days
        .iter()
        .zip(&payloads)
        .map(|((day, _), payloads)| (day.as_str(), &payloads[..]))
        .collect();
    journal(&place, &written);
    place.config("[sources.orders]\n");
    let mut server = start_again(&place);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(300);
    while server.get("/api/exports").text().matches("closed").count() < DAYS as usize {
        assert!(std::time::Instant::now() < until, "not closed");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    for (form, lines) in [
        (".csv?", DAYS + 1),
        (".csv?profile=excel&", DAYS + 1),
        (".jsonl?", DAYS),
    ] {
        assert!(server.stop().success());
        server = start_again(&place);
        wait_closed(&server, DAYS as usize);
        let range = format!("{form}from=2020-01-01&to=2020-12-31");
        assert_eq!(server.get("/exports/orders/2020-01-01.xlsx").status, 200);
        std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").expect("a reset");
        let before = memory(&server, "VmRSS");
        let answer = server.get(&format!("/exports/orders{range}"));
        assert_eq!(answer.status, 200, "{range}");
        let grown = memory(&server, "VmHWM").saturating_sub(before);
        assert!(grown < BYTES_MAX, "{range}: {grown} bytes");
        let found = answer.text().lines().count();
        assert_eq!(found, lines as usize, "{range}");
    }
}
