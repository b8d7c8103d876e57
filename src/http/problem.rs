//! Every refusal that rowhook can answer with, in one place: of which kind it
//! is, what was wrong and what to do (RFC 9457).

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::http::header::HttpDate;
use actix_web::http::{StatusCode, header};
use serde::Serialize;
use std::fmt::Write as _;
use std::time::SystemTime;
use utoipa::ToSchema;

use super::kinds::{self, Kind};
use super::shown_headers;
use crate::event::Timestamp;
use crate::follow::Unavailable;
use crate::links::Ended;
use crate::read::{AskError, ExportError};
use crate::receive::Unusable;

/// Why a request was not answered as it wished.
#[derive(Debug)]
pub enum Problem {
    /// The body gives no events; whether it was kept.
    Unusable {
        /// Why.
        why: Unusable,
        /// What became of the body.
        kept: KeptAs,
    },
    /// The connection or its encoding broke before the body's end.
    CutOff,
    /// The sender did not show that it is one.
    Unauthorized,
    /// The reader did not.
    ReadUnauthorized,
    /// The reader's link is none of what is asked for.
    NoLink,
    /// The reader's link was one.
    LinkEnded(Ended),
    /// A web page tries to deliver where no authentication is asked for.
    Origin,
    /// A form that is not one of our pages, or of a page of before.
    Form,
    /// No such source.
    NoSuchSource {
        /// Its name, as asked for.
        source: String,
    },
    /// No such path.
    NoSuchPath {
        /// The path.
        path: String,
    },
    /// Another method is meant.
    Method {
        /// Which.
        allow: &'static str,
    },
    /// The body took too long.
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// The body is too large.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The array holds too many events.
    TooManyEvents {
        /// The limit.
        events_max: usize,
    },
    /// A Content-Encoding that is not known.
    Encoding,
    /// Not a form, where one is meant.
    NotAForm,
    /// A form that is too large.
    FormTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Too many requests of this source.
    Rate {
        /// When to come again.
        retry_seconds: u64,
    },
    /// All requests together hold too much.
    TooMuchWaiting,
    /// It could not be made durable.
    NotDurable,
    /// rowhook is about to stop.
    Draining,
    /// What is asked for under `/exports` is nothing.
    Ask(AskError),
    /// A parameter is missing, or is not what it may be.
    Parameter(String),
    /// No row begins at the place.
    NoSuchRow,
    /// There is no such table, or it cannot be read.
    Export(ExportError),
    /// The table does not have every row yet.
    Behind,
    /// The range asked for lies outside.
    Range {
        /// How long it is.
        bytes: u64,
    },
    /// Something that should not be.
    Internal,
    /// A head or a framing that HTTP/1.1 does not have, or that others may read in another way.
    BadRequest,
    /// The head is too large.
    HeadTooLarge,
    /// The head took too long.
    HeadTooSlow,
    /// HTTP where TLS is spoken.
    NotTls,
    /// Too many wrong secrets of one address wait for their answers.
    TooManyAttempts,
    /// There are as many connections as there may be.
    TooManyConnections,
    /// There is no such refused body.
    NoSuchBody,
}

/// What became of a refused body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptAs {
    /// In the rejected file.
    Rejected,
    /// Not kept: the day's file is full.
    Full,
}

impl From<Unavailable> for Problem {
    fn from(_: Unavailable) -> Self {
        Self::Behind
    }
}

const RETRY_SECONDS: u64 = 5;

/// What a refusal is sent as.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was refused (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Told {
    /// What kind of problem it is: `urn:rowhook:problem:` and its name.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:rowhook:problem:[a-z-]+$")]
    kind: String,
    /// The kind in words, always the same.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What was wrong with this request.
    detail: String,
    /// Of a body that cannot become rows: the line of the fault, from 1, where it has a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    line: Option<usize>,
    /// In it the character, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    column: Option<usize>,
    /// Of a body that cannot become rows: whether it was kept, to be corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kept: Option<bool>,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    help: Option<&'static str>,
}

