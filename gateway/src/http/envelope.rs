//! Around every answer: request id, security headers, metrics, and an end to panics.
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
    time::Instant,
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    HeaderMap, Method, Request,
    header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use tower::{Layer, Service};

use super::{
    error::{ErrorCode, Problem},
    request_id::{RequestIds, X_REQUEST_ID},
    router::Route,
    surface::Surface,
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
}

impl EnvelopeLayer {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let shared = Shared { metrics, ids: RequestIds::new() };
        Self { shared: Arc::new(shared), route: Route::Unmatched }
    }

    /// The same for another route.
    pub(super) fn at(&self, route: Route) -> Self {
        Self { shared: Arc::clone(&self.shared), route }
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
        let begun = Instant::now();
        let request_id = self.shared.ids.of(request.headers());
        let method = request.method().clone();
        let shared = Arc::clone(&self.shared);
        let route = self.route;
        let surface = Surface::of_path(request.uri().path());
        let call = self.inner.call(request);
        Box::pin(async move {
            let in_flight = InFlight::enter(&shared.metrics);
            let mut response = without_panic(call, &shared.metrics, &request_id).await;
            seal(&mut response, request_id, &method, surface);
            drop(in_flight);
            shared.metrics.request(route, &method, response.status(), begun.elapsed());
            Ok(response)
        })
    }
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
            tracing::error!(?request_id, "an operation panicked");
            Poll::Ready(Ok(Problem::of(ErrorCode::InternalError).into_response()))
        })
    })
    .await
    .unwrap_or_else(|never| match never {})
}

/// Renders a problem, and sets the headers that every answer has.
fn seal(response: &mut Response, request_id: HeaderValue, method: &Method, surface: Surface) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // HEAD has the headers of the answer alone.
        problem.write_headers(surface, response.headers_mut());
        if *method != Method::HEAD {
            let id = request_id.to_str().unwrap_or_default();
            *response.body_mut() = Body::from(problem.render(surface, id));
        }
    }
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use http_body_util::BodyExt;
    use hyper::StatusCode;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_500_and_nothing_more() {
        let metrics = Metrics::new();
        let layer = EnvelopeLayer::new(Arc::clone(&metrics));
        let broken = get(async || -> &'static str { panic!("on purpose") });
        let router: Router = Router::new().route("/broken", broken.layer(layer));
        let request = Request::get("/broken").header(X_REQUEST_ID, "mine").body(Body::empty());
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
