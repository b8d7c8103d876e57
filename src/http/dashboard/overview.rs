//! `/`: is it working, what came in, where is my file.

use super::{Frame, page, page_or, reader, words};
use crate::engine::Engine;
use crate::event::Timestamp;
use crate::http::documented::{Answers, refused};
use crate::http::kinds;
use crate::http::overview::{OfSource, Overview, overview};
use crate::http::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use std::borrow::Borrow;
use utoipa::IntoResponses;

#[derive(Template)]
#[template(path = "overview.html", config = "src/http/dashboard/askama.toml")]
struct OverviewPage {
    frame: Frame,
    overview: Overview,
    zone: Tz,
}

/// A download button: what it is called, and what its address ends with.
struct Button {
    format: &'static str,
    ending: &'static str,
}

const BUTTONS: [Button; 3] = [
    Button {
        format: "CSV",
        ending: "csv",
    },
    Button {
        format: "Excel",
        ending: "xlsx",
    },
    Button {
        format: "JSON Lines",
        ending: "jsonl",
    },
];

impl OverviewPage {
    /// What can be downloaded, and the address of each up to its ending.
    fn downloads(source: &OfSource) -> Vec<(&'static str, String, &'static str)> {
        let day = |name: &str| format!("exports/{}/{name}", source.source);
        vec![
            ("Today", day("today"), ""),
            ("Yesterday", day("yesterday"), ""),
            ("The newest day with rows", day("latest"), ""),
            (
                "The last 30 days",
                format!("exports/{}", source.source),
                "?from=-30d&to=today",
            ),
        ]
    }

    fn ago(&self, at: impl Borrow<Timestamp>) -> String {
        words::ago(*at.borrow(), self.overview.at)
    }

    fn moment(&self, at: impl Borrow<Timestamp>) -> String {
        words::moment(*at.borrow(), self.zone)
    }

    fn time(&self, at: impl Borrow<Timestamp>) -> String {
        words::time(*at.borrow(), self.zone)
    }

    /// Since when duplicates and refused bodies are counted, where that is not the whole day.
    fn counted_since(&self, source: &OfSource) -> Option<String> {
        let since = source.today.counted_since;
        let midnight = Timestamp::start_of(source.today.date, self.zone);
        (since > midnight).then(|| words::time(since, self.zone))
    }

    fn has_rows(source: &OfSource) -> bool {
        source.last_delivery_at.is_some() || source.days.iter().any(|day| day.rows > 0)
    }
}

/// What it is answered.
struct Home;

impl IntoResponses for Home {
    fn responses() -> Answers {
        page_or(refused(&[
            kinds::READ_TOKEN,
            kinds::ATTEMPTS,
            kinds::INTERNAL,
        ]))
    }
}

/// `GET /`
#[utoipa::path(
    get,
    path = "/",
    tag = "pages",
    operation_id = "overviewPage",
    summary = "How it goes",
    description = "A browser that shows the read token in the address gets a session, and goes on to the address without it.",
    responses(Home),
    security(("bearer" = []), ("basic" = []), ("token" = []), ("session" = [])),
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let session = match reader(&request, &engine).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let Ok(overview) = overview(&request, &engine).await else {
        return Problem::Internal.respond();
    };
    let shown = OverviewPage {
        frame: Frame::of(&engine, session.as_ref(), "overview"),
        zone: engine.live().settings.timezone,
        overview,
    };
    page(StatusCode::OK, &shown)
}
