//! The outside parts: strace, mounts. Each says what is missing when it is
//! missing, and leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ends the test unless it runs as root.
pub fn need_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test mounts file systems: run it as root"
    );
}

/// Runs a program to its end, which must be a good one.
pub fn run(program: &str, args: &[&str]) {
    let done = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}); install it"));
    assert!(
        done.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Waits until `there`, `seconds` at most.
pub fn wait_for(what: &str, seconds: u64, mut there: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while !there() {
        assert!(Instant::now() < until, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A strace on a running process and all its threads; it lets go when dropped.
pub struct Strace {
    child: Child,
    output: PathBuf,
}

impl Strace {
    /// Follows `pid`; what it sees goes to a file in `dir`.
    pub fn attach(pid: u32, dir: &Path, args: &[&str]) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let output = dir.join(format!("strace-{nth}.txt"));
        let said = dir.join(format!("strace-{nth}.err"));
        let mut child = Command::new("strace")
            .args(["-f", "-p", &pid.to_string(), "-o"])
            .arg(&output)
            .args(args)
            .stdin(Stdio::null())
            .stderr(fs::File::create(&said).expect("a file"))
            .spawn()
            .unwrap_or_else(|error| {
                panic!("strace cannot be run ({error}); install it: apt-get install strace")
            });
        wait_for("strace follows", 10, || {
            let words = fs::read_to_string(&said).unwrap_or_default();
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "strace ended ({ended:?}): {words}");
            words.contains(" attached")
        });
        Self { child, output }
    }

    /// Lets the process go, and gives what was seen.
    pub fn finish(mut self) -> String {
        self.end();
        fs::read_to_string(&self.output).expect("what strace saw")
    }

    fn end(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let pid = i32::try_from(self.child.id()).expect("an id");
            let pid = rustix::process::Pid::from_raw(pid).expect("an id");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
        let until = Instant::now() + Duration::from_secs(5);
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > until {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        self.end();
    }
}

/// A memory file system of a given size; unmounted when dropped.
pub struct Mount {
    at: PathBuf,
}

impl Mount {
    pub fn tmpfs(at: &Path, options: &str) -> Self {
        need_root();
        fs::create_dir_all(at).expect("a folder");
        let path = at.to_str().expect("a text");
        run(
            "mount",
            &["-t", "tmpfs", "-o", options, "rowhook-test", path],
        );
        Self { at: at.to_owned() }
    }

    pub fn remount(&self, options: &str) {
        let path = self.at.to_str().expect("a text");
        run("mount", &["-o", &format!("remount,{options}"), path]);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, so that it goes whoever still holds a file.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// Memory of a process in KiB: `VmRSS`, `VmHWM`.
pub fn memory_kib(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its state");
    let line = status.lines().find(|line| line.starts_with(what));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_else(|| panic!("no {what}"))
}
