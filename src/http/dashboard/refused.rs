//! `/refused`: bodies that could not become rows, each with the place of the
//! fault in its text; and one of them, to be corrected.

use super::card::{Card, Fault};
use super::shown::{self, Excerpt, Shown};
use super::{Frame, page, page_or, reader, see, words};
use crate::engine::Engine;
use crate::event::{Id, SourceName, Timestamp};
use crate::http::aside::aside;
use crate::http::documented::{self, Answers, query as asked};
use crate::http::problem::Problem;
use crate::http::query_of;
use crate::http::refused::{self as bodies, Looked, named, value};
use crate::rejects::{Found, Note, Place, Show, Waiting, Wanted, What};
use crate::sessions::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use std::borrow::Borrow;
use std::fmt::Write as _;
use std::io;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, IntoResponses};

/// Bodies on a page.
pub(super) const PAGE: usize = 20;
/// Lines that are shown around a fault, in the list and where it is corrected.
const LINES_LISTED: usize = 2;
pub(super) const LINES: usize = 5;
/// A larger body is no text for a text area.
const EDITED_BYTES_MAX: usize = 4 << 20;
/// Nor is one whose letters change between those of ASCII and others more often than this: a browser takes half a second to lay
/// that out, and four times as long for twice as many.
const CHANGES_MAX: usize = 20_000;

#[derive(Template)]
#[template(path = "refused.html", config = "src/http/dashboard/askama.toml")]
struct ListPage {
    frame: Frame,
    cards: Vec<Card>,
    sources: Vec<SourceName>,
    source: String,
    state: String,
    before: String,
    next: Option<Place>,
    stopped: bool,
    unreadable: u64,
    waiting: Waiting,
    told: Option<Told>,
    zone: Tz,
    now: Timestamp,
}

#[derive(Template)]
#[template(path = "refused_one.html", config = "src/http/dashboard/askama.toml")]
struct OnePage {
    frame: Frame,
    card: Card,
    /// What stands in the text area, if there is one.
    text: Option<String>,
    /// Where its fault is, as a browser counts.
    offset: Option<usize>,
    outcome: Outcome,
    once: bool,
    zone: Tz,
    now: Timestamp,
}

/// What became of what somebody did.
pub(super) struct Told {
    pub good: bool,
    pub title: &'static str,
    pub text: String,
}

/// What is shown of what somebody did with a body.
#[derive(Default)]
pub(super) struct Outcome {
    pub told: Option<Told>,
    /// What is wrong with what was sent, and where.
    pub fault: Option<(Fault, Excerpt)>,
    pub preview: Option<Preview>,
}

/// The rows that it would make.
pub(super) struct Preview {
    pub rows: Vec<RowShown>,
    pub all: usize,
    /// Tests that the source leaves out of its tables.
    pub left_out: usize,
    pub duplicates: Option<usize>,
}

impl Preview {
    fn words(&self) -> String {
        match self.duplicates {
            None => "Whether it is stored already could not be found out just now.".into(),
            _ if self.all == 0 => String::new(),
            Some(0) => "None of it is stored yet.".into(),
            Some(all) if all == self.all => {
                "All of it is stored already: a duplicate, nothing would be added.".into()
            }
            Some(some) => {
                format!("{some} of them are duplicates and would not be stored again.")
            }
        }
    }
}

impl RowShown {
    fn is_duplicate(&self) -> bool {
        self.is_new == Some(false)
    }
}

/// A row that it would make.
pub(super) struct RowShown {
    pub id: Id,
    /// Whether it would be stored; nothing when that is not known now.
    pub is_new: Option<bool>,
    pub cells: Vec<CellShown>,
    pub more_cells: usize,
}

/// A cell of it.
pub(super) struct CellShown {
    pub column: Shown,
    pub value: Shown,
    pub is_cut: bool,
    pub is_new: bool,
}

impl ListPage {
    fn moment(&self, at: impl Borrow<Timestamp>) -> String {
        words::moment(*at.borrow(), self.zone)
    }

    fn ago(&self, at: impl Borrow<Timestamp>) -> String {
        words::ago(*at.borrow(), self.now)
    }

