//! `[engine]`: the transaction engine.

use serde::Deserialize;

use crate::error::Error;

/// Clients are promised that a key is remembered for a day.
const LEAST_RETENTION_S: u64 = 86_400;

/// The transaction engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Threads that decide payments.
    pub threads: usize,
    /// Commands from outside that are under way at once.
    pub max_in_flight: usize,
    /// The same for each shard.
    pub max_in_flight_per_shard: usize,
    /// How long an authorization by card holds, in seconds.
    pub authorization_validity_s: u64,
    /// How long a customer has for an action such as 3-D Secure, in seconds.
    pub action_validity_s: u64,
    /// How long a customer has to approve in the UPI app, in seconds.
    pub upi_validity_s: u64,
    /// How long an idempotency key is remembered, in seconds.
    pub idempotency_retention_s: u64,
    /// What becomes of an approval that comes after its payment had ended.
    pub late_approvals: LateApprovals,
    /// How long after its last event a payment of which nothing is left to do stays in memory, and an
    /// order after its last change, in seconds.
    pub archive_after_s: u64,
    /// How many such payments stay in memory at the most, and as many orders without a payment there.
    pub finished_payments: usize,
}

/// What becomes of an approval that comes after its payment had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LateApprovals {
    /// It is undone at the provider.
    Reverse,
    /// It stands, unless the merchant has given the payment up or its order is paid otherwise.
    Accept,
}

impl Engine {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let positive = [
            ("engine.threads", self.threads),
            ("engine.max_in_flight", self.max_in_flight),
            ("engine.max_in_flight_per_shard", self.max_in_flight_per_shard),
        ];
        if let Some((key, _zero)) = positive.into_iter().find(|(_key, value)| *value == 0) {
            return Err(Error::Value { key, fault: "must be above zero" });
        }
        if self.idempotency_retention_s < LEAST_RETENTION_S {
            let (key, fault) = ("engine.idempotency_retention_s", "must be at least a day (86400)");
            return Err(Error::Value { key, fault });
        }
        Ok(())
    }
}
