//! Wrong secrets are slowed, for whoever shows them and nobody else.

use crate::raw::Raw;
use crate::receiving::{is_problem, problem};
use crate::server::{Headers, Place, Server, TOKEN};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const RIGHT: &str = "Bearer let-me-in";

fn guarded(place: &Place) -> Server {
    let mut command = place.command();
    command.env("LESSONLY_AUTHORIZATION", RIGHT).arg("--config");
    command.arg(place.config("trusted_proxies = [\"127.0.0.1\"]"));
    Server::start(command)
}

/// How long `ask` takes.
fn timed(ask: impl FnOnce() -> u16) -> (u16, Duration) {
    let began = Instant::now();
    (ask(), began.elapsed())
}

#[test]
fn a_wrong_secret_waits_longer_each_time_and_the_right_one_never() {
    let place = Place::new();
    let server = guarded(&place);
    let deliver = |client: &str, value: &str| {
        let headers: Headers = &[("x-forwarded-for", client), ("authorization", value)];
        timed(|| server.post_to("lessonly", b"{\"a\":1}", headers).status)
    };
    let read = |client: &str, path: &str, value: &str| {
        let headers: Headers = &[("x-forwarded-for", client), ("authorization", value)];
        timed(|| server.get_with(path, headers).status)
    };
    let (token, wrong) = (format!("Bearer {TOKEN}"), "Bearer wrong");
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(deliver("198.51.100.1", wrong).0, 401);
        assert_eq!(read("198.51.100.1", "/", wrong).0, 401);
    }
    assert_eq!(read("198.51.100.1", "/", wrong).0, 401);
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "five are free"
    );
    for (nth, least) in [100, 200, 400, 800].into_iter().enumerate() {
        let (status, took) = if nth % 2 == 0 {
            deliver("198.51.100.1", wrong)
        } else {
            read("198.51.100.1", "/?token=guess", wrong)
        };
        assert_eq!(status, 401);
        assert!(took >= Duration::from_millis(least), "{nth}: {took:?}");
    }
    let quick = Duration::from_millis(700);
    // Whether it is alive is told to whoever asks, with whatever else.
    for path in ["/healthz", "/readyz"] {
        for _ in 0..10 {
            let (status, took) = read("198.51.100.1", path, wrong);
            assert!(status == 200 && took < quick, "{path}: {status} {took:?}");
            assert_eq!(read("198.51.100.4", path, wrong).0, 200);
        }
    }
    let (status, took) = read("198.51.100.4", "/", wrong);
    assert!(
        status == 401 && took < quick,
        "not counted: {status} {took:?}"
    );
    for client in ["198.51.100.1", "198.51.100.2"] {
        for (status, took) in [
            deliver(client, RIGHT),
            read(client, "/api/exports", &token),
            read(client, "/healthz", &token),
        ] {
            assert!(status == 200 && took < quick, "{client}: {status} {took:?}");
        }
    }
    // Another address, and one from the same network of IPv6, which is one house.
    assert!(deliver("198.51.100.2", wrong).1 < quick);
    for nth in 0..5 {
        assert_eq!(deliver(&format!("2001:db8::{nth}"), wrong).0, 401);
    }
    assert!(deliver("2001:db8::ffff", wrong).1 >= Duration::from_millis(100));
    assert!(deliver("2001:db8:0:1::1", wrong).1 < quick);
    // To show nothing is no attempt.
    for _ in 0..10 {
        let nothing: Headers = &[("x-forwarded-for", "198.51.100.3")];
        let (status, took) = timed(|| server.get_with("/", nothing).status);
        assert!(status == 401 && took < quick, "{status} {took:?}");
    }
}

#[test]
fn an_attacker_with_many_connections_slows_himself_alone() {
    let place = Place::new();
    let server = guarded(&place);
    let (stop, attempts, refused) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let attack = || {
        let mut raw = Raw::open(&server);
        while !stop.load(Ordering::Relaxed) {
            raw.send("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nAuthorization: Bearer guess\r\n\r\n");
            let answer = raw.answer();
            attempts.fetch_add(1, Ordering::Relaxed);
            if answer.status == 429 {
                refused.fetch_add(1, Ordering::Relaxed);
                let wanted = problem(
                    429,
                    "attempts",
                    "Too many wrong secrets",
                    "too many requests with a wrong secret came from this address; the right one is never refused",
                    "",
                );
                is_problem(&answer, &wanted);
                assert_eq!(answer.header("retry-after"), Some("2"));
                // Whoever attacks does not wait; this test need not burn the machine.
                std::thread::sleep(Duration::from_millis(20));
            } else {
                assert_eq!(answer.status, 401);
            }
        }
    };
    let deliver = |under_attack: bool| {
        let mut times: Vec<Duration> = (0..200)
            .map(|nth| {
                let body = format!("{{\"attack\":{under_attack},\"nth\":{nth}}}");
                let headers: Headers = &[("authorization", RIGHT)];
                let (status, took) =
                    timed(|| server.post_to("lessonly", body.as_bytes(), headers).status);
                assert_eq!(status, 200);
                took
            })
            .collect();
        times.sort();
        times[197]
    };
    let calm = deliver(false);
    let attacked = std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(attack);
        }
        std::thread::sleep(Duration::from_millis(300));
        let attacked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| deliver(true)));
        stop.store(true, Ordering::Relaxed);
        attacked.expect("deliveries")
    });
    println!(
        "p99 of others: {calm:?}, under attack {attacked:?}; {} attempts, {} refused at once",
        attempts.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed)
    );
    assert!(refused.into_inner() > 0, "no more than 8 wait");
    assert!(attacked < Duration::from_secs(1), "{attacked:?}");
}

#[test]
fn a_connection_that_goes_while_it_waits_frees_its_place() {
    let place = Place::new();
    let server = guarded(&place);
    let head = "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nAuthorization: Bearer guess\r\n\r\n";
    for _ in 0..13 {
        Raw::open(&server).send(head);
    }
    // All waits are over, and their places free, also of those who did not stay.
    std::thread::sleep(Duration::from_millis(2500));
    let mut raw = Raw::open(&server);
    assert_eq!(raw.send(head).answer().status, 401);
}

#[test]
fn proxies_are_believed_if_they_are_trusted() {
    let place = Place::new();
    let server = place.start_with("trusted_proxies = [\"127.0.0.1\"]");
    let page = |server: &Server| {
        let token = format!("Bearer {TOKEN}");
        let headers: Headers = &[
            ("authorization", &token),
            ("host", "hooks.example.com"),
            ("x-forwarded-proto", "https"),
        ];
        server.get_with("/", headers).text().to_owned()
    };
    assert!(page(&server).contains("<code>https://hooks.example.com/hooks/lessonly</code>"));
    place.config("trusted_proxies = [\"10.0.0.0/8\"]");
    let until = Instant::now() + Duration::from_secs(10);
    while !page(&server).contains("<code>http://hooks.example.com/hooks/lessonly</code>") {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}
