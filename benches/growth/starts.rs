//! How long a start takes: after the large day, stopped or killed, and on nothing.

use crate::Options;
use crate::load::event;
use crate::load::generator::{self, Plan};
use crate::load::process::Server;
use crate::place::{Place, check_rows};
use crate::results::{Limit, Results, Unit};
use std::error::Error;
use std::thread;
use std::time::Duration;

/// How often each start is measured.
const TIMES: u64 = 3;
/// Without events to read it is quick, and noise is more of it.
const TIMES_ON_NOTHING: u64 = 7;
/// How long events are delivered before it is killed.
const LOAD: Duration = Duration::from_secs(4);
/// More events than can be delivered in that time.
const LOAD_EVENTS: u64 = 10_000_000;

/// Stops and starts it, then kills it while it is busy, each several times; in the end it has all rows.
pub fn after_that_day(
    options: &Options,
    place: &Place,
    mut server: Server,
    results: &mut Results,
) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        server.terminate()?;
        server = place.start()?;
        times.push(server.ready_after());
    }
    let what = format!("start after a stop, {} rows", options.events);
    hold(&what, &times, 1000.0, results);
    times.clear();
    let mut acknowledged = options.events;
    for number in 1..=TIMES {
        let (addr, connections) = (server.addr(), options.connections);
        let first = options.events + number * LOAD_EVENTS;
        let body = move |index, body: &mut Vec<u8>| event::lessonly(first + index, body);
        let load = thread::spawn(move || {
            generator::run(&Plan {
                connections,
                // It ends soon after the server, without trying for long to reach it.
                timeout: LOAD + Duration::from_millis(200),
                ..Plan::new(addr, LOAD_EVENTS, &body)
            })
        });
        thread::sleep(LOAD);
        server.kill()?;
        let report = load.join().map_err(|_| "the generator died")?;
        acknowledged += report.accepted();
        server = place.start()?;
        times.push(server.ready_after());
    }
    let what = format!("start after a kill under load, {} rows", options.events);
    hold(&what, &times, 3000.0, results);
    // Of each kill, what was under way may be there without an answer.
    let more = TIMES * options.connections as u64;
    let complaint = check_rows(&server, "after kills", acknowledged, more)?;
    results.complain(complaint);
    server.kill()?;
    Ok(())
}

/// Starts it on directories that are not there yet.
pub fn on_nothing(options: &Options, results: &mut Results) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..TIMES_ON_NOTHING {
        let place = Place::new(options, &crate::day::config(options))?;
        let server = place.start()?;
        times.push(server.ready_after());
        server.kill()?;
        place.close()?;
    }
    hold("start on nothing", &times, 50.0, results);
    Ok(())
}

/// Holds starts against a limit in milliseconds.
fn hold(what: &str, times: &[Duration], limit: f64, results: &mut Results) {
    let millis = times.iter().map(|time| time.as_secs_f64() * 1e3);
    results.hold(what, millis.collect(), Unit::Millis, Limit::AtMost(limit));
}
