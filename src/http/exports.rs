//! `/exports/…`: downloads that hold every row acknowledged before they were
//! asked for.

use super::aside::aside;
use super::conditions::{Asked, Validators, has_tag, range_of};
use super::downloads::{
    DayAsked, Downloaded, DownloadedPart, OfDay, OfPart, OfRange, PartAsked, RangeAsked,
};
use super::problem::Problem;
use super::progress::Progress;
use super::sending::Sending;
use super::{access, query_of};
use crate::disk::SharedDisk;
use crate::engine::Engine;
use crate::event::Day;
use crate::read::ask::Format;
use crate::read::export::{Tables, as_recorded};
use crate::read::pieces::Pieces;
use crate::read::{Answer, Ask, DayName, Days, Export, ExportError, Span, Stream};
use actix_web::body::{BodyStream, SizedStream};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};

/// `GET /exports/{path}`
#[utoipa::path(
    get,
    path = "/exports/{source}/{date}.{format}",
    impl_for = OfDay,
    operation_id = "downloadDay",
    summary = "A day",
    description = "Every row that was acknowledged before it was asked for, ending on a whole row.",
    params(DayAsked),
    responses(Downloaded),
    security(("bearer" = []), ("basic" = []), ("token" = []), ("link" = []), ("session" = [])),
)]
#[utoipa::path(
    get,
    path = "/exports/{source}.{format}",
    impl_for = OfRange,
    operation_id = "downloadRange",
    summary = "All days from one to another",
    description = "Both included, under one header, with every row that was acknowledged before it was asked for.",
    params(RangeAsked),
    responses(Downloaded),
    security(("bearer" = []), ("basic" = []), ("token" = []), ("link" = []), ("session" = [])),
)]
#[utoipa::path(
    get,
    path = "/exports/{source}/{date}.{part}.csv",
    impl_for = OfPart,
    operation_id = "downloadPart",
    summary = "One file of a day",
    description = "As it is on disk, of a day with more than 1,048,575 rows.",
    params(PartAsked),
    responses(DownloadedPart),
    security(("bearer" = []), ("basic" = []), ("token" = []), ("link" = []), ("session" = [])),
)]
pub async fn download(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    match try_download(&request, &engine).await {
        Ok(response) => response,
        Err(problem) => problem.respond(),
    }
}

async fn try_download(
    request: &HttpRequest,
    engine: &web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let (path, query) = (request.match_info().query("path"), query_of(request));
    let ask = Ask::parse(path, &query, &["token", "link"]);
    let feed = ask.as_ref().ok().map(Ask::url);
    access::check_feed(request, engine, &query, feed.as_deref()).await?;
    let ask = ask.map_err(Problem::Ask)?;
    Ok(match plan(engine, &ask).await? {
        Answer::File(export) => answer(request, &engine.disk, export),
        Answer::Stream(stream) => streamed(request, ask.format, stream),
    })
}

