//! Tells the gateway what the simulator decided, of its own accord.
//!
//! Invariant: a callback is sent again, at growing intervals, until it is acknowledged, or some five
//! minutes have passed; it is then left to the gateway to ask.
//!
//! Not here: a memory of what was not acknowledged when the process ended. What was decided late is
//! told anew by the next start; see `Ledger`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{Method, Uri};
use tokio::{runtime::Handle, sync::Semaphore};
use tollgate_domain::Timestamp;

use crate::provider::{
    Clock,
    callback::{Callback, CallbackKey, SIGNATURE, TIMESTAMP},
    connections::{Connections, Timeouts, UrlError},
};

/// Where callbacks go, and by what they are known.
#[derive(Clone)]
pub(crate) struct MessengerOptions {
    /// Such as `http://127.0.0.1:8080/api/v1/providers/simulator/webhook`.
    pub(crate) url: String,
    /// The secret that is shared with the gateway.
    pub(crate) key: CallbackKey,
    /// Where callbacks wait for their time.
    pub(crate) runtime: Handle,
}

pub(super) struct Messenger {
    connections: Connections,
    path: Uri,
    key: CallbackKey,
    runtime: Handle,
    clock: Clock,
    /// One permit for each callback that may wait.
    room: Arc<Semaphore>,
    /// One permit for each that may be under way.
    turns: Semaphore,
}

/// How many callbacks may wait, each some 1 KiB: what comes beyond is found out by inquiry.
const MOST_WAITING: usize = 100_000;

/// How many are under way at once: a gateway takes as many without noticing.
const MOST_UNDER_WAY: usize = 64;

/// How often one is sent, with pauses that double from the first to the longest: 303 s in all.
const TRIES: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    header: Duration::from_secs(10),
    body: Duration::from_secs(5),
};

/// Whether callbacks could be sent there. Connects to nothing.
///
/// # Errors
/// If the URL is not of the form `http://host:port/path`.
pub(crate) fn check_callback_url(url: &str) -> Result<(), UrlError> {
    destination(url).map(drop)
}

fn destination(url: &str) -> Result<(Connections, Uri), UrlError> {
    // Past the two slashes of the scheme.
    let place = url.match_indices('/').nth(2).map_or(url.len(), |(place, _slash)| place);
    let (address, path) = url.split_at(place);
    let connections = Connections::new(address, TIMEOUTS)?;
    let path = if path.is_empty() { "/" } else { path };
    let path = path.parse().map_err(|_fault| UrlError::new(url))?;
    Ok((connections, path))
}

impl Messenger {
    pub(super) fn new(options: MessengerOptions, clock: Clock) -> Result<Arc<Self>, UrlError> {
        let MessengerOptions { url, key, runtime } = options;
        let (connections, path) = destination(&url)?;
        let room = Arc::new(Semaphore::new(MOST_WAITING));
        let turns = Semaphore::new(MOST_UNDER_WAY);
        Ok(Arc::new(Self { connections, path, key, runtime, clock, room, turns }))
    }

    /// The key by which the gateway knows what is the simulator's.
    pub(super) fn key(&self) -> &CallbackKey {
        &self.key
    }

    /// Does something later.
    pub(super) fn later(&self, after: Duration, what: impl FnOnce() + Send + 'static) {
        self.runtime.spawn(async move {
            tokio::time::sleep(after).await;
            what();
        });
    }

    /// Sends a callback, in that time.
    pub(super) fn send(self: &Arc<Self>, after: Duration, callback: &Callback, decided: Timestamp) {
        let Some(body) = callback.write(decided).map(Bytes::from) else { return };
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::warn!(payment = %callback.payment, "too many callbacks wait; one is left out");
            return;
        };
        let (this, payment) = (Arc::clone(self), callback.payment);
        self.runtime.spawn(async move {
            tokio::time::sleep(after).await;
            if !this.deliver(&body).await {
                tracing::warn!(%payment, "a callback is not acknowledged; it is given up");
            }
            drop(room);
        });
    }

    async fn deliver(&self, body: &Bytes) -> bool {
        let mut pause = FIRST_PAUSE;
        for _try in 1..TRIES {
            if self.is_acknowledged(body).await {
                return true;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.is_acknowledged(body).await
    }

    async fn is_acknowledged(&self, body: &Bytes) -> bool {
        let _turn = self.turns.acquire().await.expect("nobody closes the semaphore");
        let mut request = self.connections.request(Method::POST, self.path.clone(), body.clone());
        let (timestamp, signature) = self.key.sign((self.clock)(), body);
        for (name, value) in [(TIMESTAMP, timestamp), (SIGNATURE, signature)] {
            let value = value.parse().expect("digits are a header's value");
            request.headers_mut().insert(name, value);
        }
        let answer = self.connections.send(request, || true).await;
        answer.is_ok_and(|(status, _body)| status.is_success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messenger(url: &str) -> Result<Arc<Messenger>, UrlError> {
        let options = MessengerOptions {
            url: url.to_owned(),
            key: CallbackKey::new(b"secret"),
            runtime: Handle::current(),
        };
        Messenger::new(options, Arc::new(|| Timestamp::from_millis(0)))
    }

    #[tokio::test]
    async fn an_address_has_a_path() {
        for (url, path) in [
            ("http://127.0.0.1:8080/api/webhooks/simulator", "/api/webhooks/simulator"),
            ("http://127.0.0.1:8080", "/"),
        ] {
            assert_eq!(
                messenger(url).ok().map(|made| made.path.to_string()).as_deref(),
                Some(path)
            );
        }
        for wrong in ["", "127.0.0.1:8080/x", "https://127.0.0.1/x", "http:///x", "http://a/ b"] {
            assert!(messenger(wrong).is_err(), "{wrong}");
        }
    }
}
