//! HTTP: the only place that knows requests and responses.
//!
//! - [`problem`]: every refusal there is, its status and its words
//! - [`hooks`]: `POST /hooks/{source}`
//! - [`access`]: who may read
//! - [`exports`]: downloads and their list
//! - [`page`]: what `/` shows
//! - [`health`]: alive, and able to store

pub mod access;
pub mod exports;
pub mod health;
pub mod hooks;
pub mod page;
pub mod problem;

use crate::config::{Secret, Settings};
use crate::disk::SharedDisk;
use crate::event::{IdKey, Preset, SourceName, Timestamp};
use crate::flatten::Rules;
use crate::follow::Handle;
use crate::journal::{Health, Shared};
use crate::layout::Layout;
use crate::receive::{Delivery, Queue, Refusal, Waiting};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use governor::DefaultDirectRateLimiter;
use problem::Problem;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All that handlers need; one for all workers.
pub struct App {
    /// The configuration.
    pub settings: Settings,
    /// The disk.
    pub disk: SharedDisk,
    /// The output directory.
    pub layout: Layout,
    /// The key of the event ids.
    pub id_key: IdKey,
    /// The read token.
    pub token: Secret,
    /// The state of the journal.
    pub journal: Arc<Shared>,
    /// The way to the journal.
    pub deliveries: Arc<Queue<Delivery>>,
    /// The way to the rejected files.
    pub refusals: Arc<Queue<Refusal>>,
    /// The way to the tables.
    pub tables: Handle,
    /// What all requests may hold together.
    pub waiting: Arc<Waiting>,
    /// The rates of sources that have one.
    pub rates: BTreeMap<SourceName, DefaultDirectRateLimiter>,
    /// Set when it is about to stop.
    pub draining: Arc<AtomicBool>,
}

impl App {
    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The rules of a source's tables; a source that is not configured any more is generic.
    fn rules(&self, source: &SourceName) -> Rules {
        let preset = self
            .settings
            .sources
            .get(source)
            .map_or(Preset::Generic, |s| s.preset);
        rules_of(&self.settings, preset)
    }

    /// Whether events can be stored now, and if not, why.
    fn health(&self) -> Result<(), String> {
        /// Less room than this does not take a delivery.
        const FREE_BYTES_MIN: u64 = 64 * 1024;
        if self.is_draining() {
            return Err("rowhook is stopping".into());
        }
        if let Health::Failing(why) = self.journal.health() {
            return Err(format!("the journal cannot be written: {why}"));
        }
        match self.disk.free_bytes(&self.layout.journal_dir()) {
            Ok(free) if free < FREE_BYTES_MIN => {
                Err(format!("the disk is full: {free} bytes are left"))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("the journal's folder cannot be reached: {error}")),
        }
    }

    fn today(&self) -> crate::event::Day {
        Timestamp::now().day(self.settings.timezone)
    }
}

/// The rules of the tables of a source with this preset.
#[must_use]
pub fn rules_of(settings: &Settings, preset: Preset) -> Rules {
    Rules {
        preset,
        columns_max: settings.limits.columns_max,
        guard: settings.csv.formula_guard,
        bom: settings.csv.bom,
    }
}

/// All routes.
pub fn routes(config: &mut web::ServiceConfig) {
    let get = || {
        web::route()
            .guard(actix_web::guard::Any(actix_web::guard::Get()).or(actix_web::guard::Head()))
    };
    let only_get = || web::to(|| async { Problem::Method { allow: "GET, HEAD" }.respond() });
    config
        .service(
            web::resource("/hooks/{source}")
                .route(web::post().to(hooks::deliver))
                .default_service(web::to(|| async {
                    Problem::Method { allow: "POST" }.respond()
                })),
        )
        .service(
            web::resource("/")
                .route(get().to(page::page))
                .default_service(only_get()),
        )
        .service(
            web::resource("/api/exports")
                .route(get().to(exports::list))
                .default_service(only_get()),
        )
        .service(
            web::resource("/exports/{path:.*}")
                .route(get().to(exports::download))
                .default_service(only_get()),
        )
        .service(
            web::resource("/healthz")
                .route(get().to(health::alive))
                .default_service(only_get()),
        )
        .service(
            web::resource("/readyz")
                .route(get().to(health::ready))
                .default_service(only_get()),
        )
        .default_service(web::to(|request: HttpRequest| async move {
            no_such_path(&request)
        }));
}

fn no_such_path(request: &HttpRequest) -> HttpResponse {
    Problem::NoSuchPath {
        path: request.path().chars().take(200).collect(),
    }
    .respond()
}

/// What every answer carries: a URL may hold a token, and must not travel on; what is sent is what it says it is.
#[must_use]
pub fn common_headers() -> actix_web::middleware::DefaultHeaders {
    actix_web::middleware::DefaultHeaders::new()
        .add((header::REFERRER_POLICY, "no-referrer"))
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

/// The decoded query of a request.
fn query_of(request: &HttpRequest) -> Vec<(String, String)> {
    let decode = |raw: &str| {
        let spaced = raw.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pairs = request
        .query_string()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
