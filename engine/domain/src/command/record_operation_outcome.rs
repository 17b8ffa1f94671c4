//! Records what a provider says of an operation.
//!
//! As with attempts, what a provider reports is always accepted. What an operation does to its
//! payment stands here, kind by kind; the operation's own event comes last, so that a record shows
//! the payment as the operation left it.

use std::sync::Arc;

use super::target::begin;
use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::{OperationId, PaymentId},
    idempotency::Subject,
    money::Amount,
    payment::{
        Attempt, AttemptState, Booked, Case, Cause, Contradiction, Matter, Operation,
        OperationFailure, OperationKind, OperationState, Payment, PaymentState, Resolution,
    },
    provider::{OperationOutcome, OutcomeSource, ProviderReceipt},
    rejection::Rejection,
    shard_state::ShardState,
    timestamp::Timestamp,
};

/// A provider's answer.
#[derive(Clone, Debug)]
pub struct RecordOperationOutcome {
    /// The payment.
    pub payment: PaymentId,
    /// The operation it speaks of.
    pub operation: OperationId,
    /// How it came to us.
    pub source: OutcomeSource,
    /// What it says.
    pub outcome: OperationOutcome,
}

impl RecordOperationOutcome {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        let Self { payment: id, operation, source, outcome } = self;
        let payment = state.payment(id).ok_or(Rejection::PaymentNotFound(id))?;
        let operation =
            payment.operation(operation).ok_or(Rejection::OperationNotFound(operation))?;
        let attempt =
            payment.attempt(operation.intent.attempt).expect("an operation has an attempt");
        let mut answered = Answered {
            payment,
            attempt,
            operation,
            source,
            env,
            events: Vec::new(),
            effects: Vec::new(),
        };
        match outcome {
            OperationOutcome::Succeeded(receipt) => answered.succeeded(Arc::new(receipt.clipped())),
            OperationOutcome::Failed(reason) => answered.failed(reason),
            OperationOutcome::NotSent | OperationOutcome::NotFound { past_horizon: true } => {
                answered.not_sent();
            }
            OperationOutcome::Pending => answered.pending(),
            OperationOutcome::Unknown | OperationOutcome::NotFound { past_horizon: false } => {
                answered.unknown();
            }
        }
        let Answered { events, effects, .. } = answered;
        if events.is_empty() {
            return Ok(Decision::Unchanged);
        }
        let record = Record { at: env.now, events, idempotency: None, effects };
        Ok(Decision::Accepted { record, subject: Some(Subject::Payment(id)) })
    }
}

