//! What the forms of `/connect` do: make a link, revoke one, deliver a test
//! event. Each leads to a page that tells, so that to load it again repeats nothing.

use super::connect::{FORMATS, Said, connect};
use super::form::{Fields, REFUSED};
use super::{is_person, see, test_event};
use crate::engine::Engine;
use crate::event::{SourceName, Timestamp};
use crate::http::aside::aside;
use crate::http::direct::Hooks;
use crate::http::documented::{self, Answers, go_on, refused_or, text};
use crate::http::problem::Problem;
use crate::http::{address, cookies, kinds};
use crate::links::{Expires, Link, LinkError};
use crate::read::Ask;
use crate::sessions::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// The fields of its forms, as the description of the interface has them.
struct Change;

impl PartialSchema for Change {
    fn schema() -> RefOr<Schema> {
        let options = |list: &'static [(&str, &str)]| {
            documented::one_of(list.iter().map(|(value, _)| *value))
        };
        documented::form(
            [
                ("proof", "What stands in the pages of the session.", text()),
                (
                    "test",
                    "The source that a test event is delivered to; with `mark`.",
                    text(),
                ),
                ("mark", "What tells the test event from others.", text()),
                (
                    "revoke",
                    "The id of the link that is to open nothing any more.",
                    text(),
                ),
                (
                    "source",
                    "Where neither is there: of which source a link is made.",
                    text(),
                ),
                (
                    "day",
                    "Its day, or `-7d` and the like for all days since then; the form offers some.",
                    text(),
                ),
                ("from", "Its first day, instead of `day`.", text()),
                ("to", "Its last day.", text()),
                ("format", "As what; without it CSV.", options(&FORMATS)),
                (
                    "profile",
                    "As the parameter of a download; this and what follows may be empty.",
                    text(),
                ),
                ("delimiter", "As the parameter of a download.", text()),
                ("decimal", "As the parameter of a download.", text()),
                ("columns", "As the parameter of a download.", text()),
                ("view", "As the parameter of a download.", text()),
                (
                    "expires",
                    "How long it opens, as `90d`; without it until it is revoked.",
                    text(),
                ),
            ],
            &["proof"],
        )
    }
}

impl ToSchema for Change {}

/// What its forms are answered.
struct Changed;

impl IntoResponses for Changed {
    fn responses() -> Answers {
        let own = [kinds::READ_TOKEN, kinds::FORM, kinds::INTERNAL];
        let mut answers = refused_or(&[&own[..], &REFUSED].concat(), &[400, 404, 413, 500, 503]);
        let done = go_on(
            "It is done, which the next page tells; or people have to log in.",
            None,
        );
        answers.insert("303".to_owned(), done.into());
        answers
    }
}

/// `POST /connect`
#[utoipa::path(
    post,
    path = "/connect",
    tag = "pages",
    operation_id = "change",
    summary = "Make a link, revoke one, or send a test event",
    request_body(content = inline(Change), content_type = "application/x-www-form-urlencoded"),
    responses(Changed),
    security(("session" = [])),
)]
pub async fn change(
    request: HttpRequest,
    engine: web::Data<Engine>,
    form: web::Form<Vec<(String, String)>>,
) -> HttpResponse {
    let form = Fields::new(form.into_inner());
    let session = match cookies::form_of(&request, &engine, form.get("proof")) {
        Ok(session) => session,
        Err(Problem::ReadUnauthorized) if is_person(&request) => {
            return see("login?to=connect").finish();
        }
        Err(problem) => return problem.respond(),
    };
    let done = match (form.get("test"), form.get("revoke")) {
        ("", "") => make(&request, &engine, &session, &form).await,
        ("", id) => revoke(&engine, id.to_owned()).await,
        (source, _) => match send_test(&request, &engine, source, form.get("mark")).await {
            Ok(to) => Ok(to),
            Err(problem) => {
                let (status, why) = problem.for_person();
                let said = match SourceName::new(source) {
                    Ok(source) => Said::NotTested { source, why },
                    Err(_) => Said::No { why },
                };
                let form = Fields::default();
                return connect(&request, &engine, Some(&session), status, form, said).await;
            }
        },
    };
    match done {
        Ok(to) => see(&to).finish(),
        Err(No { status, why }) => {
            let said = Said::No { why };
            connect(&request, &engine, Some(&session), status, form, said).await
        }
    }
}

/// Why nothing was done.
struct No {
    status: StatusCode,
    why: String,
}

impl No {
    fn wish(why: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            why,
        }
    }

    fn failed(why: &impl ToString) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            why: why.to_string(),
        }
    }
}

/// Delivers a test event to `source`, and gives the page that says so.
async fn send_test(
    request: &HttpRequest,
    engine: &Engine,
    source: &str,
    mark: &str,
) -> Result<String, Problem> {
    let hooks = request.app_data::<Hooks>().ok_or(Problem::Internal)?;
    let live = engine.live();
    let found = live.settings.sources.get(source);
    let found = found.filter(|_| test_event::is_mark(mark));
    let source = found.ok_or_else(|| Problem::NoSuchSource {
        source: source.chars().take(100).collect(),
    })?;
    let (id, stored) = test_event::deliver(engine, hooks, source, mark).await?;
    let was = if stored { "stored" } else { "duplicate" };
    let name = &source.name;
    Ok(format!("connect?tested={name}&id={id}&was={was}#s-{name}"))
}

/// Makes the link that the form asks for, and gives the page that tells its address.
async fn make(
    request: &HttpRequest,
    engine: &web::Data<Engine>,
    session: &Session,
    form: &Fields,
) -> Result<String, No> {
    let (ask, end) = wish(engine, form).map_err(No::wish)?;
    let maker = engine.clone();
    let made = aside(move || maker.make_link(&ask.source, &ask.url(), end)).await;
    let link = made
        .map_err(|undone| No::failed(&undone))?
        .map_err(|error| {
            if error.is_wish() {
                No::wish(error.to_string())
            } else {
                No::failed(&error)
            }
        })?;
    let (_, shown) = link.rsplit_once("link=").unwrap_or_default();
    let id = shown.split('.').next().unwrap_or_default().to_owned();
    let address = address::base(request, engine) + &link;
    engine.sessions.tell_once(&session.id, &id, address);
    Ok(format!("connect?made={id}#links"))
}

/// What the form asks for, and until when.
fn wish(engine: &Engine, form: &Fields) -> Result<(Ask, Option<Timestamp>), String> {
    let ask = form.ask(engine)?;
    let end = match form.get_or("expires", "never") {
        "never" => None,
        text => {
            let zone = engine.live().settings.timezone;
            let expires: Expires = text
                .parse()
                .map_err(|why| format!("`expires` cannot be {text:?}; {why}"))?;
            Some(expires.at(Timestamp::now(), zone))
        }
    };
    Ok((ask, end))
}

/// Revokes the link `id`, and gives the page that says so.
async fn revoke(engine: &web::Data<Engine>, id: String) -> Result<String, No> {
    let engine = engine.clone();
    let revoked = aside(move || engine.links.revoke(&id, Timestamp::now())).await;
    match revoked.map_err(|undone| No::failed(&undone))? {
        Ok(Link { id, .. }) => Ok(format!("connect?revoked={id}#links")),
        Err(error @ LinkError::NoSuch { .. }) => Err(No::wish(error.to_string())),
        Err(error) => Err(No::failed(&error)),
    }
}
