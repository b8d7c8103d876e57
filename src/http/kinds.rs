//! Every kind of refusal there is, in one table: its status, the name by which
//! a program knows it, and its title. What was wrong with one request and what
//! to do about it is `problem`'s.

/// A kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The status of its answer.
    pub status: u16,
    /// What its `type` ends with.
    pub name: &'static str,
    /// Its title, the same for all of the kind.
    pub title: &'static str,
}

/// Makes a constant of each line, and the list of all.
macro_rules! kinds {
    ($($constant:ident: $status:literal $name:literal $title:literal,)*) => {
        $(pub(super) const $constant: Kind = Kind { status: $status, name: $name, title: $title };)*
        /// All of them.
        pub(super) const ALL: &[Kind] = &[$($constant),*];
    };
}

kinds! {
    BAD_REQUEST: 400 "bad-request" "The request breaks the rules of HTTP",
    CUT_OFF: 400 "cut-off" "The request ended before its body did",
    EMPTY: 400 "empty" "The body is empty",
    NOT_JSON: 400 "not-json" "The body is neither JSON nor a form",
    NOT_TLS: 400 "not-tls" "This port speaks TLS",
    PARAMETER: 400 "parameter" "A parameter cannot be used",
    NO_LINK: 401 "no-link" "This link does not open this export",
    READ_TOKEN: 401 "read-token" "Reading needs the read token",
    UNAUTHORIZED: 401 "unauthorized" "The Authorization header is not the one that this source asks for",
    FORM: 403 "form" "This form is not of a page that is in force",
    LINK_ENDED: 403 "link-ended" "This link does not open any more",
    ORIGIN: 403 "origin" "Web pages may not deliver here",
    GONE: 404 "gone" "The table's file is not there any more",
    NO_SUCH_BODY: 404 "no-such-body" "There is no such refused body",
    NO_SUCH_EXPORT: 404 "no-such-export" "There is no such export",
    NO_SUCH_PATH: 404 "no-such-path" "There is nothing here",
    NO_SUCH_ROW: 404 "no-such-row" "There is no row at this place",
    NO_SUCH_SOURCE: 404 "no-such-source" "There is no such source",
    NO_TABLE: 404 "no-table" "There is no such table",
    PUT_AWAY: 404 "put-away" "The journal of this day was put away",
    METHOD: 405 "method" "This method is not for this path",
    HEAD_TOO_SLOW: 408 "head-too-slow" "The request took too long",
    TOO_SLOW: 408 "too-slow" "The body took too long",
    TOO_LARGE: 413 "too-large" "The body is too large",
    TOO_MANY_EVENTS: 413 "too-many-events" "The array holds too many events",
    ENCODING: 415 "encoding" "This Content-Encoding is not understood",
    NOT_A_FORM: 415 "not-a-form" "This page takes forms",
    RANGE: 416 "range" "The range lies outside of the file",
    NO_ROWS: 422 "no-rows" "The JSON cannot become rows",
    ATTEMPTS: 429 "attempts" "Too many wrong secrets",
    RATE: 429 "rate" "Too many requests",
    HEAD_TOO_LARGE: 431 "head-too-large" "The head of the request is too large",
    INTERNAL: 500 "internal" "Something went wrong in rowhook",
    BEHIND: 503 "behind" "The table does not have every row yet",
    BUSY: 503 "busy" "Too much is waiting",
    CONNECTIONS: 503 "connections" "There are too many connections",
    NOT_DURABLE: 503 "not-durable" "It could not be stored durably",
    STOPPING: 503 "stopping" "rowhook is stopping",
    UNREADABLE: 503 "unreadable" "The table cannot be read now",
}
