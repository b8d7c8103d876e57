//! Conditions and ranges of a download (RFC 9110, 13 and 14): which version
//! somebody has already, and how much of this one is asked for.

use crate::event::Timestamp;
use crate::read::Export;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HttpDate};
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whether the request knows `etag` already, compared weakly; nothing when it names no tags.
pub(super) fn has_tag(request: &HttpRequest, etag: &str) -> Option<bool> {
    fn strong(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    let mut lines = request.headers().get_all(header::IF_NONE_MATCH).peekable();
    lines.peek()?;
    // Several lines are one list (RFC 9110, 5.3).
    let mut tags = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    Some(tags.any(|tag| tag.trim() == "*" || strong(tag) == strong(etag)))
}

/// What tells one version of an export from another.
pub(super) struct Validators {
    etag: String,
    modified_ms: i64,
    is_dated: bool,
}

impl Validators {
    pub fn of(export: &Export) -> Self {
        Self {
            etag: export.etag.clone(),
            modified_ms: export.modified_ms,
            is_dated: export.is_dated,
        }
    }

    /// The second after the last change, once that is over: HTTP's dates have whole seconds, and within one a file may
    /// change again after it was sent. A date is believed only if it is this one: a clock may have been set back.
    fn next_second(&self) -> i64 {
        self.modified_ms.div_euclid(1000) + 1
    }

    pub fn last_modified(&self) -> HttpDate {
        let now = Timestamp::now().millis().div_euclid(1000);
        let shown = if self.next_second() <= now {
            self.next_second()
        } else {
            self.next_second() - 1
        };
        HttpDate::from(UNIX_EPOCH + Duration::from_secs(u64::try_from(shown.min(now)).unwrap_or(0)))
    }

    /// Whether `date` proves that somebody has this version.
    fn is_of(&self, date: &str) -> bool {
        if !self.is_dated {
            return false;
        }
        let Ok(date) = date.parse::<HttpDate>() else {
            return false;
        };
        let seconds = SystemTime::from(date)
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        i64::try_from(seconds) == Ok(self.next_second())
    }

    pub fn is_unchanged(&self, request: &HttpRequest) -> bool {
        if let Some(same) = has_tag(request, &self.etag) {
            return same;
        }
        let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        text(header::IF_MODIFIED_SINCE).is_some_and(|date| self.is_of(date))
    }
}

pub(super) enum Asked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// The one range that is asked for; several at once are answered with the whole, as RFC 9110 allows.
pub(super) fn range_of(request: &HttpRequest, validators: &Validators, bytes: u64) -> Asked {
    let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
    let Some(asked) = text(header::RANGE).and_then(|r| r.strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    if let Some(condition) = text(header::IF_RANGE) {
        let holds = if condition.starts_with('"') {
            condition == validators.etag
        } else {
            validators.is_of(condition)
        };
        if !holds {
            return Asked::Whole;
        }
    }
    let Some((from, to)) = asked.trim().split_once('-') else {
        return Asked::Whole;
    };
    match (number(from), number(to)) {
        (None, Some(_)) if from.is_empty() && bytes == 0 => Asked::Outside,
        (Some(from), Some(to)) if from > to => Asked::Whole,
        (Some(from), last) if from >= bytes && (to.is_empty() || last.is_some()) => Asked::Outside,
        (Some(from), Some(to)) => Asked::Part(from..(to.saturating_add(1)).min(bytes)),
        (Some(from), None) if to.is_empty() => Asked::Part(from..bytes),
        (None, Some(0)) if from.is_empty() => Asked::Outside,
        (None, Some(last)) if from.is_empty() => Asked::Part(bytes.saturating_sub(last)..bytes),
        _ => Asked::Whole,
    }
}

/// A number of digits alone.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}
