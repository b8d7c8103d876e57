//! `/api/exports`: the list of what can be downloaded.

use super::access;
use super::aside::{Undone, aside};
use super::documented::Reading;
use super::problem::Problem;
use crate::engine::Engine;
use crate::event::{Day, SourceName, Timestamp};
use crate::follow::Summary;
use crate::read::Files;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use utoipa::ToSchema;

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

/// A day of a source that can be downloaded.
#[derive(Serialize, ToSchema)]
struct Export {
    /// The source.
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    source: SourceName,
    /// The day, in the configured zone.
    #[schema(value_type = String, format = Date)]
    date: Day,
    /// Its rows.
    rows: u64,
    /// Its columns.
    columns: usize,
    /// Bytes of its CSV files.
    bytes: u64,
    /// Its CSV files: one, or more where the day has more than 1,048,575 rows.
    parts: usize,
    /// Whether more rows may come.
    state: State,
    /// What became of its files.
    files: FilesAre,
    /// When its first row came; null where it has none.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    first_received_at: Option<Timestamp>,
    /// When its last row came; null where it has none.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_received_at: Option<Timestamp>,
    /// Where it can be downloaded.
    links: Links,
}

/// Whether more rows may come.
#[derive(Serialize, ToSchema)]
#[schema(as = DayState)]
#[serde(rename_all = "lowercase")]
enum State {
    /// They may.
    Open,
    /// The day is over.
    Closed,
}

/// What became of a day's files.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Files)]
#[serde(rename_all = "lowercase")]
pub(super) enum FilesAre {
    /// They are as they were written, or are being written.
    Whole,
    /// One was touched, as by a restore from a backup, and is too large to be read for a list.
    Touched,
    /// One was changed by somebody.
    Edited,
    /// One is not there.
    Missing,
}

impl From<Files> for FilesAre {
    fn from(files: Files) -> Self {
        match files {
            Files::Whole => Self::Whole,
            Files::Touched => Self::Touched,
            Files::Edited => Self::Edited,
            Files::Missing => Self::Missing,
        }
    }
}

impl fmt::Display for FilesAre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "whole",
            Self::Touched => "touched",
            Self::Edited => "edited",
            Self::Missing => "missing",
        })
    }
}

/// The paths of a day's downloads.
#[derive(Serialize, ToSchema)]
struct Links {
    /// The whole day as CSV; another ending gives another format.
    csv: String,
    /// Each of its CSV files alone.
    parts: Vec<String>,
}

/// `GET /api/exports`
#[utoipa::path(
    get,
    path = "/api/exports",
    tag = "data",
    operation_id = "listExports",
    summary = "What can be downloaded",
    description = "Every day of every source that has a table, also of sources that are not configured any more.",
    responses(
        (status = 200, description = "The days.", body = Vec<Export>),
        Reading,
    ),
)]
pub async fn list(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    if let Err(problem) = access::check(&request, &engine, false).await {
        return problem.respond();
    }
    let Ok(days) = days(&engine).await else {
        return Problem::Internal.respond();
    };
    let exports: Vec<Export> = days.into_iter().map(describe).collect();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(exports)
}

/// All days, with what was acknowledged before, where the tables are far enough.
pub(super) async fn days(engine: &web::Data<Engine>) -> Result<Vec<Listed>, Undone> {
    let today = engine.today();
    let up_to_date = async {
        for source in engine.live().settings.sources.keys() {
            let _ = engine.tables.tables(source.clone(), today..=today).await;
        }
    };
    // A list that lags is better than none.
    let _ = tokio::time::timeout(LIST_WAIT_MAX, up_to_date).await;
    let engine = engine.clone();
    aside(move || {
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

fn describe(listed: Listed) -> Export {
    let Listed {
        source,
        day,
        summary,
        files,
    } = listed;
    let figures = &summary.figures;
    let parts = (1..=figures.parts.len()).map(|n| format!("/exports/{source}/{day}.{n}.csv"));
    let links = Links {
        csv: format!("/exports/{source}/{day}.csv"),
        parts: parts.collect(),
    };
    Export {
        source,
        date: day,
        rows: figures.rows(),
        columns: figures.columns(),
        bytes: figures.bytes(),
        parts: figures.parts.len(),
        state: if summary.open {
            State::Open
        } else {
            State::Closed
        },
        files: files.into(),
        first_received_at: figures.received.map(|r| r.first),
        last_received_at: figures.received.map(|r| r.last),
        links,
    }
}
