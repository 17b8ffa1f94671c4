//! What a decision may know of the world outside: time, chance and configuration, all recorded.

use crate::{
    id::{Id, IdKind, ShardId},
    payment::NextAction,
    timestamp::{Millis, Timestamp},
};

/// The surroundings of one decision. Whatever is taken from here stands in the events, so replay
/// needs none of it.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// The shard's time: never goes back.
    pub now: Timestamp,
    /// The shard that decides, and whose number its ids carry.
    pub shard: ShardId,
    /// Random bits, fresh for each command; one word for each id a command may mint.
    pub entropy: [u64; 3],
    /// The configuration of the moment.
    pub policy: &'a Policy,
}

/// Spans of time that the operator configures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How long an authorization holds before it expires.
    pub authorization_validity: Millis,
    /// How long a customer has for an action such as 3-D Secure.
    pub action_validity: Millis,
    /// How long a customer has to approve in the UPI app.
    pub upi_validity: Millis,
    /// How long an idempotency key is remembered at the least.
    pub idempotency_retention: Millis,
    /// The wait before each inquiry into an unknown outcome; the last one repeats. Never empty.
    pub inquiry_delays: Vec<Millis>,
}

impl Env<'_> {
    /// Mints the id that takes word `index` of the entropy.
    pub(crate) fn mint<K: IdKind>(&self, index: usize) -> Id<K> {
        Id::new(self.now, self.shard, self.entropy.get(index).copied().unwrap_or_default())
    }
}

impl Policy {
    /// How long a customer has for an action.
    #[must_use]
    pub fn validity_of(&self, action: &NextAction) -> Millis {
        match action {
            NextAction::Redirect { .. } => self.action_validity,
            NextAction::ApproveUpi { .. } => self.upi_validity,
        }
    }

    /// The wait before inquiry number `made` + 1.
    #[must_use]
    pub fn inquiry_delay(&self, made: u16) -> Millis {
        self.inquiry_delays
            .get(usize::from(made))
            .or(self.inquiry_delays.last())
            .copied()
            .unwrap_or(Millis::from_seconds(60))
    }
}

impl Default for Policy {
    /// Authorizations hold 7 days, actions 15 minutes, UPI approvals too, keys 24 hours; inquiries
    /// after 0.5, 1, 2, 5, 15 and 60 seconds, then every 5 minutes.
    fn default() -> Self {
        Self {
            authorization_validity: Millis::from_seconds(7 * 86_400),
            action_validity: Millis::from_seconds(15 * 60),
            upi_validity: Millis::from_seconds(15 * 60),
            idempotency_retention: Millis::from_seconds(86_400),
            inquiry_delays: [500, 1_000, 2_000, 5_000, 15_000, 60_000, 300_000]
                .map(Millis)
                .to_vec(),
        }
    }
}
