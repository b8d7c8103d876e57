//! Why a body was refused, in the words of a person who writes no programs, and
//! what mostly helps.

use crate::receive::Unusable;

/// What is wrong.
pub(super) fn words(why: &Unusable) -> String {
    match why {
        Unusable::Empty => "The body is empty: there is nothing that could be stored.".into(),
        Unusable::NotUtf8 { .. } => {
            "Some bytes of it are no text in UTF-8. Perhaps the sender uses another encoding.".into()
        }
        Unusable::NotJson { reason, .. } => of_json(reason).unwrap_or(reason).to_owned(),
        Unusable::FormNotUtf8 { field, .. } => {
            format!("Field {field} of the form is no text in UTF-8. Perhaps the sender uses another encoding.")
        }
        Unusable::NotGzip => "The sender said that it is compressed (gzip), and it is not, or not whole.".into(),
        Unusable::Scalar => {
            "It is a single value, and a row needs names for its columns: {\"name\": \"value\"}.".into()
        }
        Unusable::EmptyArray => "It is an empty list: there is nothing that could be stored.".into(),
        Unusable::Mixed { index, .. } => format!(
            "Each element of the list becomes a row and must be an object, {{\"name\": \"value\"}}. Element {} is none; nothing of \
             the list was stored.",
            index + 1
        ),
        Unusable::PathsTooLong => {
            "The names that stand above each other are so long that the columns would have no usable names.".into()
        }
        Unusable::TooDeep { depth, depth_max, .. } => format!(
            "Brackets stand within each other {depth} deep, and {depth_max} are allowed. Whoever runs rowhook can allow more \
             (limits.depth_max)."
        ),
    }
}

fn of_json(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "the text ends in the middle of a value" => {
            "The text ends too early: a bracket or a quotation mark was opened and not closed. Perhaps the sender was cut off."
        }
        "expected a JSON value" => {
            "A value is missing here, or is written in another way: text needs \"double quotes\"; numbers, true, false and null \
             stand without."
        }
        "expected `,` or `]` after an array's element" => {
            "After an element of a list there must be a comma, or the bracket ] that closes the list."
        }
        "expected `,` or `}` after an object's value" => {
            "After a value there must be a comma, or the bracket } that closes. Where a quotation mark belongs to a text it is \
             written \\\"."
        }
        "expected a key in double quotes" => {
            "There must be a name in \"double quotes\" here. A comma before the closing bracket } is one too many."
        }
        "expected `:` after a key" => "After a name there must be a colon.",
        "expected `true`, `false` or `null`" => {
            "A word without quotes can only be true, false or null. Text needs \"double quotes\"."
        }
        "a number must not start with 0" => {
            "A number must not begin with a zero. If the zero matters, put it in \"double quotes\"."
        }
        "expected a digit" => "A digit of a number is missing here.",
        "a control character in a string must be escaped" => {
            "A line break, a tab or another control character stands within a text. A line break is written \\n, a tab \\t."
        }
        "expected four hex digits after `\\u`" => {
            "After \\u there must be four digits, 0 to 9 or a to f."
        }
        "unknown escape in a string" => {
            "A backslash stands before a letter that it cannot stand before. A backslash itself is written \\\\."
        }
        "something follows the end of the JSON text" => {
            "The text goes on after its end. If it holds several objects, put them into a list: [{…}, {…}]."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the check of JSON can say has words here.
    #[test]
    fn every_reason_has_words() {
        let code = include_str!("../../json/scan.rs");
        let code = code.split("#[cfg(test)]").next().unwrap();
        let pieces = code.split("fail(\"").skip(1);
        let mut reasons: Vec<String> = pieces
            .map(|rest| rest.split("\")").next().unwrap().replace("\\\\", "\\"))
            .filter(|reason| !reason.is_empty())
            .collect();
        reasons.push("the text ends in the middle of a value".into());
        assert!(reasons.len() > 10, "{reasons:?}");
        for reason in reasons {
            assert!(of_json(&reason).is_some(), "{reason}");
        }
    }
}
