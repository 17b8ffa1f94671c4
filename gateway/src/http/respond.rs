//! Answers with a JSON body.

use axum::{body::Body, response::Response};
use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;

/// The media type of problems (RFC 9457).
pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The media type of everything else.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Room for a usual answer, so that its buffer grows once at the most.
const USUAL_ANSWER: usize = 1_536;

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    respond(status, JSON, body)
}

pub(super) fn problem_json(status: StatusCode, body: &impl Serialize) -> Response {
    respond(status, PROBLEM_JSON, body)
}

fn respond(status: StatusCode, content_type: HeaderValue, body: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(USUAL_ANSWER);
    serde_json::to_writer(&mut text, body).expect("answers have string keys and finite numbers");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
