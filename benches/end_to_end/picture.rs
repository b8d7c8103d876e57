//! The results as bars: for each number of connections, how near each server comes to the ceiling.

use crate::results::Results;
use crate::servers::Kind;
use std::fmt::Write as _;

const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const HEIGHT: f64 = 240.0;
const BAR: f64 = 40.0;

/// An SVG picture.
pub fn of(results: &Results) -> String {
    let kinds = results.kinds();
    let (mut group, mut width) = (34.0, LEFT + 16.0);
    for _ in kinds {
        group += BAR;
    }
    for _ in results.connections() {
        width += group;
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} 340\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">Events a second; a server that stores nothing is 1</text>\n"
    );
    let mut draw = |part: std::fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = writeln!(svg, "{part}");
    };
    for tenths in [0, 2, 4, 6, 8, 10] {
        let part = f64::from(tenths) / 10.0;
        let y = TOP + HEIGHT * (1.0 - part);
        draw(format_args!(
            "<line x1=\"{LEFT}\" x2=\"{width}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#dddddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{part}</text>",
            LEFT - 8.0,
            y + 4.0
        ));
    }
    let mut x = LEFT + 16.0;
    for &connections in results.connections() {
        let middle = x + (group - 34.0) / 2.0;
        for &kind in kinds {
            let ratio = results.ratio(connections, kind, |turn| turn.events_per_second);
            let height = HEIGHT * ratio.clamp(0.0, 1.05);
            let y = TOP + HEIGHT - height;
            draw(format_args!(
                "<rect x=\"{x}\" y=\"{y:.1}\" width=\"{}\" height=\"{height:.1}\" fill=\"{}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"middle\">{ratio:.2}</text>",
                BAR - 4.0,
                colour(kind),
                x + BAR / 2.0 - 2.0,
                y - 4.0
            ));
            x += BAR;
        }
        draw(format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{connections} {}</text>",
            middle,
            TOP + HEIGHT + 20.0,
            if connections == 1 {
                "connection"
            } else {
                "connections"
            }
        ));
        x += 34.0;
    }
    for (&kind, x) in kinds.iter().zip([0.0, 140.0, 340.0, 480.0, 640.0]) {
        let x = LEFT + x;
        let y = TOP + HEIGHT + 44.0;
        let what = match kind {
            Kind::Ceiling => "stores nothing",
            Kind::Afternoon => "tree, CSV, flush, no sync",
            Kind::Rowhook => "rowhook, synced",
            Kind::FluentBit => "Fluent Bit, no sync",
            Kind::Vector => "Vector, no sync",
        };
        draw(format_args!(
            "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"{y}\">{what}</text>",
            y - 11.0,
            colour(kind),
            x + 18.0
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Ceiling => "#b8c4d0",
        Kind::Afternoon => "#e0a458",
        Kind::Rowhook => "#2a7f62",
        Kind::FluentBit => "#8a6fb0",
        Kind::Vector => "#c0666f",
    }
}
