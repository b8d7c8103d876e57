//! A real ext4: it has room for bytes but not for another file; it finds
//! itself damaged, and turns read-only; the power is cut.

use crate::after::{all_is_there, deliver, plain, wait_for};
use crate::audit::{Audit, segments};
use crate::clock::Clock;
use crate::flood::{Connection, Event, Flood, Ledger, Load};
use crate::server::{Place, Server};
use crate::tools::Mount;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// Takes every inode that is left.
fn take_all(folder: &Path) -> Vec<PathBuf> {
    let taken: Vec<PathBuf> = (0..1_000)
        .map(|nth| folder.join(format!("taken-{nth}")))
        .take_while(|path| fs::write(path, "").is_ok())
        .collect();
    assert!((1..1_000).contains(&taken.len()), "{}", taken.len());
    taken
}

fn wide(nth: usize) -> Event {
    Event {
        round: 0,
        connection: 0,
        nth,
    }
}

#[test]
fn no_inode_is_left_for_a_wider_table_nor_for_the_next_day() {
    let place = Place::new();
    let _mount = Mount::ext4(&place.output(), 16, &["-N", "64"]);
    let clock = Clock::new(&place);
    let server = clock.start(&place);
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..5).map(plain));
    let today = "/exports/lessonly/today.csv";
    assert_eq!(server.get(today).status, 200);
    let taken = take_all(&place.output());
    println!("{} inodes taken", taken.len());

    deliver(&server, &ledger, (5..10).map(plain));
    let narrow = server.get(today);
    println!(
        "rows for files that are there: 200; download {}",
        narrow.status
    );
    assert_eq!(narrow.status, 200);
    deliver(&server, &ledger, [wide(50)]);
    let wider = server.get(today);
    println!(
        "a row with a new column: 200; download {} {}",
        wider.status,
        wider.text()
    );
    assert_eq!(wider.status, 503);
    assert_eq!(server.get("/readyz").status, 200);

    clock.to_midnight(Duration::ZERO);
    let mut link = Connection::open(&server.url).expect("a connection");
    for nth in 10..13 {
        let reply = link.post(&plain(nth).body()).expect("an answer");
        println!(
            "after midnight: {} {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        assert_eq!(reply.status, 503);
        ledger.open().push(plain(nth));
    }
    let ready = server.get("/readyz");
    println!("readyz {} {}", ready.status, ready.text());
    assert_eq!(ready.status, 503);

    for path in taken {
        fs::remove_file(path).expect("an inode");
    }
    wait_for("readyz is 200", 10, || server.get("/readyz").status == 200);
    drop(all_is_there(&place, server, &ledger, || {
        clock.start(&place)
    }));
    assert_eq!(segments(&place).len(), 2);
}

/// Killed while there is no inode left, it starts without one.
#[test]
fn started_without_an_inode_it_goes_on() {
    let place = Place::new();
    let _mount = Mount::ext4(&place.output(), 16, &["-N", "64"]);
    let mut server = place.start();
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..5).map(plain));
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    let taken = take_all(&place.output());
    deliver(&server, &ledger, [plain(5), wide(50), wide(51)]);
    server.kill();
    let server = place.start();
    let mut link = Connection::open(&server.url).expect("a connection");
    let reply = link.post(&plain(6).body()).expect("an answer");
    let download = server.get("/exports/lessonly/today.csv").status;
    println!(
        "started without an inode: {}; download {download}",
        reply.status
    );
    assert_eq!((reply.status, download), (200, 503));
    ledger.acknowledged().push(plain(6));
    for path in taken {
        fs::remove_file(path).expect("an inode");
    }
    drop(all_is_there(&place, server, &ledger, || place.start()));
}

