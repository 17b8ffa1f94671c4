//! One request to a gateway, on a connection of its own.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
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
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer: a page of 100 rows has some 60 KiB.
const MOST_ANSWERED: usize = 1 << 20;

/// Asks, and waits for the whole answer.
pub(super) async fn ask(
    address: &str,
    authorization: HeaderValue,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), ConnectionError> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address)
        .header(CONNECTION, "close")
        .header(AUTHORIZATION, authorization);
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(body)).map_err(ConnectionError::Request)?;
    let answered = timeout(PATIENCE, exchange(address, request)).await;
    answered.map_err(|_elapsed| ConnectionError::TooLate)?
}

async fn exchange(
    address: &str,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), ConnectionError> {
    let stream = TcpStream::connect(address).await.map_err(ConnectionError::Connect)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(ConnectionError::Broken)?;
    // It ends with the request, whose own error tells why.
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(ConnectionError::Broken)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MOST_ANSWERED).collect().await;
    driver.abort();
    Ok((head.status, body.map_err(ConnectionError::Cut)?.to_bytes()))
}
