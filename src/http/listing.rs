//! `/api/exports`: the list of what can be downloaded.

use super::access;
use super::aside::{Undone, aside};
use super::problem::Problem;
use crate::engine::Engine;
use crate::event::{Day, SourceName};
use crate::follow::Summary;
use crate::read::Files;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::time::Duration;

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
