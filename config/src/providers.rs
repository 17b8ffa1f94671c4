//! `[providers]`: one table for each payment provider.

use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;

/// The payment providers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Providers {
    /// The built-in simulator, which takes every test payment.
    pub simulator: Simulator,
}

/// The built-in simulator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulator {
    /// How long it takes to answer, in milliseconds.
    pub latency_ms: u64,
    /// After how long its "no such attempt" means never, in milliseconds.
    pub inquiry_horizon_ms: u64,
}

impl Providers {
    pub(crate) fn check(&self) -> Result<(), Error> {
        // Without a horizon the first "no such attempt" would be believed while the attempt is on
        // its way.
        if self.simulator.inquiry_horizon_ms == 0 {
            let key = "providers.simulator.inquiry_horizon_ms";
            return Err(Error::Value { key, fault: "must be above zero" });
        }
        Ok(())
    }
}

impl Simulator {
    /// How long it takes to answer.
    #[must_use]
    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// After how long its "no such attempt" means never.
    #[must_use]
    pub fn inquiry_horizon(&self) -> Duration {
        Duration::from_millis(self.inquiry_horizon_ms)
    }
}
