//! Any sequence of payloads gives a rectangle that another CSV reader reads
//! back as a naive second implementation of the rules says.

use crate::naive::{self, Event};
use crate::payloads;
use proptest::prelude::*;
use rowhook::event::Preset;
use rowhook::flatten::{Columns, Flat, Rules};

fn ours(rules: Rules, payloads: &[String]) -> Vec<Vec<String>> {
    let mut columns = Columns::start(rules, &[]);
    let mut flat = Flat::default();
    let mut rows = Vec::new();
    for (nth, payload) in payloads.iter().enumerate() {
        columns.place(payload.as_bytes(), &mut flat);
        let mut row = Vec::new();
        columns.write_row(
            time(nth).as_bytes(),
            id(nth).as_bytes(),
            payload.as_bytes(),
            &flat,
            &mut row,
        );
        rows.push((columns.len(), row));
    }
    let mut csv = Vec::new();
    columns.write_header(columns.len(), &mut csv);
    for (width, row) in rows {
        csv.extend_from_slice(&row[..row.len() - 1]);
        csv.resize(csv.len() + columns.len() - width, b',');
        csv.push(b'\n');
    }
    // Not flexible: it refuses any row that is not as wide as the header.
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv.as_slice());
    let records = reader.records().map(|record| record.expect("a rectangle"));
    records
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect()
}

fn time(nth: usize) -> String {
    format!("2026-11-23T12:00:00.{nth:03}Z")
}

fn id(nth: usize) -> String {
    format!("{nth:032x}")
}

fn naive(rules: Rules, payloads: &[String]) -> Vec<Vec<String>> {
    let lessonly = rules.preset == Preset::Lessonly;
    let rules = naive::Rules {
        lessonly,
        columns_max: rules.columns_max,
        guard: rules.guard,
    };
    let event = |(nth, payload): (usize, &String)| Event {
        received_at: time(nth),
        id: id(nth),
        payload: payload.clone(),
    };
    let events: Vec<_> = payloads.iter().enumerate().map(event).collect();
    naive::table(&rules, &[], &events)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn tables_equal_a_second_implementation(
        payloads in payloads::sequence(),
        lessonly: bool,
        guard: bool,
        columns_max in prop_oneof![Just(1000), 16_usize..40],
    ) {
        let preset = if lessonly { Preset::Lessonly } else { Preset::Generic };
        let rules = Rules { preset, columns_max, guard, bom: false };
        prop_assert_eq!(ours(rules, &payloads), naive(rules, &payloads));
    }
}
