//! `[webhooks]`: how merchants are told what happens.

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;
use serde::Deserialize;

use crate::error::Error;

/// Deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Networks that deliveries may go to although they are not public.
    pub allowed_cidrs: Vec<IpNet>,
    /// Ports that deliveries may go to; any where there are none.
    pub ports: Vec<u16>,
    /// Authorities that receivers' certificates may be of, besides those of the web: a PEM file.
    pub ca_file: PathBuf,
    /// Deliveries to one endpoint at the same time.
    pub concurrency: usize,
    /// How long a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long the head of an answer may take, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long the body of an answer may take, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long all of a delivery may take, in milliseconds.
    pub timeout_ms: u64,
    /// For how many days it is remembered what became of deliveries.
    pub attempt_retention_days: u64,
}

impl Webhooks {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let positive = [
            ("webhooks.connect_timeout_ms", self.connect_timeout_ms),
            ("webhooks.header_timeout_ms", self.header_timeout_ms),
            ("webhooks.body_timeout_ms", self.body_timeout_ms),
            ("webhooks.timeout_ms", self.timeout_ms),
            ("webhooks.attempt_retention_days", self.attempt_retention_days),
        ];
        if let Some((key, _zero)) = positive.into_iter().find(|(_key, value)| *value == 0) {
            return Err(Error::Value { key, fault: "must be above zero" });
        }
        if !(1..=256).contains(&self.concurrency) {
            let key = "webhooks.concurrency";
            return Err(Error::Value { key, fault: "must be from 1 to 256" });
        }
        Ok(())
    }

    /// How long a connection may take.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long the head of an answer may take.
    #[must_use]
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// How long the body of an answer may take.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// How long all of a delivery may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}
