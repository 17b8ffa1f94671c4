//! Records what a provider says of an attempt.
//!
//! What we start is bounded; what a provider reports is always accepted. An answer that comes
//! twice changes nothing; one that comes after the payment gave up is booked as an exception and
//! undone; one that takes an approval back is asked about, and goes to the operators if the provider
//! insists.

use std::sync::Arc;

use super::target::begin;
use crate::{
    decision::Decision,
    effect::Effect,
    env::{Env, LateApprovals},
    event::{Event, Record},
    id::{AttemptId, PaymentId},
    idempotency::Subject,
    money::Amount,
    payment::{
        Attempt, AttemptState, Booked, CaptureMode, Case, Cause, Contradiction, FailureReason,
        Matter, NextAction, OperationKind, Payment, PaymentState, Resolution,
    },
    planted_fault::{PlantedFault, is_planted},
    provider::{DeclineCode, OutcomeSource, ProviderOutcome, ProviderReceipt},
    rejection::Rejection,
    shard_state::ShardState,
    timestamp::Timestamp,
};

/// How often an attempt whose customer's time is over is called off at the provider, before the payment
/// expires all the same.
const MOST_EXPIRY_VOIDS: usize = 2;

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

impl RecordProviderOutcome {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        let payment =
            state.payment(self.payment).ok_or(Rejection::PaymentNotFound(self.payment))?;
        let attempt =
            payment.attempt(self.attempt).ok_or(Rejection::AttemptNotFound(self.attempt))?;
        let answered = Answered { state, payment, attempt, source: self.source, env };
        let mut consequence = Consequence::default();
        match self.outcome {
            ProviderOutcome::Approved(receipt) => {
                answered.approved(receipt.clipped(), &mut consequence);
            }
            ProviderOutcome::Declined(code) => answered.declined(code, &mut consequence),
            // What cannot be done cannot be asked of a customer: what the provider means is not
            // known.
            ProviderOutcome::ActionRequired { action }
                if !action.is_possible(&payment.intent().method) =>
            {
                answered.unknown(&mut consequence);
            }
            ProviderOutcome::ActionRequired { action } => {
                answered.action_required(action, &mut consequence);
            }
            ProviderOutcome::Pending => answered.pending(&mut consequence),
            ProviderOutcome::NotSent | ProviderOutcome::NotFound { past_horizon: true } => {
                answered.not_sent(&mut consequence);
            }
            ProviderOutcome::Unknown | ProviderOutcome::NotFound { past_horizon: false } => {
                answered.unknown(&mut consequence);
            }
        }
        let Consequence { events, effects } = consequence;
        if events.is_empty() {
            return Ok(Decision::Unchanged);
        }
        let record = Record { at: env.now, events, idempotency: None, effects };
        Ok(Decision::Accepted { record, subject: Some(Subject::Payment(self.payment)) })
    }
}

/// What an answer comes to: events, and calls that follow.
#[derive(Default)]
struct Consequence {
    events: Vec<Event>,
    effects: Vec<Effect>,
}

/// An answer beside what it answers.
struct Answered<'a> {
    state: &'a ShardState,
    payment: &'a Payment,
    attempt: &'a Attempt,
    source: OutcomeSource,
    env: &'a Env<'a>,
}

