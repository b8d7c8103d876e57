//! The fields of a form that may hold a whole body: read within the limits of
//! bodies and paid from the budget of all requests.

use crate::engine::Engine;
use crate::http::pairs;
use crate::http::problem::Problem;
use crate::receive::{Permit, Reading};
use actix_web::web;
use futures_core::Stream as _;
use std::future::poll_fn;
use std::pin::Pin;

/// What a form has besides the body.
const OTHER_BYTES_MAX: usize = 64 << 10;
/// A browser writes most bytes of a body as three.
const GROWTH: usize = 3;

/// The fields of a form.
pub(super) struct Posted {
    fields: Vec<(String, String)>,
    _permit: Permit,
}

impl Posted {
    /// The whole form.
    ///
    /// # Errors
    /// When it is too large, too slow, or ends early.
    pub async fn read(payload: web::Payload, engine: &Engine) -> Result<Self, Problem> {
        let live = engine.live();
        let limits = &live.settings.limits;
        let bytes_max = limits.body_bytes_max * GROWTH + OTHER_BYTES_MAX;
        let reading = Reading::new(false, bytes_max, None, &engine.waiting);
        let too_slow = Problem::TooSlow {
            seconds: limits.body_time_max.as_secs(),
        };
        let all = tokio::time::timeout(limits.body_time_max, read(payload, reading));
        let body = match all.await {
            Ok(body) => body?,
            Err(_) => return Err(too_slow),
        };
        let mut permit = body.permit;
        // The fields beside what they are made of.
        permit
            .grow(body.bytes.len())
            .map_err(|_| Problem::TooMuchWaiting)?;
        let text = String::from_utf8_lossy(&body.bytes);
        Ok(Self {
            fields: pairs(&text),
            _permit: permit,
        })
    }

    /// All fields of that name, at most so many.
    pub fn all(&self, name: &str, count_max: usize) -> impl Iterator<Item = &str> {
        let found = self.fields.iter().filter(move |(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).take(count_max)
    }

    pub fn get(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(given, _)| given == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

async fn read(
    payload: web::Payload,
    mut reading: Reading,
) -> Result<crate::receive::body::Body, Problem> {
    use crate::receive::BodyError;
    let bytes_max = reading.bytes_max();
    let refused = |error| match error {
        BodyError::TooLarge => Problem::TooLarge { bytes_max },
        BodyError::TooMuch => Problem::TooMuchWaiting,
    };
    let mut payload = payload.into_inner();
    while let Some(piece) = poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await {
        let piece = piece.map_err(|_| Problem::CutOff)?;
        reading.push(&piece).map_err(refused)?;
    }
    reading.finish().map_err(refused)
}
