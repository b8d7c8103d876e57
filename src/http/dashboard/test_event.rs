//! A test event: made by the page or by a command that it shows, delivered on
//! the way of every delivery, and a row that nobody takes for a real one.

use crate::config::Source;
use crate::engine::Engine;
use crate::event::{Id, Preset, TEST_KEY, Timestamp};
use crate::http::direct::Hooks;
use crate::http::hooks::{self, NotHandedOver, Stored};
use crate::http::problem::Problem;
use crate::journal::Verdict;
use crate::receive::identity::Same;
use crate::receive::{BodyError, Reading};

/// What stands where a person's name would, and a lesson's title.
const NOBODY: &str = "Test event, not a person";
const NOTHING: &str = "Test event, not a lesson";

/// An event that says of itself what it is, and `from` where it comes, in plain letters. Those with another `mark` are other
/// events.
pub(super) fn payload(preset: Preset, from: &str, mark: &str) -> String {
    let says = format!("\"test event from {from} ({mark})\"");
    match preset {
        Preset::Generic => format!("{{\"{TEST_KEY}\":{says}}}"),
        Preset::Lessonly => format!(
            "{{\"{TEST_KEY}\":{says},\"user\":{{\"name\":\"{NOBODY}\"}},\"lesson\":{{\"title\":\"{NOTHING}\"}}}}"
        ),
    }
}

/// What tells test events apart that are shown at other times.
pub(super) fn mark(now: Timestamp) -> String {
    format!("{:x}", now.millis())
}

/// What a form gives back as the mark: nothing else is delivered.
pub(super) fn is_mark(text: &str) -> bool {
    !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Delivers one to `source`. Gives its id, and whether it was stored now and not before.
pub(super) async fn deliver(
    engine: &Engine,
    hooks: &Hooks,
    source: &Source,
    mark: &str,
) -> Result<(Id, bool), Problem> {
    if engine.is_draining() {
        return Err(Problem::Draining);
    }
    let payload = payload(source.preset, "the dashboard", mark);
    let bytes_max = engine.live().settings.limits.body_bytes_max;
    let mut reading = Reading::new(false, bytes_max, Some(payload.len()), &engine.waiting);
    let read = reading.push(payload.as_bytes());
    let body = read.and_then(|()| reading.finish());
    let body = body.map_err(|error| match error {
        BodyError::TooLarge => Problem::TooLarge { bytes_max },
        BodyError::TooMuch => Problem::TooMuchWaiting,
    })?;
    let live = hooks.engine.live();
    // It has no id of the sender's.
    let handed = hooks::hand_over(hooks, &live, source, Same::Content, false, body);
    let (stored, answer) = handed.map_err(|error| match error {
        NotHandedOver::Problem(problem) => problem,
        // A test event is an object.
        NotHandedOver::Unusable(..) => Problem::Internal,
    })?;
    let id = match stored {
        Stored::One(id) => id,
        Stored::Many(_) => return Err(Problem::Internal),
    };
    match answer.await {
        Verdict::Stored { stored, .. } => Ok((id, stored > 0)),
        Verdict::Failed => Err(Problem::NotDurable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::is_test;

    #[test]
    fn it_is_a_test_and_one_object() {
        for preset in Preset::ALL {
            let text = payload(preset, "a shell", "1f");
            assert!(is_test(text.as_bytes()), "{text}");
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(value[TEST_KEY], "test event from a shell (1f)");
            assert!(!text.contains('\''), "a shell could not quote {text}");
        }
    }

    #[test]
    fn marks_are_short_and_nothing_else() {
        assert!(is_mark(&mark(Timestamp::now())));
        for text in ["", "12345678901234567", "1g", "1\"", "ä"] {
            assert!(!is_mark(text), "{text:?}");
        }
    }
}
