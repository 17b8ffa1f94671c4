//! A gateway on free ports with its data in a temporary directory, and a client for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tollgate::startup::{App, Running};
use tollgate_config::Config;
use tollgate_domain::Timestamp;
use zeroize::Zeroizing;

pub(crate) const OPERATOR: &str = "ak_of_the_test";

pub(crate) struct TestServer {
    running: Running,
    directory: TempDir,
    /// Empty where the key in its file is registered no more.
    demo_key: String,
    /// How far the gateway's clock is ahead of the system's, in milliseconds.
    ahead: Arc<AtomicU64>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

/// A configuration for tests: free ports, data below `directory`.
pub(crate) fn config(directory: &Path) -> Config {
    let mut config = Config::defaults();
    let free_port = "127.0.0.1:0".parse().unwrap();
    config.server.listen = free_port;
    config.server.metrics_listen = free_port;
    config.storage.data_dir = directory.to_owned();
    config.storage.shards = 2.try_into().unwrap();
    config.storage.min_free_bytes = 0;
    config
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_config| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    pub(crate) async fn start_in(directory: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(directory.path());
        change(&mut config);
        let ahead = Arc::new(AtomicU64::new(0));
        let app = App::listen_by(config, clock(Arc::clone(&ahead))).await.unwrap();
        let running = app.open(Some(Zeroizing::new(OPERATOR.to_owned()))).await.unwrap();
        let demo = running.keys().demo.as_ref();
        let demo_key = demo.map(|key| key.to_string()).unwrap_or_default();
        Self { running, directory, demo_key, ahead }
    }

    /// Lets time pass, as the front door knows it.
    pub(crate) fn advance(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_config| {}).await
    }

    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let directory = self.stop().await;
        Self::start_in(directory, change).await
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.running.stop().await;
        self.directory
    }

    pub(crate) fn key(&self) -> &str {
        &self.demo_key
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    pub(crate) async fn metrics(&self) -> String {
        let head = "GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
        exchange(self.running.metrics_address(), head).await.body
    }

    /// `POST /api/v1/payments` with the demo merchant's key and more headers.
    pub(crate) async fn pay(&self, body: &Value, headers: &[(&str, &str)]) -> Reply {
        let authorization = format!("Bearer {}", self.demo_key);
        let mut all = vec![("Authorization", authorization.as_str())];
        all.extend_from_slice(headers);
        self.post("/api/v1/payments", &body.to_string(), &all).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        self.send("POST", path, body, &all).await
    }

    /// `GET` with the demo merchant's key.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &self.demo_key).await
    }

    pub(crate) async fn get_with(&self, path: &str, key: &str) -> Reply {
        let authorization = format!("Bearer {key}");
        self.send("GET", path, "", &[("Authorization", &authorization)]).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let length = body.len();
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {length}\r\n"
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(body);
        exchange(self.address(), &text).await
    }
}

/// The system's clock, ahead by so many milliseconds.
fn clock(ahead: Arc<AtomicU64>) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    Arc::new(move || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = u64::try_from(since.as_millis()).unwrap();
        Timestamp::from_millis(now + ahead.load(Ordering::Relaxed))
    })
}

/// Sends `request` on a connection of its own, and reads to the end.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A server that refuses a body early may reset the connection after its answer.
    let _ = stream.read_to_end(&mut bytes).await;
    Reply::parse(&bytes)
}

impl Reply {
    /// All that came over a connection; status 0 where that was nothing.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        // Archives are no text.
        let text = String::from_utf8_lossy(bytes);
        let text = &*text;
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that this is a problem with that status and code, of the documented form.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        problem
    }
}

/// A payment by the card with this number.
pub(crate) fn payment(card: &str) -> Value {
    json!({
        "amount": "100.00", "currency": "INR", "payment_method": "card",
        "card": {"number": card, "expiry_month": 12, "expiry_year": 2035, "cvv": "737"},
    })
}

/// Approved by the simulator.
pub(crate) const GOOD: &str = "4242424242424242";
/// Declined by it, for want of money.
pub(crate) const POOR: &str = "4000000000009995";
