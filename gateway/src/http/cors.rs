//! Which web pages may call the API (the Fetch standard's CORS protocol).
//!
//! Not here: protection. Who has no page's key is refused by authentication; this tells browsers
//! whose answers a page may read.

use axum::{body::Body, response::Response};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
    },
};

/// What pages may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Api-Key, X-Api-Secret, \
     X-Request-Id",
);

/// What pages may read besides the few that they always may.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Disposition, Idempotent-Replayed, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, \
     Retry-After, WWW-Authenticate, X-Request-Id",
);

/// The pages that may.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    credentials: bool,
    max_age: HeaderValue,
}

#[derive(Debug)]
enum Origins {
    Any,
    These(Vec<HeaderValue>),
}

impl Cors {
    /// `None` where no page may. `origins` have been checked: all but `*` are origins.
    pub(crate) fn new(origins: &[String], credentials: bool, max_age_s: u32) -> Option<Self> {
        let origins = match origins {
            [] => return None,
            [any] if any == "*" => Origins::Any,
            these => Origins::These(
                these.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect(),
            ),
        };
        Some(Self { origins, credentials, max_age: max_age_s.into() })
    }

    /// The answer to a browser that asks what a page may send; `None` for any other request.
    pub(super) fn preflight(&self, request: &Request<Body>) -> Option<Response> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(ORIGIN)
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        asks.then(|| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
            response
        })
    }

    /// Says in an answer whether the page of `origin` may read it.
    pub(super) fn write(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let allowed = match (&self.origins, origin) {
            (Origins::Any, _) => HeaderValue::from_static("*"),
            (Origins::These(these), origin) => {
                // Caches must not give one page's answer to another, nor to none.
                headers.append(VARY, HeaderValue::from_static("Origin"));
                let Some(origin) = origin.filter(|origin| these.contains(origin)) else { return };
                origin.clone()
            }
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}
