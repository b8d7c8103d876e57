//! A closed-loop HTTP/1.1 load generator that leaves the machine to the server.
//!
//! Each connection has one request under way and sends the next as soon as the answer is there, so an event costs a write, a
//! read and a share of one wait for readiness. Latency runs from the write to the whole answer; as the loop is closed, a server
//! that stalls is asked less, and the histogram shows the stall once for each connection, not once for each event it delayed.
//!
//! Each event is sent once. Only where the answer is 503, or the connection ended without one, is it sent again, after a pause
//! that doubles, [`ATTEMPTS_MAX`] times at most. The run ends with the last answer, with its timeout, or when no connection is
//! left that could reach the server.
#![allow(
    dead_code,
    reason = "each binary that takes this file uses its own part of it"
)]

#[path = "answer.rs"]
mod answer;
#[path = "connection.rs"]
mod connection;
#[path = "histogram.rs"]
mod histogram;
#[path = "worker.rs"]
mod worker;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

pub use histogram::Histogram;
use worker::Worker;

/// How often one event is sent before it stays unanswered; with the pauses between, about 9 seconds.
pub const ATTEMPTS_MAX: u32 = 14;

/// Appends the body of the event with this index; the same index gives the same body.
pub type Body<'a> = &'a (dyn Fn(u64, &mut Vec<u8>) + Sync);

/// What to send, where to, and how hard.
#[derive(Clone)]
pub struct Plan<'a> {
    /// The server.
    pub addr: SocketAddr,
    /// The path of the POST.
    pub path: String,
    /// The value of the `Authorization` header, if there is to be one.
    pub authorization: Option<String>,
    /// Keep-alive connections, all threads together; each has one request under way.
    pub connections: usize,
    /// The indexes sent are `0..events`.
    pub events: u64,
    /// Threads of the generator; one keeps several server cores busy.
    pub threads: usize,
    /// Makes the bodies.
    pub body: Body<'a>,
    /// When the run ends, whatever is still unanswered.
    pub timeout: Duration,
}

impl<'a> Plan<'a> {
    /// `events` events for the hook of the source `lessonly`, over 64 connections, from one thread, within 10 minutes.
    pub fn new(addr: SocketAddr, events: u64, body: Body<'a>) -> Self {
        Self {
            addr,
            path: "/hooks/lessonly".to_owned(),
            authorization: None,
            connections: 64,
            events,
            threads: 1,
            body,
            timeout: Duration::from_secs(600),
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Report {
    /// When the first connection was opened.
    pub started: Instant,
    /// When the last answer had come.
    pub ended: Instant,
    /// Answers by status, retried ones included.
    pub answered: BTreeMap<u16, u64>,
    /// Answers 2xx whose body says `"stored"`.
    pub stored: u64,
    /// Answers 2xx whose body says `"duplicate"`.
    pub duplicates: u64,
    /// Events without a final answer: given up, or not yet answered (or not even sent) when the run ended.
    pub unanswered: u64,
    /// Connections refused, lost or answered with what is not HTTP.
    pub errors: u64,
    /// The first of the errors, in words.
    pub first_error: Option<String>,
    /// Whether the timeout ended the run.
    pub timed_out: bool,
    /// Microseconds from the write to the whole answer, of the answers 2xx.
    pub latency: Histogram,
}

impl Report {
    /// How long it took.
    pub fn seconds(&self) -> f64 {
        (self.ended - self.started).as_secs_f64()
    }

    /// Answers 2xx a second.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people, of counts far below 2^53"
    )]
    pub fn events_per_second(&self) -> f64 {
        self.accepted() as f64 / self.seconds()
    }

    /// Answers 2xx.
    pub fn accepted(&self) -> u64 {
        self.latency.count()
    }
}

/// What one thread has seen.
#[derive(Default)]
struct Tally {
    answered: BTreeMap<u16, u64>,
    stored: u64,
    duplicates: u64,
    /// Events with an answer that is not 503.
    settled: u64,
    errors: u64,
    first_error: Option<String>,
    timed_out: bool,
    latency: Histogram,
}

impl Tally {
    fn merge(&mut self, other: Self) {
        for (status, answers) in other.answered {
            *self.answered.entry(status).or_default() += answers;
        }
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.settled += other.settled;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.timed_out |= other.timed_out;
        self.latency.merge(&other.latency);
    }

    fn error(&mut self, reason: &str) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| reason.to_owned());
    }
}

/// Sends the events of `plan` and returns when all are answered, or when it is no use to go on.
///
/// # Panics
///
/// When the system gives no readiness queue, or a body function panics.
pub fn run(plan: &Plan<'_>) -> Report {
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let deadline = started + plan.timeout;
    let threads = plan.threads.clamp(1, plan.connections.max(1));
    let mut total = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                // The connections that don't divide evenly go to the first threads.
                let share = (plan.connections.max(1) + threads - 1 - number) / threads;
                let next = &next;
                scope.spawn(move || Worker::new(plan, share, next, deadline).drive())
            })
            .collect();
        for worker in workers {
            total.merge(worker.join().expect("a worker panicked"));
        }
    });
    Report {
        started,
        ended: Instant::now(),
        answered: total.answered,
        stored: total.stored,
        duplicates: total.duplicates,
        unanswered: plan.events - total.settled,
        errors: total.errors,
        first_error: total.first_error,
        timed_out: total.timed_out,
        latency: total.latency,
    }
}
