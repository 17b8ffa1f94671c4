//! Faults of the disk, met by the binary itself: a sync that fails, and a disk that is full.
//!
//! What was acknowledged before must stand after; what was not may be anything but "failed".

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "process/server.rs"]
mod server;

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tollgate_loadtest::chaos::SyncShim;

use crate::server::{Answer, Caller, Server, until};

/// From the failure of the log to the end of the process: answers that wait get out within half a
/// second, and the rest allows for a busy machine.
const END_WITHIN: Duration = Duration::from_secs(4);

#[test]
fn a_sync_that_fails_ends_the_process_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let shim = SyncShim::compile(directory.path()).expect("cc, which Rust links with, runs");
    let data = directory.path().join("data");
    let server = Server::start(&data, |command| {
        command.envs(shim.environment());
    });
    let mut acknowledged: HashMap<String, Answer> = HashMap::new();
    for number in 0..50 {
        let key = format!("before-{number}");
        let answer = pay(&server.caller(), &key).expect("a healthy server answers");
        assert_eq!(answer.status, 201, "{}", answer.body);
        acknowledged.insert(key, answer);
    }

    shim.arm().unwrap();
    let failed = Instant::now();
    let callers: Vec<_> = (0..8)
        .map(|number| {
            let caller = server.caller();
            thread::spawn(move || pay(&caller, &format!("during-{number}")))
        })
        .collect();
    let mut unknown = 0;
    for (number, caller) in callers.into_iter().enumerate() {
        // No answer at all is honest, too: the process has ended. So is one that nothing was begun.
        match caller.join().unwrap() {
            None => {}
            Some(answer) if answer.status == 503 => {
                assert!(answer.body.contains("not_ready"), "{number}: {}", answer.body);
            }
            Some(answer) => {
                assert_eq!(answer.status, 500, "{number}: {}", answer.body);
                assert!(answer.body.contains("outcome_unknown"), "{number}: {}", answer.body);
                unknown += 1;
            }
        }
    }
    assert!(unknown > 0, "somebody waited for the sync that failed, and is told");
    let (status, said) = server.ended();
    assert!(failed.elapsed() < END_WITHIN, "{:?}: {said}", failed.elapsed());
    assert_eq!(status.code(), Some(1), "{said}");
    let last_words: Vec<_> = said.lines().filter(|line| line.starts_with("tollgate: ")).collect();
    assert_eq!(
        last_words,
        ["tollgate: the write-ahead log failed; what was under way was answered as unknown"],
        "{said}"
    );

    shim.disarm().unwrap();
    let server = Server::start(&data, |_command| {});
    stand_by(&server.caller(), &acknowledged);
    for number in 0..8 {
        let key = format!("during-{number}");
        let settled = until_final(&server.caller(), &key);
        // A payment whose record reached the disk without being called durable was never sent.
        let never_sent = settled.status == 402 && settled.body.contains("provider_unavailable");
        assert!(settled.status == 201 || never_sent, "{key}: {}", settled.body);
        acknowledged.insert(key, settled);
    }
    charged_once_each(&server.operator(), &acknowledged);
    end_well(server);
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
    let mut attempt = |server: &Server| {
        let key = format!("key-{}", acknowledged.len());
        let answer = pay(&server.caller(), &key).expect("the server lives");
        match answer.status {
            201 => drop(acknowledged.insert(key, answer)),
            status => {
                assert_eq!(status, 503, "{}", answer.body);
                assert!(answer.body.contains("storage_full"), "{}", answer.body);
                return (false, acknowledged.clone());
            }
        }
        (true, acknowledged.clone())
    };
    for _number in 0..20 {
        assert!(attempt(&server).0);
    }

    let ballast = disk.path.join("ballast");
    fs::write(&ballast, vec![7; 100 << 20]).unwrap_or_else(|full| eprintln!("as meant: {full}"));
    until("admission stops", || !attempt(&server).0);
    assert!(server.metrics().contains("tollgate_log_has_room 0"));
    assert_eq!(server.caller().get("/ready").unwrap().status, 503);
    stand_by(&server.caller(), &attempt(&server).1);

    fs::remove_file(&ballast).unwrap();
    until("admission starts again", || attempt(&server).0);
    server.signal("KILL");
    let (status, _said) = server.ended();
    assert_eq!(status.signal(), Some(9));

    let server = Server::start(&data, limits);
    let (admitted, acknowledged) = attempt(&server);
    assert!(admitted);
    stand_by(&server.caller(), &acknowledged);
    charged_once_each(&server.operator(), &acknowledged);
    end_well(server);
}

fn pay(caller: &Caller, key: &str) -> Option<Answer> {
    let body = r#"{"amount":"100.00","currency":"INR","payment_method":"card","card":{"number":"4242424242424242","expiry_month":12,"expiry_year":2040,"cvv":"123"}}"#;
    caller.pay(&format!("Idempotency-Key: {key}\r\n"), body)
}

fn until_final(caller: &Caller, key: &str) -> Answer {
    let mut last = None;
    until("the payment is final", || {
        last = pay(caller, key);
        last.as_ref().is_some_and(|answer| !matches!(answer.status, 202 | 409))
    });
    last.expect("an answer ended the wait")
}

/// Everything acknowledged is told again, byte for byte.
fn stand_by(caller: &Caller, acknowledged: &HashMap<String, Answer>) {
    assert!(!acknowledged.is_empty());
    for (key, first) in acknowledged {
        let again = pay(caller, key).expect("a healthy server answers");
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{key}");
        assert!(again.head.to_ascii_lowercase().contains("idempotent-replayed: true"), "{key}");
    }
}

/// The provider has charged every payment that is completed once, and no other.
fn charged_once_each(operator: &Caller, answers: &HashMap<String, Answer>) {
    let page = operator.get("/simulator/ledger?limit=1000").expect("a healthy server answers");
    let page: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(page["has_more"], false);
    let charged: Vec<_> = page["data"].as_array().unwrap().iter().collect();
    assert!(charged.iter().all(|entry| entry["state"] == "approved"), "{page}");
    let completed: HashSet<String> = answers
        .values()
        .filter(|answer| answer.status == 201)
        .map(|answer| serde_json::from_str::<Value>(&answer.body).unwrap()["id"].to_string())
        .collect();
    let payments: HashSet<String> =
        charged.iter().map(|entry| entry["payment_id"].to_string()).collect();
    assert_eq!(payments, completed);
    assert_eq!(charged.len(), completed.len(), "{page}");
}

fn end_well(server: Server) {
    server.signal("TERM");
    let (status, said) = server.ended();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// A tmpfs of some megabytes.
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
