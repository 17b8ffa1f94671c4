//! Connections to one address, used again and again; one request at a time on each.
//!
//! Invariant: [`Failure::NotSent`] is said only where no byte of the request was handed to the
//! system. hyper gives a request back that it has not begun to write; what it does not give back may
//! have left.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{net::TcpStream, time::timeout};

use super::RemoteSimulatorOptions;

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// Nothing was written.
    NotSent,
    /// Something may have been, and no whole answer came.
    Unanswered,
}

pub(super) struct Connections {
    address: String,
    connect_timeout: Duration,
    header_timeout: Duration,
    body_timeout: Duration,
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

impl Connections {
    pub(super) fn new(address: String, options: &RemoteSimulatorOptions) -> Self {
        let &RemoteSimulatorOptions { connect_timeout, header_timeout, body_timeout, .. } = options;
        let idle = Mutex::new(Vec::new());
        Self { address, connect_timeout, header_timeout, body_timeout, idle }
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
            let ready = timeout(self.connect_timeout, connection.ready()).await;
            if !matches!(ready, Ok(Ok(()))) {
                if is_new {
                    return Err(Failure::NotSent);
                }
                continue;
            }
            if !in_time() {
                return Err(Failure::NotSent);
            }
            match timeout(self.header_timeout, connection.try_send_request(request)).await {
                Ok(Ok(response)) => {
                    let (head, body) = response.into_parts();
                    let body = timeout(self.body_timeout, whole(body)).await;
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
        let connected = timeout(self.connect_timeout, TcpStream::connect(&self.address)).await;
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
