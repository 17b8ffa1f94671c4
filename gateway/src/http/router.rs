//! Paths to operations.
//!
//! A new operation is a variant of [`Route`] and a line in [`api`].

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::{
    documentation,
    envelope::EnvelopeLayer,
    error::{ErrorCode, Problem},
    health, simulator_ledger,
    state::Gateway,
    v1,
};

/// The paths that are served; their templates are the only paths in metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    Payments,
    Payment,
    Merchants,
    Health,
    Ready,
    SimulatorLedger,
    ErrorDocumentation,
    /// No path of ours.
    Unmatched,
}

impl Route {
    pub(crate) const ALL: [Self; 8] = [
        Self::Payments,
        Self::Payment,
        Self::Merchants,
        Self::Health,
        Self::Ready,
        Self::SimulatorLedger,
        Self::ErrorDocumentation,
        Self::Unmatched,
    ];

    /// The path with its parameters' names.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Self::Payments => v1::payments::PATH,
            Self::Payment => "/api/v1/payments/{id}",
            Self::Merchants => "/api/v1/merchants",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::SimulatorLedger => "/simulator/ledger",
            Self::ErrorDocumentation => "/docs/errors",
            Self::Unmatched => "unmatched",
        }
    }

    /// Its place in [`Route::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Payments => 0,
            Self::Payment => 1,
            Self::Merchants => 2,
            Self::Health => 3,
            Self::Ready => 4,
            Self::SimulatorLedger => 5,
            Self::ErrorDocumentation => 6,
            Self::Unmatched => 7,
        }
    }
}

/// The API.
pub(crate) fn api(gateway: Arc<Gateway>) -> Router {
    let envelope = EnvelopeLayer::new(Arc::clone(&gateway.metrics));
    let operations: [(Route, MethodRouter<Arc<Gateway>>); 7] = [
        (Route::Payments, post(v1::payments::create)),
        (Route::Payment, get(v1::payments::read)),
        (Route::Merchants, post(v1::merchants::create)),
        (Route::Health, get(health::health)),
        (Route::Ready, get(health::ready)),
        (Route::SimulatorLedger, get(simulator_ledger::page)),
        (Route::ErrorDocumentation, get(documentation::errors)),
    ];
    let mut router = Router::new();
    for (route, methods) in operations {
        let methods = methods.fallback(method_not_allowed).layer(envelope.at(route));
        router = router.route(route.template(), methods);
    }
    let unmatched = axum::routing::any(not_found).layer(envelope.at(Route::Unmatched));
    router.fallback_service(unmatched.with_state(())).with_state(gateway)
}

/// What Prometheus reads, on a listener of its own.
pub(crate) fn metrics(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/metrics", get(render_metrics))
        .fallback(async || Problem::of(ErrorCode::RouteNotFound).code().status())
        .with_state(gateway)
}

/// The text format of Prometheus, version 0.0.4.
const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

async fn render_metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let health = gateway.try_serving().map(|serving| serving.engine.health());
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], gateway.metrics.render(health)).into_response()
}

async fn not_found() -> Problem {
    Problem::of(ErrorCode::RouteNotFound)
}

async fn method_not_allowed() -> Problem {
    Problem::of(ErrorCode::MethodNotAllowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_list() {
        for (index, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route.index(), index);
        }
    }
}
