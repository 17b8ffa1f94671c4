//! A client of a running gateway, for the commands on events.
//!
//! It speaks plain HTTP, one request a connection: to a gateway on this machine, or one behind a
//! tunnel. Not here: the load harness, which has a client of its own and shares no code with this.

use std::{io, time::Duration};

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use zeroize::Zeroizing;

/// How long a gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which gateway, and by which key.
#[derive(Debug, Args)]
pub(super) struct GatewayArguments {
    /// The gateway, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: Uri,
    /// A file with the merchant's key in its first line; the environment's TOLLGATE_API_KEY goes
    /// before it.
    #[arg(long, value_name = "FILE", default_value = "./data/demo.key")]
    key_file: std::path::PathBuf,
}

/// A gateway that is asked.
pub(super) struct ApiClient {
    server: Uri,
    authorization: HeaderValue,
}

/// Why a gateway does not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no key to ask with.
    #[error("cannot read the API key from {path}; TOLLGATE_API_KEY can give it as well")]
    NoKey {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key is no text that a header can hold.
    #[error("the API key holds what no header can")]
    MalformedKey,
    /// The URL is not one of plain HTTP with a host.
    #[error("{0} is no URL such as http://127.0.0.1:8080")]
    Url(Uri),
    /// Nobody takes the connection.
    #[error("cannot connect to {address}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// It says no.
    #[error("the gateway answered {status}: {detail}")]
    Refused {
        /// With what status.
        status: StatusCode,
        /// In what words.
        detail: String,
    },
}

impl GatewayArguments {
    /// The client.
    ///
    /// # Errors
    /// Where there is no key.
    pub(super) fn client(&self) -> Result<ApiClient, ClientError> {
        let from_file = || {
            let text = std::fs::read_to_string(&self.key_file);
            text.map_err(|source| ClientError::NoKey { path: self.key_file.clone(), source })
        };
        let text = std::env::var("TOLLGATE_API_KEY").ok().filter(|key| !key.is_empty());
        let text = Zeroizing::new(match text {
            Some(key) => key,
            None => from_file()?,
        });
        let key = text.lines().next().unwrap_or_default();
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_malformed| ClientError::MalformedKey)?;
        authorization.set_sensitive(true);
        Ok(ApiClient { server: self.server.clone(), authorization })
    }
}

impl ApiClient {
    /// Asks for JSON.
    ///
    /// # Errors
    /// Where there is no good answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, ClientError> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = self.request(method, path, body.into());
        let answered = timeout(PATIENCE, async {
            let response = send(&self.server, request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, ClientError>((status, body))
        });
        let (status, body) = answered.await.map_err(|_late| ClientError::TimedOut)??;
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        // A decline is an answer like any other.
        if status.is_success() || status == StatusCode::PAYMENT_REQUIRED {
            return Ok(answer);
        }
        let detail = answer["detail"].as_str().unwrap_or_default().to_owned();
        Err(ClientError::Refused { status, detail })
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// Where there is no good answer.
    pub(super) async fn stream(
        &self,
        path: &str,
        more: HeaderMap,
    ) -> Result<Incoming, ClientError> {
        let mut request = self.request(Method::GET, path, Bytes::new());
        request.headers_mut().extend(more);
        let response = timeout(PATIENCE, send(&self.server, request)).await;
        let response = response.map_err(|_late| ClientError::TimedOut)??;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let body = response.into_body().collect().await?.to_bytes();
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = answer["detail"].as_str().unwrap_or_default().to_owned();
        Err(ClientError::Refused { status, detail })
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("paths are ours");
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }
}

/// Sends a request to a host of plain HTTP, over a connection of its own.
///
/// # Errors
/// Where there is no answer.
pub(super) async fn send(
    url: &Uri,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    let no_url = || ClientError::Url(url.clone());
    let authority = url.authority().filter(|_any| url.scheme_str() == Some("http"));
    let authority = authority.ok_or_else(no_url)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(80);
    let connected = TcpStream::connect((host, port)).await;
    let stream = connected
        .map_err(|source| ClientError::Connect { address: authority.to_string(), source })?;
    let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // What breaks is told to whoever reads.
        let _ = driver.await;
    });
    let host = HeaderValue::try_from(authority.as_str()).map_err(|_malformed| no_url())?;
    request.headers_mut().insert(HOST, host);
    Ok(connection.send_request(request).await?)
}
