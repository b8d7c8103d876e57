//! Load from many connections that knows of every event what became of it.
#![allow(
    dead_code,
    reason = "each binary that takes this file uses its own part of it"
)]

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// An event like no other: which round, which connection, which of its events. All it holds follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    pub round: usize,
    pub connection: usize,
    pub nth: usize,
}

/// How many connections of each round bring a custom field that nobody brought before.
const BRINGERS: usize = 2;

impl Event {
    /// The custom field that it has. Each round brings new ones, at a point of its own.
    pub fn field(&self) -> Option<String> {
        let Self {
            round,
            connection,
            nth,
        } = *self;
        let from = (round * 7 + connection * 5) % 24 + 1;
        (connection < BRINGERS && nth >= from).then(|| format!("Field {round}.{connection}"))
    }

    /// Now and then a name that a CSV file must quote.
    pub fn name(&self) -> &'static str {
        if self.nth % 7 == 3 {
            "Ann \"A.\", of two\nlines"
        } else {
            "Sample Sampleson"
        }
    }

    pub fn body(&self) -> String {
        let fields = match self.field() {
            Some(field) => serde_json::json!({ field: self.to_string() }),
            None => serde_json::json!({}),
        };
        serde_json::json!({
            "user": {"ext_uid": self.to_string(), "id": "7", "name": self.name(), "custom_fields": fields},
            "lesson": {"id": "1", "title": "A Sample Lesson"},
            "score": 0.5,
        })
        .to_string()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            round,
            connection,
            nth,
        } = self;
        write!(f, "event-{round}-{connection}-{nth}")
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is the key of no event");
        let mut parts = text
            .strip_prefix("event-")
            .ok_or_else(wrong)?
            .split('-')
            .map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(round)), Some(Ok(connection)), Some(Ok(nth)), None) => Ok(Self {
                round,
                connection,
                nth,
            }),
            _ => Err(wrong()),
        }
    }
}

/// What became of all events, as far as their sender can know.
#[derive(Default)]
pub struct Ledger {
    acknowledged: Mutex<Vec<Event>>,
    open: Mutex<Vec<Event>>,
    /// Answers 503, and those of them without Retry-After.
    pub refused: AtomicU64,
    pub without_retry_after: AtomicU64,
    /// Answers that are neither 200 nor 503.
    pub strange: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Events that were answered with 200, in the order of their answers.
    pub fn acknowledged(&self) -> MutexGuard<'_, Vec<Event>> {
        lock(&self.acknowledged)
    }

    /// Events that were sent and have no 200.
    pub fn open(&self) -> MutexGuard<'_, Vec<Event>> {
        lock(&self.open)
    }

    pub fn strange(&self) -> Vec<String> {
        lock(&self.strange).clone()
    }

    /// Takes note of an answer. Returns whether the event is to be sent again.
    fn note(&self, event: Event, reply: &Reply) -> bool {
        match reply.status {
            200 => lock(&self.acknowledged).push(event),
            503 => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                if !reply.head.to_ascii_lowercase().contains("\r\nretry-after:") {
                    self.without_retry_after.fetch_add(1, Ordering::Relaxed);
                }
                return true;
            }
            _ => {
                lock(&self.strange).push(format!("{} for {event}", reply.status));
                lock(&self.open).push(event);
            }
        }
        false
    }

    /// Sends again what has no 200, until it has one; for a minute at most.
    pub fn settle(&self, url: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        let open = std::mem::take(&mut *self.open());
        let mut connection = Connection::open(url).expect("a connection");
        for event in open {
            while self.note(
                event,
                &connection.post(&event.body()).expect("a whole answer"),
            ) {
                assert!(
                    Instant::now() < until,
                    "{event} is answered 503 for a minute"
                );
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// How a round of load is to be.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub round: usize,
    pub connections: usize,
    /// Between an answer and the next event.
    pub pause: Duration,
    /// Of each connection.
    pub events_max: usize,
    /// Whether an event is sent again after a 503.
    pub again: bool,
}

impl Load {
    pub fn new(round: usize, connections: usize) -> Self {
        Self {
            round,
            connections,
            pause: Duration::ZERO,
            events_max: usize::MAX,
            again: false,
        }
    }
}

/// Load that is under way. Each connection has one request under way; its thread ends when the connection does.
pub struct Flood {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    pub fn start(url: &str, load: Load, ledger: &Arc<Ledger>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..load.connections)
            .map(|connection| {
                let (stop, ledger, url) = (stop.clone(), ledger.clone(), url.to_owned());
                thread::spawn(move || send(&url, connection, load, &ledger, &stop))
            })
            .collect();
        Self { stop, threads }
    }

    /// Waits until all connections have ended by themselves.
    pub fn join(self) {
        for thread in self.threads {
            thread.join().expect("a connection");
        }
    }

    /// Sends nothing more and waits for what is under way.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.join();
    }
}

fn send(url: &str, connection: usize, load: Load, ledger: &Ledger, stop: &AtomicBool) {
    let Ok(mut link) = Connection::open(url) else {
        return;
    };
    for nth in 0..load.events_max {
        let event = Event {
            round: load.round,
            connection,
            nth,
        };
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let Ok(reply) = link.post(&event.body()) else {
                ledger.open().push(event);
                return;
            };
            if !ledger.note(event, &reply) {
                break;
            }
            if !load.again || stop.load(Ordering::Relaxed) {
                ledger.open().push(event);
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(load.pause);
    }
}

/// A connection that is kept.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer. The body may be cut off when the connection was.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn open(url: &str) -> io::Result<Self> {
        let addr = url.strip_prefix("http://").expect("an address");
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Delivers `body`. An error means that no status line came.
    pub fn post(&mut self, body: &str) -> io::Result<Reply> {
        self.send(body.as_bytes(), "")
    }

    /// The same with further header lines, each with its line end.
    pub fn send(&mut self, body: &[u8], headers: &str) -> io::Result<Reply> {
        let length = body.len();
        let mut request = format!(
            "POST /hooks/lessonly HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        let written = self.stream.get_mut().write_all(&request);
        // An answer may come before the whole request was taken; then it says why.
        let reply = self.reply();
        if reply.is_err() {
            written?;
        }
        reply
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut head = String::new();
        self.stream.read_line(&mut head)?;
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        // Whatever follows, this was said.
        let body = self.rest(&mut head).unwrap_or_default();
        Ok(Reply { status, head, body })
    }

    fn rest(&mut self, head: &mut String) -> io::Result<Vec<u8>> {
        let mut length = 0;
        loop {
            let start = head.len();
            if self.stream.read_line(head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = head[start..].to_ascii_lowercase();
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}
