//! A gigabyte of zeros in a megabyte of gzip.

use crate::flood::{Connection, Event};
use crate::server::{Place, Server};
use crate::tools::memory_kib;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::LazyLock;
use std::thread;

static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let zeros = vec![0; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&zeros).expect("memory");
    }
    encoder.finish().expect("memory")
});

/// What a bomb is answered with; 0 where the connection ended before the answer was read.
fn throw(server: &Server) -> u16 {
    let mut link = Connection::open(&server.url).expect("a connection");
    link.send(&BOMB, "content-encoding: gzip\r\n")
        .map_or(0, |reply| reply.status)
}

fn healthy(server: &Server) {
    assert_eq!(server.get("/readyz").status, 200);
    let event = Event {
        round: 0,
        connection: 9,
        nth: 1,
    };
    assert_eq!(server.post(&event.body()).status, 200);
}

#[test]
fn a_gzip_bomb_is_413_and_takes_no_memory() {
    println!("{} bytes that are a gigabyte", BOMB.len());
    let place = Place::new();
    let server = place.start();
    healthy(&server);
    let memory = || memory_kib(server.pid(), "VmHWM:");
    let (rss, before) = (memory_kib(server.pid(), "VmRSS:"), memory());
    assert_eq!(throw(&server), 413);
    let grown = memory() - before;
    println!("VmRSS {rss} KiB before; VmHWM {before} KiB, {grown} KiB more after one bomb");
    assert!(grown < 16 << 10, "{grown} KiB");
    healthy(&server);
    let answers: Vec<u16> = thread::scope(|scope| {
        let throwers: Vec<_> = (0..64).map(|_| scope.spawn(|| throw(&server))).collect();
        throwers
            .into_iter()
            .map(|thrower| thrower.join().expect("a thrower"))
            .collect()
    });
    let grown = memory() - before;
    let count = |status: u16| answers.iter().filter(|&&answer| answer == status).count();
    println!(
        "64 bombs at once: {} answers 413, {} 503, {} not read; VmHWM {grown} KiB more",
        count(413),
        count(503),
        count(0)
    );
    assert!(grown < (64 + 16) << 10, "{grown} KiB");
    assert_eq!(count(413) + count(503) + count(0), 64, "{answers:?}");
    assert!(count(413) > 32, "{answers:?}");
    healthy(&server);
}
