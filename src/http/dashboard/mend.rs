//! What a person does with a refused body: looks at the rows that a corrected
//! one would make, delivers it on the way of every delivery, dismisses it, or
//! puts it back.

use super::card::Fault;
use super::posted::Posted;
use super::refused::{CellShown, LINES, Outcome, PAGE, Preview, RowShown, Told, editable, one};
use super::shown::{Excerpt, Shown};
use super::{is_person, login, see};
use crate::config::{Identity, Source};
use crate::engine::Engine;
use crate::event::{Id, Timestamp};
use crate::http::aside::{Undone, aside};
use crate::http::cookies;
use crate::http::direct::Hooks;
use crate::http::documented::{self, Answers, go_on, refused_or, text};
use crate::http::hooks::{self, NotHandedOver, Stored};
use crate::http::kinds;
use crate::http::problem::Problem;
use crate::http::refused::{self as bodies, Looked, named, unreadable};
use crate::journal::{Event, Verdict};
use crate::receive::identity::{Same, identify};
use crate::receive::{BodyError, Reading, body, parse};
use crate::rejects::{Found, Place, preview};
use crate::sessions::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// How long the journal is asked what it has.
const ASK_MAX: Duration = Duration::from_secs(2);

/// The fields of its forms, as the description of the interface has them.
struct Mend;

impl PartialSchema for Mend {
    fn schema() -> RefOr<Schema> {
        documented::form(
            [
                ("proof", "What stands in the pages of the session.", text()),
                ("id", "The `id` of the body.", documented::id()),
                ("at", "Its `at`.", documented::body_place()),
                (
                    "do",
                    "Show the rows that `text` would make, deliver it, dismiss the body, or put it back; `dismiss-all` needs no `id`.",
                    documented::one_of(["preview", "deliver", "dismiss", "back", "dismiss-all"]),
                ),
                (
                    "each",
                    "For `dismiss-all` the `id` and the `at` of a body, with a dot between them; several, at most as many as a page has.",
                    text(),
                ),
                ("text", "The body, corrected.", text()),
                (
                    "list",
                    "Anything, where the list is to be gone back to.",
                    text(),
                ),
                ("source", "The `source` of that list.", text()),
                ("state", "The `state` of that list.", text()),
                ("before", "The `before` of that list.", text()),
            ],
            &["proof", "do"],
        )
    }
}

impl ToSchema for Mend {}

/// What its forms are answered.
struct Mended;

impl IntoResponses for Mended {
    fn responses() -> Answers {
        let mut answers = refused_or(
            &[
                kinds::CUT_OFF,
                kinds::READ_TOKEN,
                kinds::FORM,
                kinds::TOO_SLOW,
                kinds::TOO_LARGE,
                kinds::INTERNAL,
                kinds::BUSY,
            ],
            &[401, 403, 404, 413, 422, 500, 503],
        );
        let shown = documented::page(
            "The rows that it would make; or it is stored, which could not be noted.",
        );
        let done = go_on(
            "It is done, which the next page tells; or the body is not there any more.",
            None,
        );
        answers.extend([
            ("200".to_owned(), shown.into()),
            ("303".to_owned(), done.into()),
        ]);
        answers
    }
}

/// `POST /refused`
#[utoipa::path(
    post,
    path = "/refused",
    tag = "pages",
    operation_id = "mend",
    summary = "Correct a refused body, deliver it, dismiss it or put it back",
    request_body(content = inline(Mend), content_type = "application/x-www-form-urlencoded"),
    responses(Mended),
    security(("session" = [])),
)]
pub async fn post(
    request: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
) -> HttpResponse {
    // Without a session nothing is read.
    let Some(session) = cookies::session(&request, &engine) else {
        return if is_person(&request) {
            login::over(&engine)
        } else {
            Problem::ReadUnauthorized.respond()
        };
    };
    if let Err(problem) = cookies::from_here(&request) {
        return problem.respond();
    }
    let posted = match Posted::read(payload, &engine).await {
        Ok(posted) => posted,
        Err(problem) => return problem.respond(),
    };
    let is_body = posted.get("do") != "dismiss-all";
    let is_proven = match cookies::form_of(&request, &engine, posted.get("proof")) {
        Ok(_) => true,
        // The page may be of a session before this one: its text is not to be lost.
        Err(Problem::Form) if is_body && is_person(&request) => false,
        Err(problem) => return problem.respond(),
    };
    if !is_body {
        return dismiss_all(&engine, &posted).await;
    }
    let Some((id, place)) = named(|name| posted.get(name).to_owned()) else {
        return see("refused?told=gone").finish();
    };
    let found = match bodies::find(&engine, id, place).await {
        Ok(found) => found,
        Err(Problem::NoSuchBody) => return see("refused?told=gone").finish(),
        Err(problem) => return problem.respond(),
    };
    if !is_proven {
        let text = Some(posted.get("text").replace("\r\n", "\n")).filter(|text| !text.is_empty());
        let outcome = Outcome {
            told: Some(Told {
                good: false,
                title: "Nothing was done yet.",
                text: "You have logged in since this page was opened. Look at it once more, and press the button again."
                    .into(),
            }),
            ..Outcome::default()
        };
        return one(
            &engine,
            Some(&session),
            &found,
            text,
            outcome,
            StatusCode::FORBIDDEN,
        );
    }
    match posted.get("do") {
        "dismiss" => note(&engine, &posted, &found, "dismissed").await,
        "back" => note(&engine, &posted, &found, "back").await,
        "preview" | "deliver" => {
            let Some(hooks) = request.app_data::<Hooks>() else {
                return Problem::Internal.respond();
            };
            let mending = Mending {
                engine: &engine,
                hooks,
                session: &session,
                found: &found,
                text: posted.get("text").replace("\r\n", "\n"),
            };
            if posted.get("do") == "preview" {
                mending.preview().await
            } else {
                mending.deliver().await
            }
        }
        _ => see("refused").finish(),
    }
}