    /// What marks the chosen option of a list.
    fn is_source(&self, name: &str) -> &'static str {
        if self.source == name { " selected" } else { "" }
    }

    fn is_state(&self, name: &str) -> &'static str {
        if self.state == name { " selected" } else { "" }
    }

    /// Those on this page that wait.
    fn waiting_cards(&self) -> Vec<&Card> {
        let waits = |card: &&Card| !card.is_delivered() && !card.is_dismissed();
        self.cards.iter().filter(waits).collect()
    }

    /// The address of those that follow `next`.
    fn older(&self, next: &Place) -> String {
        let mut address = format!("refused?before={next}");
        for (name, value) in [("source", &self.source), ("state", &self.state)] {
            // Both were read as what they are: nothing in them needs to be escaped.
            if !value.is_empty() {
                let _ = write!(address, "&{name}={value}");
            }
        }
        address
    }
}

impl OnePage {
    fn moment(&self, at: impl Borrow<Timestamp>) -> String {
        words::moment(*at.borrow(), self.zone)
    }

    fn ago(&self, at: impl Borrow<Timestamp>) -> String {
        words::ago(*at.borrow(), self.now)
    }
}

/// Which bodies.
struct BodiesAsked;

impl IntoParams for BodiesAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = format!("How many bodies at most; without it {PAGE}.");
        let mut all = bodies::bodies_asked().to_vec();
        all.extend([
            asked("limit", &limit, documented::number(1..=PAGE)),
            asked(
                "id",
                "The `id` of one body, which alone is shown; with `at`.",
                documented::id(),
            ),
            asked("at", "Its `at`.", documented::body_place()),
            asked(
                "told",
                "What was done with it; where the forms lead.",
                documented::text(),
            ),
        ]);
        all
    }
}

/// What it is answered.
struct Listed;

impl IntoResponses for Listed {
    fn responses() -> Answers {
        page_or(bodies::NoBodies::responses())
    }
}

/// `GET /refused`
#[utoipa::path(
    get,
    path = "/refused",
    tag = "pages",
    operation_id = "refusedPage",
    summary = "Refused bodies, or one of them to be corrected",
    params(BodiesAsked),
    responses(Listed)
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let session = match reader(&request, &engine).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let query = query_of(&request);
    let name = value(&query, "told");
    let Some((id, place)) = named(|name| value(&query, name)) else {
        return list(&engine, session.as_ref(), &query, told(&name)).await;
    };
    match bodies::find(&engine, id, place).await {
        Ok(found) => {
            let outcome = Outcome {
                told: told(&name).filter(|_| is_so(&name, found.note.as_ref())),
                ..Outcome::default()
            };
            one(
                &engine,
                session.as_ref(),
                &found,
                None,
                outcome,
                StatusCode::OK,
            )
        }
        Err(Problem::NoSuchBody) => see("refused?told=gone").finish(),
        Err(problem) => problem.respond(),
    }
}

async fn list(
    engine: &web::Data<Engine>,
    session: Option<&Session>,
    query: &[(String, String)],
    told: Option<Told>,
) -> HttpResponse {
    let wanted = match bodies::wanted(query, PAGE, PAGE) {
        Ok(wanted) => wanted,
        Err(problem) => return problem.respond(),
    };
    let asked = wanted.clone();
    let looking = engine.clone();
    let looked = aside(move || {
        let live = looking.live();
        let make = |found: Found| Card::of(&found, &live, LINES_LISTED);
        let page = looking.rejects.page(&asked, make)?;
        Ok::<_, io::Error>((page, looking.rejects.waiting()?))
    });
    let (found, waiting) = match looked.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return bodies::unreadable(&error).respond(),
        Err(_) => return Problem::Internal.respond(),
    };
    let live = engine.live();
    let configured = live.settings.sources.keys();
    let mut sources: Vec<SourceName> = configured.cloned().collect();
    let others = waiting.of.keys().chain(&wanted.source);
    for source in others.chain(found.items.iter().map(|card| &card.source)) {
        if !sources.contains(source) {
            sources.push(source.clone());
        }
    }
    let Wanted {
        source,
        before,
        show,
        ..
    } = wanted;
    let shown = ListPage {
        frame: Frame::of(engine, session, "refused"),
        cards: found.items,
        sources,
        source: source.map_or_else(String::new, |source| source.to_string()),
        state: state_of(show).into(),
        before: before.map_or_else(String::new, |before| before.to_string()),
        next: found.next,
        stopped: found.stopped,
        unreadable: found.unreadable,
        waiting,
        told,
        zone: live.settings.timezone,
        now: Timestamp::now(),
    };
    page(StatusCode::OK, &shown)
}

