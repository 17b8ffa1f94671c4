//! What a decision may know of the world outside: time, chance and configuration, all recorded.

use crate::{
    fees::FeeSchedule,
    id::{Id, IdKind, ShardId, mix},
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
    /// Random bits, fresh for each command, from which all ids follow that it mints.
    pub entropy: [u64; 3],
    /// The configuration of the moment.
    pub policy: &'a Policy,
}

/// What the operator configures of decisions.
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
    /// What becomes of an approval that comes after its payment had ended.
    pub late_approvals: LateApprovals,
    /// What we charge.
    pub fees: FeeSchedule,
    /// When payments of which nothing is left to do leave memory, and orders behind them.
    pub archive: ArchiveRules,
}

/// When a payment of which nothing is left to do leaves memory, and an order none of whose payments is
/// in memory: as soon as either rule says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArchiveRules {
    /// So long after its last event, or change.
    pub after: Millis,
    /// At once where a shard has more of either than this; those that changed first go first.
    pub most: usize,
}

/// What becomes of an approval that comes after its payment had ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LateApprovals {
    /// It is undone at the provider.
    Reverse,
    /// It stands after all, unless the merchant has given the payment up or its order is paid
    /// otherwise; else it is undone.
    Accept,
}

impl Env<'_> {
    /// Mints id number `index` of this decision: from a word of the entropy each, and beyond those
    /// from a sequence that they begin.
    pub(crate) fn mint<K: IdKind>(&self, index: usize) -> Id<K> {
        let word = self.entropy.get(index).copied().unwrap_or_else(|| {
            let [first, second, third] = self.entropy;
            let number = u64::try_from(index).unwrap_or(u64::MAX);
            mix(first ^ mix(second ^ mix(third.wrapping_add(number))))
        });
        Id::new(self.now, self.shard, word)
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
    /// after 0.5, 1, 2, 5, 15 and 60 seconds, then every 5 minutes. Late approvals are undone, and
    /// nothing is charged. Finished payments, and orders at rest, stay for an hour, and 2,000 of each at
    /// the most.
    fn default() -> Self {
        Self {
            authorization_validity: Millis::from_seconds(7 * 86_400),
            action_validity: Millis::from_seconds(15 * 60),
            upi_validity: Millis::from_seconds(15 * 60),
            idempotency_retention: Millis::from_seconds(86_400),
            inquiry_delays: [500, 1_000, 2_000, 5_000, 15_000, 60_000, 300_000]
                .map(Millis)
                .to_vec(),
            late_approvals: LateApprovals::Reverse,
            fees: FeeSchedule::default(),
            archive: ArchiveRules { after: Millis::from_seconds(3_600), most: 2_000 },
        }
    }
}
