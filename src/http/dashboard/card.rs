//! A refused body as the pages show it: when and where it came, why it was
//! refused, the place of the fault in its text, and what became of it.

use super::shown::{self, Excerpt, Shown};
use super::{reasons, words};
use crate::engine::Live;
use crate::event::{Id, SourceName, Timestamp};
use crate::http::refused::Looked;
use crate::receive::Unusable;
use crate::rejects::{Found, Place, What};
use base64::Engine as _;

/// So many bytes are shown of a body that is no text.
const RAW_BYTES: usize = 300;

/// A body as it is shown.
pub(super) struct Card {
    pub id: Id,
    pub at: Place,
    pub received_at: Timestamp,
    pub source: SourceName,
    pub configured: bool,
    pub fault: Option<Fault>,
    /// What it was refused with.
    pub reason: String,
    pub bytes: u64,
    /// Its beginning, where it has no fault now, or none that has a place.
    pub excerpt: Option<Excerpt>,
    /// The beginning of one that is no text, in base64.
    pub raw: Option<String>,
    pub state: State,
}

/// What is wrong with a text.
pub(super) struct Fault {
    pub words: String,
    pub place: Option<(usize, usize)>,
    pub within_form: bool,
}

/// What became of a body.
pub(super) enum State {
    Waits,
    Dismissed(Timestamp),
    Delivered {
        at: Timestamp,
        events: u64,
        ids: Vec<Id>,
    },
}

/// A delivery, as it is told.
pub(super) struct Delivered<'a> {
    pub at: Timestamp,
    pub events: String,
    pub ids: &'a [Id],
    /// Whether there are others.
    pub more: bool,
}

impl Fault {
    pub fn of(looked: &Looked) -> Option<Self> {
        let fault = looked.fault?;
        Some(Self {
            words: reasons::words(&fault),
            place: fault.place(),
            within_form: looked.is_in_payload(),
        })
    }
}

impl Card {
    pub fn of(found: &Found, live: &Live, lines: usize) -> Self {
        let kept = &found.kept;
        let mut looked = Looked::at(found, live);
        if !kept.is_text && kept.reason == Unusable::NotGzip.to_string() {
            looked.fault = Some(Unusable::NotGzip);
        }
        let text = std::str::from_utf8(&kept.body)
            .ok()
            .filter(|_| kept.is_text);
        let excerpt = text.filter(|text| !text.is_empty()).map(|text| {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            Excerpt::of(text, looked.place(), lines)
        });
        let state = match &found.note {
            None => State::Waits,
            Some(note) => match &note.what {
                What::Dismissed => State::Dismissed(note.at),
                What::Delivered { events, ids } => State::Delivered {
                    at: note.at,
                    events: *events,
                    ids: ids.clone(),
                },
            },
        };
        Self {
            id: kept.id,
            at: found.place,
            received_at: kept.received_at,
            source: kept.source.clone(),
            configured: live.settings.sources.contains_key(&kept.source),
            fault: Fault::of(&looked),
            reason: kept.reason.clone(),
            bytes: kept.body.len() as u64,
            excerpt,
            raw: text.is_none().then(|| {
                let begin = &kept.body[..kept.body.len().min(RAW_BYTES)];
                base64::engine::general_purpose::STANDARD.encode(begin)
            }),
            state,
        }
    }

    pub fn delivered(&self) -> Option<Delivered<'_>> {
        let State::Delivered { at, events, ids } = &self.state else {
            return None;
        };
        let s = if *events == 1 { "" } else { "s" };
        Some(Delivered {
            at: *at,
            events: format!("{} event{s}", words::count(events)),
            ids,
            more: (ids.len() as u64) < *events,
        })
    }

    pub fn is_dismissed(&self) -> bool {
        matches!(self.state, State::Dismissed(_))
    }

    /// Since when its state is what it is.
    pub fn state_at(&self) -> Timestamp {
        match self.state {
            State::Waits => self.received_at,
            State::Dismissed(at) | State::Delivered { at, .. } => at,
        }
    }

    pub fn is_delivered(&self) -> bool {
        matches!(self.state, State::Delivered { .. })
    }

    pub fn is_text(&self) -> bool {
        self.raw.is_none()
    }

    /// The reason as it stands in the file: a stranger may have written there.
    pub fn reason_shown(&self) -> Shown {
        Shown::of(shown::first(&self.reason, 500).0)
    }
}
