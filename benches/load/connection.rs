//! One keep-alive connection of the generator: the socket, the event it carries, and what is half sent or half read.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::answer::{self, Answer};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The room for one response: where it starts, and where it ends.
const INBOX_BYTES: usize = 2048;
const INBOX_BYTES_MAX: usize = 64 * 1024;

/// What a connection is at.
pub enum Phase {
    /// A request was written, or its first part was.
    Asked { since: Instant },
    /// The event is sent again later.
    Paused { until: Instant },
    /// No event is left, or the server cannot be reached.
    Done,
}

pub struct Connection {
    pub phase: Phase,
    /// The index of the event at hand.
    pub event: u64,
    /// How often that event was tried.
    pub attempts: u32,
    /// None before it was opened, and after it was lost.
    stream: Option<TcpStream>,
    /// What the socket would not take yet of the request.
    unsent: Vec<u8>,
    inbox: Vec<u8>,
    /// How much of `inbox` was read.
    filled: usize,
}

impl Connection {
    pub fn new() -> Self {
        Self {
            phase: Phase::Done,
            event: 0,
            attempts: 0,
            stream: None,
            unsent: Vec::new(),
            inbox: vec![0; INBOX_BYTES],
            filled: 0,
        }
    }

    /// Connects if it is not connected; blocking, which takes microseconds where the generator is used, on loopback.
    pub fn open(&mut self, addr: SocketAddr, registry: &Registry, token: Token) -> io::Result<()> {
        if self.stream.is_none() {
            let stream = std::net::TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Closes it and forgets what was half sent or half read.
    pub fn close(&mut self) {
        self.stream = None;
        self.unsent.clear();
        self.filled = 0;
    }

    /// Writes `bytes`, and keeps what the socket does not take.
    pub fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        while !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(taken) => bytes = &bytes[taken..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what the socket would not take before.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let unsent = std::mem::take(&mut self.unsent);
        self.send(&unsent)
    }

    /// Reads until the answer is whole, and then gives it to `take`, or until the socket is empty.
    pub fn receive<T>(&mut self, take: impl FnOnce(&Answer<'_>) -> T) -> io::Result<Option<T>> {
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        loop {
            let room = &mut self.inbox[self.filled..];
            let asked = room.len();
            let got = match stream.read(room) {
                Ok(0) => return Err(io::Error::other("the server closed the connection")),
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.filled += got;
            if let Some(answer) =
                answer::parse(&self.inbox[..self.filled]).map_err(io::Error::other)?
            {
                self.filled = 0;
                if answer.close {
                    self.stream = None;
                }
                return Ok(Some(take(&answer)));
            }
            // A short read has emptied the socket; readiness comes again with more.
            if got < asked {
                return Ok(None);
            }
            if self.inbox.len() >= INBOX_BYTES_MAX {
                return Err(io::Error::other("a response over 64 KiB"));
            }
            self.inbox.resize(self.inbox.len() * 2, 0);
        }
    }
}