impl Answered<'_> {
    fn approved(&self, receipt: ProviderReceipt, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let receipt = Arc::new(receipt);
        match self.attempt.state {
            AttemptState::Open
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::ActionRequired(_)
                if self.payment.state().awaits_outcome() =>
            {
                self.approved_in_time(receipt, consequence);
            }
            AttemptState::Open
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::ActionRequired(_)
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. } => self.approved_late(receipt, consequence),
            AttemptState::Approved { contradiction: Some(_), .. } => {
                consequence.events.push(Event::AttemptReaffirmed { payment, attempt, source });
                let denied = Matter::ApprovalDenied(attempt);
                let open = |case: &&Case| case.matter == denied && case.is_open();
                consequence.events.extend(self.payment.cases().iter().find(open).map(|case| {
                    let resolution = Resolution::Withdrawn;
                    Event::CaseResolved { payment, case: case.id, resolution }
                }));
            }
            AttemptState::Approved { contradiction: None, .. }
            | AttemptState::ApprovedLate { .. } => {}
        }
    }

    fn approved_in_time(&self, receipt: Arc<ProviderReceipt>, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        consequence.events.push(Event::AttemptApproved { payment, attempt, source, receipt });
        consequence.events.push(self.funds_moved());
        self.end_confirmation(consequence);
        let voiding = self
            .payment
            .exclusive_operation()
            .is_some_and(|open| open.intent.kind == OperationKind::Void);
        // A void that is still under way tells by its own outcome what is left to be undone.
        if self.payment.is_called_off() && !voiding {
            self.undo(0, consequence);
        }
    }

    /// What an approval does to the funds.
    fn funds_moved(&self) -> Event {
        let (payment, intent) = (self.payment.id(), self.payment.intent());
        let expires_at = self.env.now.after(self.env.policy.authorization_validity);
        match (intent.provider_capture(), intent.hold_for_review) {
            (CaptureMode::Automatic, _) => {
                let fee = self.env.policy.fees.fee(&intent.method, intent.money, true);
                Event::PaymentCaptured { payment, captured: intent.money.amount, fee }
            }
            (CaptureMode::Manual, true) => Event::PaymentHeldForReview { payment, expires_at },
            (CaptureMode::Manual, false) => Event::PaymentAuthorized { payment, expires_at },
        }
    }

    fn approved_late(&self, receipt: Arc<ProviderReceipt>, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        if self.may_stand_after_all() {
            consequence.events.push(Event::AttemptApproved { payment, attempt, source, receipt });
            consequence.events.push(self.funds_moved());
            return;
        }
        let amount = self.payment.intent().money.amount;
        let (taken, booked) = match self.payment.intent().provider_capture() {
            CaptureMode::Automatic => (amount, Booked::Received(amount)),
            CaptureMode::Manual if is_planted(PlantedFault::LateApprovalOverbooked) => {
                (amount, Booked::Received(amount))
            }
            CaptureMode::Manual => (Amount::ZERO, Booked::Nothing),
        };
        let late = Event::AttemptApprovedLate { payment, attempt, source, receipt, taken };
        let (case, matter) = (self.env.mint(0), Matter::LateApproval(attempt));
        consequence.events.push(late);
        consequence.events.push(Event::CaseOpened { payment, case, matter, booked });
        // Where something else is under way, the operators see the case.
        if self.payment.exclusive_operation().is_none() {
            self.undo(1, consequence);
        }
    }

    /// Whether an approval that comes too late stands all the same: where the operator wants it so,
    /// nobody has given the payment up, and its order is not paid otherwise.
    fn may_stand_after_all(&self) -> bool {
        let given_up = match self.payment.state() {
            PaymentState::Failed { .. } | PaymentState::Expired { .. } => {
                self.payment.is_called_off()
            }
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Unknown { .. } => true,
        };
        match self.env.policy.late_approvals {
            LateApprovals::Reverse => false,
            LateApprovals::Accept => {
                !given_up
                    && self.payment.approved_attempt().is_none()
                    && self.payment.exclusive_operation().is_none()
                    && self.order_is_open()
            }
        }
    }

    fn order_is_open(&self) -> bool {
        let intent = self.payment.intent();
        let order = intent.order.and_then(|order| self.state.order(order));
        let paid = intent
            .order_id
            .as_deref()
            .filter(|_order_id| intent.one_payment_per_order)
            .and_then(|text| self.state.paid_for(intent.merchant, intent.mode, text));
        order.is_none_or(|order| order.open() >= intent.money.amount) && paid.is_none()
    }

    /// Undoes at the provider what it has approved against our will. `index` is that of a fresh id.
    fn undo(&self, index: usize, consequence: &mut Consequence) {
        let kind = match self.payment.intent().provider_capture() {
            CaptureMode::Automatic => OperationKind::Reversal,
            CaptureMode::Manual => OperationKind::Void,
        };
        let Consequence { events, effects } = consequence;
        let (what, id) = ((kind, Cause::LateApproval), self.env.mint(index));
        begin(self.payment, self.attempt.id, what, id, self.env, events, effects);
    }

    fn declined(&self, code: DeclineCode, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let declined = Event::AttemptDeclined { payment, attempt, source, code };
        self.negative(declined, FailureReason::Declined(code), consequence);
    }

    fn not_sent(&self, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let not_sent = Event::AttemptNotSent { payment, attempt, source };
        self.negative(not_sent, FailureReason::NotSent, consequence);
    }

    /// The attempt moved no money, says the provider.
    fn negative(&self, settled: Event, reason: FailureReason, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::ActionRequired(_) => {
                consequence.events.push(settled);
                if self.payment.state().awaits_outcome() {
                    consequence.events.push(Event::PaymentFailed { payment, reason });
                }
                self.end_confirmation(consequence);
            }
            AttemptState::Approved { contradiction: None, .. } => {
                let inquire_at = self.first_inquiry();
                let contradicted =
                    Event::AttemptContradicted { payment, attempt, source, inquire_at };
                consequence.events.push(contradicted);
                consequence.effects.push(Effect::Inquire { payment, attempt });
            }
            AttemptState::Approved { contradiction: Some(Contradiction::Asked(_)), .. }
                if source.is_answer_to_inquiry() =>
            {
                let (case, matter) = (self.env.mint(0), Matter::ApprovalDenied(attempt));
                let booked = Booked::Nothing;
                consequence.events.push(Event::CaseOpened { payment, case, matter, booked });
            }
            AttemptState::Approved { contradiction: Some(_), .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. } => {}
        }
    }

    fn action_required(&self, action: NextAction, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open | AttemptState::Pending(_) | AttemptState::Unknown(_)
                if self.payment.state().awaits_outcome() =>
            {
                let expires_at = self.env.now.after(self.env.policy.validity_of(&action));
                let required =
                    Event::AttemptActionRequired { payment, attempt, source, action, expires_at };
                consequence.events.push(required);
            }
            AttemptState::ActionRequired(_) => self.still_required(consequence),
            AttemptState::Open
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::Approved { .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. } => {}
        }
    }

    /// The provider was asked, and still waits for the customer. When his time is over, the attempt
    /// is called off there.
    fn still_required(&self, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let PaymentState::RequiresAction { action, expires_at } = self.payment.state() else {
            return;
        };
        self.end_confirmation(consequence);
        let open = self.payment.exclusive_operation();
        if open.is_some_and(|open| open.intent.kind == OperationKind::Void) {
            return;
        }
        if self.env.now < *expires_at {
            if self.attempt.inquiries() > 0 {
                let (action, expires_at) = (action.clone(), *expires_at);
                let required =
                    Event::AttemptActionRequired { payment, attempt, source, action, expires_at };
                consequence.events.push(required);
            }
            return;
        }
        // A message that took its time says where the attempt stood, not where it stands.
        if !self.source.is_answer_to_inquiry() {
            return;
        }
        // One refusal may have been none: a callback can be wrong about a void that will be carried out.
        let refused = self.payment.operations().iter().filter(|operation| {
            operation.intent.kind == OperationKind::Void && operation.intent.cause == Cause::Expiry
        });
        if refused.count() >= MOST_EXPIRY_VOIDS {
            consequence.events.push(Event::PaymentExpired { payment });
        } else {
            let Consequence { events, effects } = consequence;
            let what = (OperationKind::Void, Cause::Expiry);
            begin(self.payment, attempt, what, self.env.mint(0), self.env, events, effects);
        }
    }

    fn pending(&self, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open | AttemptState::Unknown(_)
                if self.payment.state().awaits_outcome() =>
            {
                let inquire_at = self.first_inquiry();
                let pending = Event::AttemptPending { payment, attempt, source, inquire_at };
                consequence.events.push(pending);
            }
            AttemptState::ActionRequired(_) => self.still_required(consequence),
            AttemptState::Open
            | AttemptState::Unknown(_)
            | AttemptState::Pending(_)
            | AttemptState::Approved { .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. } => {}
        }
    }

    /// An attempt that is unknown already keeps its schedule: the next inquiry is due anyway.
    fn unknown(&self, consequence: &mut Consequence) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        match self.attempt.state {
            AttemptState::Open if self.payment.state().awaits_outcome() => {
                let inquire_at = self.first_inquiry();
                let unknown = Event::AttemptUnknown { payment, attempt, source, inquire_at };
                consequence.events.push(unknown);
            }
            AttemptState::Open
            | AttemptState::Unknown(_)
            | AttemptState::Pending(_)
            | AttemptState::ActionRequired(_)
            | AttemptState::Approved { .. }
            | AttemptState::ApprovedLate { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. } => {}
        }
    }

    /// Whatever the provider says of the attempt is the answer to a confirmation that is under way.
    fn end_confirmation(&self, consequence: &mut Consequence) {
        let Some(open) = self.payment.exclusive_operation() else { return };
        if open.intent.kind == OperationKind::Confirmation && open.intent.attempt == self.attempt.id
        {
            consequence.events.push(Event::OperationSucceeded {
                payment: self.payment.id(),
                operation: open.id(),
                source: self.source,
                receipt: Arc::default(),
                fee_returned: Amount::ZERO,
            });
        }
    }

    fn first_inquiry(&self) -> Timestamp {
        self.env.now.after(self.env.policy.inquiry_delay(0))
    }
}
