//! The binary from outside: what it prints and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "process/server.rs"]
mod server;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Command,
};

use crate::server::Server;

/// Runs the binary to its end: exit code and error output.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn help_names_the_variable_of_the_operators_key() {
    for arguments in [&["--help"][..], &["serve", "--help"]] {
        let binary = env!("CARGO_BIN_EXE_tollgate");
        let secret = [("TOLLGATE_ADMIN_KEY", "ak_secret")];
        let output = Command::new(binary).args(arguments).envs(secret).output().unwrap();
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(help.contains("TOLLGATE_ADMIN_KEY") && !help.contains("ak_secret"), "{help}");
    }
}

#[test]
fn faults_of_the_one_who_starts_it_end_with_2_and_all_others_with_1() {
    let (code, _usage) = run(&["--no-such-flag"], &[]);
    assert_eq!(code, Some(2));
    for (variable, value, told) in [
        ("TOLLGATE__PAYMENTS__WAIT", "1", "payments.wait"),
        ("TOLLGATE__STORAGE__SHARDS", "0", "storage.shards"),
        ("TOLLGATE__LOG__LEVEL", "===", "log.level"),
    ] {
        let (code, line) = run(&["serve"], &[(variable, value)]);
        assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.starts_with("tollgate: ") && line.contains(told), "{line}");
    }
    let (code, line) = run(&["wal", "verify", "--data-dir", "/nowhere"], &[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
}

/// The log knows the range itself, and is asked only once it is opened.
#[test]
fn an_option_that_the_log_refuses_ends_with_2() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let listen = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data-dir"];
    let arguments = ["serve"].into_iter().chain(listen).chain([data.to_str().unwrap()]);
    let arguments: Vec<&str> = arguments.collect();
    for bytes in ["0", "1073741825"] {
        let (code, line) = run(&arguments, &[("TOLLGATE__STORAGE__SEGMENT_BYTES", bytes)]);
        assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.starts_with("tollgate: ") && line.contains("segment_bytes"), "{line}");
    }
}

#[test]
fn a_data_directory_belongs_to_one_process_at_a_time() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let server = Server::start(&data, |_command| {});
    // A write of the running server that is not finished; a start would cut it off.
    let ledger = data.join("simulator/ledger.log");
    OpenOptions::new().append(true).open(ledger).unwrap().write_all(b"begun").unwrap();
    let before = contents(&data);
    let data_dir = data.to_str().unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let second: Vec<&str> = ["serve", "--data-dir", data_dir].into_iter().chain(listen).collect();
    for arguments in [&second[..], &["wal", "verify", "--data-dir", data_dir]] {
        let (code, line) = run(arguments, &[]);
        assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
        let told = format!("another process uses the data directory {data_dir}");
        assert!(line.starts_with("tollgate: ") && line.contains(&told), "{line}");
    }
    assert_eq!(contents(&data), before, "nothing was touched");
    assert!(server.metrics().contains("tollgate_log_failed 0"));
    assert_eq!(server.operator().get("/simulator/ledger").unwrap().status, 200);
    server.signal("KILL");
    server.ended();
    // The lock goes with the process, the file may stay.
    let server = Server::start(&data, |_command| {});
    server.signal("TERM");
    assert_eq!(server.ended().0.code(), Some(0));
}

/// The ledger's bytes, which a start may cut, and the names of the secrets, which a start may make.
fn contents(data: &Path) -> (Vec<u8>, Vec<std::ffi::OsString>) {
    let ledger = fs::read(data.join("simulator/ledger.log")).unwrap();
    let secrets = fs::read_dir(data.join("secrets")).unwrap();
    (ledger, secrets.map(|entry| entry.unwrap().file_name()).collect())
}

#[test]
fn a_served_gateway_says_where_it_is_and_ends_well_on_sigterm() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let server = Server::start(&data, |_command| {});
    server.signal("TERM");
    let (status, said) = server.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    let mut lines = said.lines();
    let mut line = || lines.next().unwrap();
    assert!(line().starts_with("listening on http://127.0.0.1:"));
    assert!(line().starts_with("metrics on http://127.0.0.1:"));
    assert!(line().starts_with("operator key, shown once: ak_"));
    let key = fs::read_to_string(data.join("demo.key")).unwrap();
    assert_eq!(line(), format!("demo merchant's test key: {key}"));
    let pasted = line();
    let command = pasted.strip_prefix("try: ").unwrap();
    assert!(command.starts_with("curl http://127.0.0.1:") && command.contains(&key), "{command}");
}

#[test]
fn copies_of_a_log_verify_to_the_same_state() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let pay = |server: &Server| {
        let card = r#"{"number":"4242424242424242","expiry_month":12,"expiry_year":2040}"#;
        let body = format!(
            r#"{{"amount":"1.00","currency":"INR","payment_method":"card","card":{card}}}"#
        );
        let answer = server.caller().pay("", &body).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    let server = Server::start(&data, |_command| {});
    pay(&server);
    server.signal("TERM");
    server.ended();
    let report = verified(&data, &["--verbose"]);
    for line in ["merchants   1", "payments    1", "invariants  hold"] {
        assert!(report.lines().any(|found| found == line), "{report}");
    }
    assert_eq!(report.lines().filter(|line| line.starts_with("shard ")).count(), 65, "{report}");

    let copy = parent.path().join("copy");
    assert!(Command::new("cp").arg("-r").args([&data, &copy]).status().unwrap().success());
    let first = state_hash(&verified(&data, &[]));
    assert_eq!(first.len(), 64);
    assert_eq!(state_hash(&verified(&copy, &[])), first);

    let server = Server::start(&copy, |_command| {});
    pay(&server);
    server.signal("TERM");
    server.ended();
    assert_ne!(state_hash(&verified(&copy, &[])), first);
}

/// The report on a log that is well.
fn verified(data: &Path, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["wal", "verify", "--data-dir"])
        .arg(data)
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn state_hash(report: &str) -> String {
    let line = report.lines().find_map(|line| line.strip_prefix("state hash  "));
    line.unwrap_or_else(|| panic!("{report}")).to_owned()
}
