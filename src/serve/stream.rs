//! What carries a connection's bytes, plain or TLS, and how much of ours the
//! system took: what TLS holds back itself is taken by nobody yet. Parts of
//! files the system sends by itself where they are plain.

use crate::http::outgoing::Part;
use std::io;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What carries the bytes.
pub enum Stream {
    /// TCP as it is.
    Plain(Counted),
    /// TLS over TCP.
    Tls(Box<TlsStream<Counted>>),
}

impl Stream {
    /// TCP that is about to carry something.
    pub fn counted(stream: TcpStream) -> Counted {
        Counted { stream, taken: 0 }
    }

    /// How many bytes the system took.
    pub fn taken(&self) -> u64 {
        match self {
            Self::Plain(stream) => stream.taken,
            Self::Tls(stream) => stream.get_ref().0.taken,
        }
    }

    /// Writes as [`AsyncWrite`] does.
    pub fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Flushes as [`AsyncWrite`] does.
    pub fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Shuts down as [`AsyncWrite`] does.
    pub fn shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

/// TCP, and how many bytes of ours the system took.
pub struct Counted {
    stream: TcpStream,
    taken: u64,
}

impl Counted {
    /// Sends of `part` what the system takes at once. Ready when it may take more, or all is sent.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, part: &mut Part) -> Poll<io::Result<()>> {
        let Part {
            file,
            range,
            sent,
            is_full,
        } = part;
        while !*is_full && !range.is_empty() {
            let send = || file.send_to(self.stream.as_fd(), range.clone());
            match self.stream.try_io(Interest::WRITABLE, send) {
                // The file is shorter than it was.
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(bytes) => {
                    let bytes = bytes as u64;
                    range.start += bytes;
                    *sent += bytes;
                    self.taken = self.taken.wrapping_add(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => *is_full = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if range.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_write_ready(cx)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let taken = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.taken = this.taken.wrapping_add(taken as u64);
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let taken = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs))?;
        this.taken = this.taken.wrapping_add(taken as u64);
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
