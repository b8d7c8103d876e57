//! A body as events. The body decides, not its Content-Type: what starts with
//! `{` or `[` is JSON or refused; only otherwise a form is taken for one.

use crate::json::{Top, compact, path_bytes, position, scan, write_string};
use smallvec::{SmallVec, smallvec};
use std::ops::Range;

/// Where the payloads stand in a text: nearly always one, and then without an allocation for the list.
pub type Payloads = SmallVec<[Range<usize>; 1]>;

/// Events ready to be identified and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The text that holds them, without insignificant white space.
    pub text: Vec<u8>,
    /// Where in it each is.
    pub payloads: Payloads,
    /// Whether they came as an array, be it of one.
    pub array: bool,
}

/// What the paths of one event's values may take together. A body of a megabyte with one long key above all its values would
/// otherwise stand for gigabytes of them.
const PATHS_BYTES_MAX: u64 = 1 << 20;

/// Why a body gives no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing, or nothing but white space.
    #[error("the body is empty")]
    Empty,
    /// Not UTF-8.
    #[error("line {line}, column {column}: the body is not UTF-8")]
    NotUtf8 {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// Not JSON.
    #[error("line {line}, column {column}: {reason}")]
    NotJson {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A form whose text is not UTF-8 once it is decoded.
    #[error("field {field} of the form is not UTF-8 once it is decoded")]
    FormNotUtf8 {
        /// Which, from 1.
        field: usize,
        /// Where in the form its name or value begins, from 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// It says gzip and is not, or ends early.
    #[error("the body says Content-Encoding: gzip, but is not whole gzip data")]
    NotGzip,
    /// A string, number, true, false or null.
    #[error("the body is a single JSON value; a row needs an object")]
    Scalar,
    /// `[]`
    #[error("the body is an empty array; there is nothing to store")]
    EmptyArray,
    /// An array with something else than objects.
    #[error(
        "line {line}, column {column}: element {index} of the array is not an object; nothing of the array was stored"
    )]
    Mixed {
        /// From 0.
        index: usize,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// Keys that stand above so many values that their paths together are beyond all use.
    #[error(
        "the paths of an event's values, taken together, are over {} bytes; use shorter keys or less nesting",
        PATHS_BYTES_MAX
    )]
    PathsTooLong,
    /// Objects and arrays within each other beyond the limit.
    #[error(
        "line {line}, column {column}: objects and arrays are nested {depth} deep; the limit is {depth_max} (limits.depth_max)"
    )]
    TooDeep {
        /// Of the first bracket that is too deep, from 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// How deep.
        depth: usize,
        /// The limit.
        depth_max: usize,
    },
}

impl Unusable {
    /// Whether it is valid JSON that cannot become rows, rather than no JSON at all.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(
            self,
            Self::Scalar
                | Self::EmptyArray
                | Self::Mixed { .. }
                | Self::TooDeep { .. }
                | Self::PathsTooLong
        )
    }

    /// Line and column, where there is a place; in a form's `payload` where that is what is wrong.
    #[must_use]
    pub fn place(&self) -> Option<(usize, usize)> {
        match *self {
            Self::Empty => Some((1, 1)),
            Self::FormNotUtf8 { line, column, .. }
            | Self::NotUtf8 { line, column }
            | Self::NotJson { line, column, .. }
            | Self::Mixed { line, column, .. }
            | Self::TooDeep { line, column, .. } => Some((line, column)),
            _ => None,
        }
    }
}

