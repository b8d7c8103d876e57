//! Who may read: whoever has the read token, as Bearer, as the password of
//! Basic, or, where a spreadsheet can only hold a URL, in the query; whoever
//! showed it before and has a session; and whoever has a link to a feed, this
//! feed alone.

use super::attempts::Attempts;
use super::problem::Problem;
use super::{client, cookies, query_of};
use crate::engine::{Engine, Live};
use crate::event::Timestamp;
use crate::links::Opens;
use crate::sessions::Session;
use actix_http::RequestHead;
use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;

/// How a reader showed the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// In the Authorization header.
    Header,
    /// In the query.
    Query,
    /// When this session began.
    Before(Session),
}

/// Checks that `request` carries the token; in the query only where `query` says so. Who showed several wrong ones waits.
///
/// # Errors
/// 401, when it does not; 429, when too many wait already.
pub async fn check(request: &HttpRequest, engine: &Engine, query: bool) -> Result<Shown, Problem> {
    let live = engine.live();
    let query = if query { query_of(request) } else { Vec::new() };
    let wrong = match token(request, engine, &query, &live) {
        Token::Right(shown) => return Ok(shown),
        Token::Wrong => true,
        Token::None => false,
    };
    refuse(request, &live, wrong, Problem::ReadUnauthorized).await
}

/// Checks that `request`, which asks with `query` for the export at the address `feed`, carries the token or a link to this
/// very export. A link that ended is no wrong secret: a spreadsheet goes on asking.
///
/// # Errors
/// 401, when it does not; 403, when the link ended; 429, when too many wait already.
pub async fn check_feed(
    request: &HttpRequest,
    engine: &Engine,
    query: &[(String, String)],
    feed: Option<&str>,
) -> Result<(), Problem> {
    let live = engine.live();
    let mut wrong = match token(request, engine, query, &live) {
        Token::Right(_) => return Ok(()),
        Token::Wrong => true,
        Token::None => false,
    };
    let mut problem = Problem::ReadUnauthorized;
    let links = query.iter().filter(|(name, _)| name == "link");
    let links: Vec<&str> = links.map(|(_, value)| value.as_str()).collect();
    match (links.as_slice(), feed) {
        ([] | [""], _) => {}
        ([link], Some(feed)) => match engine.links.opens(link, feed, Timestamp::now()) {
            Opens::Yes => return Ok(()),
            Opens::No => (wrong, problem) = (true, Problem::NoLink),
            Opens::Ended(ended) => problem = Problem::LinkEnded(ended),
        },
        _ => (wrong, problem) = (true, Problem::NoLink),
    }
    refuse(request, &live, wrong, problem).await
}

/// To ask without any secret is what a browser does first, and counts as no attempt.
async fn refuse<T>(
    request: &HttpRequest,
    live: &Live,
    wrong: bool,
    problem: Problem,
) -> Result<T, Problem> {
    if wrong && let Some(attempts) = request.app_data::<Attempts>() {
        wrong_secret(request.head(), live, attempts).await?;
    }
    Err(problem)
}

/// The token, as far as a request has one.
enum Token {
    Right(Shown),
    Wrong,
    None,
}

fn token(request: &HttpRequest, engine: &Engine, query: &[(String, String)], live: &Live) -> Token {
    if has_token(request, live) {
        return Token::Right(Shown::Header);
    }
    let mut wrong = request.headers().contains_key(header::AUTHORIZATION);
    for (name, value) in query {
        if name == "token" && live.token.matches(value.as_bytes()) {
            return Token::Right(Shown::Query);
        }
        wrong |= name == "token" && !value.is_empty();
    }
    if let Some(session) = cookies::session(request, engine) {
        return Token::Right(Shown::Before(session));
    }
    // A session that is over is no wrong secret: its browser knows nothing of it yet.
    if wrong { Token::Wrong } else { Token::None }
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
pub(super) async fn wrong_secret(
    head: &RequestHead,
    live: &Live,
    attempts: &Attempts,
) -> Result<(), Problem> {
    let address = client::address(head, &live.settings.trusted_proxies);
    attempts.failed(address).await
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
