//! A running gateway as the command line asks it: over its HTTP API, with a key.
//!
//! One command is one process, so that a connection is made for each request and nothing is kept.
//!
//! Invariant: the key goes into the request's header and nowhere else: no message holds it.

mod connection;
mod table;

use std::{fmt, fs, io, path::PathBuf, str::FromStr};

use bytes::Bytes;
use clap::Args;
use hyper::{
    Method, StatusCode, Uri,
    header::{HeaderValue, InvalidHeaderValue},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    output::{self, OutputError},
    serve::ADMIN_KEY,
};

pub use connection::ConnectionError;
pub(super) use table::{Column, fields, rows};

/// What help says of the key.
pub(super) const ENVIRONMENT: &str = "\
Environment:
  TOLLGATE_ADMIN_KEY  The key to ask with, where no flag gives one: better than --key, as other users
                      of a machine can read command lines";

// Which gateway is asked, by whom, and how its answer is shown. A documentation comment on arguments
// that several commands take would stand in the place of each command's own.
#[derive(Debug, Args)]
pub(super) struct ApiArguments {
    /// The gateway. It speaks plain HTTP: ask it on its own machine or through a tunnel.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: ServerAddress,
    /// The key to ask with: an operator's, unless said otherwise. Without it: TOLLGATE_ADMIN_KEY.
    #[arg(long = "key", value_name = "KEY", conflicts_with = "key_file")]
    asking_key: Option<KeyText>,
    /// A file whose first line is the key, such as data/operator.key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Print what the API answers, as JSON.
    #[arg(long)]
    json: bool,
}

/// Where a gateway listens: host and port.
#[derive(Clone, Debug)]
struct ServerAddress(String);

/// The text of a key, which nothing prints.
#[derive(Clone)]
struct KeyText(Zeroizing<String>);

/// A gateway to ask.
pub(super) struct Api {
    address: String,
    authorization: HeaderValue,
    as_json: bool,
}

/// Why a gateway was not asked, or does not do it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There is no key to ask with.
    #[error("no key to ask with: set {ADMIN_KEY}, or give --key-file or --key")]
    NoKey,
    /// The file of the key cannot be read.
    #[error("cannot read the key in {}", path.display())]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key cannot be sent; which one it is stays unsaid.
    #[error("the key to ask with is no key")]
    KeyUnusable(#[source] InvalidHeaderValue),
    /// Threads cannot be had.
    #[error("cannot prepare the process")]
    Process(#[source] io::Error),
    /// There is no answer.
    #[error("no answer from http://{address}")]
    Connection {
        /// From where.
        address: String,
        /// Why.
        source: ConnectionError,
    },
    /// The gateway says no.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer is not the gateway's.
    #[error("http://{address} gives an answer that is none of a gateway's ({status})")]
    Answer {
        /// Whose answer.
        address: String,
        /// Its status.
        status: StatusCode,
        /// What is wrong with it, where it is a good one.
        source: Option<serde_json::Error>,
    },
    /// The answer cannot be told.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// A problem, as the gateway describes it.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    status: u16,
    code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<RefusedField>,
}

#[derive(Debug, Deserialize)]
struct RefusedField {
    pointer: String,
    detail: String,
}

/// A list, as the API pages it.
#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
    has_more: bool,
}

/// A whole list, in the API's shape.
#[derive(Serialize)]
struct WholeList<'l> {
    object: &'static str,
    data: &'l [Value],
    has_more: bool,
    url: &'l str,
}

/// Rows that a page is asked for: as many as the API gives.
const ROWS_OF_A_PAGE: &str = "100";

impl ApiArguments {
    /// The gateway they name.
    ///
    /// # Errors
    /// Without a key.
    pub(super) fn into_api(self) -> Result<Api, ApiError> {
        let given = match (self.asking_key, self.key_file) {
            (Some(KeyText(key)), _) => Some(key),
            (None, Some(path)) => Some(read_key(path)?),
            (None, None) => std::env::var(ADMIN_KEY).ok().map(Zeroizing::new),
        };
        let key = given.filter(|key| !key.is_empty()).ok_or(ApiError::NoKey)?;
        let bearer = Zeroizing::new(format!("Bearer {}", key.as_str()));
        let mut authorization = HeaderValue::from_str(&bearer).map_err(ApiError::KeyUnusable)?;
        authorization.set_sensitive(true);
        Ok(Api { address: self.server.0, authorization, as_json: self.json })
    }
}

