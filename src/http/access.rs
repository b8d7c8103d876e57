//! Who may read: whoever has the read token, as Bearer, as the password of
//! Basic, or, where a spreadsheet can only hold a URL, in the query.

use super::attempts::Attempts;
use super::problem::Problem;
use super::{client, query_of};
use crate::engine::{Engine, Live};
use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;

/// How a reader showed the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// In the Authorization header.
    Header,
    /// In the query.
    Query,
}

/// Checks that `request` carries the token; in the query only where `query` says so. Who showed several wrong ones waits.
///
/// # Errors
/// 401, when it does not; 429, when too many wait already.
pub async fn check(request: &HttpRequest, engine: &Engine, query: bool) -> Result<Shown, Problem> {
    let live = engine.live();
    if has_token(request, &live) {
        return Ok(Shown::Header);
    }
    let mut wrong = request.headers().contains_key(header::AUTHORIZATION);
    if query {
        for (name, value) in query_of(request) {
            if name == "token" && live.token.matches(value.as_bytes()) {
                return Ok(Shown::Query);
            }
            wrong |= name == "token" && !value.is_empty();
        }
    }
    // To ask without any is what a browser does first.
    if wrong {
        wrong_secret(request, &live).await?;
    }
    Err(Problem::ReadUnauthorized)
}

/// Whether `request` carries the token in its header. To ask this counts as no attempt.
pub(super) fn may_read(request: &HttpRequest, engine: &Engine) -> bool {
    has_token(request, &engine.live())
}

fn has_token(request: &HttpRequest, live: &Live) -> bool {
    let mut given = request.headers().get_all(header::AUTHORIZATION);
    match (given.next(), given.next()) {
        (Some(value), None) => {
            token_of(value.as_bytes()).is_some_and(|token| live.token.matches(&token))
        }
        _ => false,
    }
}

/// Takes note of a wrong secret; who showed several waits.
///
/// # Errors
/// 429, when too many wait already.
pub(super) async fn wrong_secret(request: &HttpRequest, live: &Live) -> Result<(), Problem> {
    let address = client::address(request, &live.settings.trusted_proxies);
    match request.app_data::<Attempts>() {
        Some(attempts) => attempts.failed(address).await,
        None => Ok(()),
    }
}

/// The token in an Authorization header's value.
fn token_of(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_at(memchr::memchr(b' ', value)?);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(rest)
        .ok()?;
    let colon = memchr::memchr(b':', &decoded)?;
    Some(decoded[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_headers() {
        assert_eq!(token_of(b"Bearer abc").as_deref(), Some(&b"abc"[..]));
        assert_eq!(token_of(b"bearer  abc ").as_deref(), Some(&b"abc"[..]));
        assert_eq!(
            token_of(b"Basic YW55OmE6Yg==").as_deref(),
            Some(&b"a:b"[..])
        );
        assert_eq!(token_of(b"Basic OmFiYw==").as_deref(), Some(&b"abc"[..]));
        for none in [&b"abc"[..], b"", b"Basic !", b"Basic YWJj", b"Digest abc"] {
            assert_eq!(token_of(none), None);
        }
    }
}
