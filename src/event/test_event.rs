//! Test events: what somebody sends to see that it arrives. They come as every
//! other event does, and say of themselves what they are.

/// The key that an event begins with which is a test. Its column is called so too.
pub const TEST_KEY: &str = "rowhook_test";

/// Whether `payload`, an object without insignificant white space, is a test: whether its first key is [`TEST_KEY`], written as
/// it stands there.
#[must_use]
pub fn is_test(payload: &[u8]) -> bool {
    let rest = payload.strip_prefix(b"{\"");
    let rest = rest.and_then(|rest| rest.strip_prefix(TEST_KEY.as_bytes()));
    rest.is_some_and(|rest| rest.starts_with(b"\":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_begins_with_the_key_and_no_other() {
        for (payload, test) in [
            (r#"{"rowhook_test":"now"}"#, true),
            (r#"{"rowhook_test":null,"a":1}"#, true),
            (r#"{"a":1,"rowhook_test":1}"#, false),
            (r#"{"rowhook_tests":1}"#, false),
            (r#"{"rowhook\u005ftest":1}"#, false),
            (r#"{"user":{"rowhook_test":1}}"#, false),
            ("{}", false),
            ("", false),
        ] {
            assert_eq!(is_test(payload.as_bytes()), test, "{payload}");
        }
    }
}
