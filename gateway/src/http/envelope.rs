//! Around every answer: request id, limits by address, CORS, security headers, metrics, the access
//! log, and an end to panics.
//!
//! One hand-written service instead of a stack of layers, because each layer costs an allocation
//! and a future for every request.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{Method, Request, StatusCode, header::HeaderValue};
use tower::{Layer, Service};
use tracing::Instrument;

use super::{
    access_log::loggable,
    edge::Edge,
    error::{ErrorCode, Problem},
    exchange::Exchange,
    request_head,
    request_id::RequestIds,
    request_scope::{Known, RequestScope},
    router::Route,
};
use crate::metrics::Metrics;

/// Puts the envelope around the operations of a route.
#[derive(Clone)]
pub(super) struct EnvelopeLayer {
    shared: Arc<Shared>,
    route: Route,
}

/// The service with its envelope.
#[derive(Clone)]
pub(super) struct Envelope<S> {
    inner: S,
    shared: Arc<Shared>,
    route: Route,
}

struct Shared {
    metrics: Arc<Metrics>,
    ids: RequestIds,
    edge: Arc<Edge>,
}

impl EnvelopeLayer {
    pub(super) fn new(metrics: Arc<Metrics>, edge: Arc<Edge>) -> Self {
        let shared = Shared { metrics, ids: RequestIds::new(), edge };
        Self { shared: Arc::new(shared), route: Route::Unmatched }
    }

    /// The same for another route.
    pub(super) fn at(&self, route: Route) -> Self {
        Self { shared: Arc::clone(&self.shared), route }
    }

    /// Renders the refusal of a request that could not be read: its headers and body. `None` for a
    /// status that says no such thing.
    pub(super) fn refuse(&self, status: StatusCode) -> Option<Vec<u8>> {
        let code = match status {
            StatusCode::BAD_REQUEST => ErrorCode::RequestInvalid,
            StatusCode::URI_TOO_LONG => ErrorCode::UriTooLong,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ErrorCode::HeadersTooLarge,
            _ => return None,
        };
        let mut unread = Request::new(Body::empty());
        // Nothing is known of it; this one is counted as none of those that are told apart.
        *unread.method_mut() = Method::TRACE;
        let Shared { metrics, ids, edge } = &*self.shared;
        let exchange = Exchange::begin(self.route, edge, ids, &unread);
        let problem = Problem::of(code);
        let body =
            problem.render(exchange.surface, exchange.request_id.to_str().unwrap_or_default());
        let mut response = problem.into_response();
        exchange.seal(&mut response, Known::default(), edge);
        exchange.tell(status, Some(code), Known::default(), metrics, edge);
        let mut bytes = Vec::with_capacity(1_024);
        for (name, value) in response.headers() {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(&body);
        Some(bytes)
    }
}

impl<S> Layer<S> for EnvelopeLayer {
    type Service = Envelope<S>;

    fn layer(&self, inner: S) -> Envelope<S> {
        Envelope { inner, shared: Arc::clone(&self.shared), route: self.route }
    }
}

impl<S> Service<Request<Body>> for Envelope<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let exchange = Exchange::begin(self.route, &shared.edge, &shared.ids, &request);
        let call = match shared.answer_early(&request) {
            Some(response) => Err(response),
            None => Ok(self.inner.call(request)),
        };
        Box::pin(async move {
            let in_flight = InFlight::enter(&shared.metrics);
            let span = exchange.span();
            let (mut response, known) = match call {
                Err(early) => (early, Known::default()),
                Ok(call) => {
                    let answer = without_panic(call, &shared.metrics, &exchange.request_id);
                    let answer = RequestScope::enter(Arc::clone(&shared.edge), answer);
                    answer.instrument(span.clone()).await
                }
            };
            if opened_nothing(&response) {
                shared.count_wrong_key(&exchange, &mut response);
            }
            let code = exchange.seal(&mut response, known, &shared.edge);
            drop(in_flight);
            exchange.tell(response.status(), code, known, &shared.metrics, &shared.edge);
            exchange.record(&span, response.status(), known);
            Ok(response)
        })
    }
}

impl Shared {
    /// The answer to what needs no operation.
    fn answer_early(&self, request: &Request<Body>) -> Option<Response> {
        if let Err(problem) = request_head::check(request) {
            return Some(problem.into_response());
        }
        self.edge.cors.as_ref().and_then(|cors| cors.preflight(request))
    }

    /// A key that opens nothing counts against its address, and is told no more once there were too
    /// many. Keys that open something are never in the way of that: behind one address there may be
    /// many clients, and 256 random bits need no protection from guesses that succeed.
    fn count_wrong_key(&self, exchange: &Exchange, response: &mut Response) {
        const TOO_OFTEN: &str = "Too many wrong keys have come from this address.";
        let address = exchange.client.address;
        if self.edge.limits.refuses(address) {
            *response = Problem::new(ErrorCode::RateLimitExceeded, TOO_OFTEN).into_response();
        } else {
            self.edge.limits.failed(address);
        }
    }
}

/// Whether a key was brought that is none of ours, or none any more.
fn opened_nothing(response: &Response) -> bool {
    response.status() == StatusCode::UNAUTHORIZED
        && response
            .extensions()
            .get::<Problem>()
            .is_some_and(|problem| problem.code() != ErrorCode::ApiKeyMissing)
}

/// Counts a request while it is answered, even if its client goes away and the future is dropped.
struct InFlight<'m>(&'m Metrics);

impl<'m> InFlight<'m> {
    fn enter(metrics: &'m Metrics) -> Self {
        metrics.requests_in_flight.increment(1);
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.requests_in_flight.decrement(1);
    }
}

/// The answer, or a 500 where the operation panicked. What the operation held is gone with it;
/// what is shared is behind locks that do not poison, or in the engine, where a panic ends the
/// process.
async fn without_panic(
    call: impl Future<Output = Result<Response, Infallible>>,
    metrics: &Metrics,
    request_id: &HeaderValue,
) -> Response {
    let mut call = pin!(call);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        polled.unwrap_or_else(|_panic| {
            metrics.panics.increment(1);
            tracing::error!(request_id = loggable(request_id), "an operation panicked");
            Poll::Ready(Ok(Problem::of(ErrorCode::InternalError).into_response()))
        })
    })
    .await
    .unwrap_or_else(|never| match never {})
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use http_body_util::BodyExt;
    use hyper::header::HOST;
    use tower::ServiceExt;

    use super::*;
    use crate::http::request_id::X_REQUEST_ID;

    #[tokio::test]
    async fn a_panic_is_a_500_and_nothing_more() {
        let metrics = Metrics::new();
        let layer = EnvelopeLayer::new(Arc::clone(&metrics), Arc::new(Edge::open_to_all()));
        let broken = get(async || -> &'static str { panic!("on purpose") });
        let router: Router = Router::new().route("/broken", broken.layer(layer));
        let request = Request::get("/broken").header(HOST, "t").header(X_REQUEST_ID, "mine");
        let request = request.body(Body::empty());
        let response = router.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[X_REQUEST_ID], "mine");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "internal_error");
        assert_eq!(body["request_id"], "mine");
        assert!(metrics.render(None).contains("tollgate_handler_panics_total 1"));
    }
}
