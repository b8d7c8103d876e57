//! From settings to a server that listens, and to its end.

use super::{secrets, threads};
use crate::config::{Auth, Settings};
use crate::disk::{Lock, LockError, RealDisk, SharedDisk};
use crate::event::{Preset, SourceName, Timestamp};
use crate::follow::{FollowOptions, Follower, Handle};
use crate::http::{App, common_headers, routes, rules_of};
use crate::journal::refused::Refused;
use crate::journal::{Options, RecoveryError, Shared, open};
use crate::layout::Layout;
use crate::receive::{Queue, Waiting};
use crate::table::PART_ROWS;
use actix_web::{HttpServer, web};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process has the output directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] RecoveryError),
    /// A file or folder cannot be used.
    #[error("{path}: {error}; the user that runs rowhook must be able to write there", path = path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {error}; choose another with --listen")]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Anything else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How long a stop waits for requests that are under way.
const DRAIN_SECONDS: u64 = 7;

/// What the server is put together from, where that is not settings.
pub struct Parts {
    /// Where everything is kept.
    pub disk: SharedDisk,
    /// Whether the writing half runs. Without it nothing becomes a row: a benchmark's way to learn what rows cost.
    pub tables: bool,
}

impl Parts {
    /// The machine's disk, and both halves.
    #[must_use]
    pub fn real() -> Self {
        Self {
            disk: Arc::new(RealDisk),
            tables: true,
        }
    }
}

/// What is open before anything listens.
struct Opened {
    app: App,
    journal: JoinHandle<()>,
    refused: JoinHandle<()>,
    follower: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    _lock: Lock,
}

/// Runs until `stops` says so, then finishes what is under way.
///
/// # Errors
/// When something cannot be opened, or the listener fails.
pub async fn run(
    settings: Settings,
    parts: Parts,
    mut stops: UnboundedReceiver<()>,
) -> Result<(), ServeError> {
    let Opened {
        app,
        journal,
        refused,
        follower,
        stop,
        _lock,
    } = prepare(settings, parts)?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let wanted_connections = app.settings.limits.connections_max;
    let connections = wanted_connections.min(files_for_connections());
    if connections < wanted_connections {
        tracing::warn!(
            connections,
            "the limit of open files (ulimit -n) allows fewer connections than limits.connections_max"
        );
    }
    let connections_max = connections.div_ceil(workers).max(1);
    let wanted = app.settings.listen;
    let shared = web::Data::new(app);
    let factory = shared.clone();
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(factory.clone())
            .wrap(common_headers())
            .configure(routes)
    })
    .workers(workers)
    .max_connections(connections_max)
    .client_request_timeout(Duration::from_secs(10))
    .keep_alive(Duration::from_secs(75))
    .shutdown_timeout(DRAIN_SECONDS)
    .disable_signals()
    .bind(wanted)
    .map_err(|error| ServeError::Listen {
        addr: wanted,
        error,
    })?;
    let addr = server.addrs().first().copied().unwrap_or(wanted);
    let server = server.run();
    let handle = server.handle();
    let ending = shared.clone();
    let ended = actix_web::rt::spawn(async move {
        stops.recv().await;
        tracing::info!("stopping: requests under way have {DRAIN_SECONDS} s");
        ending.draining.store(true, Ordering::Relaxed);
        handle.stop(true).await;
    });
    if let Err(error) = announce(&shared, addr) {
        tracing::warn!(%error, "standard output could not be written");
    }
    let outcome = server.await;
    ended.abort();
    shared.deliveries.close();
    shared.refusals.close();
    for thread in [journal, refused] {
        let _ = thread.join();
    }
    stop.store(true, Ordering::Release);
    shared.journal.wake();
    if let Some(follower) = follower {
        let _ = follower.join();
    }
    Ok(outcome?)
}

