//! The gateway and the simulator as two processes, of which the second is killed in the middle.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "process/server.rs"]
mod server;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
};

use serde_json::Value;

use crate::server::{Caller, Server, until};

/// `tollgate simulator`; it is killed when the test ends early.
struct Simulator {
    process: Child,
    address: String,
}

impl Simulator {
    fn start(data: &Path, listen: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["simulator", "--listen", listen, "--data-dir"])
            .arg(data)
            // Long enough that some calls are under way at any moment.
            .env("TOLLGATE__PROVIDERS__SIMULATOR__LATENCY_MS", "20")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("simulator on http://").unwrap().to_owned();
        Self { process, address }
    }

    /// The body of what it answers.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body.to_owned()
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Already ended in every good run.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Approvals of each payment, by the simulator's own books as the gateway shows them.
fn approvals(operator: &Caller) -> Option<HashMap<String, u32>> {
    let (mut approvals, mut after) = (HashMap::new(), 0);
    loop {
        let answer = operator.get(&format!("/simulator/ledger?after={after}&limit=1000"))?;
        if answer.status != 200 {
            return None;
        }
        let page: Value = serde_json::from_str(&answer.body).unwrap();
        for entry in page["data"].as_array().unwrap() {
            if entry["state"] == "approved" {
                let payment = entry["payment_id"].as_str().unwrap().to_owned();
                *approvals.entry(payment).or_default() += 1;
            }
        }
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return Some(approvals),
        }
    }
}

/// The payment that an answer speaks of, whatever it says of it.
fn payment_id(body: &str) -> String {
    let start = body.find("pay_").unwrap_or_else(|| panic!("no payment: {body}"));
    body[start..start + 30].to_owned()
}

#[test]
fn a_simulator_that_is_killed_in_the_middle_charges_nobody_twice() {
    const PAYERS: usize = 8;
    const PAYMENTS: usize = 30;
    let parent = tempfile::tempdir().unwrap();
    let books = parent.path().join("books");
    let simulator = Simulator::start(&books, "127.0.0.1:0");
    let address = simulator.address.clone();
    let data = parent.path().join("data");
    let server = Server::start(&data, |command| {
        command
            .env("TOLLGATE__PROVIDERS__SIMULATOR__URL", format!("http://{address}"))
            .env("TOLLGATE__PROVIDERS__SIMULATOR__INQUIRY_HORIZON_MS", "500")
            .env("TOLLGATE__PAYMENTS__WAIT_MS", "300");
    });
    assert!(!data.join("simulator").exists(), "the books are the other process's");
    let operator = server.operator();
    let answers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for payer in 0..PAYERS {
            let (caller, answers) = (server.caller(), &answers);
            scope.spawn(move || {
                for number in 0..PAYMENTS {
                    let card = r#"{"number":"4242424242424242","expiry_month":12,"expiry_year":2040}"#;
                    let body = format!(
                        r#"{{"amount":"1.00","currency":"INR","payment_method":"card","card":{card}}}"#
                    );
                    let key = format!("Idempotency-Key: {payer}-{number}\r\n");
                    let answer = caller.pay(&key, &body).unwrap();
                    answers.lock().unwrap().push((answer.status, payment_id(&answer.body)));
                }
            });
        }
        let answered = || answers.lock().unwrap().len();
        until("some payments are made", || answered() >= 2 * PAYERS);
        simulator.kill();
        assert!(approvals(&operator).is_none(), "its books are closed");
        // Whoever comes now finds nobody.
        let before = answered();
        until("some find nobody", || answered() >= (before + 2 * PAYERS).min(PAYERS * PAYMENTS));
    });
    // On the same books and at the same address, for those that are unknown.
    let simulator = Simulator::start(&books, &address);
    let answers = answers.into_inner().unwrap();
    assert_eq!(answers.len(), PAYERS * PAYMENTS);
    let caller = server.caller();
    let mut completed = 0;
    let mut states = HashMap::new();
    for (status, id) in &answers {
        let mut state = String::new();
        until("every payment has an outcome", || {
            let answer = caller.get(&format!("/api/v1/payments/{id}")).unwrap();
            let payment: Value = serde_json::from_str(&answer.body).unwrap();
            state = payment["status"].as_str().unwrap().to_owned();
            state == "completed" || state == "failed"
        });
        // What was said stays said.
        match status {
            201 => assert_eq!(state, "completed"),
            402 => assert_eq!(state, "failed"),
            other => assert_eq!(*other, 202),
        }
        completed += u32::from(state == "completed");
        states.insert(id.clone(), state);
    }
    assert_eq!(states.len(), answers.len());
    let approvals = approvals(&operator).unwrap();
    for (id, state) in &states {
        let approved = approvals.get(id).copied().unwrap_or(0);
        assert_eq!(approved, u32::from(state == "completed"), "{id} is {state}");
    }
    assert_eq!(approvals.len(), usize::try_from(completed).unwrap());
    assert!(completed > 0 && states.values().any(|state| state == "failed"), "{states:?}");
    // The simulator says the same to whoever asks it directly.
    let page = "/ledger?after=0&limit=1000";
    let proxied = operator.get(&format!("/simulator{page}")).unwrap();
    assert_eq!(simulator.get(page), proxied.body);
    assert!(server.metrics().contains("tollgate_log_failed 0"));

    // It was sent every card, and keeps none.
    let kept = std::fs::read(books.join("simulator/ledger.log")).unwrap();
    assert!(!kept.windows(16).any(|window| window == b"4242424242424242"));

    server.signal("TERM");
    assert_eq!(server.ended().0.code(), Some(0));
    Command::new("kill")
        .args(["-s", "TERM", &simulator.process.id().to_string()])
        .status()
        .unwrap();
    let mut simulator = simulator;
    assert_eq!(simulator.process.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_and_faults_are_checked_before_anything_starts() {
    for (variable, value, command) in [
        ("TOLLGATE__PROVIDERS__SIMULATOR__URL", "https://example.org", &["config", "check"][..]),
        ("TOLLGATE__PROVIDERS__SIMULATOR__FAULTS", "sunshine", &["config", "check"]),
        (
            "TOLLGATE__PROVIDERS__SIMULATOR__FAULTS",
            "sunshine",
            &["simulator", "--listen", "127.0.0.1:0"],
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(command)
            .env(variable, value)
            .current_dir(directory.path())
            .output()
            .unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains("providers.simulator.") && line.contains(value), "{line}");
    }
}
