//! A connection as the HTTP server sees it: plain or TLS, with the deadlines
//! that the server itself does not have. Its own deadline for a head holds for
//! the first request of a connection alone, and for an answer that nobody
//! takes it has none.

use super::behind::Behind;
use super::places::Place;
use super::stall::{Stall, StallMax};
use super::stream::Stream;
use super::timer::Timer;
use crate::engine::Local;
use crate::http::problem::Problem;
use crate::http::progress::Progress;
use crate::receive::Permit;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

/// How long a connection may be without a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// So many bytes are given to the server before it has to look at them: it makes requests of all it has before it counts them,
/// and an answer is thirty times as long as the shortest request.
const BYTES_AT_ONCE: usize = 2 * 1024;
/// The same of a body, which makes no answers.
const BODY_BYTES_AT_ONCE: usize = 16 * 1024;
/// A head may have so many bytes; the server holds what is longer in up to twice the room, and that counts with what waits.
const FREE_HEAD_BYTES: usize = 8 * 1024;

/// A connection in its place.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own: all their combinations occur"
)]
pub struct Connection {
    /// Gives no more at a time than it is told to before each read.
    stream: Take<Stream>,
    progress: Progress,
    /// Its settings hold for every head anew.
    engine: Local,
    /// Runs while no request is answered.
    waited: Timer,
    /// Whether something came since then: most likely the beginning of a head.
    began: bool,
    /// How much of a head was given to the server, and what it counts as until that is answered.
    head: usize,
    counts: Option<Permit>,
    /// Runs while nobody takes what is written.
    stall: Stall,
    /// How much was taken when that began.
    taken: u64,
    /// Whether the server was woken because the connection is late: once is enough, as it may not read any more.
    woken: bool,
    /// Whether the server wrote what was not taken yet.
    unsent: bool,
    /// Given to the server since it last had to wait.
    given: usize,
    /// Whether a read was put off until the answers before are given.
    held: bool,
    /// Came, and is not given yet.
    behind: Behind,
    /// Nothing more is read.
    cut: bool,
    /// Put in the place of what the server wrote, and not sent yet.
    instead: Vec<u8>,
    place: Rc<Place>,
}

impl Connection {
    /// A connection of which nothing was read yet. It ends when an answer stands still for longer than `stall_max`.
    pub fn new(stream: Stream, place: Place, engine: Local, stall_max: StallMax) -> Self {
        let head_time_max = engine.live().settings.limits.head_time_max;
        let place = Rc::new(place);
        // Whatever else keeps what requests tell: the place is free when the connection has ended.
        let known = Rc::downgrade(&place);
        let progress = Progress::new(move || {
            if let Some(place) = known.upgrade() {
                place.keep();
            }
        });
        if let Stream::Plain(_) = &stream {
            progress.outgoing().open();
        }
        Self {
            stream: stream.take(0),
            progress,
            waited: Timer::new(head_time_max),
            engine,
            began: false,
            head: 0,
            counts: None,
            stall: Stall::new(stall_max),
            taken: 0,
            woken: false,
            unsent: false,
            given: 0,
            held: false,
            behind: Behind::default(),
            cut: false,
            instead: Vec::new(),
            place,
        }
    }

