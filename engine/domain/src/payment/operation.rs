//! What is done to a payment after its attempt: confirmed, captured, voided, reversed, refunded.
//!
//! Each is an object with a life of its own: its intent is durable before the provider is called,
//! and what became of it is never guessed. Its id is the idempotency key and the reference of the
//! call.
//!
//! Invariant: of confirmation, capture, void and reversal, at most one is unsettled on a payment;
//! refunds run beside each other. The amounts of unsettled ones are reserved.

use std::sync::Arc;

use super::{Contradiction, Payment, Schedule};
use crate::{
    id::{AttemptId, OperationId},
    money::Amount,
    provider::ProviderReceipt,
    timestamp::Timestamp,
};

/// One operation on a payment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Operation {
    /// What was asked for; never changes.
    pub intent: Arc<OperationIntent>,
    /// What became of it.
    pub state: OperationState,
    /// The time of its last event.
    pub updated_at: Timestamp,
    /// What its idempotency key tells, once that is no longer what it is now.
    pub(super) first_answer: Option<Box<FirstAnswer>>,
}

/// What the first final answer to an operation showed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum FirstAnswer {
    /// A refund, which is shown by itself.
    Refund {
        /// Where it stood.
        state: OperationState,
        /// Since when.
        updated_at: Timestamp,
    },
    /// The payment, for every other kind.
    Payment(Payment),
}

/// The facts an operation begins with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OperationIntent {
    /// Its id.
    pub id: OperationId,
    /// The attempt whose funds it concerns.
    pub attempt: AttemptId,
    /// What is to be done.
    pub kind: OperationKind,
    /// Why.
    pub cause: Cause,
    /// When its intent was recorded.
    pub started_at: Timestamp,
}

/// What an operation does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum OperationKind {
    /// Tells the provider that the customer has acted.
    Confirmation,
    /// Takes reserved funds.
    Capture {
        /// How much.
        amount: Amount,
        /// Whether the provider lets go of what is reserved beyond that.
        release_rest: bool,
    },
    /// Lets go of reserved funds, or of a request that the customer has not acted on.
    Void,
    /// Undoes the whole payment before settlement.
    Reversal,
    /// Returns taken funds.
    Refund {
        /// How much.
        amount: Amount,
        /// The merchant's words.
        reason: Option<Box<str>>,
        /// The merchant's own keys and values, in the order of the keys.
        metadata: Vec<(Box<str>, Box<str>)>,
    },
}

/// Who or what an operation is owed to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The merchant asked for it.
    Merchant,
    /// The merchant called it off while the customer still acted.
    Cancellation,
    /// The payment's time is over.
    Expiry,
    /// A reviewer approved or rejected the payment.
    Review,
    /// The provider approved after the payment had ended, or after the merchant had called it off.
    LateApproval,
}

/// What became of an operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum OperationState {
    /// Its intent is recorded; the call may be under way.
    Open {
        /// How often it was tried before and certainly not sent.
        tries: u16,
    },
    /// Certainly not sent, and nobody else would ask again: sent once more when it is due.
    Waiting(Schedule),
    /// The provider answers later.
    Pending(Schedule),
    /// Not known. Resolved by inquiry, never guessed.
    Unknown {
        /// Since when.
        since: Timestamp,
        /// When the provider is asked.
        schedule: Schedule,
    },
    /// Done.
    Succeeded {
        /// What the provider gave.
        receipt: Arc<ProviderReceipt>,
        /// When.
        at: Timestamp,
        /// The fee that a refund gave back to the merchant; else zero.
        fee_returned: Amount,
        /// What the provider said against it since, if anything.
        contradiction: Option<Contradiction>,
    },
    /// Not done.
    Failed {
        /// Why.
        reason: OperationFailure,
        /// When.
        at: Timestamp,
    },
    /// A refund that had succeeded and came back.
    Returned {
        /// Why.
        reason: OperationFailure,
        /// When.
        at: Timestamp,
    },
    /// Reported as done after it had failed, and beyond what is left: booked to the exceptions
    /// account.
    SucceededLate {
        /// What the provider gave.
        receipt: Arc<ProviderReceipt>,
        /// When.
        at: Timestamp,
    },
}

