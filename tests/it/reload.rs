//! The configuration changes while rowhook runs: by SIGHUP, by an editor, by
//! a rename, by a bad hand. No request is refused for it.

use crate::audit::Audit;
use crate::flood::{Connection, Flood, Ledger, Load};
use crate::server::{Place, Server};
use rustix::process::Signal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Waits until the log says `what` for the `nth` time.
#[track_caller]
pub fn wait_for(server: &Server, what: &str, nth: usize) {
    let until = Instant::now() + Duration::from_secs(10);
    while server.log().matches(what).count() < nth {
        assert!(Instant::now() < until, "no {what:?} in {}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub const TAKEN: &str = "read again and is in force";
const REFUSED: &str = "the old one stays";

/// A source behind a secret in a file, as `auth` says.
fn orders(auth: &str) -> String {
    format!("[sources.orders]\nauth = {auth}\n")
}

fn post(server: &Server, value: &str) -> u16 {
    let headers = [("authorization", value)];
    server.post_to("orders", br#"{"a":1}"#, &headers).status
}

pub fn replace_by_rename(path: &Path, text: &str) {
    let beside = path.with_extension("swp");
    std::fs::write(&beside, text).expect("a file");
    std::fs::rename(&beside, path).expect("a rename");
}

#[test]
fn a_change_takes_effect_however_it_is_written() {
    let place = Place::new();
    std::fs::write(place.path().join("one"), "Bearer one\n").expect("a file");
    std::fs::write(place.path().join("two"), "Bearer two\n").expect("a file");
    let with = |file: &str| {
        orders(&format!(
            r#"{{ scheme = "authorization", value_file = "{file}" }}"#
        ))
    };
    let server = place.start_with(&with("one"));
    assert_eq!(
        (post(&server, "Bearer one"), post(&server, "Bearer two")),
        (200, 401)
    );
    // As an editor writes: in place.
    let path = place.config(&with("two"));
    wait_for(&server, TAKEN, 1);
    assert_eq!(
        (post(&server, "Bearer one"), post(&server, "Bearer two")),
        (401, 200)
    );
    // As others do: another file takes the name.
    replace_by_rename(&path, &with("one"));
    wait_for(&server, TAKEN, 2);
    assert_eq!(post(&server, "Bearer one"), 200);
    // The secret's own file.
    std::fs::write(place.path().join("one"), "Bearer three\n").expect("a file");
    wait_for(&server, TAKEN, 3);
    assert_eq!(
        (post(&server, "Bearer one"), post(&server, "Bearer three")),
        (401, 200)
    );
    server.signal(Signal::HUP);
    wait_for(&server, "the configuration is what it was", 1);
}

/// Kubernetes: the file is a link into a folder that is itself a link, and that one is replaced.
#[test]
fn a_folder_of_links_that_is_exchanged() {
    let place = Place::new();
    let make = |version: &str, depth: u32| {
        let dir = place.path().join(version);
        std::fs::create_dir(&dir).expect("a folder");
        std::fs::write(
            dir.join("rowhook.toml"),
            format!("[limits]\ndepth_max = {depth}\n"),
        )
        .expect("a file");
    };
    let link = |to: &str, name: &str| {
        let beside = place.path().join(format!("{name}_tmp"));
        std::os::unix::fs::symlink(to, &beside).expect("a link");
        std::fs::rename(beside, place.path().join(name)).expect("a rename");
    };
    make("v1", 4);
    link("v1", "..data");
    link("..data/rowhook.toml", "rowhook.toml");
    let mut command = place.command();
    command
        .arg("--config")
        .arg(place.path().join("rowhook.toml"));
    let server = Server::start(command);
    let deep = r#"{"a":{"b":{"c":{"d":{"e":1}}}}}"#;
    assert_eq!(server.post(deep).status, 422);
    make("v2", 40);
    link("v2", "..data");
    wait_for(&server, TAKEN, 1);
    assert_eq!(server.post(deep).status, 200);
}

/// The folder itself is replaced: what happens in the new one is seen as before.
#[test]
fn a_folder_that_is_put_in_the_place_of_another() {
    let place = Place::new();
    let folder = place.path().join("conf");
    let path = folder.join("rowhook.toml");
    let write = |days: u32| {
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(&path, format!("dedup.days = {days}\n")).expect("a file");
    };
    write(1);
    let mut command = place.command();
    command.arg("--config").arg(&path);
    let server = Server::start(command);
    std::fs::rename(&folder, place.path().join("old")).expect("a rename");
    write(2);
    wait_for(&server, TAKEN, 1);
    write(3);
    wait_for(&server, TAKEN, 2);
    // Gone for a while, which is told, and then there again.
    std::fs::remove_dir_all(&folder).expect("a folder");
    wait_for(&server, REFUSED, 1);
    write(4);
    wait_for(&server, TAKEN, 3);
    write(5);
    wait_for(&server, TAKEN, 4);
}

#[test]
fn a_bad_one_is_told_and_the_old_one_stays() {
    let place = Place::new();
    let mut server = place.start_with("[limits]\ndepth_max = 4\n");
    for (nth, bad) in ["[limits]\ndepth_max = 0\n", "[limts]\n", "\u{0}", "["]
        .iter()
        .enumerate()
    {
        place.config(bad);
        wait_for(&server, REFUSED, nth + 1);
    }
    assert!(server.log().contains("rowhook.toml:2:"), "{}", server.log());
    assert_eq!(
        server.post(r#"{"a":{"b":{"c":{"d":{"e":1}}}}}"#).status,
        422
    );
    std::fs::remove_file(place.path().join("rowhook.toml")).expect("a file to remove");
    wait_for(&server, REFUSED, 5);
    assert_eq!(server.post("{}").status, 200);
    place.config("[limits]\ndepth_max = 40\n");
    wait_for(&server, TAKEN, 1);
    assert!(server.stop().success());
}

#[test]
fn what_cannot_change_is_said_and_the_rest_is_taken() {
    let place = Place::new();
    let mut command = place.command();
    let config = place.config("listen = \"127.0.0.1:1\"\n");
    command.arg("--config").arg(&config);
    let server = Server::start(command);
    place.config("output = \"elsewhere\"\n[limits]\nconnections_max = 7\ndepth_max = 4\n");
    wait_for(&server, TAKEN, 1);
    // The flags of the command line still count: only the third is another.
    assert!(
        server
            .log()
            .contains(r#""limits.connections_max cannot change while"#),
        "{}",
        server.log()
    );
    assert_eq!(
        server.post(r#"{"a":{"b":{"c":{"d":{"e":1}}}}}"#).status,
        422
    );
}

/// Columns already on disk, a zone, a rate, a source: everything that a reload may touch.
#[test]
fn rules_sources_zones_and_rates_change() {
    let place = Place::new();
    let server = place.start_with("[sources.lessonly]\npreset = \"lessonly\"\n");
    assert_eq!(server.post(r#"{"a":"=1"}"#).status, 200);
    let line = |server: &Server| {
        let text = server.get("/exports/lessonly/today.csv").text().to_owned();
        text.lines().nth(1).expect("a row").to_owned()
    };
    assert!(line(&server).ends_with(",'=1"), "{}", line(&server));
    let mut config = String::from(
        "timezone = \"Pacific/Kiritimati\"\n[csv]\nformula_guard = false\n[sources.lessonly]\npreset = \"lessonly\"\n[sources.new]\nrequests_per_second_max = 1\n",
    );
    place.config(&config);
    wait_for(&server, TAKEN, 1);
    let csv = server
        .get("/exports/lessonly.csv?from=-2d&to=today")
        .text()
        .to_owned();
    assert!(csv.ends_with(",=1\n"), "{csv}");
    let statuses: Vec<u16> = (0..3)
        .map(|n| {
            server
                .post_to("new", format!("{{\"n\":{n}}}").as_bytes(), &[])
                .status
        })
        .collect();
    assert!(
        statuses[0] == 200 && statuses.contains(&429),
        "{statuses:?}"
    );
    // Taken out, it stays readable.
    config.truncate(config.find("[sources.new]").expect("a source"));
    place.config(&config);
    wait_for(&server, TAKEN, 2);
    assert_eq!(server.post_to("new", b"{}", &[]).status, 404);
    assert_eq!(server.get("/exports/new/today.csv").status, 200);
}

/// Others can reach it: nothing may take a source's secret away by the way.
#[test]
fn a_reload_opens_nothing_to_others() {
    let place = Place::new();
    let guarded = orders(r#"{ scheme = "authorization", value_env = "ORDERS" }"#);
    let mut command = place.bare(&[]);
    command
        .args(["--listen", "0.0.0.0:0"])
        .env("ORDERS", "Bearer x");
    command.arg("--config").arg(place.config(&guarded));
    let mut server = Server::start(command);
    server.url = server.url.replace("0.0.0.0", "127.0.0.1");
    place.config("[sources.orders]\n");
    wait_for(&server, REFUSED, 1);
    assert_eq!(server.post_to("orders", b"{}", &[]).status, 401);
}

/// 100 reloads under load: every delivery is answered 200, each becomes a row.
#[test]
fn reloads_under_load() {
    let rounds: usize =
        std::env::var("ROWHOOK_RELOADS").map_or(12, |n| n.parse().expect("a number"));
    let place = Place::new();
    let config = |n: usize| {
        let bytes_max = 1_048_576 + n;
        format!(
            "[limits]\nbody_bytes_max = {bytes_max}\n[dedup]\nids_max = {}\n",
            1_000_000 + n
        )
    };
    let mut server = place.start_with(&config(0));
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        pause: Duration::from_millis(2),
        ..Load::new(0, 32)
    };
    let flood = Flood::start(&server.url, load, &ledger);
    for n in 1..=rounds {
        place.config(&config(n));
        if n % 2 == 0 {
            server.signal(Signal::HUP);
        }
        wait_for(&server, TAKEN, n);
    }
    flood.stop();
    let audit = Audit::of(&place, &server, &ledger);
    println!(
        "{rounds} reloads, {} refused; {audit}",
        ledger.refused.load(Ordering::Relaxed)
    );
    assert_eq!(ledger.refused.load(Ordering::Relaxed), 0);
    assert_eq!(ledger.strange(), Vec::<String>::new());
    audit.assert_untouched();
    assert!(server.stop().success());
}

/// The value of the header changes at the sender, while it sends: for a while both count, and no delivery is refused.
#[test]
fn a_secret_is_changed_without_a_refused_delivery() {
    const VALUES: [&str; 2] = ["Bearer old", "Bearer new"];
    let place = Place::new();
    for (file, value) in ["old", "new"].iter().zip(VALUES) {
        std::fs::write(place.path().join(file), value).expect("a file");
    }
    let with = |files: &str| {
        format!(
            "[sources.lessonly]\nauth = {{ scheme = \"authorization\", value_file = {files} }}\n"
        )
    };
    let server = place.start_with(&with("\"old\""));
    let (stop, which) = (AtomicBool::new(false), AtomicUsize::new(0));
    let deliver = &|connection: usize| {
        let mut link = Connection::open(&server.url).expect("a connection");
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            let value = VALUES[which.load(Ordering::Relaxed)];
            let body = format!("{{\"from\":{connection},\"nth\":{sent}}}");
            let reply = link.send(body.as_bytes(), &format!("authorization: {value}\r\n"));
            assert_eq!(reply.expect("an answer").status, 200, "{value}");
            sent += 1;
        }
        sent
    };
    let sent: usize = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8).map(|n| scope.spawn(move || deliver(n))).collect();
        place.config(&with("[\"new\", \"old\"]"));
        wait_for(&server, TAKEN, 1);
        which.store(1, Ordering::Relaxed);
        // What was written with the old value is answered by then.
        std::thread::sleep(Duration::from_millis(500));
        place.config(&with("\"new\""));
        wait_for(&server, TAKEN, 2);
        std::thread::sleep(Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);
        let ended = senders.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.map(|sent| sent.expect("no refusal")).sum()
    });
    assert_eq!(server.get("/api/exports").json()[0]["rows"], sent);
    let header = [("authorization", VALUES[0])];
    assert_eq!(server.post_to("lessonly", b"{}", &header).status, 401);
}
