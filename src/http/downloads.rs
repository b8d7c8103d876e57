//! Downloads as the description of the interface has them: one handler, and
//! three kinds of paths that it takes.

use super::documented::{self, Answers, in_path, needed, query, refused, said};
use super::kinds;
use crate::read::ask::{DECIMALS, DELIMITERS, Format, PROFILES};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::Object;
use utoipa::openapi::{Content, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

/// The download of a day.
pub(super) struct OfDay;
/// The download of a range of days.
pub(super) struct OfRange;
/// The download of one file of a day.
pub(super) struct OfPart;

/// Which day, and as what.
pub(super) struct DayAsked;

impl IntoParams for DayAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let date = "The day, written out or by a word; `latest` is the newest day that has rows.";
        let mut all = vec![source(), in_path("date", date, documented::day()), format()];
        all.extend(options());
        all.extend(conditions());
        all
    }
}

/// Which days, and as what.
pub(super) struct RangeAsked;

impl IntoParams for RangeAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let from = "The first day, written out or by a word; `-30d` is 30 days ago.";
        let to = "The last day, which is one of them.";
        let mut all = vec![source(), format()];
        all.extend([needed("from", from, when()), needed("to", to, when())]);
        all.extend(options());
        all.extend(conditions());
        all
    }
}

/// Which file.
pub(super) struct PartAsked;

impl IntoParams for PartAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let day = documented::like("^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
        let part = "The number of the file, from 1.";
        let mut all = vec![
            source(),
            in_path("date", "The day, written out.", day),
            in_path("part", part, documented::like("^[1-9][0-9]*$")),
        ];
        all.extend(conditions());
        all
    }
}

fn source() -> Parameter {
    in_path("source", "The name of the source.", documented::source())
}

fn format() -> Parameter {
    let words = Format::ALL.map(|(_, ending)| ending);
    let what = "CSV, the same gzipped, a workbook, or the events as they were sent, one a line.";
    in_path("format", what, documented::one_of(words))
}

fn when() -> Object {
    documented::like("^([0-9]{4}-[0-9]{2}-[0-9]{2}|today|yesterday|-[0-9]+d)$")
}

/// What changes the bytes but not the days.
fn options() -> [Parameter; 6] {
    [
        query(
            "profile",
            "For whom a CSV is meant: `plain` as on disk; `excel` with a byte order mark, CRLF, and dates and text that Excel \
             takes for what they are. Only for CSV.",
            documented::one_of(PROFILES.map(|(word, _)| word)),
        ),
        query(
            "delimiter",
            "What stands between two cells; without it a comma, or a semicolon where the decimal sign is a comma. Needs \
             `profile=excel`.",
            documented::one_of(DELIMITERS.map(|(word, _)| word)),
        ),
        query(
            "decimal",
            "What stands between a number's whole part and its fraction; without it a point. Needs `profile=excel`.",
            documented::one_of(DECIMALS.map(|(word, _)| word)),
        ),
        query(
            "columns",
            "These columns in this order, with commas between them and a name that has a comma in it in double quotes; without \
             it all.",
            documented::text(),
        ),
        query(
            "view",
            "The name of a view of the source, as its configuration has it; without it all rows.",
            documented::text(),
        ),
        query(
            "tz",
            "The zone in which dates are shown, by its IANA name; without it the configured one. Needs `profile=excel` or XLSX.",
            documented::text(),
        ),
    ]
}

/// Which version somebody has, and how much is wanted.
fn conditions() -> [Parameter; 4] {
    let of_file = "For plain CSV alone.";
    [
        documented::header(
            "If-None-Match",
            "The `ETag` of what somebody has.",
            documented::text(),
        ),
        documented::header(
            "If-Modified-Since",
            &format!("The `Last-Modified` of what somebody has. {of_file}"),
            documented::text(),
        ),
        documented::header(
            "Range",
            &format!("One range of bytes. {of_file}"),
            documented::text(),
        ),
        documented::header(
            "If-Range",
            &format!("The range counts only if this is still the version. {of_file}"),
            documented::text(),
        ),
    ]
}

/// What a download in one of `formats` may be answered.
fn answers(formats: &[Format]) -> Answers {
    let mut whole = ResponseBuilder::new()
        .description("All of it.")
        .header("ETag", said("Which version it is."))
        .header("Content-Disposition", said("A name for the file."))
        .header(
            "Last-Modified",
            said("When it changed last. Of plain CSV alone."),
        )
        .header("Accept-Ranges", said("`bytes`. Of plain CSV alone."));
    for format in formats {
        let schema = format.is_text().then(documented::text);
        whole = whole.content(media_type(*format), Content::new(schema));
    }
    let part = ResponseBuilder::new()
        .description("The bytes that were asked for, of plain CSV.")
        .header("ETag", said("Which version it is."))
        .header("Content-Range", said("Which bytes, of how many."))
        .content(
            media_type(Format::Csv),
            Content::new(Some(documented::text())),
        );
    let same = ResponseBuilder::new().description("What somebody has is still the version.");
    let mut answers = refused(&[
        kinds::PARAMETER,
        kinds::READ_TOKEN,
        kinds::NO_LINK,
        kinds::LINK_ENDED,
        kinds::NO_SUCH_EXPORT,
        kinds::NO_SUCH_SOURCE,
        kinds::NO_TABLE,
        kinds::GONE,
        kinds::PUT_AWAY,
        kinds::RANGE,
        kinds::ATTEMPTS,
        kinds::INTERNAL,
        kinds::BEHIND,
        kinds::UNREADABLE,
    ]);
    for (status, answer) in [("200", whole), ("206", part), ("304", same)] {
        answers.insert(status.to_owned(), answer.into());
    }
    answers
}

/// The media type without its parameters.
fn media_type(format: Format) -> &'static str {
    let media_type = format.media_type();
    media_type.split(';').next().unwrap_or(media_type)
}

/// A download.
pub(super) struct Downloaded;

impl IntoResponses for Downloaded {
    fn responses() -> Answers {
        answers(&Format::ALL.map(|(format, _)| format))
    }
}

/// The download of a file alone.
pub(super) struct DownloadedPart;

impl IntoResponses for DownloadedPart {
    fn responses() -> Answers {
        answers(&[Format::Csv])
    }
}
