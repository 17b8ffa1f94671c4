//! Faults of the disk, met by the binary itself: a sync that fails, and a disk that is full.
//!
//! What was acknowledged before must stand after; what was not may be anything but "failed".

#![cfg(target_os = "linux")]

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long anything here may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_sync_that_fails_ends_the_process_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let shim = compile_shim(directory.path());
    let trigger = directory.path().join("sync-fails-now");
    let data = directory.path().join("data");
    let mut server = Server::start(&data, |command| {
        command.env("LD_PRELOAD", &shim).env("TOLLGATE_TEST_FSYNC_FAILS", &trigger);
    });
    let mut acknowledged: HashMap<String, Answer> = HashMap::new();
    for number in 0..50 {
        let key = format!("before-{number}");
        let answer = server.pay(&key).expect("a healthy server answers");
        assert_eq!(answer.status, 201, "{}", answer.body);
        acknowledged.insert(key, answer);
    }

    fs::write(&trigger, "").unwrap();
    let callers: Vec<_> = (0..8)
        .map(|number| {
            let caller = server.caller();
            thread::spawn(move || {
                (format!("during-{number}"), caller.pay(&format!("during-{number}")))
            })
        })
        .collect();
    for caller in callers {
        let (key, answer) = caller.join().unwrap();
        // No answer at all is honest, too: the process has ended.
        let Some(answer) = answer else { continue };
        assert!(matches!(answer.status, 500 | 503), "{key}: {} {}", answer.status, answer.body);
        if answer.status == 500 {
            assert!(answer.body.contains("outcome_unknown"), "{key}: {}", answer.body);
        }
    }
    let (status, errors) = server.ended();
    assert_eq!(status.code(), Some(1), "{errors}");
    assert!(errors.contains("log"), "it says why: {errors}");

    fs::remove_file(&trigger).unwrap();
    let server = Server::start(&data, |_command| {});
    server.stand_by(&acknowledged);
    for number in 0..8 {
        let settled = server.pay_until_final(&format!("during-{number}"));
        assert_eq!(settled.status, 201, "{}", settled.body);
    }
    let (status, errors) = server.terminated();
    assert_eq!(status.code(), Some(0), "{errors}");
}

/// Needs a disk of its own, so root; where the system gives none, it says so and proves nothing.
#[test]
fn a_full_disk_stops_admission_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk"), 160) else {
        eprintln!("not proved: a small tmpfs cannot be mounted here");
        return;
    };
    let data = disk.path.join("data");
    let limits = |command: &mut Command| {
        command
            .env("TOLLGATE__STORAGE__SEGMENT_BYTES", "4194304")
            .env("TOLLGATE__STORAGE__MIN_FREE_BYTES", "67108864");
    };
    let server = Server::start(&data, limits);
    let mut acknowledged = HashMap::new();
    let pay = |server: &Server, acknowledged: &mut HashMap<String, Answer>, key: String| {
        let answer = server.pay(&key).expect("the server lives");
        let status = answer.status;
        if status == 201 {
            acknowledged.insert(key, answer);
        } else {
            assert_eq!(status, 503, "{}", answer.body);
            assert!(answer.body.contains("storage_full"), "{}", answer.body);
        }
        status
    };
    for number in 0..20 {
        assert_eq!(pay(&server, &mut acknowledged, format!("before-{number}")), 201);
    }

    let ballast = disk.path.join("ballast");
    fs::write(&ballast, vec![7; 100 << 20]).unwrap_or_else(|full| eprintln!("as meant: {full}"));
    until("admission stops", || {
        pay(&server, &mut acknowledged, format!("during-{}", acknowledged.len())) == 503
    });
    server.stand_by(&acknowledged);

    fs::remove_file(&ballast).unwrap();
    until("admission starts again", || {
        pay(&server, &mut acknowledged, format!("after-{}", acknowledged.len())) == 201
    });
    let (status, _errors) = server.killed();
    assert_eq!(status.signal(), Some(9));

    let server = Server::start(&data, limits);
    server.stand_by(&acknowledged);
    let (status, errors) = server.terminated();
    assert_eq!(status.code(), Some(0), "{errors}");
}

