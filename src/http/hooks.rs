//! `POST /hooks/{source}`: one column of early returns, then the verdict of
//! the journal.

use super::access;
use super::attempts::Attempts;
use super::direct::Hooks;
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
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;

/// The path of deliveries, before the name of their source.
pub const PATH: &str = "/hooks/";

/// Takes a delivery.
///
/// # Errors
/// Why it was not stored.
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
    let events_max = engine.waiting.max() / 4 / EVENT_BYTES;
    if events.all().len() > events_max.max(1) {
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
