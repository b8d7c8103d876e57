//! Refused bodies, as JSON at `/api/refused` and each as it came at
//! `/api/refused/body`; and what the pages about them share with it.

use super::aside::aside;
use super::documented::{self, Answers, Reading, needed, query, refused};
use super::kinds;
use super::problem::Problem;
use super::{access, hooks, query_of};
use crate::engine::{Engine, Live};
use crate::event::{Id, SourceName, Timestamp};
use crate::receive::{Unusable, parse};
use crate::rejects::{Found, Page, Place, Show, Wanted, What};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::io;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, IntoResponses, ToSchema};

const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;

/// Refused bodies, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedBodies)]
struct Answer {
    /// How many wait for somebody, all sources together.
    waiting: u64,
    /// Whether there may be more than that.
    waiting_at_least: bool,
    /// The bodies that were asked for.
    items: Vec<Item>,
    /// What `before` is to be for those that follow; null where there are none.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}\\.[0-9]+$", required)]
    next: Option<Place>,
    /// Lines that are no body and were passed over.
    unreadable: u64,
}

/// A refused body, but for its text.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedBody)]
struct Item {
    /// By which it is known; the same body has the same.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    id: Id,
    /// Where it is kept: the day, and the bytes before its line.
    #[schema(value_type = String, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}\\.[0-9]+$")]
    at: Place,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// The source that it was meant for.
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    source: SourceName,
    /// Whether the configuration still has the source.
    configured: bool,
    /// The status that answered it.
    status: u16,
    /// Why, as it was answered.
    reason: String,
    /// The line of the fault by the rules of now, from 1; null where it has no place.
    #[schema(required, minimum = 1)]
    line: Option<usize>,
    /// In it the character, from 1.
    #[schema(required, minimum = 1)]
    column: Option<usize>,
    /// The Content-Type that it had.
    #[schema(required)]
    content_type: Option<String>,
    /// Its length.
    bytes: usize,
    /// Whether it is text in UTF-8.
    text: bool,
    /// What became of it.
    state: State,
    /// When it came to that; null while it waits.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    state_at: Option<Timestamp>,
    /// How many events it gave; null where it was not delivered again.
    #[schema(required)]
    events: Option<u64>,
    /// The ids of the first 16 of them.
    #[schema(value_type = Option<Vec<String>>, required)]
    event_ids: Option<Vec<Id>>,
    /// Where the body itself is.
    body: String,
}

/// What became of a refused body.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedState)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It waits for somebody.
    Waiting,
    /// It was delivered again.
    Delivered,
    /// Nobody wants it.
    Dismissed,
}

/// Which bodies.
struct BodiesAsked;

impl IntoParams for BodiesAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = format!("How many bodies at most; without it {LIMIT}.");
        let [source, state, before] = bodies_asked();
        vec![
            source,
            state,
            before,
            query("limit", &limit, documented::number(1..=LIMIT_MAX)),
        ]
    }
}

/// The parameters that name some of the bodies.
pub(super) fn bodies_asked() -> [Parameter; 3] {
    [
        query("source", "Of this source alone.", documented::source()),
        query(
            "state",
            "Those of which this became; without it all but dismissed ones.",
            documented::one_of(STATES.map(|(state, _)| state)),
        ),
        query(
            "before",
            "Only those older than the one at this place, as `next` of an answer says.",
            documented::body_place(),
        ),
    ]
}

/// Which body.
struct BodyAsked;

impl IntoParams for BodyAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            needed("id", "Its `id`.", documented::id()),
            needed("at", "Its `at`.", documented::body_place()),
        ]
    }
}

/// Why there may be no list.
pub(super) struct NoBodies;

impl IntoResponses for NoBodies {
    fn responses() -> Answers {
        let mut answers = Reading::responses();
        answers.extend(refused(&[kinds::PARAMETER]));
        answers
    }
}

/// Why there may be no such body.
struct NoBody;

