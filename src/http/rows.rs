//! Rows of a day for who looks at them: some at a time, the newest first, with
//! what is looked for; and one with its payload as it came. JSON at `/api/rows`
//! and `/api/row`; those that come meanwhile are `live`'s.

use super::aside::aside;
use super::documented::{self, Answers, needed, refused};
use super::kinds;
use super::problem::Problem;
use super::{access, query_of};
use crate::engine::Engine;
use crate::event::{Day, SourceName};
use crate::read::rows::records::Records;
use crate::read::window::{self, DayFile, Found, FoundRow, NoPlace, Place, Wanted};
use crate::read::{DayName, ExportError};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::io;
use utoipa::openapi::path::{Parameter, ParameterIn, ParameterStyle};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Rows of an answer where nothing else is asked for, and at most.
pub(super) const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// What names a column whose cells must hold a text.
pub(super) const CELL: &str = "cell.";

/// What rows are asked for.
pub(super) struct RowsAsk {
    pub source: SourceName,
    pub day: DayName,
    pub wanted: Wanted,
}

/// The day that was meant, and what was found of it.
pub(super) struct Rows {
    pub day: Day,
    /// Whether more may come.
    pub is_open: bool,
    pub found: Found,
}

/// Rows of a day, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Rows)]
struct Listed {
    /// The source.
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    source: SourceName,
    /// The day that was meant.
    #[schema(value_type = String, format = Date)]
    date: Day,
    /// The columns of the day, in their order.
    columns: Vec<String>,
    /// The rows.
    rows: Vec<Row>,
    /// What `before` is to be for those before them; null where there are none.
    #[schema(value_type = Option<String>, pattern = "^[1-9][0-9]*-[0-9]+$", required)]
    earlier: Option<Place>,
    /// Where the day ends: rows that come later stand there and behind it. Null where it has no table yet.
    #[schema(value_type = Option<String>, pattern = "^[1-9][0-9]*-[0-9]+$", required)]
    end: Option<Place>,
}

/// A row as it stands in its file.
#[derive(Serialize, ToSchema)]
pub(super) struct Row {
    /// Where it begins: the number of the day's file, and the bytes before it. Another one after a new column or an edit.
    #[schema(value_type = String, pattern = "^[1-9][0-9]*-[0-9]+$")]
    place: Place,
    /// Its cells, in the order of the columns; a file may have fewer than the newest.
    cells: Vec<String>,
}

impl From<FoundRow> for Row {
    fn from(FoundRow { place, cells }: FoundRow) -> Self {
        Self { place, cells }
    }
}

/// A row with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WholeRow)]
pub(super) struct Whole {
    /// The columns of its file.
    pub columns: Vec<String>,
    /// Where it begins.
    #[schema(value_type = String, pattern = "^[1-9][0-9]*-[0-9]+$")]
    pub place: Place,
    /// Its cells, in the order of the columns.
    pub cells: Vec<String>,
    /// The file, below the output directory.
    pub file: String,
    /// Its number in the file, the first below the header being 1.
    pub number: u64,
    /// The id of its event, if the file still has it.
    #[schema(required)]
    pub event_id: Option<String>,
    /// The payload as it came but for insignificant white space, if the journal still has it.
    #[schema(required)]
    pub payload: Option<String>,
}

