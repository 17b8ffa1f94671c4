//! One request, to a gateway or to whoever else speaks plain HTTP, on a connection of its own.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Nobody listens there.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The name or the path make no request.
    #[error("cannot ask there")]
    Request(#[source] hyper::http::Error),
    /// The connection broke. A change that was asked for may have been made.
    #[error("the connection broke; what was asked for may have been done")]
    Broken(#[source] hyper::Error),
    /// The answer breaks off, or is larger than any of a gateway's.
    #[error("the answer is not whole; what was asked for may have been done")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It takes too long. A change that was asked for may have been made.
    #[error("it takes too long; what was asked for may have been done")]
    TooLate,
}

/// How long a gateway may take to connect and to answer: longer than it waits for its own log.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer: a page of 100 rows has some 60 KiB.
const MOST_ANSWERED: usize = 1 << 20;

/// Asks, and waits for the whole answer.
pub(super) async fn ask(
    patience: Duration,
    address: &str,
    authorization: HeaderValue,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), ConnectionError> {
    let request = request(address, authorization, method, path, body)?;
    let exchange = async {
        let response = send_within(patience, address, request).await?;
        Ok((response.status(), whole(response.into_body()).await?))
    };
    timeout(patience, exchange).await.map_err(|_elapsed| ConnectionError::TooLate)?
}

/// A request of JSON to a gateway.
pub(super) fn request(
    address: &str,
    authorization: HeaderValue,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ConnectionError> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address)
        .header(CONNECTION, "close")
        .header(AUTHORIZATION, authorization);
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(body)).map_err(ConnectionError::Request)
}

/// Sends a request, and waits for the head of its answer.
pub(in crate::cli) async fn send(
    address: &str,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ConnectionError> {
    send_within(PATIENCE, address, request).await
}

/// The same with another patience.
pub(super) async fn send_within(
    patience: Duration,
    address: &str,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ConnectionError> {
    let answered = async {
        let stream = TcpStream::connect(address).await.map_err(ConnectionError::Connect)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ConnectionError::Broken)?;
        // What breaks is told to whoever reads the answer.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(ConnectionError::Broken)
    };
    timeout(patience, answered).await.map_err(|_elapsed| ConnectionError::TooLate)?
}

/// All of an answer's body.
pub(super) async fn whole(body: Incoming) -> Result<Bytes, ConnectionError> {
    let body = Limited::new(body, MOST_ANSWERED).collect().await;
    Ok(body.map_err(ConnectionError::Cut)?.to_bytes())
}
