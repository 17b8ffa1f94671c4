//! A request's body: read, bounded in size and time, and wiped after use.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Request,
    body::Body as _,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
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
    match media_type(request.headers())? {
        MediaType::Json => read(request, limits).await,
        MediaType::Form => Err(Problem::of(ErrorCode::ContentTypeUnsupported)),
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
    let media_type = media_type(request.headers())?;
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
    match media_type(request.headers())? {
        MediaType::Form => read(request, limits).await,
        MediaType::Json => Err(Problem::of(ErrorCode::ContentTypeUnsupported)),
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

/// Fails for every type, coding and character set that is not read here: what is compressed is no JSON,
/// and its sender shall not have to guess why.
fn media_type(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let refused = |detail: &'static str| Problem::new(ErrorCode::ContentTypeUnsupported, detail);
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(refused("The body must not be compressed."));
    }
    let unsupported = || Problem::of(ErrorCode::ContentTypeUnsupported);
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = value.ok_or_else(unsupported)?.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let media_type = if name.eq_ignore_ascii_case("application/json") {
        MediaType::Json
    } else if name.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        MediaType::Form
    } else {
        return Err(unsupported());
    };
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("charset").then(|| value.trim_matches('"'))
    });
    if charsets.any(|charset| !UTF_8.iter().any(|name| charset.eq_ignore_ascii_case(name))) {
        return Err(refused("The body has to be UTF-8."));
    }
    Ok(media_type)
}

/// What clients call UTF-8, or a part of it.
const UTF_8: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
