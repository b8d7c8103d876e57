//! A configuration file. Whatever stands in it: no panic, an error that says
//! where, and never a secret in what is said.
//!
//! Input: a byte of options, two for a secret that is written into the file by
//! mistake (how, and where), then the text of the file.

use super::{Bytes, shown};
use rowhook::config::{Auth, ConfigError, Overrides, Settings, load};
use std::ffi::OsString;
use std::path::PathBuf;

/// Part of every secret; nothing else may hold it.
const MARK: &str = "Xq7hunter2";

/// Keys under which people write a secret itself.
const KEYS: [&str; 12] = [
    "token",
    "value",
    "secret",
    "password",
    "key",
    "auth",
    "read_token",
    "authorization",
    "auth.value",
    "access.token",
    "token_env",
    "value_env",
];

thread_local! {
    static FOLDER: tempfile::TempDir = {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), format!("{MARK} in a file\n")).expect("a file");
        std::fs::write(folder.path().join("bad"), format!("{MARK}\nof two lines")).expect("a file");
        folder
    };
}

pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (options, how, place) = (bytes.byte(), bytes.byte(), bytes.byte());
    if shown(bytes.0).contains(MARK) {
        return;
    }
    let text = with_mistake(bytes.0, options, how, place);
    let path: PathBuf = FOLDER.with(|folder| folder.path().join("rowhook.toml"));
    std::fs::write(&path, &text).expect("a file");
    let overrides = Overrides {
        config: Some(path.clone()),
        listen: (options & 32 != 0).then(|| "0.0.0.0:80".into()),
        output: None,
    };
    let environment = |name: &str| -> Option<OsString> {
        let value = match (name, options & 3) {
            ("ROWHOOK_CONFIG" | "ROWHOOK_LISTEN" | "ROWHOOK_OUTPUT", _) | (_, 0) => return None,
            // What no header can carry.
            ("LESSONLY_AUTHORIZATION", 1) => format!("{MARK}\n"),
            ("ROWHOOK_TOKEN", 2) => format!(" {MARK}"),
            ("EMPTY", _) => String::new(),
            // A secret is no variable's name.
            (name, _) if name.contains(MARK) => return None,
            _ => MARK.to_owned(),
        };
        Some(value.into())
    };
    match load(&overrides, &environment) {
        Ok(settings) => {
            check_settings(&settings);
            let again = load(&overrides, &environment);
            assert_eq!(again, Ok(settings));
        }
        Err(error) => check_error(&error, &text, &path),
    }
}

/// The text with a line more, in which a secret stands where none should. Not within a text of several lines: there it would
/// be part of another value. Not where there are views: there it would be the name of a column.
fn with_mistake(text: &[u8], options: u8, how: u8, place: u8) -> Vec<u8> {
    let several = shown(text).contains("\\\"\\\"\\\"") || shown(text).contains("\\'\\'\\'");
    let views = shown(text).contains("views");
    if options & 4 == 0 || several || views {
        return text.to_vec();
    }
    let key = KEYS[usize::from(how & 15) % KEYS.len()];
    let line = match how >> 4 {
        0 => format!("{key} = \"{MARK}\""),
        1 => format!("{key} = '{MARK}'"),
        2 => format!("{key} = \"\"\"{MARK}\"\"\""),
        3 => format!("{key} = {MARK}"),
        4 => format!("{key} = {{ value = \"{MARK}\" }}"),
        5 => format!("{key} = {{ scheme = \"authorization\", value = \"Bearer {MARK}\" }}"),
        6 => format!("{key} = [\"{MARK}\"]"),
        7 => format!("{key} = \"Bearer {MARK}"),
        8 => format!("{key} = \"a\" \"{MARK}\""),
        9 => format!("{key} \"{MARK}\""),
        10 => format!("{key} = \"\\u0041{MARK}\""),
        11 => format!("auth = {{ scheme = \"{MARK}\" }}"),
        12 => format!("{key}={MARK} # {MARK}"),
        13 => format!("  {key}\t=\t\"{MARK}\"\r"),
        14 => format!("auth = {{ scheme = \"authorization\", value_env = \"{MARK}\" }}"),
        _ => format!("public_url = \"https://me:{MARK}@example.com\""),
    };
    let mut lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    lines.insert(usize::from(place) % (lines.len() + 1), line.as_bytes());
    lines.join(&b'\n')
}

#[track_caller]
fn check_hidden(said: &str) {
    assert!(!said.contains(MARK), "a secret is told: {said}");
}

/// What goes to a terminal or a log can neither move the cursor nor begin a line of its own.
#[track_caller]
fn check_harmless(said: &str) {
    let harmful = |c: char| c.is_control() && c != '\n';
    assert!(!said.contains(harmful), "control characters: {said:?}");
}

fn check_settings(settings: &Settings) {
    check_hidden(&format!("{settings:?}"));
    let described = settings.describe();
    check_hidden(&described);
    check_harmless(&described);
    assert!(!settings.sources.is_empty());
    assert!(settings.limits.waiting_bytes_max >= settings.limits.body_bytes_max);
    if !settings.listen.ip().is_loopback() && !described.contains("this machine alone") {
        let open = |auth: &Auth| *auth == Auth::None { written: false };
        assert!(
            !settings.sources.values().any(|s| open(&s.auth)),
            "open to all without saying so"
        );
    }
}

fn check_error(error: &ConfigError, text: &[u8], path: &std::path::Path) {
    let (said, summary) = (error.to_string(), error.summary());
    for said in [&said, &summary, &format!("{error:?}")] {
        check_hidden(said);
        check_harmless(said);
    }
    assert!(
        !summary.contains('\n'),
        "a summary is one line: {summary:?}"
    );
    let (message, rest) = said.split_once('\n').expect("a place");
    assert!(
        message.len() > "error: ".len() && message.starts_with("error: "),
        "{said}"
    );
    let place = rest.lines().next().unwrap_or_default();
    let place = place.trim_start().strip_prefix("--> ").expect("a place");
    assert!(!place.is_empty(), "{said}");
    let in_file = place.strip_prefix(&format!("{}:", path.display()));
    let Some((line, column)) = in_file.and_then(|at| at.split_once(':')) else {
        return;
    };
    let (line, column): (usize, usize) = (
        line.parse().expect("a line"),
        column.parse().expect("a column"),
    );
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.split('\n').collect();
    assert!((1..=lines.len()).contains(&line), "{said}");
    assert!(
        (1..=lines[line - 1].chars().count() + 1).contains(&column),
        "{said}"
    );
}
