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
async fn ends_when_nobody_takes_the_end((client, stream): (Reader, Stream), engine: &Arc<Engine>) {
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
