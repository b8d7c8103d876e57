//! A download as a script does it: one GET, the body read to its Content-Length.

use std::io::{self, BufRead, BufReader, Error, Read, Take, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than a server may let a download wait for its table.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const BUFFER_BYTES: usize = 256 * 1024;

/// A response whose body is still to be read.
pub struct Download {
    pub status: u16,
    pub length: u64,
    body: Take<BufReader<TcpStream>>,
}

/// Sends a GET with a bearer token and reads the head of the response.
///
/// # Errors
///
/// When the connection fails, or the response is not HTTP/1.1 with a Content-Length.
pub fn get(addr: SocketAddr, path: &str, token: &str) -> io::Result<Download> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    )?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|line| line.get(..3)?.parse().ok());
    let status =
        status.ok_or_else(|| Error::other(format!("not an HTTP/1.1 status line: {line:?}")))?;
    let mut length = None;
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(Error::other("the head of the response is cut off"));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let length = length
        .ok_or_else(|| Error::other(format!("a response {status} without a Content-Length")))?;
    Ok(Download {
        status,
        length,
        body: reader.take(length),
    })
}

impl Download {
    /// Reads the body and lets it go.
    ///
    /// # Errors
    ///
    /// When it is shorter than its Content-Length.
    pub fn discard(mut self) -> io::Result<()> {
        io::copy(&mut self.body, &mut io::sink())?;
        self.ended()
    }

    /// Reads the body as CSV with a header and counts the records; each must have as many fields as the header.
    ///
    /// # Errors
    ///
    /// When it is not such a CSV, or shorter than its Content-Length.
    pub fn count_records(mut self) -> io::Result<u64> {
        let mut csv = csv::Reader::from_reader(&mut self.body);
        let mut record = csv::ByteRecord::new();
        let mut records = 0;
        while csv.read_byte_record(&mut record)? {
            records += 1;
        }
        self.ended().map(|()| records)
    }

    fn ended(&self) -> io::Result<()> {
        match self.body.limit() {
            0 => Ok(()),
            missing => Err(Error::other(format!(
                "{missing} of {} bytes are missing",
                self.length
            ))),
        }
    }
}
