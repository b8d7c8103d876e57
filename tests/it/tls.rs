//! TLS: what is spoken, what is not, and certificates that are renewed.

use crate::hostile::fill;
use crate::server::{Place, Server, TOKEN};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CONFIG: &str =
    "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n[limits]\nhead_seconds_max = 1\n";
const EVENT: &str =
    "POST /hooks/lessonly HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n{\"a\":1}";

struct Pair {
    cert: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".into()]).expect("a name");
        let cert = params.self_signed(&key).expect("a certificate");
        Self {
            cert: cert.pem(),
            key: key.serialize_pem(),
            der: cert.der().clone(),
        }
    }

    /// As a tool that renews certificates leaves it: one file after the other, each by a rename.
    fn put(&self, place: &Place) {
        for (name, text) in [("cert.pem", &self.cert), ("key.pem", &self.key)] {
            let beside = place.path().join("new.pem");
            std::fs::write(&beside, text).expect("a file");
            std::fs::rename(beside, place.path().join(name)).expect("a rename");
        }
    }
}

fn client(trusted: &[&Pair], versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for pair in trusted {
        roots.add(pair.der.clone()).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A session that is resumed shows no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    config
}

fn any_version(trusted: &[&Pair]) -> Arc<ClientConfig> {
    Arc::new(client(trusted, rustls::ALL_VERSIONS))
}

fn tcp(server: &Server) -> TcpStream {
    let addr = server.url.strip_prefix("https://").expect("TLS");
    let stream = TcpStream::connect(addr).expect("a connection");
    let patience = Some(Duration::from_secs(15));
    stream.set_read_timeout(patience).expect("a timeout");
    stream
}

type Secure = StreamOwned<ClientConnection, TcpStream>;

fn open(server: &Server, config: &Arc<ClientConfig>) -> io::Result<Secure> {
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, tcp(server));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Sends a request and gives the answer's whole text.
fn ask(stream: &mut Secure, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece)?;
        text.extend_from_slice(&piece[..read]);
        let so_far = String::from_utf8_lossy(&text);
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length
                .split_once("content-length: ")
                .map_or("0", |(_, l)| l);
            let length = length.lines().next().and_then(|l| l.parse().ok());
            if Some(body.len()) == length || read == 0 {
                return Ok(so_far.into_owned());
            }
        } else if read == 0 {
            return Ok(so_far.into_owned());
        }
    }
}

fn started(place: &Place, pair: &Pair) -> Server {
    pair.put(place);
    place.start_with(CONFIG)
}

