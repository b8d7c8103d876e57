//! HTTP by hand, for what a client library would not send.

use crate::server::{Answer, Server};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A connection to a server.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub fn open(server: &Server) -> Self {
        let addr = server.url.strip_prefix("http://").expect("an address");
        let stream = TcpStream::connect(addr).expect("a connection");
        let patience = Some(Duration::from_secs(15));
        stream.set_read_timeout(patience).expect("a timeout");
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Opens a connection and sends the head of a POST with `headers`, each with its line end.
    pub fn post(server: &Server, source: &str, headers: &str) -> Self {
        let mut raw = Self::open(server);
        raw.send(format!(
            "POST /hooks/{source} HTTP/1.1\r\nHost: rowhook.test\r\n{headers}\r\n"
        ));
        raw
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).expect("sent");
        self
    }

    /// Sends to one who may have closed already.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends nothing more.
    pub fn end(&mut self) -> &mut Self {
        let write = std::net::Shutdown::Write;
        self.stream.shutdown(write).expect("an open connection");
        self
    }

    /// The next answer, whole.
    pub fn answer(&mut self) -> Answer {
        let (status, headers) = self.head();
        let length = headers.get("content-length").map_or(0, |value| {
            let text = value.to_str().expect("a text");
            text.parse::<usize>().expect("a length")
        });
        while self.read.len() < length {
            assert!(self.more(), "the body is short");
        }
        let body = self.read.drain(..length).collect();
        Answer::new(status, headers, body)
    }

    /// Status and headers of the next answer.
    pub fn head(&mut self) -> (u16, ureq::http::HeaderMap) {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            assert!(self.more(), "no answer but {:?}", self.read);
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).expect("a text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.expect("a status").parse().expect("a status");
        let mut headers = ureq::http::HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header");
            let name: ureq::http::HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        (status, headers)
    }

    /// Whether the server closes without sending more.
    pub fn is_closed(&mut self) -> bool {
        !self.more() && self.read.is_empty()
    }

    /// Whether it has closed by now, and all is read that it sent.
    pub fn has_ended(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket");
        let ended = matches!(self.stream.peek(&mut [0]), Ok(0));
        self.stream.set_nonblocking(false).expect("a socket");
        ended && self.read.is_empty()
    }

    /// All that comes until the server closes.
    pub fn rest(&mut self) -> String {
        while self.more() {}
        String::from_utf8(std::mem::take(&mut self.read)).expect("a text")
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(bytes) => {
                self.read.extend_from_slice(&piece[..bytes]);
                bytes > 0
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}, after {:?}", self.read),
        }
    }
}