fn prepare(settings: Settings, parts: Parts) -> Result<Opened, ServeError> {
    let Parts {
        disk,
        tables: writes_tables,
    } = parts;
    let layout = Layout::new(&settings.output);
    let at = |path: PathBuf| move |error| ServeError::Path { path, error };
    disk.create_dir(&layout.state_dir())
        .map_err(at(layout.state_dir()))?;
    let lock = Lock::take(&layout.lock())?;
    warn_of_lost_key(&disk, &layout)?;
    let id_key = secrets::id_key(&disk, &layout.id_key()).map_err(at(layout.id_key()))?;
    let token = match &settings.read_token {
        Some(token) => token.clone(),
        None => secrets::read_token(&disk, &layout.token()).map_err(at(layout.token()))?,
    };
    let zone = settings.timezone;
    let options = Options {
        zone,
        dedup_days: settings.dedup.days,
        ids_max: settings.dedup.ids_max,
    };
    let started = Instant::now();
    let (journal, opened) = open(disk.clone(), layout.clone(), options)?;
    let shared = journal.shared();
    tracing::info!(
        events = shared.last_seq().0,
        checked = opened.checked,
        cut_bytes = opened.cut_bytes,
        milliseconds = started.elapsed().as_millis(),
        "opened the journal"
    );
    let refused = Refused::open(
        disk.clone(),
        layout.clone(),
        zone,
        settings.limits.rejected_bytes_max,
        Timestamp::now(),
    );
    let refused = refused.map_err(at(layout.rejected_dir()))?;
    let (follower, tables) = open_tables(&settings, &disk, &layout, &shared)?;
    let deliveries = Arc::new(Queue::default());
    let refusals = Arc::new(Queue::default());
    let stop = Arc::new(AtomicBool::new(false));
    let journal = threads::journal(journal, deliveries.clone())?;
    let refused = threads::refused(refused, refusals.clone())?;
    let follower = if writes_tables {
        Some(threads::follower(follower, shared.clone(), stop.clone())?)
    } else {
        None
    };
    let app = App {
        waiting: Waiting::new(settings.limits.waiting_bytes_max),
        rates: rates(&settings),
        draining: Arc::new(AtomicBool::new(false)),
        journal: shared,
        settings,
        disk,
        layout,
        id_key,
        token,
        deliveries,
        refusals,
        tables,
    };
    Ok(Opened {
        app,
        journal,
        refused,
        follower,
        stop,
        _lock: lock,
    })
}

fn open_tables(
    settings: &Settings,
    disk: &SharedDisk,
    layout: &Layout,
    shared: &Arc<Shared>,
) -> Result<(Follower, Handle), ServeError> {
    let sources = settings
        .sources
        .values()
        .map(|s| (s.name.clone(), rules_of(settings, s.preset)));
    let options = FollowOptions {
        zone: settings.timezone,
        sources: sources.collect(),
        others: rules_of(settings, Preset::Generic),
        part_rows: PART_ROWS,
    };
    Follower::open(
        disk.clone(),
        layout.clone(),
        options,
        shared.clone(),
        Instant::now(),
    )
    .map_err(|error| ServeError::Path {
        path: layout.tables_dir(),
        error,
    })
}

/// The rates of sources that have one.
fn rates(settings: &Settings) -> BTreeMap<SourceName, DefaultDirectRateLimiter> {
    let rates = settings.sources.values().filter_map(|source| {
        let rate = source.requests_per_second_max?;
        Some((
            source.name.clone(),
            RateLimiter::direct(Quota::per_second(rate)),
        ))
    });
    rates.collect()
}

/// Without its key no id of the journal can be made again: what was stored before is not known as a duplicate any more.
fn warn_of_lost_key(disk: &SharedDisk, layout: &Layout) -> io::Result<()> {
    if disk.stat(&layout.id_key())?.is_none() && !disk.list(&layout.journal_dir())?.is_empty() {
        tracing::warn!(
            key = %layout.id_key().display(),
            "the key of the event ids is missing, and a new one is made: what is delivered again from before this start \
             will be stored again; put the file back from a backup if you can"
        );
    }
    Ok(())
}

/// Says on standard output where it listens, and how to open the page: the token itself only to a person at a terminal.
fn announce(app: &App, addr: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{addr}")?;
    let open = app
        .settings
        .sources
        .values()
        .any(|s| matches!(s.auth, Auth::None { .. }));
    if open && out.is_terminal() {
        writeln!(
            out,
            "hooks are taken without an Authorization value; set LESSONLY_AUTHORIZATION to ask for one"
        )?;
    }
    let file = app.layout.token();
    if secrets::is_made(&app.token, &file) {
        if out.is_terminal() {
            writeln!(
                out,
                "open http://{addr}/?token={}",
                String::from_utf8_lossy(app.token.expose())
            )?;
        } else {
            writeln!(out, "the read token is in {}", file.display())?;
        }
    }
    out.flush()
}

/// As many files as the system allows, and how many of them may be connections: the journal must always have one for a new
/// segment.
fn files_for_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const OWN_FILES: u64 = 256;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = current.map_or(usize::MAX, |files| {
        usize::try_from(files.saturating_sub(OWN_FILES)).unwrap_or(usize::MAX)
    });
    files.max(16)
}