#[track_caller]
fn wait_for(server: &Server, what: &str, nth: usize) {
    let until = Instant::now() + Duration::from_secs(10);
    while server.log().matches(what).count() < nth {
        assert!(Instant::now() < until, "no {what:?} in {}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn deliveries_and_downloads_in_both_versions() {
    let (place, pair) = (Place::new(), Pair::new());
    let mut server = started(&place, &pair);
    for (version, shown) in [
        (&rustls::version::TLS13, "Some(TLSv1_3)"),
        (&rustls::version::TLS12, "Some(TLSv1_2)"),
    ] {
        let mut config = client(&[&pair], &[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut stream = open(&server, &Arc::new(config)).expect("a handshake");
        assert_eq!(format!("{:?}", stream.conn.protocol_version()), shown);
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        for _ in 0..3 {
            let answer = ask(&mut stream, EVENT).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
        let get =
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        let page = ask(&mut stream, &get).expect("an answer");
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\n") && !page.contains("strict-transport-security"),
            "{page}"
        );
    }
    let mut config = client(&[&pair], rustls::ALL_VERSIONS);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let refused = open(&server, &Arc::new(config)).expect_err("HTTP/2 alone is not spoken");
    assert!(
        refused.to_string().contains("NoApplicationProtocol"),
        "{refused}"
    );
    assert!(server.stop().success());
}

#[test]
fn older_versions_are_refused() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = started(&place, &pair);
    for minor in [0, 1, 2] {
        // The hello of a client that knows nothing newer than SSL 3.0, TLS 1.0 or 1.1.
        let mut hello = vec![3, minor];
        hello.extend([7; 32]);
        hello.extend([0, 0, 6, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0x2f, 1, 0]);
        // With an extension that is asked for before the version: algorithms of signatures.
        hello.extend([0, 10, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4]);
        let length = |bytes: usize| u8::try_from(bytes).expect("short");
        let mut record = vec![
            22,
            3,
            1,
            0,
            length(hello.len() + 4),
            1,
            0,
            0,
            length(hello.len()),
        ];
        record.extend(hello);
        let mut stream = tcp(&server);
        stream.write_all(&record).expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        // A fatal alert: the version.
        assert_eq!(
            (answer.first(), answer.get(5..)),
            (Some(&21), Some(&[2, 70][..])),
            "{minor}"
        );
    }
}

#[test]
fn what_is_no_handshake_ends_and_disturbs_nobody() {
    let (place, pair) = (Place::new(), Pair::new());
    pair.put(&place);
    let head_time_max = Duration::from_secs(8);
    let server = place.start_with(&CONFIG.replace("= 1\n", "= 8\n"));
    let config = any_version(&[&pair]);
    let mut good = open(&server, &config).expect("a handshake");
    let mut silent: Vec<TcpStream> = (0..600).map(|_| tcp(&server)).collect();
    let began = Instant::now();
    for text in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /hooks/lessonly HTTP/1.0\r\n\r\n",
    ] {
        let mut plain = tcp(&server);
        plain.write_all(text.as_bytes()).expect("sent");
        let mut answer = String::new();
        plain.read_to_string(&mut answer).expect("an answer");
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
        assert!(answer.contains("use https:// instead"), "{answer}");
    }
    for garbage in [
        &b"\x16\x03\x01\xff\xff"[..],
        b"\0\0\0\0\0\0",
        b"\x16\x03\x01\0\x05hello",
        &[0x80; 3000],
    ] {
        let mut stream = tcp(&server);
        stream.write_all(garbage).expect("sent");
        let _ = stream.read_to_end(&mut Vec::new());
    }
    // More than the HTTP server's own limit of handshakes under way do not keep others from theirs.
    let mut other = open(&server, &config).expect("a handshake");
    assert!(began.elapsed() < head_time_max, "{:?}", began.elapsed());
    for stream in [&mut good, &mut other] {
        let answer = ask(stream, EVENT).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "cut off");
    }
    assert!(server.log().lines().count() < 5, "{}", server.log());
}

/// Handshakes that do not go on leave for those that do.
#[test]
fn who_only_begins_a_handshake_makes_room() {
    let (place, pair) = (Place::new(), Pair::new());
    pair.put(&place);
    let server =
        place.start_with(&format!("{CONFIG}connections_max = 20\n").replace("= 1\n", "= 60\n"));
    let config = any_version(&[&pair]);
    let mut silent: Vec<TcpStream> = Vec::new();
    for _ in 0..10 {
        silent.extend((0..20).map(|_| tcp(&server)));
        // On a busy machine some of those come after it, and it has waited longest: then it comes again.
        let answer = (0..5).find_map(|_| ask(&mut open(&server, &config).ok()?, EVENT).ok());
        let answer = answer.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// All that can hold up a stop at once: it ends in time all the same, and what was answered is there.
#[test]
fn a_stop_ends_in_time_whoever_is_there() {
    let (place, pair) = (Place::new(), Pair::new());
    pair.put(&place);
    let mut server = place.start_with(&CONFIG.replace("= 1\n", "= 60\n"));
    let config = any_version(&[&pair]);
    let mut one = open(&server, &config).expect("a handshake");
    let filler = "x".repeat(900_000);
    for nth in 0..12 {
        let body = format!("{{\"nth\":{nth},\"filler\":\"{filler}\"}}");
        let head = "POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length";
        let answer = ask(&mut one, &format!("{head}: {}\r\n\r\n{body}", body.len()));
        assert!(answer.expect("an answer").starts_with("HTTP/1.1 200"));
    }
    let mut download = open(&server, &config).expect("a handshake");
    let get = format!(
        "GET /exports/lessonly/today.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    download.write_all(get.as_bytes()).expect("sent");
    let silent: Vec<TcpStream> = (0..20).map(|_| tcp(&server)).collect();
    let (head, rest) = EVENT.split_at(EVENT.len() - 1);
    let mut pending = open(&server, &config).expect("a handshake");
    pending.write_all(head.as_bytes()).expect("sent");
    std::thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    server.signal(rustix::process::Signal::TERM);
    std::thread::sleep(Duration::from_millis(1500));
    for mut stream in silent {
        let patience = Some(Duration::from_millis(10));
        stream.set_read_timeout(patience).expect("a timeout");
        assert_eq!(
            stream.read(&mut [0]).ok(),
            Some(0),
            "it waits for no handshake"
        );
    }
    let answer = ask(&mut pending, rest).expect("an answer");
    assert!(server.wait().success());
    let took = began.elapsed();
    assert!(took < Duration::from_millis(9500), "{took:?}");
    assert!(!server.log().contains("took too long"), "{}", server.log());
    let stored = answer.starts_with("HTTP/1.1 200");
    assert!(stored || answer.starts_with("HTTP/1.1 503"), "{answer}");
    let rows = place.csv().lines().count() - 1;
    assert_eq!(rows, 12 + usize::from(stored), "{answer}");
    println!("stopped within {took:?}");
}

#[test]
fn who_only_waits_holds_up_no_stop() {
    let (place, pair) = (Place::new(), Pair::new());
    pair.put(&place);
    let mut server = place.start_with(&CONFIG.replace("= 1\n", "= 60\n"));
    let config = any_version(&[&pair]);
    let mut idle = open(&server, &config).expect("a handshake");
    ask(&mut idle, EVENT).expect("an answer");
    let fresh = open(&server, &config).expect("a handshake");
    let mut half = open(&server, &config).expect("a handshake");
    half.write_all(&EVENT.as_bytes()[..20]).expect("sent");
    let silent: Vec<TcpStream> = (0..20).map(|_| tcp(&server)).collect();
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    assert!(server.stop().success());
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    // With or without a word.
    let answer = ask(&mut half, "").unwrap_or_default();
    let said = answer.starts_with("HTTP/1.1 503") && answer.contains("problem:stopping");
    assert!(said || answer.is_empty(), "{answer}");
    drop((fresh, silent));
}

struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_renewal_under_load_refuses_nobody() {
    const RENEWALS: usize = 5;
    let place = Place::new();
    let pairs: Vec<Pair> = (0..=RENEWALS).map(|_| Pair::new()).collect();
    let server = started(&place, &pairs[0]);
    let config = any_version(&pairs.iter().collect::<Vec<_>>());
    let mut kept = open(&server, &config).expect("a handshake");
    ask(&mut kept, EVENT).expect("an answer");
    let (stop, handshakes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let shown = || {
        let stream = open(&server, &config).expect("a handshake");
        stream.conn.peer_certificates().expect("certificates")[0].clone()
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = open(&server, &config).expect("a handshake");
                    for _ in 0..2 {
                        let answer = ask(&mut stream, EVENT).expect("an answer");
                        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    }
                    handshakes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Also when something of what follows fails: otherwise the threads would go on for ever.
        let _end = AtEnd(&stop);
        for (nth, pair) in pairs.iter().enumerate().skip(1) {
            pair.put(&place);
            wait_for(&server, "read again and is in force", nth);
            assert_eq!(shown(), pair.der, "renewal {nth}");
        }
    });
    let answer = ask(&mut kept, EVENT).expect("a connection that outlives its certificate");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    println!(
        "{RENEWALS} renewals, {} handshakes, none refused",
        handshakes.into_inner()
    );
}

#[test]
fn half_of_a_renewal_is_told_and_the_old_certificate_stays() {
    let (place, old, new) = (Place::new(), Pair::new(), Pair::new());
    let server = started(&place, &old);
    let config = any_version(&[&old, &new]);
    let shown = || {
        let mut stream = open(&server, &config).expect("a handshake");
        assert!(
            ask(&mut stream, EVENT)
                .expect("an answer")
                .starts_with("HTTP/1.1 200")
        );
        stream.conn.peer_certificates().expect("certificates")[0].clone()
    };
    let write =
        |name: &str, text: &str| std::fs::write(place.path().join(name), text).expect("a file");
    let refused = "the old one stays";
    write("cert.pem", &new.cert[..new.cert.len() / 2]);
    wait_for(&server, refused, 1);
    assert_eq!(shown(), old.der);
    write("cert.pem", &new.cert);
    wait_for(&server, refused, 2);
    assert!(
        server.log().contains("does not fit the certificate"),
        "{}",
        server.log()
    );
    assert_eq!(shown(), old.der);
    write("key.pem", &new.key);
    wait_for(&server, "read again and is in force", 1);
    assert_eq!(shown(), new.der);
    std::fs::remove_file(place.path().join("key.pem")).expect("a file to remove");
    wait_for(&server, refused, 3);
    assert_eq!(shown(), new.der);
    place.config("");
    wait_for(&server, "tls cannot change while rowhook runs", 1);
    assert_eq!(shown(), new.der);
}

/// What the system sends of a file by itself where nobody listens is read and hidden here.
#[test]
fn a_download_is_the_file() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = started(&place, &pair);
    let mut stream = open(&server, &any_version(&[&pair])).expect("a handshake");
    for nth in 0..4 {
        let event = format!("{{\"long\":\"{}\"}}", format!("{nth} ").repeat(50_000));
        let head = EVENT.split_once(": 7").expect("a length").0;
        let post = format!("{head}: {}\r\n\r\n{event}", event.len());
        let answer = ask(&mut stream, &post).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    let get = format!(
        "GET /exports/lessonly/today.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    for _ in 0..2 {
        let answer = ask(&mut stream, &get).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(
            body.len() > 400_000 && body == place.csv(),
            "{}",
            body.len()
        );
    }
}

/// User and system time of the server so far, in ticks of 10 ms.
fn ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid()));
    let stat = stat.expect("its state");
    let (_, after) = stat.rsplit_once(") ").expect("a name");
    let times = after.split(' ').skip(11).take(2);
    times.map(|time| time.parse::<u64>().expect("a time")).sum()
}

/// Until the system takes no more, and the rest, a little, is within TLS.
#[test]
fn who_reads_nothing_costs_no_time() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = started(&place, &pair);
    let mut stream = open(&server, &any_version(&[&pair])).expect("a handshake");
    let last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    fill(&server, &mut stream, |stream| &stream.sock);
    stream.write_all(last.as_bytes()).expect("sent");
    // Until the time for a next head is over.
    std::thread::sleep(Duration::from_millis(1500));
    let before = ticks(&server);
    std::thread::sleep(Duration::from_secs(2));
    let spent = ticks(&server) - before;
    assert!(spent < 20, "{spent} ticks in 2 s");
}

/// The time for a head begins anew with every request, also where answers are given at once.
#[test]
fn who_asks_all_the_time_is_not_late() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = started(&place, &pair);
    let mut stream = open(&server, &any_version(&[&pair])).expect("a handshake");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        let answer = ask(&mut stream, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = answer.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
