//! A download's bytes: those that are in memory are read at once, all else is
//! made on threads that may wait for the disk.

use super::aside::{Undone, aside};
use crate::read::write::Chunks;
use actix_web::web;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The bytes of an answer, as they are taken.
pub(super) struct Sending {
    state: State,
    /// Whether the last bytes were there without a wait: then others have their turn before the next.
    gave: bool,
}

impl Sending {
    /// The bytes of `chunks`.
    pub fn of(chunks: Box<dyn Chunks>) -> Self {
        let state = State::Idle(chunks);
        Self { state, gave: false }
    }

    /// Nothing, where only the length is told.
    pub fn nothing() -> Self {
        let state = State::Done;
        Self { state, gave: false }
    }
}

type Chunk = Result<(Box<dyn Chunks>, std::io::Result<Option<Vec<u8>>>), Undone>;

enum State {
    Idle(Box<dyn Chunks>),
    Reading(Pin<Box<dyn Future<Output = Chunk>>>),
    Done,
}

impl futures_core::Stream for Sending {
    type Item = Result<web::Bytes, Box<dyn std::error::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Idle(mut pieces) => {
                    if std::mem::replace(&mut self.gave, false) {
                        self.state = State::Idle(pieces);
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    if let Some(bytes) = pieces.ready_bytes() {
                        self.gave = true;
                        self.state = State::Idle(pieces);
                        return Poll::Ready(Some(Ok(bytes.into())));
                    }
                    let reading = aside(move || {
                        let chunk = pieces.next_bytes();
                        (pieces, chunk)
                    });
                    self.state = State::Reading(Box::pin(reading));
                }
                State::Reading(mut reading) => match reading.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((pieces, Ok(Some(bytes))))) => {
                        self.state = State::Idle(pieces);
                        return Poll::Ready(Some(Ok(bytes.into())));
                    }
                    Poll::Ready(Ok((_, Ok(None)))) => return Poll::Ready(None),
                    Poll::Ready(Ok((_, Err(error)))) => {
                        // The connection is broken off: a reader must not take a short file for a whole one.
                        tracing::error!(%error, "a download was broken off");
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                },
            }
        }
    }
}
