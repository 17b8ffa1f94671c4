//! What the head of every request has to be like, whatever it asks for.
//!
//! A proxy in front and we must read a request alike, so what could be read in two ways is refused.
//!
//! Not here: what hyper refuses while it parses, which `refusal_stream` renders.

use axum::body::Body;
use hyper::{
    Request, Version,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, TRANSFER_ENCODING},
};

use super::error::{ErrorCode, Problem};

/// Longest path and query, in bytes: far more than any operation needs, and what others allow.
const LONGEST_TARGET: usize = 8_192;

/// Headers that say one thing. The idempotency key is among them, but `idempotency` has a better
/// word for it.
const SINGULAR: [HeaderName; 6] = [
    AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TRANSFER_ENCODING,
    HeaderName::from_static("x-api-key"),
];

/// Looks at a request's head.
///
/// # Errors
/// 414 for a target that is too long; 400 where HTTP/1.1 has no host, or a header that says one
/// thing is there twice.
pub(super) fn check(request: &Request<Body>) -> Result<(), Problem> {
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if target > LONGEST_TARGET {
        return Err(Problem::of(ErrorCode::UriTooLong));
    }
    let headers = request.headers();
    // RFC 9112, section 3.2.
    if request.version() == Version::HTTP_11 && !headers.contains_key(HOST) {
        return Err(Problem::new(ErrorCode::RequestInvalid, "The `Host` header is missing."));
    }
    // Both numbers are at hand, and mostly they are the same.
    if headers.len() != headers.keys_len() {
        for name in SINGULAR {
            if headers.get_all(&name).iter().nth(1).is_some() {
                let detail = format!("The header `{name}` is given twice.");
                return Err(Problem::new(ErrorCode::RequestInvalid, detail));
            }
        }
    }
    Ok(())
}
