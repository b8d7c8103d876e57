//! `POST /hooks/{source}`: one column of early returns, then the verdict of
//! the journal.

use super::access;
use super::attempts::Attempts;
use super::direct::Hooks;
use super::documented::{self, Answers, in_path, refused};
use super::kinds;
use super::problem::{KeptAs, Problem};
use super::progress::Body;
use crate::config::{Auth, Identity, Source};
use crate::engine::{Engine, Live};
use crate::event::{Id, Timestamp};
use crate::journal::refused::{Kept, RefusedBody};
use crate::journal::{Events, Incoming, Verdict};
use crate::receive::identity::{self, Same, identify};
use crate::receive::{Answer, BodyError, Permit, Reading, Refusal, Unusable, body, parse};
use actix_http::RequestHead;
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use futures_core::Stream as _;
use governor::clock::{Clock as _, DefaultClock};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema,
};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

/// The path of deliveries, before the name of their source.
pub const PATH: &str = "/hooks/";

/// What a delivery holds, for the description of the interface.
pub(super) struct Delivery;

impl PartialSchema for Delivery {
    fn schema() -> RefOr<Schema> {
        let event = || {
            ObjectBuilder::new()
                .description(Some("An event, which becomes a row. Any keys and values."))
                .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        };
        OneOfBuilder::new()
            .description(Some(
                "An event, or several, of which all are stored or none.",
            ))
            .item(event())
            .item(ArrayBuilder::new().items(event()).min_items(Some(1)))
            .into()
    }
}

impl ToSchema for Delivery {}

/// A delivery as a form.
pub(super) struct DeliveredForm;

impl PartialSchema for DeliveredForm {
    fn schema() -> RefOr<Schema> {
        let what = "The fields of one event; or one field `payload`, which holds the JSON of a delivery. What begins as JSON is \
                    read as JSON.";
        documented::texts().description(Some(what)).into()
    }
}

impl ToSchema for DeliveredForm {}

// What `Stored::text` writes by hand; a test holds the two together.
/// What became of a delivery.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Delivered {
    /// Of one object.
    One {
        /// Whether it was stored now, or had been before.
        #[schema(inline)]
        status: OneIs,
        /// The id of the event.
        #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
        id: Id,
    },
    /// Of an array.
    Many {
        /// All of it is stored.
        #[schema(inline)]
        status: ManyAre,
        /// How many of the events were stored now.
        stored: usize,
        /// How many had been before.
        duplicates: usize,
        /// The ids of the events, in their order.
        #[schema(value_type = Vec<String>)]
        ids: Vec<Id>,
    },
}

/// What became of an object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OneIs {
    /// It was stored.
    Stored,
    /// It had been stored before.
    Duplicate,
}

/// What became of an array.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ManyAre {
    /// Each of them is stored, now or before.
    Stored,
}

/// Where a delivery goes, and how it is written.
struct To;

impl IntoParams for To {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_path(
                "source",
                "The name of the source, as it is configured.",
                documented::source(),
            ),
            documented::header(
                "Content-Encoding",
                "How the body is packed; without it not at all.",
                documented::one_of(["gzip", "identity"]),
            ),
        ]
    }
}

/// Why a delivery is not stored.
struct NotDelivered;

impl IntoResponses for NotDelivered {
    fn responses() -> Answers {
        refused(&[
            kinds::BAD_REQUEST,
            kinds::CUT_OFF,
            kinds::EMPTY,
            kinds::NOT_JSON,
            kinds::UNAUTHORIZED,
            kinds::ORIGIN,
            kinds::NO_SUCH_SOURCE,
            kinds::METHOD,
            kinds::TOO_SLOW,
            kinds::TOO_LARGE,
            kinds::TOO_MANY_EVENTS,
            kinds::ENCODING,
            kinds::NO_ROWS,
            kinds::ATTEMPTS,
            kinds::RATE,
            kinds::BUSY,
            kinds::NOT_DURABLE,
            kinds::STOPPING,
        ])
    }
}

