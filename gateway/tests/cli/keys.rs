//! Keys and merchants of a running gateway, managed from the command line.

use std::fs;

use serde_json::Value;

use super::{output, run};
use crate::server::{Caller, Server};

/// A running gateway, and how its operator asks it.
struct Stage {
    server: Server,
    operator_key: String,
    address: String,
    parent: tempfile::TempDir,
}

impl Stage {
    fn start() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let server = Server::start(&data, |_command| {});
        let operator_key = fs::read_to_string(data.join("operator.key")).unwrap();
        let address = format!("http://{}", server.address());
        Self { server, operator_key, address, parent }
    }

    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        arguments.iter().copied().chain(["--server", &self.address]).collect()
    }

    /// What a command of the operator's prints where all is good.
    fn told(&self, arguments: &[&str]) -> String {
        output(&self.arguments(arguments), &[("TOLLGATE_ADMIN_KEY", &self.operator_key)])
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.told(&arguments)).unwrap()
    }

    /// How a command of the operator's fails: its exit code and its only line.
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        self.refused_by(arguments, &[("TOLLGATE_ADMIN_KEY", &self.operator_key)])
    }

    fn refused_by(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
        let (code, line) = run(&self.arguments(arguments), environment);
        assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
        assert!(line.starts_with("tollgate: "), "{line}");
        (code.unwrap(), line)
    }

    /// A payment with that key: its status.
    fn pay_by(&self, key: &str) -> u16 {
        let card = r#"{"number":"4242424242424242","expiry_month":12,"expiry_year":2040}"#;
        let body = format!(
            r#"{{"amount":"1.00","currency":"INR","payment_method":"card","card":{card}}}"#
        );
        let caller: Caller = self.server.caller().by(key);
        caller.pay("", &body).unwrap().status
    }

    /// A new merchant: its id, and its test key.
    fn merchant(&self, name: &str) -> (String, String) {
        let merchant = self.json(&["merchants", "create", name]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&merchant["id"]), text(&merchant["api_keys"]["secret_test"]))
    }
}

/// The value in the line of that name.
fn value<'t>(told: &'t str, name: &str) -> &'t str {
    let line = told.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name}: {told}")).trim()
}