/// Waits for the rows, then plans the answer away from the worker: it reads checkpoints.
async fn plan(engine: &web::Data<Engine>, ask: &Ask) -> Result<Answer, Problem> {
    let source = ask.source.clone();
    let today = engine.today();
    let (first, last) = match ask.span {
        // Which day it is turns out once all rows are there.
        Span::Day(DayName::Latest) => ever(),
        _ => ask.days(today, None).map_err(Problem::Ask)?,
    };
    let tables = |days| engine.tables.tables(source.clone(), days);
    let mut together = tables(first..=last).await?;
    let is_named = matches!(ask.span, Span::Day(DayName::Day(_)) | Span::Part(..));
    if !is_named && together.days.range(first..=last).next().is_none() {
        // A header alone, which is that of the day before: its table must be there too.
        together = tables(ever().0..=last).await?;
    }
    let live = engine.live();
    if !engine.knows(&source) {
        return Err(Problem::NoSuchSource {
            source: source.to_string(),
        });
    }
    let (engine, ask) = (engine.clone(), ask.clone());
    let planned = aside(move || {
        let latest = together.newest_with_rows(None);
        let (from, to) = ask.days(today, latest)?;
        let within = together.days.range(from..=to).map(|(day, _)| *day);
        let days = Days {
            from,
            to,
            tables: match (ask.span, latest) {
                (Span::Day(DayName::Latest), None) => Vec::new(),
                _ => within.collect(),
            },
            earlier: together.newest_with_rows(Some(from)),
            all: together.days.into_keys().collect(),
        };
        let configured = live.settings.sources.get(&source);
        let mut rules = live.rules(&source);
        if configured.is_none() {
            let newest = days.all.last().copied();
            rules = as_recorded(&engine.disk, &engine.layout, &source, newest, &rules)?;
        }
        let tables = Tables {
            disk: &engine.disk,
            layout: &engine.layout,
            source: &source,
            open: together.open,
            rules,
            zone: live.settings.timezone,
            journal: &engine.journal,
            changes: &engine.changes,
            views: configured.map(|source| &source.views),
        };
        tables.answer(&ask, &days)
    });
    planned
        .await
        .map_err(|_| Problem::Internal)?
        .map_err(|error| match error {
            ExportError::Ask(error) => Problem::Ask(error),
            error => Problem::Export(error),
        })
}

/// The first and the last day that there may be.
fn ever() -> (Day, Day) {
    (
        Day::new(chrono::NaiveDate::MIN),
        Day::new(chrono::NaiveDate::MAX),
    )
}

/// The response to files that are planned: conditions first (RFC 9110, 13.2.2), then the range.
fn answer(request: &HttpRequest, disk: &SharedDisk, export: Export) -> HttpResponse {
    let validators = Validators::of(&export);
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, export.etag.clone()))
        .insert_header((header::LAST_MODIFIED, validators.last_modified()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if validators.is_unchanged(request) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response
        .insert_header((header::CONTENT_DISPOSITION, saved_as(&export.file_name)))
        .content_type(Format::Csv.media_type());
    // Ranges are defined for GET alone.
    let asked = match *request.method() {
        Method::GET => range_of(request, &validators, export.bytes),
        _ => Asked::Whole,
    };
    let range = match asked {
        Asked::Whole => 0..export.bytes,
        Asked::Part(range) => {
            let shown = format!("bytes {}-{}/{}", range.start, range.end - 1, export.bytes);
            response
                .status(StatusCode::PARTIAL_CONTENT)
                .insert_header((header::CONTENT_RANGE, shown));
            range
        }
        Asked::Outside => {
            return Problem::Range {
                bytes: export.bytes,
            }
            .respond();
        }
    };
    let bytes = range.end - range.start;
    if request.method() == Method::HEAD {
        // The length belongs to the answer that GET would give.
        return response.body(SizedStream::new(bytes, Sending::nothing()));
    }
    let pieces = Pieces::new(disk.clone(), export.pieces, range);
    let sending = Sending::of(Box::new(pieces));
    let connection = request.conn_data::<Progress>();
    match connection.filter(|connection| connection.outgoing().is_open()) {
        // The server is to tell the length, but sees only what the connection does not send past it.
        Some(connection) => response
            .no_chunking(bytes)
            .body(BodyStream::new(sending.through(connection.clone()))),
        None => response.body(SizedStream::new(bytes, sending)),
    }
}

/// The response to bytes that are made while they are sent: nobody knows how many.
fn streamed(request: &HttpRequest, format: Format, stream: Stream) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, stream.etag.clone()))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if has_tag(request, &stream.etag) == Some(true) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response
        .insert_header((header::CONTENT_DISPOSITION, saved_as(&stream.file_name)))
        .content_type(format.media_type());
    let sending = match *request.method() {
        Method::HEAD => Sending::nothing(),
        _ => Sending::of(stream.chunks),
    };
    response.body(BodyStream::new(sending))
}

fn saved_as(file_name: &str) -> String {
    format!("attachment; filename=\"{file_name}\"")
}
