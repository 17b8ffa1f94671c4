//! One try of a payment at one provider.

use std::sync::Arc;

use super::{Contradiction, Schedule};
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
    Pending(Schedule),
    /// Not known. Resolved by inquiry, never guessed.
    Unknown(Schedule),
    /// The customer acts; the provider's answer follows, and is asked for when his time is over.
    ActionRequired(Schedule),
    /// Approved while the payment waited for it.
    Approved {
        /// What the provider gave.
        receipt: Arc<ProviderReceipt>,
        /// When.
        at: Timestamp,
        /// What the provider said against it since, if anything.
        contradiction: Option<Contradiction>,
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
    /// Called off at the provider before it was approved.
    Cancelled {
        /// When.
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
        self.schedule().map(|schedule| schedule.inquire_at)
    }

    /// How many inquiries were made since it became what it is.
    #[must_use]
    pub fn inquiries(&self) -> u16 {
        self.schedule().map_or(0, |schedule| schedule.inquiries)
    }

    /// What the provider gave with its approval.
    #[must_use]
    pub fn receipt(&self) -> Option<&Arc<ProviderReceipt>> {
        match &self.state {
            AttemptState::Approved { receipt, .. } | AttemptState::ApprovedLate { receipt, .. } => {
                Some(receipt)
            }
            AttemptState::Open
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::ActionRequired(_)
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. } => None,
        }
    }

    /// What the provider said against its approval, if anything.
    #[must_use]
    pub fn contradiction(&self) -> Option<Contradiction> {
        match self.state {
            AttemptState::Approved { contradiction, .. } => contradiction,
            AttemptState::Open
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::ActionRequired(_)
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. }
            | AttemptState::ApprovedLate { .. } => None,
        }
    }

    fn schedule(&self) -> Option<&Schedule> {
        match &self.state {
            AttemptState::Pending(schedule)
            | AttemptState::Unknown(schedule)
            | AttemptState::ActionRequired(schedule)
            | AttemptState::Approved {
                contradiction: Some(Contradiction::Asked(schedule)), ..
            } => Some(schedule),
            AttemptState::Open
            | AttemptState::Approved { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. }
            | AttemptState::ApprovedLate { .. } => None,
        }
    }

    pub(super) fn count_inquiry(&mut self, next: Timestamp) {
        match &mut self.state {
            AttemptState::Pending(schedule)
            | AttemptState::Unknown(schedule)
            | AttemptState::ActionRequired(schedule)
            | AttemptState::Approved {
                contradiction: Some(Contradiction::Asked(schedule)), ..
            } => {
                schedule.count(next);
            }
            AttemptState::Open
            | AttemptState::Approved { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. }
            | AttemptState::ApprovedLate { .. } => {
                unreachable!("inquiries follow a schedule: {self:?}")
            }
        }
    }

    pub(super) fn contradict(&mut self, said: Option<Contradiction>) {
        match &mut self.state {
            AttemptState::Approved { contradiction, .. } => *contradiction = said,
            AttemptState::Open
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::ActionRequired(_)
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. }
            | AttemptState::ApprovedLate { .. } => {
                unreachable!("only an approval can be contradicted: {self:?}")
            }
        }
    }
}

impl AttemptState {
    /// Whether the provider has not yet said what became of it.
    #[must_use]
    pub const fn is_unsettled(&self) -> bool {
        match self {
            Self::Open | Self::Pending(_) | Self::Unknown(_) | Self::ActionRequired(_) => true,
            Self::Approved { .. }
            | Self::Declined { .. }
            | Self::NotSent { .. }
            | Self::Cancelled { .. }
            | Self::ApprovedLate { .. } => false,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open | Self::Pending(_) => "processing",
            Self::Unknown(_) => "unknown",
            Self::ActionRequired(_) => "requires_action",
            Self::Approved { .. } => "approved",
            Self::Declined { .. } => "declined",
            Self::NotSent { .. } => "not_sent",
            Self::Cancelled { .. } => "cancelled",
            Self::ApprovedLate { .. } => "approved_late",
        }
    }
}
