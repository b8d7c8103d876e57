//! Any sequence of payloads gives a rectangle that another CSV reader reads
//! back as a naive second implementation of the rules says.

use crate::naive::{self, Event};
use crate::{choices, payloads};
use proptest::prelude::*;
use rowhook::event::Preset;
use rowhook::flatten::{Column, ColumnRules, Columns, Flat, Path, Rules};
use std::sync::Arc;

fn ours(rules: &Rules, carried: &[Column], payloads: &[String]) -> Vec<Vec<String>> {
    let mut columns = Columns::start(rules.clone(), carried);
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

fn naive(rules: &Rules, start: &[naive::Column], payloads: &[String]) -> Vec<Vec<String>> {
    let lessonly = rules.preset == Preset::Lessonly;
    let rules = naive::Rules {
        lessonly,
        columns_max: rules.columns_max,
        guard: rules.guard,
        choice: rules
            .columns
            .as_deref()
            .map(choices::naive)
            .unwrap_or_default(),
    };
    let event = |(nth, payload): (usize, &String)| Event {
        received_at: time(nth),
        id: id(nth),
        payload: payload.clone(),
    };
    let events: Vec<_> = payloads.iter().enumerate().map(event).collect();
    naive::table(&rules, start, &events)
}

/// What is chosen, and for which preset.
fn chosen() -> impl Strategy<Value = (Preset, ColumnRules)> {
    any::<bool>().prop_flat_map(|lessonly| {
        let preset = if lessonly {
            Preset::Lessonly
        } else {
            Preset::Generic
        };
        (Just(preset), choices::choice(lessonly))
    })
}

/// A column of an earlier day, whose name nobody would give it.
fn carried(keys: &[String]) -> Column {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    Column {
        path: Path::of(&keys),
        name: "renamed".into(),
        valued: true,
    }
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
        let rules = Rules { preset, columns_max, guard, bom: false, columns: None };
        prop_assert_eq!(ours(&rules, &[], &payloads), naive(&rules, &[], &payloads));
    }

    #[test]
    fn under_chosen_columns_they_equal_it_too(
        payloads in payloads::sequence(),
        (preset, columns) in chosen(),
        guard: bool,
        columns_max in prop_oneof![2 => Just(1000), 1 => 16_usize..40],
        earlier in proptest::collection::vec(
            proptest::collection::vec(proptest::sample::select(vec!["a", "b", "user", "custom_fields", "1"]), 1..4),
            0..4,
        ),
    ) {
        let rules = Rules { preset, columns_max, guard, bom: false, columns: Some(Arc::new(columns)) };
        prop_assert_eq!(Rules::parse(&rules.fingerprint()), Some(rules.clone()));
        let earlier: Vec<Vec<String>> =
            earlier.iter().map(|keys| keys.iter().map(|&key| key.to_owned()).collect()).collect();
        let before: Vec<Column> = earlier.iter().map(|keys| carried(keys)).collect();
        let start: Vec<naive::Column> =
            earlier.into_iter().map(|path| naive::Column { path, occurrence: 1 }).collect();
        prop_assert_eq!(ours(&rules, &before, &payloads), naive(&rules, &start, &payloads));
    }
}
