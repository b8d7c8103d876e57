//! Threads beside those that answer: what is downloaded is made on them, which takes long and waits for the disk.
//!
//! The one that was busy last has the next work, so that one download after the other is made by one thread: an allocator
//! keeps for each thread what it once had, and a view has megabytes.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use tokio::sync::{Semaphore, oneshot};

/// How much is done at once; the rest waits in order of arrival.
const AT_ONCE_MAX: usize = 64;
/// How many threads stay when there is nothing to do.
const IDLE_MAX: usize = 4;

static AT_ONCE: Semaphore = Semaphore::const_new(AT_ONCE_MAX);
static IDLE: Mutex<Vec<Sender<Job>>> = Mutex::new(Vec::new());

/// Work; before its outcome is told it calls what it is given, so that whoever hears of it finds the thread idle.
type Job = Box<dyn FnOnce(Box<dyn FnOnce()>) + Send>;

/// Nobody does the work: it panicked, or the system gave no thread.
#[derive(Debug, thiserror::Error)]
#[error("no thread did the work")]
pub struct Undone;

/// Does `work` on such a thread, whether or not somebody still waits for it once it has begun.
///
/// # Errors
/// When it panicked, or there is no thread for it.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Undone> {
    let permit = AT_ONCE.acquire().await.map_err(|_| Undone)?;
    let (tell, told) = oneshot::channel();
    let job: Job = Box::new(move |rest| {
        let _permit = permit;
        let outcome = work();
        rest();
        // Whoever asked may have gone.
        let _ = tell.send(outcome);
    });
    give(job).map_err(|error| {
        tracing::error!(%error, "there is no thread for a download");
        Undone
    })?;
    told.await.map_err(|_| Undone)
}

fn idle() -> MutexGuard<'static, Vec<Sender<Job>>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives `job` to the thread that was busy last, or to a new one.
fn give(mut job: Job) -> io::Result<()> {
    loop {
        let Some(last) = idle().pop() else {
            break;
        };
        match last.send(job) {
            Ok(()) => return Ok(()),
            Err(mpsc::SendError(back)) => job = back,
        }
    }
    Builder::new()
        .name("exports".into())
        .spawn(move || work(job))
        .map(drop)
}

/// Does `job` and all that it is given then, until enough others are idle.
fn work(mut job: Job) {
    loop {
        let (sender, receiver) = mpsc::channel();
        job(Box::new(move || {
            let mut idle = idle();
            if idle.len() < IDLE_MAX {
                idle.push(sender);
            }
        }));
        let Ok(next) = receiver.recv() else {
            return;
        };
        job = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work that panics is told as undone, and what comes after it is done.
    #[test]
    fn a_panic_takes_nothing_along() {
        let run = |work: fn() -> u32| actix_web::rt::System::new().block_on(aside(work));
        for _ in 0..=AT_ONCE_MAX {
            assert!(run(|| panic!("as wanted")).is_err());
        }
        assert_eq!(run(|| 7).ok(), Some(7));
    }
}
