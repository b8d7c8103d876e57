//! `/exports/…` and `/api/exports`: downloads that hold every row acknowledged
//! before they were asked for, and the list of what can be downloaded.

use super::problem::Problem;
use super::{access, query_of};
use crate::disk::SharedDisk;
use crate::engine::Engine;
use crate::event::{Day, SourceName, Timestamp};
use crate::follow::Summary;
use crate::read::export::Tables;
use crate::read::pieces::{Piece, Pieces};
use crate::read::write::Chunks;
use crate::read::{Address, DayName, Export, ExportError, Files};
use actix_web::body::SizedStream;
use actix_web::error::BlockingError;
use actix_web::http::header::{self, HttpDate};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde_json::{Value, json};
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `GET /exports/{path}`
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
    access::check(request, engine, true).await?;
    let address = Address::parse(
        request.match_info().query("path"),
        &query_of(request),
        engine.today(),
    );
    let address = address.map_err(Problem::Address)?;
    let export = plan(engine, &address).await?;
    Ok(answer(request, &engine.disk, export))
}

/// Waits for the rows, then plans the answer away from the worker: it reads checkpoints.
async fn plan(engine: &web::Data<Engine>, address: &Address) -> Result<Export, Problem> {
    let source = address.source().clone();
    let today = engine.today();
    let (first, last) = match address {
        Address::Day(_, DayName::Day(day)) | Address::Part(_, day, _) => (*day, *day),
        Address::Day(_, DayName::Today) => (today, today),
        Address::Day(_, DayName::Yesterday) => (today.plus(-1), today.plus(-1)),
        Address::Day(_, DayName::Latest) => (
            Day::new(chrono::NaiveDate::MIN),
            Day::new(chrono::NaiveDate::MAX),
        ),
        Address::Range(_, days) => (*days.start(), *days.end()),
    };
    let open = engine.tables.tables(source.clone(), first..=last).await?;
    let live = engine.live();
    let known = live.settings.sources.contains_key(&source)
        || engine.tables.catalog().knows(source.as_str());
    if !known {
        return Err(Problem::NoSuchSource {
            source: source.to_string(),
        });
    }
    let (engine, address) = (engine.clone(), address.clone());
    let planned = web::block(move || {
        let catalog = engine.tables.catalog();
        let rules = live.rules(&source);
        let zone = live.settings.timezone;
        let tables = Tables {
            disk: &engine.disk,
            layout: &engine.layout,
            source: &source,
            open,
            rules,
            zone,
        };
        let earlier = |day: Day| catalog.newest_with_rows(source.as_str(), Some(day));
        let empty = |name: String, day: Day| {
            tables.empty(&format!("{source}-{name}.csv"), day, earlier(day))
        };
        match &address {
            Address::Part(_, day, number) => tables.part(*day, *number),
            Address::Day(_, DayName::Day(day)) => tables.day(*day),
            Address::Day(_, DayName::Latest) => {
                match catalog.newest_with_rows(source.as_str(), None) {
                    Some(day) => tables.day(day),
                    None => empty("latest".into(), today),
                }
            }
            Address::Day(..) => match tables.day(first) {
                Err(ExportError::NoTable { .. }) => empty(first.to_string(), first),
                planned => planned,
            },
            Address::Range(..) => tables.range(
                &catalog.days(source.as_str(), first..=last),
                first,
                last,
                earlier(first),
            ),
        }
    });
    planned
        .await
        .map_err(|_| Problem::Internal)?
        .map_err(Problem::Export)
}

/// The response to a planned export: conditions first (RFC 9110, 13.2.2), then the range.
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
    let disposition = format!("attachment; filename=\"{}\"", export.file_name);
    response
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .content_type("text/csv; charset=utf-8");
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
    send(request, disk, &mut response, export.pieces, range)
}

fn send(
    request: &HttpRequest,
    disk: &SharedDisk,
    response: &mut HttpResponseBuilder,
    pieces: Vec<Piece>,
    range: Range<u64>,
) -> HttpResponse {
    let bytes = range.end - range.start;
    if request.method() == Method::HEAD {
        // The length belongs to the answer that GET would give.
        return response.body(SizedStream::new(bytes, Sending { state: State::Done }));
    }
    let pieces = Pieces::new(disk.clone(), pieces, range);
    response.body(SizedStream::new(
        bytes,
        Sending {
            state: State::Idle(Box::new(pieces)),
        },
    ))
}

/// What tells one version of an export from another.
struct Validators {
    etag: String,
    modified_ms: i64,
}

impl Validators {
    fn of(export: &Export) -> Self {
        Self {
            etag: export.etag.clone(),
            modified_ms: export.modified_ms,
        }
    }

    /// The second after the last change, once that is over: HTTP's dates have whole seconds, and within one a file may
    /// change again after it was sent. A date is believed only if it is this one: a clock may have been set back.
    fn next_second(&self) -> i64 {
        self.modified_ms.div_euclid(1000) + 1
    }

    fn last_modified(&self) -> HttpDate {
        let now = Timestamp::now().millis().div_euclid(1000);
        let shown = if self.next_second() <= now {
            self.next_second()
        } else {
            self.next_second() - 1
        };
        HttpDate::from(UNIX_EPOCH + Duration::from_secs(u64::try_from(shown.min(now)).unwrap_or(0)))
    }

    fn is_dated(&self, date: &str) -> bool {
        let Ok(date) = date.parse::<HttpDate>() else {
            return false;
        };
        let seconds = SystemTime::from(date)
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        i64::try_from(seconds) == Ok(self.next_second())
    }

