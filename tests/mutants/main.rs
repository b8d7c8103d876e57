//! Deliberate mistakes in a copy of the real code: each must be noticed by the
//! random sequences of `tests/sim`, or they prove nothing.
//!
//! `cargo test --locked --test mutants -- --nocapture` builds the copy with one
//! mistake at a time and counts the sequences that notice;
//! `ROWHOOK_MUTANT_SEQUENCES=300` says of how many. Its package has another name,
//! so that its artefacts lie beside those of the real one and never count as
//! them; the dependencies serve both.

mod list;

use list::{MUTANTS, Mutant, source};
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
    for tests in ["tests/sim", "tests/mutants"] {
        copy(&here.join(tests), &place.join(tests));
    }
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

/// A test that runs: while it does the next one is built.
struct Running {
    child: Child,
    sequences: u64,
    started: Instant,
}

impl Running {
    /// Starts the test that was built, from a copy under the name `name`: the next one takes its place.
    fn start(test: &Path, name: &str, sequences: u64) -> Self {
        let own = test.with_file_name(format!("mutant-{name}"));
        fs::copy(test, &own).expect("a copy of the test");
        let mut command = Command::new(&own);
        command
            .args(["random_sequences_hold", "--nocapture"])
            .env_remove("ROWHOOK_SEED")
            .env("ROWHOOK_COUNT", "1")
            .env("ROWHOOK_SEQUENCES", sequences.to_string());
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test that was built");
        // It runs on without its name.
        fs::remove_file(own).expect("the copy goes");
        Self {
            child,
            sequences,
            started: Instant::now(),
        }
    }

    /// How many sequences it noticed; all when it does not end.
    fn caught(mut self) -> u64 {
        if !self.ended() {
            return self.sequences;
        }
        let mut said = String::new();
        let output = self.child.stdout.take();
        output
            .expect("its output")
            .read_to_string(&mut said)
            .expect("text");
        let line = said.lines().find_map(|line| line.strip_prefix("caught "));
        // One that ends without a count was ended by its mistake.
        let count = line.and_then(|line| line.split(' ').next()?.parse().ok());
        count.unwrap_or(self.sequences)
    }

    /// Waits. What it says fits into the pipe.
    fn ended(&mut self) -> bool {
        while self.started.elapsed() < RUN_MAX {
            if self.child.try_wait().expect("its end").is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().expect("its end");
        self.child.wait().expect("its end");
        false
    }
}

/// Counts what the test of `mutant` noticed, and tells it.
fn tell<'m>(mutant: &'m Mutant, running: Running, escaped: &mut Vec<&'m str>) {
    let sequences = running.sequences;
    let count = running.caught();
    let Mutant { name, breaks, .. } = mutant;
    println!("{name:<24} {count:>4} of {sequences}  {breaks}");
    if count == 0 {
        escaped.push(name);
    }
}

#[test]
fn mutants_are_caught() {
    let sequences = std::env::var("ROWHOOK_MUTANT_SEQUENCES");
    let sequences = sequences.map_or(300, |text| text.parse().expect("a number"));
    let place = workshop();
    let control = Running::start(&build(&place), "none", sequences).caught();
    println!("{:<24} {control:>4} of {sequences}", "as it is");
    assert_eq!(control, 0, "the code as it is breaks a rule");
    let mut escaped = Vec::new();
    let mut before: Option<(&Mutant, Running)> = None;
    for mutant in &MUTANTS {
        let (path, text) = (place.join(mutant.file), source(mutant.file));
        fs::write(&path, text.replacen(mutant.find, mutant.replace, 1)).expect("the mistake");
        let test = build(&place);
        fs::write(&path, text).expect("the code as it was");
        let running = Running::start(&test, mutant.name, sequences);
        if let Some((mutant, running)) = before.replace((mutant, running)) {
            tell(mutant, running, &mut escaped);
        }
    }
    if let Some((mutant, running)) = before {
        tell(mutant, running, &mut escaped);
    }
    assert_eq!(escaped, [""; 0], "nobody noticed");
}
