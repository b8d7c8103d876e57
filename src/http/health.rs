//! `/healthz` and `/readyz`: open to all, with details for those who may read. They
//! never wait and refuse nobody: a value that is meant for another counts as none.

use super::access;
use crate::engine::Engine;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

/// Alive: it answers.
pub async fn alive(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let details = access::may_read(&request, &engine);
    let mut body = json!({"status": "alive"});
    if details {
        body["version"] = json!(env!("CARGO_PKG_VERSION"));
    }
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}

/// Ready: it can store.
pub async fn ready(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let details = access::may_read(&request, &engine);
    let health = engine.health();
    let ready = health.is_ok();
    let mut body = json!({"status": if ready { "ready" } else { "not ready" }});
    if details {
        if let Err(why) = health {
            body["reason"] = json!(why);
        }
        body["last_seq"] = json!(engine.journal.last_seq().0);
        body["waiting_bytes"] = json!(engine.waiting.used());
    }
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    if !ready {
        response.insert_header((header::RETRY_AFTER, "5"));
    }
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}
