//! What the front door is told for every request, whatever it asks for.

use tollgate_config::TransportSecurity;

use super::{access_log::AccessLog, client::TrustedProxies, cors::Cors, rate_limit::RateLimits};

/// The front door's options.
pub(crate) struct Edge {
    pub(crate) proxies: TrustedProxies,
    pub(crate) limits: RateLimits,
    /// `None`: no web page may call.
    pub(crate) cors: Option<Cors>,
    pub(crate) by_tls: TransportSecurity,
    pub(crate) access_log: AccessLog,
}

#[cfg(test)]
impl Edge {
    /// One that lets everything pass and tells nobody.
    pub(super) fn open_to_all() -> Self {
        use std::time::Duration;

        use metrics::Counter;
        use tollgate_config::{AccessLog as Which, ForwardedHeader};

        use super::rate_limit::{RateLimitOptions, RefusalCounters};

        let counters = RefusalCounters { keys: Counter::noop(), addresses: Counter::noop() };
        Self {
            proxies: TrustedProxies::new(Vec::new(), ForwardedHeader::XForwardedFor),
            limits: RateLimits::new(RateLimitOptions { requests: None, failures: None }, counters),
            cors: None,
            by_tls: TransportSecurity::Never,
            access_log: AccessLog::new(Which::Off, Duration::MAX),
        }
    }
}
