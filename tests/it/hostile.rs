//! Those who keep connections and do not let go, and those who are too many:
//! they are cut off, and nobody else notices.

use crate::audit::Audit;
use crate::flood::{Connection, Flood, Ledger, Load};
use crate::raw::Raw;
use crate::receiving::{is_problem, problem};
use crate::server::{Answer, Place, Server, TOKEN};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

const HEAD: &str = "POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\n";
const QUICK: &str = "[limits]\nhead_seconds_max = 1\nbody_seconds_max = 2\n";

fn tcp(server: &Server) -> TcpStream {
    let addr = server.url.strip_prefix("http://").expect("an address");
    let stream = TcpStream::connect(addr).expect("a connection");
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a timeout");
    stream
}

/// Sends `text`, then `drip` again and again, slowly, until the server closes; gives all that came, and after which time.
fn drip(server: &Server, text: &str, drip: &str, pause: Duration) -> (String, Duration) {
    let mut stream = tcp(server);
    stream.write_all(text.as_bytes()).expect("sent");
    let began = Instant::now();
    let mut reader = stream.try_clone().expect("a second hand");
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(bytes @ 1..) = reader.read(&mut piece) {
            all.extend_from_slice(&piece[..bytes]);
        }
        String::from_utf8(all).expect("a text")
    });
    while !reading.is_finished() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "not cut off after {text:?}"
        );
        let _ = stream.write_all(drip.as_bytes());
        thread::sleep(pause);
    }
    (reading.join().expect("a text"), began.elapsed())
}

#[test]
fn slow_ones_are_cut_off_whatever_they_are_slow_with() {
    let place = Place::new();
    let server = place.start_with(QUICK);
    let good = format!("{HEAD}Content-Length: 2\r\n\r\n{{}}");
    let refused = format!("{HEAD}Transfer-Encoding: chunked\r\nContent-Encoding: br\r\n\r\n");
    let slow = Duration::from_millis(150);
    let head_too_slow = "problem:head-too-slow";
    let cases = [
        // The first head of a connection, and a later one.
        ("", "x", vec![head_too_slow]),
        (HEAD, "X: y\r\n", vec![head_too_slow]),
        (&good, "P", vec!["\"status\"", head_too_slow]),
        (&good, "\r\n", vec!["\"status\"", head_too_slow]),
        // A body with a length, in chunks, in chunks of a byte, in an extension, in a trailer.
        (
            &format!("{HEAD}Content-Length: 9999\r\n\r\n"),
            "1",
            vec!["problem:too-slow"],
        ),
        (
            &format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"),
            "1\r\n1\r\n",
            vec!["problem:too-slow"],
        ),
        (
            &format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n1;"),
            "x",
            vec!["problem:too-slow"],
        ),
        (
            &format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n"),
            "x",
            vec!["problem:too-slow"],
        ),
        // A body that nobody wants any more.
        (&refused, "1\r\n1\r\n", vec!["problem:encoding"]),
        (
            "GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\n1\r\n",
            vec!["alive"],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n",
            "1",
            vec!["alive"],
        ),
    ];
    thread::scope(|scope| {
        for (text, drips, wanted) in &cases {
            let server = &server;
            scope.spawn(move || {
                let (answers, took) = drip(server, text, drips, slow);
                for word in wanted {
                    assert!(answers.contains(word), "{text:?}: {answers:?}");
                }
                assert!(took < Duration::from_secs(9), "{text:?}: {took:?}");
            });
        }
        // Those who send nothing hear nothing.
        scope.spawn(|| {
            let mut silent = tcp(&server);
            let mut answer = String::new();
            silent.read_to_string(&mut answer).expect("an end");
            assert_eq!(answer, "");
        });
        // One that was refused a body in chunks and sends no more of it is not waited for.
        scope.spawn(|| {
            let (answers, took) = drip(
                &server,
                &format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nff\r\n"),
                "",
                slow,
            );
            assert!(answers.contains("problem:too-slow"), "{answers}");
            assert!(took < Duration::from_secs(9), "{took:?}");
        });
    });
    assert_eq!(server.post("{\"a\":1}").status, 200);
}

