//! The server as its operator has it: a process, started, watched through `/proc`, stopped or killed.
//!
//! It signals the process it started and no other, and kills it on drop.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Error};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a start may take, with what it recovers.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a stop may take: the server drains for 10 s at most.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// What `/proc/PID/stat` counts in: `USER_HZ`, 100 on every Linux of today.
const TICKS_PER_SECOND: u32 = 100;

/// A running server.
pub struct Server {
    child: Child,
    addr: SocketAddr,
    ready_after: Duration,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// User and system time, in steps of 10 ms.
    pub cpu_seconds: f64,
    /// That of children that ended and were waited for.
    pub children_cpu_seconds: f64,
    pub rss_bytes: u64,
    pub rss_peak_bytes: u64,
}

/// A command with nothing of the caller's rowhook in its environment: not its configuration, not its secrets.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name_lossy = name.to_string_lossy();
        if name_lossy.starts_with("ROWHOOK_") || name_lossy.starts_with("LESSONLY_") {
            command.env_remove(&name);
        }
    }
    command
}

impl Server {
    /// Adds `--listen` (a free port) and `--output` to `command`, starts it, and waits for the line that says where it listens.
    /// What it writes to stderr is appended to `log`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends early (with the last lines of `log`), or is not ready in time.
    pub fn start(mut command: Command, output: &Path, log: &Path) -> io::Result<Self> {
        let stderr = File::options().create(true).append(true).open(log)?;
        command
            .args(["--listen", "127.0.0.1:0", "--output"])
            .arg(output);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let started = Instant::now();
        let mut child = command.spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| Error::other("the server has no stdout"))?;
        // The address is not known yet; drop kills the child whichever way this function ends.
        let mut server = Self {
            child,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready_after: Duration::ZERO,
        };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // Reads on to the end: a full pipe would stop the server.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(addr) = line.strip_prefix("listening on http://") {
                    let _ = sender.send((addr.parse(), Instant::now()));
                }
            }
        });
        let Ok((addr, ready)) = receiver.recv_timeout(START_TIMEOUT) else {
            return Err(Error::other(format!(
                "the server did not come up; its last words:\n{}",
                tail(log)
            )));
        };
        server.addr = addr.map_err(Error::other)?;
        server.ready_after = ready - started;
        Ok(server)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How long it took from the start to the line that says where it listens.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// What it has used so far.
    ///
    /// # Errors
    ///
    /// When the process is gone, or there is no `/proc`.
    pub fn usage(&self) -> io::Result<Usage> {
        usage(&self.child.id().to_string())
    }

    /// Lets the peak of its memory begin anew, at what it has now.
    ///
    /// # Errors
    ///
    /// When the process is gone, or there is no such `/proc`.
    pub fn forget_peak(&self) -> io::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    ///
    /// When it does not end in time; then it was killed.
    pub fn terminate(mut self) -> io::Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(Error::other(format!(
            "the server was still there {} s after SIGTERM",
            STOP_TIMEOUT.as_secs()
        )))
    }

    /// SIGKILL, and waits for its end.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Without effect on a child that was waited for: std remembers that its pid is no longer ours.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has used so far; `pid` may be `self`.
///
/// # Errors
///
/// When there is no such process, or no `/proc`.
pub fn usage(pid: &str) -> io::Result<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024)
    };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything; after it come fields 3 and on, of which 14 and 15 are user and system time,
    // 16 and 17 those of children that were waited for.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let seconds = |first: usize| {
        let two = fields.split_whitespace().skip(first - 3).take(2);
        let ticks: u32 = two.filter_map(|field| field.parse::<u32>().ok()).sum();
        f64::from(ticks) / f64::from(TICKS_PER_SECOND)
    };
    Ok(Usage {
        cpu_seconds: seconds(14),
        children_cpu_seconds: seconds(16),
        rss_bytes: bytes("VmRSS:"),
        rss_peak_bytes: bytes("VmHWM:"),
    })
}

/// The processor time of the calling thread, in steps of 10 ms.
///
/// # Errors
///
/// When there is no `/proc`.
pub fn thread_cpu_seconds() -> io::Result<f64> {
    Ok(usage("thread-self")?.cpu_seconds)
}

fn tail(log: &Path) -> String {
    let text = fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
