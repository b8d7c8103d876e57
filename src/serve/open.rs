//! What is opened before anything is served, in which order, and how it is
//! closed again.

use super::reload::Loader;
use super::socket::Patience;
use super::watch::Watch;
use super::{secrets, threads};
use crate::config::{Secret, Settings};
use crate::disk::{Lock, LockError, RealDisk, SharedDisk};
use crate::engine::{self, Engine, Fixed, Live, Tally};
use crate::event::Timestamp;
use crate::follow::{Follower, Handle, known};
use crate::journal::chain::NoJournal;
use crate::journal::refused::Refused;
use crate::journal::{RecoveryError, Shared, open};
use crate::layout::Layout;
use crate::links::Links;
use crate::rejects::Rejects;
use crate::sessions::Sessions;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// Why rowhook could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process has the output directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A server has the output directory, and a command does not reach it.
    #[error(
        "another rowhook{holder} has this output directory, and does not answer on {path}: run the command as the same user; \
         again in a moment, if that one is just starting or is a command that does its own work, such as an import; a server \
         whose socket was removed makes it again when it is restarted",
        path = path.display()
    )]
    Unreachable {
        /// ` (process N)` where it is known.
        holder: String,
        /// The socket.
        path: PathBuf,
    },
    /// A command would leave files that the server cannot write.
    #[error(
        "{path} belongs to the user with number {uid}; run the command as that user, for example with sudo -u",
        path = path.display()
    )]
    Owner {
        /// The state folder.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// A command that needs what was stored.
    #[error(transparent)]
    Nothing(#[from] NoJournal),
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
    #[error("cannot listen on {addr}: {error}; {}", instead(error))]
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

/// What to do where an address cannot be listened on.
fn instead(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need the right to them, as a service by AmbientCapabilities=CAP_NET_BIND_SERVICE; or choose another with --listen"
        }
        _ => "choose another with --listen",
    }
}

/// What rowhook is put together from, where that is not settings.
pub struct Parts {
    /// Where everything is kept.
    pub disk: SharedDisk,
    /// Whether the writing half runs. Without it nothing becomes a row: a benchmark's way to learn what rows cost.
    pub tables: bool,
    /// How the configuration is read again; nothing when there is none to read.
    pub reload: Option<Loader>,
    /// How long commands on the control socket are waited for.
    pub patience: Patience,
}

impl Parts {
    /// The machine's disk, and both halves.
    #[must_use]
    pub fn real() -> Self {
        Self {
            disk: Arc::new(RealDisk),
            tables: true,
            reload: None,
            patience: Patience::default(),
        }
    }
}

/// An engine and the threads that store for it. The output directory is this process's own until it is closed.
pub struct Opened {
    /// What runs.
    pub engine: Arc<Engine>,
    journal: JoinHandle<()>,
    refused: JoinHandle<()>,
    follower: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    _watch: Watch,
    _lock: Lock,
}

