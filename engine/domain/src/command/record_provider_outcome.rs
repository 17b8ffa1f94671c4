//! Records what a provider says of an attempt.
//!
//! What we start is bounded; what a provider reports is always accepted. An answer that comes
//! twice changes nothing; one that comes after the payment gave up is booked as an exception; one
//! that takes an approval back is noted, and asked about once.

use std::sync::Arc;

use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::{AttemptId, PaymentId},
    money::Amount,
    payment::{Attempt, AttemptState, CaptureMode, FailureReason, NextAction, Payment},
    planted_fault::{PlantedFault, is_planted},
    provider::{DeclineCode, OutcomeSource, ProviderOutcome, ProviderReceipt},
    rejection::Rejection,
    shard_state::ShardState,
};

/// A provider's answer.
#[derive(Clone, Debug)]
pub struct RecordProviderOutcome {
    /// The payment.
    pub payment: PaymentId,
    /// The attempt it speaks of.
    pub attempt: AttemptId,
    /// How it came to us.
    pub source: OutcomeSource,
    /// What it says.
    pub outcome: ProviderOutcome,
}

/// What an answer comes to: events, and calls that follow.
type Consequence = (Vec<Event>, Vec<Effect>);

impl RecordProviderOutcome {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        let payment =
            state.payment(self.payment).ok_or(Rejection::PaymentNotFound(self.payment))?;
        let attempt =
            payment.attempt(self.attempt).ok_or(Rejection::AttemptNotFound(self.attempt))?;
        let answered = Answered { payment, attempt, source: self.source, env };
        let (events, effects) = match self.outcome {
            ProviderOutcome::Approved(receipt) => answered.approved(receipt.clipped()),
            ProviderOutcome::Declined(code) => answered.declined(code),
            // What cannot be done cannot be asked of a customer: what the provider means is not
            // known.
            ProviderOutcome::ActionRequired { action }
                if !action.is_possible(&payment.intent().method) =>
            {
                answered.unknown()
            }
            ProviderOutcome::ActionRequired { action } => answered.action_required(action),
            ProviderOutcome::Pending => answered.pending(),
            ProviderOutcome::NotSent | ProviderOutcome::NotFound { past_horizon: true } => {
                answered.not_sent()
            }
            ProviderOutcome::Unknown | ProviderOutcome::NotFound { past_horizon: false } => {
                answered.unknown()
            }
        };
        if events.is_empty() {
            return Ok(Decision::Unchanged);
        }
        let record = Record { at: env.now, events, idempotency: None, effects };
        Ok(Decision::Accepted { record, payment: Some(self.payment) })
    }
}

/// An answer beside what it answers.
struct Answered<'a> {
    payment: &'a Payment,
    attempt: &'a Attempt,
    source: OutcomeSource,
    env: &'a Env<'a>,
}

impl Answered<'_> {
    fn approved(&self, receipt: ProviderReceipt) -> Consequence {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let receipt = Arc::new(receipt);
        let intent = self.payment.intent();
        let amount = intent.money.amount;
        let awaited = self.payment.state().awaits_outcome();
        match self.attempt.state {
            AttemptState::Open
            | AttemptState::Pending { .. }
            | AttemptState::Unknown { .. }
            | AttemptState::ActionRequired
                if awaited =>
            {
                let approved = Event::AttemptApproved { payment, attempt, source, receipt };
                let moved = match intent.capture {
                    // Not here: fees. Every payment is free of charge until they are configured.
                    CaptureMode::Automatic => {
                        Event::PaymentCaptured { payment, captured: amount, fee: Amount::ZERO }
                    }
                    CaptureMode::Manual => Event::PaymentAuthorized {
                        payment,
                        expires_at: self.env.now.after(self.env.policy.authorization_validity),
                    },
                };
                (vec![approved, moved], Vec::new())
            }
            AttemptState::Open
            | AttemptState::Pending { .. }
            | AttemptState::Unknown { .. }
            | AttemptState::ActionRequired
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. } => {
                let taken = match intent.capture {
                    CaptureMode::Automatic => amount,
                    CaptureMode::Manual if is_planted(PlantedFault::LateApprovalOverbooked) => {
                        amount
                    }
                    CaptureMode::Manual => Amount::ZERO,
                };
                let late = Event::AttemptApprovedLate { payment, attempt, source, receipt, taken };
                (vec![late], Vec::new())
            }
            AttemptState::Approved { .. } | AttemptState::ApprovedLate { .. } => nothing(),
        }
    }

    fn declined(&self, code: DeclineCode) -> Consequence {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let declined = Event::AttemptDeclined { payment, attempt, source, code };
        self.negative(declined, FailureReason::Declined(code))
    }

    fn not_sent(&self) -> Consequence {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let not_sent = Event::AttemptNotSent { payment, attempt, source };
        self.negative(not_sent, FailureReason::NotSent)
    }

    /// The attempt moved no money, says the provider.
    fn negative(&self, settled: Event, reason: FailureReason) -> Consequence {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open
            | AttemptState::Pending { .. }
            | AttemptState::Unknown { .. }
            | AttemptState::ActionRequired => {
                let mut events = vec![settled];
                if self.payment.state().awaits_outcome() {
                    events.push(Event::PaymentFailed { payment, reason });
                }
                (events, Vec::new())
            }
            AttemptState::Approved { contradicted_at: None, .. } => (
                vec![Event::AttemptContradicted { payment, attempt, source }],
                vec![Effect::Inquire { payment, attempt }],
            ),
            AttemptState::Approved { contradicted_at: Some(_), .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. } => nothing(),
        }
    }

    fn action_required(&self, action: NextAction) -> Consequence {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open | AttemptState::Pending { .. } | AttemptState::Unknown { .. }
                if self.payment.state().awaits_outcome() =>
            {
                let expires_at = self.env.now.after(self.env.policy.validity_of(&action));
                let required =
                    Event::AttemptActionRequired { payment, attempt, source, action, expires_at };
                (vec![required], Vec::new())
            }
            AttemptState::Open
            | AttemptState::Pending { .. }
            | AttemptState::Unknown { .. }
            | AttemptState::ActionRequired
            | AttemptState::Approved { .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. } => nothing(),
        }
    }

    fn pending(&self) -> Consequence {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open | AttemptState::Unknown { .. }
                if self.payment.state().awaits_outcome() =>
            {
                let inquire_at = self.first_inquiry();
                let pending = Event::AttemptPending { payment, attempt, source, inquire_at };
                (vec![pending], Vec::new())
            }
            AttemptState::Open
            | AttemptState::Unknown { .. }
            | AttemptState::Pending { .. }
            | AttemptState::ActionRequired
            | AttemptState::Approved { .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. } => nothing(),
        }
    }

    /// An attempt that is unknown already keeps its schedule: the next inquiry is due anyway.
    fn unknown(&self) -> Consequence {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open if self.payment.state().awaits_outcome() => {
                let inquire_at = self.first_inquiry();
                let unknown = Event::AttemptUnknown { payment, attempt, source, inquire_at };
                (vec![unknown], Vec::new())
            }
            AttemptState::Open
            | AttemptState::Unknown { .. }
            | AttemptState::Pending { .. }
            | AttemptState::ActionRequired
            | AttemptState::Approved { .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. } => nothing(),
        }
    }

    fn first_inquiry(&self) -> crate::timestamp::Timestamp {
        self.env.now.after(self.env.policy.inquiry_delay(0))
    }
}

fn nothing() -> Consequence {
    (Vec::new(), Vec::new())
}