impl Problem {
    /// Of which kind it is.
    fn kind(&self) -> Kind {
        match self {
            Self::Unusable { why, .. } if why.is_json() => kinds::NO_ROWS,
            Self::Unusable {
                why: Unusable::Empty,
                ..
            } => kinds::EMPTY,
            Self::Unusable { .. } => kinds::NOT_JSON,
            Self::CutOff => kinds::CUT_OFF,
            Self::Unauthorized => kinds::UNAUTHORIZED,
            Self::ReadUnauthorized => kinds::READ_TOKEN,
            Self::NoLink => kinds::NO_LINK,
            Self::LinkEnded(_) => kinds::LINK_ENDED,
            Self::Origin => kinds::ORIGIN,
            Self::Form => kinds::FORM,
            Self::NoSuchSource { .. } => kinds::NO_SUCH_SOURCE,
            Self::NoSuchPath { .. } => kinds::NO_SUCH_PATH,
            Self::Method { .. } => kinds::METHOD,
            Self::TooSlow { .. } => kinds::TOO_SLOW,
            Self::TooLarge { .. } | Self::FormTooLarge { .. } => kinds::TOO_LARGE,
            Self::TooManyEvents { .. } => kinds::TOO_MANY_EVENTS,
            Self::Encoding => kinds::ENCODING,
            Self::NotAForm => kinds::NOT_A_FORM,
            Self::Range { .. } => kinds::RANGE,
            Self::TooManyAttempts => kinds::ATTEMPTS,
            Self::Rate { .. } => kinds::RATE,
            Self::Ask(AskError::NoSuch) => kinds::NO_SUCH_EXPORT,
            Self::NoSuchRow => kinds::NO_SUCH_ROW,
            Self::Ask(_) | Self::Parameter(_) | Self::Export(ExportError::Ask(_)) => {
                kinds::PARAMETER
            }
            Self::Export(ExportError::NoTable { .. }) => kinds::NO_TABLE,
            Self::Export(ExportError::Gone { .. }) => kinds::GONE,
            Self::Export(ExportError::PutAway(_)) => kinds::PUT_AWAY,
            Self::Export(ExportError::Io(_) | ExportError::Forgotten { .. }) => kinds::UNREADABLE,
            Self::BadRequest => kinds::BAD_REQUEST,
            Self::NotTls => kinds::NOT_TLS,
            Self::HeadTooSlow => kinds::HEAD_TOO_SLOW,
            Self::HeadTooLarge => kinds::HEAD_TOO_LARGE,
            Self::TooManyConnections => kinds::CONNECTIONS,
            Self::NoSuchBody => kinds::NO_SUCH_BODY,
            Self::Internal => kinds::INTERNAL,
            Self::TooMuchWaiting => kinds::BUSY,
            Self::NotDurable => kinds::NOT_DURABLE,
            Self::Draining => kinds::STOPPING,
            Self::Behind | Self::Export(ExportError::Changing(_)) => kinds::BEHIND,
        }
    }

