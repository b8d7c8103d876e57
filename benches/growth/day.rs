//! A large day, a slice after the other: what an event costs at its beginning and at its end.

use crate::Options;
use crate::load::generator::Histogram;
use crate::load::machine::median;
use crate::load::process::Server;
use crate::load::start::float;
use crate::place::{Place, SLICE, check_rows};
use crate::results::{Limit, Results, Unit};
use std::error::Error;
use std::time::Instant;

/// Points of the day at which it is looked at.
const POINTS: u64 = 20;
/// Sent before it counts: connections, buffers and files are there then.
const WARM_UP: u64 = 2_000;
/// What a part of a table holds.
const PART_ROWS: u64 = 1_048_575;
/// What differs by less is not told from noise.
const NOISE: f64 = 0.1;

/// What was measured since the point before.
pub struct Point {
    /// How many rows there are now.
    pub rows: u64,
    /// The median of the slices.
    pub events_per_second: f64,
    /// Of the server, user and system; the median of the slices.
    pub cpu_micros: f64,
    pub p50: f64,
    pub p99: f64,
    pub rss_mb: f64,
}

/// Posts the whole day; leaves the server running.
pub fn run(options: &Options, results: &mut Results) -> Result<(Place, Server), Box<dyn Error>> {
    let place = Place::new(options, &config(options))?;
    let server = place.start()?;
    let warm_up = WARM_UP.min(options.events);
    place.fill(&server, 0, warm_up, SLICE)?;
    let idle = server.usage()?.rss_bytes;
    let mut rows = warm_up;
    for number in 1..=POINTS {
        let to = (options.events * number / POINTS).max(rows);
        let point = measure(&place, &server, rows, to)?;
        eprintln!(
            "{to} rows: {:.0} events/s, {:.1} CPU µs an event, p99 {:.0} µs, {:.1} MB",
            point.events_per_second, point.cpu_micros, point.p99, point.rss_mb
        );
        rows = to;
        results.add_point(point);
    }
    let peak = server.usage()?.rss_peak_bytes;
    let asked = Instant::now();
    let complaint = check_rows(&server, "the day", options.events, 0)?;
    let took = asked.elapsed().as_secs_f64();
    results.note("download of the whole day, counted", format!("{took:.1} s"));
    results.complain(complaint);
    let (parts, needed) = (
        place.parts()?.len() as u64,
        options.events.div_ceil(PART_ROWS),
    );
    if parts != needed {
        results.complain(Some(format!("the day has {parts} parts, not {needed}")));
    }
    compare(options, float(peak.saturating_sub(idle)), results);
    Ok((place, server))
}

/// The configuration: as installed, but for the ids.
pub fn config(options: &Options) -> String {
    format!(
        "[dedup]\nids_max = {}\n[sources.lessonly]\npreset = \"lessonly\"\n",
        options.ids_max
    )
}

/// Posts the events up to number `to`, a slice at a time.
fn measure(place: &Place, server: &Server, from: u64, to: u64) -> Result<Point, Box<dyn Error>> {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    let mut times = Histogram::default();
    let slices = (to - from).div_ceil(SLICE).max(1);
    for slice in 0..slices {
        let first = from + (to - from) * slice / slices;
        let end = from + (to - from) * (slice + 1) / slices;
        let before = server.usage()?.cpu_seconds;
        let began = Instant::now();
        times.merge(&place.fill(server, first, end, SLICE)?);
        rates.push(float(end - first) / began.elapsed().as_secs_f64());
        costs.push((server.usage()?.cpu_seconds - before) * 1e6 / float(end - first));
    }
    Ok(Point {
        rows: to,
        events_per_second: median(rates),
        cpu_micros: median(costs),
        p50: f64::from(times.quantile(500)),
        p99: f64::from(times.quantile(990)),
        rss_mb: float(server.usage()?.rss_bytes) / 1e6,
    })
}

/// Holds the last point against the first, and the memory against what it may be.
fn compare(options: &Options, grown: f64, results: &mut Results) {
    let points = results.points();
    let [first, .., last] = points else {
        return;
    };
    let ratio = |of: fn(&Point) -> f64| of(last) / of(first);
    let rate = ratio(|point| point.events_per_second);
    let cpu = ratio(|point| point.cpu_micros);
    let p99 = ratio(|point| point.p99);
    let ids = options.events.min(options.ids_max);
    let full = points.iter().find(|point| point.rows >= options.ids_max);
    let since_full = full.map(|full| last.rss_mb / full.rss_mb);
    let mut hold = |what: &str, value: f64, unit: Unit, limit: Limit| {
        results.hold(what, vec![value], unit, limit);
    };
    hold(
        "rate, the last 20th of the day over the first",
        rate,
        Unit::Ratio,
        Limit::AtLeast(1.0 - NOISE),
    );
    hold(
        "CPU an event, the last 20th of the day over the first",
        cpu,
        Unit::Ratio,
        Limit::AtMost(1.0 + NOISE),
    );
    hold(
        "p99, the last 20th of the day over the first",
        p99,
        Unit::Ratio,
        Limit::AtMost(1.0 + NOISE),
    );
    hold(
        &format!("all memory that was added, at its peak, for each of {ids} remembered ids"),
        grown / float(ids),
        Unit::Bytes,
        Limit::AtMost(24.0),
    );
    if let Some(ratio) = since_full {
        hold(
            "memory at the end over that when no more ids could be remembered",
            ratio,
            Unit::Ratio,
            Limit::AtMost(1.0 + NOISE),
        );
    }
}