impl Opened {
    /// Opens everything below the output directory and starts the threads.
    ///
    /// # Errors
    /// When something cannot be opened.
    pub fn new(settings: Settings, parts: Parts) -> Result<Self, ServeError> {
        let Parts {
            disk,
            tables: writes_tables,
            ..
        } = parts;
        let layout = Layout::new(&settings.output);
        let at = |path: PathBuf| move |error| ServeError::Path { path, error };
        disk.create_dir(&layout.state_dir())
            .map_err(at(layout.state_dir()))?;
        let lock = Lock::take(&layout.lock())?;
        let csv_root = layout.csv_root();
        disk.create_dir(&csv_root).map_err(at(csv_root.clone()))?;
        warn_of_lost_key(&disk, &layout)?;
        let id_key = secrets::id_key(&disk, &layout.id_key()).map_err(at(layout.id_key()))?;
        let links = open_links(&disk, &layout)?;
        let sessions = open_sessions(&disk, &layout)?;
        let token = token(&settings, &disk, &layout)?;
        let options = engine::journal_options(&settings);
        let started = Instant::now();
        let known = known(&disk, &layout).map_err(at(layout.tables_dir()))?;
        let (journal, opened) = open(disk.clone(), layout.clone(), options, &known)?;
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
            settings.timezone,
            settings.limits.rejected_bytes_max,
            Timestamp::now(),
        );
        let refused = refused.map_err(at(layout.rejected_dir()))?;
        let rejects = Rejects::open(disk.clone(), layout.clone());
        let rejects = rejects.map_err(at(layout.refused_notes()))?;
        let tally = Tally::open(disk.clone(), layout.tally(), Timestamp::now());
        let (follower, tables) = open_tables(&settings, &disk, &layout, &shared)?;
        let fixed = Fixed {
            disk,
            layout,
            id_key,
            links,
            sessions,
            rejects,
            tally: Arc::new(tally),
            journal: shared.clone(),
            tables,
        };
        let engine = Arc::new(Engine::new(fixed, Live::new(settings, token, None)));
        let stop = Arc::new(AtomicBool::new(false));
        let journal = threads::journal(journal, &engine)?;
        let refused = threads::refused(refused, &engine)?;
        let follower = if writes_tables {
            Some(threads::follower(follower, shared, stop.clone())?)
        } else {
            None
        };
        let tables = engine.tables.clone();
        let watch = Watch::tables(&csv_root, move || tables.look());
        Ok(Self {
            engine,
            journal,
            refused,
            follower,
            stop,
            _watch: watch,
            _lock: lock,
        })
    }

    /// Stores what waits, lets the tables catch up for a moment, and lets go of the output directory.
    pub fn close(self) {
        self.engine.deliveries.close();
        self.engine.refusals.close();
        for thread in [self.journal, self.refused] {
            let _ = thread.join();
        }
        self.engine.tally.save();
        self.stop.store(true, Ordering::Release);
        self.engine.journal.wake();
        if let Some(follower) = self.follower {
            let _ = follower.join();
        }
    }
}

/// The read token that `settings` name, or the one that rowhook made.
///
/// # Errors
/// When the made one can neither be read nor written.
pub(super) fn token(
    settings: &Settings,
    disk: &SharedDisk,
    layout: &Layout,
) -> Result<Secret, ServeError> {
    let path = layout.token();
    match &settings.read_token {
        Some(token) => Ok(token.clone()),
        None => secrets::read_token(disk, &path).map_err(|error| ServeError::Path { path, error }),
    }
}

/// The links. A list that is damaged stops no delivery: its links do not open until it is mended.
fn open_links(disk: &SharedDisk, layout: &Layout) -> Result<Links, ServeError> {
    let at = |path: PathBuf| move |error| ServeError::Path { path, error };
    let (list, key) = (layout.links(), layout.links_key());
    let stat = |path: &Path| disk.stat(path).map_err(at(path.to_owned()));
    if stat(&key)?.is_none() && stat(&list)?.is_some() {
        tracing::warn!(
            key = %key.display(),
            "the key of the links is missing, and a new one is made: links from before open nothing any more; put the file \
             back from a backup if you can"
        );
    }
    let key = secrets::links_key(disk, &key).map_err(at(key.clone()))?;
    let links = Links::open(disk.clone(), list.clone(), key).map_err(at(list))?;
    if let Err(error) = links.all() {
        tracing::error!("{error}");
    }
    Ok(links)
}

fn open_sessions(disk: &SharedDisk, layout: &Layout) -> Result<Sessions, ServeError> {
    let at = |path: PathBuf| move |error| ServeError::Path { path, error };
    let (list, key) = (layout.sessions(), layout.sessions_key());
    let key = secrets::sessions_key(disk, &key).map_err(at(key.clone()))?;
    Sessions::open(disk.clone(), list.clone(), key).map_err(at(list))
}

fn open_tables(
    settings: &Settings,
    disk: &SharedDisk,
    layout: &Layout,
    shared: &Arc<Shared>,
) -> Result<(Follower, Handle), ServeError> {
    Follower::open(
        disk.clone(),
        layout.clone(),
        engine::follow_options(settings),
        shared.clone(),
        Instant::now(),
    )
    .map_err(|error| ServeError::Path {
        path: layout.tables_dir(),
        error,
    })
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