/// A request that has begun and is not whole: the rest is `}`.
fn begun(server: &Server, nth: usize) -> Raw {
    let mut raw = Raw::open(server);
    let body = format!("{{\"n\":{nth}");
    raw.send(format!(
        "{HEAD}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len() + 1
    ));
    assert_eq!(raw.head().0, 100);
    raw.send(body);
    raw
}

#[test]
fn more_requests_than_there_may_be_hear_so() {
    let place = Place::new();
    let server = place.start_with("limits.connections_max = 20\n");
    let wanted = problem(
        503,
        "connections",
        "There are too many connections",
        "as many connections are open as there may be (limits.connections_max)",
        ",\"help\":\"try again soon: a retry of anything is safe\"",
    );
    for round in 0..3 {
        let mut within: Vec<Raw> = (0..20)
            .map(|nth| begun(&server, round * 20 + nth))
            .collect();
        let mut above: Vec<Raw> = (0..40).map(|_| Raw::open(&server)).collect();
        for raw in above.iter_mut().skip(round % 2).step_by(2) {
            raw.try_send(format!("{HEAD}Content-Length: 2\r\n\r\n{{}}"));
        }
        // Whether they say something or not.
        for raw in &mut above {
            let answer = raw.answer();
            is_problem(&answer, &wanted);
            assert_eq!(answer.status, 503);
            assert_eq!(answer.header("retry-after"), Some("5"));
            assert!(raw.is_closed());
        }
        for raw in &mut within {
            assert_eq!(raw.send("}").answer().status, 200);
        }
    }
    let reply = Connection::open(&server.url).and_then(|mut c| c.post("{}"));
    assert_eq!(reply.map(|r| r.status).ok(), Some(200));
}

/// Those who wait for a request leave for those who bring one, the longest waiting first; nobody leaves within a request.
#[test]
fn who_only_waits_makes_room() {
    let place = Place::new();
    let mut server = place.start_with("limits.connections_max = 20\n");
    let mut within: Vec<Raw> = (0..5).map(|nth| begun(&server, nth)).collect();
    let mut half = Raw::open(&server);
    half.send(HEAD);
    thread::sleep(Duration::from_millis(200));
    let mut idle: Vec<Raw> = (0..14).map(|_| Raw::open(&server)).collect();
    // Until all of them wait.
    thread::sleep(Duration::from_millis(200));
    for (nth, raw) in idle.iter_mut().enumerate().filter(|(nth, _)| nth % 2 == 0) {
        raw.send(format!(
            "{HEAD}Content-Length: 8\r\n\r\n{{\"i\":{:02}}}",
            nth + 10
        ));
        assert_eq!(raw.answer().status, 200);
    }
    // 20 places are taken: these come beyond, and stay.
    let mut new: Vec<Connection> = Vec::new();
    for nth in 0..4 {
        let mut one = Connection::open(&server.url).expect("a connection");
        let reply = one.post(&format!("{{\"new\":{nth}}}")).expect("an answer");
        assert_eq!(reply.status, 200, "{nth}");
        new.push(one);
    }
    let answer = half.answer();
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("problem:connections") && half.is_closed());
    // Three more had to go: of those that never said anything, as they waited longer than those that did. Which of them has
    // waited longest is for the two threads to say that took them in.
    let (closed, open): (Vec<_>, Vec<_>) = idle
        .iter_mut()
        .enumerate()
        .partition(|(_, raw)| raw.has_ended());
    let closed: Vec<usize> = closed.into_iter().map(|(nth, _)| nth).collect();
    assert!(
        closed.len() == 3 && closed.iter().all(|nth| nth % 2 == 1),
        "{closed:?}"
    );
    for (nth, raw) in open {
        raw.send(format!(
            "{HEAD}Content-Length: 8\r\n\r\n{{\"j\":{:02}}}",
            nth + 10
        ));
        assert_eq!(raw.answer().status, 200, "{nth}");
    }
    // A flood of silence, while one after the other delivers.
    let mut silent = Vec::new();
    for nth in 0..200 {
        silent.extend((0..3).map(|_| tcp(&server)));
        let mut one = Connection::open(&server.url).expect("a connection");
        let reply = one
            .post(&format!("{{\"flood\":{nth}}}"))
            .expect("an answer");
        assert_eq!(reply.status, 200, "{nth}");
    }
    for raw in &mut within {
        assert_eq!(raw.send("}").answer().status, 200);
    }
    assert!(server.stop().success());
}