/// Why an operation was not done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OperationFailure {
    /// It certainly never reached the provider.
    NotSent,
    /// The provider or the issuer says no.
    Refused,
    /// The reservation is no longer there.
    AuthorizationExpired,
    /// The funds have been taken already.
    AlreadyCaptured,
    /// The customer's account does not take money any more.
    AccountClosed,
}

impl Operation {
    pub(crate) fn new(intent: Arc<OperationIntent>) -> Self {
        let updated_at = intent.started_at;
        Self { intent, state: OperationState::Open { tries: 0 }, updated_at, first_answer: None }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> OperationId {
        self.intent.id
    }

    /// Whether it may yet move money.
    #[must_use]
    pub const fn is_unsettled(&self) -> bool {
        match self.state {
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Unknown { .. } => true,
            OperationState::Succeeded { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => false,
        }
    }

    /// Whether a request that waits for it can be answered for good: a refund is asynchronous and
    /// so is as soon as the provider has it.
    #[must_use]
    pub fn is_final_answer(&self) -> bool {
        match (&self.state, &self.intent.kind) {
            (OperationState::Pending(_), OperationKind::Refund { .. }) => true,
            (
                OperationState::Open { .. }
                | OperationState::Waiting(_)
                | OperationState::Pending(_)
                | OperationState::Unknown { .. },
                _,
            ) => false,
            (
                OperationState::Succeeded { .. }
                | OperationState::Failed { .. }
                | OperationState::Returned { .. }
                | OperationState::SucceededLate { .. },
                _,
            ) => true,
        }
    }

    /// When a tick has something to do here, if ever.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.schedule().map(|schedule| schedule.inquire_at)
    }

    /// Since when its outcome is unknown, while it is.
    #[must_use]
    pub fn unknown_since(&self) -> Option<Timestamp> {
        match self.state {
            OperationState::Unknown { since, .. } => Some(since),
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Succeeded { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => None,
        }
    }

    /// How many inquiries were made since it became pending or unknown.
    #[must_use]
    pub fn inquiries(&self) -> u16 {
        self.schedule().map_or(0, |schedule| schedule.inquiries)
    }

    /// What it takes or returns; nothing for those that concern the whole.
    #[must_use]
    pub fn amount(&self) -> Amount {
        match self.intent.kind {
            OperationKind::Capture { amount, .. } | OperationKind::Refund { amount, .. } => amount,
            OperationKind::Confirmation | OperationKind::Void | OperationKind::Reversal => {
                Amount::ZERO
            }
        }
    }

    /// What the provider gave.
    #[must_use]
    pub fn receipt(&self) -> Option<&Arc<ProviderReceipt>> {
        match &self.state {
            OperationState::Succeeded { receipt, .. }
            | OperationState::SucceededLate { receipt, .. } => Some(receipt),
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Unknown { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. } => None,
        }
    }

    /// The part of our fee that it gave back to the merchant.
    #[must_use]
    pub const fn fee_returned(&self) -> Amount {
        match self.state {
            OperationState::Succeeded { fee_returned, .. } => fee_returned,
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Unknown { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => Amount::ZERO,
        }
    }

    /// How often it was tried and certainly not sent.
    #[must_use]
    pub const fn tries(&self) -> u16 {
        match self.state {
            OperationState::Open { tries } => tries,
            OperationState::Waiting(schedule) => schedule.inquiries,
            OperationState::Pending(_)
            | OperationState::Unknown { .. }
            | OperationState::Succeeded { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => 0,
        }
    }

    fn schedule(&self) -> Option<&Schedule> {
        match &self.state {
            OperationState::Waiting(schedule)
            | OperationState::Pending(schedule)
            | OperationState::Unknown { schedule, .. } => Some(schedule),
            OperationState::Succeeded { contradiction, .. } => {
                contradiction.as_ref().and_then(Contradiction::schedule)
            }
            OperationState::Open { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => None,
        }
    }

    /// Keeps what a refund shows now as its first answer, if that was final and is none yet.
    pub(super) fn remember_refund(&mut self) {
        let is_refund = matches!(self.intent.kind, OperationKind::Refund { .. });
        if is_refund && self.first_answer.is_none() && self.is_final_answer() {
            let (state, updated_at) = (self.state.clone(), self.updated_at);
            self.first_answer = Some(Box::new(FirstAnswer::Refund { state, updated_at }));
        }
    }

    pub(super) fn count_inquiry(&mut self, next: Timestamp) {
        match &mut self.state {
            OperationState::Waiting(schedule)
            | OperationState::Pending(schedule)
            | OperationState::Unknown { schedule, .. }
            | OperationState::Succeeded {
                contradiction: Some(Contradiction::Asked(schedule)),
                ..
            } => schedule.count(next),
            OperationState::Open { .. }
            | OperationState::Succeeded { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => {
                unreachable!("inquiries follow a schedule: {self:?}")
            }
        }
    }

    pub(super) fn contradict(&mut self, said: Option<Contradiction>) {
        match &mut self.state {
            OperationState::Succeeded { contradiction, .. } => *contradiction = said,
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Unknown { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => {
                unreachable!("only what was done can be contradicted: {self:?}")
            }
        }
    }
}

impl OperationKind {
    /// Whether none of its kind, nor of the others of which this is true, may be unsettled beside
    /// it.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        match self {
            Self::Confirmation | Self::Capture { .. } | Self::Void | Self::Reversal => true,
            Self::Refund { .. } => false,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Capture { .. } => "capture",
            Self::Void => "void",
            Self::Reversal => "reversal",
            Self::Refund { .. } => "refund",
        }
    }
}

impl OperationState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open { .. } | Self::Waiting(_) | Self::Pending(_) => "pending",
            Self::Unknown { .. } => "unknown",
            Self::Succeeded { .. } | Self::SucceededLate { .. } => "succeeded",
            Self::Failed { .. } | Self::Returned { .. } => "failed",
        }
    }

    /// Why it failed, if it did.
    #[must_use]
    pub const fn failure(&self) -> Option<OperationFailure> {
        match self {
            Self::Failed { reason, .. } | Self::Returned { reason, .. } => Some(*reason),
            Self::Open { .. }
            | Self::Waiting(_)
            | Self::Pending(_)
            | Self::Unknown { .. }
            | Self::Succeeded { .. }
            | Self::SucceededLate { .. } => None,
        }
    }
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] =
        [Self::Merchant, Self::Cancellation, Self::Expiry, Self::Review, Self::LateApproval];

    /// The number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Merchant => 0,
            Self::Expiry => 1,
            Self::Review => 2,
            Self::LateApproval => 3,
            Self::Cancellation => 4,
        }
    }

    /// The cause of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.code() == code)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Cancellation => "cancellation",
            Self::Expiry => "expiry",
            Self::Review => "review",
            Self::LateApproval => "late_approval",
        }
    }

    /// Whether somebody waits for the operation who would ask again if it could not be sent. What we
    /// owe of ourselves is sent again until it arrives.
    #[must_use]
    pub const fn has_asker(self) -> bool {
        match self {
            Self::Merchant | Self::Cancellation | Self::Review => true,
            Self::Expiry | Self::LateApproval => false,
        }
    }
}

impl OperationFailure {
    /// Every reason, in the order of [`OperationFailure::code`].
    pub const ALL: [Self; 5] = [
        Self::NotSent,
        Self::Refused,
        Self::AuthorizationExpired,
        Self::AlreadyCaptured,
        Self::AccountClosed,
    ];

    /// The number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::NotSent => 0,
            Self::Refused => 1,
            Self::AuthorizationExpired => 2,
            Self::AlreadyCaptured => 3,
            Self::AccountClosed => 4,
        }
    }

    /// The reason of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Refused => "refused",
            Self::AuthorizationExpired => "authorization_expired",
            Self::AlreadyCaptured => "already_captured",
            Self::AccountClosed => "account_closed",
        }
    }
}