/// Dismisses a body or puts it back, and goes to the page where that was asked.
async fn note(
    engine: &web::Data<Engine>,
    posted: &Posted,
    found: &Found,
    what: &'static str,
) -> HttpResponse {
    let id = found.kept.id;
    let writing = engine.clone();
    let written = aside(move || match what {
        "back" => writing.rejects.put_back(id),
        _ => writing.rejects.dismiss(&[id], Timestamp::now()),
    });
    let told = match said(written.await, what) {
        Ok(told) => told,
        Err(problem) => return problem.respond(),
    };
    if posted.get("list").is_empty() {
        return see(&address(id, found.place, told)).finish();
    }
    to_list(posted, told)
}

/// Dismisses all bodies that the form names, and goes back to the list.
async fn dismiss_all(engine: &web::Data<Engine>, posted: &Posted) -> HttpResponse {
    let all = posted.all("each", PAGE).filter_map(|each| {
        let (id, at) = each.split_once('.')?;
        named(|name| if name == "id" { id } else { at }.to_owned())
    });
    let mut ids = Vec::new();
    for (id, place) in all {
        match bodies::find(engine, id, place).await {
            Ok(found) => ids.push(found.kept.id),
            // It was moved away meanwhile.
            Err(Problem::NoSuchBody) => {}
            Err(problem) => return problem.respond(),
        }
    }
    let writing = engine.clone();
    let written = aside(move || writing.rejects.dismiss(&ids, Timestamp::now())).await;
    match said(written, "dismissed-all") {
        Ok(told) => to_list(posted, told),
        Err(problem) => problem.respond(),
    }
}

/// What is told once something was noted, or could not be.
fn said(
    written: Result<io::Result<()>, Undone>,
    what: &'static str,
) -> Result<&'static str, Problem> {
    match written {
        Ok(Ok(())) => Ok(what),
        Ok(Err(error)) => {
            tracing::error!(%error, "what became of a refused body could not be noted");
            Ok("unwritten")
        }
        Err(Undone) => Err(Problem::Internal),
    }
}

/// Goes to the same part of the list, as far as it is one.
fn to_list(posted: &Posted, told: &str) -> HttpResponse {
    let mut list = format!("refused?told={told}");
    let query: Vec<_> = ["source", "state", "before"]
        .map(|name| (name.to_owned(), posted.get(name).to_owned()))
        .into();
    if bodies::wanted(&query, 1, 1).is_ok() {
        for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(list, "&{name}={value}");
        }
    }
    see(&list).finish()
}

fn address(id: Id, place: Place, told: &str) -> String {
    format!("refused?id={id}&at={place}&told={told}#outcome")
}

/// A body that somebody corrected.
struct Mending<'a> {
    engine: &'a web::Data<Engine>,
    hooks: &'a Hooks,
    session: &'a Session,
    found: &'a Found,
    /// What stood in the text area.
    text: String,
}

/// Why it makes no rows.
enum Refused {
    /// What is wrong stands in the text itself.
    Unusable,
    Problem(Problem),
}

