//! A running gateway as the command line asks it: over its HTTP API, with a key.
//!
//! One command is one process, so that a connection is made for each request and nothing is kept.
//!
//! Invariant: the key goes into the request's header and nowhere else: no message holds it.

mod asking;
mod connection;
mod table;

use std::{fmt, io, path::PathBuf, time::Duration};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, StatusCode,
    body::Incoming,
    header::{HeaderValue, InvalidHeaderValue},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    output::{self, OutputError},
    serve::ADMIN_KEY,
};

pub(super) use asking::{ApiArguments, MerchantArguments, ServerAddress};
pub use connection::ConnectionError;
pub(super) use connection::send;
pub(super) use table::{Column, fields, rows};

/// What help says of the key.
pub(super) const ENVIRONMENT: &str = "\
Environment:
  TOLLGATE_ADMIN_KEY  The key to ask with, where no flag gives one: better than --key, as other users
                      of a machine can read command lines";

/// A gateway to ask.
pub(super) struct Api {
    address: String,
    authorization: HeaderValue,
    as_json: bool,
    patience: Duration,
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

impl Api {
    /// Host and port of the gateway.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The same for what takes longer than most.
    pub(super) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

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

    /// Asks, and gives the answer; a payment that is declined is one like any other.
    ///
    /// # Errors
    /// If there is none, or the gateway says no.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let (status, answer) = self.exchange(method, path, body).await?;
        if status.is_success() || status == StatusCode::PAYMENT_REQUIRED {
            return self.read(status, &answer);
        }
        Err(self.refused(status, &answer))
    }

    /// Opens what goes on for as long as somebody reads.
    ///
    /// # Errors
    /// If there is no answer, or the gateway says no.
    pub(super) async fn open(&self, path: &str, more: HeaderMap) -> Result<Incoming, ApiError> {
        let mut request = connection::request(
            &self.address,
            self.authorization.clone(),
            Method::GET,
            path,
            Bytes::new(),
        )
        .map_err(|source| self.unanswered(source))?;
        request.headers_mut().extend(more);
        let response = connection::send_within(self.patience, &self.address, request).await;
        let response = response.map_err(|source| self.unanswered(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let answer = connection::whole(response.into_body()).await;
        Err(self.refused(status, &answer.map_err(|source| self.unanswered(source))?))
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let (status, answer) = runtime()?.block_on(self.exchange(method, path, body))?;
        if status.is_success() { Ok((status, answer)) } else { Err(self.refused(status, &answer)) }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let body = body.map_or_else(Bytes::new, |body| {
            serde_json::to_vec(body).expect("requests have string keys").into()
        });
        let Self { address, authorization, patience, .. } = self;
        let asked = connection::ask(*patience, address, authorization.clone(), method, path, body);
        asked.await.map_err(|source| self.unanswered(source))
    }

    fn unanswered(&self, source: ConnectionError) -> ApiError {
        ApiError::Connection { address: self.address.clone(), source }
    }

    fn refused(&self, status: StatusCode, answer: &[u8]) -> ApiError {
        let refusal = serde_json::from_slice(answer);
        refusal.map_or_else(|_other| self.none_of_ours(status, None), ApiError::Refused)
    }

    fn read<A: DeserializeOwned>(&self, status: StatusCode, answer: &[u8]) -> Result<A, ApiError> {
        serde_json::from_slice(answer).map_err(|error| self.none_of_ours(status, Some(error)))
    }

    fn none_of_ours(&self, status: StatusCode, source: Option<serde_json::Error>) -> ApiError {
        ApiError::Answer { address: self.address.clone(), status, source }
    }
}

/// What a command runs on that asks a gateway.
///
/// # Errors
/// If the system has no room for it.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, ApiError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(ApiError::Process)
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

impl Refusal {
    /// Whether a field of the request, by its JSON pointer, is what is refused.
    pub(super) fn is_about(&self, pointer: &str) -> bool {
        self.errors.iter().any(|field| field.pointer == pointer)
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