/// The events of `body`; `form` says that its Content-Type is `application/x-www-form-urlencoded`. A body that gives none
/// comes back with the reason, as it was.
///
/// # Errors
/// Why it gives none.
pub fn parse(body: Vec<u8>, form: bool, depth_max: usize) -> Result<Parsed, (Unusable, Vec<u8>)> {
    let start = if body.starts_with(b"\xEF\xBB\xBF") {
        3
    } else {
        0
    };
    let first = body[start..]
        .iter()
        .find(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
    let outcome = match first {
        None => Err(Unusable::Empty),
        Some(b'{' | b'[') => Ok(false),
        Some(_) => Ok(form),
    };
    let outcome = outcome.and_then(|form| {
        if form {
            from_form(&body[start..], depth_max)
        } else {
            shape(&body, start, depth_max)
        }
    });
    match outcome {
        Ok(Shaped::InPlace { payloads, array }) => Ok(Parsed {
            text: body,
            payloads,
            array,
        }),
        Ok(Shaped::Made(parsed)) => Ok(parsed),
        Err(why) => Err((why, body)),
    }
}

enum Shaped {
    /// The body is its own compact text.
    InPlace { payloads: Payloads, array: bool },
    /// Another text had to be made.
    Made(Parsed),
}

/// The events of JSON that begins at `start` of `body`.
fn shape(body: &[u8], start: usize, depth_max: usize) -> Result<Shaped, Unusable> {
    let place = |at: usize| {
        let (line, column) = position(&body[start..], at);
        (line, column)
    };
    let text = std::str::from_utf8(&body[start..]).map_err(|e| {
        let (line, column) = place(e.valid_up_to());
        Unusable::NotUtf8 { line, column }
    })?;
    let scanned = scan(text).map_err(|e| {
        let (line, column) = place(e.at);
        Unusable::NotJson {
            line,
            column,
            reason: e.reason,
        }
    })?;
    let (mut payloads, array): (Payloads, _) = match scanned.top {
        Top::Scalar => return Err(Unusable::Scalar),
        Top::Mixed { index, at } => {
            let (line, column) = place(at);
            return Err(Unusable::Mixed {
                index,
                line,
                column,
            });
        }
        Top::Objects(payloads) if payloads.is_empty() => return Err(Unusable::EmptyArray),
        Top::Objects(payloads) => (payloads.into(), true),
        Top::Object(payload) => (smallvec![payload], false),
    };
    // The array around events is no level of theirs.
    let depth = scanned.depth - usize::from(array);
    if depth > depth_max {
        let at = opens_level(text.as_bytes(), depth_max + 1 + usize::from(array));
        let (line, column) = place(at);
        return Err(Unusable::TooDeep {
            line,
            column,
            depth,
            depth_max,
        });
    }
    // The product is a bound that nearly every body stays below by far; only others are counted.
    let bound = scanned
        .keys
        .saturating_mul(scanned.key_bytes_max)
        .saturating_mul(scanned.depth);
    let too_long = |payload: &Range<usize>| {
        let payload = &text.as_bytes()[payload.clone()];
        let bytes = if scanned.blanks == 0 {
            path_bytes(payload, 0)
        } else {
            path_bytes(&compact(payload, &mut []), 0)
        };
        bytes > PATHS_BYTES_MAX
    };
    if bound as u64 > PATHS_BYTES_MAX && payloads.iter().any(too_long) {
        return Err(Unusable::PathsTooLong);
    }
    if scanned.blanks == 0 && start == 0 {
        return Ok(Shaped::InPlace { payloads, array });
    }
    let text = compact(text.as_bytes(), &mut payloads);
    Ok(Shaped::Made(Parsed {
        text,
        payloads,
        array,
    }))
}

/// Where the first bracket stands that opens `level`, from 1, in JSON.
fn opens_level(json: &[u8], level: usize) -> usize {
    let (mut depth, mut in_text, mut is_escaped) = (0, false, false);
    let opens = |byte: &u8| {
        if in_text {
            in_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            return false;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        depth == level
    };
    json.iter().position(opens).unwrap_or_default()
}

/// The fields of a form as one flat event; a lone `payload` that holds JSON is that JSON.
fn from_form(body: &[u8], depth_max: usize) -> Result<Shaped, Unusable> {
    let mut text = vec![b'{'];
    let mut payload = None;
    let (mut nth, mut at) = (0, 0);
    for pair in body.split(|&b| b == b'&') {
        let begin = at;
        at += pair.len() + 1;
        if pair.is_empty() {
            continue;
        }
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let of_form = |raw: &[u8], at: usize| {
            decoded(raw).ok_or_else(|| {
                let (line, column) = position(body, at);
                Unusable::FormNotUtf8 {
                    field: nth + 1,
                    line,
                    column,
                }
            })
        };
        let name = of_form(&pair[..equals], begin)?;
        let value = of_form(
            pair.get(equals + 1..).unwrap_or_default(),
            begin + equals + 1,
        )?;
        if nth > 0 {
            text.push(b',');
        }
        write_string(&name, &mut text);
        text.push(b':');
        write_string(&value, &mut text);
        payload = (nth == 0 && name == "payload").then_some(value);
        nth += 1;
    }
    text.push(b'}');
    if let Some(value) = payload {
        let json = value.trim_start_matches('\u{feff}');
        if json
            .trim_start_matches([' ', '\t', '\n', '\r'])
            .starts_with(['{', '['])
        {
            return match shape(json.as_bytes(), 0, depth_max)? {
                Shaped::InPlace { payloads, array } => Ok(Shaped::Made(Parsed {
                    text: json.as_bytes().to_vec(),
                    payloads,
                    array,
                })),
                made @ Shaped::Made(_) => Ok(made),
            };
        }
    }
    if text.len() == 2 {
        return Err(Unusable::Empty);
    }
    let whole = 0..text.len();
    Ok(Shaped::Made(Parsed {
        text,
        payloads: smallvec![whole],
        array: false,
    }))
}

/// The text that a form's name or value stands for.
fn decoded(raw: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = raw
        .iter()
        .map(|&b| if b == b'+' { b' ' } else { b })
        .collect();
    String::from_utf8(percent_encoding::percent_decode(&spaced).collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn gives(body: &[u8], form: bool, wanted: &[&str], array: bool) {
        let parsed = parse(body.to_vec(), form, 64).unwrap();
        let payloads: Vec<_> = parsed
            .payloads
            .iter()
            .map(|p| String::from_utf8_lossy(&parsed.text[p.clone()]))
            .collect();
        assert_eq!(
            (payloads, parsed.array),
            (wanted.iter().map(|&w| w.into()).collect(), array)
        );
    }

    #[track_caller]
    fn refuses(body: &[u8], form: bool, why: &str) {
        let (found, back) = parse(body.to_vec(), form, 3).unwrap_err();
        assert_eq!((found.to_string().as_str(), back.as_slice()), (why, body));
    }

    #[test]
    fn json_whatever_the_content_type() {
        for form in [false, true] {
            gives(b"{\"a\":1}", form, &["{\"a\":1}"], false);
            gives(
                b"\xEF\xBB\xBF \n{ \"a\" : \"b c\" }\r\n",
                form,
                &["{\"a\":\"b c\"}"],
                false,
            );
            gives(b"[{\"a\":1},{ }]", form, &["{\"a\":1}", "{}"], true);
            gives(b"[{}]", form, &["{}"], true);
        }
    }

    #[test]
    fn forms() {
        gives(
            b"a=1&b=x+y%21&a=%C3%A4&c",
            true,
            &["{\"a\":\"1\",\"b\":\"x y!\",\"a\":\"\u{e4}\",\"c\":\"\"}"],
            false,
        );
        gives(b"payload=%7B%22a%22%3A+1%7D", true, &["{\"a\":1}"], false);
        gives(b"payload=[{}]", true, &["{}"], true);
        gives(b"payload=text", true, &["{\"payload\":\"text\"}"], false);
        gives(
            b"payload=%7B%7D&x=1",
            true,
            &["{\"payload\":\"{}\",\"x\":\"1\"}"],
            false,
        );
        gives(b"42", true, &["{\"42\":\"\"}"], false);
        refuses(
            b"a=1&b=%FF",
            true,
            "field 2 of the form is not UTF-8 once it is decoded",
        );
        refuses(
            b"payload=%7B1%7D",
            true,
            "line 1, column 2: expected a key in double quotes",
        );
        refuses(b"&&", true, "the body is empty");
        let place = |body: &[u8]| parse(body.to_vec(), true, 3).unwrap_err().0.place();
        assert_eq!(place(b"a=1&&\xC3\xA4=2\n3&b=%FF"), Some((2, 5)));
        assert_eq!(place(b"a=1&%FF=x"), Some((1, 5)));
        assert_eq!(place(b" \n"), Some((1, 1)));
    }

    #[test]
    fn refusals() {
        refuses(b"", false, "the body is empty");
        refuses(b"\xEF\xBB\xBF \n", true, "the body is empty");
        refuses(b"hello", false, "line 1, column 1: expected a JSON value");
        refuses(
            b"{\n  \"a\": tru}",
            true,
            "line 2, column 11: expected `true`, `false` or `null`",
        );
        refuses(
            b"{\"a\":\"\xFF\"}",
            false,
            "line 1, column 7: the body is not UTF-8",
        );
        refuses(
            b"7",
            false,
            "the body is a single JSON value; a row needs an object",
        );
        refuses(
            b"[]",
            false,
            "the body is an empty array; there is nothing to store",
        );
        refuses(
            b"[{},\n 7]",
            false,
            "line 2, column 2: element 1 of the array is not an object; nothing of the array was stored",
        );
        refuses(
            b"{\"a\":[[[]]]}",
            false,
            "line 1, column 8: objects and arrays are nested 4 deep; the limit is 3 (limits.depth_max)",
        );
        refuses(
            b"[{\"[[[\\\"[\":[]},\n {\"a\":[[{}, {}]]}]",
            false,
            "line 2, column 9: objects and arrays are nested 4 deep; the limit is 3 (limits.depth_max)",
        );
        assert!(parse(b"{\"a\":[[]]}".to_vec(), false, 3).is_ok());
    }

    #[test]
    fn a_long_key_above_many_values_is_refused() {
        let many = |key: usize| {
            let values: Vec<String> = (0..5000).map(|n| format!("\"{n}\":1")).collect();
            format!("{{\"{}\": {{{}}}}}", "k".repeat(key), values.join(","))
        };
        assert!(parse(many(200).into_bytes(), false, 64).is_ok());
        let (why, _) = parse(many(4000).into_bytes(), false, 64).unwrap_err();
        assert_eq!(
            why.to_string(),
            "the paths of an event's values, taken together, are over 1048576 bytes; use shorter keys or less nesting"
        );
    }
}
