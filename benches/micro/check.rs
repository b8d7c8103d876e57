//! Whether the steps give what they should, so that nothing is measured that does nothing.

use super::event::{EVENTS, NESTED_BYTES, Sender};
use super::load::event;
use super::steps::{self, RECEIVED_AT, Source, Table};
use std::collections::HashSet;
use std::error::Error;

/// What is wrong with the steps of `sender`'s events.
pub fn complaints(sender: Sender) -> Result<Vec<String>, Box<dyn Error>> {
    let mut complaints = Vec::new();
    let mut expect = |nth: usize, what: &str, holds: bool| {
        if !holds {
            complaints.push(format!("{sender} {nth}: {what}"));
        }
    };
    let source = Source::new(sender);
    let mut table = Table::warm(sender, &source);
    let (mut ids, mut line) = (HashSet::new(), Vec::new());
    for nth in 0..EVENTS {
        let body = source.body(nth);
        let bytes = match sender {
            Sender::Lessonly => event::BYTES,
            Sender::Nested => NESTED_BYTES,
            Sender::Hostile => source.body(0).len(),
        };
        expect(nth, "the body has another length", body.len() == bytes);
        serde_json::from_slice::<serde_json::Value>(&without_lone_surrogates(body))?;

        let parsed = steps::parsed(body.to_vec());
        let payload = steps::payload(&parsed);
        expect(nth, "the payload is not the body", payload == body);
        expect(nth, "there is not one event", parsed.payloads.len() == 1);

        let events = source.identify(&parsed);
        let id = events.all()[0].id.hex();
        expect(nth, "the id was there before", ids.insert(id));

        source.encode(&id, payload, &mut line);
        let record = steps::read_back(&line);
        expect(
            nth,
            "the line reads back as another record",
            record.id == id && record.payload == payload && record.received_at == RECEIVED_AT,
        );

        table.place(record.payload);
        table.write_row(record.id, record.payload);
        let mut rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&table.row[..])
            .into_byte_records();
        let row = rows.next().ok_or("no row")??;
        expect(nth, "more than a row", rows.next().is_none());
        expect(
            nth,
            &format!("a row of {} cells", row.len()),
            row.len() == table.columns.len(),
        );
        let filled = row.iter().filter(|cell| !cell.is_empty()).count();
        expect(
            nth,
            &format!("{filled} cells hold something"),
            filled == sender.cells(),
        );
        expect(nth, "the id is in no cell", row.iter().any(|c| c == id));
        let guarded = row.iter().filter(|cell| cell.starts_with(b"'")).count();
        let is_guarded = guarded >= 6;
        expect(
            nth,
            &format!("{guarded} cells are guarded"),
            is_guarded == (sender == Sender::Hostile),
        );
    }
    Ok(complaints)
}

/// `body` as `serde_json`, which refuses an escape of half a character, takes it.
fn without_lone_surrogates(body: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(body)
        .replace("\\ud800", "")
        .into_bytes()
}
