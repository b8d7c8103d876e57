//! From settings to a server that listens, and to its end.

use super::open::{Opened, Parts, ServeError};
use super::signals::{STOP_MAX, Signals};
use super::threads::CATCH_UP_MAX;
use super::{listen, reload, secrets, socket};
use crate::config::{Auth, Settings};
use crate::engine::Engine;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How long a stop waits for requests that are under way.
const DRAIN_SECONDS: u64 = 6;
/// The workers look once a second whether all have ended.
const LOOK_SECONDS: u64 = 1;
// What is left is for the last sync and the last checkpoints.
const _: () = assert!(
    DRAIN_SECONDS + LOOK_SECONDS + CATCH_UP_MAX.as_secs() < STOP_MAX.as_secs(),
    "a stop that takes as long as it may would be cut off"
);

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
    let patience = parts.patience;
    let opened = Opened::new(settings, parts)?;
    let engine = opened.engine.clone();
    let settings = engine.live().settings.clone();
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let refused = |error| ServeError::Listen {
        addr: settings.listen,
        error,
    };
    let listener = listen::bind(settings.listen).map_err(refused)?;
    let addr = listener.local_addr()?;
    let _ = engine.listens.set(addr);
    let server = listen::serve(&engine, listener, room(&settings), DRAIN_SECONDS)?;
    let handle = server.handle();
    if let Err(error) = socket::listen(engine.clone(), patience) {
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

/// How many connections there may be, at how many workers.
fn room(settings: &Settings) -> listen::Room {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let wanted = settings.limits.connections_max;
    let room = listen::Room::within(workers, wanted, files_for_connections());
    if room.places < wanted {
        tracing::warn!(
            connections = room.places,
            "the limit of open files (ulimit -n) allows fewer connections than limits.connections_max"
        );
    }
    room
}

/// Says on standard output where it listens, and how to open the page: the token itself only to a person at a terminal.
fn announce(engine: &Arc<Engine>, addr: SocketAddr) -> io::Result<()> {
    let live = engine.live();
    let mut out = io::stdout().lock();
    let scheme = live.settings.scheme;
    writeln!(out, "listening on {scheme}://{addr}")?;
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
                "open {scheme}://{addr}/?token={}",
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
    current.map_or(usize::MAX, |files| {
        usize::try_from(files.saturating_sub(OWN_FILES)).unwrap_or(usize::MAX)
    })
}
