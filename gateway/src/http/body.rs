//! A request's body: read, bounded in size and time, and wiped after use.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Request,
    body::Body as _,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use zeroize::Zeroize;

use super::error::{ErrorCode, Problem};

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Its largest size, in bytes.
    pub(crate) bytes: usize,
    /// The longest it may take.
    pub(crate) time: Duration,
}

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MediaType {
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// Reads a JSON body.
///
/// # Errors
/// 415, 413 or 408; 400 where the connection broke.
pub(crate) async fn read_json(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<Bytes, Problem> {
    match media_type(request.headers()) {
        Some(MediaType::Json) => read(request, limits).await,
        Some(MediaType::Form) | None => Err(Problem::of(ErrorCode::ContentTypeUnsupported)),
    }
}

/// Reads a body that may also be a form.
///
/// # Errors
/// As [`read_json`].
pub(super) async fn read_json_or_form(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<(Bytes, MediaType), Problem> {
    let media_type = media_type(request.headers())
        .ok_or_else(|| Problem::of(ErrorCode::ContentTypeUnsupported))?;
    Ok((read(request, limits).await?, media_type))
}

/// Reads the body of an HTML form.
///
/// # Errors
/// As [`read_json`].
pub(crate) async fn read_form(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<Bytes, Problem> {
    match media_type(request.headers()) {
        Some(MediaType::Form) => read(request, limits).await,
        Some(MediaType::Json) | None => Err(Problem::of(ErrorCode::ContentTypeUnsupported)),
    }
}

async fn read(request: Request<Body>, limits: BodyLimits) -> Result<Bytes, Problem> {
    if announced_length(request.headers()).is_some_and(|length| length > limits.bytes) {
        return Err(Problem::of(ErrorCode::BodyTooLarge));
    }
    let read = collect(request.into_body(), limits.bytes);
    tokio::time::timeout(limits.time, read)
        .await
        .map_err(|_elapsed| Problem::of(ErrorCode::RequestTimeout))?
}

/// Reads a JSON body where there is one; `None` where it is empty, whatever its type.
///
/// # Errors
/// As [`read_json`].
pub(super) async fn read_optional_json(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<Option<Bytes>, Problem> {
    if request.body().is_end_stream() {
        return Ok(None);
    }
    read_json(request, limits).await.map(Some)
}

/// Overwrites a body, which may hold a card's number. Where the connection still shares the buffer
/// that is not ours to do, and the next request overwrites it.
pub(crate) fn wipe(body: Bytes) {
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}

async fn collect(mut body: Body, most: usize) -> Result<Bytes, Problem> {
    // Most bodies come in one frame, which is then taken as it is.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let broken = |_cause| Problem::new(ErrorCode::BodyInvalid, "The body broke off.");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > most {
            return Err(Problem::of(ErrorCode::BodyTooLarge));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
        if body.is_end_stream() {
            break;
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok([&first[..], &rest[..]].concat().into())
}

fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let name = value.split(';').next().unwrap_or_default().trim();
    if name.eq_ignore_ascii_case("application/json") {
        Some(MediaType::Json)
    } else if name.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Some(MediaType::Form)
    } else {
        None
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