#[test]
fn a_merchant_is_registered_renamed_suspended_and_resumed() {
    let stage = Stage::start();
    let told = stage.told(&["merchants", "create", "Asha Books", "--email", "owner@asha.example"]);
    let id = value(&told, "id");
    let key = value(&told, "test key, shown once");
    assert!(value(&told, "live key, shown once").starts_with("sk_live_"), "{told}");
    assert_eq!(value(&told, "email"), "owner@asha.example");
    assert_eq!(stage.pay_by(key), 201);

    let told = stage.told(&["merchants", "rename", id, "Asha & Co"]);
    assert_eq!((value(&told, "name"), value(&told, "status")), ("Asha & Co", "active"));
    assert!(!told.contains("shown once"), "keys are shown once: {told}");
    let told = stage.told(&["merchants", "suspend", id]);
    assert_eq!(value(&told, "status"), "suspended");
    assert_eq!(stage.pay_by(key), 403);
    stage.told(&["merchants", "resume", id]);
    assert_eq!(stage.pay_by(key), 201);

    let listed = stage.told(&["merchants", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "a heading, this one and the demo merchant: {listed}");
    assert!(lines[0].starts_with("ID ") && lines[1].starts_with(id), "newest first: {listed}");
    assert!(lines[1].contains("Asha & Co") && lines[2].contains("Demo merchant"), "{listed}");
    let shown = stage.json(&["merchants", "show", id]);
    assert_eq!((&shown["object"], &shown["name"]), (&"merchant".into(), &"Asha & Co".into()));
}

#[test]
fn a_merchants_keys_are_issued_rotated_and_revoked() {
    let stage = Stage::start();
    let (merchant, _first) = stage.merchant("Acme");
    let of_merchant = |arguments: &[&'static str]| -> Vec<String> {
        let all = arguments.iter().copied().chain(["--merchant", &merchant]);
        all.map(str::to_owned).collect()
    };
    let told = |arguments: Vec<String>| {
        stage.told(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let issued = told(of_merchant(&["keys", "issue", "--name", "till 3"]));
    let (id, old) = (value(&issued, "id"), value(&issued, "key, shown once"));
    assert_eq!((value(&issued, "name"), value(&issued, "mode")), ("till 3", "test"));
    assert!(issued.contains("payments:write"), "{issued}");
    assert_eq!(stage.pay_by(old), 201);

    let rotate = ["keys", "rotate", id, "--overlap", "3600", "--merchant", &merchant];
    let rotated = stage.told(&rotate);
    let (successor, new) = (value(&rotated, "id"), value(&rotated, "key, shown once"));
    assert_eq!((stage.pay_by(old), stage.pay_by(new)), (201, 201), "both, for an hour");
    let (code, line) = stage.refused(&rotate);
    assert!(code == 1 && line.contains("api_key_unexpected_state"), "{line}");

    let revoked = stage.told(&["keys", "revoke", id, "--merchant", &merchant]);
    assert_eq!(value(&revoked, "status"), "revoked");
    assert_eq!(value(&revoked, "replaced by"), successor);
    assert_eq!((stage.pay_by(old), stage.pay_by(new)), (401, 201));

    let listed = told(of_merchant(&["keys", "list"]));
    assert_eq!(listed.lines().count(), 5, "a heading, two first keys and two tills: {listed}");
    for text in [old, new] {
        assert!(!listed.contains(text), "{listed}");
    }
    let page = ["keys", "issue", "--publishable", "--mode", "live", "--merchant", &merchant];
    assert!(value(&stage.told(&page), "key, shown once").starts_with("pk_live_"));
    let few = ["--scope", "payments:read", "--scope", "keys:read", "--expires-in", "60"];
    let issue = ["keys", "create", "--merchant", &merchant].into_iter().chain(few);
    let key = stage.json(&issue.collect::<Vec<_>>());
    assert_eq!(key["scopes"], serde_json::json!(["payments:read", "keys:read"]));
    assert!(key["expires_at"].is_string());
    assert_eq!(stage.pay_by(key["key"].as_str().unwrap()), 403);
}

#[test]
fn operators_and_merchants_manage_their_own_keys() {
    let stage = Stage::start();
    let support = ["keys", "issue", "--operators", "--scope", "merchants:read"];
    let support = stage.json(&support);
    assert_eq!(support["kind"], "operator");
    let support = support["key"].as_str().unwrap();
    // A flag goes before the environment.
    let listed = stage.told(&["merchants", "list", "--key", support]);
    assert!(listed.contains("Demo merchant"), "{listed}");
    let (code, line) = stage.refused(&["merchants", "create", "Shop", "--key", support]);
    assert!(code == 1 && line.contains("scope_missing"), "{line}");
    assert!(!line.contains(support), "{line}");
    let operators = stage.json(&["keys", "list", "--operators"]);
    assert_eq!(operators["data"].as_array().unwrap().len(), 1, "{operators}");

    let demo = stage.parent.path().join("data/demo.key");
    let own = ["keys", "list", "--json", "--key-file", demo.to_str().unwrap()];
    let own: Value = serde_json::from_str(&stage.told(&own)).unwrap();
    assert_eq!((&own["url"], &own["data"][0]["mode"]), (&"/api/v1/keys".into(), &"test".into()));
}

/// More than the API gives in one page.
#[test]
fn lists_are_whole() {
    let stage = Stage::start();
    for _ in 0..101 {
        stage.server.operator().post("/api/v1/merchants", r#"{"name":"Shop"}"#).unwrap();
    }
    let all = stage.json(&["merchants", "list"]);
    assert_eq!((&all["object"], &all["has_more"]), (&"list".into(), &false.into()));
    let mut ids: Vec<&str> =
        all["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 102);
    ids.dedup();
    assert_eq!(ids.len(), 102);
}

#[test]
fn what_has_to_be_asked_otherwise_ends_with_2_and_all_else_with_1() {
    let stage = Stage::start();
    let (merchant, _key) = stage.merchant("Acme");
    let unknown = "mer_00000000000000000000000007";
    for (arguments, code, told) in [
        (&["merchants", "create", ""][..], 2, "/name"),
        (&["merchants", "create", "Shop", "--email", "nowhere"], 2, "/email"),
        (&["keys", "issue", "--merchant", &merchant, "--expires-at", "soon"], 2, "/expires_at"),
        (&["merchants", "show", unknown], 1, "merchant_not_found"),
        (&["keys", "list"], 1, "merchant_key_required"),
        (&["merchants", "list", "--key", "ak_wrong"], 1, "api_key_invalid"),
        (&["merchants", "list", "--key", "ak wrong\u{7f}"], 2, "no key"),
        (&["merchants", "list", "--key-file", "/nowhere"], 2, "/nowhere"),
    ] {
        let (found, line) = stage.refused(arguments);
        assert!(found == code && line.contains(told), "{arguments:?}: {found} {line}");
        assert!(!line.contains("wrong") && !line.contains(&stage.operator_key), "{line}");
    }
    let (code, line) = stage.refused_by(&["merchants", "list"], &[("TOLLGATE_ADMIN_KEY", "")]);
    assert!(code == 2 && line.contains("TOLLGATE_ADMIN_KEY"), "{line}");
    for arguments in [
        &["merchants", "show", "mer_1/keys"][..],
        &["keys", "list", "--operators", "--merchant", unknown],
        &["keys", "issue", "--operators", "--publishable"],
        &["keys", "issue", "--scope", "everything"],
        &["keys", "rotate", "key_1"],
        &["keys"],
    ] {
        let (code, _usage) = run(arguments, &[]);
        assert_eq!(code, Some(2), "{arguments:?}");
    }
    let (code, _usage) = run(&["keys", "list", "--server", "https://h"], &[]);
    assert_eq!(code, Some(2));

    let Stage { server, operator_key, address, parent } = stage;
    server.signal("TERM");
    server.ended();
    let (code, line) =
        run(&["merchants", "list", "--server", &address], &[("TOLLGATE_ADMIN_KEY", &operator_key)]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    assert!(line.contains(&format!("no answer from {address}: cannot connect")), "{line}");
    drop(parent);
}

#[test]
fn help_teaches_by_examples_and_shows_no_key() {
    for command in ["keys", "merchants"] {
        for arguments in [&[command, "--help"][..], &[command, "list", "--help"]] {
            let help = output(arguments, &[("TOLLGATE_ADMIN_KEY", "ak_secret")]);
            assert!(help.contains("TOLLGATE_ADMIN_KEY") && !help.contains("ak_secret"), "{help}");
        }
        let help = output(&[command, "--help"], &[]);
        assert!(help.contains(&format!("tollgate {command} list")), "{help}");
    }
    let help = output(&["keys", "issue", "--help"], &[]);
    assert!(help.contains("operator_keys:write"), "the scopes there are: {help}");
}
