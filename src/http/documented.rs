//! What the description of the interface is put together from, where types do
//! not say it: refusals, by the table of their kinds, and parameters with what
//! they may be.
//!
//! Promises: a status, a name and a title are those of the table and no others.

use super::kinds::{self, Kind};
use super::problem::{MEDIA_TYPE, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema as _};

/// Answers by their status.
pub(super) type Answers = BTreeMap<String, RefOr<Response>>;

/// What everybody who reads may hear, where nothing else can go wrong than in rowhook itself.
pub(super) struct Reading;

impl IntoResponses for Reading {
    fn responses() -> Answers {
        refused(&[kinds::READ_TOKEN, kinds::ATTEMPTS, kinds::INTERNAL])
    }
}

/// Refusals of these kinds.
pub(super) fn refused(of: &[Kind]) -> Answers {
    refused_or(of, &[])
}

/// Refusals of these kinds; those with a status in `pages` may come as a page for people too.
pub(super) fn refused_or(of: &[Kind], pages: &[u16]) -> Answers {
    let statuses = of.iter().map(|kind| &kind.status);
    let statuses: BTreeSet<u16> = statuses.chain(pages).copied().collect();
    let answer = |status: u16| {
        let of: Vec<Kind> = of
            .iter()
            .copied()
            .filter(|kind| kind.status == status)
            .collect();
        let page = pages.contains(&status);
        match of.as_slice() {
            [kind] if !page => Ref::from_response_name(kind.name).into(),
            of => RefOr::T(refusal(status, of, page)),
        }
    };
    statuses
        .into_iter()
        .map(|status| (status.to_string(), answer(status)))
        .collect()
}

/// What answers of one status are.
pub(super) fn refusal(status: u16, of: &[Kind], page: bool) -> Response {
    let kinds = of
        .iter()
        .map(|kind| format!("`{}`: {}.", kind.name, kind.title));
    let page_says = page.then(|| "The page again, with what was wrong.".to_owned());
    let says: Vec<String> = kinds.chain(page_says).collect();
    let mut response = ResponseBuilder::new().description(says.join("\n\n"));
    if !of.is_empty() {
        let schema = Ref::from_schema_name(Told::name());
        response = response.content(MEDIA_TYPE, Content::new(Some(schema)));
        if let Some((name, what)) = header_of(status) {
            response = response.header(name, said(what));
        }
    }
    if page {
        response = response.content("text/html", Content::new(Some(text())));
    }
    response.build()
}

/// A page for people.
pub(super) fn page(what: &str) -> Response {
    ResponseBuilder::new()
        .description(what)
        .content("text/html", Content::new(Some(text())))
        .build()
}

/// That another page is to be gone on to; with a cookie where `cookie` says of what.
pub(super) fn go_on(what: &str, cookie: Option<&str>) -> Response {
    let mut answer = ResponseBuilder::new()
        .description(what)
        .header("Location", said("Where to, as seen from this address."));
    if let Some(what) = cookie {
        answer = answer.header("Set-Cookie", said(what));
    }
    answer.build()
}

/// The fields of a form: name, what it is, and what it may be. Those in `needed` must be there.
pub(super) fn form(
    fields: impl IntoIterator<Item = (&'static str, &'static str, Object)>,
    needed: &[&str],
) -> RefOr<Schema> {
    let mut form = ObjectBuilder::new();
    for (name, what, mut may_be) in fields {
        may_be.description = Some(what.to_owned());
        form = form.property(name, may_be);
    }
    for name in needed {
        form = form.required(*name);
    }
    form.into()
}

/// The header that a refusal with this status has besides, and what it says.
fn header_of(status: u16) -> Option<(&'static str, &'static str)> {
    Some(match status {
        401 => ("WWW-Authenticate", "How to show who one is."),
        405 => ("Allow", "The methods that the path takes."),
        416 => ("Content-Range", "How long the file is."),
        429 | 503 => (
            "Retry-After",
            "After so many seconds it is worth another try.",
        ),
        _ => return None,
    })
}

