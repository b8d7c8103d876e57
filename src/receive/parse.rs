//! A body as events. The body decides, not its Content-Type: what starts with
//! `{` or `[` is JSON or refused; only otherwise a form is taken for one.

use crate::json::{Top, compact, position, scan, write_string};
use std::ops::Range;

/// Events ready to be identified and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The text that holds them, without insignificant white space.
    pub text: Vec<u8>,
    /// Where in it each is.
    pub payloads: Vec<Range<usize>>,
    /// Whether they came as an array, be it of one.
    pub array: bool,
}

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
    /// Objects and arrays within each other beyond the limit.
    #[error(
        "objects and arrays are nested {depth} deep; the limit is {depth_max} (limits.depth_max)"
    )]
    TooDeep {
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
            Self::Scalar | Self::EmptyArray | Self::Mixed { .. } | Self::TooDeep { .. }
        )
    }

    /// Line and column, where there is a place.
    #[must_use]
    pub fn place(&self) -> Option<(usize, usize)> {
        match *self {
            Self::NotUtf8 { line, column }
            | Self::NotJson { line, column, .. }
            | Self::Mixed { line, column, .. } => Some((line, column)),
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
    InPlace {
        payloads: Vec<Range<usize>>,
        array: bool,
    },
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
    let (mut payloads, array) = match scanned.top {
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
        Top::Objects(payloads) => (payloads, true),
        Top::Object(payload) => (vec![payload], false),
    };
    if scanned.depth > depth_max {
        return Err(Unusable::TooDeep {
            depth: scanned.depth,
            depth_max,
        });
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

/// The fields of a form as one flat event; a lone `payload` that holds JSON is that JSON.
fn from_form(body: &[u8], depth_max: usize) -> Result<Shaped, Unusable> {
    let mut fields = Vec::new();
    for (nth, pair) in body
        .split(|&b| b == b'&')
        .filter(|pair| !pair.is_empty())
        .enumerate()
    {
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let decoded = |raw: &[u8]| {
            let spaced: Vec<u8> = raw
                .iter()
                .map(|&b| if b == b'+' { b' ' } else { b })
                .collect();
            String::from_utf8(percent_encoding::percent_decode(&spaced).collect())
                .map_err(|_| Unusable::FormNotUtf8 { field: nth + 1 })
        };
        // curl -d sends a file's last line end along.
        let value = pair.get(equals + 1..).unwrap_or_default();
        fields.push((decoded(&pair[..equals])?, decoded(value)?));
    }
    if let [(name, value)] = fields.as_slice()
        && name == "payload"
        && value
            .trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r'])
            .starts_with(['{', '['])
    {
        let value = value.trim_start_matches('\u{feff}').as_bytes();
        return match shape(value, 0, depth_max)? {
            Shaped::InPlace { payloads, array } => Ok(Shaped::Made(Parsed {
                text: value.to_vec(),
                payloads,
                array,
            })),
            made @ Shaped::Made(_) => Ok(made),
        };
    }
    if fields.is_empty() {
        return Err(Unusable::Empty);
    }
    let mut text = vec![b'{'];
    for (nth, (name, value)) in fields.iter().enumerate() {
        if nth > 0 {
            text.push(b',');
        }
        write_string(name, &mut text);
        text.push(b':');
        write_string(value, &mut text);
    }
    text.push(b'}');
    let whole = 0..text.len();
    Ok(Shaped::Made(Parsed {
        text,
        payloads: vec![whole],
        array: false,
    }))
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
            "objects and arrays are nested 4 deep; the limit is 3 (limits.depth_max)",
        );
        assert!(parse(b"{\"a\":[[]]}".to_vec(), false, 3).is_ok());
    }
}
