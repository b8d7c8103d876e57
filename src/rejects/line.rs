//! One line of a rejected file: what it begins with, quickly, and all of it.

use crate::event::{Id, SourceName, Timestamp};
use base64::Engine as _;
use serde::Deserialize;

/// A refused body and what was told when it was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its identity: by it notes are kept.
    pub id: Id,
    /// When it came.
    pub received_at: Timestamp,
    /// Where it came from.
    pub source: SourceName,
    /// The status that answered it.
    pub status: u16,
    /// Why, as it was answered.
    pub reason: String,
    /// The Content-Type that it had.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the body is text in UTF-8.
    pub is_text: bool,
}

#[derive(Deserialize)]
struct Line {
    id: Id,
    received_at: Timestamp,
    source: SourceName,
    status: u16,
    reason: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_base64: Option<String>,
}

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub id: Id,
    pub source: &'a str,
}

/// What `line` begins with, where it was written by us and is not torn. The rest of it is not looked at.
pub(super) fn head(line: &[u8]) -> Option<Head<'_>> {
    /// `2026-11-27T12:00:00.000Z`
    const MOMENT_BYTES: usize = 24;
    if !line.trim_ascii_end().ends_with(b"}") {
        return None;
    }
    let rest = line.strip_prefix(b"{\"id\":\"")?;
    let (id, rest) = rest.split_at_checked(32)?;
    let rest = rest.strip_prefix(b"\",\"received_at\":\"")?;
    let rest = rest.get(MOMENT_BYTES..)?;
    let rest = rest.strip_prefix(b"\",\"source\":\"")?;
    let source = &rest[..memchr::memchr(b'"', rest)?];
    Some(Head {
        id: Id::from_hex(id)?,
        source: std::str::from_utf8(source).ok()?,
    })
}

/// All of `line`; nothing when it is none of ours, or torn.
pub(super) fn parse(line: &[u8]) -> Option<Kept> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let (body, is_text) = match (line.body, line.body_base64) {
        (Some(text), None) => (text.into_bytes(), true),
        (None, Some(text)) => {
            let body = base64::engine::general_purpose::STANDARD.decode(text);
            (body.ok()?, false)
        }
        _ => return None,
    };
    Some(Kept {
        id: line.id,
        received_at: line.received_at,
        source: line.source,
        status: line.status,
        reason: line.reason,
        content_type: line.content_type,
        body,
        is_text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn line(rest: &str) -> String {
        format!(
            "{{\"id\":\"{ID}\",\"received_at\":\"2026-11-27T12:00:00.000Z\",\"source\":\"a\",\"status\":400,\"reason\":\"r\",\
             \"content_type\":null,{rest}}}\n"
        )
    }

    #[test]
    fn text_and_what_is_none() {
        let text = line("\"body\":\"{\\\"a\\\":\\u0001\"");
        let kept = parse(text.as_bytes()).unwrap();
        assert_eq!(
            (kept.body.as_slice(), kept.is_text),
            (&b"{\"a\":\x01"[..], true)
        );
        let head = head(text.as_bytes()).unwrap();
        assert_eq!((head.id.to_string().as_str(), head.source), (ID, "a"));
        let kept = parse(line("\"body_base64\":\"/w==\"").as_bytes()).unwrap();
        assert_eq!((kept.body.as_slice(), kept.is_text), (&b"\xFF"[..], false));
    }

    #[test]
    fn torn_lines_are_nothing() {
        let text = line("\"body\":\"x\"");
        for end in 0..text.len() - 2 {
            let torn = &text.as_bytes()[..end];
            assert!(parse(torn).is_none() && head(torn).is_none(), "{end}");
        }
        for other in [
            "{}",
            "[]",
            &line("\"body\":\"x\",\"body_base64\":\"\""),
            &line("\"x\":1"),
        ] {
            assert!(parse(other.as_bytes()).is_none(), "{other}");
        }
    }
}
