//! The API's description: an OpenAPI 3.1 document, and a page made from it.
//!
//! ```text
//!   operations   what each path takes and gives, one file for each kind of object
//!   schemas      what crosses the wire
//!   examples     requests and answers to show
//!   document     all of it as the document
//!   other_names  what else the parsers call a field, and what the classic surface calls it
//!   page         the document for people
//! ```
//!
//! Not here: what an operation does. Nothing of the path of a request rests on its description, so
//! tests compare the two: routes, names of fields, error codes, and what a server answers to every
//! example.

mod document;
mod examples;
mod operation;
mod operations;
mod other_names;
mod page;
mod schemas;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use super::respond::JSON;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The document as it is sent.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    serde_json::to_vec(&document::document()).expect("strings and numbers serialize").into()
});

/// The page as it is sent, and what it may load: its own style.
static PAGE: LazyLock<(Bytes, HeaderValue)> = LazyLock::new(|| {
    let document: Value = document::document();
    let policy = HeaderValue::from_str(&page::security_policy()).expect("a policy is ASCII");
    (page::render(&document).into(), policy)
});

/// `GET /api/openapi.json`: the document.
pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, JSON)], DOCUMENT.clone()).into_response()
}

/// `GET /docs`: the page.
pub(super) async fn docs() -> Response {
    let (page, policy) = PAGE.clone();
    ([(CONTENT_TYPE, HTML), (CONTENT_SECURITY_POLICY, policy)], page).into_response()
}
