//! The threads: thin loops around what can be stepped through without them.

use crate::engine::{Engine, RefusedOptions};
use crate::event::Timestamp;
use crate::follow::Follower;
use crate::journal::refused::Refused;
use crate::journal::{Journal, Shared, Verdict};
use crate::receive::{Delivery, Post, Refusal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// Between two times that the counts of what is no row are written down.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// How long a stop lets the tables catch up.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_secs(1);
/// Between two looks at what was stored, unless somebody wants to read: what many batches brought is written to the tables at
/// one stroke. A look after each batch costs more than the rows do; a look at what came in 10 ms keeps a core from the journal
/// for as long as several syncs take.
const GATHER: Duration = Duration::from_millis(2);

/// A thread that stores must not be missing unnoticed: without it requests would wait for ever. The next start, which the
/// service manager sees to, goes on from what is durable.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// Writes to the journal until the queue is closed and empty.
///
/// # Errors
/// When the system gives no thread.
pub fn journal(mut journal: Journal, engine: &Engine) -> std::io::Result<JoinHandle<()>> {
    let (queue, options) = (engine.deliveries.clone(), engine.journal_options.clone());
    let (tally, questions) = (engine.tally.clone(), engine.questions.clone());
    Builder::new().name("journal".into()).spawn(move || {
        let _guard = AbortOnPanic;
        let (mut batch, mut incoming, mut replies) = (Vec::new(), Vec::new(), Vec::new());
        let mut post = Post::default();
        let mut checkpoint_failed = false;
        let mut checkpointed = Instant::now();
        let mut tried = Instant::now();
        loop {
            let rest = if journal.is_broken() { RETRY } else { CHECKPOINT_EVERY };
            let goes_on = queue.take(&mut batch, rest);
            if let Some(options) = options.take() {
                journal.set_options(options);
            }
            for question in questions.take() {
                question.answer(|id| journal.knows(id));
            }
            for Delivery { incoming: events, permit, reply } in batch.drain(..) {
                incoming.push(events);
                replies.push((reply, permit));
            }
            let was_broken = journal.is_broken();
            journal.tick(Timestamp::now(), Instant::now());
            let verdicts = journal.commit(&incoming, Timestamp::now());
            let answers = replies.drain(..).zip(verdicts);
            for (events, ((reply, permit), verdict)) in incoming.drain(..).zip(answers) {
                if let Verdict::Stored { duplicates: count @ 1.., .. } = verdict {
                    tally.duplicates(&events.source, Timestamp::now(), count);
                }
                reply.give(verdict, (events, permit), &mut post);
            }
            post.send();
            // At once after the failure, then once a second: a disk that has room again is not kept waiting.
            if journal.is_broken() && (!was_broken || tried.elapsed() >= RETRY) {
                tried = Instant::now();
                if let Err(error) = journal.recover(Timestamp::now()) {
                    tracing::debug!(%error, "the disk does not take a new segment yet");
                }
            }
            let many = journal.since_checkpoint() >= CHECKPOINT_BYTES && !checkpoint_failed;
            let due = checkpointed.elapsed() >= CHECKPOINT_EVERY || many;
            if !goes_on || (due && !journal.is_broken()) {
                checkpointed = Instant::now();
                let outcome = journal.checkpoint();
                checkpoint_failed = outcome.is_err();
                if let Err(error) = outcome {
                    tracing::warn!(%error, "the journal's checkpoint could not be written; the next start will read more");
                }
            }
            if !goes_on {
                return;
            }
        }
    })
}

/// Keeps refused bodies until the queue is closed and empty, and writes down now and then what came and is no row.
///
/// # Errors
/// When the system gives no thread.
pub fn refused(mut refused: Refused, engine: &Engine) -> std::io::Result<JoinHandle<()>> {
    let (queue, options) = (engine.refusals.clone(), engine.refused_options.clone());
    let tally = engine.tally.clone();
    Builder::new().name("refused".into()).spawn(move || {
        let _guard = AbortOnPanic;
        let mut batch = Vec::new();
        let mut saved = Instant::now();
        while queue.take(&mut batch, SAVE_EVERY) {
            let (mut bodies, mut replies) = (Vec::new(), Vec::new());
            for Refusal {
                body,
                permit,
                reply,
            } in batch.drain(..)
            {
                tally.refused(&body.source, Timestamp::now());
                bodies.push(body);
                replies.push((reply, permit));
            }
            if let Some(RefusedOptions { zone, bytes_max }) = options.take() {
                refused.set_options(zone, bytes_max);
            }
            let answers = refused.keep(&bodies, Timestamp::now());
            for ((reply, _permit), kept) in replies.into_iter().zip(answers) {
                let _ = reply.send(kept);
            }
            if saved.elapsed() >= SAVE_EVERY {
                saved = Instant::now();
                tally.save();
            }
        }
    })
}

/// Follows the journal until `stop`; then takes what is there still, and remembers how far it came.
///
/// # Errors
/// When the system gives no thread.
pub fn follower(
    mut follower: Follower,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name("tables".into()).spawn(move || {
        let _guard = AbortOnPanic;
        let mut stop_at = None;
        loop {
            let clock = Instant::now();
            if stop_at.is_none() && stop.load(Ordering::Acquire) {
                stop_at = Some(clock + CATCH_UP_MAX);
            }
            let more = follower.step(Timestamp::now(), clock);
            // What is not in the tables by then is there after the next start.
            if stop_at.is_some_and(|at| !more || clock >= at) {
                follower.finish(clock);
                return;
            }
            if more {
                continue;
            }
            shared.rest(GATHER);
            shared.wait(follower.rest(clock));
        }
    })
}