/// How much the system holds of what was sent from `here` to `there` and is not taken there.
fn untaken(here: SocketAddr, there: SocketAddr) -> u64 {
    let (here, there) = (
        format!(":{:04X}", here.port()),
        format!(":{:04X}", there.port()),
    );
    let table = std::fs::read_to_string("/proc/net/tcp").expect("connections");
    let queue = table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let found = fields.next()?.ends_with(&here) && fields.next()?.ends_with(&there);
        found.then(|| fields.nth(1))?
    });
    let (sent, _) = queue
        .and_then(|queue| queue.split_once(':'))
        .expect("its queue");
    u64::from_str_radix(sent, 16).expect("a number")
}

/// Whether every thread of the server sleeps: it has nothing to do, however busy the machine is.
fn sleeps(server: &Server) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("its threads");
    tasks.into_iter().all(|task| {
        let stat = task.expect("a thread").path().join("stat");
        // One that has ended does nothing.
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_none_or(|(_, state)| state.starts_with('S'))
    })
}

/// Delivers an event that makes a table of some 14 KB, and asks for that, one time after the other, until the system takes no
/// more: then one answer is given and not sent. It is so large that the system takes most of them whole or not at all. Bytes
/// of a file the system would take from there: that answer would not be given.
pub fn fill<S: std::io::Write>(server: &Server, stream: &mut S, socket: impl Fn(&S) -> &TcpStream) {
    let event = format!("{{\"filler\":\"{}\"}}", "x".repeat(14_000));
    let event = format!("{HEAD}Content-Length: {}\r\n\r\n{event}", event.len());
    stream.write_all(event.as_bytes()).expect("sent");
    let get = format!(
        "GET /exports/lessonly/today.jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    let mine = socket(stream).local_addr().expect("an address");
    let its = socket(stream).peer_addr().expect("an address");
    let until = Instant::now() + Duration::from_secs(300);
    let mut before = 0;
    loop {
        assert!(Instant::now() < until, "{before} bytes wait");
        stream.write_all(get.as_bytes()).expect("sent");
        // Until it was heard, and all is done that is to be done about it: looked at several times, as it does more than one
        // thing for an answer.
        let mut asleep = 0;
        while asleep < 3 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
            let rests = untaken(mine, its) == 0 && sleeps(server);
            asleep = if rests { asleep + 1 } else { 0 };
        }
        let now = untaken(its, mine);
        // A short queue is one that the client's system makes shorter.
        if now == before && now > 20_000 {
            return;
        }
        before = now;
    }
}

/// The most memory that it ever had, in KiB.
fn peak(server: &Server) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).expect("a number")
}

