//! Connections to one address, used again and again; one request at a time on each.
//!
//! Invariant: [`Failure::NotSent`] is said only where no byte of the request was handed to the
//! system. hyper gives a request back that it has not begun to write; what it does not give back may
//! have left.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST, HeaderValue},
    http::uri::Authority,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{net::TcpStream, time::timeout};

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// Nothing was written.
    NotSent,
    /// Something may have been, and no whole answer came.
    Unanswered,
}

/// How long each part of an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For a connection to stand.
    pub(crate) connect: Duration,
    /// From the request to the head of its answer.
    pub(crate) header: Duration,
    /// For the answer's body.
    pub(crate) body: Duration,
}

/// The URL cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("{url} is no address of the form http://host:port")]
pub struct UrlError {
    url: String,
}

/// Connections to one address.
pub(super) struct Connections {
    address: String,
    host: HeaderValue,
    timeouts: Timeouts,
    /// Those that wait for a request; the last to come is the first to go, so that as many as are
    /// not needed grow old and are closed by the other side.
    idle: Mutex<Vec<Connection>>,
}

type Connection = SendRequest<Full<Bytes>>;

/// How many connections wait for a request at the most. More may be in use, but a burst shall not
/// leave its connections behind.
const MOST_IDLE: usize = 256;

/// The largest answer: a page of the ledger of 1,000 entries has some 200 KiB.
const MOST_ANSWERED: usize = 1 << 20;

impl UrlError {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }
}

impl Connections {
    /// To the host and port of `url`, which has no path. Connects to nothing yet.
    ///
    /// # Errors
    /// If the URL is not of the form `http://host:port`.
    pub(super) fn new(url: &str, timeouts: Timeouts) -> Result<Self, UrlError> {
        let refused = || UrlError::new(url);
        let authority = url.strip_prefix("http://").ok_or_else(refused)?.trim_end_matches('/');
        let parsed: Authority = authority.parse().map_err(|_fault| refused())?;
        if authority.contains('@') || parsed.host().is_empty() {
            return Err(refused());
        }
        let host = HeaderValue::from_str(authority).map_err(|_fault| refused())?;
        let address = format!("{}:{}", parsed.host(), parsed.port_u16().unwrap_or(80));
        Ok(Self { address, host, timeouts, idle: Mutex::new(Vec::new()) })
    }

    /// A request with a body of JSON, to be sent here.
    pub(super) fn request(&self, method: Method, path: Uri, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path;
        request.headers_mut().insert(HOST, self.host.clone());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request
    }

    /// Sends the request and waits for its whole answer. `in_time` is asked right before each try:
    /// once it says no, nothing is written.
    pub(super) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        in_time: impl Fn() -> bool,
    ) -> Result<(StatusCode, Bytes), Failure> {
        loop {
            let taken = self.idle.lock().pop();
            let (mut connection, is_new) = match taken {
                Some(connection) => (connection, false),
                None => (self.connect().await?, true),
            };
            // One that the other side has closed while it waited, or that is not done yet with what
            // was before.
            let ready = timeout(self.timeouts.connect, connection.ready()).await;
            if !matches!(ready, Ok(Ok(()))) {
                if is_new {
                    return Err(Failure::NotSent);
                }
                continue;
            }
            if !in_time() {
                return Err(Failure::NotSent);
            }
            match timeout(self.timeouts.header, connection.try_send_request(request)).await {
                Ok(Ok(response)) => {
                    let (head, body) = response.into_parts();
                    let body = timeout(self.timeouts.body, whole(body)).await;
                    let body = body.ok().flatten().ok_or(Failure::Unanswered)?;
                    self.keep(connection);
                    return Ok((head.status, body));
                }
                Ok(Err(mut error)) => match error.take_message() {
                    Some(_unwritten) if is_new => return Err(Failure::NotSent),
                    Some(unwritten) => request = unwritten,
                    None => return Err(Failure::Unanswered),
                },
                Err(_elapsed) => return Err(Failure::Unanswered),
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let connected = timeout(self.timeouts.connect, TcpStream::connect(&self.address)).await;
        let Ok(Ok(stream)) = connected else { return Err(Failure::NotSent) };
        // A request is written whole, so that waiting to fill a packet only delays it. Where the
        // system refuses, it is delayed.
        let _ = stream.set_nodelay(true);
        let handshake = http1::Builder::new()
            // Bodies are written from where they lie, and not copied into a buffer that nobody
            // wipes.
            .writev(true)
            .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await;
        let (connection, driver) = handshake.map_err(|_nothing_written| Failure::NotSent)?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
            }
        });
        Ok(connection)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < MOST_IDLE && !connection.is_closed() {
            idle.push(connection);
        }
    }
}

/// The whole body; `None` if it breaks off or is too large.
async fn whole(body: Incoming) -> Option<Bytes> {
    let mut body = Limited::new(body, MOST_ANSWERED);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Some(bytes.freeze())
}
