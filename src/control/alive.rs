//! Signs of life: while a command waits for what it is to hand over, be it a
//! slow standard input or a person's pager, the other end hears that it is there.

use super::protocol::{Chunk, put};
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Where a command is told what to do. Whoever holds the lock says one thing whole.
pub(super) type Shared<W> = Arc<Mutex<W>>;

/// Takes the stream for as long as it takes to say something.
pub(super) fn lock<W>(to: &Mutex<W>) -> MutexGuard<'_, W> {
    to.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that the command is there, until it is dropped.
pub(super) struct Alive {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Alive {
    /// Says so on `to`, once in `every`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<W: Write + Send + 'static>(to: Shared<W>, every: Duration) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = Builder::new().name("alive".into()).spawn(move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let mut to = lock(&to);
                let said = put(&mut *to, &Chunk::Alive).and_then(|()| to.flush());
                if said.is_err() {
                    // Whoever hands something over hears why.
                    return;
                }
            }
        })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