/// An answer beside what it answers, and what it comes to.
struct Answered<'a> {
    payment: &'a Payment,
    attempt: &'a Attempt,
    operation: &'a Operation,
    source: OutcomeSource,
    env: &'a Env<'a>,
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl Answered<'_> {
    fn succeeded(&mut self, receipt: Arc<ProviderReceipt>) {
        match self.operation.state {
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Unknown { .. } => self.done(receipt),
            OperationState::Failed { .. } | OperationState::Returned { .. } => {
                self.done_late(receipt);
            }
            OperationState::Succeeded { contradiction: Some(_), .. } => self.reaffirmed(),
            OperationState::Succeeded { contradiction: None, .. }
            | OperationState::SucceededLate { .. } => {}
        }
    }

    /// It is done, and was awaited.
    fn done(&mut self, receipt: Arc<ProviderReceipt>) {
        match self.operation.intent.kind {
            OperationKind::Confirmation => self.end(receipt, Amount::ZERO),
            OperationKind::Capture { amount, release_rest } => {
                self.captured(amount, release_rest);
                self.end(receipt, Amount::ZERO);
            }
            OperationKind::Void => {
                self.let_go();
                self.end(receipt, Amount::ZERO);
            }
            OperationKind::Reversal => {
                self.undone();
                self.end(receipt, Amount::ZERO);
            }
            OperationKind::Refund { amount, .. } => {
                let fee_returned = self.fee_returned_with(amount);
                self.end(receipt, fee_returned);
            }
        }
    }

    fn captured(&mut self, amount: Amount, release_rest: bool) {
        let payment = self.payment.id();
        let first = self.payment.amount_captured().is_zero();
        let method = &self.payment.intent().method;
        let fee = self.env.policy.fees.fee(method, self.payment.money(amount), first);
        let all = amount == self.payment.state().held();
        self.events.push(if release_rest || all {
            Event::PaymentCaptured { payment, captured: amount, fee }
        } else {
            Event::PaymentPartlyCaptured { payment, captured: amount, fee }
        });
    }

    /// The reservation is gone, or the customer's action is called off.
    fn let_go(&mut self) {
        let (payment, attempt, source) = (self.payment.id(), self.attempt.id, self.source);
        let ended = match self.operation.intent.cause {
            Cause::Expiry => Event::PaymentExpired { payment },
            Cause::Merchant | Cause::Cancellation | Cause::Review | Cause::LateApproval => {
                Event::PaymentVoided { payment }
            }
        };
        match self.payment.state() {
            PaymentState::Review { .. } | PaymentState::Authorized { .. } => {
                self.events.push(ended)
            }
            PaymentState::PartiallyCaptured { .. } => {
                self.events.push(Event::RemainderReleased { payment });
            }
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Unknown { .. } => {
                self.events.push(Event::AttemptCancelled { payment, attempt, source });
                self.events.push(ended);
            }
            // The approval had come in between, and all that was taken with it is let go.
            PaymentState::Completed { .. } if self.is_approval_of_payment() => {
                self.events.push(Event::PaymentReversed { payment });
            }
            PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. } => self.resolve(Resolution::Returned),
        }
    }

    /// The payment is undone, or an approval that came too late.
    fn undone(&mut self) {
        if self.is_approval_of_payment() {
            self.events.push(Event::PaymentReversed { payment: self.payment.id() });
        }
        self.resolve(Resolution::Returned);
    }

    /// Done after it had failed. What there is still room for is done; what there is not stands on
    /// the exceptions account.
    fn done_late(&mut self, receipt: Arc<ProviderReceipt>) {
        let nothing_open = self.payment.exclusive_operation().is_none();
        let state = self.payment.state();
        let beyond = match self.operation.intent.kind {
            OperationKind::Confirmation => return,
            OperationKind::Capture { amount, .. } => {
                let room = nothing_open && amount <= state.held();
                (!room).then_some(Booked::Received(amount))
            }
            OperationKind::Refund { amount, .. } => {
                let room = amount <= self.payment.amount_refundable()
                    && self.payment.undoing_operation().is_none();
                (!room).then_some(Booked::PaidOut(amount))
            }
            OperationKind::Void => {
                let held = state.held_until().is_some() || state.awaits_outcome();
                let room = nothing_open && (held || self.is_late_approval());
                (!room).then_some(Booked::Nothing)
            }
            OperationKind::Reversal => {
                let undoable = matches!(state, PaymentState::Completed { .. })
                    && !self.payment.has_refunds()
                    && self.is_approval_of_payment();
                let room = nothing_open && (undoable || self.is_late_approval());
                let taken = self.payment.amount_captured();
                let booked = if taken.is_zero() { Booked::Nothing } else { Booked::PaidOut(taken) };
                (!room).then_some(booked)
            }
        };
        match beyond {
            None => self.done(receipt),
            Some(booked) => self.beyond(receipt, booked),
        }
    }

    fn beyond(&mut self, receipt: Arc<ProviderReceipt>, booked: Booked) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        let (case, matter) = (self.env.mint(0), Matter::OperationLate(operation));
        self.events.push(Event::OperationSucceededLate {
            payment,
            operation,
            source,
            receipt,
            booked,
        });
        self.events.push(Event::CaseOpened { payment, case, matter, booked });
    }

    fn reaffirmed(&mut self) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        self.events.push(Event::OperationReaffirmed { payment, operation, source });
        let denied = Matter::OperationDenied(operation);
        let open = |case: &&Case| case.matter == denied && case.is_open();
        if let Some(case) = self.payment.cases().iter().find(open) {
            let (case, resolution) = (case.id, Resolution::Withdrawn);
            self.events.push(Event::CaseResolved { payment, case, resolution });
        }
    }

    fn failed(&mut self, reason: OperationFailure) {
        match self.operation.state {
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Unknown { .. } => self.not_done(reason),
            OperationState::Succeeded { contradiction, .. } => {
                self.denied(Some(reason), contradiction);
            }
            OperationState::SucceededLate { .. } => self.late_denied(reason),
            OperationState::Failed { .. } | OperationState::Returned { .. } => {}
        }
    }

    /// It will not be done, and was awaited.
    fn not_done(&mut self, reason: OperationFailure) {
        match self.operation.intent.kind {
            OperationKind::Confirmation | OperationKind::Refund { .. } => self.end_failed(reason),
            OperationKind::Capture { .. } => {
                if reason == OperationFailure::AuthorizationExpired {
                    self.lapsed();
                }
                self.end_failed(reason);
            }
            OperationKind::Void => self.not_let_go(reason),
            OperationKind::Reversal => {
                self.end_failed(reason);
                if self.operation.intent.cause == Cause::LateApproval {
                    self.leave_to_operators();
                }
            }
        }
    }

    fn not_let_go(&mut self, reason: OperationFailure) {
        let (cause, asked_again) = (self.operation.intent.cause, self.is_final_void());
        // A request that never reached the provider is answered so, and binds nobody.
        let called_off = cause == Cause::Cancellation && reason != OperationFailure::NotSent;
        match self.payment.state() {
            PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. } => {
                let over =
                    cause == Cause::Expiry || reason == OperationFailure::AuthorizationExpired;
                if over {
                    self.lapsed();
                }
                self.end_failed(reason);
                if cause == Cause::LateApproval && !over {
                    self.leave_to_operators();
                } else if called_off && !over {
                    self.undo(OperationKind::Void);
                }
            }
            PaymentState::RequiresAction { .. } => match (reason, cause) {
                // The approval is on its way, or stands there already; and what cannot be called off
                // does not expire before the provider has said where it stands.
                (_, Cause::Expiry) => self.refused_and_asked_about(reason),
                (OperationFailure::AlreadyCaptured, _) if !asked_again => {
                    self.refused_and_asked_about(reason);
                }
                (
                    _,
                    Cause::Merchant | Cause::Cancellation | Cause::Review | Cause::LateApproval,
                ) => {
                    self.end_failed(reason);
                }
            },
            PaymentState::Completed { .. } => {
                self.end_failed(reason);
                if self.is_approval_of_payment() && called_off {
                    self.undo(OperationKind::Reversal);
                } else if cause == Cause::LateApproval {
                    self.leave_to_operators();
                }
            }
            PaymentState::Processing
            | PaymentState::Unknown { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. } => {
                self.end_failed(reason);
                if cause == Cause::LateApproval {
                    self.leave_to_operators();
                }
            }
        }
    }

    /// The void is refused, and the provider asked where the attempt stands.
    fn refused_and_asked_about(&mut self, reason: OperationFailure) {
        let (payment, attempt) = (self.payment.id(), self.attempt.id);
        self.end_failed(reason);
        let inquire_at = self.env.now.after(self.env.policy.inquiry_delay(1));
        self.events.push(Event::InquiryStarted { payment, attempt, inquire_at });
        self.effects.push(Effect::Inquire { payment, attempt });
    }

    /// The provider takes back what it said it had done: it has failed, for a reason, or was never
    /// there.
    fn denied(&mut self, reason: Option<OperationFailure>, contradiction: Option<Contradiction>) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        match (&self.operation.intent.kind, reason) {
            (OperationKind::Confirmation, _) => return,
            // Money that could not be delivered comes back: that is a refund's way to fail late.
            (OperationKind::Refund { .. }, Some(reason)) => {
                self.events.push(Event::RefundReturned { payment, operation, source, reason });
                return;
            }
            (OperationKind::Refund { .. }, None)
            | (OperationKind::Capture { .. } | OperationKind::Void | OperationKind::Reversal, _) => {
            }
        }
        match contradiction {
            None => {
                let inquire_at = self.first_inquiry();
                let contradicted =
                    Event::OperationContradicted { payment, operation, source, inquire_at };
                self.events.push(contradicted);
                self.effects.push(Effect::InquireOperation { payment, operation });
            }
            Some(Contradiction::Asked(_)) if source.is_answer_to_inquiry() => {
                let (case, matter) = (self.env.mint(0), Matter::OperationDenied(operation));
                let booked = Booked::Nothing;
                self.events.push(Event::CaseOpened { payment, case, matter, booked });
            }
            Some(Contradiction::Asked(_) | Contradiction::Insisted) => {}
        }
    }

    /// The provider takes back what it did too late. A refund that could not be delivered has come back:
    /// then provider and books agree again, and whatever has become of the case, it is closed by that.
    /// Everything else stays with the operators: a mere no may be the answer from before, told once
    /// more, and of funds that were taken or let go nobody knows who has them.
    fn late_denied(&mut self, reason: OperationFailure) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        match (&self.operation.intent.kind, reason) {
            (OperationKind::Refund { .. }, OperationFailure::AccountClosed) => {}
            (
                OperationKind::Refund { .. }
                | OperationKind::Confirmation
                | OperationKind::Capture { .. }
                | OperationKind::Void
                | OperationKind::Reversal,
                _,
            ) => return,
        }
        let late = Matter::OperationLate(operation);
        let resolution = Resolution::Returned;
        let standing = |case: &&Case| {
            case.matter == late && case.resolution.is_none_or(|(found, _at)| found != resolution)
        };
        if let Some(case) = self.payment.cases().iter().find(standing) {
            let case = case.id;
            self.events.push(Event::CaseResolved { payment, case, resolution });
        }
        self.events.push(Event::RefundReturned { payment, operation, source, reason });
    }

    fn not_sent(&mut self) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        match self.operation.state {
            OperationState::Open { .. }
            | OperationState::Pending(_)
            | OperationState::Unknown { .. } => {
                if self.operation.intent.cause.has_asker() {
                    return self.not_done(OperationFailure::NotSent);
                }
                let delay = self.env.policy.inquiry_delay(self.operation.tries());
                let retry_at = self.env.now.after(delay);
                self.events.push(Event::OperationDelayed { payment, operation, source, retry_at });
            }
            OperationState::Succeeded { contradiction, .. } => {
                self.denied(None, contradiction);
            }
            OperationState::Waiting(_)
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => {}
        }
    }

    fn pending(&mut self) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        match self.operation.state {
            OperationState::Open { .. }
            | OperationState::Waiting(_)
            | OperationState::Unknown { .. } => {
                let inquire_at = self.first_inquiry();
                let pending = Event::OperationPending { payment, operation, source, inquire_at };
                self.events.push(pending);
            }
            OperationState::Pending(_)
            | OperationState::Succeeded { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => {}
        }
    }

    /// An operation that is unknown already keeps its schedule: the next inquiry is due anyway.
    fn unknown(&mut self) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        match self.operation.state {
            OperationState::Open { .. } => {
                let inquire_at = self.first_inquiry();
                let unknown = Event::OperationUnknown { payment, operation, source, inquire_at };
                self.events.push(unknown);
            }
            OperationState::Waiting(_)
            | OperationState::Pending(_)
            | OperationState::Unknown { .. }
            | OperationState::Succeeded { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => {}
        }
    }

    /// What is still reserved is not there any more.
    fn lapsed(&mut self) {
        let payment = self.payment.id();
        self.events.push(if self.payment.amount_captured().is_zero() {
            Event::PaymentExpired { payment }
        } else {
            Event::RemainderReleased { payment }
        });
    }

    /// Begins to undo an approval that has won against the merchant's void.
    fn undo(&mut self, kind: OperationKind) {
        let (what, id) = ((kind, Cause::LateApproval), self.env.mint(0));
        let (events, effects) = (&mut self.events, &mut self.effects);
        begin(self.payment, self.attempt.id, what, id, self.env, events, effects);
    }

    /// What we could not undo somebody has to look at, unless a case is open already.
    fn leave_to_operators(&mut self) {
        let matter = Matter::LateApproval(self.attempt.id);
        if self.payment.cases().iter().any(|case| case.matter == matter) {
            return;
        }
        let (payment, case, booked) = (self.payment.id(), self.env.mint(0), Booked::Nothing);
        self.events.push(Event::CaseOpened { payment, case, matter, booked });
    }

    fn resolve(&mut self, resolution: Resolution) {
        let matter = Matter::LateApproval(self.attempt.id);
        let open = |case: &&Case| case.matter == matter && case.is_open();
        if let Some(case) = self.payment.cases().iter().find(open) {
            let (payment, case) = (self.payment.id(), case.id);
            self.events.push(Event::CaseResolved { payment, case, resolution });
        }
    }

    fn end(&mut self, receipt: Arc<ProviderReceipt>, fee_returned: Amount) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        self.events.push(Event::OperationSucceeded {
            payment,
            operation,
            source,
            receipt,
            fee_returned,
        });
    }

    fn end_failed(&mut self, reason: OperationFailure) {
        let (payment, operation, source) = (self.payment.id(), self.operation.id(), self.source);
        self.events.push(Event::OperationFailed { payment, operation, source, reason });
    }

    /// The part of our fee that goes back with a refund of `amount`.
    fn fee_returned_with(&self, amount: Amount) -> Amount {
        let state = self.payment.state();
        let (captured, charged) = (state.captured(), state.fee());
        let refunded = self.payment.amount_refunded().checked_add(amount).unwrap_or(captured);
        let due = self.env.policy.fees.returned(charged, captured, refunded);
        let kept = self.payment.fee();
        let returned = charged.checked_sub(kept).unwrap_or(Amount::ZERO);
        due.checked_sub(returned).unwrap_or(Amount::ZERO).min(kept)
    }

    /// Whether the operation concerns the approval that the payment rests on.
    fn is_approval_of_payment(&self) -> bool {
        matches!(self.attempt.state, AttemptState::Approved { .. })
    }

    /// Whether it concerns an approval that came too late for the payment.
    fn is_late_approval(&self) -> bool {
        matches!(self.attempt.state, AttemptState::ApprovedLate { .. })
    }

    /// Whether the attempt was called off before, in vain.
    fn is_final_void(&self) -> bool {
        self.payment.operations().iter().any(|other| {
            other.intent.kind == OperationKind::Void
                && other.intent.cause == self.operation.intent.cause
                && other.id() != self.operation.id()
        })
    }

    fn first_inquiry(&self) -> Timestamp {
        self.env.now.after(self.env.policy.inquiry_delay(0))
    }
}
