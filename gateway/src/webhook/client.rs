//! Sends deliveries: HTTP/1.1 over connections that are kept, TLS where the URL asks for it.
//!
//! ```text
//!   destination ─▶ resolve, check every address ─▶ dial a checked one ─▶ TLS ─▶ request ─▶ answer
//!                                                                                  ▲
//!                  a kept connection, whose address is checked again ──────────────┘
//! ```
//!
//! Redirects are not followed: the new place would be one that nobody configured. Of an answer's body
//! some is read and the rest left.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::RETRY_AFTER,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    address::AddressRules,
    attempt::{AttemptResult, KEPT_BODY},
    destination::{Destination, NoAddress, Resolve, checked_addresses},
};

/// What a delivery may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientOptions {
    /// Until there is a connection: name, address, TLS.
    pub(crate) connect_timeout: Duration,
    /// From the request to the answer's head.
    pub(crate) header_timeout: Duration,
    /// From the head to as much of the body as is kept.
    pub(crate) body_timeout: Duration,
    /// All of it.
    pub(crate) total_timeout: Duration,
}

/// What became of a delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) result: AttemptResult,
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    pub(crate) is_cut: bool,
    /// How long the receiver asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

/// The client. Connections are kept by destination.
pub(crate) struct Client {
    options: ClientOptions,
    rules: AddressRules,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    idle: Mutex<HashMap<Place, Vec<Idle>>>,
}

/// What a connection is good for.
type Place = (bool, Box<str>, u16);

struct Idle {
    sender: Connection,
    address: SocketAddr,
    since: Instant,
}

type Connection = SendRequest<Full<Bytes>>;

/// How long a connection is kept that nobody needs.
const IDLE_FOR: Duration = Duration::from_secs(30);

/// How many are kept for one destination, and for all.
const MOST_IDLE_EACH: usize = 32;
const MOST_IDLE: usize = 1_024;

impl Client {
    /// A client that trusts the authorities of the web, and those of `roots`.
    pub(crate) fn new(
        options: ClientOptions,
        rules: AddressRules,
        resolver: Arc<dyn Resolve>,
        mut roots: RootCertStore,
    ) -> Self {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the versions that are enabled")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(tls));
        Self { options, rules, resolver, tls, idle: Mutex::default() }
    }

    pub(crate) fn rules(&self) -> &AddressRules {
        &self.rules
    }

