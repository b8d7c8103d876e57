//! The program from outside: its words, its start, what it makes, its end.

use crate::raw::Raw;
use crate::server::{Place, Server, TOKEN};
use rustix::process::Signal;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Exit code, standard output and standard error of a command that ends by itself.
fn run(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The program alone, in `place`, without any argument.
fn bare(place: &Place, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowhook"));
    command.env_clear().current_dir(place.path()).args(args);
    command
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .expect("a file")
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn version_help_and_wrong_usage() {
    let place = Place::new();
    let version = concat!("rowhook ", env!("CARGO_PKG_VERSION"), "\n").to_owned();
    assert_eq!(
        run(bare(&place, &["--version"])),
        (Some(0), version, String::new())
    );
    for args in [&["--help"][..], &["serve", "--help"], &["check", "--help"]] {
        let (code, out, err) = run(bare(&place, args));
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(
            out.contains("\nExample:\n") && out.contains("\nExit codes: "),
            "{out}"
        );
    }
    let (code, out, err) = run(bare(&place, &["--lisen", "x"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        err.starts_with("error: unexpected argument '--lisen' found"),
        "{err}"
    );
    assert_eq!(
        std::fs::read_dir(place.path()).expect("a folder").count(),
        0,
        "nothing is made"
    );
}

#[test]
fn check_tells_what_would_run_or_what_is_wrong() {
    let place = Place::new();
    let (code, out, err) = run(bare(&place, &["check"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for line in [
        "configuration              none",
        "listen                     127.0.0.1:8080 (this machine alone)",
        "timezone                   UTC",
        "read token                 made at the first start, kept in output/state/token",
        "  callback                 /hooks/lessonly",
        "  auth                     none, because LESSONLY_AUTHORIZATION is not set",
    ] {
        assert!(out.lines().any(|l| l == line), "{line:?} is not in {out}");
    }
    assert!(!place.output().exists(), "check makes nothing");

    place.config("[limits]\nbody_bytes_max = \"1 MB\"\n");
    let wanted = "error: `body_bytes_max` takes a whole number, not text\n --> rowhook.toml:2:18\n  |\n\
                  2 | body_bytes_max = \"1 MB\"\n  |                  ^^^^^^\n  = help: write it without quotes\n";
    for command in [&["check"][..], &["serve"], &[]] {
        let args = [command, &["--config", "rowhook.toml"]].concat();
        let wanted = (Some(2), String::new(), wanted.to_owned());
        assert_eq!(run(bare(&place, &args)), wanted, "{command:?}");
    }
}

#[test]
fn a_hook_is_open_to_other_machines_only_where_that_is_written() {
    let place = Place::new();
    let (code, out, err) = run(bare(&place, &["--listen", "0.0.0.0:0"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert_eq!(
        err,
        "error: other machines can reach 0.0.0.0:0, and these sources have no secret, so that anyone could send: `lessonly`\n \
         --> --listen\n  \
         = help: either set LESSONLY_AUTHORIZATION to what Lessonly sends as Authorization header\n  \
         = help: or, if anyone may send, write `auth = { scheme = \"none\" }` beside `preset = \"lessonly\"` under `[sources.lessonly]`\n"
    );
    assert!(!place.output().exists());
    let starts = |mut command: Command| {
        command.args(["--listen", "0.0.0.0:0"]);
        let mut server = Server::start(command);
        assert!(server.url.starts_with("http://0.0.0.0:"), "{}", server.url);
        assert!(server.stop().success());
    };
    place.config("[sources.lessonly]\npreset = \"lessonly\"\nauth = { scheme = \"none\" }\n");
    starts(bare(&place, &["--config", "rowhook.toml"]));
    let mut command = bare(&place, &[]);
    command.env("LESSONLY_AUTHORIZATION", "Bearer let-me-in");
    starts(command);
}

#[test]
fn secrets_that_are_empty_or_missing_stop_the_start() {
    let place = Place::new();
    for name in ["LESSONLY_AUTHORIZATION", "ROWHOOK_TOKEN"] {
        let mut command = bare(&place, &[]);
        command.env(name, "");
        let wanted = format!(
            "error: {name} is set but empty\n --> {name}\n  = help: give it a value, or unset it\n"
        );
        assert_eq!(run(command), (Some(2), String::new(), wanted));
    }
    place.config("[sources.a]\nauth = { scheme = \"authorization\", value_env = \"NAME\" }\n");
    let (code, out, err) = run(bare(&place, &["--config", "rowhook.toml"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let first = "error: the environment variable NAME is not set\n --> rowhook.toml:2:48\n";
    assert!(err.starts_with(first), "{err}");
    assert!(!place.output().exists());
}

#[test]
fn without_a_token_one_is_made_and_kept() {
    let place = Place::new();
    let file = place.output().join("state/token");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut command = place.command();
        command.env_remove("ROWHOOK_TOKEN");
        let mut server = Server::start(command);
        let token = std::fs::read_to_string(&file).expect("a token");
        assert_eq!((mode(&file), token.len()), (0o600, 41));
        let token = token.trim_end().to_owned();
        let bearer = format!("Bearer {token}");
        assert_eq!(
            server
                .get_with("/api/exports", &[("authorization", &bearer)])
                .status,
            200
        );
        assert_eq!(
            server.get_with(&format!("/?token={token}"), &[]).status,
            200
        );
        assert_eq!(server.get_with("/?token=", &[]).status, 401);
        assert!(server.stop().success());
        let out = server.stdout();
        let wanted = format!(
            "listening on {}\nthe read token is in {}\n",
            server.url,
            file.display()
        );
        assert_eq!(out, wanted);
        assert!(!server.log().contains(&token), "{}", server.log());
        seen.push(token);
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn an_output_directory_has_one_process() {
    let place = Place::new();
    let server = place.start();
    let (code, out, err) = run(place.command());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let wanted = format!(
        "error: {} is held by another rowhook (process {}); stop that one first, or give this one a directory of its own with --output\n",
        place.output().join("state/lock").display(),
        server.pid()
    );
    assert_eq!(err, wanted);
    assert_eq!(server.post("{}").status, 200);
    let addr = &server.url["http://".len()..];
    let wanted = format!(
        "error: cannot listen on {addr}: Address already in use (os error 98); choose another with --listen"
    );
    let (code, out, err) = run(bare(&place, &["--listen", addr, "--output", "other"]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err.lines().last(), Some(wanted.as_str()));
}

#[test]
fn files_and_folders_are_not_for_everybody() {
    let place = Place::new();
    let mut server = place.start();
    assert_eq!(server.post("{\"a\":1}").status, 200);
    assert_eq!(server.post("nonsense").status, 400);
    assert_eq!(server.get("/exports/lessonly/today.csv").status, 200);
    assert!(server.stop().success());
    let (mut folders, mut files, mut wrong) = (vec![place.output()], 0, Vec::new());
    while let Some(folder) = folders.pop() {
        if mode(&folder) != 0o750 {
            wrong.push(format!("{} {:o}", folder.display(), mode(&folder)));
        }
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let private = [
                "token",
                "id-key",
                "links.key",
                "sessions.key",
                "control.sock",
            ]
            .iter()
            .any(|name| path.ends_with(format!("state/{name}")));
            if mode(&path) != if private { 0o600 } else { 0o640 } {
                wrong.push(format!("{} {:o}", path.display(), mode(&path)));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(files >= 5, "{files}");
    assert!(std::fs::metadata(place.csv_path()).expect("a table").size() > 0);
}

#[test]
fn sighup_does_not_kill() {
    let place = Place::new();
    let mut server = place.start();
    server.signal(Signal::HUP);
    server.signal(Signal::HUP);
    assert_eq!(server.post("{}").status, 200);
    assert!(server.stop().success());
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let mut server = place.start();
        let mut idle = Raw::post(&server, "lessonly", "Content-Length: 2\r\n");
        idle.send("{}");
        assert_eq!(idle.answer().status, 200);
        let mut fresh = Raw::open(&server);
        assert_eq!(
            server.get("/healthz").status,
            200,
            "both are accepted by now"
        );
        let started = Instant::now();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
        assert!(idle.is_closed() && fresh.is_closed());
    }
}

/// Signals once a body is being read, and waits until that is heard.
fn signal_while_under_way(server: &Server) {
    let until = Instant::now() + Duration::from_secs(5);
    while server.get("/readyz").json()["waiting_bytes"] == 0 {
        assert!(Instant::now() < until, "the body is not being read");
    }
    server.signal(Signal::TERM);
    while !server.log().contains("stopping: requests under way") {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_under_way_is_answered_before_the_end() {
    let place = Place::new();
    let mut server = place.start();
    let mut idle = Raw::open(&server);
    idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    let mut slow = Raw::post(&server, "lessonly", "Content-Length: 7\r\n");
    slow.send("{\"a\"");
    signal_while_under_way(&server);
    slow.send(":1}");
    let answer = slow.answer();
    assert_eq!(answer.masked(), r#"{"status":"stored","id":"ID"}"#);
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(
        place.csv().lines().count(),
        1 + 1,
        "the row is in the table"
    );
}

#[test]
fn nothing_new_is_taken_while_it_stops() {
    let place = Place::new();
    let mut server = place.start();
    let mut slow = Raw::post(&server, "lessonly", "Content-Length: 7\r\n");
    slow.send("{\"a\"");
    let mut late = Raw::open(&server);
    late.send("POST /hooks/lessonly HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n");
    signal_while_under_way(&server);
    // A head that was not whole yet: the connection is closed, with or without a word.
    let words = late.rest();
    assert!(
        words.is_empty() || words.starts_with("HTTP/1.1 503 "),
        "{words}"
    );
    let addr = &server.url["http://".len()..];
    // Those who accept and those who answer are told one after the other.
    let until = Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect(addr).is_ok() {
        assert!(Instant::now() < until, "somebody listens");
        std::thread::sleep(Duration::from_millis(5));
    }
    slow.send(":1}");
    assert_eq!(slow.answer().status, 200);
    assert!(server.wait().success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let mut server = place.start();
    let mut slow = Raw::post(&server, "lessonly", "Content-Length: 7\r\n");
    slow.send("{\"a\"");
    signal_while_under_way(&server);
    let started = Instant::now();
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(0));
    let took = started.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn no_secret_reaches_the_log() {
    let place = Place::new();
    let mut command = place.command();
    command
        .env("LESSONLY_AUTHORIZATION", "Bearer hook-secret")
        .env("ROWHOOK_LOG", "trace");
    let mut server = Server::start(command);
    let wrong = "wrong-secret";
    for secret in ["Bearer hook-secret", wrong] {
        for body in ["{\"a\":1}", "nonsense"] {
            server.post_to("lessonly", body.as_bytes(), &[("authorization", secret)]);
        }
    }
    let mut link = place.bare(&[]);
    link.args(["link", "--source", "lessonly", "--date", "today"])
        .arg("--output")
        .arg(place.output());
    let link = String::from_utf8(link.output().expect("the program").stdout).expect("a text");
    let (_, link) = link.trim_end().split_once("link=").expect("a link");
    let (id, signature) = link.split_once('.').expect("a signature");
    for (path, wanted) in [("today.csv", 200), ("today.jsonl", 401), ("no", 401)] {
        let path = format!("/exports/lessonly/{path}?link={link}");
        assert_eq!(server.get_with(&path, &[]).status, wanted, "{path}");
    }
    let mut revoke = place.bare(&[]);
    revoke
        .args(["link", "--revoke", id, "--output"])
        .arg(place.output());
    assert!(revoke.output().expect("the program").status.success());
    let path = format!("/exports/lessonly/today.csv?link={link}");
    assert_eq!(server.get_with(&path, &[]).status, 403);
    for token in [TOKEN, wrong] {
        for path in [
            "/",
            "/exports/lessonly/today.csv",
            "/api/exports",
            "/nothing",
            "/exports/lessonly/no",
        ] {
            server.get_with(&format!("{path}?token={token}"), &[]);
            server.get_with(path, &[("authorization", &format!("Bearer {token}"))]);
        }
    }
    let mut raw = Raw::open(&server);
    raw.send(format!(
        "GET /?token={TOKEN} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nno header\r\n\r\n"
    ));
    assert_eq!(raw.answer().status, 400);
    assert!(server.stop().success());
    let log = server.log();
    assert!(log.contains("opened the journal"), "{log}");
    for secret in ["hook-secret", TOKEN, wrong, signature] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

/// A full disk for the log, or a reader of it that has gone, is no reason to store nothing, or to end otherwise than asked.
#[test]
fn a_log_that_nobody_takes_changes_nothing() {
    for sink in ["/dev/full", "&-"] {
        let place = Place::new();
        let to_sink = format!("exec \"$@\" 2>{sink}");
        let wrapper = ["sh", "-c", &to_sink, "sh"];
        let mut server = Server::start(place.wrapped(&wrapper));
        assert_eq!(server.post(r#"{"n":1}"#).status, 200);
        let whole = server.get("/exports/lessonly/today.csv").text().to_owned();
        // The thread of the tables says that somebody changed it.
        let path = place.csv_path();
        std::fs::write(&path, "theirs\n").expect("a file");
        let until = Instant::now() + Duration::from_secs(5);
        while std::fs::read_to_string(&path).ok().as_deref() != Some(&whole) {
            assert!(Instant::now() < until, "{sink}: not whole again");
        }
        server.signal(Signal::HUP);
        assert_eq!(server.post(r#"{"n":2}"#).status, 200);
        let mut waits = Raw::post(&server, "lessonly", "Content-Length: 100\r\n");
        waits.send("{");
        server.signal(Signal::TERM);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(server.stop().code(), Some(0), "{sink}");
        let nowhere = place.path().join("nowhere");
        for (args, code) in [
            (&["check", "--config", "missing.toml"][..], 2),
            (&["verify"], 2),
            (&["rebuild"], 2),
            (&["check", "--help"], 0),
        ] {
            let mut command = place.bare(&wrapper);
            command.args(args).arg("--output").arg(&nowhere);
            assert_eq!(run(command).0, Some(code), "{sink}: {args:?}");
        }
    }
}
