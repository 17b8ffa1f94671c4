//! The binary from outside: what it prints and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "cli/backup.rs"]
mod backup;
#[path = "cli/damage.rs"]
mod damage;
#[path = "cli/events.rs"]
mod events;
#[path = "cli/export.rs"]
mod export;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/replay.rs"]
mod replay;
#[path = "process/server.rs"]
mod server;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::server::{Server, until};

/// Runs the binary to its end: exit code and error output.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What the binary prints where all is good.
fn output(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
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

#[test]
fn views_are_built_anew_while_no_server_runs() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let rebuild = ["views", "rebuild", "--data-dir", data.to_str().unwrap()];
    let (code, line) = run(&rebuild, &[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    assert!(!data.exists(), "a wrong directory is left alone");
    let server = Server::start(&data, |_command| {});
    let caller = server.caller();
    let body = r#"{"amount":"100.00","currency":"INR","payment_method":"card","card":{"number":"4242424242424242","expiry_month":12,"expiry_year":2040,"cvv":"123"}}"#;
    for _payment in 0..3 {
        assert_eq!(caller.pay("", body).unwrap().status, 201);
    }
    let (code, line) = run(&rebuild, &[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    server.signal("TERM");
    assert!(server.ended().0.success());
    let told = output(&rebuild, &[]);
    // Two records for each payment, and those of the demo merchant and its keys.
    let records = told.lines().find_map(|line| line.strip_prefix("records")).unwrap();
    assert!(records.trim().parse::<u64>().unwrap() > 6, "{told}");
    assert!(told.contains("rate "), "{told}");
}

#[test]
fn the_log_is_json_line_by_line_and_holds_no_secret() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let server = Server::start(&data, |command| {
        command
            .env("TOLLGATE__LOG__FORMAT", "json")
            .env("TOLLGATE__LOG__LEVEL", "info,tollgate=trace")
            .env("TOLLGATE__LOG__ACCESS", "all");
    });
    let caller = server.caller();
    let body = r#"{"amount":"100.00","currency":"INR","payment_method":"card","card":{"number":"4242424242424242","expiry_month":12,"expiry_year":2040,"cvv":"123","holder_name":"A Holder"},"customer":{"email":"someone@example.com"}}"#;
    let paid = caller.pay("X-Request-Id: mine-1\r\n", body).unwrap();
    assert_eq!(paid.status, 201, "{}", paid.body);
    assert_eq!(caller.pay("X-Request-Id: mine-2\r\n", "{\"a\":").unwrap().status, 400);
    assert_eq!(caller.get("/a-path-of-mine?card=5555555555554444").unwrap().status, 404);
    caller.pay("X-Request-Id: 4242424242424242\r\n", "{}").unwrap();
    let key = fs::read_to_string(data.join("demo.key")).unwrap();
    server.signal("TERM");
    assert!(server.ended().0.success());

    let log = fs::read_to_string(data.with_extension("stderr")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}")))
        .collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    let of = |id: &str| {
        let found: Vec<_> = lines
            .iter()
            .filter(|line| line["target"] == "tollgate::access" && line["request_id"] == id)
            .collect();
        assert_eq!(found.len(), 1, "{id}: {log}");
        found[0]
    };
    let line = of("mine-1");
    assert_eq!((&line["level"], &line["status"]), (&"INFO".into(), &201.into()));
    assert_eq!((&line["route"], &line["method"]), (&"/api/v1/payments".into(), &"POST".into()));
    assert!(line["merchant_id"].as_str().unwrap().starts_with("mer_"), "{line}");
    assert!(line["key_id"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
    assert!(line["duration_us"].as_u64().unwrap() > 0, "{line}");
    let line = of("mine-2");
    assert_eq!((&line["status"], &line["code"]), (&400.into(), &"body_invalid".into()));
    of("(withheld)");
    let secrets = [
        key.trim(),
        "4242424242424242",
        "5555555555554444",
        "a-path-of-mine",
        "someone@example.com",
        "A Holder",
        "127.0.0.1:",
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

/// All of it at once, each in a line of its own with where it was said.
#[test]
fn every_fault_of_the_configuration_is_told_with_its_place() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("tollgate.toml");
    fs::write(&file, "[payments]\nwait = 5\n\n[server]\nlisten = \"nowhere\"\n").unwrap();
    let file = file.to_str().unwrap();
    let environment = [("TOLLGATE__STORAGE__SHARDS", "0")];
    let expected = format!(
        "tollgate: {file}:2: payments.wait: there is no such key; did you mean payments.wait_ms?\n\
         tollgate: {file}:5: server.listen: invalid socket address syntax\n\
         tollgate: TOLLGATE__STORAGE__SHARDS: storage.shards: found 0, expected a whole number \
         above zero\n"
    );
    for command in [&["serve"][..], &["config", "check"], &["config", "print"]] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--config", file]).collect();
        assert_eq!(run(&arguments, &environment), (Some(2), expected.clone()), "{command:?}");
    }
}

#[test]
fn a_good_configuration_is_told_with_what_is_not_the_default() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("tollgate.toml");
    fs::write(&file, "[payments]\nwait_ms = 5\n").unwrap();
    let file = file.to_str().unwrap();
    let environment = [("TOLLGATE__LOG__LEVEL", "debug")];
    let said = output(&["config", "check", "--config", file], &environment);
    let expected = format!(
        "good\npayments.wait_ms = 5  # {file}:2\nlog.level = \"debug\"  # TOLLGATE__LOG__LEVEL\n"
    );
    assert_eq!(said, expected);
    // What is printed is a file that comes to the same.
    let printed = output(&["config", "print", "--config", file], &environment);
    assert!(printed.contains(&format!("wait_ms = 5 # {file}:2\n")), "{printed}");
    let again = parent.path().join("again.toml");
    fs::write(&again, printed).unwrap();
    let again = again.to_str().unwrap();
    let said = output(&["config", "check", "--config", again], &[]);
    assert!(said.contains("payments.wait_ms = 5") && said.contains("log.level = \"debug\""));
    let defaults = output(&["config", "print", "--defaults"], &environment);
    assert!(defaults.starts_with("# Tollgate's defaults.") && !defaults.contains("debug\" #"));
}

/// What only a component can judge is asked of it.
#[test]
fn a_check_of_the_configuration_knows_what_a_start_would_refuse() {
    for (variable, value, told) in [
        ("TOLLGATE__STORAGE__SEGMENT_BYTES", "0", "segment_bytes"),
        ("TOLLGATE__STORAGE__MIN_FREE_BYTES", "1", "min_free_bytes"),
        ("TOLLGATE__LOG__LEVEL", "===", "log.level"),
    ] {
        let (code, line) = run(&["config", "check"], &[(variable, value)]);
        assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains(told), "{line}");
    }
}

/// Whoever finds a fault, it is told with the line that has to be changed.
#[test]
fn what_a_component_refuses_is_told_with_its_line() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("tollgate.toml");
    let file = path.to_str().unwrap();
    let data = parent.path().join("data");
    let free = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data-dir"];
    for (text, told) in [
        ("[emi]\nbrands = [\"Visa\"]\n", "emi.brands: no card network is \"Visa\"\n"),
        (
            "[methods]\ncard_bins = \"/nowhere.csv\"\n",
            "methods.card_bins: cannot read /nowhere.csv: ",
        ),
        (
            "[webhooks]\nca_file = \"/nowhere.pem\"\n",
            "webhooks.ca_file: cannot read /nowhere.pem: ",
        ),
        (
            "[providers.simulator]\ncallback_secret_file = \"/nowhere.key\"\n",
            "providers.simulator.callback_secret_file: /nowhere.key is not there",
        ),
        ("[providers.simulator]\ncallback_url = \"here\"\n", "providers.simulator.callback_url: "),
        (
            "[storage]\nsegment_bytes = 1073741824\n",
            "storage.min_free_bytes: cannot start the engine: ",
        ),
        ("[storage]\nsegment_bytes = 0\n", "storage.segment_bytes: "),
        ("[log]\nlevel = \"===\"\n", "log.level: no level and no list of directives: "),
        ("[providers.simulator]\nfaults = \"sulk\"\n", "providers.simulator.faults: "),
    ] {
        fs::write(&path, text).unwrap();
        let expected = format!("tollgate: {file}:2: {told}");
        let mut serve = vec!["serve", "--config", file];
        serve.extend(free.into_iter().chain([data.to_str().unwrap()]));
        for command in [&["config", "check", "--config", file][..], &serve] {
            let (code, line) = run(command, &[]);
            assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
            assert!(line.starts_with(&expected), "{command:?}: {line}");
        }
    }
}

/// The configuration's own faults and those of all components come in one run, in the file's order.
#[test]
fn what_components_refuse_is_told_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("tollgate.toml");
    let text = "\
        [log]\nlevel = \"===\"\n\
        [payments]\nwait = 5\n\
        [storage]\nsegment_bytes = 0\n\
        [methods]\ncard_bins = \"/nowhere.csv\"\n\
        [emi]\nbrands = [\"Visa\", \"amex\", \"Foo\"]\n\
        [providers.simulator]\nfaults = \"sulk\"\nurl = \"ftp://x\"\n\
        [webhooks]\nca_file = \"/nowhere.pem\"\n";
    fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap();
    let wrong = [2, 4, 6, 8, 10, 12, 13, 15];
    for command in [&["config", "check", "--config", file][..], &["serve", "--config", file]] {
        let (code, told) = run(command, &[]);
        let places: Vec<_> = told.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(code, Some(2), "{told}");
        assert_eq!(places, wrong.map(|line| format!("{file}:{line}:")), "{told}");
        assert!(told.contains("no card network is \"Visa\" or \"Foo\"\n"), "{told}");
    }
    // The simulator alone reads its own sections, and tells what it refuses of them.
    let unsigned = "[log]\nlevel = \"===\"\n[providers.simulator]\ncallback_url = \"http://h/p\"\n\
                    faults = \"sulk\"\n[emi]\nbrands = [\"Visa\"]\n";
    fs::write(&path, unsigned).unwrap();
    let (code, told) = run(&["simulator", "--config", file], &[]);
    let keys: Vec<_> = told.lines().map(|line| line.split(": ").nth(2).unwrap()).collect();
    let expected = ["log.level", "providers.simulator.callback_url", "providers.simulator.faults"];
    assert_eq!((code, &keys[..]), (Some(2), &expected[..]), "{told}");
}

#[test]
fn help_teaches_and_shells_can_complete() {
    for arguments in [&["--help"][..], &["serve", "--help"]] {
        let help = output(arguments, &[]);
        for taught in ["Examples:", "Exit codes:", "TOLLGATE__SECTION__KEY", "config check"] {
            assert!(help.contains(taught), "{taught}: {help}");
        }
    }
    assert!(output(&["wal", "tail", "--help"], &[]).contains("durable"));
    assert_eq!(output(&["--version"], &[]), format!("tollgate {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = output(&["completions", shell], &[]);
        assert!(script.contains("metrics-listen") && script.contains("dump"), "{shell}");
    }
    assert_eq!(run(&["completions", "dos"], &[]).0, Some(2));
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

/// Everybody would silently count as erased.
#[test]
fn keys_that_are_gone_end_a_start_with_1() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let server = Server::start(&data, |_command| {});
    server.signal("TERM");
    server.ended();
    fs::remove_dir_all(data.join("keys")).unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data-dir"];
    let arguments = ["serve"].into_iter().chain(listen).chain([data.to_str().unwrap()]);
    let (code, line) = run(&arguments.collect::<Vec<_>>(), &[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    assert!(line.contains("keys.store is missing; put it back, or remove"), "{line}");
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

/// A payment that is approved.
fn pay(server: &Server) {
    let card = r#"{"number":"4242424242424242","expiry_month":12,"expiry_year":2040}"#;
    let body =
        format!(r#"{{"amount":"1.00","currency":"INR","payment_method":"card","card":{card}}}"#);
    let answer = server.caller().pay("", &body).unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn the_log_is_dumped_as_json_lines_and_tailed_while_a_server_writes_it() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let data_dir = data.to_str().unwrap();
    let server = Server::start(&data, |_command| {});
    // From now on: the merchant is there already, so what it prints first is the payment.
    let mut follower = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["wal", "tail", "--limit", "2", "--data-dir", data_dir])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    pay(&server);
    let read = ["wal", "tail", "--from", "1", "--no-follow", "--data-dir", data_dir];
    // Acknowledged, so it is there for whoever reads the running server's log.
    let live = output(&read, &[]);
    let (code, line) = run(&["wal", "dump", "--data-dir", data_dir], &[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    assert!(line.contains("tollgate wal tail --from 1 --no-follow"), "{line}");
    // It may have begun to follow only just now.
    until("the follower has seen enough", || {
        pay(&server);
        follower.try_wait().unwrap().is_some()
    });
    let followed = follower.wait_with_output().unwrap();
    assert!(followed.status.success());
    let followed = String::from_utf8(followed.stdout).unwrap();
    server.signal("TERM");
    server.ended();

    let dumped = output(&["wal", "dump", "--data-dir", data_dir], &[]);
    assert!(dumped.starts_with(&live), "{live}{dumped}");
    assert!(dumped.contains(&followed) && followed.lines().count() == 2, "{followed}{dumped}");
    let lines: Vec<&str> = dumped.lines().collect();
    let parts = |line: &str, names: &[&str]| {
        for name in names {
            assert!(line.contains(name), "{name}: {line}");
        }
    };
    parts(
        lines[0],
        &[
            r#"{"sequence":1,"shard":0,"shard_sequence":1,"time":"20"#,
            r#""kind":"control","events":[{"event":"merchant_created","merchant":"mer_"#,
            r#"{"event":"api_key_issued","key":"key_"#,
            r#""idempotency":null,"effects":[]}"#,
        ],
    );
    parts(
        lines[1],
        &[
            r#"{"sequence":2,"shard":"#,
            r#""kind":"payments","events":[{"event":"payment_created","payment":"pay_"#,
            r#""amount_minor":100,"currency":"INR","capture":"automatic","payment_method":"card""#,
            r#""last4":"4242""#,
            r#"{"event":"attempt_started","payment":"pay_"#,
            r#""effects":[{"effect":"authorize","payment":"pay_"#,
        ],
    );
    parts(lines[2], &[r#""event":"attempt_approved""#, r#""source":"call","receipt":{"#]);
    assert!(!dumped.contains("4242424242424242"));

    let choose = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["wal", "dump", "--data-dir", data_dir].iter().chain(more).copied().collect();
        output(&arguments, &[])
    };
    assert_eq!(choose(&["--shard", "0"]).trim_end(), lines[0]);
    assert_eq!(choose(&["--from", "2", "--to", "2"]).trim_end(), lines[1]);
    assert_eq!(choose(&["--from", "2", "--limit", "1"]).trim_end(), lines[1]);
    assert_eq!(choose(&["--from", "99"]), "");
}

#[test]
fn copies_of_a_log_verify_to_the_same_state() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
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
