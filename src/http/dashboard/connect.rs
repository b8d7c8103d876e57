//! `/connect`: how a sender is connected, with all that is to be filled in
//! there; test events; the links by which spreadsheets read.
//!
//! Promises: no secret stands in the page but the address of a link that was
//! just made, once, and never in an address bar.

use super::form::Fields;
use super::{Frame, Page, is_person, page, reader, see, test_event, words};
use crate::config::{Auth, Source};
use crate::engine::Engine;
use crate::event::{Day, Id, Preset, SourceName, TEST_KEY, Timestamp};
use crate::http::aside::aside;
use crate::http::direct::Hooks;
use crate::http::documented::{self, Answers, go_on, query, refused_or, text};
use crate::http::kinds;
use crate::http::listing::{self, Listed};
use crate::http::problem::Problem;
use crate::http::{address, cookies, query_of};
use crate::links::{Expires, Link, LinkError};
use crate::read::Ask;
use crate::sessions::Session;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

#[derive(Template)]
#[template(path = "connect.html", config = "src/http/dashboard/askama.toml")]
struct ConnectPage {
    frame: Frame,
    zone: Tz,
    now: Timestamp,
    /// Whether the configuration says by which address senders reach it.
    public: bool,
    sources: Vec<OfSource>,
    today: Day,
    views: BTreeMap<SourceName, Vec<String>>,
    links: Result<Vec<Link>, LinkError>,
    form: Fields,
    said: Said,
}

struct OfSource {
    name: SourceName,
    preset: Preset,
    callback_url: String,
    /// Where the Authorization values are that it asks for; none: it asks for none.
    secrets: Vec<String>,
    /// When the first of its rows came that is no test.
    first: Option<Timestamp>,
    /// How many of its rows of today are tests.
    tests: u64,
    /// Whether test events become rows.
    test_rows: bool,
    /// Bodies that came today and could not become rows.
    refused: u64,
    /// Deliveries that were turned away today.
    unauthorized: u64,
}

/// What became of what was asked for.
enum Said {
    Nothing,
    Made {
        address: String,
    },
    /// Its address was told already.
    Told {
        id: String,
    },
    Revoked {
        id: String,
    },
    /// A test event was delivered to `source`; it may have been there before.
    Tested {
        source: SourceName,
        id: Id,
        stored: bool,
    },
    /// A test event could not be delivered to `source`.
    NotTested {
        source: SourceName,
        why: String,
    },
    No {
        why: String,
    },
}

impl Said {
    /// The test event that was delivered to `source`, and whether it was stored now.
    fn tested(&self, source: impl Borrow<SourceName>) -> Option<(Id, bool)> {
        match self {
            Self::Tested {
                source: tested,
                id,
                stored,
            } if tested == source.borrow() => Some((*id, *stored)),
            _ => None,
        }
    }

    /// Why none was delivered to `source`.
    fn not_tested(&self, source: impl Borrow<SourceName>) -> Option<&str> {
        match self {
            Self::NotTested {
                source: tested,
                why,
            } if tested == source.borrow() => Some(why),
            _ => None,
        }
    }
}

/// How long a link may last, as the form offers it.
const LASTS: [(&str, &str); 4] = [
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "a year"),
    ("never", "until it is revoked"),
];
const DAYS: [(&str, &str); 5] = [
    ("latest", "the newest with rows"),
    ("today", "today"),
    ("yesterday", "yesterday"),
    ("-7d", "the last 7 days"),
    ("-30d", "the last 30 days"),
];
const FORMATS: [(&str, &str); 4] = [
    ("csv", "CSV"),
    ("csv.gz", "CSV, gzipped"),
    ("xlsx", "Excel"),
    ("jsonl", "JSON Lines"),
];

impl OfSource {
    fn gather(source: &Source, listed: &[Listed], base: &str, engine: &Engine) -> Self {
        let name = &source.name;
        let of_this = listed.iter().filter(|listed| listed.source == *name);
        let first = of_this
            .clone()
            .filter_map(|listed| Some(listed.summary.figures.deliveries()?.first));
        let today = engine.today();
        let tests = of_this
            .filter(|listed| listed.day == today)
            .map(|listed| listed.summary.figures.tests.rows);
        let secrets = match &source.auth {
            Auth::None { .. } => Vec::new(),
            Auth::Authorization(secrets) => {
                secrets.iter().map(|s| s.origin().to_string()).collect()
            }
        };
        let settings = &engine.live().settings;
        let midnight = Timestamp::start_of(today, settings.timezone);
        let counts = engine.tally.of(name, midnight);
        Self {
            name: name.clone(),
            preset: source.preset,
            callback_url: format!("{base}/hooks/{name}"),
            secrets,
            first: first.min(),
            tests: tests.sum(),
            test_rows: engine.live().rules(name).take_tests(),
            refused: counts.refused,
            unauthorized: counts.unauthorized,
        }
    }

    fn is_lessonly(&self) -> bool {
        self.preset == Preset::Lessonly
    }

    fn secrets(&self) -> String {
        self.secrets.join(" or ")
    }

    /// A delivery from a shell. It asks for the value, so that it can be copied as it is.
    fn curl(&self, now: impl Borrow<Timestamp>) -> String {
        let url = &self.callback_url;
        let body = test_event::payload(self.preset, "a shell", &test_event::mark(*now.borrow()));
        if self.secrets.is_empty() {
            format!("curl -d '{body}' '{url}'")
        } else {
            format!(
                "printf 'Authorization value: '; read -r VALUE; curl -H \"Authorization: $VALUE\" -d '{body}' '{url}'"
            )
        }
    }
}

