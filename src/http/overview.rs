//! How it goes: of each source what came and when, of the disk how long it
//! lasts. Also as JSON at `/api/overview`: the page shows these figures and no
//! others.

use super::aside::{Undone, aside};
use super::documented::Reading;
use super::listing::{self, FilesAre, Listed};
use super::problem::Problem;
use super::{access, address};
use crate::config::Auth;
use crate::engine::Engine;
use crate::event::{Day, SourceName, Timestamp};
use crate::read::Files;
use crate::rejects::Waiting;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Days that are shown one by one.
pub(super) const DAYS: i64 = 30;
/// Days of which it is taken how fast the disk fills.
const RATE_DAYS: i64 = 7;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// How it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Overview {
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether a delivery would be stored.
    pub able: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// The disk.
    pub disk: Room,
    /// The zone whose midnight ends a day.
    pub timezone: String,
    /// The sources, those that are not configured any more last.
    pub sources: Vec<OfSource>,
}

/// How much the disk takes yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Disk)]
pub(super) struct Room {
    /// Bytes that are free; null where the system does not say.
    #[schema(required)]
    pub free_bytes: Option<u64>,
    /// What a day takes, tables and journal: the mean of the last whole days that have any.
    #[schema(required)]
    pub bytes_per_day: Option<u64>,
    /// How long it lasts at this rate.
    #[schema(required)]
    pub days_left: Option<u64>,
}

/// A source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Source)]
pub(super) struct OfSource {
    /// Its name.
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    pub source: SourceName,
    /// Whether the configuration still has it.
    pub configured: bool,
    /// Where to deliver.
    pub callback_url: String,
    /// Whether an Authorization value is asked for.
    pub authorization: bool,
    /// When something came last that is no test event, be it a duplicate or refused; null where nothing did.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub last_delivery_at: Option<Timestamp>,
    /// The day that it is.
    pub today: Today,
    /// Rows of today by the hour in which they came, from midnight to now.
    pub hours: Vec<OfHour>,
    /// Rows of the last 30 days, the oldest first.
    pub days: Vec<OfDay>,
    /// Refused bodies that wait for somebody.
    pub refused_waiting: u64,
    /// Days that are over and whose file is not what rowhook left.
    pub edited: Vec<Edited>,
}

/// What came today.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Today {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub date: Day,
    /// Its rows.
    pub rows: u64,
    /// Those of them that are test events.
    pub tests: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Bodies that could not become rows.
    pub refused: u64,
    /// Deliveries whose Authorization value was wrong or missing.
    pub unauthorized: u64,
    /// Since when these three are counted: midnight, or the first start of rowhook.
    #[schema(value_type = String, format = DateTime)]
    pub counted_since: Timestamp,
}

/// An hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hour)]
pub(super) struct OfHour {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Rows that came in it.
    pub rows: u64,
}

/// A day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Day)]
pub(super) struct OfDay {
    /// Which.
    #[schema(value_type = String, format = Date)]
    pub date: Day,
    /// Its rows.
    pub rows: u64,
}

/// A file that somebody changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Edited {
    /// Its day.
    #[schema(value_type = String, format = Date)]
    pub date: Day,
    /// What became of it.
    pub files: FilesAre,
}

/// `GET /api/overview`
#[utoipa::path(
    get,
    path = "/api/overview",
    tag = "data",
    operation_id = "overview",
    summary = "How it goes",
    description = "Of each source what came and when, of the disk how long it lasts: the figures of the page at `/`.",
    responses(
        (status = 200, description = "The figures.", body = Overview),
        Reading,
    ),
)]
pub async fn show(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    if let Err(problem) = access::check(&request, &engine, false).await {
        return problem.respond();
    }
    match overview(&request, &engine).await {
        Ok(overview) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(overview),
        Err(Undone) => Problem::Internal.respond(),
    }
}

/// How it goes now.
pub(super) async fn overview(
    request: &HttpRequest,
    engine: &web::Data<Engine>,
) -> Result<Overview, Undone> {
    let listed = listing::days(engine).await?;
    let base = address::base(request, engine);
    let engine = engine.clone();
    // It looks at files.
    aside(move || gather(&engine, &listed, &base, Timestamp::now())).await
}

