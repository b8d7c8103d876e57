//! A connection that is kept: one request after the other, each waited for.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that is kept.
pub struct Link {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            // Small: there are thousands.
            stream: BufReader::with_capacity(1024, stream),
            request: Vec::new(),
        })
    }

    /// Delivers `body` and gives the status of the answer.
    ///
    /// # Errors
    ///
    /// When the connection fails, or what comes is no answer.
    pub fn post(&mut self, body: &[u8]) -> io::Result<u16> {
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        write!(
            request,
            "POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        request.extend_from_slice(body);
        let status = self.ask(&request);
        self.request = request;
        status
    }

    /// Sends a request and gives the status of the answer.
    ///
    /// # Errors
    ///
    /// When the connection fails, or what comes is no answer.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.get(9..12).and_then(|code| code.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        self.stream.read_exact(&mut vec![0; length])?;
        Ok(status)
    }
}