/// Takes a delivery.
///
/// # Errors
/// Why it was not stored.
#[utoipa::path(
    post,
    path = "/hooks/{source}",
    tag = "deliveries",
    operation_id = "deliver",
    summary = "Deliver events",
    description = "Answers 200 only once every event is durable. An event that came before is a duplicate and makes no second \
                   row, so that a retry of anything is safe. A body that cannot become rows is kept, to be corrected. Beside \
                   what is named here the configuration of the source may name a header that holds the id of a delivery.",
    params(To),
    request_body(
        description = "JSON, whatever the Content-Type says; a form where it says so.",
        content((inline(Delivery) = "application/json"), (inline(DeliveredForm) = "application/x-www-form-urlencoded")),
    ),
    responses(
        (status = 200, description = "Every event is durable.", body = Delivered),
        NotDelivered,
    ),
    security((), ("delivery" = [])),
)]
pub async fn deliver(
    head: &RequestHead,
    body: Body,
    hooks: &Hooks,
) -> Result<HttpResponse, Problem> {
    let (engine, live) = (hooks.engine.engine(), hooks.engine.live());
    let source = source(&live, head.uri.path())?;
    if engine.is_draining() {
        return Err(Problem::Draining);
    }
    let shown = authenticate(&live, source, head, &hooks.attempts).await;
    if let Err(Problem::Unauthorized) = shown {
        engine.tally.unauthorized(&source.name, Timestamp::now());
    }
    shown?;
    check_rate(&live, source)?;
    let headers = &head.headers;
    let gzip = is_gzip(headers)?;
    let body = read(headers, body, engine, &live, gzip).await?;
    let same = same(source, headers);
    match hand_over(hooks, &live, source, same, is_form(headers), body) {
        Ok((events, verdict)) => match verdict.await {
            Verdict::Stored { stored, duplicates } => {
                Ok(stored_response(&events, stored, duplicates))
            }
            Verdict::Failed => Err(Problem::NotDurable),
        },
        Err(NotHandedOver::Unusable(why, bytes, permit)) => {
            Err(Box::pin(refuse(engine, source, headers, why, bytes, permit)).await)
        }
        Err(NotHandedOver::Problem(problem)) => Err(problem),
    }
}

/// What is told of events that went to the journal, and what became of them once it is known.
pub type Handed = (Stored, Answer);

/// Why nothing of a body goes to the journal.
pub(super) enum NotHandedOver {
    /// What it is, itself, and what it counts as.
    Unusable(Unusable, Vec<u8>, Permit),
    Problem(Problem),
}

/// Makes events of a body and hands them to the journal.
pub(super) fn hand_over(
    hooks: &Hooks,
    live: &Live,
    source: &Source,
    same: Same<'_>,
    form: bool,
    body: body::Body,
) -> Result<Handed, NotHandedOver> {
    let body::Body {
        bytes,
        permit,
        broken_gzip,
    } = body;
    let outcome = if broken_gzip {
        Err((Unusable::NotGzip, bytes))
    } else {
        parse(bytes, form, live.settings.limits.depth_max)
    };
    match outcome {
        Ok(parsed) => {
            let key = &hooks.engine.engine().id_key;
            let events = identify(key, &source.name, same, &parsed);
            store(hooks, source, events, parsed.text, permit).map_err(NotHandedOver::Problem)
        }
        Err((why, bytes)) => Err(NotHandedOver::Unusable(why, bytes, permit)),
    }
}

/// The source that a path names.
fn source<'a>(live: &'a Live, path: &str) -> Result<&'a Source, Problem> {
    let name = path.strip_prefix(PATH).unwrap_or_default();
    let name = percent_decode_str(name).decode_utf8_lossy();
    let source = live.settings.sources.get(&*name);
    source.ok_or_else(|| Problem::NoSuchSource {
        source: name.chars().take(100).collect(),
    })
}

async fn authenticate(
    live: &Live,
    source: &Source,
    head: &RequestHead,
    attempts: &Attempts,
) -> Result<(), Problem> {
    let headers = &head.headers;
    match &source.auth {
        // Without authentication a web page could post to somebody's loopback; browsers say where such requests come from.
        Auth::None { .. } if headers.contains_key(header::ORIGIN) => Err(Problem::Origin),
        Auth::None { .. } => Ok(()),
        Auth::Authorization(secrets) => {
            let mut given = headers.get_all(header::AUTHORIZATION);
            match (given.next(), given.next()) {
                (Some(value), None) if secrets.matches(value.as_bytes()) => return Ok(()),
                (None, _) => {}
                (Some(_), _) => Box::pin(access::wrong_secret(head, live, attempts)).await?,
            }
            Err(Problem::Unauthorized)
        }
    }
}

