//! One scenario: a server of its own, and the script that opens its pages.

use crate::history;
use crate::server::{Place, Server, TOKEN};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The value that a source asks for whose configuration names the variable of Lessonly.
const SECRET: &str = "let me in";

/// A server that runs, and the folder that is its own.
pub struct Stage {
    place: Place,
    server: Server,
}

impl Stage {
    /// Nothing came yet.
    pub fn new(config: &str) -> Self {
        let place = Place::new();
        std::fs::write(place.path().join("token"), TOKEN).expect("a file");
        Self::start(place, config)
    }

    /// Something came of `lessonly` on some of the last thirty days.
    pub fn with_history(config: &str) -> Self {
        let place = Place::new();
        history::write(&place);
        Self::start(place, config)
    }

    fn start(place: Place, config: &str) -> Self {
        let mut command = place.command();
        if config.contains("token_file") {
            command.env_remove("ROWHOOK_TOKEN");
        }
        if config.contains("LESSONLY_AUTHORIZATION") {
            command.env("LESSONLY_AUTHORIZATION", SECRET);
        }
        command.arg("--config").arg(place.config(config));
        let server = Server::start(command);
        Self { place, server }
    }
}

/// Plays `tests/browser/scenarios/NAME.mjs` and prints what it counted.
#[track_caller]
pub fn play(name: &str, stage: &Stage) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("target/tools/browser");
    assert!(
        tools.join("node_modules").is_dir(),
        "{} lacks what drives the browser; tests/all.sh installs it",
        tools.display()
    );
    let mut command = Command::new("node");
    command
        .arg(root.join("tests/browser/play.mjs"))
        .arg(name)
        .env("ROWHOOK_BROWSER_TOOLS", &tools)
        .env("ROWHOOK_BROWSER_CHROMIUM", chromium())
        .env("ROWHOOK_BROWSER_URL", &stage.server.url)
        .env("ROWHOOK_BROWSER_TOKEN", TOKEN)
        .env("ROWHOOK_BROWSER_SECRET", SECRET)
        .env("ROWHOOK_BROWSER_PLACE", stage.place.path());
    let output = command.output().expect("node");
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    print!("{said}");
    assert!(
        output.status.success(),
        "{name}: {why}\nthe server logged: {}",
        stage.server.log()
    );
    assert!(said.contains(" assertions"), "{name} did not end: {said}");
}

/// Where the browser is.
fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("chromium"));
    found
        .find(|program| program.is_file())
        .expect("chromium in PATH; tests/all.sh installs it")
}