/// A header of an answer, and what it says.
pub(super) fn said(what: &str) -> Header {
    HeaderBuilder::new()
        .schema(text())
        .description(Some(what))
        .build()
}

/// Any text.
pub(super) fn text() -> Object {
    Object::with_type(Type::String)
}

/// Texts under any names.
pub(super) fn texts() -> ObjectBuilder {
    let any = RefOr::T(Schema::from(text()));
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::RefOr(any)))
}

/// A text that the regular expression `pattern` matches.
pub(super) fn like(pattern: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .build()
}

/// One of some words.
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build()
}

/// How many of something there are.
pub(super) fn count() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .build()
}

/// A whole number.
pub(super) fn number(range: RangeInclusive<usize>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(*range.start()))
        .maximum(Some(*range.end()))
        .build()
}

/// The name of a source.
pub(super) fn source() -> Object {
    like("^[a-z0-9][a-z0-9_-]{0,63}$")
}

/// A day, written out or by a word.
pub(super) fn day() -> Object {
    like("^([0-9]{4}-[0-9]{2}-[0-9]{2}|today|yesterday|latest)$")
}

/// The place of a row.
pub(super) fn row_place() -> Object {
    like("^[1-9][0-9]*-[0-9]+$")
}

/// The id of an event or of a body.
pub(super) fn id() -> Object {
    like("^[0-9a-f]{32}$")
}

/// The place of a refused body.
pub(super) fn body_place() -> Object {
    like("^[0-9]{4}-[0-9]{2}-[0-9]{2}\\.[0-9]+$")
}

/// A parameter of the query that may be left out.
pub(super) fn query(name: &str, what: &str, may_be: Object) -> Parameter {
    parameter(ParameterIn::Query, name, what, may_be, false)
}

/// A parameter of the query that must be there.
pub(super) fn needed(name: &str, what: &str, may_be: Object) -> Parameter {
    parameter(ParameterIn::Query, name, what, may_be, true)
}

/// A part of the path.
pub(super) fn in_path(name: &str, what: &str, may_be: Object) -> Parameter {
    parameter(ParameterIn::Path, name, what, may_be, true)
}

/// A header that may be left out.
pub(super) fn header(name: &str, what: &str, may_be: Object) -> Parameter {
    parameter(ParameterIn::Header, name, what, may_be, false)
}

fn parameter(
    place: ParameterIn,
    name: &str,
    what: &str,
    may_be: Object,
    needed: bool,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .description(Some(what))
        .required(if needed {
            Required::True
        } else {
            Required::False
        })
        .schema(Some(may_be))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Problem;

    /// What is said of a status is so.
    #[test]
    fn refusals_have_the_headers_of_their_status() {
        let source = String::new();
        let problems = [
            Problem::BadRequest,
            Problem::Unauthorized,
            Problem::ReadUnauthorized,
            Problem::NoLink,
            Problem::Origin,
            Problem::Form,
            Problem::NoSuchSource { source },
            Problem::Method { allow: "POST" },
            Problem::TooSlow { seconds: 1 },
            Problem::HeadTooSlow,
            Problem::TooLarge { bytes_max: 1 },
            Problem::Encoding,
            Problem::Range { bytes: 1 },
            Problem::TooManyAttempts,
            Problem::Rate { retry_seconds: 1 },
            Problem::HeadTooLarge,
            Problem::Internal,
            Problem::TooMuchWaiting,
            Problem::NotDurable,
            Problem::Draining,
            Problem::Behind,
            Problem::TooManyConnections,
        ];
        let all = [401, 405, 416, 429, 503].map(|status| header_of(status).unwrap().0);
        for problem in problems {
            let response = problem.respond();
            let wanted = header_of(response.status().as_u16()).map(|(name, _)| name);
            for name in all {
                let has = response.headers().contains_key(name);
                assert_eq!(has, wanted == Some(name), "{problem:?}: {name}");
            }
        }
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        let names: BTreeSet<&str> = kinds::ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), kinds::ALL.len());
    }
}
