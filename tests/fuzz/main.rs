//! Every fuzz target over its corpus and over inputs made from it, on the
//! stable toolchain: always the same ones, so that a failure comes again.
//!
//! `ROWHOOK_FUZZ_INPUTS` is how many are made for each target,
//! `ROWHOOK_FUZZ_START` the number of the first. `ROWHOOK_FUZZ_FILE` names a
//! file, and then only that is run. `ROWHOOK_FUZZ_TRACE=1` keeps each input in a file before
//! it is run, for what ends the process.

mod generate;
mod mutate;
mod targets;

use std::io::Write as _;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

struct Target {
    name: &'static str,
    run: fn(&[u8]),
    generate: fn(&mut fastrand::Rng) -> Vec<u8>,
    /// As many as take a few seconds in a debug build.
    inputs: u64,
}

#[test]
fn body() {
    fuzz(&Target {
        name: "body",
        run: targets::body::run,
        generate: generate::body,
        inputs: 10_000,
    });
}

#[test]
fn journal() {
    fuzz(&Target {
        name: "journal",
        run: targets::journal::run,
        generate: generate::journal,
        inputs: 10_000,
    });
}

#[test]
fn config() {
    fuzz(&Target {
        name: "config",
        run: targets::config::run,
        generate: generate::config,
        inputs: 10_000,
    });
}

#[test]
fn encoding() {
    fuzz(&Target {
        name: "encoding",
        run: targets::encoding::run,
        generate: generate::encoding,
        inputs: 10_000,
    });
}

#[test]
fn address() {
    fuzz(&Target {
        name: "address",
        run: targets::address::run,
        generate: generate::address,
        inputs: 20_000,
    });
}

fn fuzz(target: &Target) {
    if let Some(file) = std::env::var_os("ROWHOOK_FUZZ_FILE") {
        let input = std::fs::read(file).expect("the file of ROWHOOK_FUZZ_FILE");
        return (target.run)(&input);
    }
    let number = |name, default| {
        let text = std::env::var(name).ok()?;
        Some(text.parse().unwrap_or(default))
    };
    let count = number("ROWHOOK_FUZZ_INPUTS", target.inputs).unwrap_or(target.inputs);
    let start = number("ROWHOOK_FUZZ_START", 0).unwrap_or(0);
    let trace = std::env::var_os("ROWHOOK_FUZZ_TRACE").is_some();
    let corpus = corpus(target.name);
    assert!(!corpus.is_empty(), "no corpus of {}", target.name);
    let words = words(target.name);
    let began = Instant::now();
    let mut slowest = (Duration::ZERO, String::new());
    let mut run = |what: String, input: &[u8]| {
        if trace {
            keep(target.name, "running", input);
        }
        let began = Instant::now();
        if catch_unwind(|| (target.run)(input)).is_err() {
            fail(target.name, &what, input);
        }
        if began.elapsed() > slowest.0 {
            slowest = (began.elapsed(), what);
        }
    };
    for (path, input) in &corpus {
        run(path.display().to_string(), input);
    }
    let texts: Vec<&[u8]> = corpus.iter().map(|(_, text)| text.as_slice()).collect();
    for n in start..start + count {
        let mut rng = fastrand::Rng::with_seed(n);
        let input = mutate::input(&mut rng, &texts, &words, target.generate);
        run(format!("input {n}"), &input);
    }
    // Past the test harness, which shows what a test prints only when it fails.
    let _ = writeln!(
        std::io::stderr(),
        "fuzz {}: {} of the corpus, {count} made, {:.1} s; slowest {} ms ({})",
        target.name,
        corpus.len(),
        began.elapsed().as_secs_f64(),
        slowest.0.as_millis(),
        slowest.1
    );
}

fn fail(target: &str, what: &str, input: &[u8]) -> ! {
    let kept = keep(target, "failed", input);
    panic!(
        "{target}: {what} does not hold; these {} bytes, also in {}:\n{}\n\
         again: ROWHOOK_FUZZ_FILE={} cargo test --test fuzz {target}\n\
         once mended, keep it as a file in fuzz/corpus/{target}/",
        input.len(),
        kept.display(),
        input.escape_ascii(),
        kept.display(),
    );
}

fn keep(target: &str, why: &str, input: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}.{why}"));
    std::fs::write(&path, input).expect("a file for the input");
    path
}

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The corpus in the order of its names, the same on every machine.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz_dir().join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).expect("a corpus");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("a file").path()).collect();
    // What cargo fuzz adds is named by a hash and is not committed; it would change what is made of the corpus.
    files.retain(|path| path.extension().is_some());
    files.sort();
    let read = |path: PathBuf| {
        let content = std::fs::read(&path).expect("a file");
        (path, content)
    };
    files.into_iter().map(read).collect()
}

/// The words of the dictionary, in libFuzzer's form: a line each, in quotes, with `\xAB`, `\\` and `\"`.
fn words(target: &str) -> Vec<Vec<u8>> {
    let path = fuzz_dir()
        .join("dictionaries")
        .join(format!("{target}.dict"));
    let text = std::fs::read_to_string(path).expect("a dictionary");
    let lines = text.lines().filter(|line| line.starts_with('"'));
    lines.map(word).collect()
}

fn word(line: &str) -> Vec<u8> {
    let inside = line.strip_prefix('"').and_then(|l| l.strip_suffix('"'));
    let mut rest = inside.expect("a word in quotes").bytes();
    let mut out = Vec::new();
    while let Some(byte) = rest.next() {
        let byte = match (byte, byte == b'\\') {
            (_, false) => byte,
            _ => match rest.next() {
                Some(b'x') => {
                    let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
                    let (high, low) = (digit().expect("a digit"), digit().expect("a digit"));
                    u8::try_from(high << 4 | low).expect("two digits")
                }
                other => other.expect("an escape"),
            },
        };
        out.push(byte);
    }
    out
}
