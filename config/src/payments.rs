//! `[payments]`: how payments are answered.

use std::time::Duration;

use serde::Deserialize;

/// How payments are answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payments {
    /// How long a request waits for the outcome before it is answered 202, in milliseconds.
    pub wait_ms: u64,
}

impl Payments {
    /// How long a request waits for the outcome before it is answered 202.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }
}