impl Mending<'_> {
    /// What is to be delivered: what came, byte for byte, where that would be taken now and nobody changed it. Else what stands
    /// in the text area, where hidden letters are written so that they can be seen.
    fn bytes(&self) -> &[u8] {
        let untouched = editable(self.found).is_some_and(|text| text == self.text);
        let taken = || Looked::at(self.found, &self.engine.live()).fault.is_none();
        if untouched && taken() {
            &self.found.kept.body
        } else {
            self.text.as_bytes()
        }
    }

    fn is_form(&self) -> bool {
        let content_type = self.found.kept.content_type.as_deref();
        content_type.is_some_and(hooks::is_form_kind)
    }

    fn page(self, outcome: Outcome, status: StatusCode) -> HttpResponse {
        let Self {
            engine,
            session,
            found,
            text,
            ..
        } = self;
        one(engine, Some(session), found, Some(text), outcome, status)
    }

    async fn preview(self) -> HttpResponse {
        match self.rows().await {
            Ok(preview) => self.page(
                Outcome {
                    preview: Some(preview),
                    ..Outcome::default()
                },
                StatusCode::OK,
            ),
            Err(refused) => self.refuse(refused),
        }
    }

    async fn deliver(self) -> HttpResponse {
        let found = self.found;
        match self.store().await {
            Ok((ids, stored, duplicates)) => {
                let id = found.kept.id;
                let engine = self.engine.clone();
                let now = Timestamp::now();
                let noted = aside(move || engine.rejects.delivered(id, &ids, now)).await;
                if let Ok(Ok(())) = noted {
                    let told = match (stored, duplicates) {
                        (0, _) => "duplicate",
                        (_, 0) => "stored",
                        _ => "partly",
                    };
                    return see(&address(id, found.place, told)).finish();
                }
                tracing::error!(%id, "a refused body was delivered again, and that could not be noted");
                let title = if stored > 0 { "Stored." } else { "Duplicate." };
                let told = Told {
                    good: false,
                    title,
                    text: "But rowhook could not take note of it, because the disk is full or failing: the body goes on being \
                           shown as waiting. It is safe to deliver it once more later: then it is a duplicate."
                        .into(),
                };
                self.page(
                    Outcome {
                        told: Some(told),
                        ..Outcome::default()
                    },
                    StatusCode::OK,
                )
            }
            Err(refused) => self.refuse(refused),
        }
    }

    /// The page that tells why it makes no rows, with the text as it was sent and the place of the fault in it.
    fn refuse(self, refused: Refused) -> HttpResponse {
        match refused {
            Refused::Unusable => {
                let live = self.engine.live();
                let form = bodies::is_form(self.found.kept.content_type.as_deref(), self.bytes());
                // The place is one in the text as it is shown.
                let looked = Looked::of(self.text.as_bytes(), form, &live);
                let place = looked.place();
                let fault = Fault::of(&looked).map(|fault| {
                    let excerpt = Excerpt::of(&self.text, place, LINES);
                    (fault, excerpt)
                });
                let told = Told {
                    good: false,
                    title: "Still refused.",
                    text: "Nothing was stored. The body as it came is kept as before; what you changed stands below.".into(),
                };
                let outcome = Outcome {
                    told: Some(told),
                    fault,
                    preview: None,
                };
                self.page(outcome, StatusCode::UNPROCESSABLE_ENTITY)
            }
            Refused::Problem(problem) => {
                let (status, text) = problem.for_person();
                let told = Told {
                    good: false,
                    title: "Not stored.",
                    text,
                };
                let outcome = Outcome {
                    told: Some(told),
                    ..Outcome::default()
                };
                self.page(outcome, status)
            }
        }
    }

    fn source(&self) -> Result<Source, Refused> {
        let live = self.engine.live();
        let name = &self.found.kept.source;
        let source = live.settings.sources.get(name).cloned();
        source.ok_or_else(|| {
            Refused::Problem(Problem::NoSuchSource {
                source: name.to_string(),
            })
        })
    }

    /// The body within the limits of every delivery.
    fn body(&self) -> Result<body::Body, Refused> {
        let bytes_max = self.engine.live().settings.limits.body_bytes_max;
        let bytes = self.bytes();
        let mut reading = Reading::new(false, bytes_max, Some(bytes.len()), &self.engine.waiting);
        let read = reading.push(bytes).and_then(|()| reading.finish());
        read.map_err(|error| {
            Refused::Problem(match error {
                BodyError::TooLarge => Problem::TooLarge { bytes_max },
                BodyError::TooMuch => Problem::TooMuchWaiting,
            })
        })
    }

    /// Delivers it. Gives the ids of its events, and how many were stored and how many were there.
    async fn store(&self) -> Result<(Vec<Id>, usize, usize), Refused> {
        let source = self.source()?;
        if self.engine.is_draining() {
            return Err(Refused::Problem(Problem::Draining));
        }
        let body = self.body()?;
        let live = self.hooks.engine.live();
        let handed = hooks::hand_over(
            self.hooks,
            &live,
            &source,
            same(&source),
            self.is_form(),
            body,
        );
        let (stored, answer) = handed.map_err(|error| match error {
            NotHandedOver::Unusable(..) => Refused::Unusable,
            NotHandedOver::Problem(problem) => Refused::Problem(problem),
        })?;
        let ids = match stored {
            Stored::One(id) => vec![id],
            Stored::Many(ids) => ids,
        };
        match answer.await {
            Verdict::Stored { stored, duplicates } => Ok((ids, stored, duplicates)),
            Verdict::Failed => Err(Refused::Problem(Problem::NotDurable)),
        }
    }

    /// The rows that it would make; nothing of it is stored.
    async fn rows(&self) -> Result<Preview, Refused> {
        let source = self.source()?;
        let engine = self.engine.clone();
        let live = engine.live();
        let body = self.body()?;
        let parsed = parse(body.bytes, self.is_form(), live.settings.limits.depth_max);
        let parsed = parsed.map_err(|_| Refused::Unusable)?;
        let events = identify(&engine.id_key, &source.name, same(&source), &parsed);
        hooks::check_number(&engine, &events).map_err(Refused::Problem)?;
        let rules = live.rules(&source.name);
        let takes = |event: &&Event| {
            let payload = parsed.text.get(event.payload.clone());
            payload.is_none_or(|payload| rules.take(payload))
        };
        let all = events.all();
        let events: Vec<Event> = all.iter().filter(takes).cloned().collect();
        let left_out = all.len() - events.len();
        let ids: Vec<Id> = events.iter().map(|event| event.id).collect();
        let known = if source.identity == Identity::Off {
            // Whatever comes is stored.
            Some(vec![false; ids.len()])
        } else {
            self.known(&source, ids.clone()).await
        };
        let today = engine.today();
        let tables = engine.tables.tables(source.name.clone(), today..=today);
        let tables = tables
            .await
            .map_err(|error| Refused::Problem(error.into()))?;
        let name = source.name.clone();
        let made = aside(move || {
            let (disk, layout) = (&engine.disk, &engine.layout);
            let mut columns = preview::columns(disk, layout, &name, today, &tables, rules)?;
            Ok::<_, io::Error>(preview::rows(&mut columns, &parsed, &events))
        });
        let rows = match made.await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => return Err(Refused::Problem(unreadable(&error))),
            Err(_) => return Err(Refused::Problem(Problem::Internal)),
        };
        let once = source.identity != Identity::Off;
        Ok(shown(rows, left_out, &ids, known.as_deref(), once))
    }

    /// Which of `ids` the journal would take for duplicates; nothing when it does not answer in time.
    async fn known(&self, source: &Source, ids: Vec<Id>) -> Option<Vec<bool>> {
        let engine = self.engine;
        let permit = engine.waiting.permit();
        let answer = engine
            .questions
            .ask(ids, source.name.clone(), &engine.deliveries, permit)?;
        tokio::time::timeout(ASK_MAX, answer).await.ok()?.ok()
    }
}