/// All of them at once, while others deliver: every event that was acknowledged is one row, and no other is there.
#[test]
fn a_siege() {
    let place = Place::new();
    let mut server = place.start_with(
        "[limits]\nhead_seconds_max = 2\nbody_seconds_max = 3\nconnections_max = 1500\n",
    );
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        pause: Duration::from_millis(5),
        ..Load::new(0, 4)
    };
    let flood = Flood::start(&server.url, load, &ledger);
    let idle: Vec<TcpStream> = (0..1000).map(|_| tcp(&server)).collect();
    let second = Duration::from_secs(1);
    thread::scope(|scope| {
        let server = &server;
        for nth in 0..50 {
            scope.spawn(move || {
                let text = if nth % 2 == 0 {
                    format!("{HEAD}Content-Length: 100\r\n\r\n{{")
                } else {
                    format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n")
                };
                let byte = if nth % 2 == 0 { " " } else { "1\r\n \r\n" };
                let (answers, _) = drip(server, &text, byte, second);
                assert!(answers.contains("problem:too-slow"), "{answers}");
            });
        }
        // Heads without end, and connections that are reset in the middle of one.
        for nth in 0..20 {
            scope.spawn(move || {
                if nth % 2 == 0 {
                    drip(server, HEAD, "X: y\r\n", Duration::from_millis(100));
                    return;
                }
                for _ in 0..30 {
                    let mut stream = tcp(server);
                    let reset = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n{HEAD}Content-Length: 99\r\n\r\n{{\"a\"");
                    let _ = stream.write_all(reset.as_bytes());
                    thread::sleep(Duration::from_millis(20));
                    // Closed with an answer unread: that is a reset.
                    drop(stream);
                }
            });
        }
        // What is no HTTP, and much of it.
        for _ in 0..4 {
            scope.spawn(move || {
                for nth in 0..10_u8 {
                    let mut stream = tcp(server);
                    let _ = stream.write_all(&vec![nth.wrapping_mul(7); 20_000]);
                    let _ = stream.read_to_end(&mut Vec::new());
                }
            });
        }
    });
    for mut stream in idle {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "cut off");
    }
    flood.stop();
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}; at most {} KiB of memory", peak(&server));
    assert_eq!(ledger.refused.load(Ordering::Relaxed), 0);
    assert_eq!(ledger.strange(), Vec::<String>::new());
    audit.assert_untouched();
    assert_eq!(audit.open_stored, 0);
    assert!(peak(&server) < 200 * 1024, "{} KiB", peak(&server));
    assert!(server.stop().success());
}

#[test]
fn half_of_a_connection_is_enough_for_an_answer() {
    let place = Place::new();
    let server = place.start();
    let mut raw = Raw::post(&server, "lessonly", "Content-Length: 7\r\n");
    raw.send("{\"a\":1}").end();
    assert_eq!(raw.answer().masked(), r#"{"status":"stored","id":"ID"}"#);
    assert!(raw.is_closed());
}

#[test]
fn who_asks_without_reading_gets_little_memory() {
    let place = Place::new();
    let server = place.start();
    let before = peak(&server);
    let text = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4000);
    let streams: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = tcp(&server);
            stream.set_nonblocking(true).expect("a socket");
            // More than is taken in, and than answers fit.
            for _ in 0..40 {
                let _ = stream.write(text.as_bytes());
            }
            stream
        })
        .collect();
    thread::sleep(Duration::from_secs(2));
    for mut stream in &streams {
        let _ = stream.write(text.as_bytes());
    }
    thread::sleep(Duration::from_secs(1));
    let grown = peak(&server) - before;
    println!("{grown} KiB more for 100 connections");
    assert!(grown < 32 * 1024, "{grown} KiB");
    drop(streams);
    assert_eq!(server.post("{}").status, 200);
}

/// Nothing stands within an answer but the answer, however long it is not taken.
#[test]
fn the_beginning_of_a_head_behind_what_is_not_taken_spoils_nothing() {
    let place = Place::new();
    let server = place.start_with(QUICK);
    let mut stream = tcp(&server);
    fill(&server, &mut stream, |stream| stream);
    stream.write_all(b"GET /healthz HT").expect("sent");
    // Longer than a head may take.
    thread::sleep(Duration::from_millis(1500));
    let rest = b"TP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(rest).expect("sent");
    stream.shutdown(Shutdown::Write).expect("a connection");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("an end");
    let answers: Vec<(&str, &str)> = all
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer.split_once("\r\n\r\n").expect("a head"))
        .collect();
    let [_stored, tables @ .., health] = &answers[..] else {
        panic!("{all}");
    };
    for (head, table) in tables {
        assert!(head.starts_with("200 OK\r\n"), "{head}");
        assert!(table.len() > 14_000, "{table}");
        assert_eq!(*table, tables[0].1);
    }
    assert!(health.0.starts_with("200 OK\r\n"), "{health:?}");
    assert!(health.0.contains("application/json"), "{health:?}");
}