fn check_rate(live: &Live, source: &Source) -> Result<(), Problem> {
    let Some(rate) = live.rate(&source.name) else {
        return Ok(());
    };
    rate.check().map_err(|not_until| {
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        Problem::Rate {
            retry_seconds: wait.as_secs() + 1,
        }
    })
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut gzip = false;
    let mut named = 0;
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for encoding in value
            .to_str()
            .map_err(|_| Problem::Encoding)?
            .split(',')
            .map(str::trim)
        {
            named += 1;
            match encoding.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = true,
                "identity" | "" => {}
                _ => return Err(Problem::Encoding),
            }
        }
    }
    if gzip && named > 1 {
        Err(Problem::Encoding)
    } else {
        Ok(gzip)
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    is_form_kind(value)
}

/// Whether a Content-Type says that it is a form.
pub(super) fn is_form_kind(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn same<'a>(source: &'a Source, headers: &'a HeaderMap) -> Same<'a> {
    match &source.identity {
        Identity::Pointer(pointer) => Same::Pointer(pointer),
        Identity::Header(name) => match headers.get(name.as_str()) {
            Some(value) if !value.is_empty() => Same::Given(value.as_bytes()),
            _ => Same::Content,
        },
        Identity::Content | Identity::Off => Same::Content,
    }
}

/// The whole body within its limits and its time.
async fn read(
    headers: &HeaderMap,
    body: Body,
    engine: &Engine,
    live: &Live,
    gzip: bool,
) -> Result<body::Body, Problem> {
    let limits = &live.settings.limits;
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok());
    if !gzip && length.is_some_and(|length: usize| length > limits.body_bytes_max) {
        return Err(Problem::TooLarge {
            bytes_max: limits.body_bytes_max,
        });
    }
    let reading = Reading::new(gzip, limits.body_bytes_max, length, &engine.waiting);
    let outcome = within(limits.body_time_max, read_all(reading, body)).await;
    outcome.unwrap_or(Err(Problem::TooSlow {
        seconds: limits.body_time_max.as_secs(),
    }))
}

