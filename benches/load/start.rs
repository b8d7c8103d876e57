//! How every benchmark begins and ends.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// What every benchmark that leaves results lets one choose.
#[derive(clap::Args)]
pub struct Where {
    /// Where the directories of the servers are made.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    pub dir: PathBuf,
    /// Another build of rowhook.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_rowhook"))]
    pub program: PathBuf,
    /// The folder for what was measured.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/results"))]
    pub results: PathBuf,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Runs the benchmark `name`, which returns what is wrong with its results: that ends it with 1, and so does an error.
///
/// Only under `cargo bench`, which says so: `cargo test --benches` and test runners do not, and want nothing heavy.
pub fn bench(name: &str, run: impl FnOnce() -> Result<Vec<String>, Box<dyn Error>>) -> ExitCode {
    if !env::args_os().any(|arg| arg == "--bench") {
        println!("nothing measured: use `cargo bench --bench {name}`");
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            eprintln!("\nfailed:\n{}", complaints.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A count as a figure for people.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people, of counts far below 2^53"
)]
pub fn float(count: u64) -> f64 {
    count as f64
}
