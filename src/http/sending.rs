//! A download's bytes, made on threads that may wait for the disk.

use super::aside::{Undone, aside};
use crate::read::write::Chunks;
use actix_web::web;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes from files, read on threads that may wait for the disk.
pub(super) struct Sending {
    state: State,
}

impl Sending {
    /// The bytes of `chunks`.
    pub fn of(chunks: Box<dyn Chunks>) -> Self {
        let state = State::Idle(chunks);
        Self { state }
    }

    /// Nothing, where only the length is told.
    pub fn nothing() -> Self {
        let state = State::Done;
        Self { state }
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
