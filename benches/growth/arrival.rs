//! A new column in a table of a million rows, which is written anew for it: what those who deliver meanwhile notice.

use crate::Options;
use crate::load::event;
use crate::load::generator::Histogram;
use crate::load::link::Link;
use crate::load::machine::median;
use crate::load::process::Server;
use crate::load::steady::Steady;
use crate::place::{Place, SLICE, check_rows};
use crate::results::{Limit, Results, Unit};
use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// With what is delivered at leisure still one part: full parts are not written anew.
const ROWS_MAX: u64 = 1_000_000;
/// The number of the first event of the table; steady deliveries begin at 0.
const FIRST: u64 = 1_000_000_000;
const TIMES: usize = 3;
const CONNECTIONS: usize = 16;
const PAUSE: Duration = Duration::from_millis(10);
const BEFORE: Duration = Duration::from_secs(4);
/// What follows the new column is looked at too.
const AFTER: Duration = Duration::from_millis(500);
/// A column that is not there after that never comes.
const ARRIVAL_MAX: Duration = Duration::from_secs(120);
/// Short, so that it is noticed when the column is there.
const SHORT_SLICE: u64 = 10_000;
/// What is measured before the column comes under load.
const BEFORE_EVENTS: u64 = 50_000;

/// New columns while others deliver now and then.
pub fn at_leisure(options: &Options, results: &mut Results) -> Result<(), Box<dyn Error>> {
    let (place, server, rows) = filled(options, 0)?;
    let steady = Steady::new(server.addr(), CONNECTIONS, PAUSE);
    let (mut ratios, mut took, mut most) = (Vec::new(), Vec::new(), Vec::new());
    let mut link = Link::open(server.addr())?;
    for number in 1..=TIMES {
        let end = Instant::now() + BEFORE;
        let before = steady.deliver(&|| Instant::now() < end)?;
        let name = format!("arrived_{number}");
        let began = Instant::now();
        let (during, arrived) = thread::scope(|scope| -> Result<_, Box<dyn Error>> {
            let arrival = scope.spawn(|| -> io::Result<Duration> {
                // The others have their connections by then.
                thread::sleep(Duration::from_millis(100));
                let sent = Instant::now();
                link.post(&with_column(&name))?;
                while sent.elapsed() < ARRIVAL_MAX && !place.columns()?.contains(&name) {
                    thread::sleep(Duration::from_millis(10));
                }
                let took = sent.elapsed();
                thread::sleep(AFTER);
                Ok(took)
            });
            let during = steady.deliver(&|| !arrival.is_finished())?;
            let arrived = arrival.join().map_err(|_| "a thread died")??;
            Ok((during, arrived))
        })?;
        tell(
            &format!("column {number}, {rows} rows, at leisure"),
            arrived,
            &before,
            &during,
        );
        ratios.push(p99(&during) / p99(&before));
        took.push(arrived.as_secs_f64());
        most.push(f64::from(during.max()) / 1e3);
        // The next one would wait for the pause that follows; nothing is to be measured then.
        thread::sleep(began.elapsed() * 10);
    }
    let what = format!(
        "p99 while a new column comes, over that before; {rows} rows, {CONNECTIONS} connections at leisure"
    );
    results.hold(&what, ratios, Unit::Ratio, Limit::AtMost(2.0));
    // A stall is one answer of each connection, and few of them may be no more than the last hundredth.
    let text = format!("{:.0} ms", median(most));
    results.note("the longest answer meanwhile", text);
    let text = format!("{:.1} s", median(took));
    results.note("from the event to the column in the file", text);
    let all = rows + steady.delivered() + TIMES as u64;
    results.complain(check_rows(&server, "new columns", all, 0)?);
    drop(link);
    server.kill()?;
    place.close()?;
    Ok(())
}

/// One new column while others deliver as fast as they can.
pub fn under_load(options: &Options, results: &mut Results) -> Result<(), Box<dyn Error>> {
    let (place, server, mut rows) = filled(options, BEFORE_EVENTS)?;
    let mut next = 0;
    // Before and while it comes the same slices, because each begins with new connections.
    let mut slice = || -> io::Result<Histogram> {
        let times = place.fill(&server, next, next + SHORT_SLICE, SHORT_SLICE)?;
        next += SHORT_SLICE;
        Ok(times)
    };
    let mut before = Histogram::default();
    while before.count() < BEFORE_EVENTS {
        before.merge(&slice()?);
    }
    rows += before.count();
    let sent = Instant::now();
    Link::open(server.addr())?.post(&with_column("arrived"))?;
    let mut during = Histogram::default();
    while sent.elapsed() < ARRIVAL_MAX && !place.columns()?.contains(&"arrived".to_owned()) {
        during.merge(&slice()?);
    }
    let arrived = sent.elapsed();
    during.merge(&slice()?);
    tell(
        &format!("a column, {rows} rows, under load"),
        arrived,
        &before,
        &during,
    );
    let what = format!(
        "p99 while a new column comes, over that before; {rows} rows, {} connections that do not pause",
        options.connections
    );
    let ratio = p99(&during) / p99(&before);
    results.hold(&what, vec![ratio], Unit::Ratio, Limit::AtMost(2.0));
    let all = rows + during.count() + 1;
    results.complain(check_rows(&server, "a new column under load", all, 0)?);
    server.kill()?;
    place.close()?;
    Ok(())
}

/// A server with a large table that lacks so many rows, and how many it has.
fn filled(options: &Options, lacks: u64) -> Result<(Place, Server, u64), Box<dyn Error>> {
    let rows = options.events.min(ROWS_MAX).saturating_sub(lacks).max(1);
    let place = Place::new(options, &crate::day::config(options))?;
    let server = place.start()?;
    place.fill(&server, FIRST, FIRST + rows, SLICE)?;
    drop(crate::load::round::caught_up(&server)?);
    Ok((place, server, rows))
}

fn with_column(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    event::lessonly(FIRST - 1, &mut body);
    body.pop();
    body.extend_from_slice(format!(r#","{name}":"yes"}}"#).as_bytes());
    body
}

fn p99(times: &Histogram) -> f64 {
    f64::from(times.quantile(990))
}

fn tell(what: &str, arrived: Duration, before: &Histogram, during: &Histogram) {
    eprintln!(
        "{what}: there after {:.2} s; p50 {} µs, before {} µs; p99 {} µs, before {} µs; most {} µs, before {} µs",
        arrived.as_secs_f64(),
        during.quantile(500),
        before.quantile(500),
        during.quantile(990),
        before.quantile(990),
        during.max(),
        before.max()
    );
}