fn state_of(show: Show) -> &'static str {
    match show {
        Show::Kept => "",
        Show::Waiting => "waiting",
        Show::Delivered => "delivered",
        Show::Dismissed => "dismissed",
        Show::All => "all",
    }
}

/// The page of one body; with `text` in its text area, or what came.
pub(super) fn one(
    engine: &Engine,
    session: Option<&Session>,
    found: &Found,
    text: Option<String>,
    outcome: Outcome,
    status: StatusCode,
) -> HttpResponse {
    let live = engine.live();
    let card = Card::of(found, &live, LINES);
    let text = text
        .or_else(|| editable(found))
        .filter(|_| session.is_some() && card.configured);
    let offset = text.as_ref().and_then(|text| {
        let form = bodies::is_form(found.kept.content_type.as_deref(), text.as_bytes());
        let place = Looked::of(text.as_bytes(), form, &live).place()?;
        Some(shown::browser_offset(text, place))
    });
    let source = live.settings.sources.get(&card.source);
    let shown = OnePage {
        frame: Frame::of(engine, session, "refused"),
        once: source.is_none_or(|source| source.identity != crate::config::Identity::Off),
        card,
        text,
        offset,
        outcome,
        zone: live.settings.timezone,
        now: Timestamp::now(),
    };
    page(status, &shown)
}

/// A body as it stands in the text area; nothing for one that is none for a text area.
pub(super) fn editable(found: &Found) -> Option<String> {
    let kept = &found.kept;
    if !kept.is_text || kept.body.len() > EDITED_BYTES_MAX {
        return None;
    }
    let text = std::str::from_utf8(&kept.body).ok()?;
    let form = bodies::is_form(kept.content_type.as_deref(), &kept.body);
    let text = shown::editable(text, form);
    (changes(&text) <= CHANGES_MAX).then_some(text)
}

/// How often letters of ASCII and others follow each other.
fn changes(text: &str) -> usize {
    let mut last = true;
    let change = |byte: u8| std::mem::replace(&mut last, byte.is_ascii()) != byte.is_ascii();
    text.bytes()
        .map(change)
        .filter(|is_change| *is_change)
        .count()
}

/// Whether what an address says was done with a body is so: anybody can write an address.
fn is_so(name: &str, note: Option<&Note>) -> bool {
    match name {
        "stored" | "partly" | "duplicate" => note.is_some_and(|note| note.what != What::Dismissed),
        "dismissed" => note.is_some_and(|note| note.what == What::Dismissed),
        "back" => note.is_none(),
        _ => true,
    }
}

/// What is told on the page that somebody is sent to after an action.
fn told(name: &str) -> Option<Told> {
    let (good, title, text) = match name {
        "stored" => (
            true,
            "Stored.",
            "It is durable, and becomes a row of today at once.",
        ),
        "partly" => (
            true,
            "Stored.",
            "Those of its events that were not there yet are durable, and become rows of today at once.",
        ),
        "duplicate" => (
            true,
            "Duplicate.",
            "All of it was stored before, so nothing was stored twice. It may have been somebody else's delivery, or one of which \
             rowhook could not take note.",
        ),
        "dismissed" => (
            true,
            "Dismissed.",
            "It is in the list of those that were dismissed, and can be put back from there.",
        ),
        "dismissed-all" => (
            true,
            "Dismissed.",
            "They are in the list of those that were dismissed, and can be put back from there.",
        ),
        "back" => (true, "Put back.", "It waits again."),
        "gone" => (
            false,
            "Not there any more.",
            "The body's file was moved away, or the address is of no body that is listed.",
        ),
        "unwritten" => (
            false,
            "Not noted.",
            "The disk is full or failing: nothing was changed. Try it again when there is room.",
        ),
        _ => return None,
    };
    let text = text.to_owned();
    Some(Told { good, title, text })
}
