//! Who may read: whoever has the read token, as Bearer, as the password of
//! Basic, or, where a spreadsheet can only hold a URL, in the query.

use super::problem::Problem;
use super::query_of;
use crate::engine::Engine;
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

/// Checks that `request` carries the token; in the query only where `query` says so.
///
/// # Errors
/// 401, when it does not.
pub fn check(request: &HttpRequest, engine: &Engine, query: bool) -> Result<Shown, Problem> {
    let live = engine.live();
    let mut given = request.headers().get_all(header::AUTHORIZATION);
    if let (Some(value), None) = (given.next(), given.next())
        && let Some(token) = token_of(value.as_bytes())
        && live.token.matches(&token)
    {
        return Ok(Shown::Header);
    }
    let in_query = || {
        query_of(request)
            .iter()
            .any(|(name, value)| name == "token" && live.token.matches(value.as_bytes()))
    };
    if query && in_query() {
        Ok(Shown::Query)
    } else {
        Err(Problem::ReadUnauthorized)
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
