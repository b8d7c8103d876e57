//! `/connect`: how a sender is connected, with all that is to be filled in
//! there; test events; the links by which spreadsheets read.
//!
//! Promises: no secret stands in the page but the address of a link that was
//! just made, once, and never in an address bar.

use super::form::Fields;
use super::{Frame, Page, page, reader, test_event, words};
use crate::config::{Auth, Source};
use crate::engine::Engine;
use crate::event::{Day, Id, Preset, SourceName, TEST_KEY, Timestamp};
use crate::http::documented::{self, query, text};
use crate::http::listing::{self, Listed};
use crate::http::problem::Problem;
use crate::http::{address, query_of};
use crate::links::{Link, LinkError};
use crate::sessions::Session;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

#[derive(Template)]
#[template(path = "connect.html", config = "src/http/dashboard/askama.toml")]
struct ConnectPage {
    frame: Frame,
    zone: Tz,
    now: Timestamp,
    /// Whether the configuration says by which address senders reach it.
    public: bool,
    sources: Vec<OfSource>,
    today: Day,
    views: BTreeMap<SourceName, Vec<String>>,
    links: Result<Vec<Link>, LinkError>,
    form: Fields,
    said: Said,
}

struct OfSource {
    name: SourceName,
    preset: Preset,
    callback_url: String,
    /// Where the Authorization values are that it asks for; none: it asks for none.
    secrets: Vec<String>,
    /// When the first of its rows came that is no test.
    first: Option<Timestamp>,
    /// How many of its rows of today are tests.
    tests: u64,
    /// Whether test events become rows.
    test_rows: bool,
    /// Bodies that came today and could not become rows.
    refused: u64,
    /// Deliveries that were turned away today.
    unauthorized: u64,
}

/// What became of what was asked for.
pub(super) enum Said {
    Nothing,
    Made {
        address: String,
    },
    /// Its address was told already.
    Told {
        id: String,
    },
    Revoked {
        id: String,
    },
    /// A test event was delivered to `source`; it may have been there before.
    Tested {
        source: SourceName,
        id: Id,
        stored: bool,
    },
    /// A test event could not be delivered to `source`.
    NotTested {
        source: SourceName,
        why: String,
    },
    No {
        why: String,
    },
}

impl Said {
    /// The test event that was delivered to `source`, and whether it was stored now.
    fn tested(&self, source: impl Borrow<SourceName>) -> Option<(Id, bool)> {
        match self {
            Self::Tested {
                source: tested,
                id,
                stored,
            } if tested == source.borrow() => Some((*id, *stored)),
            _ => None,
        }
    }

    /// Why none was delivered to `source`.
    fn not_tested(&self, source: impl Borrow<SourceName>) -> Option<&str> {
        match self {
            Self::NotTested {
                source: tested,
                why,
            } if tested == source.borrow() => Some(why),
            _ => None,
        }
    }
}

/// How long a link may last, as the form offers it.
const LASTS: [(&str, &str); 4] = [
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "a year"),
    ("never", "until it is revoked"),
];
const DAYS: [(&str, &str); 5] = [
    ("latest", "the newest with rows"),
    ("today", "today"),
    ("yesterday", "yesterday"),
    ("-7d", "the last 7 days"),
    ("-30d", "the last 30 days"),
];
pub(super) const FORMATS: [(&str, &str); 4] = [
    ("csv", "CSV"),
    ("csv.gz", "CSV, gzipped"),
    ("xlsx", "Excel"),
    ("jsonl", "JSON Lines"),
];

impl OfSource {
    fn gather(source: &Source, listed: &[Listed], base: &str, engine: &Engine) -> Self {
        let name = &source.name;
        let of_this = listed.iter().filter(|listed| listed.source == *name);
        let first = of_this
            .clone()
            .filter_map(|listed| Some(listed.summary.figures.deliveries()?.first));
        let today = engine.today();
        let tests = of_this
            .filter(|listed| listed.day == today)
            .map(|listed| listed.summary.figures.tests.rows);
        let secrets = match &source.auth {
            Auth::None { .. } => Vec::new(),
            Auth::Authorization(secrets) => {
                secrets.iter().map(|s| s.origin().to_string()).collect()
            }
        };
        let settings = &engine.live().settings;
        let midnight = Timestamp::start_of(today, settings.timezone);
        let counts = engine.tally.of(name, midnight);
        Self {
            name: name.clone(),
            preset: source.preset,
            callback_url: format!("{base}/hooks/{name}"),
            secrets,
            first: first.min(),
            tests: tests.sum(),
            test_rows: engine.live().rules(name).take_tests(),
            refused: counts.refused,
            unauthorized: counts.unauthorized,
        }
    }

    fn is_lessonly(&self) -> bool {
        self.preset == Preset::Lessonly
    }

    fn secrets(&self) -> String {
        self.secrets.join(" or ")
    }

    /// A delivery from a shell. It asks for the value, so that it can be copied as it is.
    fn curl(&self, now: impl Borrow<Timestamp>) -> String {
        let url = &self.callback_url;
        let body = test_event::payload(self.preset, "a shell", &test_event::mark(*now.borrow()));
        if self.secrets.is_empty() {
            format!("curl -d '{body}' '{url}'")
        } else {
            format!(
                "printf 'Authorization value: '; read -r VALUE; curl -H \"Authorization: $VALUE\" -d '{body}' '{url}'"
            )
        }
    }
}

