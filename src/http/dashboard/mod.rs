//! The dashboard: pages for the person who looks after the webhook. Each can
//! be read without a script; what a script adds is shown when it is there.
//!
//! - [`overview`]: is it working, what came in, where is my file
//! - [`days`]: every day, and the link to any range of them
//! - [`rows`]: what came, row by row, while it comes
//! - [`connect`]: what a sender is told, and links for spreadsheets; [`change`]: what its forms do; `form`: what a form asks for; `test_event`
//! - [`login`]: the read token opens a session
//! - [`refused`]: refused bodies; [`mend`]: they corrected, delivered again or dismissed
//! - [`assets`]: style, scripts and the library of the charts, all within the binary
//!
//! Links between pages are relative: a proxy may have them under a path.

pub mod assets;
mod card;
pub mod change;
pub mod connect;
pub mod days;
pub(super) mod form;
pub mod login;
pub mod mend;
pub mod overview;
mod posted;
mod reasons;
pub mod refused;
pub mod rows;
mod shown;
mod test_event;
mod words;

use super::access::{self, Shown};
use super::aside::aside;
use super::documented::{self, Answers, Reading};
use super::problem::Problem;
use super::{cookies, query_of};
use crate::engine::Engine;
use crate::event::Timestamp;
use crate::sessions::Session;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use utoipa::IntoResponses;

/// Pages load their own style and scripts, ask this server alone, and run nothing that stands in them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What every page has around its content.
pub(super) struct Frame {
    /// Under which its style and scripts are found: another one with every build, so that a browser keeps them.
    version: &'static str,
    /// What its forms carry, where there is a session.
    proof: Option<String>,
    /// Which of the pages it is.
    here: &'static str,
}

impl Frame {
    fn of(engine: &Engine, session: Option<&Session>, here: &'static str) -> Self {
        Self {
            version: assets::version(),
            proof: session.map(|session| engine.sessions.form_proof(&session.id)),
            here,
        }
    }

    /// What tells a screen reader which page it is on.
    fn current(&self, page: &str) -> &'static str {
        if self.here == page {
            " aria-current=page"
        } else {
            ""
        }
    }
}

/// Lets in whoever may read; all others get the answer that sends them where they can.
async fn reader(
    request: &HttpRequest,
    engine: &web::Data<Engine>,
) -> Result<Option<Session>, HttpResponse> {
    // A token in the address is for `/` alone, where it goes from there at once.
    let at_root = request.path() == "/";
    match access::check(request, engine, at_root).await {
        Ok(Shown::Before(session)) => Ok(Some(session)),
        // The address bar forgets it. A program has none, and keeps no cookies.
        Ok(Shown::Query) if is_person(request) => Err(begin(request, engine, "./").await),
        Ok(Shown::Query | Shown::Header) => Ok(None),
        Err(Problem::ReadUnauthorized) if is_person(request) => {
            let wrong = query_of(request).iter().any(|(name, _)| name == "token");
            let page = request.path().trim_start_matches('/');
            // As seen from this page.
            let login = format!("{}login", "../".repeat(page.matches('/').count()));
            let to = match (page, wrong) {
                (_, true) => format!("{login}?wrong"),
                ("", false) => login,
                (page, false) => format!("{login}?to={page}"),
            };
            Err(see(&to).finish())
        }
        Err(problem) => Err(problem.respond()),
    }
}

/// What a page is answered, where it is not refused as `refusals` say.
fn page_or(mut refusals: Answers) -> Answers {
    let login = "Where people log in. A program hears 401 instead.";
    let answers = [
        ("200", documented::page("The page.")),
        ("303", documented::go_on(login, None)),
    ];
    let answers = answers.map(|(status, answer)| (status.to_owned(), answer.into()));
    refusals.extend(answers);
    refusals
}

/// What a page is answered of which nothing is asked that could be wrong.
struct Page;

impl IntoResponses for Page {
    fn responses() -> Answers {
        page_or(Reading::responses())
    }
}

/// A browser that shows what it gets, and not a program: a program is told with 401 what it lacks.
fn is_person(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(header::ACCEPT);
    let accepts = accepts.and_then(|value| value.to_str().ok());
    accepts.is_some_and(|value| value.contains("text/html"))
        && !request.headers().contains_key(header::AUTHORIZATION)
}

/// Begins a session of somebody who showed the token, and goes on to `to`.
async fn begin(request: &HttpRequest, engine: &web::Data<Engine>, to: &str) -> HttpResponse {
    if *request.method() == Method::HEAD {
        return see(to).finish();
    }
    let writer = engine.clone();
    // It waits for the disk.
    let begun = aside(move || {
        let token = &writer.live().token;
        writer.sessions.begin(token.expose(), Timestamp::now())
    });
    match begun.await {
        Ok(Ok(shown)) => see(to)
            .cookie(cookies::showing(request, engine, shown))
            .finish(),
        Ok(Err(_)) | Err(_) => Problem::Internal.respond(),
    }
}

/// Goes on to another page.
fn see(to: &str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response
        .insert_header((header::LOCATION, to))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

/// A page.
fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => HttpResponse::build(status)
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("text/html; charset=utf-8")
            .body(html),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Problem::Internal.respond()
        }
    }
}
