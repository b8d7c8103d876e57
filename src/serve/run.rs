//! From settings to a server that listens, and to its end.

use super::open::{Opened, Parts, ServeError};
use super::signals::Signals;
use super::{reload, secrets, socket};
use crate::config::{Auth, Settings};
use crate::engine::Engine;
use crate::http::{common_headers, routes};
use actix_web::{HttpServer, web};
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a stop waits for requests that are under way.
const DRAIN_SECONDS: u64 = 7;

/// Runs until `signals` say so, then finishes what is under way.
///
/// # Errors
/// When something cannot be opened, or the listener fails.
pub async fn run(settings: Settings, mut parts: Parts, signals: Signals) -> Result<(), ServeError> {
    let Signals {
        mut stops,
        reloads,
        ask,
    } = signals;
    let load = parts.reload.take();
    let opened = Opened::new(settings, parts)?;
    let engine = opened.engine.clone();
    let settings = engine.live().settings.clone();
    let shared = web::Data::from(engine.clone());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(shared.clone())
            .wrap(common_headers())
            .configure(routes)
    })
    .workers(workers)
    .max_connections(connections(&settings).div_ceil(workers).max(1))
    .client_request_timeout(Duration::from_secs(10))
    .keep_alive(Duration::from_secs(75))
    .shutdown_timeout(DRAIN_SECONDS)
    .disable_signals()
    .bind(settings.listen)
    .map_err(|error| ServeError::Listen {
        addr: settings.listen,
        error,
    })?;
    let addr = server.addrs().first().copied().unwrap_or(settings.listen);
    let server = server.run();
    let handle = server.handle();
    if let Err(error) = socket::listen(engine.clone()) {
        tracing::warn!(%error, "there is no control socket: `rebuild` and `import` need rowhook to be stopped");
    }
    if let Some(load) = load {
        reload::start(engine.clone(), load, reloads, ask)?;
    }
    let ending = engine.clone();
    let ended = actix_web::rt::spawn(async move {
        stops.recv().await;
        tracing::info!("stopping: requests under way have {DRAIN_SECONDS} s");
        ending.draining.store(true, Ordering::Relaxed);
        handle.stop(true).await;
    });
    if let Err(error) = announce(&engine, addr) {
        tracing::warn!(%error, "standard output could not be written");
    }
    let outcome = server.await;
    ended.abort();
    opened.close();
    Ok(outcome?)
}

/// How many connections there may be.
fn connections(settings: &Settings) -> usize {
    let wanted = settings.limits.connections_max;
    let connections = wanted.min(files_for_connections());
    if connections < wanted {
        tracing::warn!(
            connections,
            "the limit of open files (ulimit -n) allows fewer connections than limits.connections_max"
        );
    }
    connections
}

/// Says on standard output where it listens, and how to open the page: the token itself only to a person at a terminal.
fn announce(engine: &Arc<Engine>, addr: SocketAddr) -> io::Result<()> {
    let live = engine.live();
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{addr}")?;
    let open = live
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
    let file = engine.layout.token();
    if secrets::is_made(&live.token, &file) {
        if out.is_terminal() {
            writeln!(
                out,
                "open http://{addr}/?token={}",
                String::from_utf8_lossy(live.token.expose())
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