/// Reads what is asked for.
pub(super) fn ask(
    query: &[(String, String)],
    default: Option<&SourceName>,
) -> Result<RowsAsk, Problem> {
    let get = |name: &str| {
        let found = query.iter().find(|(given, _)| given == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    let source = match (get("source"), default) {
        (Some(name), _) => SourceName::new(name).map_err(|_| Problem::NoSuchSource {
            source: name.to_owned(),
        })?,
        (None, Some(source)) => source.clone(),
        (None, None) => return Err(Problem::Parameter("`source` is missing".to_owned())),
    };
    let day = get("date").unwrap_or("today");
    let day = day.parse().map_err(|_| {
        let why = "`date` is YYYY-MM-DD, today, yesterday or latest";
        Problem::Parameter(why.to_owned())
    })?;
    let before = get("before").map(place_of).transpose()?;
    let limit = get("limit").map_or(Some(LIMIT), |limit| limit.parse().ok());
    let limit = limit.filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let cells = query.iter().filter_map(|(name, text)| {
        let column = name.strip_prefix(CELL)?;
        (!text.is_empty()).then(|| (column.to_owned(), text.clone()))
    });
    Ok(RowsAsk {
        source,
        day,
        wanted: Wanted {
            before,
            after: None,
            limit: limit
                .ok_or_else(|| Problem::Parameter(format!("`limit` is 1 to {LIMIT_MAX}")))?,
            text: get("find").unwrap_or_default().to_owned(),
            cells: cells.collect(),
        },
    })
}

pub(super) fn place_of(text: &str) -> Result<Place, Problem> {
    text.parse()
        .map_err(|error: NoPlace| Problem::Parameter(error.to_string()))
}

/// The files of a day, and whether more rows may come.
async fn files(
    engine: &web::Data<Engine>,
    source: &SourceName,
    name: DayName,
) -> Result<(Day, Vec<DayFile>, bool), Problem> {
    let today = engine.today();
    let catalog = engine.tables.catalog();
    let day = match name {
        DayName::Day(day) => day,
        DayName::Today => today,
        DayName::Yesterday => today.plus(-1),
        DayName::Latest => catalog
            .newest_with_rows(source.as_str(), None)
            .unwrap_or(today),
    };
    let together = engine.tables.tables(source.clone(), day..=day).await?;
    let open = together.open.into_iter().find(|table| table.day == day);
    if let Some(table) = open {
        if table.parts.is_empty() {
            return Err(Problem::Behind);
        }
        let files = table.parts.into_iter().map(|part| DayFile {
            path: part.path,
            open: part.file.map(|file| (file, part.state.bytes)),
        });
        return Ok((day, files.collect(), true));
    }
    let Some(summary) = catalog.get(source, day) else {
        if !engine.knows(source) {
            return Err(Problem::NoSuchSource {
                source: source.to_string(),
            });
        }
        // A day without rows is no fault, unless it was written out.
        return match name {
            DayName::Day(day) if day != today => Err(Problem::Export(ExportError::NoTable {
                source_name: source.clone(),
                day,
                part: String::new(),
            })),
            _ => Ok((day, Vec::new(), day == today)),
        };
    };
    let parts = u32::try_from(summary.figures.parts.len()).unwrap_or(u32::MAX);
    let files = (1..=parts).map(|part| DayFile {
        path: engine.layout.csv(source, day, part),
        open: None,
    });
    Ok((day, files.collect(), summary.open))
}

/// The rows that are asked for.
pub(super) async fn rows(engine: &web::Data<Engine>, ask: &RowsAsk) -> Result<Rows, Problem> {
    let (day, files, is_open) = files(engine, &ask.source, ask.day).await?;
    let (disk, wanted) = (engine.disk.clone(), ask.wanted.clone());
    let found = aside(move || window::newest(&disk, &files, &wanted)).await;
    let found = found.map_err(|_| Problem::Internal)?.map_err(unreadable)?;
    Ok(Rows {
        day,
        is_open,
        found,
    })
}

fn unreadable(error: io::Error) -> Problem {
    Problem::Export(ExportError::Io(error))
}

/// The row at a place.
pub(super) async fn row(
    engine: &web::Data<Engine>,
    ask: &RowsAsk,
    place: Place,
) -> Result<(Day, Whole), Problem> {
    let (day, files, _) = files(engine, &ask.source, ask.day).await?;
    let (engine, source) = (engine.clone(), ask.source.clone());
    let whole = aside(move || whole(&engine, &source, day, &files, place)).await;
    let whole = whole.map_err(|_| Problem::Internal)?.map_err(unreadable)?;
    Ok((day, whole.ok_or(Problem::NoSuchRow)?))
}

fn whole(
    engine: &Engine,
    source: &SourceName,
    day: Day,
    files: &[DayFile],
    place: Place,
) -> io::Result<Option<Whole>> {
    let Some((columns, row, number)) = window::one(&engine.disk, files, place)? else {
        return Ok(None);
    };
    let id = columns.iter().position(|column| column == "event_id");
    let FoundRow { place, cells } = row;
    let event_id = id.and_then(|id| cells.get(id)).cloned();
    let payload = match &event_id {
        Some(id) => payload(engine, source, day, id)?,
        None => None,
    };
    let path = &files[place.part as usize - 1].path;
    let file = path.strip_prefix(engine.layout.root()).unwrap_or(path);
    Ok(Some(Whole {
        file: file.display().to_string(),
        columns,
        place,
        cells,
        number,
        event_id,
        payload,
    }))
}

fn payload(engine: &Engine, source: &SourceName, day: Day, id: &str) -> io::Result<Option<String>> {
    let records = Records {
        disk: engine.disk.clone(),
        journal: engine.journal.clone(),
        source: source.clone(),
        day,
        last: engine.journal.last_seq(),
        tests: true,
    };
    let mut reader = records.read();
    while let Some(record) = reader.step()? {
        if record.id == id.as_bytes() {
            return Ok(Some(String::from_utf8_lossy(record.payload).into_owned()));
        }
    }
    Ok(None)
}

/// Which rows.
pub(super) struct RowsAsked;

impl IntoParams for RowsAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let [source, date] = day_asked();
        let [find, cells] = looked_for();
        vec![
            source,
            date,
            documented::query(
                "before",
                "Only rows before this place, as `earlier` of an answer says.",
                documented::row_place(),
            ),
            documented::query(
                "limit",
                &format!(
                    "How many rows at most; without it {LIMIT}. There may be fewer where much had to be looked through."
                ),
                documented::number(1..=LIMIT_MAX),
            ),
            find,
            cells,
        ]
    }
}

