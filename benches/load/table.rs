//! What was measured, side by side: a line a measure, a column a variant.

use std::fmt::{self, Display, Formatter};

/// The measures of one round, in the order in which they are to be shown.
#[derive(Default)]
pub struct Column {
    measures: Vec<Measure>,
    complaints: Vec<String>,
}

struct Measure {
    /// What it is, with its unit.
    name: &'static str,
    decimals: usize,
    value: f64,
}

impl Column {
    /// Adds a measure, to be shown with so many decimals.
    pub fn add(&mut self, name: &'static str, decimals: usize, value: f64) {
        self.measures.push(Measure {
            name,
            decimals,
            value,
        });
    }

    /// Adds a reason why the figures are not to be trusted.
    pub fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }
}

/// All rounds of all variants.
pub struct Table {
    variants: Vec<(String, Vec<Column>)>,
}

impl Table {
    /// A table with these columns.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            variants: names.into_iter().map(|name| (name, Vec::new())).collect(),
        }
    }

    /// Adds a round of the variant with this index.
    pub fn add(&mut self, variant: usize, round: Column) {
        self.variants[variant].1.push(round);
    }

    /// Every complaint, with the variant and the round it is about.
    pub fn complaints(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (variant, rounds) in &self.variants {
            for (round, column) in (1..).zip(rounds) {
                all.extend(
                    column
                        .complaints
                        .iter()
                        .map(|complaint| format!("{variant}, round {round}: {complaint}")),
                );
            }
        }
        all
    }

    /// The names of all measures, each after the one it follows in its round.
    fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for measures in self
            .variants
            .iter()
            .flat_map(|(_, rounds)| rounds)
            .map(|round| &round.measures)
        {
            let mut place = 0;
            for measure in measures {
                let known = names.iter().position(|name| *name == measure.name);
                let at = known.unwrap_or_else(|| {
                    names.insert(place, measure.name);
                    place
                });
                place = at + 1;
            }
        }
        names
    }
}

/// The median of the rounds and, of more than one, the least and the greatest.
fn cell(rounds: &[Column], name: &str) -> String {
    let of_name = rounds
        .iter()
        .flat_map(|round| &round.measures)
        .filter(|measure| measure.name == name);
    let mut found: Vec<&Measure> = of_name.collect();
    found.sort_by(|one, other| one.value.total_cmp(&other.value));
    match found[..] {
        [] => "-".to_owned(),
        [only] => format!("{:.*}", only.decimals, only.value),
        [least, .., greatest] => {
            let (low, high) = (
                found[(found.len() - 1) / 2].value,
                found[found.len() / 2].value,
            );
            let median = f64::midpoint(low, high);
            let decimals = least.decimals;
            format!(
                "{median:.decimals$} ({:.decimals$} to {:.decimals$})",
                least.value, greatest.value
            )
        }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut lines = vec![vec![String::new()]];
        lines[0].extend(self.variants.iter().map(|(name, _)| name.clone()));
        for name in self.names() {
            let mut line = vec![name.to_owned()];
            line.extend(self.variants.iter().map(|(_, rounds)| cell(rounds, name)));
            lines.push(line);
        }
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        for line in &lines {
            write!(f, "{:<width$}", line[0], width = widths[0])?;
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
