//! How far it is, for whoever waits at a terminal: one line that is written over.
//! A crate that draws bars would bring four others for it.

use std::io::Write as _;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(200);

/// How far the reading of the journal is.
pub(super) struct Progress<'a> {
    pub tell: &'a mut dyn FnMut(u64, u64),
    pub done: u64,
    pub total: u64,
}

impl Progress<'_> {
    /// So many bytes of the segment at hand.
    pub fn tell(&mut self, bytes: u64) {
        (self.tell)(self.done + bytes, self.total);
    }

    /// The segment was read.
    pub fn pass(&mut self, bytes: u64) {
        self.done += bytes;
        self.tell(0);
    }
}

/// A line on standard error, or nothing where that is no terminal.
pub struct ProgressLine {
    shown: bool,
    next: Option<Instant>,
}

impl ProgressLine {
    /// A line that is shown if `terminal`.
    #[must_use]
    pub fn new(terminal: bool) -> Self {
        Self {
            shown: false,
            next: terminal.then(|| Instant::now() + EVERY),
        }
    }

    /// `done` of `total` bytes of the journal were read.
    pub fn tell(&mut self, done: u64, total: u64) {
        self.say(|| {
            let percent = done.min(total) * 100 / total.max(1);
            format!(
                "reading the journal: {percent} % of {} MB",
                total / 1_000_000
            )
        });
    }

    /// Shows `words`, now and then.
    pub fn say(&mut self, words: impl FnOnce() -> String) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + EVERY);
        self.shown = true;
        let _ = write!(std::io::stderr(), "\r{} ", words());
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
