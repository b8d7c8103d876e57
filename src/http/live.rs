//! Rows that come while somebody looks, as server-sent events at
//! `/api/rows/live`. Promises: a row is told once; where rows are left out that is
//! said; so many listen at a time, and no more.

use super::documented::{self, Answers, needed, refused};
use super::kinds;
use super::problem::Problem;
use super::rows::{Row, Rows, RowsAsk, ask, day_asked, looked_for, place_of, rows};
use super::{access, query_of};
use crate::engine::Engine;
use crate::event::{Day, SourceName, Timestamp};
use crate::read::DayName;
use crate::read::window::{Place, Wanted};
use actix_web::body::BodyStream;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_core::Stream;
use serde::Serialize;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Between two looks at what came.
const LIVE_EVERY: Duration = Duration::from_millis(500);
/// Looks after which something is said where nothing came: only that tells that somebody is gone.
const SILENT_MAX: u32 = 10;
/// Rows of a look at most: nobody reads more in that time.
const LIVE_ROWS: usize = 50;
/// So many look at a time.
const WATCHERS_MAX: usize = 64;

/// Rows that came while somebody looked: the `data` of an event.
#[derive(Serialize, ToSchema)]
#[schema(as = RowsCame)]
pub(super) struct Came {
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The rows, the newest first.
    rows: Vec<Row>,
    /// Whether more came than are told here.
    skipped: bool,
    /// Where the day ends now. It is the event's id too.
    #[schema(value_type = String, pattern = "^[1-9][0-9]*-[0-9]+$")]
    end: Place,
}

/// From where on.
struct LiveAsked;

impl IntoParams for LiveAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let [source, _] = day_asked();
        let [find, cells] = looked_for();
        vec![
            source,
            find,
            cells,
            needed(
                "width",
                "How many columns the rows had that are there already: with another number places are not what they were.",
                documented::count(),
            ),
            documented::query(
                "after",
                "The `end` of an answer. Needed unless `Last-Event-ID` is there, which a browser sends by itself.",
                documented::row_place(),
            ),
            documented::header(
                "Last-Event-ID",
                "The id of the last event that came; it counts before `after`.",
                documented::row_place(),
            ),
        ]
    }
}

/// Why nobody may look on.
struct NotLive;

impl IntoResponses for NotLive {
    fn responses() -> Answers {
        refused(&[
            kinds::PARAMETER,
            kinds::READ_TOKEN,
            kinds::NO_SUCH_SOURCE,
            kinds::ATTEMPTS,
            kinds::CONNECTIONS,
        ])
    }
}

static WATCHERS: AtomicUsize = AtomicUsize::new(0);

/// One who looks; counted until it is gone.
struct Watcher;

impl Watcher {
    fn enter() -> Option<Self> {
        let enter = |count| (count < WATCHERS_MAX).then_some(count + 1);
        let entered = WATCHERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter);
        entered.ok().map(|_| Self)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        WATCHERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /api/rows/live`: rows of today that come behind the place `after`, those that hold what is looked for. Where places are
/// not what they were, as after a new column or at midnight, it says `anew` and ends.
#[utoipa::path(
    get,
    path = "/api/rows/live",
    tag = "data",
    operation_id = "liveRows",
    summary = "Rows of today as they come",
    description = "Server-sent events for as long as somebody listens. An event without a name has `RowsCame` as its data, and \
                   the place where the day ends as its id. An event `anew` says that places are not what they were, as after a \
                   new column, an edit or midnight, and is the last one. A line `:` now and then says nothing.",
    params(LiveAsked),
    responses(
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream"),
        NotLive,
    ),
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let begun = async {
        access::check(&request, &engine, false).await?;
        let query = query_of(&request);
        let ask = ask(&query, None)?;
        // A browser that lost the connection names the last it had.
        let last = request.headers().get("last-event-id");
        let last = last
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let given = query.iter().find(|(name, _)| name == "after");
        let after = last.or_else(|| given.map(|(_, value)| value.clone()));
        let after = after.ok_or_else(|| Problem::Parameter("`after` is missing".to_owned()))?;
        let columns = query.iter().find(|(name, _)| name == "width");
        let columns = columns.and_then(|(_, value)| value.parse().ok());
        let watcher = Watcher::enter().ok_or(Problem::TooManyConnections)?;
        Ok(Live {
            source: ask.source,
            day: engine.today(),
            wanted: Wanted {
                before: None,
                after: Some(place_of(&after)?),
                limit: LIVE_ROWS,
                ..ask.wanted
            },
            columns: columns.ok_or_else(|| {
                let why = "`width` is missing: how many columns the rows had";
                Problem::Parameter(why.to_owned())
            })?,
            engine: engine.clone(),
            _watcher: watcher,
        })
    };
    let live = match begun.await {
        Ok(live) => live,
        Err(problem) => return Problem::respond(&problem),
    };
    let (give, take) = mpsc::channel(1);
    actix_web::rt::spawn(live.run(give));
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/event-stream")
        .body(BodyStream::new(Events(take)))
}

struct Live {
    engine: web::Data<Engine>,
    source: SourceName,
    day: Day,
    /// What is looked for, behind what was told already.
    wanted: Wanted,
    columns: usize,
    _watcher: Watcher,
}

impl Live {
    /// Looks until nobody takes it any more, or rowhook stops.
    async fn run(mut self, give: mpsc::Sender<web::Bytes>) {
        let mut silent = 0;
        let mut known = None;
        let mut said = web::Bytes::from_static(b"retry: 2000\n\n");
        loop {
            if give.send(said).await.is_err() {
                return;
            }
            said = loop {
                tokio::time::sleep(LIVE_EVERY).await;
                if give.is_closed() || self.engine.is_draining() {
                    return;
                }
                silent += 1;
                if self.engine.today() != self.day {
                    let _ = give.send(anew()).await;
                    return;
                }
                let summary = self.engine.tables.catalog().get(&self.source, self.day);
                let rows = summary.map(|summary| summary.figures.rows());
                if rows != known {
                    known = rows;
                    match self.look().await {
                        Some(Some(text)) => break text,
                        Some(None) => {}
                        None => {
                            let _ = give.send(anew()).await;
                            return;
                        }
                    }
                }
                if silent >= SILENT_MAX {
                    break web::Bytes::from_static(b":\n\n");
                }
            };
            silent = 0;
        }
    }

    /// What came, if anything did; nothing at all when places are not what they were.
    async fn look(&mut self) -> Option<Option<web::Bytes>> {
        let ask = RowsAsk {
            source: self.source.clone(),
            day: DayName::Day(self.day),
            wanted: self.wanted.clone(),
        };
        // What cannot be read now can be read later.
        let Ok(Rows { found, .. }) = rows(&self.engine, &ask).await else {
            return Some(None);
        };
        let end = found.end?;
        let after = self.wanted.after;
        if found.columns.len() != self.columns || Some(end) < after {
            return None;
        }
        self.wanted.after = Some(end);
        if found.rows.is_empty() {
            return Some(None);
        }
        let skipped = found.earlier > after;
        let came = Came {
            at: Timestamp::now(),
            rows: found.rows.into_iter().map(Row::from).collect(),
            skipped,
            end,
        };
        // Texts and numbers can always be written.
        let data = serde_json::to_string(&came).unwrap_or_default();
        Some(Some(format!("id: {end}\ndata: {data}\n\n").into()))
    }
}

fn anew() -> web::Bytes {
    web::Bytes::from_static(b"event: anew\ndata: {}\n\n")
}

struct Events(mpsc::Receiver<web::Bytes>);

impl Stream for Events {
    type Item = Result<web::Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(Ok))
    }
}
