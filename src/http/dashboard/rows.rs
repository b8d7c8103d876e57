//! `/rows`: a day row by row, the newest first, with what is looked for;
//! `/row`: one of them with every field, and its payload as it came.

use super::{Frame, page, page_or, reader, words};
use crate::engine::Engine;
use crate::event::{Day, SourceName};
use crate::http::documented::{self, Answers, query as asked};
use crate::http::problem::Problem;
use crate::http::query_of;
use crate::http::rows::{self, CELL, Rows, RowsAsk, Whole};
use crate::read::window::{FoundRow, Place};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{Display, Write as _};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, IntoResponses};

/// So many columns are shown where none is chosen: the first in which anything stands.
const COLUMNS: usize = 12;
/// Letters of a cell in a list, of a column's name, and of a field by itself.
const CELL_LETTERS: usize = 120;
const NAME_LETTERS: usize = 60;
const FIELD_LETTERS: usize = 10_000;
/// Letters of a payload. A browser takes many seconds to break a million of two directions into lines.
const PAYLOAD_LETTERS: usize = 200_000;

#[derive(Template)]
#[template(path = "rows.html", config = "src/http/dashboard/askama.toml")]
struct RowsPage {
    frame: Frame,
    sources: Vec<SourceName>,
    source: SourceName,
    day: Day,
    /// All columns of the day.
    choices: Vec<Choice>,
    lines: Vec<Line>,
    find: String,
    /// What the cells of the chosen column hold.
    holds: String,
    /// The query without a place.
    query: String,
    earlier: Option<Place>,
    /// The address that tells of rows that come, if these are the newest.
    live: Option<String>,
}

/// A column.
struct Choice {
    name: String,
    is_shown: bool,
    /// Whether it is the one that is looked at.
    is_looked_at: bool,
}

/// A row.
struct Line {
    /// Its own page.
    link: String,
    place: Place,
    cells: Vec<String>,
}

impl RowsPage {
    fn is_source(&self, name: &SourceName) -> bool {
        *name == self.source
    }

    /// How many columns are shown.
    fn width(&self) -> usize {
        self.choices.iter().filter(|choice| choice.is_shown).count()
    }
}

impl Choice {
    fn label(&self) -> String {
        words::shown(&self.name, NAME_LETTERS)
    }
}

fn link(source: &SourceName, day: Day, place: Place) -> String {
    format!("row?source={source}&date={day}&place={place}")
}

#[derive(Template)]
#[template(path = "row.html", config = "src/http/dashboard/askama.toml")]
struct RowPage {
    frame: Frame,
    source: SourceName,
    day: Day,
    whole: Whole,
}

impl RowPage {
    /// Names and values, in the order of the columns.
    fn fields(&self) -> Vec<(String, String)> {
        let cells = self.whole.columns.iter().zip(&self.whole.cells);
        cells
            .map(|(name, cell)| (words::shown(name, 1_000), words::shown(cell, FIELD_LETTERS)))
            .collect()
    }

    /// The payload, each key in a line of its own.
    fn payload(&self) -> Option<String> {
        let payload = self.whole.payload.as_deref()?;
        let (mut text, mut left) = (String::new(), PAYLOAD_LETTERS);
        for line in words::indented(payload).split('\n') {
            if left == 0 {
                text.push('…');
                break;
            }
            let line = words::shown(line, FIELD_LETTERS.min(left));
            left = left.saturating_sub(line.chars().count() + 1);
            text += &line;
            text.push('\n');
        }
        Some(text)
    }

    /// Whether anything is longer than what is shown of it.
    fn is_cut(&self) -> bool {
        let is_long = |text: &String| text.chars().nth(FIELD_LETTERS).is_some();
        self.whole.cells.iter().any(is_long) || self.whole.payload.as_ref().is_some_and(is_long)
    }

    /// The address of all of it.
    fn json(&self) -> String {
        format!("api/{}", link(&self.source, self.day, self.whole.place))
    }
}

/// Which rows, and which of their columns.
struct RowsAsked;

impl IntoParams for RowsAsked {
    fn into_params(from: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut all = rows::RowsAsked::into_params(from);
        for parameter in &mut all {
            // The page has one where none is named.
            parameter.required = Required::False;
        }
        all.extend([
            asked(
                "column",
                "A column whose cells hold the text in `holds`.",
                documented::text(),
            ),
            asked("holds", "That text.", documented::text()),
            asked(
                "show",
                "A column that is shown. There may be several; without it the first in which anything stands.",
                documented::text(),
            ),
        ]);
        all
    }
}

/// What the list is answered.
struct RowsAnswered;

impl IntoResponses for RowsAnswered {
    fn responses() -> Answers {
        page_or(rows::NoRows::responses())
    }
}

/// What a row is answered.
struct RowAnswered;

impl IntoResponses for RowAnswered {
    fn responses() -> Answers {
        page_or(rows::NoRow::responses())
    }
}