/// What `reading` gives, if it does so in time. Nearly every body is there with its head, and costs no timer: it is waited for
/// by the clock only if it is not there when it is asked for again at once.
async fn within<T>(limit: Duration, reading: impl Future<Output = T>) -> Option<T> {
    let mut reading = pin!(reading);
    let mut again = false;
    let early = poll_fn(|cx| match reading.as_mut().poll(cx) {
        Poll::Ready(all) => Poll::Ready(Some(all)),
        Poll::Pending if again => Poll::Ready(None),
        Poll::Pending => {
            again = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match early.await {
        Some(all) => Some(all),
        None => tokio::time::timeout(limit, reading).await.ok(),
    }
}

async fn read_all(mut reading: Reading, mut body: Body) -> Result<body::Body, Problem> {
    let bytes_max = reading.bytes_max();
    let refused = |error| match error {
        BodyError::TooLarge => Problem::TooLarge { bytes_max },
        BodyError::TooMuch => Problem::TooMuchWaiting,
    };
    while let Some(piece) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
        let piece = piece.map_err(|_| Problem::CutOff)?;
        reading.push(&piece).map_err(refused)?;
    }
    reading.finish().map_err(refused)
}

/// What an event costs in memory besides its text, and on disk besides its payload.
const EVENT_BYTES: usize = 256;

/// Checks that there are not too many `events` for one delivery.
///
/// # Errors
/// When there are.
pub(super) fn check_number(engine: &Engine, events: &Events) -> Result<(), Problem> {
    let events_max = (engine.waiting.max() / 4 / EVENT_BYTES).max(1);
    if events.all().len() > events_max {
        return Err(Problem::TooManyEvents { events_max });
    }
    Ok(())
}

/// Hands `events`, which stand in `text`, to the journal.
fn store(
    hooks: &Hooks,
    source: &Source,
    events: Events,
    text: Vec<u8>,
    mut permit: Permit,
) -> Result<Handed, Problem> {
    let engine = hooks.engine.engine();
    check_number(engine, &events)?;
    // A form's text may be several times its body.
    let grown = text.len().saturating_sub(permit.bytes());
    let cost = events.all().len() * EVENT_BYTES + grown;
    permit.grow(cost).map_err(|_| Problem::TooMuchWaiting)?;
    let once = source.identity != Identity::Off;
    let stored = match &events {
        Events::One([event]) => Stored::One(event.id),
        Events::Many(events) => Stored::Many(events.iter().map(|event| event.id).collect()),
    };
    let incoming = Incoming {
        earlier: None,
        source: source.name.clone(),
        once,
        text,
        events,
    };
    let answer = hooks.desk.deliver(incoming, permit);
    Ok((stored, answer.ok_or(Problem::Draining)?))
}

/// What is told of events that are stored.
pub enum Stored {
    /// The id of one object.
    One(Id),
    /// Those of an array.
    Many(Vec<Id>),
}

impl Stored {
    /// The body of the answer.
    #[must_use]
    pub fn text(&self, stored: usize, duplicates: usize) -> Vec<u8> {
        match self {
            Self::One(id) => {
                let status = if stored == 1 { "stored" } else { "duplicate" };
                // As long as its room: what is longer would be moved on its way into the answer.
                let pieces = [
                    b"{\"status\":\"",
                    status.as_bytes(),
                    b"\",\"id\":\"",
                    &id.hex(),
                    b"\"}",
                ];
                pieces.concat()
            }
            Self::Many(ids) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
                let ids = ids.join(",");
                format!(
                    "{{\"status\":\"stored\",\"stored\":{stored},\"duplicates\":{duplicates},\"ids\":[{ids}]}}"
                )
                .into_bytes()
            }
        }
    }
}

fn stored_response(events: &Stored, stored: usize, duplicates: usize) -> HttpResponse {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let body = events.text(stored, duplicates);
    let mut response = HttpResponse::with_body(StatusCode::OK, BoxBody::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// Keeps the body before it is refused.
async fn refuse(
    engine: &Engine,
    source: &Source,
    headers: &HeaderMap,
    why: Unusable,
    bytes: Vec<u8>,
    permit: Permit,
) -> Problem {
    let body = RefusedBody {
        id: identity::refused(&engine.id_key, &source.name, &bytes),
        source: source.name.clone(),
        status: if why.is_json() { 422 } else { 400 },
        reason: why.to_string(),
        content_type: headers
            .get(header::CONTENT_TYPE)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()),
        body: bytes,
    };
    let (reply, kept) = oneshot::channel();
    if engine
        .refusals
        .put(Refusal {
            body,
            permit,
            reply,
        })
        .is_err()
    {
        return Problem::Draining;
    }
    match kept.await {
        Ok(Kept::Kept) => Problem::Unusable {
            why,
            kept: KeptAs::Rejected,
        },
        Ok(Kept::Full) => Problem::Unusable {
            why,
            kept: KeptAs::Full,
        },
        Ok(Kept::Failed) | Err(_) => Problem::NotDurable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is described is what is written.
    #[test]
    fn answers_are_as_they_are_described() {
        let (one, other) = (Id([7; 16]), Id([171; 16]));
        let told = |stored: Stored, now, before, described: Delivered| {
            let text = String::from_utf8(stored.text(now, before)).unwrap();
            assert_eq!(text, serde_json::to_string(&described).unwrap());
        };
        for (now, status) in [(1, OneIs::Stored), (0, OneIs::Duplicate)] {
            let described = Delivered::One { status, id: one };
            told(Stored::One(one), now, 1 - now, described);
        }
        let ids = vec![one, other];
        let described = Delivered::Many {
            status: ManyAre::Stored,
            stored: 3,
            duplicates: 4,
            ids: ids.clone(),
        };
        told(Stored::Many(ids), 3, 4, described);
    }
}
