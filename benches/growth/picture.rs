//! The day as three lines over its rows: the rate, the p99 and the memory, each from 0.

use crate::day::Point;
use crate::load::start::float;
use std::fmt::Write as _;

const WIDTH: f64 = 740.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 40.0;
const HEIGHT: f64 = 110.0;
const GAP: f64 = 50.0;

/// One of the three.
struct Line {
    title: &'static str,
    colour: &'static str,
    of: fn(&Point) -> f64,
}

const LINES: [Line; 3] = [
    Line {
        title: "Events a second",
        colour: "#2a7f62",
        of: |point| point.events_per_second,
    },
    Line {
        title: "p99 of the answers, ms",
        colour: "#e0a458",
        of: |point| point.p99 / 1e3,
    },
    Line {
        title: "Memory, MB",
        colour: "#4a6fa5",
        of: |point| point.rss_mb,
    },
];

/// An SVG picture.
pub fn of(points: &[Point]) -> String {
    let height = TOP + 3.0 * (HEIGHT + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let rows = points.last().map_or(1.0, |last| float(last.rows.max(1)));
    for (line, number) in LINES.iter().zip([0.0, 1.0, 2.0]) {
        draw(line, points, rows, TOP + number * (HEIGHT + GAP), &mut svg);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(line: &Line, points: &[Point], rows: f64, top: f64, svg: &mut String) {
    let most = round_up(points.iter().map(line.of).fold(0.0, f64::max));
    let bottom = top + HEIGHT;
    let mut out = |part: std::fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = writeln!(svg, "{part}");
    };
    out(format_args!(
        "<text x=\"{LEFT}\" y=\"{}\" font-size=\"15\">{}</text>",
        top - 12.0,
        line.title
    ));
    for part in [0.0, 0.5, 1.0] {
        let y = bottom - HEIGHT * part;
        out(format_args!(
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#dddddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            most * part
        ));
    }
    let x = |share: f64| LEFT + (WIDTH - LEFT - RIGHT) * share;
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        out(format_args!(
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(part),
            bottom + 18.0,
            millions(rows * part)
        ));
    }
    let mut path = String::new();
    for point in points {
        let y = bottom - HEIGHT * (line.of)(point) / most;
        let _ = write!(path, "{:.1},{y:.1} ", x(float(point.rows) / rows));
    }
    out(format_args!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\"/>",
        path.trim_end(),
        line.colour
    ));
}

/// The next of 1, 2, 4, 6, 8 and 10 times a power of ten.
fn round_up(value: f64) -> f64 {
    let mut power = 0.001;
    while power * 10.0 < value {
        power *= 10.0;
    }
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= value);
    step.unwrap_or(10.0) * power
}

/// A number of rows for people.
fn millions(rows: f64) -> String {
    if rows == 0.0 {
        return "0 rows".to_owned();
    }
    format!("{} million", (rows / 1e4).round() / 100.0)
}