#[test]
fn a_shorter_time_for_heads_holds_for_the_next_one() {
    let place = Place::new();
    let server = place.start_with("limits.head_seconds_max = 60");
    let mut kept = Raw::open(&server);
    kept.send(format!("{HEAD}Content-Length: 2\r\n\r\n{{}}"));
    assert_eq!(kept.answer().status, 200);
    place.config("limits.head_seconds_max = 1");
    server.signal(rustix::process::Signal::HUP);
    let until = Instant::now() + Duration::from_secs(10);
    while !server.log().contains("read again and is in force") {
        assert!(Instant::now() < until, "{}", server.log());
        thread::sleep(Duration::from_millis(10));
    }
    kept.send(HEAD);
    assert_eq!(kept.answer().status, 408);
    assert!(kept.is_closed());
}

/// A request that begins where the answer before it ends is read on, however long its body is.
#[test]
fn a_small_delivery_and_a_large_one_in_one_go() {
    let place = Place::new();
    let server = place.start();
    for (nth, bytes) in [10_000, 40_000].into_iter().enumerate() {
        let small = format!("{{\"small\":{nth}}}");
        let large = format!("{{\"large\":\"{}\"}}", "x".repeat(bytes));
        let request = |body: &str| format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len());
        let both = request(&small) + &request(&large);
        let began = Instant::now();
        let mut raw = Raw::open(&server);
        raw.send(&both);
        assert_eq!(raw.answer().status, 200);
        raw.end();
        let rest = raw.rest();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 200 "),
            "{rest}"
        );
        assert!(began.elapsed() < Duration::from_secs(10), "it stood still");
    }
}

/// Requests that come together are answered as if each had come when the one before was answered.
#[test]
fn requests_in_one_go_are_answered_each_by_its_own_words() {
    let place = Place::new();
    let server = place.start();
    let post = |nth: usize, bytes: usize| {
        let body = format!(
            "{{\"{nth}\":\"{}\"}}",
            "x HTTP/1.1\\r\\n".repeat(bytes / 14)
        );
        format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let plain = |line: &str| format!("{line}\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    let table = "/exports/lessonly/today.csv";
    let head = plain("HEAD /healthz HTTP/1.1");
    for piece in [usize::MAX, 7, 1000] {
        let requests = [
            post(piece % 5, 20),
            head.clone(),
            plain(&format!("GET {table} HTTP/1.1")),
            head.clone(),
            post(10 + piece % 5, 5000),
            head.clone(),
            "\r\n".to_owned() + &plain("GET /healthz HTTP/1.1"),
            plain(&format!("HEAD {table} HTTP/1.1")),
            post(20 + piece % 5, 100_000),
            plain("GET /healthz HTTP/1.0"),
        ];
        let mut raw = Raw::open(&server);
        let all = requests.concat();
        for piece in all.as_bytes().chunks(piece.min(all.len())) {
            raw.send(piece);
        }
        for (nth, request) in requests.iter().enumerate() {
            let answer = if request.starts_with("HEAD") {
                let (status, headers) = raw.head();
                Answer::new(status, headers, Vec::new())
            } else {
                let answer = raw.answer();
                assert!(!answer.body.is_empty(), "{nth}");
                answer
            };
            assert_eq!(
                (answer.status, answer.header("connection")),
                (200, None),
                "{nth}"
            );
        }
        assert!(raw.is_closed());
    }
}