impl IntoResponses for NoBody {
    fn responses() -> Answers {
        let mut answers = Reading::responses();
        answers.extend(refused(&[kinds::NO_SUCH_BODY]));
        answers
    }
}

/// `GET /api/refused`
#[utoipa::path(
    get,
    path = "/api/refused",
    tag = "data",
    operation_id = "listRefused",
    summary = "Refused bodies",
    description = "The newest first, with why each was refused and what became of it.",
    params(BodiesAsked),
    responses(
        (status = 200, description = "The bodies.", body = Answer),
        NoBodies,
    ),
)]
pub async fn list(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    if let Err(problem) = access::check(&request, &engine, false).await {
        return problem.respond();
    }
    let wanted = match wanted(&query_of(&request), LIMIT, LIMIT_MAX) {
        Ok(wanted) => wanted,
        Err(problem) => return problem.respond(),
    };
    let looked = {
        let engine = engine.clone();
        aside(move || {
            let live = engine.live();
            let page = engine.rejects.page(&wanted, |found| item(found, &live))?;
            Ok::<_, io::Error>((page, engine.rejects.waiting()?))
        })
    };
    let (page, waiting) = match looked.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return unreadable(&error).respond(),
        Err(_) => return Problem::Internal.respond(),
    };
    let Page {
        items,
        next,
        unreadable,
        ..
    } = page;
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Answer {
            waiting: waiting.all(),
            waiting_at_least: waiting.at_least,
            items,
            next,
            unreadable,
        })
}

fn item(found: Found, live: &Live) -> Item {
    let fault = Looked::at(&found, live).fault;
    let place = fault.and_then(|fault| fault.place());
    let Found {
        place: at,
        kept,
        note,
    } = found;
    let delivered = note.as_ref().and_then(|note| match &note.what {
        What::Delivered { events, ids } => Some((*events, ids.clone())),
        What::Dismissed => None,
    });
    Item {
        id: kept.id,
        at,
        received_at: kept.received_at,
        configured: live.settings.sources.contains_key(&kept.source),
        source: kept.source,
        status: kept.status,
        reason: kept.reason,
        line: place.map(|place| place.0),
        column: place.map(|place| place.1),
        content_type: kept.content_type,
        bytes: kept.body.len(),
        text: kept.is_text,
        state: match (&note, &delivered) {
            (None, _) => State::Waiting,
            (Some(_), Some(_)) => State::Delivered,
            (Some(_), None) => State::Dismissed,
        },
        state_at: note.map(|note| note.at),
        events: delivered.as_ref().map(|delivered| delivered.0),
        event_ids: delivered.map(|delivered| delivered.1),
        body: format!("/api/refused/body?id={}&at={at}", kept.id),
    }
}

/// `GET /api/refused/body`: as it came, to be kept and not shown.
#[utoipa::path(
    get,
    path = "/api/refused/body",
    tag = "data",
    operation_id = "refusedBody",
    summary = "A refused body as it came",
    params(BodyAsked),
    responses(
        (
            status = 200,
            description = "The body, byte for byte.",
            content_type = "application/octet-stream",
            headers(("Content-Disposition" = String, description = "A name for the file.")),
        ),
        NoBody,
    ),
)]
pub async fn body(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    if let Err(problem) = access::check(&request, &engine, false).await {
        return problem.respond();
    }
    let Some((id, place)) = named(|name| value(&query_of(&request), name)) else {
        return Problem::NoSuchBody.respond();
    };
    let found = match find(&engine, id, place).await {
        Ok(found) => found,
        Err(problem) => return problem.respond(),
    };
    let ending = if found.kept.is_text { "txt" } else { "bin" };
    let name = format!("refused-{}-{id}.{ending}", place.day);
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .content_type("application/octet-stream")
        .body(found.kept.body)
}

/// The body `id` at `place`.
///
/// # Errors
/// When it is not there any more, or its file cannot be read.
pub(super) async fn find(
    engine: &web::Data<Engine>,
    id: Id,
    place: Place,
) -> Result<Found, Problem> {
    let engine = engine.clone();
    match aside(move || engine.rejects.get(place, id)).await {
        Ok(Ok(found)) => found.ok_or(Problem::NoSuchBody),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err(Problem::Internal),
    }
}

