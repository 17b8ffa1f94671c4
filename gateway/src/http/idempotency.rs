//! The idempotency key as a request gives it: in its header, in its body, or alike in both.
//!
//! Not here: what a key stands for, which the engine knows.

use std::borrow::Cow;

use axum::response::Response;
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

use super::error::{ErrorCode, Fault, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Longest key, in characters.
const LONGEST_KEY: usize = 255;

/// The header's key, bare or quoted.
///
/// # Errors
/// If it is no key, or there are several.
pub(super) fn key_in_header(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refused = || Problem::of(ErrorCode::IdempotencyKeyInvalid);
    let text = value.to_str().map_err(|_not_ascii| refused())?.trim();
    let key = unquoted(text);
    if values.next().is_some() || !is_key(&key) {
        return Err(refused());
    }
    Ok(Some(key))
}

/// The key of header and body.
///
/// # Errors
/// If the body's is no key, or the two differ.
pub(super) fn agreed_key<'k>(
    header: Option<&'k str>,
    body: Option<&'k str>,
) -> Result<Option<&'k str>, Problem> {
    let refused = |detail: &'static str| {
        let code = ErrorCode::IdempotencyKeyInvalid;
        Err(Problem::of_faults(vec![Fault::new("/idempotencyKey", code, detail)]))
    };
    match (header, body) {
        (key, None) => Ok(key),
        (_, Some(body)) if !is_key(body) => {
            refused("An idempotency key is 1 to 255 visible ASCII characters.")
        }
        (Some(header), Some(body)) if header != body => {
            refused("Header and body give different idempotency keys.")
        }
        (_, Some(body)) => Ok(Some(body)),
    }
}

/// Says that the answer is that of an earlier request with the same key.
pub(super) fn mark_replayed(response: &mut Response) {
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
}

/// The content of a quoted string (RFC 9110, section 5.6.4); any other text as it is.
fn unquoted(text: &str) -> Cow<'_, str> {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        None => Cow::Borrowed(text),
        Some(content) if !content.contains('\\') => Cow::Borrowed(content),
        Some(content) => {
            let mut letters = content.chars();
            let mut plain = String::with_capacity(content.len());
            while let Some(letter) = letters.next() {
                plain.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
            }
            Cow::Owned(plain)
        }
    }
}

fn is_key(key: &str) -> bool {
    (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bare_or_quoted() {
        let header = |value: &'static str| {
            let headers =
                HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_static(value))]);
            key_in_header(&headers)
                .map(|key| key.unwrap_or_default().into_owned())
                .map_err(|problem| problem.code())
        };
        assert_eq!(header("abc-1"), Ok("abc-1".to_owned()));
        assert_eq!(header("\"abc-1\""), Ok("abc-1".to_owned()));
        assert_eq!(header("\"a\\\"b\""), Ok("a\"b".to_owned()));
        for refused in ["", "\"\"", "a b"] {
            assert_eq!(header(refused), Err(ErrorCode::IdempotencyKeyInvalid), "{refused}");
        }
    }

    #[test]
    fn header_and_body_agree() {
        for (header, body, agreed) in [
            (None, None, Some(None)),
            (Some("a"), None, Some(Some("a"))),
            (None, Some("a"), Some(Some("a"))),
            (Some("a"), Some("a"), Some(Some("a"))),
            (Some("a"), Some("b"), None),
            (None, Some(""), None),
            (None, Some("a b"), None),
        ] {
            assert_eq!(agreed_key(header, body).ok(), agreed, "{header:?} {body:?}");
        }
    }
}
