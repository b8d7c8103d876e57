//! `POST /hooks/{source}`: one column of early returns, then the verdict of
//! the journal.

use super::access;
use super::problem::{KeptAs, Problem};
use crate::config::{Auth, Identity, Source};
use crate::engine::{Engine, Live};
use crate::journal::refused::{Kept, RefusedBody};
use crate::journal::{Events, Incoming, Verdict};
use crate::receive::identity::{self, Same, identify};
use crate::receive::{BodyError, Delivery, Permit, Reading, Refusal, Unusable, body, parse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_core::Stream as _;
use governor::clock::{Clock as _, DefaultClock};
use std::pin::Pin;
use tokio::sync::oneshot;

/// Takes a delivery.
pub async fn deliver(
    request: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
) -> HttpResponse {
    match try_deliver(&request, payload, &engine).await {
        Ok(response) => response,
        Err(problem) => problem.respond(),
    }
}

async fn try_deliver(
    request: &HttpRequest,
    payload: web::Payload,
    engine: &Engine,
) -> Result<HttpResponse, Problem> {
    let live = engine.live();
    let name = request.match_info().query("source");
    let source = live.settings.sources.get(name);
    let source = source.ok_or_else(|| Problem::NoSuchSource {
        source: name.chars().take(100).collect(),
    })?;
    if engine.is_draining() {
        return Err(Problem::Draining);
    }
    authenticate(&live, source, request).await?;
    check_rate(&live, source)?;
    let gzip = is_gzip(request.headers())?;
    let body = read(request, payload, engine, &live, gzip).await?;
    let broken_gzip = body.broken_gzip;
    let outcome = if broken_gzip {
        Err((Unusable::NotGzip, body.bytes))
    } else {
        parse(
            body.bytes,
            is_form(request.headers()),
            live.settings.limits.depth_max,
        )
    };
    match outcome {
        Ok(parsed) => {
            let events = identify(
                &engine.id_key,
                &source.name,
                same(source, request.headers()),
                &parsed,
            );
            store(engine, source, events, parsed.text, body.permit).await
        }
        Err((why, bytes)) => {
            Err(refuse(engine, source, request.headers(), why, bytes, body.permit).await)
        }
    }
}

async fn authenticate(live: &Live, source: &Source, request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    match &source.auth {
        // Without authentication a web page could post to somebody's loopback; browsers say where such requests come from.
        Auth::None { .. } if headers.contains_key(header::ORIGIN) => Err(Problem::Origin),
        Auth::None { .. } => Ok(()),
        Auth::Authorization(secrets) => {
            let mut given = headers.get_all(header::AUTHORIZATION);
            match (given.next(), given.next()) {
                (Some(value), None) if secrets.matches(value.as_bytes()) => return Ok(()),
                (None, _) => {}
                (Some(_), _) => access::wrong_secret(request, live).await?,
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
    request: &HttpRequest,
    payload: web::Payload,
    engine: &Engine,
    live: &Live,
    gzip: bool,
) -> Result<body::Body, Problem> {
    let limits = &live.settings.limits;
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok());
    if !gzip && length.is_some_and(|length: usize| length > limits.body_bytes_max) {
        return Err(Problem::TooLarge {
            bytes_max: limits.body_bytes_max,
        });
    }
    let reading = Reading::new(gzip, limits.body_bytes_max, length, &engine.waiting);
    match tokio::time::timeout(limits.body_time_max, read_all(reading, payload)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::TooSlow {
            seconds: limits.body_time_max.as_secs(),
        }),
    }
}

async fn read_all(mut reading: Reading, payload: web::Payload) -> Result<body::Body, Problem> {
    let bytes_max = reading.bytes_max();
    let refused = |error| match error {
        BodyError::TooLarge => Problem::TooLarge { bytes_max },
        BodyError::TooMuch => Problem::TooMuchWaiting,
    };
    let mut payload = payload.into_inner();
    while let Some(piece) = std::future::poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await {
        let piece = piece.map_err(|_| Problem::CutOff)?;
        reading.push(&piece).map_err(refused)?;
    }
    reading.finish().map_err(refused)
}

/// Hands the events to the journal and waits until they are durable.
async fn store(
    engine: &Engine,
    source: &Source,
    events: Events,
    text: Vec<u8>,
    mut permit: Permit,
) -> Result<HttpResponse, Problem> {
    /// What an event costs in memory besides its text, and on disk besides its payload.
    const EVENT_BYTES: usize = 256;
    let events_max = engine.waiting.max() / 4 / EVENT_BYTES;
    if events.all().len() > events_max.max(1) {
        return Err(Problem::TooManyEvents { events_max });
    }
    // A form's text may be several times its body.
    let grown = text.len().saturating_sub(permit.bytes());
    let cost = events.all().len() * EVENT_BYTES + grown;
    permit.grow(cost).map_err(|_| Problem::TooMuchWaiting)?;
    let once = source.identity != Identity::Off;
    let ids: Vec<_> = events.all().iter().map(|event| event.id).collect();
    let array = matches!(events, Events::Many(_));
    let (reply, verdict) = oneshot::channel();
    let incoming = Incoming {
        earlier: None,
        source: source.name.clone(),
        once,
        text,
        events,
    };
    engine
        .deliveries
        .put(Delivery {
            incoming,
            permit,
            reply,
        })
        .map_err(|_| Problem::Draining)?;
    match verdict.await {
        Ok(Verdict::Stored { stored, duplicates }) => {
            Ok(stored_response(array, stored, duplicates, &ids))
        }
        Ok(Verdict::Failed) | Err(_) => Err(Problem::NotDurable),
    }
}

fn stored_response(
    array: bool,
    stored: usize,
    duplicates: usize,
    ids: &[crate::event::Id],
) -> HttpResponse {
    let body = if array {
        let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        let ids = ids.join(",");
        format!(
            "{{\"status\":\"stored\",\"stored\":{stored},\"duplicates\":{duplicates},\"ids\":[{ids}]}}"
        )
    } else {
        let status = if stored == 1 { "stored" } else { "duplicate" };
        let id = ids.first().map(ToString::to_string).unwrap_or_default();
        format!("{{\"status\":\"{status}\",\"id\":\"{id}\"}}")
    };
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
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