pub(super) fn unreadable(error: &io::Error) -> Problem {
    tracing::error!(%error, "the rejected files cannot be read");
    Problem::Internal
}

/// Which body the fields `id` and `at` name.
pub(super) fn named(get: impl Fn(&str) -> String) -> Option<(Id, Place)> {
    let id = Id::from_hex(get("id").as_bytes())?;
    Some((id, get("at").parse().ok()?))
}

pub(super) fn value(fields: &[(String, String)], name: &str) -> String {
    let found = fields.iter().find(|(given, _)| given == name);
    found.map_or_else(String::new, |(_, value)| value.clone())
}

/// What a query asks for.
///
/// # Errors
/// When a value of it is none.
pub(super) fn wanted(
    query: &[(String, String)],
    limit: usize,
    limit_max: usize,
) -> Result<Wanted, Problem> {
    let given = |name: &str| Some(value(query, name)).filter(|value| !value.is_empty());
    let wrong = |name: &str, allowed: &str| Problem::Parameter(format!("`{name}` is {allowed}"));
    let source = given("source").map(|name| SourceName::new(&name));
    let before = given("before").map(|place| place.parse());
    let limit = given("limit").map_or(Ok(limit), |limit| limit.parse());
    Ok(Wanted {
        source: source
            .transpose()
            .map_err(|_| wrong("source", "the name of a source"))?,
        before: before
            .transpose()
            .map_err(|_| wrong("before", "what `next` or `at` of an answer says"))?,
        limit: limit
            .ok()
            .filter(|limit| (1..=limit_max).contains(limit))
            .ok_or_else(|| wrong("limit", "1 to 200"))?,
        show: show(given("state").as_deref().unwrap_or_default()).ok_or_else(|| {
            wrong(
                "state",
                "waiting, delivered, dismissed or all; without it all but dismissed ones are told",
            )
        })?,
    })
}

/// The words for which of them are shown.
const STATES: [(&str, Show); 4] = [
    ("waiting", Show::Waiting),
    ("delivered", Show::Delivered),
    ("dismissed", Show::Dismissed),
    ("all", Show::All),
];

fn show(state: &str) -> Option<Show> {
    let found = STATES.iter().find(|(word, _)| *word == state);
    match found {
        Some((_, show)) => Some(*show),
        None => state.is_empty().then_some(Show::Kept),
    }
}

/// What is wrong with a body by the rules of now.
pub(super) struct Looked {
    /// Nothing when it would be taken as it is.
    pub fault: Option<Unusable>,
    /// Whether it is read as the fields of a form.
    pub form: bool,
}

impl Looked {
    /// Looks at a body that was kept.
    pub fn at(found: &Found, live: &Live) -> Self {
        let form = is_form(found.kept.content_type.as_deref(), &found.kept.body);
        Self::of(&found.kept.body, form, live)
    }

    /// Looks at any body.
    pub fn of(body: &[u8], form: bool, live: &Live) -> Self {
        let parsed = parse(body.to_vec(), form, live.settings.limits.depth_max);
        Self {
            fault: parsed.err().map(|(why, _)| why),
            form,
        }
    }

    /// Line and column of the fault in the body.
    pub fn place(&self) -> Option<(usize, usize)> {
        let place = self.fault.and_then(|fault| fault.place());
        place.filter(|_| !self.is_in_payload())
    }

    /// Whether the place of the fault is one in what a form's field stands for.
    pub fn is_in_payload(&self) -> bool {
        let of_form = |why| matches!(why, Unusable::Empty | Unusable::FormNotUtf8 { .. });
        self.form && self.fault.is_some_and(|why| !of_form(why))
    }
}

/// Whether a body is read as the fields of a form: it says so, and does not begin as JSON does.
pub(super) fn is_form(content_type: Option<&str>, body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    content_type.is_some_and(hooks::is_form_kind) && !json
}
