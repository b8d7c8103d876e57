//! The short way: a delivery goes from the HTTP server to its handler, past the
//! application's routing, which costs more than the handler itself. All else
//! takes the long way.

use super::attempts::Attempts;
use super::hooks;
use super::progress::{self, Tracked};
use super::{common_headers, is_endless, shown_headers};
use crate::engine::Local;
use crate::receive::Desk;
use actix_http::{Request, Response};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{Error, HttpResponse};
use std::future::Future;

/// What the deliveries of one thread need.
#[derive(Clone)]
pub struct Hooks {
    /// What runs.
    pub engine: Local,
    /// Where wrong secrets are counted.
    pub attempts: Attempts,
    /// Where they wait for the journal.
    pub desk: Desk,
}

/// Answers `request`, by `app` if it is no delivery.
///
/// # Errors
/// When `app` fails.
pub fn answer<S>(
    request: Request,
    app: &S,
    hooks: &Hooks,
) -> impl Future<Output = Result<Response<Tracked>, Error>> + use<S>
where
    S: Service<Request, Response = ServiceResponse<Tracked>, Error = Error>,
{
    let way = if is_delivery(&request) {
        // In a box, because connections that wait for a request keep room for what is here.
        Ok(Box::pin(deliver(request, hooks.clone())))
    } else {
        Err(app.call(request))
    };
    async move {
        match way {
            Ok(delivery) => Ok(delivery.await),
            Err(answer) => Ok(answer.await?.into()),
        }
    }
}

fn is_delivery(request: &Request) -> bool {
    let source = request.path().strip_prefix(hooks::PATH);
    *request.method() == Method::POST
        && source.is_some_and(|source| !source.is_empty() && !source.contains('/'))
        && !is_endless(request.head())
}

async fn deliver(mut request: Request, hooks: Hooks) -> Response<Tracked> {
    let body = request.take_payload();
    let (answering, body) = progress::begin(request.conn_data(), request.head(), body);
    let delivered = hooks::deliver(request.head(), body, &hooks).await;
    let answer = match delivered {
        Ok(stored) => with_headers(stored, common_headers()),
        Err(problem) => with_headers(problem.respond(), shown_headers()),
    };
    progress::end(answer.into(), answering)
}

fn with_headers(
    mut answer: HttpResponse,
    headers: impl IntoIterator<Item = (HeaderName, &'static str)>,
) -> HttpResponse {
    let all = answer.headers_mut();
    for (name, value) in headers {
        all.insert(name, HeaderValue::from_static(value));
    }
    answer
}
