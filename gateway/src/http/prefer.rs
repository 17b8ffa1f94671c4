//! The `Prefer` header (RFC 7240): how long the client wants to wait.

use hyper::{HeaderMap, header::HeaderName};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Whether the client prefers an answer at once.
pub(super) fn prefers_async(headers: &HeaderMap) -> bool {
    headers
        .get_all(PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| {
            let name = preference.split([';', '=']).next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("respond-async")
        })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_preference_is_found_among_others() {
        for (value, found) in [
            ("respond-async", true),
            ("Respond-Async, wait=10", true),
            ("wait=10,respond-async;x=1", true),
            ("return=minimal", false),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]);
            assert_eq!(prefers_async(&headers), found, "{value}");
        }
    }
}
