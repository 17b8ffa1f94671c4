//! One try of a payment at one provider.

use std::sync::Arc;

use crate::{
    id::AttemptId,
    provider::{DeclineCode, ProviderId, ProviderReceipt},
    timestamp::Timestamp,
};

/// One try. Its id is the idempotency key and reference of the call to the provider.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Where.
    pub provider: ProviderId,
    /// When its intent was recorded.
    pub started_at: Timestamp,
    /// What became of it.
    pub state: AttemptState,
}

/// What became of an attempt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AttemptState {
    /// Its intent is recorded; the call may be under way.
    Open,
    /// The provider answers later.
    Pending {
        /// How many inquiries were made.
        inquiries: u16,
        /// When the next is due.
        inquire_at: Timestamp,
    },
    /// Not known. Resolved by inquiry, never guessed.
    Unknown {
        /// How many inquiries were made.
        inquiries: u16,
        /// When the next is due.
        inquire_at: Timestamp,
    },
    /// The customer acts; the provider's answer follows.
    ActionRequired,
    /// Approved while the payment waited for it.
    Approved {
        /// What the provider gave.
        receipt: Arc<ProviderReceipt>,
        /// When.
        at: Timestamp,
        /// When the provider first said otherwise, if it ever did.
        contradicted_at: Option<Timestamp>,
    },
    /// The issuer said no.
    Declined {
        /// Why.
        code: DeclineCode,
        /// When.
        at: Timestamp,
    },
    /// Certainly never reached the provider.
    NotSent {
        /// When that was known.
        at: Timestamp,
    },
    /// Approved after the payment had given it up: booked to the exceptions account.
    ApprovedLate {
        /// What the provider gave.
        receipt: Arc<ProviderReceipt>,
        /// When.
        at: Timestamp,
    },
}

impl Attempt {
    /// When the next inquiry is due, for an attempt that needs one.
    #[must_use]
    pub fn inquire_at(&self) -> Option<Timestamp> {
        match self.state {
            AttemptState::Pending { inquire_at, .. } | AttemptState::Unknown { inquire_at, .. } => {
                Some(inquire_at)
            }
            AttemptState::Open
            | AttemptState::ActionRequired
            | AttemptState::Approved { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::ApprovedLate { .. } => None,
        }
    }

    /// How many inquiries were made since it became pending or unknown.
    #[must_use]
    pub fn inquiries(&self) -> u16 {
        match self.state {
            AttemptState::Pending { inquiries, .. } | AttemptState::Unknown { inquiries, .. } => {
                inquiries
            }
            AttemptState::Open
            | AttemptState::ActionRequired
            | AttemptState::Approved { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::ApprovedLate { .. } => 0,
        }
    }

    /// What the provider gave with its approval.
    #[must_use]
    pub fn receipt(&self) -> Option<&Arc<ProviderReceipt>> {
        match &self.state {
            AttemptState::Approved { receipt, .. } | AttemptState::ApprovedLate { receipt, .. } => {
                Some(receipt)
            }
            AttemptState::Open
            | AttemptState::Pending { .. }
            | AttemptState::Unknown { .. }
            | AttemptState::ActionRequired
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. } => None,
        }
    }

    pub(super) fn count_inquiry(&mut self, next: Timestamp) {
        match &mut self.state {
            AttemptState::Pending { inquiries, inquire_at }
            | AttemptState::Unknown { inquiries, inquire_at } => {
                *inquiries = inquiries.saturating_add(1);
                *inquire_at = next;
            }
            AttemptState::Open
            | AttemptState::ActionRequired
            | AttemptState::Approved { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::ApprovedLate { .. } => {
                unreachable!("inquiries follow pending and unknown: {self:?}")
            }
        }
    }

    pub(super) fn contradict(&mut self, now: Timestamp) {
        match &mut self.state {
            AttemptState::Approved { contradicted_at, .. } => *contradicted_at = Some(now),
            AttemptState::Open
            | AttemptState::Pending { .. }
            | AttemptState::Unknown { .. }
            | AttemptState::ActionRequired
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::ApprovedLate { .. } => {
                unreachable!("only an approval can be contradicted: {self:?}")
            }
        }
    }
}

impl AttemptState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open | Self::Pending { .. } => "processing",
            Self::Unknown { .. } => "unknown",
            Self::ActionRequired => "requires_action",
            Self::Approved { .. } => "approved",
            Self::Declined { .. } => "declined",
            Self::NotSent { .. } => "not_sent",
            Self::ApprovedLate { .. } => "approved_late",
        }
    }
}
