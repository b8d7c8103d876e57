//! One thread of the generator: its connections, and the loop that waits for them.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::{Events, Poll, Token};

use super::answer::Answer;
use super::connection::{Connection, Phase};
use super::{ATTEMPTS_MAX, Plan, Tally};

/// The first pause before an event is sent again; it doubles up to 1.28 s.
const PAUSE: Duration = Duration::from_millis(10);

pub struct Worker<'a> {
    plan: &'a Plan<'a>,
    next: &'a AtomicU64,
    deadline: Instant,
    poll: Poll,
    connections: Vec<Connection>,
    /// Connections that are not done.
    open: usize,
    paused: usize,
    /// The request up to the digits of its Content-Length.
    head: Vec<u8>,
    /// Room for one request and one body, used again for each.
    request: Vec<u8>,
    body: Vec<u8>,
    tally: Tally,
}

impl<'a> Worker<'a> {
    pub fn new(
        plan: &'a Plan<'a>,
        connections: usize,
        next: &'a AtomicU64,
        deadline: Instant,
    ) -> Self {
        Self {
            plan,
            next,
            deadline,
            poll: Poll::new().expect("no readiness queue"),
            connections: (0..connections).map(|_| Connection::new()).collect(),
            open: connections,
            paused: 0,
            head: head(plan),
            request: Vec::new(),
            body: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Runs until all connections are done, or the deadline.
    pub fn drive(mut self) -> Tally {
        for index in 0..self.connections.len() {
            self.take_next(index, Instant::now());
        }
        let mut events = Events::with_capacity(1024);
        while self.open > 0 {
            let now = Instant::now();
            if now >= self.deadline {
                self.tally.timed_out = true;
                break;
            }
            match self.poll.poll(&mut events, Some(self.longest_wait(now))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    self.tally.error(&error.to_string());
                    break;
                }
                _ => {}
            }
            for event in &events {
                let Token(index) = event.token();
                if event.is_writable() {
                    self.flush(index);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.read(index);
                }
            }
            // Last, so that the loop sees at once when this was the last attempt of the last connection.
            if self.paused > 0 {
                self.resume(Instant::now());
            }
        }
        self.tally
    }

    fn longest_wait(&self, now: Instant) -> Duration {
        let mut until = self.deadline;
        if self.paused > 0 {
            for connection in &self.connections {
                if let Phase::Paused { until: due } = connection.phase {
                    until = until.min(due);
                }
            }
        }
        until.saturating_duration_since(now)
    }

    fn resume(&mut self, now: Instant) {
        for index in 0..self.connections.len() {
            if matches!(self.connections[index].phase, Phase::Paused { until } if until <= now) {
                self.paused -= 1;
                self.ask(index, now);
            }
        }
    }

    /// Goes on with the next event nobody has taken.
    fn take_next(&mut self, index: usize, now: Instant) {
        let event = self.next.fetch_add(1, Ordering::Relaxed);
        if event >= self.plan.events {
            return self.finish(index);
        }
        self.connections[index].event = event;
        self.connections[index].attempts = 0;
        self.ask(index, now);
    }

    /// Sends the event at hand, over a new connection if there is none.
    fn ask(&mut self, index: usize, now: Instant) {
        let connection = &mut self.connections[index];
        connection.attempts += 1;
        connection.phase = Phase::Asked { since: now };
        if let Err(error) = connection.open(self.plan.addr, self.poll.registry(), Token(index)) {
            return self.lost(index, "connect", &error);
        }
        self.body.clear();
        (self.plan.body)(connection.event, &mut self.body);
        self.request.clear();
        self.request.extend_from_slice(&self.head);
        write!(self.request, "{}\r\n\r\n", self.body.len()).expect("a Vec takes every write");
        self.request.extend_from_slice(&self.body);
        if let Err(error) = connection.send(&self.request) {
            self.lost(index, "write", &error);
        }
    }

    fn flush(&mut self, index: usize) {
        if let Err(error) = self.connections[index].flush() {
            self.lost(index, "write", &error);
        }
    }

    fn read(&mut self, index: usize) {
        let Self {
            connections, tally, ..
        } = self;
        let connection = &mut connections[index];
        let phase = &connection.phase;
        let since = if let Phase::Asked { since } = *phase {
            Some(since)
        } else {
            None
        };
        let received = connection.receive(|answer| {
            let now = Instant::now();
            (now, since.map(|since| tally.count(answer, now - since)))
        });
        match received {
            Ok(None) => {}
            Ok(Some((now, Some(true)))) => self.take_next(index, now),
            Ok(Some((now, Some(false)))) => self.pause(index, now),
            Ok(Some((_, None))) => self.lost(
                index,
                "read",
                &io::Error::other("an answer that nobody asked for"),
            ),
            Err(error) => self.lost(index, "read", &error),
        }
    }

    /// A 503: the event waits, or is given up.
    fn pause(&mut self, index: usize, now: Instant) {
        let connection = &mut self.connections[index];
        if connection.attempts >= ATTEMPTS_MAX {
            return self.take_next(index, now);
        }
        connection.phase = Phase::Paused {
            until: now + PAUSE * (1 << (connection.attempts - 1).min(7)),
        };
        self.paused += 1;
    }

    /// The connection ended; whether the event was stored is not known, and to send it again is safe.
    fn lost(&mut self, index: usize, at: &str, error: &io::Error) {
        let connection = &mut self.connections[index];
        connection.close();
        if matches!(connection.phase, Phase::Asked { .. }) {
            self.tally.error(&format!("{at}: {error}"));
            // Without this, each event left would wait its nine seconds for a server that is gone.
            if connection.attempts >= ATTEMPTS_MAX {
                return self.finish(index);
            }
            self.pause(index, Instant::now());
        }
    }

    fn finish(&mut self, index: usize) {
        self.connections[index].phase = Phase::Done;
        self.connections[index].close();
        self.open -= 1;
    }
}

impl Tally {
    /// Counts an answer; false for a 503, which settles nothing.
    fn count(&mut self, answer: &Answer<'_>, took: Duration) -> bool {
        *self.answered.entry(answer.status).or_default() += 1;
        if answer.status == 503 {
            return false;
        }
        self.settled += 1;
        if (200..300).contains(&answer.status) {
            self.latency.record(took.as_micros());
            if memmem::find(answer.body, b"\"stored\"").is_some() {
                self.stored += 1;
            } else if memmem::find(answer.body, b"\"duplicate\"").is_some() {
                self.duplicates += 1;
            }
        }
        true
    }
}

fn head(plan: &Plan<'_>) -> Vec<u8> {
    let mut head = format!("POST {} HTTP/1.1\r\nhost: {}\r\n", plan.path, plan.addr);
    if let Some(value) = &plan.authorization {
        head.push_str("authorization: ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("content-type: application/json\r\ncontent-length: ");
    head.into_bytes()
}
