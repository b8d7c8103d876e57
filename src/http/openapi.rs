//! `/openapi.json`: all paths there are, described for programs as version 3.1
//! of that standard has it.
//!
//! Promises: what is described is the types that are sent and the kinds of
//! refusals that there are; a test holds it against the routes and against
//! what is answered.

use super::dashboard::rows as table;
use super::dashboard::{
    assets, change, connect, days, login, mend, overview as home, refused as mends,
};
use super::documented::{self, refusal};
use super::problem::{Problem, Told};
use super::{
    access, cookies, downloads, health, hooks, kinds, listing, live, overview, refused as bodies,
    rows,
};
use crate::engine::Engine;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use std::sync::OnceLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Ref};
use utoipa::{OpenApi, Path};

/// All that is made of types. What follows from it, and what only a server knows, is put in by [`document`].
#[derive(OpenApi)]
#[openapi(
    info(
        title = "rowhook",
        description = "Receives JSON webhooks, and makes a row of each event in a CSV file per day.\n\n\
                       Every GET is there as HEAD too. Another method than those that are named is answered 405. What is \
                       refused is told as `application/problem+json` (RFC 9457).",
        license(name = "MIT or Apache 2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = ".", description = "Where this document is.")),
    security(("bearer" = []), ("basic" = []), ("session" = [])),
    tags(
        (name = "deliveries", description = "Where senders deliver."),
        (name = "downloads", description = "Tables as files."),
        (name = "data", description = "What the pages show, for programs; and this document."),
        (name = "health", description = "Open to all; details for those who show the read token in a header."),
        (name = "pages", description = "For people, who log in with the read token."),
    ),
    components(schemas(Told, live::Came)),
    paths(
        hooks::deliver,
        listing::list,
        overview::show,
        rows::list,
        live::show,
        rows::single,
        bodies::list,
        bodies::body,
        health::alive,
        health::ready,
        show,
        home::show,
        days::show,
        table::show,
        table::one,
        connect::show,
        change::change,
        mends::show,
        mend::post,
        login::form,
        login::enter,
        login::leave,
        assets::asset,
    ),
)]
struct Described;

/// The name of the refusals that any request may hear, whatever it asks for.
const ANY: &str = "any";

/// The document of a server whose sessions are in the cookie `cookie`.
fn document(cookie: &str) -> utoipa::openapi::OpenApi {
    let mut document = Described::openapi();
    add::<downloads::OfDay>(&mut document);
    add::<downloads::OfRange>(&mut document);
    add::<downloads::OfPart>(&mut document);
    let components = document.components.get_or_insert_with(Components::new);
    for kind in kinds::ALL {
        let response = refusal(kind.status, &[*kind], false);
        components
            .responses
            .insert(kind.name.to_owned(), response.into());
    }
    components.responses.insert(ANY.to_owned(), any().into());
    for (name, scheme) in schemes(cookie) {
        components.add_security_scheme(name, scheme);
    }
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            let any = Ref::from_response_name(ANY);
            operation
                .responses
                .responses
                .insert("default".to_owned(), any.into());
        }
    }
    document
}

/// Puts in one of the downloads, all of which have one handler.
fn add<P: Path>(document: &mut utoipa::openapi::OpenApi) {
    let mut operation: Operation = P::operation();
    operation.tags = Some(vec!["downloads".to_owned()]);
    document
        .paths
        .add_path_operation(P::path(), P::methods(), operation);
}

/// What a connection hears before anybody looks at what it asks for.
fn any() -> utoipa::openapi::Response {
    let of = [
        kinds::BAD_REQUEST,
        kinds::NOT_TLS,
        kinds::METHOD,
        kinds::HEAD_TOO_SLOW,
        kinds::HEAD_TOO_LARGE,
        kinds::CONNECTIONS,
    ];
    let mut any = refusal(0, &of, false);
    let listed = of.map(|kind| format!("{} `{}`: {}.", kind.status, kind.name, kind.title));
    any.description = format!("What any request may hear:\n\n{}", listed.join("\n\n"));
    any
}

fn schemes(cookie: &str) -> [(&'static str, SecurityScheme); 6] {
    let http = |scheme, what: &str| {
        let mut http = Http::new(scheme);
        http.description = Some(what.to_owned());
        SecurityScheme::Http(http)
    };
    let key = |name: &str, what: &str| ApiKeyValue::with_description(name, what);
    [
        ("bearer", http(HttpAuthScheme::Bearer, "The read token.")),
        (
            "basic",
            http(
                HttpAuthScheme::Basic,
                "The read token as the password of any user name.",
            ),
        ),
        (
            "token",
            SecurityScheme::ApiKey(ApiKey::Query(key(
                "token",
                "The read token, for programs that can only hold an address.",
            ))),
        ),
        (
            "link",
            SecurityScheme::ApiKey(ApiKey::Query(key(
                "link",
                "What signs an address that `rowhook link` or the page at `/connect` made. It opens this one download, with the \
                 parameters that it was made with.",
            ))),
        ),
        (
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(key(
                cookie,
                "What a browser gets that logged in. Another server has another name for it. Forms carry the proof besides that \
                 stands in the pages.",
            ))),
        ),
        (
            "delivery",
            SecurityScheme::ApiKey(ApiKey::Header(key(
                "Authorization",
                "The value that the configuration of the source names, byte for byte; a source may ask for none.",
            ))),
        ),
    ]
}

/// Made once; nothing where it could not be.
static DOCUMENT: OnceLock<Option<String>> = OnceLock::new();

/// `GET /openapi.json`
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "data",
    operation_id = "openapi",
    summary = "This document",
    responses(
        (status = 200, description = "What you read.", body = Object, content_type = "application/json"),
        documented::Reading,
    ),
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    if let Err(problem) = access::check(&request, &engine, false).await {
        return problem.respond();
    }
    let made = DOCUMENT.get_or_init(|| document(&cookies::name(&engine)).to_json().ok());
    let Some(json) = made else {
        return Problem::Internal.respond();
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("application/json")
        .body(json.as_str())
}
