//! All routes, in one list: who answers what.

use super::dashboard::form::reading;
use super::dashboard::rows as table;
use super::dashboard::{
    assets, change, connect, days, login, mend, overview as home, refused as mends,
};
use super::problem::Problem;
use super::{exports, health, listing, live, openapi, overview, refused, rows};
use actix_web::dev::{Handler, HttpServiceFactory};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Resource, Responder, Route, guard, web};

/// Puts all of them in.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(reading())
        // Posts are taken before they come here.
        .service(web::resource("/hooks/{source}").default_service(other("POST")))
        .service(read("/exports/{path:.*}", exports::download))
        .service(read("/api/exports", listing::list))
        .service(read("/api/overview", overview::show))
        .service(read("/api/rows", rows::list))
        .service(read("/api/rows/live", live::show))
        .service(read("/api/row", rows::single))
        .service(read("/api/refused", refused::list))
        .service(read("/api/refused/body", refused::body))
        .service(read("/healthz", health::alive))
        .service(read("/readyz", health::ready))
        .service(read("/openapi.json", openapi::show))
        .service(read("/", home::show))
        .service(read("/days", days::show))
        .service(read("/rows", table::show))
        .service(read("/row", table::one))
        .service(form("/connect", connect::show, change::change))
        .service(form("/refused", mends::show, mend::post))
        .service(form("/login", login::form, login::enter))
        .service(
            web::resource("/logout")
                .route(web::post().to(login::leave))
                .default_service(other("POST")),
        )
        .service(read("/assets/{version}/{name}", assets::asset))
        .default_service(web::to(|request: HttpRequest| async move {
            no_such_path(&request)
        }));
}

/// What is read and nothing else.
fn read<F, Args>(path: &str, show: F) -> impl HttpServiceFactory + use<F, Args>
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    seen(path, show).default_service(other("GET, HEAD"))
}

/// A page with forms.
fn form<F, A, G, B>(path: &str, show: F, change: G) -> impl HttpServiceFactory + use<F, A, G, B>
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
    G: Handler<B>,
    B: FromRequest + 'static,
    G::Output: Responder + 'static,
{
    seen(path, show)
        .route(web::post().to(change))
        .default_service(other("GET, HEAD, POST"))
}

fn seen<F, Args>(path: &str, show: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let get = guard::Any(guard::Get()).or(guard::Head());
    web::resource(path).route(web::route().guard(get).to(show))
}

/// Where another method is asked for.
fn other(allow: &'static str) -> Route {
    web::to(move || async move { Problem::Method { allow }.respond() })
}

fn no_such_path(request: &HttpRequest) -> HttpResponse {
    Problem::NoSuchPath {
        path: request.path().chars().take(200).collect(),
    }
    .respond()
}