    /// What was wrong, in a sentence.
    fn detail(&self) -> String {
        match self {
            Self::Unusable { why, .. } => why.to_string(),
            Self::CutOff => {
                "the connection or its transfer encoding broke before the end of the body".into()
            }
            Self::Unauthorized => "the Authorization header is missing or has another value".into(),
            Self::ReadUnauthorized => "the read token is missing or is another one".into(),
            Self::NoLink => {
                "a link opens the one export that it was made for, with the parameters that it was made with".into()
            }
            Self::LinkEnded(ended) => format!("the link {ended}"),
            Self::Origin => {
                "the request carries an Origin header, and this source asks for no authentication"
                    .into()
            }
            Self::Form => {
                "it came from another site, or from a page of a session that is over".into()
            }
            Self::NoSuchSource { source } => format!("no source is called {source:?}"),
            Self::NoSuchPath { path } => format!("nothing is served under {path:?}"),
            Self::Method { allow } => format!("this path takes {allow}"),
            Self::TooSlow { seconds } => format!(
                "the body did not arrive within {seconds} seconds (limits.body_seconds_max)"
            ),
            Self::TooLarge { bytes_max } => {
                format!("the body, decoded, is over {bytes_max} bytes (limits.body_bytes_max)")
            }
            Self::TooManyEvents { events_max } => {
                format!("an array may hold {events_max} events here (limits.waiting_bytes_max)")
            }
            Self::Encoding => "the body has a Content-Encoding other than gzip or identity".into(),
            Self::NotAForm => {
                "the Content-Type is another one than application/x-www-form-urlencoded".into()
            }
            Self::FormTooLarge { bytes_max } => {
                format!("a form of this page may have {bytes_max} bytes")
            }
            Self::Rate { retry_seconds } => {
                format!("the source is over its requests_per_second_max; wait {retry_seconds} s")
            }
            Self::TooMuchWaiting => {
                "bodies that are being read or wait for the disk fill limits.waiting_bytes_max"
                    .into()
            }
            Self::NotDurable => {
                "the disk is full or failing; nothing of this request may be counted on".into()
            }
            Self::Draining => "rowhook is stopping and takes nothing new".into(),
            Self::Ask(error) => error.to_string(),
            Self::Parameter(why) => why.clone(),
            Self::NoSuchRow => {
                "a new column or an edit moved what stood there; look for the row again".into()
            }
            Self::Export(ExportError::Io(_)) => "the disk did not give the table's file".into(),
            Self::Export(error) => error.to_string(),
            Self::Behind => "the table did not reach the last acknowledged event in time".into(),
            Self::Range { bytes } => format!("the file has {bytes} bytes"),
            Self::Internal => "the log of the server tells more".into(),
            Self::BadRequest => {
                "its head or its framing is not as RFC 9112 has it, or can be read in two ways".into()
            }
            Self::HeadTooLarge => "a head may have 128 KiB and 96 lines".into(),
            Self::HeadTooSlow => {
                "the head did not arrive in time (limits.head_seconds_max)".into()
            }
            Self::TooManyAttempts => {
                "too many requests with a wrong secret came from this address; the right one is never refused".into()
            }
            Self::NotTls => "the request came as plain HTTP".into(),
            Self::TooManyConnections => {
                "as many connections are open as there may be (limits.connections_max)".into()
            }
            Self::NoSuchBody => {
                "its file was moved away, or `id` and `at` are of no body that is listed".into()
            }
        }
    }

