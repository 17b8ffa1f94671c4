//! `[providers]`: one table for each payment provider.

use std::{path::PathBuf, time::Duration};

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
    /// Where it serves; empty for the one that is built in.
    pub url: String,
    /// How long a connection to it may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long the head of its answer may take, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long the body of its answer may take, in milliseconds.
    pub body_timeout_ms: u64,
    /// What goes wrong with payments that ask for no faults of their own.
    pub faults: String,
    /// Where one in a process of its own sends callbacks; empty for nowhere.
    pub callback_url: String,
    /// The file with the secret that callbacks are signed with; empty for a secret that the gateway
    /// derives from its own.
    pub callback_secret_file: PathBuf,
    /// How long it takes to answer, in milliseconds.
    pub latency_ms: u64,
    /// After how long its "no such attempt" means never, in milliseconds.
    pub inquiry_horizon_ms: u64,
    /// The VPA that UPI payments are collected to.
    pub payee_vpa: String,
}

impl Providers {
    pub(crate) fn check(&self) -> Result<(), Error> {
        // Without a horizon the first "no such attempt" would be believed while the attempt is on
        // its way.
        if self.simulator.inquiry_horizon_ms == 0 {
            let key = "providers.simulator.inquiry_horizon_ms";
            return Err(Error::Value { key, fault: "must be above zero" });
        }
        if !is_vpa(&self.simulator.payee_vpa) {
            let key = "providers.simulator.payee_vpa";
            return Err(Error::Value { key, fault: "must be of the form name@handle" });
        }
        let positive = [
            ("providers.simulator.connect_timeout_ms", self.simulator.connect_timeout_ms),
            ("providers.simulator.header_timeout_ms", self.simulator.header_timeout_ms),
            ("providers.simulator.body_timeout_ms", self.simulator.body_timeout_ms),
        ];
        if let Some((key, _zero)) = positive.into_iter().find(|(_key, value)| *value == 0) {
            return Err(Error::Value { key, fault: "must be above zero" });
        }
        Ok(())
    }
}

/// A UPI address as NPCI writes it, and no longer than the 255 characters that it allows.
fn is_vpa(text: &str) -> bool {
    let is_of = |part: &str, marks: &[u8]| {
        part.len() >= 2
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
    };
    text.len() <= 255
        && text
            .split_once('@')
            .is_some_and(|(name, handle)| is_of(name, b".-_") && is_of(handle, b""))
}

impl Simulator {
    /// How long a connection to it may take.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long the head of its answer may take.
    #[must_use]
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// How long the body of its answer may take.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

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
