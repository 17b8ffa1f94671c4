//! `[log]`: Tollgate's own log output, on standard error.

use std::time::Duration;

use serde::Deserialize;

/// Tollgate's own log output.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level, or directives such as `info,tollgate=debug`.
    pub level: String,
    /// Which requests get a line.
    pub access: AccessLog,
    /// From how long on a request counts as slow, in milliseconds.
    pub slow_ms: u64,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which requests get a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that we failed, and slow ones.
    Errors,
    /// Each.
    All,
}

impl Log {
    /// From how long on a request counts as slow.
    #[must_use]
    pub fn slow(&self) -> Duration {
        Duration::from_millis(self.slow_ms)
    }
}
