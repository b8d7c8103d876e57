//! A table of 1,000 columns beside one of 20, both with events that fill 20.

use crate::Options;
use crate::load::round;
use crate::load::start::float;
use crate::place::{Place, check_rows};
use crate::results::{Limit, Results, Unit};
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

const ROUNDS: u64 = 3;
const EVENTS_MAX: u64 = 200_000;
/// Enough that all columns are there.
const WARM_UP: u64 = 2_000;
/// Besides `received_at`, `event_id` and `number`.
const CELLS: u64 = 17;
/// With these three 1,000 columns; a prime, so that an event takes no column twice.
const MANY: u64 = 997;

struct Measured {
    events_per_second: f64,
    cpu_micros: f64,
}

/// Measures both by turns; ratios are taken within a round.
pub fn run(options: &Options, results: &mut Results) -> Result<(), Box<dyn Error>> {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let few = measure(options, CELLS, results)?;
        let many = measure(options, MANY, results)?;
        eprintln!(
            "columns, round {round}: {:.0} and {:.0} events/s, {:.1} and {:.1} CPU µs an event",
            few.events_per_second, many.events_per_second, few.cpu_micros, many.cpu_micros
        );
        rates.push(many.events_per_second / few.events_per_second);
        costs.push(many.cpu_micros / few.cpu_micros);
    }
    let what = "CPU an event until it is a row, 1,000 columns over 20";
    results.hold(what, costs, Unit::Ratio, Limit::AtMost(1.5));
    let what = "rate, 1,000 columns over 20";
    results.hold(what, rates, Unit::Ratio, Limit::AtLeast(1.0 / 1.5));
    Ok(())
}

fn measure(
    options: &Options,
    columns: u64,
    results: &mut Results,
) -> Result<Measured, Box<dyn Error>> {
    let place = Place::new(options, "[sources.lessonly]\n")?;
    let server = place.start()?;
    place.post(&server, WARM_UP, &|index, into| body(columns, index, into))?;
    // The pause after a new column is over when a download has waited for it.
    drop(round::caught_up(&server)?);
    let found = place.columns()?.len() as u64;
    if found != columns + 3 {
        return Err(format!("{found} columns, not {}", columns + 3).into());
    }
    let events = options.events.min(EVENTS_MAX);
    let before = server.usage()?.cpu_seconds;
    let began = Instant::now();
    place.post(&server, events, &|index, into| {
        body(columns, WARM_UP + index, into);
    })?;
    let took = began.elapsed().as_secs_f64();
    drop(round::caught_up(&server)?);
    let cpu = server.usage()?.cpu_seconds - before;
    let what = format!("{found} columns");
    results.complain(check_rows(&server, &what, WARM_UP + events, 0)?);
    server.kill()?;
    place.close()?;
    Ok(Measured {
        events_per_second: float(events) / took,
        cpu_micros: cpu * 1e6 / float(events),
    })
}

/// Appends an event as long as any other, with cells in so many columns.
fn body(columns: u64, index: u64, body: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = write!(body, r#"{{"number":"{index:010}""#);
    for cell in 0..CELLS {
        // Steps of 59 lead past all columns, and in the narrow table past all 17 as well.
        let column = (index * CELLS + cell * 59) % columns;
        let _ = write!(body, r#","column_{column:03}":"value {:04}""#, index % 9973);
    }
    body.push(b'}');
}
