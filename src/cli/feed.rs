//! The options that say which rows are meant, and as what: the parameters of
//! an export's address, by their own names.

use crate::event::{Day, SourceName, nearest};
use crate::read::ask::{Format, When};
use crate::read::{Ask, DayName, Span};

/// Which days of a source, and as what.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[group(id = "feed", multiple = true)]
pub struct Feed {
    /// The day D: YYYY-MM-DD, today, yesterday, or latest, the newest that has rows
    #[arg(long, value_name = "D", allow_hyphen_values = true, conflicts_with_all = ["from", "to"])]
    date: Option<DayName>,
    /// All days from D on: YYYY-MM-DD, today, yesterday, or -30d for 30 days ago
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    from: Option<When>,
    /// Up to the day D, itself included [default: today]
    #[arg(long, value_name = "D", allow_hyphen_values = true, requires = "from")]
    to: Option<When>,
    /// As F: csv, csv.gz, xlsx or jsonl [default: csv]
    #[arg(long, value_name = "F", value_parser = format_of)]
    format: Option<Format>,
    /// The rows as the view V shows them
    #[arg(long, value_name = "V")]
    view: Option<String>,
    /// Only these columns, in this order: names between commas
    #[arg(long, value_name = "A,B,C")]
    columns: Option<String>,
    /// For whom the CSV is meant: plain or excel
    #[arg(long, value_name = "P")]
    profile: Option<String>,
    /// Between the cells, for Excel: comma, semicolon or tab
    #[arg(long, value_name = "D")]
    delimiter: Option<String>,
    /// In numbers, for Excel: point or comma
    #[arg(long, value_name = "D")]
    decimal: Option<String>,
    /// Show dates in the zone Z, for Excel and XLSX [default: the configured one]
    #[arg(long, value_name = "Z")]
    tz: Option<String>,
}

impl Feed {
    /// What is asked for of `source`; where it is not said, of the days `span`, as `format`.
    ///
    /// # Errors
    /// When the options do not go together.
    pub fn ask(&self, source: SourceName, span: Span, format: Format) -> Result<Ask, String> {
        let span = match (self.date, self.from) {
            (Some(day), _) => Span::Day(day),
            (None, Some(from)) => Span::Range(from, self.to.unwrap_or(When::Today)),
            (None, None) => span,
        };
        let given: Vec<(String, String)> = self
            .parameters()
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .collect();
        let ask = Ask::given(source, span, self.format.unwrap_or(format), &given);
        let ask = ask.map_err(|error| self.by_flags(&error.to_string()))?;
        if span.is_fixed() {
            // Which day it is does not matter where all are written out.
            let days = ask.days(Day::new(chrono::NaiveDate::MIN), None);
            days.map_err(|error| self.by_flags(&error.to_string()))?;
        }
        Ok(ask)
    }

    fn parameters(&self) -> [(&'static str, &Option<String>); 6] {
        [
            ("view", &self.view),
            ("columns", &self.columns),
            ("profile", &self.profile),
            ("delimiter", &self.delimiter),
            ("decimal", &self.decimal),
            ("tz", &self.tz),
        ]
    }

    /// What is said of parameters, said of the options.
    pub(super) fn by_flags(&self, text: &str) -> String {
        let names = self.parameters().into_iter().map(|(name, _)| name);
        let text = names
            .chain(["from", "to"])
            .fold(text.to_owned(), |text, name| {
                text.replace(&format!("`{name}`"), &format!("`--{name}`"))
            });
        text.replace("profile=excel", "--profile excel")
    }
}

fn format_of(text: &str) -> Result<Format, String> {
    let endings = || Format::ALL.into_iter().map(|(_, ending)| ending);
    let found = Format::ALL.into_iter().find(|(_, ending)| *ending == text);
    found.map(|(format, _)| format).ok_or_else(|| {
        let meant = nearest(text, endings());
        let meant = meant.map_or_else(String::new, |word| format!(" (did you mean {word}?)"));
        format!("use csv, csv.gz, xlsx or jsonl{meant}")
    })
}