impl ConnectPage {
    fn ago(&self, at: impl Borrow<Timestamp>) -> String {
        words::ago(*at.borrow(), self.now)
    }

    fn moment(&self, at: impl Borrow<Timestamp>) -> String {
        words::moment(*at.borrow(), self.zone)
    }

    /// What tells the test event that the page's button sends from others.
    fn mark(&self) -> String {
        test_event::mark(self.now)
    }

    /// When it ends, or ended.
    fn end(&self, link: &Link) -> String {
        let at = link.revoked_at.or(link.expires_at);
        at.map_or_else(|| "never".to_owned(), |at| words::moment(at, self.zone))
    }

    fn state(&self, link: &Link) -> &'static str {
        link.state(self.now)
    }

    fn list(name: &str) -> &'static [(&'static str, &'static str)] {
        match name {
            "day" => &DAYS,
            "format" => &FORMATS,
            _ => &LASTS,
        }
    }

    /// What marks the chosen option of a list, or the usual one.
    fn chosen(&self, name: &str, value: &str, usual: &str) -> &'static str {
        if self.form.get_or(name, usual) == value {
            " selected"
        } else {
            ""
        }
    }
}

/// What the address says that was done.
struct Done;

impl IntoParams for Done {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tested = "A test event was delivered to this source; with `id` and `was`. This and the others are where the forms lead.";
        vec![
            query("tested", tested, documented::source()),
            query("id", "The id of the test event.", documented::id()),
            query(
                "was",
                "What became of the test event.",
                documented::one_of(["stored", "duplicate"]),
            ),
            query(
                "made",
                "The link with this id was made. Its address is told once.",
                text(),
            ),
            query("revoked", "The link with this id was revoked.", text()),
        ]
    }
}

/// `GET /connect`
#[utoipa::path(
    get,
    path = "/connect",
    tag = "pages",
    operation_id = "connectPage",
    summary = "What to fill in at the sender, and links for spreadsheets",
    params(Done),
    responses(Page)
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let session = match reader(&request, &engine).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let query = Fields::new(query_of(&request));
    let said = said(&request, &engine, session.as_ref(), &query);
    let form = Fields::default();
    connect(
        &request,
        &engine,
        session.as_ref(),
        StatusCode::OK,
        form,
        said,
    )
    .await
}

/// What the address says that was done.
fn said(request: &HttpRequest, engine: &Engine, session: Option<&Session>, query: &Fields) -> Said {
    let listed = |id: &str| {
        let links = engine.links.all().unwrap_or_default();
        links.into_iter().find(|link| link.id == id)
    };
    let tested = SourceName::new(query.get("tested"));
    if let (Ok(source), Some(id)) = (tested, Id::from_hex(query.get("id").as_bytes())) {
        return Said::Tested {
            source,
            id,
            stored: query.get("was") != "duplicate",
        };
    }
    let (made, revoked) = (query.get("made"), query.get("revoked"));
    if let Some(Link { id, .. }) = listed(made) {
        let told = session.filter(|_| *request.method() == Method::GET);
        let told = told.and_then(|session| engine.sessions.told(&session.id, &id));
        return told.map_or(Said::Told { id }, |address| Said::Made { address });
    }
    match listed(revoked) {
        Some(Link {
            id,
            revoked_at: Some(_),
            ..
        }) => Said::Revoked { id },
        _ => Said::Nothing,
    }
}

pub(super) async fn connect(
    request: &HttpRequest,
    engine: &web::Data<Engine>,
    session: Option<&Session>,
    status: StatusCode,
    form: Fields,
    said: Said,
) -> HttpResponse {
    let Ok(listed) = listing::days(engine).await else {
        return Problem::Internal.respond();
    };
    let base = address::base(request, engine);
    let live = engine.live();
    let sources = live.settings.sources.values();
    let newest_first = |mut links: Vec<Link>| {
        links.reverse();
        links
    };
    let shown = ConnectPage {
        frame: Frame::of(engine, session, "connect"),
        zone: live.settings.timezone,
        now: Timestamp::now(),
        today: engine.today(),
        public: live.settings.public_url.is_some(),
        sources: sources
            .map(|source| OfSource::gather(source, &listed, &base, engine))
            .collect(),
        views: views(engine),
        links: engine.links.all().map(newest_first),
        form,
        said,
    };
    page(status, &shown)
}

/// The views that sources have, by source; those that have none are not there.
fn views(engine: &Engine) -> BTreeMap<SourceName, Vec<String>> {
    let live = engine.live();
    let of_sources = live.settings.sources.iter();
    of_sources
        .map(|(name, source)| (name.clone(), source.views.keys().cloned().collect()))
        .filter(|(_, views): &(SourceName, Vec<String>)| !views.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::Expires;

    #[test]
    fn every_choice_of_the_form_can_be_made() {
        let lasts = LASTS.iter().filter(|(value, _)| *value != "never");
        for (value, _) in lasts {
            assert!(value.parse::<Expires>().is_ok(), "{value}");
        }
    }
}
