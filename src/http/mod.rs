//! HTTP: the only place that knows requests and responses.
//!
//! - [`problem`]: every refusal there is, its status and its words
//! - [`hooks`]: `POST /hooks/{source}`
//! - [`access`]: who may read
//! - [`exports`]: downloads and their list
//! - [`page`]: what `/` shows
//! - [`health`]: alive, and able to store

pub mod access;
pub mod exports;
pub mod health;
pub mod hooks;
pub mod page;
pub mod problem;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use problem::Problem;

/// All routes.
pub fn routes(config: &mut web::ServiceConfig) {
    let get = || {
        web::route()
            .guard(actix_web::guard::Any(actix_web::guard::Get()).or(actix_web::guard::Head()))
    };
    let only_get = || web::to(|| async { Problem::Method { allow: "GET, HEAD" }.respond() });
    config
        .service(
            web::resource("/hooks/{source}")
                .route(web::post().to(hooks::deliver))
                .default_service(web::to(|| async {
                    Problem::Method { allow: "POST" }.respond()
                })),
        )
        .service(
            web::resource("/")
                .route(get().to(page::page))
                .default_service(only_get()),
        )
        .service(
            web::resource("/api/exports")
                .route(get().to(exports::list))
                .default_service(only_get()),
        )
        .service(
            web::resource("/exports/{path:.*}")
                .route(get().to(exports::download))
                .default_service(only_get()),
        )
        .service(
            web::resource("/healthz")
                .route(get().to(health::alive))
                .default_service(only_get()),
        )
        .service(
            web::resource("/readyz")
                .route(get().to(health::ready))
                .default_service(only_get()),
        )
        .default_service(web::to(|request: HttpRequest| async move {
            no_such_path(&request)
        }));
}

fn no_such_path(request: &HttpRequest) -> HttpResponse {
    Problem::NoSuchPath {
        path: request.path().chars().take(200).collect(),
    }
    .respond()
}

/// What every answer carries: a URL may hold a token, and must not travel on; what is sent is what it says it is.
#[must_use]
pub fn common_headers() -> actix_web::middleware::DefaultHeaders {
    actix_web::middleware::DefaultHeaders::new()
        .add((header::REFERRER_POLICY, "no-referrer"))
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

/// The decoded query of a request.
fn query_of(request: &HttpRequest) -> Vec<(String, String)> {
    let decode = |raw: &str| {
        let spaced = raw.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pairs = request
        .query_string()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
