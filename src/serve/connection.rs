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
        if this.progress.is_reading() {
            let bytes = buf.filled().len() - before;
            this.progress.gave_body(bytes as u64);
        } else if came {
            this.behind.keep(buf, before, &this.progress);
        }
        if let Some(problem) = this.is_over(cx, came) {
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
            && (before == 0 || this.progress.was_own_text())
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
mod tests {
    use super::super::open::{Opened, Parts};
    use super::super::places::Places;
    use super::*;
    use crate::config::{Overrides, load};
    use crate::disk::{Disk as _, Open, RealDisk, SharedFile};
    use crate::engine::Engine;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::ring;
    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use std::future::poll_fn;
    use std::ops::Range;
    use std::sync::Arc;
    use std::time::Instant;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    const STALLED: Duration = Duration::from_millis(200);
    const NEVER: Duration = Duration::from_secs(3600);

    type Reader = Pin<Box<dyn AsyncRead>>;

    async fn tcp() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        (client.unwrap(), listener.accept().await.unwrap().0)
    }

    async fn plain() -> (Reader, Stream) {
        let (client, server) = tcp().await;
        (Box::pin(client), Stream::Plain(Stream::counted(server)))
    }

    async fn secure() -> (Reader, Stream) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let theirs = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            );
        let ours = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (client, server) = tcp().await;
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = actix_web::rt::spawn(async move {
            TlsConnector::from(Arc::new(ours))
                .connect(name, client)
                .await
        });
        let acceptor = TlsAcceptor::from(Arc::new(theirs.unwrap()));
        let stream = acceptor.accept(Stream::counted(server)).await.unwrap();
        let client = connecting.await.unwrap().unwrap();
        (Box::pin(client), Stream::Tls(Box::new(stream)))
    }

    fn write_some(connection: &mut Connection, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Pin::new(connection).poll_write(cx, &[b'x'; 16 << 10])
    }

    /// Writes without end, and gives how that ended.
    async fn write(connection: &mut Connection) -> io::Error {
        let end: io::Result<()> = poll_fn(|cx| {
            loop {
                ready!(write_some(connection, cx))?;
            }
        })
        .await;
        end.unwrap_err()
    }

    /// Writes until nothing more is taken, and waits until the place may be asked for if `offered`.
    async fn fill(connection: &mut Connection, offered: bool) {
        poll_fn(|cx| {
            while let Poll::Ready(written) = write_some(connection, cx) {
                written.unwrap();
            }
            if connection.stall.is_offered() || !offered {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Reads until more is written.
    async fn take(client: &mut Reader, connection: &mut Connection) {
        let mut piece = vec![0; 64 << 10];
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(written) = write_some(connection, cx) {
                    written.unwrap();
                    return Poll::Ready(());
                }
                let mut piece = ReadBuf::new(&mut piece);
                ready!(client.as_mut().poll_read(cx, &mut piece)).unwrap();
            }
        })
        .await;
    }

    fn connection(stream: Stream, engine: &Arc<Engine>, offered: Duration) -> (Connection, Places) {
        let places = Places::new(1);
        let place = places.take().unwrap();
        let max = StallMax {
            kept: STALLED,
            offered,
        };
        let connection = Connection::new(stream, place, Local::new(engine.clone()), max);
        (connection, places)
    }

    /// Whoever takes something after a long time goes on, and has its place for itself again; once it takes nothing for as
    /// long, the place is for whoever needs it.
    async fn goes_on_until_asked((mut client, stream): (Reader, Stream), engine: &Arc<Engine>) {
        let (mut connection, places) = connection(stream, engine, NEVER);
        for _ in 0..3 {
            fill(&mut connection, true).await;
            take(&mut client, &mut connection).await;
            assert!(!connection.stall.is_offered());
            assert!(places.make_room().await.is_none(), "nobody can be asked");
        }
        fill(&mut connection, true).await;
        let ending = actix_web::rt::spawn(async move { write(&mut connection).await.kind() });
        assert!(places.make_room().await.is_some());
        assert_eq!(ending.await.unwrap(), io::ErrorKind::TimedOut);
        drop(client);
    }

    async fn ends_if_nobody_asks((client, stream): (Reader, Stream), engine: &Arc<Engine>) {
        let (mut connection, _places) = connection(stream, engine, STALLED * 3);
        let began = Instant::now();
        assert_eq!(write(&mut connection).await.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= STALLED * 4, "{:?}", began.elapsed());
        drop(client);
    }

    /// A stop asks all: those who may be asked already, and those who come to it.
    async fn ends_in_a_stop((client, stream): (Reader, Stream), engine: &Arc<Engine>, late: bool) {
        let (mut connection, places) = connection(stream, engine, NEVER);
        fill(&mut connection, !late).await;
        assert_eq!(connection.stall.is_offered(), !late);
        places.close();
        assert_eq!(write(&mut connection).await.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    /// Also where the server has nothing more to write: TLS holds the end itself.
    async fn ends_when_nobody_takes_the_end(
        (client, stream): (Reader, Stream),
        engine: &Arc<Engine>,
    ) {
        let (mut connection, _places) = connection(stream, engine, STALLED);
        fill(&mut connection, true).await;
        let end = poll_fn(|cx| Pin::new(&mut connection).poll_flush(cx)).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[test]
    fn an_answer_that_nobody_takes_ends_the_connection_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let overrides = Overrides {
            output: Some(dir.path().to_owned()),
            ..Overrides::default()
        };
        let settings = load(&overrides, &|_| None).unwrap();
        let opened = Opened::new(settings, Parts::real()).unwrap();
        let engine = opened.engine.clone();
        let all = async {
            goes_on_until_asked(plain().await, &engine).await;
            goes_on_until_asked(secure().await, &engine).await;
            ends_if_nobody_asks(plain().await, &engine).await;
            ends_if_nobody_asks(secure().await, &engine).await;
            for late in [false, true] {
                ends_in_a_stop(plain().await, &engine, late).await;
                ends_in_a_stop(secure().await, &engine, late).await;
            }
            ends_when_nobody_takes_the_end(secure().await, &engine).await;
            parts_of_files_stand_in_their_place(&engine).await;
            a_file_that_is_shorter_is_told(&engine).await;
            a_file_that_nobody_takes_ends_in_time(&engine).await;
            who_took_all_may_wait(&engine).await;
            let (connection, _places) = connection(secure().await.1, &engine, NEVER);
            assert!(!connection.progress().outgoing().is_open());
        };
        actix_web::rt::System::new().block_on(async {
            timeout(NEVER / 10, all).await.expect("an end");
        });
        opened.close();
    }

    fn file(bytes: usize) -> (Vec<u8>, SharedFile) {
        let text: Vec<u8> = (0..=250).cycle().take(bytes).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        (text, RealDisk.open(file.path(), Open::Read).unwrap())
    }

    /// Hands over `range` until all of it is sent or the rest goes another way; gives how much was sent, and whether all.
    async fn hand(
        connection: &mut Connection,
        file: &SharedFile,
        mut range: Range<u64>,
    ) -> io::Result<(u64, bool)> {
        let (progress, begin) = (connection.progress(), range.start);
        while !range.is_empty() {
            poll_fn(|cx| {
                progress.outgoing().give(file.clone(), range.clone(), cx);
                Poll::Ready(())
            })
            .await;
            let outcome = poll_fn(|cx| {
                if let Poll::Ready(Err(error)) = Pin::new(&mut *connection).poll_flush(cx) {
                    return Poll::Ready(Err(error));
                }
                progress.outgoing().poll_over(cx).map(Ok)
            })
            .await?;
            range.start += outcome.sent;
            if outcome.failed {
                return Ok((range.start - begin, false));
            }
        }
        Ok((range.start - begin, true))
    }

    /// After what was written, and before what is written then; more of it than the system takes at a time.
    async fn parts_of_files_stand_in_their_place(engine: &Arc<Engine>) {
        let (mut client, stream) = plain().await;
        let (mut connection, _places) = connection(stream, engine, NEVER);
        let (text, file) = file(20 << 20);
        let reading = actix_web::rt::spawn(async move {
            let mut found = Vec::new();
            client.read_to_end(&mut found).await.unwrap();
            found
        });
        let range = 5..text.len() as u64 - 7;
        connection.write_all(b"before").await.unwrap();
        let handed = hand(&mut connection, &file, range.clone()).await.unwrap();
        assert_eq!(handed, (range.end - range.start, true));
        connection.write_all(b"after").await.unwrap();
        // Of this the connection never sends anything.
        poll_fn(|cx| {
            let progress = connection.progress();
            progress.outgoing().give(file.clone(), 0..9, cx);
            progress.outgoing().take_back();
            Pin::new(&mut connection).poll_flush(cx)
        })
        .await
        .unwrap();
        assert_eq!(Arc::strong_count(&file), 1);
        drop(connection);
        let found = reading.await.unwrap();
        assert!(found == [b"before", &text[5..text.len() - 7], b"after"].concat());
    }

    async fn a_file_that_is_shorter_is_told(engine: &Arc<Engine>) {
        let (client, stream) = plain().await;
        let (mut connection, _places) = connection(stream, engine, NEVER);
        let (_, file) = file(10_000);
        let handed = hand(&mut connection, &file, 4_000..10_001).await.unwrap();
        assert_eq!(handed, (6_000, false));
        drop(client);
    }

    /// As with what is written.
    async fn a_file_that_nobody_takes_ends_in_time(engine: &Arc<Engine>) {
        let (client, stream) = plain().await;
        let (mut connection, _places) = connection(stream, engine, STALLED * 3);
        let (text, file) = file(40 << 20);
        let began = Instant::now();
        let handed = hand(&mut connection, &file, 0..text.len() as u64).await;
        assert_eq!(handed.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= STALLED * 4, "{:?}", began.elapsed());
        drop(client);
    }

    /// Whoever waits for what the body gives next is no slow reader.
    async fn who_took_all_may_wait(engine: &Arc<Engine>) {
        let (mut client, stream) = plain().await;
        let (mut connection, _places) = connection(stream, engine, STALLED);
        let (_, file) = file(10_000);
        for _ in 0..2 {
            let handed = hand(&mut connection, &file, 0..10_000).await.unwrap();
            assert_eq!(handed, (10_000, true));
            client.read_exact(&mut [0; 10_000]).await.unwrap();
            let flushing = timeout(
                STALLED * 3,
                poll_fn(|cx| {
                    let _ = Pin::new(&mut connection).poll_flush(cx).map(Result::unwrap);
                    Poll::<()>::Pending
                }),
            );
            assert!(flushing.await.is_err());
        }
    }

    #[test]
    fn only_a_bare_refusal_at_the_end_is_one() {
        let found = |text: &str| bare_refusal(text.as_bytes()).map(|(at, _)| at);
        let bare = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
        assert_eq!(found(bare), Some(0));
        assert_eq!(
            found(&format!("HTTP/1.1 200 OK\r\n\r\n{{}}{bare}")),
            Some(21)
        );
        assert_eq!(found(&bare.replace("400 Bad Request", "431 X")), Some(0));
        assert_eq!(found(&bare.replace("400 Bad Request", "404 X")), None);
        assert_eq!(
            found(&bare.replace("content-length: 0", "content-length: 5")),
            None
        );
        assert_eq!(found(&format!("{bare}x")), None);
        for end in 0..bare.len() {
            assert_eq!(found(&bare[..end]), None);
        }
    }
}
