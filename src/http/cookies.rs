//! The cookie in which a browser shows a session, and the proof that a form is
//! of one of our pages.

use super::address;
use super::problem::Problem;
use crate::engine::Engine;
use crate::event::Timestamp;
use crate::sessions::{LASTS_DAYS, Session};
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;

/// The session that `request` shows, if it is in force.
pub(super) fn session(request: &HttpRequest, engine: &Engine) -> Option<Session> {
    let cookie = request.cookie(&name(engine))?;
    let token = &engine.live().token;
    engine
        .sessions
        .find(cookie.value(), token.expose(), Timestamp::now())
}

/// The cookie that shows the session `shown`: only to us, never to a script, never along with what another site began.
pub(super) fn showing(request: &HttpRequest, engine: &Engine, shown: String) -> Cookie<'static> {
    Cookie::build(name(engine), shown)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(address::is_secure(request, engine))
        .max_age(Duration::days(LASTS_DAYS))
        .finish()
}

/// The one that takes it away.
pub(super) fn removing(request: &HttpRequest, engine: &Engine) -> Cookie<'static> {
    let mut cookie = showing(request, engine, String::new());
    cookie.make_removal();
    cookie
}

/// Whose form it is that changes something: it must carry the proof that we put into the pages of the session. A cookie alone
/// does not do, as a browser sends it with whatever.
///
/// # Errors
/// 401 without a session; 403 without the proof.
pub(super) fn form_of(
    request: &HttpRequest,
    engine: &Engine,
    proof: &str,
) -> Result<Session, Problem> {
    from_here(request)?;
    let session = session(request, engine).ok_or(Problem::ReadUnauthorized)?;
    if engine.sessions.proves(&session.id, proof) {
        Ok(session)
    } else {
        Err(Problem::Form)
    }
}

/// What a browser says of where a form comes from is believed where it says it.
///
/// # Errors
/// 403, when it is another site.
pub(super) fn from_here(request: &HttpRequest) -> Result<(), Problem> {
    let site = request.headers().get("sec-fetch-site");
    match site.map(header::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Problem::Form),
    }
}

/// Two servers on one host have different ones: a browser keeps their cookies in one place.
pub(super) fn name(engine: &Engine) -> String {
    format!("rowhook-{}", engine.sessions.name())
}
