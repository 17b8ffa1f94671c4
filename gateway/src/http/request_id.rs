//! The id under which one request can be found again: the client's own, or one made here.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// The header of request and answer.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A client's id is echoed into headers and logs, so it is bounded.
const LONGEST: usize = 128;

/// Makes request ids: a random number for the process, and a count.
pub(super) struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        // Ids only have to differ between processes; where there is no randomness, the process id
        // does that.
        let process = getrandom::u64().unwrap_or_else(|_none| u64::from(std::process::id()));
        Self { process, count: AtomicU64::new(0) }
    }

    /// The client's id where it is 1 to 128 visible ASCII characters, else a new one.
    pub(super) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        headers
            .get(X_REQUEST_ID)
            .filter(|value| is_visible(value.as_bytes()))
            .cloned()
            .unwrap_or_else(|| self.mint())
    }

    /// Whether an id has the form of those that are made here.
    pub(super) fn is_ours(id: &str) -> bool {
        id.strip_prefix("req_").is_some_and(|digits| {
            digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    }

    fn mint(&self) -> HeaderValue {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut text = *b"req_00000000000000000000000000000000";
        let mut rest = u128::from(self.process) << 64 | u128::from(count);
        for digit in text[4..].iter_mut().rev() {
            *digit = HEX[usize::try_from(rest & 0xf).unwrap_or(0)];
            rest >>= 4;
        }
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are visible ASCII")
    }
}

fn is_visible(bytes: &[u8]) -> bool {
    (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_visible_and_short_id_is_taken_over() {
        let ids = RequestIds::new();
        let of = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            ids.of(&HeaderMap::from_iter([(X_REQUEST_ID, value)]))
        };
        assert_eq!(of(b"mine-7"), "mine-7");
        for refused in [&b"a b"[..], b"", &[b'x'; 129]] {
            assert!(of(refused).to_str().unwrap().starts_with("req_"));
        }
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
    }
}
