//! Snapshots, backups and their restoration, from the command line.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tollgate_wal::{SnapshotStore, cut_before};

use super::{output, run};
use crate::server::{Caller, Server, until};

pub(crate) fn pay(caller: &Caller, key: &str) -> Value {
    let card = r#"{"number":"4242424242424242","expiry_month":12,"expiry_year":2040}"#;
    let body =
        format!(r#"{{"amount":"1.00","currency":"INR","payment_method":"card","card":{card}}}"#);
    let answer = caller.pay(&format!("Idempotency-Key: {key}\r\n"), &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn stop(server: Server) {
    server.signal("TERM");
    let (status, told) = server.ended();
    assert!(status.success(), "{told}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a command that fails ends with, and its only line.
fn refused(arguments: &[&str]) -> (i32, String) {
    let (code, line) = run(arguments, &[]);
    assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
    (code.unwrap(), line)
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_all(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// A server with payments behind it, and a backup that was taken while more came in.
struct Backed {
    parent: tempfile::TempDir,
    backup: PathBuf,
    before: Vec<Value>,
    server: Server,
}

/// Does something while payments come in.
fn under_load(server: &Server, act: impl FnOnce()) {
    let enough = Arc::new(AtomicBool::new(false));
    let load = {
        let (caller, enough) = (server.caller(), Arc::clone(&enough));
        thread::spawn(move || {
            let mut paid = 0;
            while !enough.load(Ordering::Relaxed) {
                pay(&caller, &format!("load{paid}"));
                paid += 1;
            }
            paid
        })
    };
    act();
    enough.store(true, Ordering::Relaxed);
    assert!(load.join().unwrap() > 0);
}

/// What no backup has: the restored gateway gets it from elsewhere.
fn bring_secrets(data: &Path, restored: &Path) {
    for secret in ["secrets", "keys"] {
        copy_all(&data.join(secret), &restored.join(secret));
    }
    fs::copy(data.join("demo.key"), restored.join("demo.key")).unwrap();
}

fn backed() -> Backed {
    let parent = tempfile::tempdir().unwrap();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    let server = Server::start(&data, |_command| {});
    let address = format!("http://{}", server.address());
    let asked =
        ["--server", &address, "--key-file", text(&data.join("operator.key"))].map(str::to_owned);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let before: Vec<_> =
        (0..10).map(|number| pay(&server.caller(), &format!("before{number}"))).collect();
    let made = output(&[&["snapshot"], &asked[..]].concat(), &[]);
    assert!(made.starts_with("file        log/snapshots/0000"), "{made}");
    under_load(&server, || {
        let told = output(&[&["backup", text(&backup)], &asked[..]].concat(), &[]);
        assert!(told.contains("last hash"), "{told}");
    });
    let again = [&["backup", text(&backup)], &asked[..]].concat();
    let (code, line) = refused(&again);
    assert!(code == 2 && line.contains("is not empty"), "{line}");
    let (other, demo) = (parent.path().join("other"), data.join("demo.key"));
    let merchant = ["backup", text(&other), "--server", &address, "--key-file", text(&demo)];
    assert!(refused(&merchant).1.contains("operator_key_required"));
    Backed { parent, backup, before, server }
}

#[test]
fn a_backup_that_was_taken_under_load_is_restored_and_served() {
    let Backed { parent, backup, before, server } = backed();
    let data = parent.path().join("data");
    for secret in ["secrets", "keys", "operator.key", "demo.key", "simulator"] {
        assert!(!backup.join(secret).exists(), "{secret} is in no backup");
    }
    stop(server);
    let restored = parent.path().join("restored");
    let told = output(&["restore", text(&backup), text(&restored)], &[]);
    assert!(told.contains("shards come to what they had come to"), "{told}");
    output(&["wal", "verify", "--data-dir", text(&restored)], &[]);
    let (code, line) = refused(&["restore", text(&backup), text(&restored)]);
    assert!(code == 2 && line.contains("is not empty"), "{line}");

    let (code, line) = run(
        &[
            "serve",
            "--data-dir",
            text(&restored),
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
        ],
        &[],
    );
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("digest.key is missing"), "{line}");
    bring_secrets(&data, &restored);
    let server = Server::start(&restored, |_command| {});
    let caller = server.caller();
    for (number, payment) in before.iter().enumerate() {
        let path = format!("/api/v1/payments/{}", payment["id"].as_str().unwrap());
        let read = caller.get(&path).unwrap();
        let read: Value = serde_json::from_str(&read.body).unwrap();
        assert_eq!(&read, payment);
        assert_eq!(&pay(&caller, &format!("before{number}")), payment, "its key is known");
    }
    let listed = caller.get("/api/v1/payments?limit=100").unwrap();
    assert!(listed.body.contains(before[0]["id"].as_str().unwrap()), "views are made anew");
    stop(server);
}

#[test]
fn what_is_wrong_with_a_backup_is_told_and_leaves_no_log() {
    let Backed { parent, backup, server, .. } = backed();
    stop(server);
    let journal = || {
        let mut paths: Vec<_> = fs::read_dir(backup.join("log/journal"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| fs::metadata(path).unwrap().len() > 0)
            .collect();
        paths.sort();
        paths[0].clone()
    };
    let mut target = 0;
    let mut told = |what: &str| {
        target += 1;
        let restored = parent.path().join(format!("restored{target}"));
        let (code, line) = refused(&["restore", text(&backup), text(&restored)]);
        assert_eq!(code, 1, "{what}: {line}");
        // Without a manifest that can be used it is not begun.
        if restored.exists() {
            let (_code, told) = refused(&["wal", "verify", "--data-dir", text(&restored)]);
            assert!(told.contains("did not come to its end"), "{what}: {told}");
        }
        line
    };
    let (path, whole) = (journal(), fs::read(journal()).unwrap());
    let name = format!("log/journal/{}", path.file_name().unwrap().to_str().unwrap());

    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let line = told("a bit");
    assert!(line.contains(&name) && line.contains("SHA-256"), "{line}");
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let line = told("a byte less");
    assert!(line.contains(&name) && line.contains("bytes instead of"), "{line}");
    fs::remove_file(&path).unwrap();
    let line = told("a file less");
    assert!(line.contains(&format!("{name} is missing")), "{line}");
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let line = told("a link");
    assert!(line.contains(&name) && line.contains("cannot be read"), "{line}");
    fs::remove_file(&path).unwrap();
    fs::write(&path, &whole).unwrap();

    let manifest = backup.join("manifest.json");
    let said: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut changed = said.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        fs::write(&manifest, changed.to_string()).unwrap();
    };
    with("/states/0/state_hash", "ab".repeat(32).into());
    let line = told("another state");
    assert!(parent.path().join("restored5/log/superblock").exists(), "all was there but the proof");
    assert!(line.contains("shard 0 is not what the log comes to"), "{line}");
    with("/log/last_hash", "ab".repeat(32).into());
    assert!(told("another end").contains("ends elsewhere"));
    with("/files/0/path", "../../etc/passwd".into());
    let line = told("another place");
    assert!(line.contains("../../etc/passwd"), "{line}");
    with("/version", 2.into());
    assert!(told("a later form").contains("form 2"));
    fs::remove_file(&manifest).unwrap();
    assert!(told("no manifest").contains("cut short"));
}

/// No server starts on it, and nobody else uses it.
fn assert_unusable(data: &Path) {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    for command in [&serve[..], &["wal", "verify"], &["views", "rebuild"]] {
        let (code, line) = refused(&[command, &["--data-dir", text(data)]].concat());
        assert!(code == 1 && line.contains("did not come to its end"), "{command:?}: {line}");
    }
}

#[test]
fn a_restore_that_is_killed_leaves_nothing_that_is_used_and_is_begun_anew() {
    let Backed { parent, backup, server, .. } = backed();
    stop(server);
    let restored = parent.path().join("restored");
    // The first file that is longer than that ends the process by a signal.
    let killed = Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -f 8; exec \"$0\" restore \"$1\" \"$2\""])
        .args([env!("CARGO_BIN_EXE_tollgate"), text(&backup), text(&restored)])
        .output()
        .unwrap();
    assert!(killed.status.signal().is_some(), "{killed:?}");
    assert!(restored.join("log/journal").exists(), "in the middle of it");
    assert_unusable(&restored);
    let secrets = restored.join("secrets");
    fs::create_dir(&secrets).unwrap();
    output(&["restore", text(&backup), text(&restored)], &[]);
    assert!(secrets.exists(), "what is no restore's is left alone");
    output(&["wal", "verify", "--data-dir", text(&restored)], &[]);
    let (code, line) = refused(&["restore", text(&backup), text(&restored)]);
    assert!(code == 2 && line.contains("is not empty"), "{line}");
}

/// A backup of a gateway that was stopped, with one snapshot.
fn backup_with_snapshot(parent: &Path, name: &str) -> PathBuf {
    let (data, backup) = (parent.join(name), parent.join(format!("backup-{name}")));
    let server = Server::start(&data, |_command| {});
    pay(&server.caller(), "one");
    let (address, operator) = (format!("http://{}", server.address()), data.join("operator.key"));
    output(&["snapshot", "--server", &address, "--key-file", text(&operator)], &[]);
    stop(server);
    output(&["backup", text(&backup), "--data-dir", text(&data)], &[]);
    backup
}

fn snapshot_of(backup: &Path) -> PathBuf {
    fs::read_dir(backup.join("log/snapshots")).unwrap().next().unwrap().unwrap().path()
}

/// Puts other bytes into a file of a backup, and makes the manifest say so.
fn replace(backup: &Path, file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
    let place = file.strip_prefix(backup).unwrap().to_str().unwrap();
    let manifest = backup.join("manifest.json");
    let mut said: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let files = said["files"].as_array_mut().unwrap();
    let named = files.iter_mut().find(|file| file["path"] == place).unwrap();
    named["bytes"] = bytes.len().into();
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    named["sha256"] = digest.into();
    fs::write(manifest, said.to_string()).unwrap();
}

#[test]
fn a_snapshot_that_is_not_what_the_log_comes_to_is_not_restored() {
    let parent = tempfile::tempdir().unwrap();
    let backup = backup_with_snapshot(parent.path(), "data");
    let of_another = snapshot_of(&backup_with_snapshot(parent.path(), "other"));
    let (snapshot, of_another) = (snapshot_of(&backup), fs::read(of_another).unwrap());
    let mut damaged = fs::read(&snapshot).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for (number, bytes) in [of_another, damaged].iter().enumerate() {
        replace(&backup, &snapshot, bytes);
        let restored = parent.path().join(format!("restored{number}"));
        let (code, line) = refused(&["restore", text(&backup), text(&restored)]);
        let name = snapshot.strip_prefix(&backup).unwrap();
        assert!(code == 1 && line.contains(text(name)), "{line}");
        assert!(line.contains("--skip-state-hash"), "{line}");
        assert_unusable(&restored);

        let restore = ["restore", "--skip-state-hash", text(&backup), text(&restored)];
        let told = output(&restore, &[]);
        assert!(told.contains("snapshots   1 left out"), "{told}");
        assert!(fs::read_dir(restored.join("log/snapshots")).unwrap().next().is_none());
        assert_eq!(state(&restored), state(&parent.path().join("data")));
    }
}

#[test]
fn the_files_of_a_stopped_gateway_are_backed_up() {
    let parent = tempfile::tempdir().unwrap();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    let server = Server::start(&data, |_command| {});
    pay(&server.caller(), "one");
    let arguments = ["backup", text(&backup), "--data-dir", text(&data)];
    let (code, line) = refused(&arguments);
    assert!(code == 1 && line.contains("another process uses"), "{line}");
    stop(server);
    let told = output(&arguments, &[]);
    assert!(told.contains("records     "), "{told}");
    let restored = parent.path().join("restored");
    output(&["restore", text(&backup), text(&restored)], &[]);
    assert_eq!(state(&restored), state(&data));
}

/// What the log of a data directory comes to.
fn state(data: &Path) -> String {
    let report = output(&["wal", "verify", "--data-dir", text(data)], &[]);
    report.lines().find(|line| line.starts_with("state hash")).unwrap().to_owned()
}

/// A gateway whose payments leave memory at once, and whose segments are compressed.
fn forgetful(data: &Path) -> Server {
    Server::start(data, |command| {
        command
            .env("TOLLGATE__ENGINE__ARCHIVE_AFTER_S", "0")
            .env("TOLLGATE__ENGINE__FINISHED_PAYMENTS", "0")
            .env("TOLLGATE__STORAGE__COMPRESS_SEALED", "true");
    })
}

/// Two payments before each of three snapshots; then the log lets go of what is before the oldest that
/// there is, as it does once that is as old as its retention.
fn cut_log(data: &Path) -> Vec<Value> {
    let server = forgetful(data);
    let address = format!("http://{}", server.address());
    let operator = data.join("operator.key");
    let mut paid = Vec::new();
    for number in 1..=3 {
        paid.extend([1, 2].map(|of_two| pay(&server.caller(), &format!("{number}-{of_two}"))));
        let archived = format!("tollgate_payments_archived {}\n", paid.len());
        until("they have left memory", || server.metrics().contains(&archived));
        output(&["snapshot", "--server", &address, "--key-file", text(&operator)], &[]);
    }
    stop(server);
    let log = data.join("log");
    let snapshots = SnapshotStore::look(&log);
    let oldest = *snapshots.list().unwrap().last().unwrap();
    let checkpoint = snapshots.read(oldest).unwrap().checkpoint().clone();
    assert!(cut_before(&log, &checkpoint).unwrap().segments > 0);
    paid
}

/// Everything that its log no longer tells is shown.
fn shows(server: &Server, paid: &[Value], events: &Value) {
    let caller = server.caller();
    let get = |path: &str| -> Value {
        let answer = caller.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let listed = get("/api/v1/payments?limit=100");
    let listed = listed["data"].as_array().unwrap();
    for payment in paid {
        let path = format!("/api/v1/payments/{}", payment["id"].as_str().unwrap());
        assert_eq!(&get(&path), payment);
        assert!(listed.contains(payment), "{payment}");
        let timeline = get(&format!("{path}/events"));
        let told = timeline["data"].as_array().unwrap().len() as u64;
        assert_eq!(Some(told), payment["sequence"].as_u64(), "{timeline}");
    }
    let now = get("/api/v1/events?limit=100");
    let (now, events) = (now["data"].as_array().unwrap(), events["data"].as_array().unwrap());
    assert_eq!(now.get(..events.len()), Some(&events[..]), "the same, under the same ids");
}

#[test]
fn a_log_that_was_cut_is_backed_up_under_load_with_what_it_no_longer_tells() {
    let parent = tempfile::tempdir().unwrap();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    let paid = cut_log(&data);
    let server = forgetful(&data);
    let events = server.caller().get("/api/v1/events?limit=100").unwrap();
    let events: Value = serde_json::from_str(&events.body).unwrap();
    assert!(events["data"].as_array().unwrap().len() >= paid.len());
    let (address, operator) = (format!("http://{}", server.address()), data.join("operator.key"));
    under_load(&server, || {
        let asked = ["--server", &address, "--key-file", text(&operator)];
        output(&[&["backup", text(&backup)], &asked[..]].concat(), &[]);
    });
    stop(server);
    for store in ["archive", "feed", "views"] {
        assert!(backup.join(store).join("00000001.part").exists(), "{store}");
    }
    let restored = parent.path().join("restored");
    let told = output(&["restore", text(&backup), text(&restored)], &[]);
    assert!(told.contains("shards come to what they had come to"), "{told}");
    bring_secrets(&data, &restored);
    let server = forgetful(&restored);
    shows(&server, &paid, &events);
    stop(server);

    let (backup, again) = (parent.path().join("of-files"), parent.path().join("again"));
    output(&["backup", text(&backup), "--data-dir", text(&data)], &[]);
    output(&["restore", text(&backup), text(&again)], &[]);
    assert_eq!(state(&again), state(&data));

    fs::remove_dir_all(backup.join("feed")).unwrap();
    let (code, line) = refused(&["restore", text(&backup), text(&parent.path().join("half"))]);
    assert!(code == 1 && line.contains("feed/00000001.part is missing"), "{line}");
}

#[test]
fn a_snapshot_is_made_of_a_log_that_no_server_has_open() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let snapshot = ["snapshot", "--data-dir", text(&data)];
    let (code, line) = refused(&snapshot);
    assert!(code == 1 && line.contains("there is no log"), "{line}");
    assert!(!data.exists(), "a wrong directory is left alone");
    let server = Server::start(&data, |_command| {});
    let paid = pay(&server.caller(), "one");
    let (code, line) = refused(&snapshot);
    assert!(code == 1 && line.contains("another process uses"), "{line}");
    stop(server);
    let before = state(&data);
    let told = output(&snapshot, &[]);
    let file = told.lines().find_map(|line| line.strip_prefix("file")).unwrap().trim();
    assert!(data.join(file).exists(), "{told}");
    assert_eq!(state(&data), before, "nothing was decided");

    let server = Server::start(&data, |_command| {});
    assert_eq!(pay(&server.caller(), "one"), paid, "its key is known");
    stop(server);
    let log = fs::read_to_string(data.with_extension("stderr")).unwrap();
    assert!(log.contains("records=0"), "the start has nothing to replay: {log}");
}

#[test]
fn views_that_the_log_could_not_make_again_stop_a_start_and_stay() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    cut_log(&data);
    let damaged = data.join("views/damaged");
    fs::write(&damaged, "").unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let serve = [&serve[..], &["--data-dir", text(&data)]].concat();
    let (code, line) = refused(&serve);
    assert!(code == 1 && line.contains("views rebuild"), "{line}");
    assert!(damaged.exists() && data.join("views/store").exists(), "they are left as they are");

    let rebuild = ["views", "rebuild", "--data-dir", text(&data)];
    let (code, line) = refused(&rebuild);
    assert!(code == 1 && line.contains("would be missing in lists"), "{line}");
    assert!(damaged.exists());
    output(&[&rebuild[..], &["--from-the-beginning-of-the-log"]].concat(), &[]);
    stop(forgetful(&data));
}
