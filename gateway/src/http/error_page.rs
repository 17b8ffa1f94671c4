//! `GET /docs/errors`: where the `type` of a problem leads.

use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// The page of error codes, one heading each, named as the fragment of a problem's `type`.
const ERRORS: &str = include_str!("../../../docs/errors.md");

/// RFC 7763.
const MARKDOWN: HeaderValue = HeaderValue::from_static("text/markdown; charset=utf-8");

pub(super) async fn page() -> Response {
    ([(CONTENT_TYPE, MARKDOWN)], ERRORS).into_response()
}