/// `GET /rows`
#[utoipa::path(
    get,
    path = "/rows",
    tag = "pages",
    operation_id = "rowsPage",
    summary = "A day row by row",
    params(RowsAsked),
    responses(RowsAnswered)
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let session = match reader(&request, &engine).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let sources = sources(&engine);
    let mut query = query_of(&request);
    // The form names the column and the text apart.
    let get = |query: &[(String, String)], name: &str| {
        let found = query.iter().find(|(given, _)| given == name);
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    let cell = (get(&query, "column"), get(&query, "holds"));
    if !cell.0.is_empty() && !cell.1.is_empty() {
        query.push((format!("{CELL}{}", cell.0), cell.1.clone()));
    }
    let shown = async {
        let ask = rows::ask(&query, sources.first())?;
        let shown = rows::rows(&engine, &ask).await?;
        Ok((ask, shown))
    };
    let (ask, shown) = match shown.await {
        Ok(found) => found,
        Err(problem) => return Problem::respond(&problem),
    };
    let Rows {
        day,
        is_open,
        found,
    } = shown;
    let chosen = query.iter().filter(|(name, _)| name == "show");
    let chosen: Vec<&str> = chosen.map(|(_, column)| column.as_str()).collect();
    let is_used = |nth: usize| {
        let mut cells = found.rows.iter().filter_map(|row| row.cells.get(nth));
        found.rows.is_empty() || cells.any(|cell| !cell.is_empty())
    };
    let mut left = COLUMNS;
    let columns = found.columns.iter().enumerate();
    let choices = columns.map(|(nth, name)| Choice {
        is_shown: match chosen.as_slice() {
            // Nobody reads ids in a list: the row itself shows them.
            [] => {
                let is_shown = left > 0 && name != "event_id" && is_used(nth);
                left -= usize::from(is_shown);
                is_shown
            }
            chosen => chosen.contains(&name.as_str()),
        },
        is_looked_at: *name == cell.0,
        name: name.clone(),
    });
    let choices: Vec<Choice> = choices.collect();
    let lines = found.rows.iter().map(|row| Line {
        link: link(&ask.source, day, row.place),
        place: row.place,
        cells: cells(row, &choices),
    });
    let is_live = is_open && ask.wanted.before.is_none();
    let start = Place { part: 1, at: 0 };
    let live = || live(&ask, found.columns.len(), found.end.unwrap_or(start));
    let rows = RowsPage {
        frame: Frame::of(&engine, session.as_ref(), "rows"),
        lines: lines.collect(),
        query: without_place(&query),
        earlier: found.earlier,
        live: is_live.then(live),
        find: ask.wanted.text,
        holds: cell.1,
        source: ask.source,
        sources,
        day,
        choices,
    };
    page(StatusCode::OK, &rows)
}

/// Those of the columns that are shown.
fn cells(row: &FoundRow, choices: &[Choice]) -> Vec<String> {
    let shown = choices
        .iter()
        .enumerate()
        .filter(|(_, choice)| choice.is_shown);
    let cell = |nth: usize| row.cells.get(nth).map_or("", String::as_str);
    shown
        .map(|(nth, _)| words::shown(cell(nth), CELL_LETTERS))
        .collect()
}

/// The address that tells of rows like these that come behind `after`.
fn live(ask: &RowsAsk, width: usize, after: Place) -> String {
    let mut address = format!(
        "api/rows/live?source={}&width={width}&after={after}",
        ask.source
    );
    let cells = ask.wanted.cells.iter();
    let cells = cells.map(|(column, text)| (format!("{CELL}{column}"), text));
    for (name, text) in [("find".to_owned(), &ask.wanted.text)]
        .into_iter()
        .chain(cells)
    {
        if !text.is_empty() {
            let _ = write!(address, "&{}={}", encode(&name), encode(text));
        }
    }
    address
}

fn encode(text: &str) -> impl Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

fn without_place(query: &[(String, String)]) -> String {
    let kept = query
        .iter()
        .filter(|(name, value)| !value.is_empty() && name != "before" && !name.starts_with(CELL));
    let pairs = kept.map(|(name, value)| format!("{}={}&", encode(name), encode(value)));
    pairs.collect()
}

fn sources(engine: &Engine) -> Vec<SourceName> {
    let mut sources: Vec<SourceName> = engine.live().settings.sources.keys().cloned().collect();
    for (source, _, _) in engine.tables.catalog().all() {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}

/// `GET /row`
#[utoipa::path(
    get,
    path = "/row",
    tag = "pages",
    operation_id = "rowPage",
    summary = "A row with every field, and its payload",
    params(rows::RowAsked),
    responses(RowAnswered)
)]
pub async fn one(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let session = match reader(&request, &engine).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let found = async {
        let query = query_of(&request);
        let ask = rows::ask(&query, None)?;
        let (day, whole) = rows::row(&engine, &ask, rows::place(&query)?).await?;
        Ok((ask.source, day, whole))
    };
    match found.await {
        Ok((source, day, whole)) => page(
            StatusCode::OK,
            &RowPage {
                frame: Frame::of(&engine, session.as_ref(), "rows"),
                source,
                day,
                whole,
            },
        ),
        Err(problem) => Problem::respond(&problem),
    }
}
