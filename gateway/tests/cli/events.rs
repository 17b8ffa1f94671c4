//! Events while one develops: forwarded, triggered and sent again from the command line.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use super::{output, run};
use crate::server::Server;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A running gateway, and how a merchant's developer asks it.
struct Stage {
    server: Server,
    key_file: String,
    address: String,
    _parent: tempfile::TempDir,
}

impl Stage {
    fn start() -> Self {
        Self::start_with(&[("TOLLGATE__REVIEW__HOLD_FROM", r#"["50000.00 INR"]"#)])
    }

    fn start_with(variables: &[(&str, &str)]) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let server = Server::start(&data, |command| {
            command.envs(variables.iter().copied());
        });
        let key_file = data.join("demo.key").to_str().unwrap().to_owned();
        let address = format!("http://{}", server.address());
        Self { server, key_file, address, _parent: parent }
    }

    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let gateway = ["--server", &self.address, "--key-file", &self.key_file];
        arguments.iter().copied().chain(gateway).collect()
    }

    /// What a command prints where all is good.
    fn told(&self, arguments: &[&str]) -> String {
        output(&self.arguments(arguments), &[])
    }

    /// The event that a trigger led to: its id.
    fn trigger(&self, event: &str) -> String {
        let told = self.told(&["trigger", event]);
        let (id, name) = told.lines().last().unwrap().split_once(' ').unwrap();
        assert_eq!(name, event, "{told}");
        assert!(id.starts_with("evt_"), "{told}");
        id.to_owned()
    }
}

/// `tollgate listen`, and what it prints line by line.
struct Listener {
    process: Child,
    lines: Receiver<String>,
}

impl Listener {
    fn start(stage: &Stage, forward_to: &str) -> Self {
        let listen = ["listen", "--forward-to", forward_to, "--secret", SECRET];
        let mut process = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(stage.arguments(&listen))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let listener = Self { process, lines };
        assert_eq!(listener.line(), format!("signing with {SECRET}"));
        listener
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it is printed in time")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A delivery: path, headers and body.
type Delivery = (String, HashMap<String, String>, String);

/// One who takes what comes; each delivery over a connection of its own.
fn receiver() -> (String, Receiver<Delivery>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks?shop=7", listener.local_addr().unwrap());
    let (sender, deliveries) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let path = line.split(' ').nth(1).unwrap().to_owned();
            let mut headers = HashMap::new();
            loop {
                line.clear();
                stream.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.insert(name.to_lowercase(), value.to_owned());
            }
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n";
            stream.get_mut().write_all(answer).unwrap();
            if sender.send((path, headers, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (url, deliveries)
}

#[test]
fn what_happens_is_forwarded_signed_and_told() {
    let stage = Stage::start();
    let (url, deliveries) = receiver();
    let listener = Listener::start(&stage, &url);
    let id = stage.trigger("payment.completed");
    let library = standardwebhooks::Webhook::new(SECRET).unwrap();
    // The payment's creation is told as well.
    loop {
        let (path, headers, body) = deliveries.recv_timeout(PATIENCE).unwrap();
        assert_eq!(path, "/hooks?shop=7");
        let mut signed = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            signed.insert(name, headers[name].parse().unwrap());
        }
        library.verify(body.as_bytes(), &signed).unwrap();
        let event: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(event["id"], headers["webhook-id"]);
        assert_eq!(event["event"], headers["x-webhook-event"]);
        let told = listener.line();
        let expected =
            format!("{} {}: 204 No Content", headers["webhook-id"], headers["x-webhook-event"]);
        assert_eq!(told, expected);
        if headers["webhook-id"] == id {
            break;
        }
    }
    let resent = stage.told(&["events", "resend", &id]);
    assert_eq!(resent, format!("{id} is delivered again to 0 receivers\n"));
}

#[test]
fn every_event_that_there_is_can_be_triggered() {
    let stage = Stage::start();
    for event in [
        "payment.created",
        "payment.processing",
        "payment.requires_action",
        "payment.authorized",
        "payment.captured",
        "payment.completed",
        "payment.voided",
        "payment.reversed",
        "payment.failed",
        "payment.unknown",
        "refund.processing",
        "refund.completed",
        "refund.failed",
        "order.created",
        "order.attempted",
        "order.partially_paid",
        "order.paid",
    ] {
        stage.trigger(event);
    }
    let held = stage.told(&["trigger", "payment.review", "--amount", "50000.00"]);
    assert!(held.contains(" is review\n") && held.ends_with(" payment.review\n"), "{held}");
    let expiring = stage.told(&["trigger", "payment.expired"]);
    assert!(expiring.contains(" is requires_action\n"), "{expiring}");
    assert!(expiring.contains("payment.expired is told once it is 2"), "{expiring}");
    drop(stage.server);
}

/// As it happens to shops: a receiver says 410, where the gateway delivers to this machine at all.
#[test]
fn an_endpoint_is_disabled_and_leaves_no_trace_but_the_event() {
    let open =
        [("TOLLGATE__WEBHOOKS__ALLOWED_CIDRS", "127.0.0.0/8"), ("TOLLGATE__WEBHOOKS__PORTS", "[]")];
    for (variables, reason) in [(&open[..], "gone"), (&[], "requested")] {
        let stage = Stage::start_with(variables);
        let id = stage.trigger("webhook.disabled");
        let shown = |path: &str| -> serde_json::Value {
            let answer = stage.server.caller().get(path).unwrap();
            serde_json::from_str(&answer.body).unwrap()
        };
        let event = shown(&format!("/api/v1/events/{id}"));
        let endpoint = &event["data"];
        assert_eq!(endpoint["status"], "disabled", "{event}");
        assert_eq!(endpoint["disabled_reason"], reason, "{event}");
        assert_eq!(shown("/api/v1/webhooks")["data"], serde_json::json!([]));
    }
}

#[test]
fn what_cannot_be_done_is_told_in_a_line() {
    let stage = Stage::start();
    let (code, line) = run(&stage.arguments(&["trigger", "payment.review"]), &[]);
    assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
    assert!(line.contains("review.hold_from"), "{line}");
    let (code, line) = run(&stage.arguments(&["trigger", "payment.paid"]), &[]);
    assert!(code == Some(2) && line.contains("payment.completed"), "{line}");
    let nowhere = ["trigger", "order.paid", "--key-file", "/nowhere", "--server", &stage.address];
    let (code, line) = run(&nowhere, &[]);
    assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
    let wrong = run(&nowhere, &[("TOLLGATE_API_KEY", "sk_test_nobodys")]);
    assert!(wrong.0 == Some(1) && wrong.1.contains("api_key_invalid"), "{}", wrong.1);
    let listen = ["listen", "--forward-to", "https://shop.example/hooks"];
    assert_eq!(run(&stage.arguments(&listen), &[]).0, Some(2));
}
