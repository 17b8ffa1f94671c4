//! The simulator in another process: a provider over HTTP.
//!
//! Invariant: an outcome is what was answered, whole and well-formed. Where nothing can have been
//! written it is [`ProviderOutcome::NotSent`]; everything else, a refusal by status included, is
//! unknown and left to an inquiry. Nothing is written once an inquiry that did not find it would be
//! believed; for what is on its way by then, the request says until when it may be acted on.
//!
//! Not here: retries. A request is written once; only one that no byte was written of goes to a
//! second connection.

mod connections;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HOST, HeaderValue},
};
use serde::Serialize;
use tollgate_domain::{
    AttemptId, CaptureMode, Millis, Mode, PaymentIntent, ProviderId, ProviderOutcome, Timestamp,
};
use zeroize::Zeroizing;

use self::connections::{Connections, Failure};
use super::{
    Answer, Authorize, Capabilities, Clock, Inquire, Provider, Standing,
    simulator::{
        FAULTS_KEY, METHODS,
        protocol::{
            AnswerBody, AuthorizeBody, CaptureName, InquireBody, MethodBody, ModeName, PaymentPart,
            Rail,
        },
    },
};

/// Where the other process is, and how long it may take.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSimulatorOptions {
    /// Such as `http://127.0.0.1:8070`.
    pub(crate) url: String,
    /// The horizon, see [`Capabilities::inquiry_horizon`].
    pub(crate) inquiry_horizon: Millis,
    /// For a connection to stand.
    pub(crate) connect_timeout: Duration,
    /// From the request to the head of its answer.
    pub(crate) header_timeout: Duration,
    /// For the answer's body.
    pub(crate) body_timeout: Duration,
}

/// The URL cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("{url} is no address of the form http://host:port")]
pub struct UrlError {
    url: String,
}

/// The simulator in another process. A clone uses the same connections.
#[derive(Clone)]
pub(crate) struct RemoteSimulator(Arc<Inner>);

struct Inner {
    connections: Connections,
    host: HeaderValue,
    inquiry_horizon: Millis,
    clock: Clock,
}

/// Room for any authorization, so that its buffer is never moved: what is left behind would not be
/// wiped. Faults and a card holder's name are the longest parts, a few hundred bytes each.
const REQUEST_ROOM: usize = 8 * 1024;

impl RemoteSimulator {
    /// Connects to nothing yet: that is left to the first call.
    ///
    /// # Errors
    /// If the URL is not of the form `http://host:port`.
    pub(crate) fn new(options: &RemoteSimulatorOptions, clock: Clock) -> Result<Self, UrlError> {
        let RemoteSimulatorOptions { url, inquiry_horizon, .. } = options;
        let refused = || UrlError { url: url.clone() };
        let authority = url.strip_prefix("http://").ok_or_else(refused)?.trim_end_matches('/');
        let parsed: hyper::http::uri::Authority = authority.parse().map_err(|_fault| refused())?;
        if authority.contains('@') || parsed.host().is_empty() {
            return Err(refused());
        }
        let host = HeaderValue::from_str(authority).map_err(|_fault| refused())?;
        let address = format!("{}:{}", parsed.host(), parsed.port_u16().unwrap_or(80));
        let connections = Connections::new(address, options);
        let inquiry_horizon = *inquiry_horizon;
        Ok(Self(Arc::new(Inner { connections, host, inquiry_horizon, clock })))
    }

    /// A page of its ledger, as JSON. `None` where it cannot be had.
    pub(crate) async fn ledger_page(&self, after: u64, limit: usize) -> Option<Bytes> {
        let path = format!("/ledger?after={after}&limit={limit}");
        let request = self.0.request(Method::GET, &path, Bytes::new());
        let (status, body) = self.0.connections.send(request, || true).await.ok()?;
        (status == StatusCode::OK).then_some(body)
    }
}

impl Provider for RemoteSimulator {
    fn id(&self) -> ProviderId {
        ProviderId::SIMULATOR
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inquiry_horizon: self.0.inquiry_horizon, methods: METHODS }
    }

    fn authorize(&self, request: Authorize) -> Answer<ProviderOutcome> {
        let Authorize { intent, attempt, instrument } = request;
        let not_after = attempt.time().after(self.0.inquiry_horizon);
        let Some(method) = MethodBody::of(&intent.method, &instrument) else {
            return Answer::Now(ProviderOutcome::NotSent);
        };
        let payment = payment_part(&intent);
        let not_after_ms = not_after.as_millis();
        let body = wiped(&AuthorizeBody { payment, not_after_ms, method });
        let inner = Arc::clone(&self.0);
        Answer::later(async move { inner.authorize(attempt, not_after, body).await })
    }

    fn inquire(&self, request: Inquire) -> Answer<Standing> {
        let Inquire { intent, attempt } = request;
        let rail = Rail::of(&intent.method);
        let body = wiped(&InquireBody { payment: payment_part(&intent), rail });
        let inner = Arc::clone(&self.0);
        Answer::later(async move { inner.inquire(attempt, body).await })
    }
}

impl Inner {
    async fn authorize(
        &self,
        attempt: AttemptId,
        not_after: Timestamp,
        body: Bytes,
    ) -> ProviderOutcome {
        let request = self.attempt_request(attempt, "authorize", body);
        let in_time = || (self.clock)() < not_after;
        match self.connections.send(request, in_time).await {
            Ok(answer) => {
                understood(&answer).map_or(ProviderOutcome::Unknown, |answer| answer.into_outcome())
            }
            Err(Failure::NotSent) => ProviderOutcome::NotSent,
            Err(Failure::Unanswered) => ProviderOutcome::Unknown,
        }
    }

    async fn inquire(&self, attempt: AttemptId, body: Bytes) -> Standing {
        let request = self.attempt_request(attempt, "inquire", body);
        match self.connections.send(request, || true).await {
            Ok(answer) => {
                understood(&answer).map_or(Standing::Unknown, |answer| answer.into_standing())
            }
            Err(Failure::NotSent | Failure::Unanswered) => Standing::Unknown,
        }
    }

    fn attempt_request(
        &self,
        attempt: AttemptId,
        operation: &str,
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        self.request(Method::POST, &format!("/v1/attempts/{attempt}/{operation}"), body)
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("ids, words and digits make a path");
        request.headers_mut().insert(HOST, self.host.clone());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request
    }
}

/// The answer, if it is one.
fn understood((status, body): &(StatusCode, Bytes)) -> Option<AnswerBody> {
    if *status != StatusCode::OK {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// A body whose bytes are wiped once the last reader has let go of them.
fn wiped(body: &impl Serialize) -> Bytes {
    let mut bytes = Zeroizing::new(Vec::with_capacity(REQUEST_ROOM));
    serde_json::to_writer(&mut *bytes, body).expect("requests have string keys");
    Bytes::from_owner(bytes)
}

fn payment_part(intent: &PaymentIntent) -> PaymentPart<'_> {
    PaymentPart {
        id: intent.id.to_string().into(),
        merchant: intent.merchant.to_string().into(),
        mode: match intent.mode {
            Mode::Test => ModeName::Test,
            Mode::Live => ModeName::Live,
        },
        amount_minor: intent.money.amount.minor_units(),
        currency: intent.money.currency.code().into(),
        capture: match intent.capture {
            CaptureMode::Automatic => CaptureName::Automatic,
            CaptureMode::Manual => CaptureName::Manual,
        },
        faults: intent.metadata(FAULTS_KEY).map(Into::into),
    }
}
