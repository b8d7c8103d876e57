//! Forms as they were sent, and what they ask for.

use crate::engine::Engine;
use crate::http::kinds::{self, Kind};
use crate::http::problem::Problem;
use crate::read::Ask;
use crate::read::plan::view_of;
use actix_web::error::{InternalError, UrlencodedError};
use actix_web::web::FormConfig;

/// What a form may have that holds no body.
const BYTES_MAX: usize = 16 << 10;

/// How forms are read that hold no body: what cannot be read is told as any other refusal.
pub(in crate::http) fn reading() -> FormConfig {
    FormConfig::default()
        .limit(BYTES_MAX)
        .error_handler(|error, _| {
            let problem = match error {
                UrlencodedError::ContentType => Problem::NotAForm,
                UrlencodedError::Overflow { .. } => Problem::FormTooLarge {
                    bytes_max: BYTES_MAX,
                },
                UrlencodedError::Payload(_) => Problem::CutOff,
                _ => Problem::Parameter("a field of the form is missing, or is no text".into()),
            };
            InternalError::from_response(error, problem.respond()).into()
        })
}

/// What else may be wrong with such a form.
pub(super) const REFUSED: [Kind; 4] = [
    kinds::CUT_OFF,
    kinds::PARAMETER,
    kinds::TOO_LARGE,
    kinds::NOT_A_FORM,
];

/// The fields of a form; none before it was sent.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn new(given: Vec<(String, String)>) -> Self {
        Self(given)
    }

    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn get_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        match self.get(name) {
            "" => default,
            value => value,
        }
    }

    /// What marks the chosen option of a list.
    pub fn chosen(&self, name: &str, value: &str) -> &'static str {
        if self.get(name) == value {
            " selected"
        } else {
            ""
        }
    }

    /// The export that they ask for. Fields that were left as they are ask for nothing. Days are named by `from` and `to`; where
    /// both are empty, by `day`, which is a day, or `-30d` for all days since then.
    ///
    /// # Errors
    /// Why there is no such export.
    pub fn ask(&self, engine: &Engine) -> Result<Ask, String> {
        const PARAMETERS: [&str; 5] = ["profile", "delimiter", "decimal", "columns", "view"];
        let source = self.get("source");
        let mut stem = source.to_owned();
        let (from, to) = match (self.get("day"), self.get("from"), self.get("to")) {
            ("", _, _) => (self.get_or("from", "today"), self.get_or("to", "today")),
            (days, "", "") if days.starts_with('-') => (days, "today"),
            (day, "", "") => {
                stem = format!("{source}/{day}");
                ("", "")
            }
            (_, from, _) => (from, self.get_or("to", "today")),
        };
        let ends = [("from", from), ("to", to)];
        let others = PARAMETERS.map(|name| (name, self.get(name)));
        let query: Vec<(String, String)> = ends
            .into_iter()
            .chain(others)
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let path = format!("{stem}.{}", self.get_or("format", "csv"));
        let ask = Ask::parse(&path, &query, &[]).map_err(|error| error.to_string())?;
        let days = ask.days(engine.today(), None);
        days.map_err(|error| error.to_string())?;
        let live = engine.live();
        let source = live.settings.sources.get(&ask.source);
        let view = view_of(&ask, source.map(|source| &source.views));
        view.map_err(|error| error.to_string())?;
        Ok(ask)
    }
}
