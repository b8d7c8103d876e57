//! Logging in with the read token, and out again.

use super::form::REFUSED;
use super::{Frame, begin, page, see};
use crate::engine::Engine;
use crate::http::aside::aside;
use crate::http::attempts::Attempts;
use crate::http::documented::{self, Answers, go_on, query as asked, refused, refused_or};
use crate::http::kinds;
use crate::http::problem::Problem;
use crate::http::{access, cookies, query_of};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, IntoResponses, ToSchema};

#[derive(Template)]
#[template(path = "login.html", config = "src/http/dashboard/askama.toml")]
struct LoginPage {
    frame: Frame,
    wrong: bool,
    to: String,
    /// Where the token is, as far as that may be told to whoever asks.
    made: bool,
}

/// What somebody gets whose session ended while a form was open: what stands in it is not to be lost.
#[derive(Template)]
#[template(path = "over.html", config = "src/http/dashboard/askama.toml")]
struct OverPage {
    frame: Frame,
}

/// The page that says how to go on with a form whose session is over.
pub(super) fn over(engine: &Engine) -> HttpResponse {
    let frame = Frame::of(engine, None, "login");
    page(StatusCode::UNAUTHORIZED, &OverPage { frame })
}

/// What the form sends.
#[derive(Deserialize, ToSchema)]
pub struct Login {
    /// The read token.
    token: String,
    /// The page that is gone on to, as `days`; without it the overview.
    #[serde(default)]
    to: String,
}

/// A form that only proves that it is ours.
#[derive(Deserialize, ToSchema)]
pub struct Proof {
    /// What stands in the pages of the session.
    #[serde(default)]
    proof: String,
}

/// What the page is told.
struct Asked;

impl IntoParams for Asked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            asked(
                "to",
                "The page that is gone on to, as `days`.",
                documented::text(),
            ),
            asked(
                "wrong",
                "It says that a token was wrong, where this is there.",
                documented::text(),
            ),
        ]
    }
}

/// What the page is answered.
struct Shown;

impl IntoResponses for Shown {
    fn responses() -> Answers {
        let mut answers = refused(&[kinds::INTERNAL]);
        answers.insert("200".to_owned(), documented::page("The page.").into());
        answers
    }
}

/// What a login is answered.
struct Entered;

impl IntoResponses for Entered {
    fn responses() -> Answers {
        let own = [kinds::FORM, kinds::ATTEMPTS, kinds::INTERNAL];
        let mut answers = refused_or(&[&own[..], &REFUSED].concat(), &[403]);
        let done = go_on("The page that is gone on to.", Some("The session."));
        answers.insert("303".to_owned(), done.into());
        answers
    }
}

/// What a logout is answered.
struct Left;

impl IntoResponses for Left {
    fn responses() -> Answers {
        let own = [kinds::FORM, kinds::INTERNAL];
        let mut answers = refused(&[&own[..], &REFUSED].concat());
        let done = go_on(
            "The page where people log in, also where there was no session.",
            Some("The session is taken away."),
        );
        answers.insert("303".to_owned(), done.into());
        answers
    }
}

/// `GET /login`: open to all.
#[utoipa::path(
    get,
    path = "/login",
    tag = "pages",
    operation_id = "loginPage",
    summary = "Where people log in",
    params(Asked),
    responses(Shown),
    security(()),
)]
pub async fn form(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let query = query_of(&request);
    let given = |wanted: &str| query.iter().find(|(name, _)| name == wanted);
    let to = given("to").map_or_else(String::new, |(_, to)| to.clone());
    show(&engine, StatusCode::OK, given("wrong").is_some(), to)
}

fn show(engine: &Engine, status: StatusCode, wrong: bool, to: String) -> HttpResponse {
    let login = LoginPage {
        frame: Frame::of(engine, None, "login"),
        wrong,
        to,
        made: engine.live().settings.read_token.is_none(),
    };
    page(status, &login)
}

/// `POST /login`: a session always gets a name of its own, whatever the browser showed before.
#[utoipa::path(
    post,
    path = "/login",
    tag = "pages",
    operation_id = "login",
    summary = "Begin a session",
    request_body(content = inline(Login), content_type = "application/x-www-form-urlencoded"),
    responses(Entered),
    security(()),
)]
pub async fn enter(
    request: HttpRequest,
    engine: web::Data<Engine>,
    login: web::Form<Login>,
) -> HttpResponse {
    if let Err(problem) = cookies::from_here(&request) {
        return problem.respond();
    }
    let Login { token, to } = login.into_inner();
    let live = engine.live();
    // A token that was copied often has a line end behind it.
    if live.token.matches(token.as_bytes()) || live.token.matches(token.trim().as_bytes()) {
        let to = if is_page(&to) { to.as_str() } else { "./" };
        return begin(&request, &engine, to).await;
    }
    if let Some(attempts) = request.app_data::<Attempts>()
        && let Err(problem) = access::wrong_secret(request.head(), &live, attempts).await
    {
        return problem.respond();
    }
    show(&engine, StatusCode::FORBIDDEN, true, to)
}

/// Whether it is the name of a page of ours, and not an address elsewhere.
fn is_page(to: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    !to.is_empty() && to.bytes().all(plain) && to.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `POST /logout`
#[utoipa::path(
    post,
    path = "/logout",
    tag = "pages",
    operation_id = "logout",
    summary = "End the session",
    request_body(content = inline(Proof), content_type = "application/x-www-form-urlencoded"),
    responses(Left),
    security(("session" = [])),
)]
pub async fn leave(
    request: HttpRequest,
    engine: web::Data<Engine>,
    form: web::Form<Proof>,
) -> HttpResponse {
    match cookies::form_of(&request, &engine, &form.proof) {
        Ok(session) => {
            let writer = engine.clone();
            if aside(move || writer.sessions.end(&session.id))
                .await
                .is_err()
            {
                return Problem::Internal.respond();
            }
            see("login")
                .cookie(cookies::removing(&request, &engine))
                .finish()
        }
        // It is over already.
        Err(Problem::ReadUnauthorized) => see("login").finish(),
        Err(problem) => problem.respond(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_on_to() {
        for page in ["days", "rows/lessonly/2026-11-27"] {
            assert!(is_page(page), "{page}");
        }
        for other in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "\\\\evil",
            "..//evil",
            "a:b",
            "a\r\nb",
        ] {
            assert!(!is_page(other), "{other}");
        }
    }
}
