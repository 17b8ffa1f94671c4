//! `[events]`: the feed of what merchants are told.

use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;

/// The event feed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// For how many days events are kept.
    pub retention_days: u64,
    /// Memory for events that are read again, in bytes.
    pub cache_bytes: u64,
    /// How long whoever is told events as they happen may take nothing, in milliseconds.
    pub reader_patience_ms: u64,
    /// How often he hears something where nothing happens, in milliseconds.
    pub heartbeat_ms: u64,
}

impl Events {
    pub(crate) fn check(&self) -> Result<(), Error> {
        // An event is delivered for more than three days, and must not go before that.
        if !(5..=3_650).contains(&self.retention_days) {
            let key = "events.retention_days";
            return Err(Error::Value { key, fault: "must be from 5 to 3650" });
        }
        if self.cache_bytes < 1 << 20 {
            let key = "events.cache_bytes";
            return Err(Error::Value { key, fault: "must be at least 1048576" });
        }
        for (key, millis) in [
            ("events.reader_patience_ms", self.reader_patience_ms),
            ("events.heartbeat_ms", self.heartbeat_ms),
        ] {
            if !(100..=60_000).contains(&millis) {
                return Err(Error::Value { key, fault: "must be from 100 to 60000" });
            }
        }
        Ok(())
    }

    /// How long whoever is told events as they happen may take nothing.
    #[must_use]
    pub fn reader_patience(&self) -> Duration {
        Duration::from_millis(self.reader_patience_ms)
    }

    /// How often he hears something where nothing happens.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }
}