fn shown(
    rows: Vec<preview::Row>,
    left_out: usize,
    ids: &[Id],
    known: Option<&[bool]>,
    once: bool,
) -> Preview {
    // Twins within the body are one event.
    let mut before = HashSet::new();
    let is_new: Vec<Option<bool>> = ids
        .iter()
        .enumerate()
        .map(|(nth, id)| {
            let twin = once && !before.insert(*id);
            known.map(|known| !twin && !known.get(nth).copied().unwrap_or(false))
        })
        .collect();
    let duplicates = known.map(|_| is_new.iter().filter(|new| **new == Some(false)).count());
    let rows = rows.into_iter().zip(is_new).map(|(row, is_new)| RowShown {
        id: row.id,
        is_new,
        cells: row
            .cells
            .iter()
            .map(|cell| CellShown {
                column: Shown::of(&cell.column),
                value: Shown::of(&cell.value),
                is_cut: cell.is_cut,
                is_new: cell.is_new,
            })
            .collect(),
        more_cells: row.more_cells,
    });
    Preview {
        rows: rows.collect(),
        all: ids.len(),
        left_out,
        duplicates,
    }
}

/// By what its events are told apart. A header that told them apart was not kept.
fn same(source: &Source) -> Same<'_> {
    match &source.identity {
        Identity::Pointer(pointer) => Same::Pointer(pointer),
        Identity::Content | Identity::Off | Identity::Header(_) => Same::Content,
    }
}
