//! `/healthz` and `/readyz`: open to all, with details for those who may read.

use super::{App, access};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

/// Alive: it answers.
pub async fn alive(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let mut body = json!({"status": "alive"});
    if access::check(&request, &app, false).is_ok() {
        body["version"] = json!(env!("CARGO_PKG_VERSION"));
    }
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}

/// Ready: it can store.
pub async fn ready(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let health = app.health();
    let ready = health.is_ok();
    let mut body = json!({"status": if ready { "ready" } else { "not ready" }});
    if access::check(&request, &app, false).is_ok() {
        if let Err(why) = health {
            body["reason"] = json!(why);
        }
        body["last_seq"] = json!(app.journal.last_seq().0);
        body["waiting_bytes"] = json!(app.waiting.used());
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
