//! One line for a request that has been answered.
//!
//! Invariant: a line holds no key, no address, no query and no path that a client wrote; and no card
//! number, not even one that a client sent as its request id.

use std::time::Duration;

use hyper::{Method, StatusCode, header::HeaderValue};
use tollgate_config::AccessLog as Which;

use super::{
    error::ErrorCode, exchange::microseconds, request_id::RequestIds, request_scope::Known,
    router::Route,
};
use crate::card_number::passes_luhn;

/// Which requests get a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessLog {
    which: Which,
    slow: Duration,
}

/// An answered request.
pub(super) struct Answered<'r> {
    pub(super) request_id: &'r HeaderValue,
    pub(super) route: Route,
    pub(super) method: &'r Method,
    pub(super) status: StatusCode,
    /// Of a refusal.
    pub(super) code: Option<ErrorCode>,
    pub(super) known: Known,
    pub(super) elapsed: Duration,
}

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weight {
    /// We failed.
    Error,
    /// We were busy, or slow.
    Warn,
    Info,
}

impl AccessLog {
    pub(crate) fn new(which: Which, slow: Duration) -> Self {
        Self { which, slow }
    }

    pub(super) fn write(self, answered: &Answered<'_>) {
        /// Events have their level at compile time.
        macro_rules! line {
            ($level:ident) => {{
                let Answered { request_id, route, method, status, code, known, elapsed } = answered;
                tracing::event!(
                    target: "tollgate::access",
                    tracing::Level::$level,
                    request_id = loggable(request_id),
                    route = route.template(),
                    method = method.as_str(),
                    status = status.as_u16(),
                    code = code.map(ErrorCode::as_str),
                    merchant_id = known.caller.and_then(|caller| caller.merchant).map(tracing::field::display),
                    key_id = known.caller.map(|caller| tracing::field::display(caller.key_id())),
                    duration_us = microseconds(*elapsed),
                    "answered"
                )
            }};
        }
        // Whoever probes knows what 503 means there.
        let is_probe = matches!(answered.route, Route::Health | Route::Ready);
        let weighed = if is_probe { StatusCode::OK } else { answered.status };
        match self.weight(weighed, answered.elapsed) {
            None => {}
            Some(Weight::Error) => line!(ERROR),
            Some(Weight::Warn) => line!(WARN),
            Some(Weight::Info) => line!(INFO),
        }
    }

    fn weight(self, status: StatusCode, elapsed: Duration) -> Option<Weight> {
        let weight = if status == StatusCode::INTERNAL_SERVER_ERROR {
            Weight::Error
        } else if status.is_server_error() || elapsed >= self.slow {
            Weight::Warn
        } else {
            Weight::Info
        };
        let is_written = match self.which {
            Which::Off => false,
            Which::Errors => weight != Weight::Info,
            Which::All => true,
        };
        is_written.then_some(weight)
    }
}

/// The id, unless it looks like the number of a card.
pub(super) fn loggable(request_id: &HeaderValue) -> &str {
    let text = request_id.to_str().unwrap_or_default();
    if RequestIds::is_ours(text) {
        return text;
    }
    let is_letter = |letter: char| !letter.is_ascii_digit() && !matches!(letter, '-' | '.' | '_');
    let looks_like_a_card = text.split(is_letter).any(|run| {
        let digits: String = run.chars().filter(char::is_ascii_digit).collect();
        // Numbers of cards begin with 3 to 6; those of seconds since 1970 do not.
        (13..=19).contains(&digits.len())
            && digits.starts_with(['3', '4', '5', '6'])
            && passes_luhn(&digits)
    });
    if looks_like_a_card { "(withheld)" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_slow_requests_matter() {
        let (quick, slow) = (Duration::from_millis(1), Duration::from_millis(100));
        let weight = |which, status, elapsed| {
            let log = AccessLog::new(which, slow);
            log.weight(StatusCode::from_u16(status).unwrap(), elapsed)
        };
        for (status, elapsed, errors, all) in [
            (201, quick, None, Some(Weight::Info)),
            (404, quick, None, Some(Weight::Info)),
            (201, slow, Some(Weight::Warn), Some(Weight::Warn)),
            (503, quick, Some(Weight::Warn), Some(Weight::Warn)),
            (500, quick, Some(Weight::Error), Some(Weight::Error)),
        ] {
            assert_eq!(weight(Which::Off, status, elapsed), None);
            assert_eq!(weight(Which::Errors, status, elapsed), errors, "{status}");
            assert_eq!(weight(Which::All, status, elapsed), all, "{status}");
        }
    }

    #[test]
    fn a_cards_number_is_no_id() {
        for (id, shown) in [
            ("mine-7", "mine-7"),
            ("4242424242424242", "(withheld)"),
            ("order:4242-4242-4242-4242", "(withheld)"),
            ("4242424242424241", "4242424242424241"),
            ("1763712000000000", "1763712000000000"),
            // Ours, which for the digits in it might be a card.
            ("req_06bbc19158e8d3c40000000000000002", "req_06bbc19158e8d3c40000000000000002"),
            ("01993b2e-7d4c-7a3f-9c11-3f0a7b6c5d4e", "01993b2e-7d4c-7a3f-9c11-3f0a7b6c5d4e"),
        ] {
            assert_eq!(loggable(&HeaderValue::from_static(id)), shown);
        }
    }
}