/// The gateway as a process of its own.
struct Server {
    process: Child,
    caller: Caller,
    errors: PathBuf,
}

/// Calls a server; one connection a call, so that nothing of one call reaches another.
#[derive(Clone)]
struct Caller {
    address: String,
    key: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Answer {
    status: u16,
    replayed: bool,
    body: String,
}

impl Server {
    fn start(data: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        let errors = data.with_extension("stderr");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data)
            .env_remove("TOLLGATE_ADMIN_KEY")
            // A fault must be told from a small disk of the machine that tests.
            .env("TOLLGATE__STORAGE__MIN_FREE_BYTES", "0")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap());
        adjust(&mut command);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| line.unwrap().strip_prefix("listening on http://").map(str::to_owned))
            .unwrap_or_else(|| panic!("no address: {}", fs::read_to_string(&errors).unwrap()));
        // Keeps reading, so that the server never waits for its reader.
        thread::spawn(move || lines.for_each(drop));
        let mut caller = Caller { address, key: String::new() };
        until("the server is ready", || {
            caller.send("GET /ready HTTP/1.1", "").is_some_and(|answer| answer.status == 200)
        });
        let key = fs::read_to_string(data.join("demo.key")).unwrap();
        caller.key = key.lines().next().unwrap().to_owned();
        Self { process, caller, errors }
    }

    fn caller(&self) -> Caller {
        self.caller.clone()
    }

    fn pay(&self, key: &str) -> Option<Answer> {
        self.caller.pay(key)
    }

    /// Everything acknowledged is told again, byte for byte.
    fn stand_by(&self, acknowledged: &HashMap<String, Answer>) {
        for (key, first) in acknowledged {
            let again = self.pay(key).expect("a healthy server answers");
            assert_eq!(again, Answer { replayed: true, ..first.clone() }, "{key}");
        }
    }

    fn pay_until_final(&self, key: &str) -> Answer {
        let mut last = None;
        until("the payment is final", || {
            last = self.pay(key);
            last.as_ref().is_some_and(|answer| answer.status != 202)
        });
        last.expect("an answer ended the wait")
    }

    /// Waits for the process to end by itself.
    fn ended(&mut self) -> (ExitStatus, String) {
        let mut status = None;
        until("the process ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        (status.expect("it has ended"), fs::read_to_string(&self.errors).unwrap())
    }

    fn killed(mut self) -> (ExitStatus, String) {
        self.process.kill().unwrap();
        self.ended()
    }

    fn terminated(mut self) -> (ExitStatus, String) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.ended()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended in every good run.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Caller {
    fn pay(&self, key: &str) -> Option<Answer> {
        let body = r#"{"amount":"100.00","currency":"INR","payment_method":"card","card":{"number":"4242424242424242","expiry_month":12,"expiry_year":2040,"cvv":"123"}}"#;
        let head = format!(
            "POST /api/v1/payments HTTP/1.1\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}",
            self.key,
            body.len(),
        );
        self.send(&head, body)
    }

    /// `None` where the server is gone.
    fn send(&self, head: &str, body: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some(Answer {
            status: head.split(' ').nth(1)?.parse().ok()?,
            replayed: head.to_ascii_lowercase().contains("idempotent-replayed: true"),
            body: body.to_owned(),
        })
    }
}

/// A tmpfs of a few megabytes.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    fn mount(path: &Path, megabytes: u32) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(path)
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self { path: path.to_owned() })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.path).status());
    }
}

/// A C compiler is there wherever Rust links.
fn compile_shim(directory: &Path) -> PathBuf {
    let shim = directory.join("fsync_fails.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/fsync_fails.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&shim, &source])
        .arg("-ldl")
        .status()
        .expect("cc, which Rust links with, runs");
    assert!(compiled.success());
    shim
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
