//! Who is asking: API keys, told by their digest.
//!
//! Invariant: a key's text is hashed and forgotten; comparisons take the same time for any digest.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName},
};
use subtle::ConstantTimeEq;
use tollgate_domain::{ApiKey, ApiKeyHash};
use tollgate_engine::ControlView;
use zeroize::Zeroizing;

use super::{
    error::{ErrorCode, Problem},
    request_scope,
};
use crate::secrets::api_key_hash;

/// The older header for keys.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Longer than any key of ours; more is not hashed.
const LONGEST_KEY: usize = 255;

/// Finds the merchant's key that the request came with.
///
/// # Errors
/// 401 without a key of ours, 403 with the operator's.
pub(super) fn merchant_key(
    headers: &HeaderMap,
    control: &ControlView,
    operator: &ApiKeyHash,
) -> Result<ApiKey, Problem> {
    let hash = presented_hash(headers)?;
    match control.find_key(&hash) {
        Some(key) if is_same(&key.hash, &hash) => {
            request_scope::authenticated(&key.hash, Some(key.merchant))?;
            Ok(key)
        }
        Some(_) | None if is_same(operator, &hash) => {
            Err(Problem::of(ErrorCode::MerchantKeyRequired))
        }
        Some(_) | None => Err(Problem::of(ErrorCode::ApiKeyInvalid)),
    }
}

/// Makes sure that the request came with the operator's key.
///
/// # Errors
/// 401 without a key of ours, 403 with a merchant's.
pub(super) fn operator(
    headers: &HeaderMap,
    control: &ControlView,
    operator: &ApiKeyHash,
) -> Result<(), Problem> {
    let hash = presented_hash(headers)?;
    if is_same(operator, &hash) {
        return request_scope::authenticated(operator, None);
    }
    match control.find_key(&hash) {
        Some(_merchants) => Err(Problem::of(ErrorCode::OperatorKeyRequired)),
        None => Err(Problem::of(ErrorCode::ApiKeyInvalid)),
    }
}

fn is_same(one: &ApiKeyHash, other: &ApiKeyHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

fn presented_hash(headers: &HeaderMap) -> Result<ApiKeyHash, Problem> {
    let key = presented_key(headers)?;
    if key.len() > LONGEST_KEY {
        return Err(Problem::of(ErrorCode::ApiKeyInvalid));
    }
    Ok(api_key_hash(&key))
}

/// The key's text, from whichever header holds it; `Authorization` goes first.
fn presented_key(headers: &HeaderMap) -> Result<Cow<'_, str>, Problem> {
    let invalid = || Problem::of(ErrorCode::ApiKeyInvalid);
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        let Some(key) = headers.get(X_API_KEY) else {
            return Err(Problem::of(ErrorCode::ApiKeyMissing));
        };
        return key.to_str().map(Cow::Borrowed).map_err(|_not_ascii| invalid());
    };
    let authorization = authorization.to_str().map_err(|_not_ascii| invalid())?;
    let (scheme, credentials) = authorization.split_once(' ').ok_or_else(invalid)?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Cow::Borrowed(credentials));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        return basic_user(credentials).map(Cow::Owned).ok_or_else(invalid);
    }
    Err(invalid())
}

/// The user name of Basic authentication (RFC 7617); the password is empty for us.
fn basic_user(credentials: &str) -> Option<String> {
    let decoded = Zeroizing::new(STANDARD.decode(credentials).ok()?);
    let text = std::str::from_utf8(&decoded).ok()?;
    let (user, _password) = text.split_once(':').unwrap_or((text, ""));
    Some(user.to_owned())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn presented(name: HeaderName, value: &'static str) -> Result<String, ErrorCode> {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        presented_key(&headers).map(Cow::into_owned).map_err(|problem| problem.code())
    }

    #[test]
    fn keys_come_in_three_ways() {
        let key = Ok("sk_test_1".to_owned());
        assert_eq!(presented(AUTHORIZATION, "Bearer sk_test_1"), key);
        assert_eq!(presented(AUTHORIZATION, "bearer  sk_test_1 "), key);
        assert_eq!(presented(AUTHORIZATION, "Basic c2tfdGVzdF8xOg=="), key);
        assert_eq!(presented(AUTHORIZATION, "Basic c2tfdGVzdF8x"), key);
        assert_eq!(presented(X_API_KEY, "sk_test_1"), key);
    }

    #[test]
    fn other_schemes_are_refused() {
        for value in ["sk_test_1", "Digest abc", "Basic !!!", "Bearer"] {
            let refused = Err(ErrorCode::ApiKeyInvalid);
            assert_eq!(presented(AUTHORIZATION, value), refused, "{value}");
        }
        let missing = presented_key(&HeaderMap::new()).unwrap_err();
        assert_eq!(missing.code(), ErrorCode::ApiKeyMissing);
    }
}
