//! Builds the copy with one mistake at a time and counts the sequences that
//! notice. Its package has another name, so that its artefacts lie beside those
//! of the real one and never count as them; the dependencies serve both.

use super::{MUTANTS, source};
use crate::random::setting;
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A mistake that makes it run for ever is noticed too.
const RUN_MAX: Duration = Duration::from_secs(1200);

/// Artefacts of two packages with one name have the same file names, wherever the packages are.
const NAME: &str = "[package]\nname = \"rowhook\"";
const OTHER_NAME: &str = "[package]\nname = \"rowhook-mutant\"";

/// The folder of all artefacts: this test lies in its `debug/deps`.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this test");
    own.ancestors()
        .nth(3)
        .expect("a folder of artefacts")
        .to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the copy");
    for entry in fs::read_dir(from).expect("the folder to copy") {
        let entry = entry.expect("its entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("a copy");
        }
    }
}

/// The manifest without what the copy does not have.
fn manifest(text: &str) -> String {
    let mut kept = String::new();
    let mut within = true;
    for line in text.replacen(NAME, OTHER_NAME, 1).lines() {
        if line.starts_with('[') {
            within = !["[[bin]]", "[[bench]]", "[[test]]"].contains(&line);
        }
        if within {
            kept += line;
            kept.push('\n');
        }
        if line == "[package]" {
            kept += "autobins = false\nautobenches = false\nautoexamples = false\n";
        }
    }
    assert!(
        kept.contains("rowhook-mutant"),
        "the manifest begins otherwise"
    );
    kept + "\n[workspace]\n"
}

/// The copy, at a place that stays the same: then it is built anew in part only.
fn workshop() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = target().join("mutants");
    if place.exists() {
        fs::remove_dir_all(&place).expect("the old copy goes");
    }
    copy(&here.join("src"), &place.join("src"));
    copy(&here.join("tests/sim"), &place.join("tests/sim"));
    fs::copy(here.join("Cargo.lock"), place.join("Cargo.lock")).expect("the lock file");
    fs::write(place.join("Cargo.toml"), manifest(&source("Cargo.toml"))).expect("the manifest");
    place
}

/// Builds the copy as it is, and gives the path of its test.
fn build(place: &Path) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--test", "sim", "--no-run"])
        .args(["--message-format", "json"])
        .current_dir(place)
        .env("CARGO_TARGET_DIR", target())
        .stderr(Stdio::piped())
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut made = messages.filter_map(|m| m["executable"].as_str().map(PathBuf::from));
    made.next_back().expect("a test that was built")
}

/// How many of `sequences` the test notices; all when it does not end.
fn caught(test: &Path, sequences: u64) -> u64 {
    let mut child = Command::new(test)
        .args(["random_sequences_hold", "--nocapture"])
        .env_remove("ROWHOOK_SEED")
        .env("ROWHOOK_COUNT", "1")
        .env("ROWHOOK_SEQUENCES", sequences.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test that was built");
    if !ended(&mut child) {
        return sequences;
    }
    let mut said = String::new();
    let output = child.stdout.take();
    output
        .expect("its output")
        .read_to_string(&mut said)
        .expect("text");
    let line = said.lines().find_map(|line| line.strip_prefix("caught "));
    // One that ends without a count was ended by its mistake.
    let count = line.and_then(|line| line.split(' ').next()?.parse().ok());
    count.unwrap_or(sequences)
}

/// Waits. What it says fits into the pipe.
fn ended(child: &mut Child) -> bool {
    let started = Instant::now();
    while started.elapsed() < RUN_MAX {
        if child.try_wait().expect("its end").is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().expect("its end");
    child.wait().expect("its end");
    false
}

#[test]
fn mutants_are_caught() {
    let sequences = setting("ROWHOOK_MUTANT_SEQUENCES").unwrap_or(300);
    let place = workshop();
    let control = caught(&build(&place), sequences);
    println!("{:<24} {control:>4} of {sequences}", "as it is");
    assert_eq!(control, 0, "the code as it is breaks a rule");
    let mut escaped = Vec::new();
    for mutant in &MUTANTS {
        let (path, text) = (place.join(mutant.file), source(mutant.file));
        fs::write(&path, text.replacen(mutant.find, mutant.replace, 1)).expect("the mistake");
        let count = caught(&build(&place), sequences);
        fs::write(&path, text).expect("the code as it was");
        println!(
            "{:<24} {count:>4} of {sequences}  {}",
            mutant.name, mutant.breaks
        );
        if count == 0 {
            escaped.push(mutant.name);
        }
    }
    assert_eq!(escaped, [""; 0], "nobody noticed");
}
