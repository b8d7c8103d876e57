//! How far a connection is, for whoever keeps its time: between requests,
//! or in one, from the moment its head was read until its answer is given.

use super::outgoing::Outgoing;
use actix_http::{BoxedPayloadStream, RequestHead, Response};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::{Error, HttpMessage as _, web};
use futures_core::Stream;
use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What the requests of one connection tell whoever reads and writes it. They share one thread.
#[derive(Clone, Default)]
pub struct Progress(Rc<State>);

#[derive(Default)]
struct State {
    answering: Cell<bool>,
    begun: Cell<bool>,
    reading: Cell<bool>,
    left: Cell<Option<u64>>,
    unwanted: Cell<bool>,
    behind: Cell<Option<u64>>,
    whole: Cell<bool>,
    last: Cell<bool>,
    on_begin: OnceCell<Box<dyn Fn()>>,
    outgoing: Outgoing,
}

impl Progress {
    /// Calls `tell` at the beginning of every request.
    #[must_use]
    pub fn new(tell: impl Fn() + 'static) -> Self {
        let progress = Self::default();
        let _ = progress.0.on_begin.set(Box::new(tell));
        progress
    }

    /// Whether a request's head was read and its answer is not given yet.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        self.0.answering.get()
    }

    /// Whether somebody still wants of the body of the request that is answered, and not all of it was given.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.0.reading.get()
    }

    /// Whether what comes may be the rest of a body that nobody wants any more.
    #[must_use]
    pub fn is_unwanted(&self) -> bool {
        self.0.unwanted.get()
    }

    /// How much of that body there is yet, if that is known.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        self.0.left.get()
    }

    /// So many bytes of it were given to the server.
    pub fn gave_body(&self, bytes: u64) {
        if let Some(left) = self.0.left.get() {
            self.set_left(left.saturating_sub(bytes));
        }
    }

    fn set_left(&self, left: u64) {
        self.0.left.set(Some(left));
        if left == 0 {
            self.0.reading.set(false);
        }
    }

    /// A whole head was given to the server, with so many bytes behind it.
    pub fn gave_head(&self, behind: u64) {
        self.0.behind.set(Some(behind));
    }

    /// Whether that was so, and no request has begun since.
    #[must_use]
    pub fn is_beginning(&self) -> bool {
        self.0.behind.get().is_some()
    }

    /// It was no head of which a request is made.
    pub fn begins_not(&self) {
        self.0.behind.set(None);
    }

    /// Whether a request began since this was asked last, even if it was answered at once.
    #[must_use]
    pub fn take_begun(&self) -> bool {
        self.0.begun.take()
    }

    /// Whether the last answer was a text of our own, and not one in which a sender's words may end like a head.
    #[must_use]
    pub fn was_own_text(&self) -> bool {
        self.0.whole.get()
    }

    /// Whether the last answer is the last of the connection.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.0.last.get()
    }

    /// What is sent of a file for the request that is answered.
    #[must_use]
    pub fn outgoing(&self) -> &Outgoing {
        &self.0.outgoing
    }

    fn begin(&self) -> Answering {
        self.0.answering.set(true);
        self.0.begun.set(true);
        if let Some(tell) = self.0.on_begin.get() {
            tell();
        }
        Answering(self.clone())
    }
}

/// A request that is not answered yet; ends when dropped.
pub struct Answering(Progress);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.answering.set(false);
    }
}

/// Begins a request of a connection, if it is one, and follows how much of its body is wanted.
#[must_use]
pub fn begin(
    connection: Option<&Progress>,
    head: &RequestHead,
    body: Payload,
) -> (Option<Answering>, Body) {
    let answering = connection.map(Progress::begin);
    if let Some(Answering(progress)) = &answering {
        let behind = progress.0.behind.take().unwrap_or_default();
        if !matches!(body, Payload::None) {
            progress.0.reading.set(true);
            progress.0.unwanted.set(false);
            progress.0.left.set(None);
            if let Some(length) = length(&head.headers) {
                progress.set_left(length.saturating_sub(behind));
            }
        }
    }
    let body = Body {
        payload: body,
        progress: connection.cloned(),
    };
    (answering, body)
}

/// Notes what the answer is; it ends when its body does.
#[must_use]
pub fn end(answer: Response<BoxBody>, answering: Option<Answering>) -> Response<Tracked> {
    let is_last = !answer.keep_alive();
    answer.map_body(|_, body| tracked(body, answering, is_last))
}

fn tracked(body: BoxBody, answering: Option<Answering>, is_last: bool) -> Tracked {
    let (body, whole) = match body.size() {
        BodySize::None => (body, true),
        _ => match body.try_into_bytes() {
            Ok(bytes) => {
                let own = !bytes.ends_with(b"\r\n\r\n");
                (BoxBody::new(bytes), own)
            }
            Err(body) => (body, false),
        },
    };
    if let Some(Answering(progress)) = &answering {
        progress.0.last.set(is_last);
        progress.0.whole.set(whole);
    }
    Tracked { body, answering }
}

/// Answers as `service` does, and tells the connection's [`Progress`].
///
/// # Errors
/// When `service` fails.
pub fn track<S>(
    mut request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<Tracked>, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let payload = request.take_payload();
    let (answering, body) = begin(request.conn_data(), request.head(), payload);
    if !matches!(body.payload, Payload::None) {
        let body: BoxedPayloadStream = Box::pin(body);
        request.set_payload(body.into());
    }
    let answer = service.call(request);
    async move {
        let answer = answer.await?;
        let is_last = !answer.response().keep_alive();
        Ok(answer.map_body(|_, body| tracked(body, answering, is_last)))
    }
}

/// How long its body is, if its head says so: the server refuses heads that say it more than once, or together with chunks.
fn length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(CONTENT_LENGTH)?;
    value.to_str().ok()?.trim().parse().ok()
}

/// The body of a request, as long as it is wanted and not at its end.
pub struct Body {
    payload: Payload,
    progress: Option<Progress>,
}

impl Body {
    fn is_over(&mut self, is_unwanted: bool) {
        if let Some(progress) = self.progress.take() {
            progress
                .0
                .unwanted
                .set(is_unwanted && progress.0.reading.get());
            progress.0.reading.set(false);
        }
    }
}

impl Stream for Body {
    type Item = Result<web::Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = self.get_mut();
        let piece = Pin::new(&mut body.payload).poll_next(cx);
        if let Poll::Ready(None) = piece {
            body.is_over(false);
        }
        piece
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.is_over(true);
    }
}

/// A body, and with its end the end of the answer.
pub struct Tracked {
    body: BoxBody,
    answering: Option<Answering>,
}

impl MessageBody for Tracked {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }

    fn try_into_bytes(self) -> Result<web::Bytes, Self>
    where
        Self: Sized,
    {
        let Self { body, answering } = self;
        body.try_into_bytes()
            .map_err(|body| Self { body, answering })
    }
}