impl Api {
    /// Asks, and shows the answer: as it came, or as `show` puts it.
    ///
    /// # Errors
    /// If there is no good answer, or it cannot be told.
    pub(super) fn tell<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        show: impl FnOnce(&A) -> String,
    ) -> Result<(), ApiError> {
        let (status, answer) = self.ask(method, path, body)?;
        let text = if self.as_json {
            let answer: Value = self.read(status, &answer)?;
            format!("{answer:#}\n")
        } else {
            show(&self.read(status, &answer)?)
        };
        Ok(output::print(&text)?)
    }

    /// Asks for a whole list, page by page, and shows it: in the API's shape, or as `show` puts it.
    ///
    /// # Errors
    /// If there is no good answer, or it cannot be told.
    pub(super) fn tell_list<R: DeserializeOwned>(
        &self,
        path: &str,
        show: impl FnOnce(&[R]) -> String,
    ) -> Result<(), ApiError> {
        let mut data: Vec<Value> = Vec::new();
        loop {
            let mut url = format!("{path}?limit={ROWS_OF_A_PAGE}");
            if let Some(last) = data.last().and_then(|row| row["id"].as_str()) {
                url += &format!("&starting_after={last}");
            }
            let (status, answer) = self.ask(Method::GET, &url, None::<&()>)?;
            let page: Page = self.read(status, &answer)?;
            let is_last = !page.has_more || page.data.is_empty();
            data.extend(page.data);
            if is_last {
                break;
            }
        }
        let text = if self.as_json {
            let list = WholeList { object: "list", data: &data, has_more: false, url: path };
            let text = serde_json::to_string_pretty(&list);
            format!("{}\n", text.expect("what was JSON is JSON"))
        } else {
            let rows: Result<Vec<R>, _> = data.into_iter().map(serde_json::from_value).collect();
            show(&rows.map_err(|error| self.none_of_ours(StatusCode::OK, Some(error)))?)
        };
        Ok(output::print(&text)?)
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let body = body.map_or_else(Bytes::new, |body| {
            serde_json::to_vec(body).expect("requests have string keys").into()
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ApiError::Process)?;
        let Self { address, authorization, .. } = self;
        let asked = connection::ask(address, authorization.clone(), method, path, body);
        let (status, answer) = runtime
            .block_on(asked)
            .map_err(|source| ApiError::Connection { address: self.address.clone(), source })?;
        if status.is_success() {
            return Ok((status, answer));
        }
        let refusal = serde_json::from_slice(&answer);
        Err(refusal.map_or_else(|_other| self.none_of_ours(status, None), ApiError::Refused))
    }

    fn read<A: DeserializeOwned>(&self, status: StatusCode, answer: &[u8]) -> Result<A, ApiError> {
        serde_json::from_slice(answer).map_err(|error| self.none_of_ours(status, Some(error)))
    }

    fn none_of_ours(&self, status: StatusCode, source: Option<serde_json::Error>) -> ApiError {
        ApiError::Answer { address: self.address.clone(), status, source }
    }
}

/// The first line of a file.
fn read_key(path: PathBuf) -> Result<Zeroizing<String>, ApiError> {
    let text = fs::read_to_string(&path).map(Zeroizing::new);
    let text = text.map_err(|source| ApiError::KeyFile { path, source })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned()))
}

impl ApiError {
    /// Whether the one who asks has to ask otherwise.
    pub(super) fn is_usage(&self) -> bool {
        match self {
            Self::NoKey | Self::KeyFile { .. } | Self::KeyUnusable(_) => true,
            Self::Refused(refusal) => refusal.status == StatusCode::BAD_REQUEST.as_u16(),
            Self::Process(_) | Self::Connection { .. } | Self::Answer { .. } | Self::Output(_) => {
                false
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status: _, code, detail, errors } = self;
        write!(formatter, "{}: {}", table::printable(code), table::printable(detail))?;
        for RefusedField { pointer, detail } in errors {
            let (pointer, detail) = (table::printable(pointer), table::printable(detail));
            write!(formatter, " {pointer}: {detail}")?;
        }
        Ok(())
    }
}

impl FromStr for ServerAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_fault| "it is no URL")?;
        if uri.scheme_str() != Some("http") {
            return Err("it is such as http://127.0.0.1:8080; TLS ends in front of a gateway");
        }
        if !matches!(uri.path_and_query().map(|rest| rest.as_str()), None | Some("/")) {
            return Err("it is host and port alone");
        }
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it is host and port alone");
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self(format!("{}:{port}", authority.host())))
    }
}

impl FromStr for KeyText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_host_and_port() {
        for (url, address) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://gateway.internal/", "gateway.internal:80"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(url.parse::<ServerAddress>().unwrap().0, address);
        }
        for url in ["https://h:1", "h:1", "", "http://h/api", "http://k@h:1", "http://h:1?q"] {
            assert!(url.parse::<ServerAddress>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key: KeyText = "ak_secret".parse().unwrap();
        assert!(!format!("{key:?}").contains("secret"));
    }
}
