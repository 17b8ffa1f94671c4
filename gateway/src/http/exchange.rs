//! What is kept of a request until its answer goes out: what the answer's headers, the metrics and
//! the log need.

use std::time::{Duration, Instant};

use axum::{body::Body, response::Response};
use hyper::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, ORIGIN},
};
use tracing::{Span, field::display};

use super::{
    access_log::{Answered, loggable},
    client::{Client, NOWHERE},
    edge::Edge,
    error::{ErrorCode, Problem},
    request_id::{RequestIds, X_REQUEST_ID},
    request_scope::Known,
    router::Route,
    security_headers, server,
    surface::Surface,
};
use crate::metrics::Metrics;

/// A request that is being answered.
pub(super) struct Exchange {
    begun: Instant,
    pub(super) request_id: HeaderValue,
    route: Route,
    method: Method,
    pub(super) surface: Surface,
    pub(super) client: Client,
    /// The web page that asks, where it matters.
    origin: Option<HeaderValue>,
}

impl Exchange {
    pub(super) fn begin(
        route: Route,
        edge: &Edge,
        ids: &RequestIds,
        request: &Request<Body>,
    ) -> Self {
        let headers = request.headers();
        Self {
            begun: Instant::now(),
            request_id: ids.of(headers),
            route,
            method: request.method().clone(),
            surface: Surface::of_path(request.uri().path()),
            client: edge.proxies.client(server::peer().unwrap_or(NOWHERE), headers),
            origin: edge.cors.as_ref().and_then(|_cors| headers.get(ORIGIN).cloned()),
        }
    }

    /// The span of a request, for whoever has the level on: what is said meanwhile is said within.
    pub(super) fn span(&self) -> Span {
        tracing::debug_span!(
            "request",
            request_id = loggable(&self.request_id),
            route = self.route.template(),
            method = self.method.as_str(),
            status = tracing::field::Empty,
            merchant_id = tracing::field::Empty,
            key_id = tracing::field::Empty,
            duration_us = tracing::field::Empty,
        )
    }

    /// Renders a problem, whose code it returns, and sets the headers that every answer has.
    pub(super) fn seal(
        &self,
        response: &mut Response,
        known: Known,
        edge: &Edge,
    ) -> Option<ErrorCode> {
        let problem = response.extensions_mut().remove::<Problem>().or_else(|| worded(response));
        if let Some(problem) = &problem {
            *response.status_mut() = problem.code().status();
            problem.write_headers(self.surface, response.headers_mut());
            // HEAD has the headers of the answer alone.
            if self.method != Method::HEAD {
                let id = self.request_id.to_str().unwrap_or_default();
                *response.body_mut() = Body::from(problem.render(self.surface, id));
            }
        }
        let headers = response.headers_mut();
        // All that follow but the rarest, so that the map grows once.
        headers.reserve(10);
        headers.insert(X_REQUEST_ID, self.request_id.clone());
        security_headers::write(headers, edge.by_tls, self.client.over_tls);
        if let Some(standing) = known.standing {
            standing.write(headers);
        }
        if let Some(cors) = &edge.cors {
            cors.write(self.origin.as_ref(), headers);
        }
        problem.map(|problem| problem.code())
    }

    /// Tells metrics, log and span how it went.
    pub(super) fn tell(
        &self,
        status: StatusCode,
        code: Option<ErrorCode>,
        known: Known,
        metrics: &Metrics,
        edge: &Edge,
    ) {
        let elapsed = self.begun.elapsed();
        metrics.request(self.route, &self.method, status, elapsed);
        edge.access_log.write(&Answered {
            request_id: &self.request_id,
            route: self.route,
            method: &self.method,
            status,
            code,
            known,
            elapsed,
        });
    }

    /// Adds to the request's span what its answer has shown.
    pub(super) fn record(&self, span: &Span, status: StatusCode, known: Known) {
        if span.is_disabled() {
            return;
        }
        span.record("status", status.as_u16());
        if let Some(caller) = known.caller {
            span.record("merchant_id", caller.merchant.map(display));
            span.record("key_id", display(caller.key_id()));
        }
        span.record("duration_us", microseconds(self.begun.elapsed()));
    }
}

/// A problem for what axum refuses in plain words, such as an id in a path that is not UTF-8.
fn worded(response: &Response) -> Option<Problem> {
    let status = response.status();
    let is_words = status.is_client_error()
        && response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|media| media.as_bytes().starts_with(b"text/plain"));
    is_words.then(|| Problem::of(ErrorCode::RequestInvalid))
}

/// Durations as logs have them.
pub(super) fn microseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}
