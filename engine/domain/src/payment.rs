//! A payment: what the merchant asked for, where it stands, and how every event moves it.
//!
//! Invariant: `apply` is the only writer. A payment that was once shown as final keeps that first
//! answer beside whatever it becomes later, so that an idempotency key always tells the same.

mod attempt;
mod intent;
mod method;
mod next_action;
mod state;

use std::sync::Arc;

pub use attempt::{Attempt, AttemptState};
pub use intent::{CaptureMode, PaymentIntent};
pub use method::PaymentMethod;
pub use next_action::NextAction;
pub use state::{FailureReason, PaymentState, PaymentStatus};

use crate::{
    event::Event,
    id::{AttemptId, PaymentId},
    money::{Amount, Money},
    planted_fault::{PlantedFault, is_planted},
    timestamp::Timestamp,
};

/// The merchant's intention to be paid once, and everything that became of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Payment {
    intent: Arc<PaymentIntent>,
    state: PaymentState,
    attempts: Vec<Attempt>,
    /// How many events this payment has had.
    sequence: u32,
    updated_at: Timestamp,
    /// The payment as it was in the first final answer, if it has changed since.
    first_answer: Option<Box<Payment>>,
}

impl Payment {
    pub(crate) fn new(intent: Arc<PaymentIntent>) -> Self {
        let updated_at = intent.created_at;
        Self {
            intent,
            state: PaymentState::Processing,
            attempts: Vec::with_capacity(1),
            sequence: 1,
            updated_at,
            first_answer: None,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> PaymentId {
        self.intent.id
    }

    /// What was asked for; never changes.
    #[must_use]
    pub fn intent(&self) -> &Arc<PaymentIntent> {
        &self.intent
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &PaymentState {
        &self.state
    }

    /// Its tries at providers, in order.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The try with this id.
    #[must_use]
    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == id)
    }

    /// How many events it has had.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The time of its last event.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The payment as its idempotency key answers: as it was when it first had a final answer, and
    /// until then as it is.
    #[must_use]
    pub fn as_first_answered(&self) -> &Self {
        self.first_answer.as_deref().unwrap_or(self)
    }

    /// What the provider has reserved, whether captured since or not.
    #[must_use]
    pub fn amount_authorized(&self) -> Amount {
        if self.approved_attempt().is_some() { self.intent.money.amount } else { Amount::ZERO }
    }

    /// The attempt that was approved while the payment waited.
    #[must_use]
    pub fn approved_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| match attempt.state {
            AttemptState::Approved { .. } => true,
            AttemptState::Open
            | AttemptState::Pending { .. }
            | AttemptState::Unknown { .. }
            | AttemptState::ActionRequired
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::ApprovedLate { .. } => false,
        })
    }

    /// What has been taken.
    #[must_use]
    pub fn amount_captured(&self) -> Amount {
        self.state.captured()
    }

    /// When a tick has something to do here, if ever.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match &self.state {
            PaymentState::Processing | PaymentState::Unknown { .. } => {
                self.attempts.last().and_then(Attempt::inquire_at)
            }
            PaymentState::RequiresAction { expires_at, .. }
            | PaymentState::Review { expires_at, .. }
            | PaymentState::Authorized { expires_at, .. } => Some(*expires_at),
            // Not here: the remainder of a partial capture is released by an operation.
            PaymentState::PartiallyCaptured { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. } => None,
        }
    }

    /// Since when its outcome is unknown, while it is.
    #[must_use]
    pub fn unknown_since(&self) -> Option<Timestamp> {
        match &self.state {
            PaymentState::Unknown { since } => Some(*since),
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. } => None,
        }
    }

    /// The attempt whose outcome this payment waits for and cannot know without asking.
    #[must_use]
    pub fn unresolved_attempt(&self) -> Option<&Attempt> {
        if !self.state.awaits_outcome() {
            return None;
        }
        self.attempts.last().filter(|attempt| match attempt.state {
            AttemptState::Open | AttemptState::Pending { .. } | AttemptState::Unknown { .. } => {
                true
            }
            AttemptState::ActionRequired
            | AttemptState::Approved { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::ApprovedLate { .. } => false,
        })
    }

    /// An amount in the payment's currency.
    #[must_use]
    pub fn money(&self, amount: Amount) -> Money {
        self.intent.money.with_amount(amount)
    }

    /// Writes one of this payment's events into it.
    ///
    /// # Panics
    /// Where the event does not fit the payment: `decide` would have made a record that must not be
    /// acknowledged, or the log holds one.
    pub(crate) fn apply(&mut self, event: &Event, at: Timestamp) {
        if self.first_answer.is_none()
            && self.state.is_final_answer()
            && !is_planted(PlantedFault::FirstAnswerForgotten)
        {
            self.first_answer = Some(Box::new(self.clone()));
        }
        self.sequence = self.sequence.saturating_add(1);
        self.updated_at = at;
        match event {
            Event::PaymentCreated(_) | Event::IdempotencyKeysForgotten { .. } => {
                unreachable!("not an event of an existing payment: {event:?}")
            }
            Event::AttemptStarted { attempt, provider, .. } => {
                self.attempts.push(Attempt {
                    id: *attempt,
                    provider: *provider,
                    started_at: at,
                    state: AttemptState::Open,
                });
            }
            Event::AttemptApproved { attempt, receipt, .. } => {
                self.settle(
                    *attempt,
                    AttemptState::Approved {
                        receipt: Arc::clone(receipt),
                        at,
                        contradicted_at: None,
                    },
                );
            }
            Event::AttemptDeclined { attempt, code, .. } => {
                self.settle(*attempt, AttemptState::Declined { code: *code, at });
            }
            Event::AttemptNotSent { attempt, .. } => {
                self.settle(*attempt, AttemptState::NotSent { at });
            }
            Event::AttemptApprovedLate { attempt, receipt, .. } => {
                let receipt = Arc::clone(receipt);
                self.settle(*attempt, AttemptState::ApprovedLate { receipt, at });
            }
            Event::AttemptActionRequired { attempt, action, expires_at, .. } => {
                self.settle(*attempt, AttemptState::ActionRequired);
                self.state = PaymentState::RequiresAction {
                    action: action.clone(),
                    expires_at: *expires_at,
                };
            }
            Event::AttemptPending { attempt, inquire_at, .. } => {
                let inquire_at = *inquire_at;
                self.settle(*attempt, AttemptState::Pending { inquiries: 0, inquire_at });
                self.state = PaymentState::Processing;
            }
            Event::AttemptUnknown { attempt, inquire_at, .. } => {
                let inquire_at = *inquire_at;
                self.settle(*attempt, AttemptState::Unknown { inquiries: 0, inquire_at });
                self.state = PaymentState::Unknown { since: at };
            }
            Event::InquiryStarted { attempt, inquire_at, .. } => {
                self.attempt_mut(*attempt).count_inquiry(*inquire_at);
            }
            Event::AttemptContradicted { attempt, .. } => {
                self.attempt_mut(*attempt).contradict(at);
            }
            Event::PaymentAuthorized { expires_at, .. } => {
                let held = self.intent.money.amount;
                self.state = PaymentState::Authorized { held, expires_at: *expires_at };
            }
            Event::PaymentCaptured { captured, fee, .. } => {
                let (captured, fee) = (*captured, *fee);
                self.state = PaymentState::Completed { captured, fee, at };
            }
            Event::PaymentFailed { reason, .. } => {
                self.state = PaymentState::Failed { reason: *reason, at };
            }
            Event::PaymentExpired { .. } => self.state = PaymentState::Expired { at },
        }
    }

    fn settle(&mut self, attempt: AttemptId, state: AttemptState) {
        self.attempt_mut(attempt).state = state;
    }

    fn attempt_mut(&mut self, id: AttemptId) -> &mut Attempt {
        self.attempts
            .iter_mut()
            .find(|attempt| attempt.id == id)
            .expect("an attempt's events follow its start")
    }
}