/// What ext4 does when it finds an error in itself: from one moment to the next nothing can be written, also to what is
/// open. Whoever looks after the machine stops it, lets fsck mend it, mounts it again.
#[test]
fn the_file_system_turns_read_only_and_is_mended() {
    let place = Place::new();
    let mount = Mount::ext4(&place.output(), 16, &[]);
    let mut server = place.start();
    let ledger = Ledger::default();
    deliver(&server, &ledger, (0..20).map(plain));
    deliver(&server, &ledger, (40..60).map(wide));
    let today = "/exports/lessonly/today.csv";
    assert_eq!(server.get(today).status, 200);
    deliver(&server, &ledger, (20..30).map(plain));
    mount.damage();
    let mut link = Connection::open(&server.url).expect("a connection");
    for nth in 30..33 {
        let reply = link.post(&plain(nth).body()).expect("an answer");
        println!("{} {}", reply.status, String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.status, 503);
        ledger.open().push(plain(nth));
    }
    let ready = server.get("/readyz");
    println!(
        "readyz {} {}; download {}",
        ready.status,
        ready.text(),
        server.get(today).status
    );
    assert_eq!(ready.status, 503);
    let status = server.stop();
    println!("stopped: {status}; it had said\n{}", server.log());
    assert_eq!(status.code(), Some(0));

    // Nobody has mended it yet.
    let mut command = place.command();
    let output = command.output().expect("the program");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("started all the same: {} {said}", output.status);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("Read-only file system"), "{said}");

    mount.unmount();
    mount.mend();
    mount.mount();
    let server = place.start();
    let audit = Audit::of(&place, &server, &ledger);
    println!("{audit}");
    audit.assert_untouched();
    drop(all_is_there(&place, server, &ledger, || place.start()));
}

/// Stops all threads of `server` where they are, and waits until each is. A sync that is under way while ext4 gives up may be
/// told that all went well (Linux 6.18; twelve lines of Python show it too). Were it the power, nobody would be left to be told
/// that, and to pass it on.
fn halt(server: &Server) {
    server.signal(rustix::process::Signal::STOP);
    wait_for("all threads stand", 10, || {
        let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("its threads");
        tasks
            .map(|task| task.expect("a thread").path())
            .all(|task| {
                let status = fs::read_to_string(task.join("status")).expect("its state");
                status.contains("\nState:\tT")
            })
    });
}

/// From one moment to the next nothing more reaches the disk, the process is killed, and the machine starts again: all that
/// was in memory only is gone, unlike after a kill alone.
#[test]
fn power_is_cut_under_load() {
    // In one directory, whose table has place for so many rounds' columns.
    let rounds = crate::kills::rounds(15).min(150);
    let mut random = fastrand::Rng::new();
    println!("seed {}", random.get_seed());
    let place = Place::new();
    let mount = Mount::ext4(&place.output(), 256, &[]);
    let ledger = Arc::new(Ledger::default());
    let (mut under_way, mut stored) = (0, 0);
    let mut server = place.start();
    for round in 0..rounds {
        let flood = Flood::start(&server.url, Load::new(round, 16), &ledger);
        thread::sleep(Duration::from_millis(random.u64(15..200)));
        halt(&server);
        mount.damage();
        server.kill();
        flood.join();
        mount.unmount();
        mount.mend();
        mount.mount();
        server = place.start();
        let audit = Audit::of(&place, &server, &ledger);
        if !audit.faults.is_empty() {
            println!("round {round}: {audit}; it said\n{}", server.log());
        }
        audit.assert_untouched();
        under_way += ledger.open().len();
        stored += audit.open_stored;
        ledger.settle(&server.url);
        if random.bool() {
            assert!(server.stop().success());
            server = place.start();
        }
    }
    let audit = Audit::of(&place, &server, &ledger);
    println!(
        "{rounds} power cuts: {audit}; of {under_way} under way {stored} had been stored; {} answers 503, {} segments",
        ledger.refused.load(Ordering::Relaxed),
        segments(&place).len()
    );
    audit.assert_untouched();
    assert!(under_way > 0, "nothing was under way");
}
