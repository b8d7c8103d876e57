//! A clock that can be set while the server runs: libfaketime, which reads how
//! far it is to be ahead from a file.

use crate::server::{Place, Server};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const DAY: Duration = Duration::from_secs(86_400);

/// What `libfaketime` gives the servers that [`Clock::command`] starts.
pub struct Clock {
    file: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// A clock that goes right, kept in `place`.
    pub fn new(place: &Place) -> Self {
        let clock = Self {
            file: place.path().join("clock"),
            library: library(),
        };
        clock.set(0.0);
        clock
    }

    /// The command that serves `place` under this clock. Only what tells the time of day is changed: what waits goes by the
    /// monotonic clock, and the times of files are the file system's.
    pub fn command(&self, place: &Place) -> Command {
        self.over(place.command())
    }

    /// The same for any command.
    pub fn over(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
            .env_remove("FAKETIME");
        command
    }

    pub fn start(&self, place: &Place) -> Server {
        Server::start(self.command(place))
    }

    /// Sets it `seconds` ahead of the right time; at once, and never read half.
    pub fn set(&self, seconds: f64) {
        let beside = self.file.with_extension("new");
        fs::write(&beside, format!("{seconds:+.3}\n")).expect("a clock");
        fs::rename(&beside, &self.file).expect("a clock");
    }

    /// How far ahead it is.
    pub fn ahead(&self) -> f64 {
        let text = fs::read_to_string(&self.file).expect("a clock");
        text.trim().parse().expect("seconds")
    }

    /// Sets it so that its next midnight (UTC) is `before` away, or as much as a millisecond less: what is delivered after
    /// this with no time before belongs to the new day.
    pub fn to_midnight(&self, before: Duration) {
        let exact = midnight(self.ahead()) - before.as_secs_f64();
        self.set((exact * 1e3).ceil() / 1e3);
    }
}

/// How far ahead a clock is at whose midnight one is that is `ahead` now.
fn midnight(ahead: f64) -> f64 {
    let right = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time after 1970")
        .as_secs_f64();
    let day = DAY.as_secs_f64();
    ((right + ahead) / day).floor() * day + day - right
}

/// The command that serves `place` under a clock whose midnight is `before` away and that nobody can set: it opens no file.
pub fn midnight_in(place: &Place, before: Duration) -> Command {
    let mut command = place.command();
    let ahead = midnight(0.0) - before.as_secs_f64();
    command
        .env("LD_PRELOAD", library())
        .env("FAKETIME", format!("{ahead:+.3}"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1");
    command
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("a folder");
    folders
        .map(|entry| entry.expect("an entry").path())
        .chain([Path::new("/usr/lib").to_owned()])
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists())
        .expect("libfaketime is missing; install it: apt-get install faketime")
}