/// The parameters that name texts.
pub(super) fn looked_for() -> [Parameter; 2] {
    let texts = documented::texts()
        .property_names(Some(documented::like("^cell\\.")))
        .build();
    let mut cells = documented::query(
        "cell.COLUMN",
        "A text that the cells of a column hold; `COLUMN` is its name. There may be several, of different columns.",
        texts,
    );
    (cells.style, cells.explode) = (Some(ParameterStyle::Form), Some(true));
    let find = documented::query(
        "find",
        "A text that any cell holds; large and small letters of ASCII are the same.",
        documented::text(),
    );
    [find, cells]
}

/// Which row.
pub(super) struct RowAsked;

impl IntoParams for RowAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let place = "Where the row begins, as `place` of an answer says.";
        let [source, date] = day_asked();
        vec![
            source,
            date,
            needed("place", place, documented::row_place()),
        ]
    }
}

/// The parameters that name a day.
pub(super) fn day_asked() -> [Parameter; 2] {
    [
        needed("source", "The name of the source.", documented::source()),
        documented::query(
            "date",
            "The day, written out or by a word; without it today. `latest` is the newest day that has rows.",
            documented::day(),
        ),
    ]
}

/// Why there may be no rows.
pub(super) struct NoRows;

impl IntoResponses for NoRows {
    fn responses() -> Answers {
        refused(&[
            kinds::PARAMETER,
            kinds::READ_TOKEN,
            kinds::NO_SUCH_SOURCE,
            kinds::NO_TABLE,
            kinds::ATTEMPTS,
            kinds::INTERNAL,
            kinds::UNREADABLE,
            kinds::BEHIND,
        ])
    }
}

/// Why there may be no such row.
pub(super) struct NoRow;

impl IntoResponses for NoRow {
    fn responses() -> Answers {
        refused(&[
            kinds::PARAMETER,
            kinds::READ_TOKEN,
            kinds::NO_SUCH_SOURCE,
            kinds::NO_TABLE,
            kinds::NO_SUCH_ROW,
            kinds::ATTEMPTS,
            kinds::INTERNAL,
            kinds::UNREADABLE,
            kinds::BEHIND,
        ])
    }
}

fn answer(json: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json)
}

/// `GET /api/rows`
#[utoipa::path(
    get,
    path = "/api/rows",
    tag = "data",
    operation_id = "listRows",
    summary = "Rows of a day",
    description = "The newest first, some at a time. An answer holds what was found up to `earlier`; with that as `before` the \
                   next one goes on, also where none was found so far.",
    params(RowsAsked),
    responses(
        (status = 200, description = "The rows.", body = Listed),
        NoRows,
    ),
)]
pub async fn list(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let listed = async {
        access::check(&request, &engine, false).await?;
        let ask = ask(&query_of(&request), None)?;
        let Rows { day, found, .. } = rows(&engine, &ask).await?;
        Ok(Listed {
            source: ask.source,
            date: day,
            columns: found.columns,
            rows: found.rows.into_iter().map(Row::from).collect(),
            earlier: found.earlier,
            end: found.end,
        })
    };
    match listed.await {
        Ok(listed) => answer(&listed),
        Err(problem) => Problem::respond(&problem),
    }
}

/// `GET /api/row`
#[utoipa::path(
    get,
    path = "/api/row",
    tag = "data",
    operation_id = "row",
    summary = "A row with its payload",
    params(RowAsked),
    responses(
        (status = 200, description = "The row.", body = Whole),
        NoRow,
    ),
)]
pub async fn single(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let found = async {
        access::check(&request, &engine, false).await?;
        let query = query_of(&request);
        row(&engine, &ask(&query, None)?, place(&query)?).await
    };
    match found.await {
        Ok((_, whole)) => answer(&whole),
        Err(problem) => Problem::respond(&problem),
    }
}

/// The place that a query names.
pub(super) fn place(query: &[(String, String)]) -> Result<Place, Problem> {
    let given = query.iter().find(|(name, _)| name == "place");
    let (_, text) = given.ok_or_else(|| Problem::Parameter("`place` is missing".to_owned()))?;
    place_of(text)
}
