//! The real program in a directory of its own: started, asked, stopped or
//! killed, and gone when the test ends.
#![allow(
    dead_code,
    reason = "each binary that takes this file uses its own part of it"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The read token of every test server.
pub const TOKEN: &str = "test-token";

/// The headers of a request.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// A directory for a server's files; removed when dropped.
pub struct Place {
    dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            dir: TempDir::new().expect("a temporary directory"),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn output(&self) -> PathBuf {
        self.dir.path().join("output")
    }

    /// The command that serves this place on a free port, without what the environment of the test may hold.
    pub fn command(&self) -> Command {
        self.wrapped(&[])
    }

    /// The same under another program with its arguments, such as `strace`.
    pub fn wrapped(&self, wrapper: &[&str]) -> Command {
        let mut command = self.bare(wrapper);
        command
            .args(["--listen", "127.0.0.1:0", "--output"])
            .arg(self.output());
        command
    }

    /// The program here, without an argument.
    pub fn bare(&self, wrapper: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_rowhook");
        let mut command = match wrapper {
            [] => Command::new(binary),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(binary);
                command
            }
        };
        for name in [
            "ROWHOOK_CONFIG",
            "ROWHOOK_LISTEN",
            "ROWHOOK_OUTPUT",
            "ROWHOOK_LOG",
            "LESSONLY_AUTHORIZATION",
        ] {
            command.env_remove(name);
        }
        command.env("ROWHOOK_TOKEN", TOKEN).current_dir(self.path());
        command
    }

    /// Writes `rowhook.toml` here and gives its path.
    pub fn config(&self, text: &str) -> PathBuf {
        let path = self.path().join("rowhook.toml");
        std::fs::write(&path, text).expect("a configuration");
        path
    }

    pub fn start(&self) -> Server {
        Server::start(self.command())
    }

    /// Starts it under the configuration `text`.
    pub fn start_with(&self, text: &str) -> Server {
        let mut command = self.command();
        command.arg("--config").arg(self.config(text));
        Server::start(command)
    }

    /// All of a folder's files that end with `ending`, by name, one after the other.
    pub fn read_all(&self, folder: &str, ending: &str) -> String {
        let mut paths: Vec<_> = std::fs::read_dir(self.output().join(folder))
            .map(|dir| dir.map(|entry| entry.expect("an entry").path()).collect())
            .unwrap_or_default();
        paths.sort();
        let wanted = |path: &&PathBuf| path.to_string_lossy().ends_with(ending);
        paths
            .iter()
            .filter(wanted)
            .map(|path| std::fs::read_to_string(path).expect("a text"))
            // The journal's open segment has room behind its last line.
            .map(|text| text.trim_end_matches(' ').to_owned())
            .collect()
    }

    /// The path of the one CSV file of `lessonly`.
    pub fn csv_path(&self) -> PathBuf {
        let dir = std::fs::read_dir(self.output().join("csv/lessonly")).expect("a folder");
        let mut paths = dir.map(|entry| entry.expect("an entry").path());
        paths.next().expect("a table")
    }

    /// The one CSV file of `lessonly`.
    pub fn csv(&self) -> String {
        self.read_all("csv/lessonly", ".csv")
    }
}

/// A running server; killed by its own id when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    stdout: Option<JoinHandle<String>>,
    log: PathBuf,
}

impl Server {
    /// Starts `command` and waits until it listens.
    pub fn start(command: Command) -> Self {
        Self::try_start(command)
            .unwrap_or_else(|(status, said)| panic!("it did not listen ({status}); it said {said}"))
    }

    /// The same; where it ends instead, how, and what it said.
    pub fn try_start(mut command: Command) -> Result<Self, (ExitStatus, String)> {
        let log = tempfile::NamedTempFile::new()
            .expect("a file")
            .into_temp_path()
            .keep()
            .expect("a file");
        let stderr = std::fs::File::create(&log).expect("a file");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        // The rest is read as it comes, so that the program never waits for us.
        let rest = first.clone() + "\n";
        let stdout = std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .fold(rest, |text, line| text + &line + "\n")
        });
        let Some(url) = first.strip_prefix("listening on ") else {
            let _ = child.kill();
            let status = child.wait().expect("its end");
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let _ = std::fs::remove_file(&log);
            return Err((status, first + &said));
        };
        Ok(Self {
            url: url.to_owned(),
            child,
            stdout: Some(stdout),
            log,
        })
    }

    /// The process that was started. Under a wrapper that is the wrapper.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote to standard output, once it ended.
    pub fn stdout(&mut self) -> String {
        let stdout = self.stdout.take().expect("asked once");
        stdout.join().expect("a text")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it, as the machine would on a bad day.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("its end");
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).expect("an id"))
            .expect("an id");
        rustix::process::kill_process(pid, signal).expect("a process to signal");
    }

    /// Allows it files with numbers below `files`, without end if there is none; gives what was allowed before.
    pub fn allow_files(&self, files: Option<u64>) -> Option<u64> {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.pid()));
        let limits = limits.expect("its limits");
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        // The hard limit stays: soft, hard, and the unit end the line.
        let hard = line.and_then(|line| line.split_whitespace().nth_back(1));
        let new = Rlimit {
            current: files,
            maximum: hard.and_then(|hard| hard.parse().ok()),
        };
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("an id"));
        let before = prlimit(pid, Resource::Nofile, new).expect("a limit");
        before.current
    }

    /// Allows it no other files than standard input and output, whatever else it closes; what is open stays open. Gives what
    /// was allowed before.
    pub fn allow_no_more_files(&self) -> Option<u64> {
        self.allow_files(Some(3))
    }

    /// Asks it to stop and waits for its end, 20 s at most.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    /// Waits for its end, 20 s at most.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(
                Instant::now() < until,
                "it did not stop; it said {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `POST /hooks/lessonly`
    pub fn post(&self, body: &str) -> Answer {
        self.post_to("lessonly", body.as_bytes(), &[])
    }

    pub fn post_to(&self, source: &str, body: &[u8], headers: Headers) -> Answer {
        let mut request = agent().post(format!("{}/hooks/{source}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send(body))
    }

    /// A HEAD with the read token and `headers`.
    pub fn head_with(&self, path: &str, headers: Headers) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let mut request = agent().head(format!("{}{path}", self.url));
        for (name, value) in headers.iter().chain(&[("authorization", token.as_str())]) {
            request = request.header(*name, *value);
        }
        Answer::of(request.call())
    }

    /// A GET with the read token.
    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[("authorization", &format!("Bearer {TOKEN}"))])
    }

    pub fn get_with(&self, path: &str, headers: Headers) -> Answer {
        let mut request = agent().get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.call())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .max_redirects(0)
        .proxy(None)
        .build();
    config.into()
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, headers: ureq::http::HeaderMap, body: Vec<u8>) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }

    fn of(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Self {
        let mut response = response.expect("an answer");
        let mut body = Vec::new();
        response
            .body_mut()
            .as_reader()
            .read_to_end(&mut body)
            .expect("a whole body");
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    /// The body with `ID` for every id in it.
    pub fn masked(&self) -> String {
        mask(self.text(), 32, "ID")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a text"))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// `text` with `name` for every run of as many hexadecimal digits.
pub fn mask(text: &str, digits: usize, name: &str) -> String {
    let (mut masked, mut run) = (String::new(), String::new());
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_digit() || ('a'..='f').contains(&letter) {
            run.push(letter);
            continue;
        }
        masked += if run.len() == digits { name } else { &run };
        run.clear();
        masked.push(letter);
    }
    masked.pop();
    masked
}
