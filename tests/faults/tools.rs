//! The outside parts: strace, mounts. Each says what is missing when it is
//! missing, and leaves nothing behind.

pub use crate::after::wait_for;

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

/// A file system of a given size; unmounted when dropped.
pub struct Mount {
    at: PathBuf,
    /// The file that holds it, unless it is in memory.
    image: Option<PathBuf>,
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
        Self {
            at: at.to_owned(),
            image: None,
        }
    }

    /// An ext4 of so many megabytes in a file beside `at`. It turns read-only when it finds itself damaged.
    pub fn ext4(at: &Path, megabytes: u64, options: &[&str]) -> Self {
        need_root();
        fs::create_dir_all(at).expect("a folder");
        let image = at.with_extension("ext4");
        let file = fs::File::create(&image).expect("an image");
        file.set_len(megabytes << 20).expect("an image");
        drop(file);
        let name = image.to_str().expect("a text");
        let fixed = ["-q", "-F", "-m", "0", "-b", "1024"];
        run("mkfs.ext4", &[&fixed, options, &[name]].concat());
        let mount = Self {
            at: at.to_owned(),
            image: Some(image),
        };
        mount.mount();
        mount
    }

    /// Mounts the image.
    pub fn mount(&self) {
        let image = self.image.as_ref().expect("an image");
        let (image, at) = (image.to_str().expect("a text"), self.at.to_str());
        let at = at.expect("a text");
        run("mount", &["-o", "loop,errors=remount-ro", image, at]);
    }

    /// Unmounts it, as an administrator would: nobody may be using it.
    pub fn unmount(&self) {
        run("umount", &[self.at.to_str().expect("a text")]);
    }

    /// Lets fsck mend the image, which must not be mounted.
    pub fn mend(&self) {
        let image = self.image.as_ref().expect("an image");
        let done = Command::new("e2fsck").arg("-fy").arg(image).output();
        let done = done.expect("e2fsck cannot be run; install it: apt-get install e2fsprogs");
        // 1 says that it has mended something.
        let code = done.status.code();
        assert!(code.is_some_and(|code| code <= 1), "e2fsck: {done:?}");
    }

    /// Lets the kernel find the file system damaged.
    pub fn damage(&self) {
        let at = self.at.to_str().expect("a text");
        let device = Command::new("findmnt").args(["-no", "SOURCE", at]).output();
        let device = device.expect("findmnt cannot be run; install it: apt-get install mount");
        let device = String::from_utf8(device.stdout).expect("a text");
        let name = device.trim().trim_start_matches("/dev/");
        let trigger = format!("/sys/fs/ext4/{name}/trigger_fs_error");
        fs::write(&trigger, "a test").unwrap_or_else(|error| panic!("{trigger}: {error}"));
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

/// A folder under a second mount of itself; gone when dropped.
pub struct Bind(PathBuf);

impl Bind {
    /// Nothing can be written there, by whatever path; what is open already stays writable.
    pub fn read_only(at: &Path) -> Self {
        need_root();
        let path = at.to_str().expect("a text");
        run("mount", &["--bind", path, path]);
        let bind = Self(at.to_owned());
        run("mount", &["-o", "remount,bind,ro", path]);
        bind
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