    /// Sends a request and waits for its answer, as long as one may take.
    pub(crate) async fn send(
        &self,
        destination: &Destination,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Answer {
        let sent = timeout(self.options.total_timeout, self.exchange(destination, request)).await;
        match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(result)) => Answer::none(result),
            Err(_elapsed) => Answer::none(AttemptResult::TimedOut),
        }
    }

    async fn exchange(
        &self,
        destination: &Destination,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Answer, AttemptResult> {
        let place = (destination.is_secure, destination.host.clone(), destination.port);
        loop {
            let (mut connection, address, is_new) = match self.take(&place) {
                Some(Idle { sender, address, .. }) => (sender, address, false),
                None => {
                    let connecting =
                        timeout(self.options.connect_timeout, self.connect(destination));
                    let connected = connecting.await.map_err(|_late| AttemptResult::TimedOut)?;
                    let (connection, address) = connected?;
                    (connection, address, true)
                }
            };
            let ready = timeout(self.options.connect_timeout, connection.ready()).await;
            if !matches!(ready, Ok(Ok(()))) {
                if is_new {
                    return Err(AttemptResult::Unconnected);
                }
                continue;
            }
            let sending = timeout(self.options.header_timeout, connection.send_request(request()));
            match sending.await {
                Ok(Ok(response)) => {
                    let (head, body) = response.into_parts();
                    let status = head.status;
                    let reading = timeout(self.options.body_timeout, beginning(body)).await;
                    let (body, is_cut) = reading.map_err(|_late| AttemptResult::TimedOut)?;
                    let body = body.ok_or(AttemptResult::Broken)?;
                    if !is_cut {
                        self.keep(place, connection, address);
                    }
                    let retry_after = head.headers.get(RETRY_AFTER);
                    let retry_after = retry_after.and_then(|value| span(value.to_str().ok()?));
                    let result = match status.as_u16() {
                        200..=299 => AttemptResult::Delivered,
                        300..=399 => AttemptResult::Redirected,
                        410 => AttemptResult::Gone,
                        _ => AttemptResult::Refused,
                    };
                    let status = Some(status.as_u16());
                    return Ok(Answer { result, status, body, is_cut, retry_after });
                }
                // The other side may have closed it just now; what was written is sent once more,
                // for a delivery may come twice but must not be lost.
                Ok(Err(_broken)) if !is_new => {}
                Ok(Err(_broken)) => return Err(AttemptResult::Broken),
                Err(_elapsed) => return Err(AttemptResult::TimedOut),
            }
        }
    }

    async fn connect(
        &self,
        destination: &Destination,
    ) -> Result<(Connection, SocketAddr), AttemptResult> {
        let addresses = checked_addresses(destination, &*self.resolver, &self.rules).await;
        let addresses = addresses.map_err(|none| match none {
            NoAddress::Unresolved => AttemptResult::Unresolved,
            NoAddress::Forbidden => AttemptResult::Forbidden,
        })?;
        let mut stream = None;
        for address in addresses {
            if let Ok(connected) = TcpStream::connect(address).await {
                stream = Some((connected, address));
                break;
            }
        }
        let (stream, address) = stream.ok_or(AttemptResult::Unconnected)?;
        // A request is written whole, so that waiting to fill a packet only delays it. Where the
        // system refuses, it is delayed.
        let _ = stream.set_nodelay(true);
        let connection = if destination.is_secure {
            let name = ServerName::try_from(destination.host.to_string());
            let name = name.map_err(|_no_name| AttemptResult::Untrusted)?;
            let stream = self.tls.connect(name, stream).await;
            handshake(stream.map_err(|_untrusted| AttemptResult::Untrusted)?).await?
        } else {
            handshake(stream).await?
        };
        Ok((connection, address))
    }

    /// A kept connection whose address may still be dialled.
    fn take(&self, place: &Place) -> Option<Idle> {
        let mut idle = self.idle.lock();
        let kept = idle.get_mut(place)?;
        while let Some(connection) = kept.pop() {
            let fresh = connection.since.elapsed() < IDLE_FOR && !connection.sender.is_closed();
            if fresh && self.rules.allow_address(connection.address.ip()) {
                return Some(connection);
            }
        }
        idle.remove(place);
        None
    }

    fn keep(&self, place: Place, sender: Connection, address: SocketAddr) {
        let mut idle = self.idle.lock();
        if idle.values().map(Vec::len).sum::<usize>() >= MOST_IDLE {
            idle.retain(|_place, kept| {
                kept.retain(|connection| connection.since.elapsed() < IDLE_FOR);
                !kept.is_empty()
            });
        }
        let kept = idle.entry(place).or_default();
        if kept.len() < MOST_IDLE_EACH && !sender.is_closed() {
            kept.push(Idle { sender, address, since: Instant::now() });
        }
    }
}

impl Answer {
    pub(crate) fn none(result: AttemptResult) -> Self {
        Self { result, status: None, body: Vec::new(), is_cut: false, retry_after: None }
    }
}

async fn handshake<S>(stream: S) -> Result<Connection, AttemptResult>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
    let (connection, driver) = handshake.map_err(|_nothing_written| AttemptResult::Unconnected)?;
    tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
        }
    });
    Ok(connection)
}

/// As much of a body as is kept, and whether there was more; `None` where it broke off.
async fn beginning(mut body: Incoming) -> (Option<Vec<u8>>, bool) {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (None, false) };
        let Ok(data) = frame.into_data() else { continue };
        let room = KEPT_BODY - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return (Some(bytes), true);
        }
    }
    (Some(bytes), false)
}

/// What `Retry-After` asks for: seconds, or a date.
fn span(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