    fn is_unchanged(&self, request: &HttpRequest) -> bool {
        let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        if let Some(tags) = text(header::IF_NONE_MATCH) {
            let same = |tag: &str| tag.trim().strip_prefix("W/").unwrap_or(tag.trim()) == self.etag;
            return tags.trim() == "*" || tags.split(',').any(same);
        }
        text(header::IF_MODIFIED_SINCE).is_some_and(|date| self.is_dated(date))
    }
}

enum Asked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// The one range that is asked for; several at once are answered with the whole, as RFC 9110 allows.
fn range_of(request: &HttpRequest, validators: &Validators, bytes: u64) -> Asked {
    let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
    let Some(asked) = text(header::RANGE).and_then(|r| r.strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    if let Some(condition) = text(header::IF_RANGE) {
        let holds = if condition.starts_with('"') {
            condition == validators.etag
        } else {
            validators.is_dated(condition)
        };
        if !holds {
            return Asked::Whole;
        }
    }
    let Some((from, to)) = asked.trim().split_once('-') else {
        return Asked::Whole;
    };
    match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Err(_), Ok(_)) if from.is_empty() && bytes == 0 => Asked::Outside,
        (Ok(from), Ok(to)) if from > to => Asked::Whole,
        (Ok(from), _)
            if from >= bytes && (to.trim().is_empty() || to.trim().parse::<u64>().is_ok()) =>
        {
            Asked::Outside
        }
        (Ok(from), Ok(to)) => Asked::Part(from..(to.saturating_add(1)).min(bytes)),
        (Ok(from), Err(_)) if to.trim().is_empty() => Asked::Part(from..bytes),
        (Err(_), Ok(0)) if from.is_empty() => Asked::Outside,
        (Err(_), Ok(last)) if from.is_empty() => Asked::Part(bytes.saturating_sub(last)..bytes),
        _ => Asked::Whole,
    }
}

/// Bytes from files, read on threads that may wait for the disk.
struct Sending {
    state: State,
}

type Chunk = Result<(Box<dyn Chunks>, std::io::Result<Option<Vec<u8>>>), BlockingError>;

enum State {
    Idle(Box<dyn Chunks>),
    Reading(Pin<Box<dyn Future<Output = Chunk>>>),
    Done,
}

impl futures_core::Stream for Sending {
    type Item = Result<web::Bytes, Box<dyn std::error::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Idle(mut pieces) => {
                    let reading = web::block(move || {
                        let chunk = pieces.next_bytes();
                        (pieces, chunk)
                    });
                    self.state = State::Reading(Box::pin(reading));
                }
                State::Reading(mut reading) => match reading.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((pieces, Ok(Some(bytes))))) => {
                        self.state = State::Idle(pieces);
                        return Poll::Ready(Some(Ok(bytes.into())));
                    }
                    Poll::Ready(Ok((_, Ok(None)))) => return Poll::Ready(None),
                    Poll::Ready(Ok((_, Err(error)))) => {
                        // The connection is broken off: a reader must not take a short file for a whole one.
                        tracing::error!(%error, "a download was broken off");
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                },
            }
        }
    }
}

/// How long a list waits for the tables.
const LIST_WAIT_MAX: Duration = Duration::from_secs(2);

/// A day as a list shows it.
pub(super) struct Listed {
    pub source: SourceName,
    pub day: Day,
    pub summary: Summary,
    /// What became of its files. Those of a day that is not over are looked after by rowhook.
    pub files: Files,
}

/// `GET /api/exports`
pub async fn list(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    if let Err(problem) = access::check(&request, &engine, false).await {
        return problem.respond();
    }
    let Ok(days) = days(&engine).await else {
        return Problem::Internal.respond();
    };
    let exports: Vec<Value> = days.iter().map(describe).collect();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(exports)
}

/// All days, with what was acknowledged before, where the tables are far enough.
pub(super) async fn days(engine: &web::Data<Engine>) -> Result<Vec<Listed>, BlockingError> {
    let today = engine.today();
    let up_to_date = async {
        for source in engine.live().settings.sources.keys() {
            let _ = engine.tables.tables(source.clone(), today..=today).await;
        }
    };
    // A list that lags is better than none.
    let _ = tokio::time::timeout(LIST_WAIT_MAX, up_to_date).await;
    let engine = engine.clone();
    web::block(move || {
        let mut look = engine.changes.look(&engine.disk, &engine.layout);
        let all = engine.tables.catalog().all().into_iter();
        all.map(|(source, day, summary)| {
            let found = if summary.open {
                Ok(Files::Whole)
            } else {
                look.at(&source, day, &summary.figures.parts)
            };
            let files = found.unwrap_or_else(|error| {
                tracing::warn!(%source, %day, %error, "a table's files cannot be looked at");
                Files::Missing
            });
            Listed {
                source,
                day,
                summary,
                files,
            }
        })
        .collect()
    })
    .await
}

fn describe(listed: &Listed) -> Value {
    let Listed {
        source,
        day,
        summary,
        files,
    } = listed;
    let figures = &summary.figures;
    let parts: Vec<String> = (1..=figures.parts.len())
        .map(|n| format!("/exports/{source}/{day}.{n}.csv"))
        .collect();
    json!({
        "source": source,
        "date": day,
        "rows": figures.rows(),
        "columns": figures.columns(),
        "bytes": figures.bytes(),
        "parts": figures.parts.len(),
        "state": if summary.open { "open" } else { "closed" },
        "files": files.as_str(),
        "first_received_at": figures.received.map(|r| r.first),
        "last_received_at": figures.received.map(|r| r.last),
        "links": {"csv": format!("/exports/{source}/{day}.csv"), "parts": parts},
    })
}