    /// What to do about it.
    fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unusable {
                kept: KeptAs::Full, ..
            } => {
                "mend it and send it again; the body was NOT kept, because the day's rejected file is full (limits.rejected_bytes_max)"
            }
            Self::Unusable { .. } => {
                "mend it and send it again; the body was kept in the day's rejected file"
            }
            Self::Unauthorized => {
                "fill in the same value at the sender and here, byte for byte, with or without a scheme"
            }
            Self::ReadUnauthorized => {
                "send it as Authorization: Bearer TOKEN, or as the password of any user name"
            }
            Self::NoLink => {
                "use it as it was printed, or ask whoever runs this server for another one (`rowhook link`)"
            }
            Self::LinkEnded(_) => "ask whoever runs this server for a new one (`rowhook link`)",
            Self::Origin => {
                "set a secret for the source (LESSONLY_AUTHORIZATION, or auth in the configuration)"
            }
            Self::Form => "open the page again, and send the form from there",
            Self::NoSuchSource { .. } => {
                "`rowhook check` lists the sources and their callback URLs"
            }
            Self::TooLarge { .. } | Self::TooManyEvents { .. } => {
                "send fewer events at a time, or raise the limit"
            }
            Self::Encoding => "send it plain or with Content-Encoding: gzip",
            Self::CutOff | Self::TooSlow { .. } => "send it again: a retry of anything is safe",
            Self::NotTls => "use https:// instead of http://",
            Self::TooMuchWaiting
            | Self::NotDurable
            | Self::Draining
            | Self::Behind
            | Self::TooManyConnections => "try again soon: a retry of anything is safe",
            _ => return None,
        })
    }

    /// Its status, and in a few sentences what was wrong and what to do: for a page that shows more.
    #[must_use]
    pub fn for_person(&self) -> (StatusCode, String) {
        let Kind { status, title, .. } = self.kind();
        let help = self
            .help()
            .map_or_else(String::new, |help| format!("; {help}"));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, format!("{title}: {}{help}.", self.detail()))
    }

    /// The response.
    #[must_use]
    pub fn respond(&self) -> HttpResponse {
        let Kind {
            status,
            name,
            title,
        } = self.kind();
        let unusable = match self {
            Self::Unusable { why, kept } => Some((why.place(), *kept == KeptAs::Rejected)),
            _ => None,
        };
        let place = unusable.and_then(|(place, _)| place);
        let told = Told {
            kind: format!("urn:rowhook:problem:{name}"),
            title,
            status,
            detail: self.detail(),
            line: place.map(|place| place.0),
            column: place.map(|place| place.1),
            kept: unusable.map(|(_, kept)| kept),
            help: self.help(),
        };
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(code);
        match self {
            Self::Unauthorized => {
                response.insert_header((header::WWW_AUTHENTICATE, "Webhook realm=\"rowhook\""))
            }
            Self::ReadUnauthorized | Self::NoLink => response.insert_header((
                header::WWW_AUTHENTICATE,
                "Basic realm=\"rowhook\", charset=\"UTF-8\"",
            )),
            Self::Method { allow } => response.insert_header((header::ALLOW, *allow)),
            Self::Rate { retry_seconds } => {
                response.insert_header((header::RETRY_AFTER, retry_seconds.to_string()))
            }
            Self::TooManyAttempts => response.insert_header((header::RETRY_AFTER, "2")),
            Self::Range { bytes } => {
                response.insert_header((header::CONTENT_RANGE, format!("bytes */{bytes}")))
            }
            Self::TooSlow { .. } | Self::CutOff | Self::BadRequest => response.force_close(),
            _ if status == 503 => {
                response.insert_header((header::RETRY_AFTER, RETRY_SECONDS.to_string()))
            }
            _ => &mut response,
        };
        if matches!(self, Self::Draining) {
            response.force_close();
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        // Texts and numbers can always be written.
        let body = serde_json::to_string(&told).unwrap_or_default();
        response.content_type(MEDIA_TYPE).body(body)
    }

    /// The response as bytes, for a connection that is closed after it: where there is no request to respond to.
    #[must_use]
    pub fn last_words(&self) -> Vec<u8> {
        self.bytes("connection: close\r\n")
    }

    /// The same for a connection that goes on.
    #[must_use]
    pub fn words(&self) -> Vec<u8> {
        self.bytes("")
    }

    fn bytes(&self, first: &str) -> Vec<u8> {
        let response = self.respond();
        let status = response.status();
        let reason = status.canonical_reason().unwrap_or_default();
        let mut text = format!("HTTP/1.1 {} {reason}\r\n{first}", status.as_u16());
        for (name, value) in response.headers() {
            let _ = write!(text, "{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
        for (name, value) in shown_headers() {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let date = date(Timestamp::now());
        let body = response.into_body().try_into_bytes().unwrap_or_default();
        let _ = write!(
            text,
            "content-length: {}\r\ndate: {date}\r\n\r\n",
            body.len()
        );
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }
}

/// A moment as HTTP writes it (RFC 9110, 5.6.7).
pub(super) fn date(moment: Timestamp) -> String {
    HttpDate::from(SystemTime::from(moment.utc())).to_string()
}