impl ConnectPage {
    fn ago(&self, at: impl Borrow<Timestamp>) -> String {
        words::ago(*at.borrow(), self.now)
    }

    fn moment(&self, at: impl Borrow<Timestamp>) -> String {
        words::moment(*at.borrow(), self.zone)
    }

    /// What tells the test event that the page's button sends from others.
    fn mark(&self) -> String {
        test_event::mark(self.now)
    }

    /// When it ends, or ended.
    fn end(&self, link: &Link) -> String {
        let at = link.revoked_at.or(link.expires_at);
        at.map_or_else(|| "never".to_owned(), |at| words::moment(at, self.zone))
    }

    fn state(&self, link: &Link) -> &'static str {
        link.state(self.now)
    }

    fn list(name: &str) -> &'static [(&'static str, &'static str)] {
        match name {
            "day" => &DAYS,
            "format" => &FORMATS,
            _ => &LASTS,
        }
    }

    /// What marks the chosen option of a list, or the usual one.
    fn chosen(&self, name: &str, value: &str, usual: &str) -> &'static str {
        if self.form.get_or(name, usual) == value {
            " selected"
        } else {
            ""
        }
    }
}

/// What the address says that was done.
struct Done;

impl IntoParams for Done {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tested = "A test event was delivered to this source; with `id` and `was`. This and the others are where the forms lead.";
        vec![
            query("tested", tested, documented::source()),
            query("id", "The id of the test event.", documented::id()),
            query(
                "was",
                "What became of the test event.",
                documented::one_of(["stored", "duplicate"]),
            ),
            query(
                "made",
                "The link with this id was made. Its address is told once.",
                text(),
            ),
            query("revoked", "The link with this id was revoked.", text()),
        ]
    }
}

/// `GET /connect`
#[utoipa::path(
    get,
    path = "/connect",
    tag = "pages",
    operation_id = "connectPage",
    summary = "What to fill in at the sender, and links for spreadsheets",
    params(Done),
    responses(Page)
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let session = match reader(&request, &engine).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let query = Fields::new(query_of(&request));
    let said = said(&request, &engine, session.as_ref(), &query);
    let form = Fields::default();
    connect(
        &request,
        &engine,
        session.as_ref(),
        StatusCode::OK,
        form,
        said,
    )
    .await
}

/// What the address says that was done.
fn said(request: &HttpRequest, engine: &Engine, session: Option<&Session>, query: &Fields) -> Said {
    let listed = |id: &str| {
        let links = engine.links.all().unwrap_or_default();
        links.into_iter().find(|link| link.id == id)
    };
    let tested = SourceName::new(query.get("tested"));
    if let (Ok(source), Some(id)) = (tested, Id::from_hex(query.get("id").as_bytes())) {
        return Said::Tested {
            source,
            id,
            stored: query.get("was") != "duplicate",
        };
    }
    let (made, revoked) = (query.get("made"), query.get("revoked"));
    if let Some(Link { id, .. }) = listed(made) {
        let told = session.filter(|_| *request.method() == Method::GET);
        let told = told.and_then(|session| engine.sessions.told(&session.id, &id));
        return told.map_or(Said::Told { id }, |address| Said::Made { address });
    }
    match listed(revoked) {
        Some(Link {
            id,
            revoked_at: Some(_),
            ..
        }) => Said::Revoked { id },
        _ => Said::Nothing,
    }
}

async fn connect(
    request: &HttpRequest,
    engine: &web::Data<Engine>,
    session: Option<&Session>,
    status: StatusCode,
    form: Fields,
    said: Said,
) -> HttpResponse {
    let Ok(listed) = listing::days(engine).await else {
        return Problem::Internal.respond();
    };
    let base = address::base(request, engine);
    let live = engine.live();
    let sources = live.settings.sources.values();
    let newest_first = |mut links: Vec<Link>| {
        links.reverse();
        links
    };
    let shown = ConnectPage {
        frame: Frame::of(engine, session, "connect"),
        zone: live.settings.timezone,
        now: Timestamp::now(),
        today: engine.today(),
        public: live.settings.public_url.is_some(),
        sources: sources
            .map(|source| OfSource::gather(source, &listed, &base, engine))
            .collect(),
        views: views(engine),
        links: engine.links.all().map(newest_first),
        form,
        said,
    };
    page(status, &shown)
}

/// The views that sources have, by source; those that have none are not there.
fn views(engine: &Engine) -> BTreeMap<SourceName, Vec<String>> {
    let live = engine.live();
    let of_sources = live.settings.sources.iter();
    of_sources
        .map(|(name, source)| (name.clone(), source.views.keys().cloned().collect()))
        .filter(|(_, views): &(SourceName, Vec<String>)| !views.is_empty())
        .collect()
}

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
        let mut answers = refused_or(
            &[kinds::READ_TOKEN, kinds::FORM, kinds::INTERNAL],
            &[400, 404, 413, 500, 503],
            &[400, 413, 415],
        );
        let done = go_on(
            "It is done, which the next page tells; or people have to log in.",
            None,
        );
        answers.insert("303".to_owned(), done.into());
        answers
    }
}

/// `POST /connect`: makes a link, revokes one, or delivers a test event. What follows is another page, so that to load it again repeats nothing.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_the_form_can_be_made() {
        let lasts = LASTS.iter().filter(|(value, _)| *value != "never");
        for (value, _) in lasts {
            assert!(value.parse::<Expires>().is_ok(), "{value}");
        }
    }
}
