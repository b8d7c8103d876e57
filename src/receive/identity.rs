//! What makes two events the same: their content, or an id that their source
//! gave them.

use super::parse::Parsed;
use crate::event::{Id, IdKey, SourceName};
use crate::journal::{Event, Events};
use crate::json::{find, unescape};

/// What a source's events are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Same<'a> {
    /// The whole content without insignificant white space.
    Content,
    /// The value at this JSON Pointer.
    Pointer(&'a str),
    /// A value that came with the request.
    Given(&'a [u8]),
}

/// The events of `parsed` with their ids. An event that lacks the value that tells it apart is told by its content.
#[must_use]
pub fn identify(key: &IdKey, source: &SourceName, same: Same<'_>, parsed: &Parsed) -> Events {
    let event = |nth: usize| {
        let range = parsed.payloads[nth].clone();
        let payload = &parsed.text[range.clone()];
        let content = || key.id("content", &[source.as_str().as_bytes(), payload]);
        let own = |value: &[u8]| key.id("own", &[source.as_str().as_bytes(), value]);
        let id = match same {
            Same::Content => content(),
            Same::Pointer(pointer) => find(payload, pointer)
                .and_then(scalar)
                .map_or_else(content, |value| own(&value)),
            Same::Given(value) if parsed.array => {
                // One value for many events: which of them it is belongs to the identity.
                key.id(
                    "own in array",
                    &[
                        source.as_str().as_bytes(),
                        value,
                        &(nth as u64).to_le_bytes(),
                    ],
                )
            }
            Same::Given(value) => own(value),
        };
        Event { id, payload: range }
    };
    if parsed.array {
        Events::Many((0..parsed.payloads.len()).map(event).collect())
    } else {
        Events::One([event(0)])
    }
}

/// The id of a body that was refused: in a space of its own, so that it never stands in the way of an event.
#[must_use]
pub fn refused(key: &IdKey, source: &SourceName, body: &[u8]) -> Id {
    key.id("refused", &[source.as_str().as_bytes(), body])
}

/// The text of a scalar that can tell events apart. A number and the same digits as a string are one id: senders change
/// between the two.
fn scalar(raw: &[u8]) -> Option<Vec<u8>> {
    match raw.first()? {
        b'"' => {
            let mut text = Vec::new();
            unescape(&raw[1..raw.len() - 1], &mut text);
            (!text.is_empty()).then_some(text)
        }
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::parse;

    fn ids(same: Same<'_>, body: &str) -> Vec<Id> {
        let parsed = parse(body.as_bytes().to_vec(), false, 64).unwrap();
        let source = SourceName::new("orders").unwrap();
        identify(&IdKey::new([3; 32]), &source, same, &parsed)
            .all()
            .iter()
            .map(|e| e.id)
            .collect()
    }

    #[test]
    fn content_ignores_white_space_alone() {
        assert_eq!(
            ids(Same::Content, "{\"a\":1}"),
            ids(Same::Content, " {\"a\" : 1}\n")
        );
        assert_eq!(
            ids(Same::Content, "[{\"a\":1}]"),
            ids(Same::Content, "{\"a\":1}")
        );
        assert_ne!(
            ids(Same::Content, "{\"a\":1}"),
            ids(Same::Content, "{\"a\":1.0}")
        );
        assert_ne!(
            ids(Same::Content, "{\"a\":\"x y\"}"),
            ids(Same::Content, "{\"a\":\"xy\"}")
        );
    }

    #[test]
    fn an_id_of_its_own() {
        let pointer = Same::Pointer("/order/id");
        let one = ids(pointer, "{\"order\":{\"id\":7},\"x\":1}");
        assert_eq!(one, ids(pointer, "{\"order\":{\"id\":\"7\"},\"x\":2}"));
        assert_ne!(one, ids(pointer, "{\"order\":{\"id\":8},\"x\":1}"));
        for without in [
            "{\"x\":1}",
            "{\"order\":{\"id\":null}}",
            "{\"order\":{\"id\":[7]}}",
            "{\"order\":{\"id\":\"\"}}",
        ] {
            assert_eq!(
                ids(pointer, without),
                ids(Same::Content, without),
                "{without}"
            );
        }
    }

    #[test]
    fn an_id_from_a_header() {
        assert_eq!(
            ids(Same::Given(b"x"), "{\"a\":1}"),
            ids(Same::Given(b"x"), "{\"a\":2}")
        );
        let array = ids(Same::Given(b"x"), "[{\"a\":1},{\"a\":1}]");
        assert_ne!(array[0], array[1]);
    }
}