    /// What its requests tell it.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Reads what may be a request, where the server has read nothing yet. Ready also when there is none to come any more.
    pub fn poll_request(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<()> {
        self.stream.set_limit(buf.remaining() as u64);
        // Of an end or an error the server hears by a read of its own.
        if Pin::new(&mut self.stream).poll_read(cx, buf).is_ready() {
            return Poll::Ready(());
        }
        self.cut = self.is_over(cx, false).is_some();
        if self.cut {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// What was read is a request, and will be answered here.
    pub fn begin(&mut self) {
        self.waited.stop();
        self.place.keep();
    }

    /// What was read is for the server.
    pub fn unread(&mut self, bytes: &[u8]) {
        self.behind.put(bytes);
    }

    /// Sends what is taken of `text` at once; [`Connection::poll_answered`] sends the rest.
    pub fn answer(&mut self, text: &[u8]) {
        let cx = &mut Context::from_waker(Waker::noop());
        let sent = match self.stream.get_mut().write(cx, text) {
            Poll::Ready(Ok(sent)) => sent,
            // It is tried again, and heard of then.
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.instead.extend_from_slice(&text[sent..]);
    }

    /// Whether the answer is on its way.
    pub fn poll_answered(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.send_all(cx);
        self.unsent = sent.is_pending();
        self.keep_time(cx, sent, true)
    }

    /// Whether an answer is under way: it is not given yet, or not all of it taken. What would be said now would be in it.
    fn is_busy(&self) -> bool {
        self.unsent || self.progress.is_answering()
    }

    /// Why it is not waited any more for a request: it was too long, or somebody else needs the place. This must be asked after
    /// an answer too: the server waits without end for the rest of a body in chunks that nobody wants any more.
    fn is_over(&mut self, cx: &mut Context<'_>, came: bool) -> Option<Problem> {
        if self.progress.take_begun() || self.is_busy() {
            self.waited.stop();
            self.began = false;
            self.woken = false;
        }
        if self.is_busy() {
            return None;
        }
        let first = came && !self.began;
        self.began |= came;
        if first || !self.waited.is_set() {
            let wait = if came || self.progress.is_last() {
                self.engine.live().settings.limits.head_time_max
            } else {
                KEEP_ALIVE
            };
            self.waited.set(wait);
            self.place.keep();
            (self.head, self.counts) = (0, None);
        }
        if self.waited.poll(cx).is_ready() {
            return Some(Problem::HeadTooSlow);
        }
        // Whose last answer is on its way leaves soon by itself.
        if self.progress.is_last() || !self.place.is_asked_for(cx.waker()) {
            return None;
        }
        if came {
            // This may be the request.
            self.place.keep();
            return None;
        }
        Some(if self.engine.engine().is_draining() {
            Problem::Draining
        } else {
            Problem::TooManyConnections
        })
    }

    /// Counts so many bytes of a head. Thousands of long ones would take all memory; tells when there is no room for them.
    fn count_head(&mut self, bytes: usize) -> Option<Problem> {
        if self.progress.is_unwanted() {
            return None;
        }
        self.head += bytes;
        if self.head <= FREE_HEAD_BYTES {
            return None;
        }
        let waiting = &self.engine.engine().waiting;
        let counts = self.counts.get_or_insert_with(|| waiting.permit());
        counts
            .grow(2 * bytes)
            .err()
            .map(|_| Problem::TooMuchWaiting)
    }

    /// Reads at most `room` bytes, first those that came before.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        room: usize,
    ) -> Poll<io::Result<()>> {
        if self.behind.is_empty() {
            self.stream.set_limit(room as u64);
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        self.behind.give(buf, room, &self.progress);
        Poll::Ready(Ok(()))
    }

    /// Sends what stands in the place of something else.
    fn send_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let sent = ready!(self.stream.get_mut().write(cx, &self.instead))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Gives up where nobody takes anything for too long, or for long and somebody needs the place. What TLS took from us and
    /// holds itself is not taken by anybody yet: only what the system took counts, and that nothing is left.
    fn keep_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
        all_sent: bool,
    ) -> Poll<io::Result<T>> {
        let taken = self.stream.get_ref().taken();
        if taken != self.taken || (all_sent && outcome.is_ready()) {
            self.taken = taken;
            self.stall.end(&self.place);
        }
        if outcome.is_ready() {
            return outcome;
        }
        ready!(self.stall.poll_over(cx, &self.place));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What the server wrote, and what stands in its place, down to the system; then the part of a file that follows.
    fn send_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send_instead(cx))?;
        ready!(self.stream.get_mut().flush(cx))?;
        if let Stream::Plain(stream) = self.stream.get_mut() {
            let outgoing = self.progress.outgoing();
            ready!(outgoing.poll_send(|part| stream.poll_send(cx, part)));
        }
        Poll::Ready(Ok(()))
    }

    fn send_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send_instead(cx))?;
        self.stream.get_mut().shutdown(cx)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.cut {
            return Poll::Ready(Ok(()));
        }
        // Requests that wait for others stay where they cost us nothing.
        this.held = this.is_busy() && !this.progress.is_reading();
        if this.held {
            return Poll::Pending;
        }
        let (at_once, wanted) = if this.progress.is_reading() {
            (BODY_BYTES_AT_ONCE, this.progress.left())
        } else {
            (BYTES_AT_ONCE, None)
        };
        let wanted = wanted.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        });
        let free = at_once.saturating_sub(this.given);
        let room = buf.remaining().min(free).min(wanted);
        if room == 0 && buf.remaining() > 0 {
            this.given = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let outcome = this.read(cx, buf, room);
        let came = buf.filled().len() > before;
        let is_head = !this.progress.is_reading();
        if !is_head {
            let bytes = buf.filled().len() - before;
            this.progress.gave_body(bytes as u64);
        } else if came {
            this.behind.keep(buf, before, &this.progress);
        }
        let mut over = this.is_over(cx, came);
        if is_head && over.is_none() {
            over = this.count_head(buf.filled().len() - before);
        }
        if let Some(problem) = over {
            this.cut = true;
            buf.set_filled(before);
            if this.began && !this.progress.is_last() && this.instead.is_empty() {
                this.instead = problem.last_words();
                let _ = this.send_instead(cx);
            }
            return Poll::Ready(Ok(()));
        }
        let given = buf.filled().len() - before;
        if came && given == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.given = match &outcome {
            Poll::Pending => 0,
            // It is to look at what it has first.
            Poll::Ready(_) if !this.behind.is_empty() => BODY_BYTES_AT_ONCE,
            Poll::Ready(_) => this.given + given,
        };
        outcome
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.instead.is_empty() {
            let sent = this.send_instead(cx);
            ready!(this.keep_time(cx, sent, false))?;
        }
        if let Some((before, problem)) = bare_refusal(buf)
            && (before == 0 && this.began || this.progress.was_own_text())
            && !this.progress.is_answering()
        {
            this.instead = [&buf[..before], &problem.last_words()].concat();
            if let Poll::Ready(Err(error)) = this.send_instead(cx) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(buf.len()));
        }
        let outcome = this.stream.get_mut().write(cx, buf);
        this.unsent |= outcome.is_pending();
        this.keep_time(cx, outcome, false)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Before it begins to wait: the place may have to be its own again.
        let outcome = this.poll_answered(cx);
        // An answer may be given and the next request begun at one stroke: its body is to be read.
        if this.held && (!this.is_busy() || this.progress.is_reading()) {
            this.held = false;
            cx.waker().wake_by_ref();
        }
        // Begins to wait after an answer; what comes of it, the next read tells.
        if !this.cut && !this.woken && this.is_over(cx, false).is_some() {
            this.woken = true;
            cx.waker().wake_by_ref();
        }
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = this.send_end(cx);
        this.keep_time(cx, outcome, true)
    }
}

/// A refusal that the server gives by itself, without a word: where it begins, and how it is told. It is the last that is
/// written to a connection.
fn bare_refusal(written: &[u8]) -> Option<(usize, Problem)> {
    /// One has a length of 0, and at most a date and `connection: close`.
    const BYTES_MAX: usize = 200;
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = written.len().saturating_sub(BYTES_MAX);
    let begin = from + memchr::memmem::rfind(&written[from..], b"HTTP/1.")?;
    let head = &written[begin..];
    let problem = match head.get(9..12)? {
        b"400" => Problem::BadRequest,
        b"408" => Problem::HeadTooSlow,
        b"431" => Problem::HeadTooLarge,
        _ => return None,
    };
    let has = |part: &[u8]| memchr::memmem::find(head, part).is_some();
    let bare = has(b"\r\ncontent-length: 0\r\n") && !has(b"x-content-type-options");
    bare.then_some((begin, problem))
}

#[cfg(test)]
mod tests;
