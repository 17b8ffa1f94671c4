//! One who receives webhooks, and answers as he is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

/// Longer than any delivery takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<Answer>,
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

/// The whole answer to a delivery, given how many came before.
type Answer = dyn Fn(usize, &Delivery) -> String + Send + Sync;

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Receiver {
    /// Takes everything.
    pub(crate) async fn start() -> Self {
        Self::answering(|_before, _delivery| answer(200, "")).await
    }

    pub(crate) async fn answering(
        answer: impl Fn(usize, &Delivery) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            deliveries: Mutex::default(),
            arrived: Notify::new(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { serve(stream, &shared).await });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.shared.deliveries.lock().unwrap().clone()
    }

    /// Waits until so many have come, and gives all that have.
    pub(crate) async fn until(&self, count: usize) -> Vec<Delivery> {
        let waiting = async {
            loop {
                let arrived = self.shared.arrived.notified();
                let deliveries = self.deliveries();
                if deliveries.len() >= count {
                    return deliveries;
                }
                arrived.await;
            }
        };
        let arrived = timeout(PATIENCE, waiting).await;
        arrived.unwrap_or_else(|_late| {
            panic!("{count} deliveries in vain, there are {:#?}", self.deliveries())
        })
    }
}

impl Delivery {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn event(&self) -> String {
        self.json()["event"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Checks that the published library would sign it so.
    #[track_caller]
    pub(crate) fn verify(&self, secret: &str) {
        assert!(self.is_signed_by(secret), "{self:?}");
    }

    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        // Its check of the time is left out: a test's gateway may be days ahead.
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let wanted = webhook.sign(id, at.parse().unwrap(), self.body.as_bytes()).unwrap();
        self.header("webhook-signature").split(' ').any(|signature| signature == wanted)
    }
}

/// An answer of that status.
pub(crate) fn answer(status: u16, body: &str) -> String {
    answer_with(status, "", body)
}

/// The same with more headers, in whole lines.
pub(crate) fn answer_with(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

async fn serve(mut stream: TcpStream, shared: &Shared) {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        let headers: HashMap<String, String> = lines.map(header).collect();
        let length: usize = headers["content-length"].parse().unwrap();
        while bytes.len() < end + 4 + length {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
        bytes.drain(..end + 4 + length);
        let delivery = Delivery { path, headers, body };
        let answer = {
            let mut deliveries = shared.deliveries.lock().unwrap();
            let answer = (shared.answer)(deliveries.len(), &delivery);
            deliveries.push(delivery);
            answer
        };
        shared.arrived.notify_waiters();
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
