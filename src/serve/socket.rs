//! The socket by which commands ask the process that holds the output
//! directory, and how they find it. Only the same user may connect.

use super::open::{Opened, Parts, ServeError};
use crate::config::Settings;
use crate::control::protocol::{Answer, put};
use crate::control::session;
use crate::disk::LockError;
use crate::engine::Engine;
use crate::journal::chain::{NoJournal, is_begun};
use crate::layout::Layout;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Commands that are served at a time.
const SESSIONS_MAX: usize = 8;
/// Between two tries to accept a command.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a command is waited for, lest one that was stopped or hangs keep its place from the others for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until it has said what it wants.
    pub first: Duration,
    /// Until it says or takes anything more. It says that it is there four times as often.
    pub silent: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            silent: Duration::from_secs(60),
        }
    }
}

/// Listens on the control socket until the process ends.
///
/// # Errors
/// When the socket cannot be made or the system gives no thread.
pub fn listen(engine: Arc<Engine>, patience: Patience) -> io::Result<()> {
    let listener = bind(&engine.layout.control_socket())?;
    Builder::new().name("control".into()).spawn(move || {
        let sessions = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                // No file for another one, perhaps.
                std::thread::sleep(PAUSE);
                continue;
            };
            if sessions.load(Ordering::Relaxed) >= SESSIONS_MAX {
                let why = format!(
                    "{SESSIONS_MAX} commands are under way already; run the same command again in a moment"
                );
                // There is room for the answer: nothing else was said. Whoever does not read it is closed all the same.
                let _ = put(&mut &stream, &Answer::Failed(why));
                continue;
            }
            sessions.fetch_add(1, Ordering::Relaxed);
            let (engine, session) = (engine.clone(), Session(sessions.clone()));
            // Without a thread it is closed, and the command says that it was not answered.
            let _ = Builder::new().name("command".into()).spawn(move || {
                let _session = session;
                if let Err(error) = session_on(&engine, &stream, Some(patience)) {
                    tracing::debug!(%error, "a command went away");
                }
            });
        }
    })?;
    Ok(())
}

/// A command that is served; however it ends, it is counted no longer.
struct Session(Arc<AtomicUsize>);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a command, with a process of its own at the other end if there is `patience` to have with it.
fn session_on(engine: &Engine, stream: &UnixStream, patience: Option<Patience>) -> io::Result<()> {
    let mut to = stream;
    let outcome = converse(engine, stream, patience);
    let why = match &outcome {
        Err(error) if is_timeout(error) => {
            "nothing was heard of this command for too long; what it did is done, and it can be run again"
                .to_owned()
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            format!("it is not understood: {error}")
        }
        _ => return outcome,
    };
    // For one that goes on later. One that takes nothing has no room for it, and gets no more time.
    let _ = stream.set_nonblocking(true);
    let _ = put(&mut to, &Answer::Failed(why));
    outcome
}

fn converse(engine: &Engine, stream: &UnixStream, patience: Option<Patience>) -> io::Result<()> {
    let until = patience.map(|patience| Instant::now() + patience.first);
    let mut from = BufReader::new(Heard { stream, until });
    stream.set_write_timeout(patience.map(|patience| patience.silent))?;
    let Some(command) = session::hear(&mut from)? else {
        return Ok(());
    };
    from.get_mut().until = None;
    stream.set_read_timeout(patience.map(|patience| patience.silent))?;
    let alive = patience.map(|patience| patience.silent / 4);
    let mut to = stream;
    session::serve(engine, command, alive, &mut from, &mut to)
}

/// What a command says: all of it before a moment, while there is one.
struct Heard<'s> {
    stream: &'s UnixStream,
    until: Option<Instant>,
}

impl Read for Heard<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(into)
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Makes the socket under a name of its own, so that nobody else can connect before its mode is set.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let dir = Folder::of(path)?;
    let beside = ".control.sock.new";
    let new = path.with_file_name(beside);
    let _ = fs::remove_file(&new);
    let listener = UnixListener::bind(dir.short(beside))?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    Ok(listener)
}

/// A folder by a name that is short: a socket's address has room for about a hundred bytes.
struct Folder {
    open: File,
}

impl Folder {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            open: File::open(crate::disk::parent(path))?,
        })
    }

    fn short(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.open.as_raw_fd()))
    }
}

/// A stream to whoever does the work of commands for an output directory: the server that runs, or else this process.
pub struct Worker {
    stream: UnixStream,
    own: Option<(Opened, JoinHandle<()>)>,
}

impl Worker {
    /// Finds the server, or opens the output directory in its place: one in which nothing was ever stored only if the command
    /// `begins` one.
    ///
    /// # Errors
    /// When neither can be done.
    pub fn find(settings: Settings, begins: bool) -> Result<Self, ServeError> {
        let layout = Layout::new(&settings.output);
        let path = layout.control_socket();
        if let Ok(stream) = connect(&path) {
            return Ok(Self { stream, own: None });
        }
        check_owner(&layout)?;
        let parts = Parts::real();
        if !begins {
            let found = is_begun(&parts.disk, &layout);
            if !found.map_err(|(path, error)| ServeError::Path { path, error })? {
                return Err(NoJournal(settings.output).into());
            }
        }
        let opened = Opened::new(settings, parts).map_err(|error| match error {
            ServeError::Lock(LockError::Held { holder, .. }) => {
                ServeError::Unreachable { holder, path }
            }
            other => other,
        })?;
        let (stream, other) = UnixStream::pair()?;
        let engine = opened.engine.clone();
        let thread = Builder::new().name("command".into()).spawn(move || {
            // The asking end sees that it ended.
            let _ = session_on(&engine, &other, None);
        })?;
        Ok(Self {
            stream,
            own: Some((opened, thread)),
        })
    }

    /// The two directions of the stream.
    ///
    /// # Errors
    /// When the system gives no second handle.
    pub fn stream(&self) -> io::Result<(BufReader<UnixStream>, BufWriter<UnixStream>)> {
        let (from, to) = (self.stream.try_clone()?, self.stream.try_clone()?);
        Ok((BufReader::new(from), BufWriter::with_capacity(1 << 16, to)))
    }

    /// Ends the work: what this process opened it closes.
    pub fn end(self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        if let Some((opened, thread)) = self.own {
            let _ = thread.join();
            opened.close();
        }
    }
}

/// Files that this process makes must be the server's to write.
fn check_owner(layout: &Layout) -> Result<(), ServeError> {
    let path = layout.state_dir();
    let Ok(found) = fs::metadata(&path) else {
        return Ok(());
    };
    if found.uid() == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(ServeError::Owner {
            path,
            uid: found.uid(),
        })
    }
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    UnixStream::connect(Folder::of(path)?.short(&name))
}
