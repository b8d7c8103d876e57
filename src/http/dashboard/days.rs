//! `/days`: every day of every source, and the link to any range of them in
//! any form, which is made here and can be copied.

use super::form::Fields;
use super::{Frame, Page, page, reader, words};
use crate::engine::Engine;
use crate::event::SourceName;
use crate::http::documented::{self, query, text};
use crate::http::listing::{self, Listed};
use crate::http::problem::Problem;
use crate::http::{address, query_of};
use crate::read::Files;
use crate::read::ask::{DECIMALS, DELIMITERS, Format, PROFILES};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

#[derive(Template)]
#[template(path = "days.html", config = "src/http/dashboard/askama.toml")]
struct DaysPage {
    frame: Frame,
    days: Vec<Listed>,
    zone: Tz,
    form: Form,
}

/// The form, as it was sent.
struct Form {
    sources: Vec<SourceName>,
    /// Views of the source that is chosen.
    views: Vec<String>,
    given: Fields,
    /// The link that it makes, or why it makes none; nothing before it was sent.
    link: Option<Result<String, String>>,
}

impl DaysPage {
    fn state(listed: &Listed) -> &'static str {
        match (listed.summary.open, listed.files) {
            (true, _) => "open",
            (false, Files::Whole) => "closed",
            (false, Files::Touched) => "closed; its file was touched",
            (false, Files::Edited) => "closed; somebody changed its file",
            (false, Files::Missing) => "closed; its file is missing",
        }
    }

    fn moment(&self, listed: &Listed) -> String {
        let received = listed.summary.figures.received;
        received.map_or_else(String::new, |received| {
            words::moment(received.last, self.zone)
        })
    }

    fn parts(listed: &Listed) -> usize {
        listed.summary.figures.parts.len()
    }
}

/// The form, as the description of the interface has it.
struct LinkAsked;

impl IntoParams for LinkAsked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = |name, what, words: Vec<&str>| query(name, what, documented::one_of(words));
        vec![
            query(
                "source",
                "Of which source a link is wanted; without it none is made.",
                documented::source(),
            ),
            query("day", "Its day, by a word, or written out.", text()),
            query(
                "from",
                "Or its first day, written out or by a word.",
                text(),
            ),
            query("to", "Its last day.", text()),
            words(
                "format",
                "As what.",
                Format::ALL.map(|(_, ending)| ending).to_vec(),
            ),
            words(
                "profile",
                "As the parameter of a download; this and what follows may be empty.",
                PROFILES.map(|(word, _)| word).to_vec(),
            ),
            words(
                "delimiter",
                "As the parameter of a download.",
                DELIMITERS.map(|(word, _)| word).to_vec(),
            ),
            words(
                "decimal",
                "As the parameter of a download.",
                DECIMALS.map(|(word, _)| word).to_vec(),
            ),
            query("columns", "As the parameter of a download.", text()),
            query("view", "As the parameter of a download.", text()),
        ]
    }
}

/// `GET /days`
#[utoipa::path(
    get,
    path = "/days",
    tag = "pages",
    operation_id = "daysPage",
    summary = "Every day, and the link to any range of them",
    params(LinkAsked),
    responses(Page)
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let session = match reader(&request, &engine).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let Ok(days) = listing::days(&engine).await else {
        return Problem::Internal.respond();
    };
    let given = Fields::new(query_of(&request));
    let shown = DaysPage {
        frame: Frame::of(&engine, session.as_ref(), "days"),
        zone: engine.live().settings.timezone,
        form: form(&request, &engine, &days, given),
        days,
    };
    page(StatusCode::OK, &shown)
}

fn form(request: &HttpRequest, engine: &Engine, days: &[Listed], given: Fields) -> Form {
    let live = engine.live();
    let mut sources: Vec<SourceName> = live.settings.sources.keys().cloned().collect();
    for listed in days {
        if !sources.contains(&listed.source) {
            sources.push(listed.source.clone());
        }
    }
    let mut form = Form {
        sources,
        views: Vec::new(),
        given,
        link: None,
    };
    let chosen = match form.given.get("source") {
        "" => form.sources.first().map(ToString::to_string),
        source => Some(source.to_owned()),
    };
    let source = chosen
        .as_deref()
        .and_then(|name| SourceName::new(name).ok());
    let configured = source.and_then(|source| live.settings.sources.get(&source));
    if let Some(source) = configured {
        form.views = source.views.keys().map(ToString::to_string).collect();
    }
    if !form.given.get("source").is_empty() {
        let ask = form.given.ask(engine);
        let link = ask.map(|ask| address::base(request, engine) + &ask.url());
        form.link = Some(link);
    }
    form
}
