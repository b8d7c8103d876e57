//! Commands that write, by the server that runs and without one: how the tests
//! run them, and what holds for all of them.

use crate::server::{Place, Server};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// What a command printed, and its exit code.
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Said {
    /// What it printed, with `FILE` for `path`.
    pub fn masked(&self, path: &Path) -> String {
        self.out.replace(path.to_str().expect("a text"), "FILE")
    }
}

pub fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        out: text(&output.stdout),
        err: text(&output.stderr),
        code: output.status.code().expect("an exit code"),
    }
}

/// Runs `rowhook` with `args` for the output directory of `place`.
pub fn rowhook(place: &Place, args: &[&str]) -> Said {
    said(&command(place, args).output().expect("the program"))
}

/// Runs `rowhook import` of `files` into `source`.
pub fn import(place: &Place, source: &str, files: &[impl AsRef<Path>]) -> Said {
    imported(place, &["--source", source], files)
}

/// The same with `--again`.
pub fn import_again(place: &Place, source: &str, files: &[impl AsRef<Path>]) -> Said {
    imported(place, &["--again", "--source", source], files)
}

fn imported(place: &Place, args: &[&str], files: &[impl AsRef<Path>]) -> Said {
    let mut command = command(place, &["import"]);
    command.args(args);
    command.args(files.iter().map(AsRef::as_ref));
    said(&command.output().expect("the program"))
}

pub fn command(place: &Place, args: &[&str]) -> Command {
    let mut command = place.bare(&[]);
    command.args(args).arg("--output").arg(place.output());
    let config = place.path().join("rowhook.toml");
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command
}

pub fn file(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.path().join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// The rows of all days of `source` as they are on disk, without their headers.
pub fn rows(place: &Place, source: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let dir = place.output().join("csv").join(source);
    let Ok(entries) = fs::read_dir(dir) else {
        return rows;
    };
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if !path.to_string_lossy().contains("edited") {
            let text = fs::read_to_string(path).expect("a text");
            rows.extend(text.lines().skip(1).map(str::to_owned));
        }
    }
    rows
}

/// The one file in a folder of the output directory.
pub fn only_file(place: &Place, folder: &str) -> PathBuf {
    let mut entries = fs::read_dir(place.output().join(folder)).expect("a folder");
    let path = entries.next().expect("a file").expect("a file").path();
    assert!(entries.next().is_none(), "several files in {folder}");
    path
}

/// A server under the configuration that is there.
pub fn start_again(place: &Place) -> Server {
    let mut command = place.command();
    command
        .arg("--config")
        .arg(place.path().join("rowhook.toml"));
    Server::start(command)
}

/// Waits until `count` tables are closed.
pub fn wait_closed(server: &Server, count: usize) {
    let until = Instant::now() + Duration::from_secs(5);
    while server.get("/api/exports").text().matches("closed").count() < count {
        assert!(Instant::now() < until, "not closed");
    }
}

/// Whoever runs a command need not have the server's secrets at hand.
#[test]
fn commands_need_no_secrets() {
    let place = Place::new();
    place.config(
        "listen = \"0.0.0.0:0\"\n[access]\ntoken_env = \"NOT_HERE\"\n[sources.orders]\nauth = { scheme = \"authorization\", value_env = [\"NOR_THIS\", \"NOR_THAT\"] }\n\
         [sources.files]\nauth = { scheme = \"authorization\", value_file = \"nowhere\" }\n[tls]\ncert_file = \"no.pem\"\nkey_file = \"no.pem\"\n",
    );
    let path = file(&place, "one.json", "{\"n\":1}");
    let said = import(&place, "orders", &[&path]);
    assert_eq!(
        (said.out.as_str(), said.code),
        ("1 stored, 0 there already, 0 refused\n", 0),
        "{}",
        said.err
    );
    // What serves does need them.
    assert_eq!(rowhook(&place, &["check"]).code, 2);
}

/// The address of a socket has room for a hundred bytes, a path for thousands.
/// A folder that was mistyped would give a link that opens nothing, and tell that all tables are made.
#[test]
fn what_needs_a_journal_makes_no_folder() {
    let place = Place::new();
    for args in [
        &["rebuild"][..],
        &["link", "--source", "lessonly"],
        &["link", "--list"],
        &["link", "--revoke", "4f1d09aa3c"],
    ] {
        let said = rowhook(&place, args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        let told = "no journal is here; name the folder that the server writes to";
        assert!(said.err.contains(told), "{args:?}: {}", said.err);
        assert!(!place.output().exists(), "{args:?}");
    }
}

#[test]
fn a_deep_output_directory_has_its_socket() {
    let place = Place::new();
    let deep = place.path().join("a".repeat(120)).join("b".repeat(120));
    let mut serve = place.bare(&[]);
    serve
        .args(["--listen", "127.0.0.1:0", "--output"])
        .arg(&deep);
    let server = Server::start(serve);
    assert_eq!(server.post("{}").status, 200);
    let mut rebuild = place.bare(&[]);
    rebuild.args(["rebuild", "--output"]).arg(&deep);
    let said = said(&rebuild.output().expect("the program"));
    assert!(
        said.code == 0 && said.out.ends_with("1 tables made anew\n"),
        "{}{}",
        said.out,
        said.err
    );
}

/// Neither does a command's work as another user, nor takes a server that it cannot reach for none.
#[test]
fn a_server_that_cannot_be_reached() {
    let place = Place::new();
    let server = place.start();
    fs::remove_file(place.output().join("state/control.sock")).expect("a socket");
    let said = rowhook(&place, &["rebuild"]);
    assert!(
        said.code == 1 && said.err.contains("does not answer on"),
        "{}",
        said.err
    );
    drop(server);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.output().join("state"), Some(1), None).expect("a folder");
        let said = rowhook(&place, &["rebuild"]);
        assert!(
            said.code == 1 && said.err.contains("belongs to the user with number 1"),
            "{}",
            said.err
        );
    }
}
