//! `[rate_limit]`: how often clients may ask.

use serde::Deserialize;

/// How often clients may ask; 0 is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests of one API key in a second, on the average.
    pub requests_per_s: u32,
    /// How many of them at once; 0 is as many as in a second.
    pub burst: u32,
    /// Failed authentications from one address in a second.
    pub failed_authentications_per_s: u32,
}

impl RateLimit {
    /// How many requests a key may make at once.
    #[must_use]
    pub fn burst(&self) -> u32 {
        if self.burst == 0 { self.requests_per_s } else { self.burst }
    }
}
