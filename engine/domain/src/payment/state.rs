//! Where a payment can stand. Data lives in the variant where it is true.

use super::NextAction;
use crate::{money::Amount, provider::DeclineCode, timestamp::Timestamp};

/// Where a payment stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PaymentState {
    /// An attempt is under way.
    Processing,
    /// The customer has to act.
    RequiresAction {
        /// What.
        action: NextAction,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Authorized, and held by a fraud rule: approving captures, rejecting voids.
    Review {
        /// The reserved amount.
        held: Amount,
        /// Until when it stays reserved.
        expires_at: Timestamp,
    },
    /// Funds are reserved.
    Authorized {
        /// The reserved amount.
        held: Amount,
        /// Until when it stays reserved.
        expires_at: Timestamp,
    },
    /// A part is taken, the rest is still reserved.
    PartiallyCaptured {
        /// What is still reserved.
        held: Amount,
        /// What is taken.
        captured: Amount,
        /// Our fee for it.
        fee: Amount,
        /// Until when the rest stays reserved.
        expires_at: Timestamp,
    },
    /// Paid.
    Completed {
        /// What is taken.
        captured: Amount,
        /// Our fee for it.
        fee: Amount,
        /// When.
        at: Timestamp,
    },
    /// Not paid.
    Failed {
        /// Why.
        reason: FailureReason,
        /// When.
        at: Timestamp,
    },
    /// Released before anything was taken.
    Voided {
        /// When.
        at: Timestamp,
    },
    /// Undone before settlement.
    Reversed {
        /// When.
        at: Timestamp,
    },
    /// Nobody acted, or captured, in time.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// What became of the attempt is not known; an inquiry tells.
    Unknown {
        /// Since when.
        since: Timestamp,
    },
}

/// Why a payment failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FailureReason {
    /// The issuer said no.
    Declined(DeclineCode),
    /// No provider could be reached; nothing was sent.
    NotSent,
}

/// A payment's state by name alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PaymentStatus {
    /// [`PaymentState::Processing`].
    Processing,
    /// [`PaymentState::RequiresAction`].
    RequiresAction,
    /// [`PaymentState::Review`].
    Review,
    /// [`PaymentState::Authorized`].
    Authorized,
    /// [`PaymentState::PartiallyCaptured`].
    PartiallyCaptured,
    /// [`PaymentState::Completed`].
    Completed,
    /// [`PaymentState::Failed`].
    Failed,
    /// [`PaymentState::Voided`].
    Voided,
    /// [`PaymentState::Reversed`].
    Reversed,
    /// [`PaymentState::Expired`].
    Expired,
    /// [`PaymentState::Unknown`].
    Unknown,
}

impl PaymentState {
    /// Its name.
    #[must_use]
    pub const fn status(&self) -> PaymentStatus {
        match self {
            Self::Processing => PaymentStatus::Processing,
            Self::RequiresAction { .. } => PaymentStatus::RequiresAction,
            Self::Review { .. } => PaymentStatus::Review,
            Self::Authorized { .. } => PaymentStatus::Authorized,
            Self::PartiallyCaptured { .. } => PaymentStatus::PartiallyCaptured,
            Self::Completed { .. } => PaymentStatus::Completed,
            Self::Failed { .. } => PaymentStatus::Failed,
            Self::Voided { .. } => PaymentStatus::Voided,
            Self::Reversed { .. } => PaymentStatus::Reversed,
            Self::Expired { .. } => PaymentStatus::Expired,
            Self::Unknown { .. } => PaymentStatus::Unknown,
        }
    }

    /// Whether a request that waits for this payment can be answered for good.
    #[must_use]
    pub const fn is_final_answer(&self) -> bool {
        self.status().is_final_answer()
    }

    /// Whether an attempt's outcome still decides what becomes of the payment.
    #[must_use]
    pub const fn awaits_outcome(&self) -> bool {
        match self {
            Self::Processing | Self::RequiresAction { .. } | Self::Unknown { .. } => true,
            Self::Review { .. }
            | Self::Authorized { .. }
            | Self::PartiallyCaptured { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Voided { .. }
            | Self::Reversed { .. }
            | Self::Expired { .. } => false,
        }
    }

    /// What has been taken.
    #[must_use]
    pub const fn captured(&self) -> Amount {
        match self {
            Self::PartiallyCaptured { captured, .. } | Self::Completed { captured, .. } => {
                *captured
            }
            Self::Processing
            | Self::RequiresAction { .. }
            | Self::Review { .. }
            | Self::Authorized { .. }
            | Self::Failed { .. }
            | Self::Voided { .. }
            | Self::Reversed { .. }
            | Self::Expired { .. }
            | Self::Unknown { .. } => Amount::ZERO,
        }
    }

    /// What is reserved and not taken.
    #[must_use]
    pub const fn held(&self) -> Amount {
        match self {
            Self::Review { held, .. }
            | Self::Authorized { held, .. }
            | Self::PartiallyCaptured { held, .. } => *held,
            Self::Processing
            | Self::RequiresAction { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Voided { .. }
            | Self::Reversed { .. }
            | Self::Expired { .. }
            | Self::Unknown { .. } => Amount::ZERO,
        }
    }

    /// Until when what is reserved stays so.
    #[must_use]
    pub const fn held_until(&self) -> Option<Timestamp> {
        match self {
            Self::Review { expires_at, .. }
            | Self::Authorized { expires_at, .. }
            | Self::PartiallyCaptured { expires_at, .. } => Some(*expires_at),
            Self::Processing
            | Self::RequiresAction { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Voided { .. }
            | Self::Reversed { .. }
            | Self::Expired { .. }
            | Self::Unknown { .. } => None,
        }
    }

    /// Our fee for what was taken.
    #[must_use]
    pub const fn fee(&self) -> Amount {
        match self {
            Self::PartiallyCaptured { fee, .. } | Self::Completed { fee, .. } => *fee,
            Self::Processing
            | Self::RequiresAction { .. }
            | Self::Review { .. }
            | Self::Authorized { .. }
            | Self::Failed { .. }
            | Self::Voided { .. }
            | Self::Reversed { .. }
            | Self::Expired { .. }
            | Self::Unknown { .. } => Amount::ZERO,
        }
    }
}

impl PaymentStatus {
    /// See [`PaymentState::is_final_answer`].
    #[must_use]
    pub const fn is_final_answer(self) -> bool {
        match self {
            Self::Processing | Self::Unknown => false,
            Self::RequiresAction
            | Self::Review
            | Self::Authorized
            | Self::PartiallyCaptured
            | Self::Completed
            | Self::Failed
            | Self::Voided
            | Self::Reversed
            | Self::Expired => true,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::RequiresAction => "requires_action",
            Self::Review => "review",
            Self::Authorized => "authorized",
            Self::PartiallyCaptured => "partially_captured",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Voided => "voided",
            Self::Reversed => "reversed",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}
