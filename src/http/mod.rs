//! HTTP: the only place that knows requests and responses.
//!
//! - [`routes()`]: who answers what
//! - [`problem`]: every refusal there is, its status and its words; `kinds`: the table of them
//! - [`plain`]: deliveries on their shortest way, before the HTTP server; [`direct`]: on the short way behind it; all else goes through the routes
//! - [`hooks`]: `POST /hooks/{source}`
//! - [`access`]: who may read
//! - [`exports`]: downloads; `conditions`: which version, how much of it; `sending`: its bytes; `turns`: who goes on; `aside`: the threads that make them
//! - [`listing`]: what can be downloaded
//! - [`overview`]: how it goes, as JSON; `refused`: refused bodies, as JSON and as they came
//! - [`dashboard`]: the pages; `cookies`: the sessions of those who look at them
//! - `address`: where this server is, as whoever asks reaches it
//! - [`client`]: who asks, behind proxies too
//! - [`attempts`]: wrong secrets, counted and slowed
//! - [`progress`]: how far a connection is; [`outgoing`]: what it sends of a file
//! - [`rows`]: rows for who looks at them; [`live`]: those that come meanwhile
//! - [`health`]: alive, and able to store
//! - [`openapi`]: all of this described for programs; `documented`: what that is put together from; `downloads`: theirs

pub mod access;
mod address;
mod aside;
pub mod attempts;
pub mod client;
mod conditions;
mod cookies;
pub mod dashboard;
pub mod direct;
mod documented;
mod downloads;
pub mod exports;
pub mod health;
pub mod hooks;
mod kinds;
pub mod listing;
pub mod live;
pub mod openapi;
pub mod outgoing;
pub mod overview;
pub mod plain;
pub mod problem;
pub mod progress;
mod refused;
mod routes;
pub mod rows;
mod sending;
mod turns;

pub use routes::routes;

use actix_http::RequestHead;
use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::DefaultHeaders;
use actix_web::{Error, HttpRequest};
use problem::Problem;
use std::future::Future;

/// Refuses what the HTTP server takes without a length, whatever length it says: its body would have no end, and would take in
/// whatever follows.
///
/// # Errors
/// When `service` fails.
pub fn refuse_endless<S>(
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<BoxBody>, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let answer = if is_endless(request.head()) {
        Err(request)
    } else {
        Ok(service.call(request))
    };
    async move {
        match answer {
            Ok(answer) => answer.await,
            Err(request) => Ok(request.into_response(Problem::BadRequest.respond())),
        }
    }
}

fn is_endless(head: &RequestHead) -> bool {
    let mut upgrades = head.headers.get_all(header::UPGRADE);
    head.method == Method::CONNECT
        || upgrades.any(|value| {
            value
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"websocket")
        })
}

/// What every answer carries. A URL may hold a token, and must not travel on; what is sent is what it says it is.
pub(crate) fn common_headers() -> [(header::HeaderName, &'static str); 2] {
    [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

/// What every answer carries that may be shown to a person, besides: it is no part of another page, and loads nothing. The
/// page alone says what else it needs.
pub(crate) fn shown_headers() -> impl Iterator<Item = (header::HeaderName, &'static str)> {
    let shown = [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, NOTHING_LOADS),
    ];
    common_headers().into_iter().chain(shown)
}

const NOTHING_LOADS: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Puts these headers on every answer that does not have them.
#[must_use]
pub fn default_headers() -> DefaultHeaders {
    shown_headers().fold(DefaultHeaders::new(), DefaultHeaders::add)
}

/// How this server is reached, where nothing else says it.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    /// Where it listens.
    pub addr: std::net::SocketAddr,
    /// Whether by TLS.
    pub secure: bool,
}

/// The decoded query of a request.
fn query_of(request: &HttpRequest) -> Vec<(String, String)> {
    pairs(request.query_string())
}

/// The decoded pairs of a query, or of a form that is written like one.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |raw: &str| {
        let spaced = raw.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
