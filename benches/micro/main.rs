//! What each step from a body to a row takes: time, bytes a second, allocations.
//!
//! `cargo bench --bench micro` runs it; words after `--` choose (`-- row`, `-- hostile --min-time 2`). Everything is in memory,
//! and warm as on a server that has met the sender before. The steps are tried once before they are measured; it ends with 1
//! if one gives something else than it should. Bytes are those of the body, in every step.

mod check;
mod event;
#[path = "../load/mod.rs"]
mod load;
mod steps;

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, Divan, black_box};
use event::Sender;
use load::start::bench;
use std::process::ExitCode;
use steps::{Source, Table};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// An id for the steps behind the one that makes them.
const ID: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

fn main() -> ExitCode {
    bench("micro", || {
        let mut complaints = Vec::new();
        for sender in Sender::ALL {
            complaints.extend(check::complaints(sender)?);
        }
        if complaints.is_empty() {
            Divan::from_args().main();
        }
        Ok(complaints)
    })
}

fn bytes(source: &Source) -> BytesCount {
    BytesCount::of_slice(source.body(0))
}

#[divan::bench(name = "1 parse", args = Sender::ALL)]
fn parse(bencher: Bencher, sender: Sender) {
    let source = Source::new(sender);
    bencher
        .counter(bytes(&source))
        .with_inputs(|| source.body(source.next()).to_vec())
        .bench_local_values(steps::parsed);
}

#[divan::bench(name = "2 identify", args = Sender::ALL)]
fn identify(bencher: Bencher, sender: Sender) {
    let source = Source::new(sender);
    let parsed: Vec<_> = source.all().map(steps::parsed).collect();
    bencher
        .counter(bytes(&source))
        .bench_local(|| source.identify(black_box(&parsed[source.next()])));
}

#[divan::bench(name = "3 encode", args = Sender::ALL)]
fn encode(bencher: Bencher, sender: Sender) {
    let source = Source::new(sender);
    let mut line = Vec::with_capacity(2 * source.body(0).len());
    bencher.counter(bytes(&source)).bench_local(|| {
        source.encode(&ID, black_box(source.body(source.next())), &mut line);
        line.len()
    });
}

#[divan::bench(name = "4 read back", args = Sender::ALL)]
fn read_back(bencher: Bencher, sender: Sender) {
    let source = Source::new(sender);
    let line = |body: Vec<u8>| {
        let mut line = Vec::new();
        source.encode(&ID, &body, &mut line);
        line
    };
    let lines: Vec<_> = source.all().map(line).collect();
    bencher
        .counter(bytes(&source))
        .bench_local(|| steps::read_back(black_box(&lines[source.next()])));
}

#[divan::bench(name = "5 place", args = Sender::ALL)]
fn place(bencher: Bencher, sender: Sender) {
    let source = Source::new(sender);
    let mut table = Table::warm(sender, &source);
    bencher
        .counter(bytes(&source))
        .bench_local(|| table.place(black_box(source.body(source.next()))));
}

#[divan::bench(name = "6 row", args = Sender::ALL)]
fn row(bencher: Bencher, sender: Sender) {
    let source = Source::new(sender);
    let mut table = Table::warm(sender, &source);
    // The cells are where they were in the event that was placed: all events of a sender have the same shape.
    table.place(source.body(0));
    bencher.counter(bytes(&source)).bench_local(|| {
        table.write_row(&ID, black_box(source.body(source.next())));
        table.row.len()
    });
}

#[divan::bench(name = "7 all", args = Sender::ALL)]
fn all(bencher: Bencher, sender: Sender) {
    let source = Source::new(sender);
    let mut table = Table::warm(sender, &source);
    let mut line = Vec::with_capacity(2 * source.body(0).len());
    bencher
        .counter(bytes(&source))
        .with_inputs(|| source.body(source.next()).to_vec())
        .bench_local_values(|body| {
            let parsed = steps::parsed(body);
            let events = source.identify(&parsed);
            let id = events.all()[0].id.hex();
            source.encode(&id, steps::payload(&parsed), &mut line);
            let record = steps::read_back(&line);
            table.place(record.payload);
            table.write_row(record.id, record.payload);
            // Given back, so that neither is dropped within what is measured.
            (parsed, events)
        });
}