fn gather(engine: &Engine, listed: &[Listed], base: &str, now: Timestamp) -> Overview {
    let live = engine.live();
    let settings = &live.settings;
    let today = now.day(settings.timezone);
    let midnight = Timestamp::start_of(today, settings.timezone);
    let configured: Vec<&SourceName> = settings.sources.keys().collect();
    let others: BTreeSet<&SourceName> = listed.iter().map(|listed| &listed.source).collect();
    let others = others.into_iter().filter(|name| !configured.contains(name));
    let names: Vec<&SourceName> = configured.iter().copied().chain(others).collect();
    let waiting = engine.rejects.waiting().unwrap_or_else(|error| {
        tracing::warn!(%error, "refused bodies cannot be counted");
        Waiting::default()
    });
    let of_source = |name: &SourceName| {
        let source = settings.sources.get(name);
        let days: Vec<&Listed> = listed.iter().filter(|l| l.source == *name).collect();
        let counts = engine.tally.of(name, midnight);
        let received = days.iter().filter_map(|l| l.summary.figures.deliveries());
        let found = |day: Day| days.iter().find(|listed| listed.day == day);
        let rows = |day: Day| found(day).map_or(0, |listed| listed.summary.figures.rows());
        OfSource {
            source: name.clone(),
            configured: source.is_some(),
            callback_url: format!("{base}/hooks/{name}"),
            authorization: source.is_some_and(|s| matches!(s.auth, Auth::Authorization(_))),
            last_delivery_at: received.map(|r| r.last).max().max(counts.last),
            today: Today {
                date: today,
                rows: rows(today),
                tests: found(today).map_or(0, |listed| listed.summary.figures.tests.rows),
                duplicates: counts.duplicates,
                refused: counts.refused,
                unauthorized: counts.unauthorized,
                counted_since: engine.tally.since().max(midnight),
            },
            hours: hours(&days, today, midnight, now),
            days: (1 - DAYS..=0)
                .map(|back| today.plus(back))
                .map(|date| OfDay {
                    date,
                    rows: rows(date),
                })
                .collect(),
            refused_waiting: waiting.of.get(name).copied().unwrap_or(0),
            edited: days
                .iter()
                .filter(|listed| listed.files != Files::Whole)
                .map(|listed| Edited {
                    date: listed.day,
                    files: listed.files.into(),
                })
                .collect(),
        }
    };
    let health = engine.health();
    Overview {
        at: now,
        able: health.is_ok(),
        reason: health.err(),
        disk: room(engine, listed, today),
        timezone: settings.timezone.name().to_owned(),
        sources: names.into_iter().map(of_source).collect(),
    }
}

/// From midnight to the hour that it is, one that has no rows as well.
fn hours(days: &[&Listed], today: Day, midnight: Timestamp, now: Timestamp) -> Vec<OfHour> {
    let listed = days.iter().find(|listed| listed.day == today);
    let known = listed.map(|listed| &listed.summary.figures.hours);
    let count = (now.millis() - midnight.millis()).div_euclid(HOUR_MS) + 1;
    let mut hours: Vec<OfHour> = (0..count.clamp(1, 26))
        .map(|nth| OfHour {
            from: Timestamp::from_millis(midnight.millis() + nth * HOUR_MS),
            rows: 0,
        })
        .collect();
    let Some(known) = known else {
        return hours;
    };
    for (began, rows) in known.iter() {
        // Where midnight is not at a whole hour of UTC the hour belongs to the one in which it ends.
        let nth = (began.millis() + HOUR_MS - 1 - midnight.millis()).div_euclid(HOUR_MS);
        let last = hours.len() - 1;
        let nth = usize::try_from(nth).unwrap_or(0).min(last);
        hours[nth].rows += rows;
    }
    hours
}

fn room(engine: &Engine, listed: &[Listed], today: Day) -> Room {
    let free_bytes = engine.disk.free_bytes(&engine.layout.journal_dir()).ok();
    let first = today.plus(-RATE_DAYS);
    let mut days = BTreeSet::new();
    let mut bytes = 0;
    for listed in listed {
        if (first..today).contains(&listed.day) {
            days.insert(listed.day);
            bytes += listed.summary.figures.bytes();
        }
    }
    for name in engine
        .disk
        .list(&engine.layout.journal_dir())
        .unwrap_or_default()
    {
        let day = name.get(..10).and_then(|day| day.parse::<Day>().ok());
        if day.is_some_and(|day| days.contains(&day)) {
            let stat = engine.disk.stat(&engine.layout.journal_dir().join(&name));
            bytes += stat.ok().flatten().map_or(0, |stat| stat.bytes);
        }
    }
    let bytes_per_day = bytes.checked_div(days.len() as u64);
    let days_left = match (free_bytes, bytes_per_day) {
        (Some(free), Some(rate)) => free.checked_div(rate),
        _ => None,
    };
    Room {
        free_bytes,
        bytes_per_day,
        days_left,
    }
}
