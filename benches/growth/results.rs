//! What was measured, each figure beside its limit, as tables in Markdown.

use crate::Options;
use crate::day::Point;
use crate::load::event;
use crate::load::machine::{self, median};
use std::fmt::Write as _;
use std::io;

/// All figures so far.
#[derive(Default)]
pub struct Results {
    is_bounded: bool,
    points: Vec<Point>,
    figures: Vec<Figure>,
    complaints: Vec<String>,
}

/// A line of the table.
struct Figure {
    what: String,
    value: String,
    limit: String,
    kept: &'static str,
}

/// What a figure may be.
#[derive(Clone, Copy)]
pub enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// How a figure is written.
#[derive(Clone, Copy)]
pub enum Unit {
    Ratio,
    Millis,
    Bytes,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::Millis => format!("{value:.1} ms"),
            Self::Bytes => format!("{value:.1} bytes"),
        }
    }
}

impl Results {
    /// None yet; whether the memory has bounds.
    pub fn new(is_bounded: bool) -> Self {
        Self {
            is_bounded,
            ..Self::default()
        }
    }

    /// What the day was at its points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// One more point.
    pub fn add_point(&mut self, point: Point) {
        self.points.push(point);
    }

    /// A figure without a limit.
    pub fn note(&mut self, what: &str, value: String) {
        self.figures.push(Figure {
            what: what.to_owned(),
            value,
            limit: "none".to_owned(),
            kept: "",
        });
    }

    /// A figure and what it may be; of several the median counts, and the least and the greatest stand beside it.
    pub fn hold(&mut self, what: &str, mut values: Vec<f64>, unit: Unit, limit: Limit) {
        values.sort_by(f64::total_cmp);
        let middle = median(values.clone());
        let mut value = unit.show(middle);
        if let [least, .., most] = values[..] {
            let _ = write!(value, " ({} to {})", unit.show(least), unit.show(most));
        }
        let (limit, kept) = match limit {
            Limit::AtLeast(bound) => (format!("at least {}", unit.show(bound)), middle >= bound),
            Limit::AtMost(bound) => (format!("at most {}", unit.show(bound)), middle <= bound),
        };
        self.figures.push(Figure {
            what: what.to_owned(),
            value,
            limit,
            kept: if kept { "yes" } else { "**no**" },
        });
    }

    /// Why the figures are not to be trusted, if there is a reason.
    pub fn complain(&mut self, complaint: Option<String>) {
        self.complaints.extend(complaint);
    }

    /// All such reasons.
    pub fn into_complaints(self) -> Vec<String> {
        self.complaints
    }

    /// The tables, with what they were measured on.
    pub fn text(&self, options: &Options) -> io::Result<String> {
        let memory = if self.is_bounded {
            let mib = options.memory >> 20;
            format!("generator, server and what the system keeps of files in memory have {mib} MiB")
        } else {
            "files may take all memory that the machine has".to_owned()
        };
        let mut text = format!(
            "# What grows with the day\n\n{}. {} events of {} bytes over {} connections, no two alike; {} ids are remembered; {}. What is \
             compared comes from the same run; of several the median, with the least and the greatest.\n\n\
             | what | figure | limit | kept |\n| :-- | --: | --: | :-- |\n",
            machine::describe()?,
            options.events,
            event::BYTES,
            options.connections,
            options.ids_max,
            memory,
        );
        for figure in &self.figures {
            let Figure {
                what,
                value,
                limit,
                kept,
            } = figure;
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {what} | {value} | {limit} | {kept} |");
        }
        if !self.points.is_empty() {
            text.push_str(
                "\nThe day, each line what was measured since the one before:\n\n\
                 | rows | events/s | CPU µs an event | p50 µs | p99 µs | memory, MB |\n| --: | --: | --: | --: | --: | --: |\n",
            );
        }
        for point in &self.points {
            let _ = writeln!(
                text,
                "| {} | {:.0} | {:.1} | {:.0} | {:.0} | {:.1} |",
                point.rows,
                point.events_per_second,
                point.cpu_micros,
                point.p50,
                point.p99,
                point.rss_mb
            );
        }
        Ok(text)
    }
}
