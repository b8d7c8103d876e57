//! A download as a script does it: one GET, the body read to its Content-Length or to its last chunk.

use std::io::{self, BufRead, BufReader, Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than a server may let a download wait for its table, and than it takes to find all keys of a view.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
const BUFFER_BYTES: usize = 256 * 1024;

/// A response whose body is still to be read.
pub struct Download {
    pub status: u16,
    body: Body,
}

/// What is left of a body.
struct Body {
    reader: BufReader<TcpStream>,
    /// To the end, or to the end of this chunk.
    left: u64,
    chunks: Chunks,
}

/// Whether more chunks come (RFC 9112, 7.1).
#[derive(PartialEq)]
enum Chunks {
    /// There are none: the length was told.
    None,
    /// One more at least, which is the first.
    First,
    Next,
    /// The last one came.
    Ended,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && matches!(self.chunks, Chunks::First | Chunks::Next) {
            self.begin_chunk()?;
        }
        let got = self.reader.by_ref().take(self.left).read(into)?;
        self.left -= got as u64;
        if got == 0 && self.left > 0 && !into.is_empty() {
            return Err(Error::other("the body is cut off"));
        }
        Ok(got)
    }
}

impl Body {
    fn begin_chunk(&mut self) -> io::Result<()> {
        let mut line = String::new();
        if self.chunks == Chunks::Next {
            self.reader.read_line(&mut line)?;
            if line != "\r\n" {
                return Err(Error::other("a chunk without an end"));
            }
            line.clear();
        }
        self.reader.read_line(&mut line)?;
        self.left = u64::from_str_radix(line.trim_end(), 16)
            .map_err(|_| Error::other(format!("not the size of a chunk: {line:?}")))?;
        self.chunks = if self.left == 0 {
            Chunks::Ended
        } else {
            Chunks::Next
        };
        Ok(())
    }
}

/// Sends a GET with a bearer token and reads the head of the response.
///
/// # Errors
///
/// When the connection fails, or the response is not HTTP/1.1 with a Content-Length or in chunks.
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
    let (mut length, mut chunked) = (None, false);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(Error::other("the head of the response is cut off"));
        }
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
            chunked |= name.eq_ignore_ascii_case("transfer-encoding")
                && value.trim().eq_ignore_ascii_case("chunked");
        }
    }
    let (left, chunks) = match length {
        _ if chunked => (0, Chunks::First),
        Some(length) => (length, Chunks::None),
        None => {
            return Err(Error::other(format!(
                "a response {status} without a Content-Length"
            )));
        }
    };
    Ok(Download {
        status,
        body: Body {
            reader,
            left,
            chunks,
        },
    })
}

impl Download {
    /// Reads the body and lets it go; gives how many bytes it had.
    ///
    /// # Errors
    ///
    /// When it is cut off.
    pub fn discard(self) -> io::Result<u64> {
        self.save(&mut io::sink())
    }

    /// Writes the body to `into`; gives how many bytes it had.
    ///
    /// # Errors
    ///
    /// When it is cut off, or cannot be written.
    pub fn save(mut self, into: &mut impl Write) -> io::Result<u64> {
        io::copy(&mut self.body, into)
    }

    /// The body, to be read; to read a part of one that is cut off is an error.
    pub fn into_body(self) -> impl Read {
        self.body
    }

    /// Reads the body as CSV with a header and counts the records; each must have as many fields as the header.
    ///
    /// # Errors
    ///
    /// When it is not such a CSV, or cut off.
    pub fn count_records(self) -> io::Result<u64> {
        let mut csv = csv::Reader::from_reader(self.body);
        let mut record = csv::ByteRecord::new();
        let mut records = 0;
        while csv.read_byte_record(&mut record)? {
            records += 1;
        }
        Ok(records)
    }
}
