//! `/healthz` and `/readyz`: open to all, with details for those who may read. They
//! never wait and refuse nobody: a value that is meant for another counts as none.

use super::access;
use crate::engine::Engine;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// That it answers.
#[derive(Serialize, ToSchema)]
struct Alive {
    /// Always the same.
    #[schema(inline)]
    status: AliveIs,
    /// Which rowhook it is; only for those who show the read token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    version: Option<&'static str>,
}

/// It answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AliveIs {
    Alive,
}

/// Whether it can store.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// Whether it can.
    #[schema(inline)]
    status: ReadyIs,
    /// Why it cannot store, where it cannot; this and what follows only for those who show the read token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// The number of the last event in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_seq: Option<u64>,
    /// Bytes of memory that bodies take which are being read or wait for the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    waiting_bytes: Option<usize>,
}

/// Able to store, or not.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ReadyIs {
    Ready,
    #[serde(rename = "not ready")]
    NotReady,
}

/// Alive: it answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    operation_id = "alive",
    summary = "Whether it is alive",
    responses((status = 200, description = "It answers.", body = Alive)),
    security((), ("bearer" = []), ("basic" = [])),
)]
pub async fn alive(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let details = access::may_read(&request, &engine);
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Alive {
            status: AliveIs::Alive,
            version: details.then_some(env!("CARGO_PKG_VERSION")),
        })
}

/// Ready: it can store.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    operation_id = "ready",
    summary = "Whether it can store",
    responses(
        (status = 200, description = "A delivery would be stored.", body = Ready),
        (
            status = 503,
            description = "A delivery would be refused.",
            body = Ready,
            headers(("Retry-After" = String, description = "After so many seconds it is worth another try.")),
        ),
    ),
    security((), ("bearer" = []), ("basic" = [])),
)]
pub async fn ready(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let details = access::may_read(&request, &engine);
    let health = engine.health();
    let mut response = if health.is_ok() {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    if health.is_err() {
        response.insert_header((header::RETRY_AFTER, "5"));
    }
    let status = match health {
        Ok(()) => ReadyIs::Ready,
        Err(_) => ReadyIs::NotReady,
    };
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Ready {
            status,
            reason: health.err().filter(|_| details),
            last_seq: details.then(|| engine.journal.last_seq().0),
            waiting_bytes: details.then(|| engine.waiting.used()),
        })
}
