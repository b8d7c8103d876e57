//! Where connections come in: each gets a place, if need be that of one who
//! waits for a request, and speaks TLS if that is spoken here; or hears why
//! not, without harm to those within.

use super::connection::Connection;
use super::places::{Place, Places};
use super::stall::StallMax;
use super::stream::Stream;
use super::tls;
use crate::config::Settings;
use crate::engine::{Engine, Local};
use crate::http::problem::Problem;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How many are told at a time that there is no place; more are closed at once.
pub const TOLD_MAX: usize = 256;

/// Who is told why it is refused has so long to hear it.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// The way in, the same for all workers.
#[derive(Clone)]
pub struct Door {
    places: Places,
    told: Places,
    tls: Option<TlsAcceptor>,
}

impl Door {
    /// A way in to `places`; `told` are those who hear that none is free.
    ///
    /// # Errors
    /// When TLS cannot be spoken.
    pub fn new(
        engine: &Arc<Engine>,
        settings: &Settings,
        places: Places,
        told: Places,
    ) -> io::Result<Self> {
        let tls = match &settings.tls {
            None => None,
            Some(_) => Some(tls::acceptor(engine.clone()).map_err(io::Error::other)?),
        };
        Ok(Self { places, told, tls })
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// When there is no place, or no TLS comes about. It is closed then.
    pub async fn admit(
        &self,
        stream: TcpStream,
        engine: Local,
    ) -> io::Result<(Connection, Option<SocketAddr>)> {
        let peer = stream.peer_addr().ok();
        // Answers are written whole: nothing is gained by holding back their ends.
        let _ = stream.set_nodelay(true);
        let Some(place) = self.place().await else {
            if let Some(_told) = self.told.take() {
                // Before a handshake nothing can be said.
                let words = self.tls.is_none().then_some(Problem::TooManyConnections);
                farewell(stream, words).await;
            }
            return Err(io::ErrorKind::QuotaExceeded.into());
        };
        let head_time_max = engine.live().settings.limits.head_time_max;
        let stream = match &self.tls {
            None => Stream::Plain(Stream::counted(stream)),
            Some(acceptor) => {
                let shake = Box::pin(shake_hands(acceptor, stream));
                let shaken = timeout(head_time_max, unless_asked_for(&place, shake)).await;
                place.keep();
                shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?
            }
        };
        let connection = Connection::new(stream, place, engine, StallMax::default());
        Ok((connection, peer))
    }

    /// A free place, or that of one who waits for a request. Who has to wait for it counts among those who are told.
    async fn place(&self) -> Option<Place> {
        if let Some(place) = self.places.take() {
            return Some(place);
        }
        let _told = self.told.take()?;
        self.places.make_room().await
    }
}

/// A handshake waits for a request too: it ends when the place is needed.
async fn unless_asked_for(
    place: &Place,
    shake: impl Future<Output = io::Result<Stream>>,
) -> io::Result<Stream> {
    let mut shake = pin!(shake);
    poll_fn(|cx| match shake.as_mut().poll(cx) {
        Poll::Pending if place.is_asked_for(cx.waker()) => {
            Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()))
        }
        outcome => outcome,
    })
    .await
}

async fn shake_hands(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<Stream> {
    // A handshake begins with the byte 22; a request in plain text with the letter of a method.
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
        farewell(stream, Some(Problem::NotTls)).await;
        return Err(io::ErrorKind::InvalidData.into());
    }
    let stream = acceptor.accept(Stream::counted(stream)).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// Says the last words, and goes on reading for a moment: to close with bytes unread would take the words away again.
async fn farewell(mut stream: TcpStream, words: Option<Problem>) {
    // In a box, as the handshake is: connections that are let in keep room for what stands here.
    let said = Box::pin(async move {
        if let Some(words) = words {
            stream.write_all(&words.last_words()).await?;
        }
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        for _ in 0..64 {
            if stream.read(&mut rest).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    });
    let _ = timeout(FAREWELL_MAX, said).await;
}
