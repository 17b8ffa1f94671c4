//! A payment: what the merchant asked for, where it stands, and how every event moves it.
//!
//! Invariant: `apply` is the only writer. A payment that was once shown as final keeps that first
//! answer beside whatever it becomes later, so that an idempotency key always tells the same; so
//! does each of its operations.

mod attempt;
mod case;
mod contradiction;
mod emi;
mod intent;
mod method;
mod next_action;
mod operation;
mod schedule;
mod state;

use std::sync::Arc;

pub use attempt::{Attempt, AttemptState};
pub use case::{Booked, Case, Matter, Resolution};
pub use contradiction::Contradiction;
pub use emi::{EmiPlan, EmiSchedule, Instalment};
pub use intent::{CaptureMode, PaymentIntent};
pub use method::PaymentMethod;
pub use next_action::NextAction;
use operation::FirstAnswer;
pub use operation::{
    Cause, Operation, OperationFailure, OperationIntent, OperationKind, OperationState,
};
pub use schedule::Schedule;
pub use state::{FailureReason, PaymentState, PaymentStatus};

use crate::{
    event::Event,
    id::{AttemptId, CaseId, OperationId, PaymentId, TransactionId},
    ledger::{Entry, is_moved_by},
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
    operations: Vec<Operation>,
    cases: Vec<Case>,
    /// What was booked for it, in order.
    entries: Vec<Entry>,
    /// How many events this payment has had.
    sequence: u32,
    updated_at: Timestamp,
    /// The payment as it was in the first final answer, if it has changed since.
    first_answer: Option<Box<Payment>>,
    approval: Option<Approval>,
}

/// A reviewer's approval that did nothing to the payment but let it go on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Approval {
    /// The payment has not changed since.
    Fresh,
    /// The payment as it was answered to the approval.
    Answered(Box<Payment>),
}

impl Payment {
    pub(crate) fn new(intent: Arc<PaymentIntent>) -> Self {
        let updated_at = intent.created_at;
        Self {
            intent,
            state: PaymentState::Processing,
            attempts: Vec::with_capacity(1),
            operations: Vec::new(),
            cases: Vec::new(),
            entries: Vec::new(),
            sequence: 1,
            updated_at,
            first_answer: None,
            approval: None,
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

    /// What was done to it, in order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What was done to it under this id.
    #[must_use]
    pub fn operation(&self, id: OperationId) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id() == id)
    }

    /// What operators have to decide about it, or have decided, in order.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// What was booked for it, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
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

    /// The payment as the idempotency key of an approval answers that only let it go on: as it was
    /// then.
    #[must_use]
    pub fn as_answered_to_approval(&self) -> &Self {
        match &self.approval {
            Some(Approval::Answered(payment)) => payment,
            Some(Approval::Fresh) | None => self,
        }
    }

    /// The payment as the idempotency key of one of its operations answers: as it was when the
    /// operation first had a final answer, and until then as it is.
    #[must_use]
    pub fn as_answered_to(&self, operation: OperationId) -> Self {
        let first_answer =
            self.operation(operation).and_then(|found| found.first_answer.as_deref());
        match first_answer {
            None => self.clone(),
            Some(FirstAnswer::Payment(payment)) => payment.clone(),
            Some(FirstAnswer::Refund { state, updated_at }) => {
                let mut payment = self.clone();
                let refund = payment.operation_mut(operation);
                refund.state = state.clone();
                refund.updated_at = *updated_at;
                payment
            }
        }
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
            | AttemptState::Pending(_)
            | AttemptState::Unknown(_)
            | AttemptState::ActionRequired(_)
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. }
            | AttemptState::ApprovedLate { .. } => false,
        })
    }

    /// What has been taken.
    #[must_use]
    pub fn amount_captured(&self) -> Amount {
        self.state.captured()
    }

    /// What has been returned by refunds.
    #[must_use]
    pub fn amount_refunded(&self) -> Amount {
        self.sum_of_refunds(|refund| matches!(refund.state, OperationState::Succeeded { .. }))
    }

    /// What refunds without an outcome may yet return.
    #[must_use]
    pub fn amount_refunding(&self) -> Amount {
        self.sum_of_refunds(Operation::is_unsettled)
    }

    /// What a further refund may return.
    #[must_use]
    pub fn amount_refundable(&self) -> Amount {
        [self.amount_refunded(), self.amount_refunding(), self.amount_paid_out_late()]
            .into_iter()
            .try_fold(self.amount_captured(), Amount::checked_sub)
            .unwrap_or(Amount::ZERO)
    }

    /// What providers have paid out late, by what had failed before, as far as nobody has got it
    /// back. It stands on the exceptions account, and the customer has it.
    fn amount_paid_out_late(&self) -> Amount {
        let amounts = self.cases.iter().filter_map(|case| match (case.booked, case.resolution) {
            (Booked::PaidOut(_), Some((Resolution::Returned, _at))) => None,
            (Booked::PaidOut(amount), _) => Some(amount),
            (Booked::Nothing | Booked::Received(_), _) => None,
        });
        amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(Amount::MAX))
    }

    /// Our fee that stands: what was charged less what refunds gave back.
    #[must_use]
    pub fn fee(&self) -> Amount {
        let returned = self.operations.iter().fold(Amount::ZERO, |sum, operation| {
            sum.checked_add(operation.fee_returned()).unwrap_or(Amount::MAX)
        });
        self.state.fee().checked_sub(returned).unwrap_or(Amount::ZERO)
    }

    /// The confirmation, capture, void or reversal that has no outcome yet.
    #[must_use]
    pub fn exclusive_operation(&self) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| operation.intent.kind.is_exclusive() && operation.is_unsettled())
    }

    /// The operation without an outcome that may undo all that was taken: a reversal, or a void from
    /// before an approval that won against it.
    #[must_use]
    pub fn undoing_operation(&self) -> Option<&Operation> {
        let completed = matches!(self.state, PaymentState::Completed { .. });
        self.exclusive_operation().filter(|open| match open.intent.kind {
            OperationKind::Reversal => true,
            OperationKind::Void => completed,
            OperationKind::Confirmation
            | OperationKind::Capture { .. }
            | OperationKind::Refund { .. } => false,
        })
    }

    /// Whether the merchant has called it off, and may rely on that: an approval that comes all the
    /// same is undone. A request that certainly never reached the provider was answered so, and binds
    /// nobody.
    #[must_use]
    pub fn is_called_off(&self) -> bool {
        self.operations.iter().any(|operation| {
            operation.intent.cause == Cause::Cancellation
                && operation.state.failure() != Some(OperationFailure::NotSent)
        })
    }

    /// What may be asked for as the payment stands, by name.
    #[must_use]
    pub fn allowed_operations(&self) -> &'static [&'static str] {
        match &self.state {
            PaymentState::RequiresAction { .. } => &["confirm", "void"],
            PaymentState::Review { .. } => &["approve", "reject", "void"],
            PaymentState::Authorized { .. } => &["capture", "void"],
            PaymentState::PartiallyCaptured { .. } => &["capture", "void", "refund"],
            PaymentState::Completed { .. } if self.has_refunds() => &["refund"],
            PaymentState::Completed { .. } => &["reverse", "refund"],
            PaymentState::Processing
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => &[],
        }
    }

    /// Whether a refund has succeeded, or may yet, or money has gone back late.
    #[must_use]
    pub fn has_refunds(&self) -> bool {
        [self.amount_refunded(), self.amount_refunding(), self.amount_paid_out_late()]
            .iter()
            .any(|amount| !amount.is_zero())
    }

    /// When a tick has something to do here, if ever.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let attempts = self.attempts.iter().filter_map(|attempt| self.inquiry_of(attempt));
        let operations = self.operations.iter().filter_map(Operation::due_at);
        attempts.chain(operations).chain(self.expiry()).min()
    }

    /// When an attempt is asked about, if ever: while it decides what becomes of the payment, and
    /// nobody is calling it off; and while its approval is contradicted.
    #[must_use]
    pub fn inquiry_of(&self, attempt: &Attempt) -> Option<Timestamp> {
        let asked = match attempt.state {
            AttemptState::Pending(_) | AttemptState::Unknown(_) => self.state.awaits_outcome(),
            AttemptState::ActionRequired(_) => {
                self.state.awaits_outcome() && !self.is_being_voided()
            }
            AttemptState::Approved { .. } => true,
            AttemptState::Open
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. }
            | AttemptState::ApprovedLate { .. } => false,
        };
        attempt.inquire_at().filter(|_inquire_at| asked)
    }

    /// When what is reserved has to be let go, if nothing else is being done to it.
    #[must_use]
    pub fn expiry(&self) -> Option<Timestamp> {
        self.state.held_until().filter(|_until| self.exclusive_operation().is_none())
    }

    /// Since when its outcome, or that of an operation on it, is unknown, while it is.
    #[must_use]
    pub fn unknown_since(&self) -> Option<Timestamp> {
        let state = match &self.state {
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
        };
        let operations = self.operations.iter().filter_map(Operation::unknown_since);
        operations.chain(state).min()
    }

    /// Since when a case has waited for an operator, while one does.
    #[must_use]
    pub fn case_since(&self) -> Option<Timestamp> {
        self.cases.iter().find(|case| case.is_open()).map(|case| case.opened_at)
    }

    /// The attempt whose outcome this payment waits for and cannot know without asking.
    #[must_use]
    pub fn unresolved_attempt(&self) -> Option<&Attempt> {
        if !self.state.awaits_outcome() {
            return None;
        }
        self.attempts.last().filter(|attempt| match attempt.state {
            AttemptState::Open | AttemptState::Pending(_) | AttemptState::Unknown(_) => true,
            AttemptState::ActionRequired(_)
            | AttemptState::Approved { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NotSent { .. }
            | AttemptState::Cancelled { .. }
            | AttemptState::ApprovedLate { .. } => false,
        })
    }

    /// Whether a call was decided whose fate nobody has told, so that nothing asks about it either.
    #[must_use]
    pub fn has_open_call(&self) -> bool {
        self.unresolved_attempt().is_some_and(|attempt| attempt.state == AttemptState::Open)
            || self
                .unresolved_operations()
                .any(|operation| matches!(operation.state, OperationState::Open { .. }))
    }

    /// The operations that cannot be known without asking: whether a call was made before a crash,
    /// and what came of it.
    pub fn unresolved_operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| match operation.state {
            OperationState::Open { .. }
            | OperationState::Pending(_)
            | OperationState::Unknown { .. } => true,
            OperationState::Waiting(_)
            | OperationState::Succeeded { .. }
            | OperationState::Failed { .. }
            | OperationState::Returned { .. }
            | OperationState::SucceededLate { .. } => false,
        })
    }

    /// Whether it may yet move money, or somebody has to decide about it: then it is not finished,
    /// whatever its state is called.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.state.awaits_outcome()
            || self.state.held_until().is_some()
            || self.operations.iter().any(Operation::is_unsettled)
            || self.case_since().is_some()
            || self.due_at().is_some()
    }

    /// An amount in the payment's currency.
    #[must_use]
    pub fn money(&self, amount: Amount) -> Money {
        self.intent.money.with_amount(amount)
    }

    fn sum_of_refunds(&self, counts: impl Fn(&Operation) -> bool) -> Amount {
        let refunds = self.operations.iter().filter(|operation| match operation.intent.kind {
            OperationKind::Refund { .. } => counts(operation),
            OperationKind::Confirmation
            | OperationKind::Capture { .. }
            | OperationKind::Void
            | OperationKind::Reversal => false,
        });
        refunds.fold(Amount::ZERO, |sum, refund| {
            sum.checked_add(refund.amount()).unwrap_or(Amount::MAX)
        })
    }

    fn is_being_voided(&self) -> bool {
        self.exclusive_operation().is_some_and(|open| open.intent.kind == OperationKind::Void)
    }

    /// Keeps what the payment shows now as the first answer to whatever has one by now and has kept
    /// none yet. Called before the first of a record's events, for an answer shows whole records.
    pub(crate) fn remember_first_answers(&mut self) {
        if self.first_answer.is_none()
            && self.state.is_final_answer()
            && !is_planted(PlantedFault::FirstAnswerForgotten)
        {
            self.first_answer = Some(Box::new(self.without_first_answers()));
        }
        if self.approval == Some(Approval::Fresh) {
            self.approval = Some(Approval::Answered(Box::new(self.without_first_answers())));
        }
        let due = |operation: &Operation| {
            operation.intent.kind.is_exclusive()
                && operation.first_answer.is_none()
                && operation.is_final_answer()
        };
        if self.operations.iter().any(due) {
            let shown = self.without_first_answers();
            for operation in self.operations.iter_mut().filter(|operation| due(operation)) {
                operation.first_answer = Some(Box::new(FirstAnswer::Payment(shown.clone())));
            }
        }
    }

    fn without_first_answers(&self) -> Self {
        let mut shown = self.clone();
        shown.first_answer = None;
        shown.approval = None;
        // No answer shows them.
        shown.entries = Vec::new();
        shown.operations.iter_mut().for_each(|operation| operation.first_answer = None);
        shown
    }

    /// Notes what is booked for it.
    pub(crate) fn book(&mut self, entry: Entry) {
        // Most payments are captured once, and that is all.
        if self.entries.is_empty() {
            self.entries.reserve_exact(1);
        }
        self.entries.push(entry);
    }

    /// What moved last was moved by this operation, as its own event tells in the same record. Only
    /// one that had failed before is not known until then.
    fn attribute_entry(&mut self, id: OperationId) {
        let whole = TransactionId::of_payment(self.id());
        let (Some(operation), Some(last)) =
            (self.operations.iter().find(|found| found.id() == id), self.entries.last_mut())
        else {
            return;
        };
        if last.transaction == whole && is_moved_by(&last.movement, &operation.intent.kind) {
            last.transaction = TransactionId::of_operation(id);
        }
    }

    /// Writes one of this payment's events into it.
    ///
    /// # Panics
    /// Where the event does not fit the payment: `decide` would have made a record that must not be
    /// acknowledged, or the log holds one.
    pub(crate) fn apply(&mut self, event: &Event, at: Timestamp) {
        self.sequence = self.sequence.saturating_add(1);
        self.updated_at = at;
        match event {
            Event::PaymentCreated(_)
            | Event::IdempotencyKeysForgotten { .. }
            | Event::OrderCreated(_)
            | Event::PaymentArchived { .. }
            | Event::PaymentRecalled { .. }
            | Event::OrderArchived { .. }
            | Event::OrderRecalled { .. } => {
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
                let receipt = Arc::clone(receipt);
                self.settle(*attempt, AttemptState::Approved { receipt, at, contradiction: None });
            }
            Event::AttemptDeclined { attempt, code, .. } => {
                self.settle(*attempt, AttemptState::Declined { code: *code, at });
            }
            Event::AttemptNotSent { attempt, .. } => {
                self.settle(*attempt, AttemptState::NotSent { at });
            }
            Event::AttemptCancelled { attempt, .. } => {
                self.settle(*attempt, AttemptState::Cancelled { at });
            }
            Event::AttemptApprovedLate { attempt, receipt, .. } => {
                let receipt = Arc::clone(receipt);
                self.settle(*attempt, AttemptState::ApprovedLate { receipt, at });
            }
            Event::AttemptActionRequired { attempt, action, expires_at, .. } => {
                let expires_at = *expires_at;
                self.settle(*attempt, AttemptState::ActionRequired(Schedule::first(expires_at)));
                let action = action.clone();
                self.state = PaymentState::RequiresAction { action, expires_at };
            }
            Event::AttemptPending { attempt, inquire_at, .. } => {
                self.settle(*attempt, AttemptState::Pending(Schedule::first(*inquire_at)));
                self.state = PaymentState::Processing;
            }
            Event::AttemptUnknown { attempt, inquire_at, .. } => {
                self.settle(*attempt, AttemptState::Unknown(Schedule::first(*inquire_at)));
                self.state = PaymentState::Unknown { since: at };
            }
            Event::InquiryStarted { attempt, inquire_at, .. } => {
                self.attempt_mut(*attempt).count_inquiry(*inquire_at);
            }
            Event::AttemptContradicted { attempt, inquire_at, .. } => {
                let asked = Contradiction::Asked(Schedule::first(*inquire_at));
                self.attempt_mut(*attempt).contradict(Some(asked));
            }
            Event::AttemptReaffirmed { attempt, .. } => {
                self.attempt_mut(*attempt).contradict(None);
            }
            Event::PaymentAuthorized { expires_at, .. } => {
                let held = self.intent.money.amount;
                self.state = PaymentState::Authorized { held, expires_at: *expires_at };
            }
            Event::PaymentHeldForReview { expires_at, .. } => {
                let held = self.intent.money.amount;
                self.state = PaymentState::Review { held, expires_at: *expires_at };
            }
            Event::ReviewApproved { .. } => {
                let held = self.state.held();
                let expires_at = self.state.held_until().expect("a review holds funds");
                self.state = PaymentState::Authorized { held, expires_at };
                // Where payments are captured at once, the key stands for the capture.
                if self.intent.capture == CaptureMode::Manual {
                    self.approval = Some(Approval::Fresh);
                }
            }
            Event::PaymentCaptured { captured, fee, .. } => {
                let (captured, fee) = self.with_capture(*captured, *fee);
                self.state = PaymentState::Completed { captured, fee, at };
            }
            Event::PaymentPartlyCaptured { captured, fee, .. } => {
                let held = self.state.held().checked_sub(*captured);
                let held = held.expect("no more is captured than is held");
                let expires_at = self.state.held_until().expect("what is captured was held");
                let (captured, fee) = self.with_capture(*captured, *fee);
                self.state = PaymentState::PartiallyCaptured { held, captured, fee, expires_at };
            }
            Event::RemainderReleased { .. } => {
                let (captured, fee) = (self.state.captured(), self.state.fee());
                self.state = PaymentState::Completed { captured, fee, at };
            }
            Event::PaymentFailed { reason, .. } => {
                self.state = PaymentState::Failed { reason: *reason, at };
            }
            Event::PaymentVoided { .. } => self.state = PaymentState::Voided { at },
            Event::PaymentReversed { .. } => self.state = PaymentState::Reversed { at },
            Event::PaymentExpired { .. } => self.state = PaymentState::Expired { at },
            Event::OperationStarted { intent, .. } => {
                self.operations.push(Operation::new(Arc::clone(intent)));
            }
            Event::OperationSucceeded { operation, receipt, fee_returned, .. } => {
                self.attribute_entry(*operation);
                let (receipt, fee_returned) = (Arc::clone(receipt), *fee_returned);
                let done =
                    OperationState::Succeeded { receipt, at, fee_returned, contradiction: None };
                self.move_operation(*operation, done, at);
            }
            Event::OperationFailed { operation, reason, .. } => {
                self.move_operation(*operation, OperationState::Failed { reason: *reason, at }, at);
            }
            Event::OperationPending { operation, inquire_at, .. } => {
                let pending = OperationState::Pending(Schedule::first(*inquire_at));
                self.move_operation(*operation, pending, at);
            }
            Event::OperationUnknown { operation, inquire_at, .. } => {
                let schedule = Schedule::first(*inquire_at);
                let unknown = OperationState::Unknown { since: at, schedule };
                self.move_operation(*operation, unknown, at);
            }
            Event::OperationDelayed { operation, retry_at, .. } => {
                let inquiries = self.operation_mut(*operation).tries().saturating_add(1);
                let waiting = Schedule { inquiries, inquire_at: *retry_at };
                self.move_operation(*operation, OperationState::Waiting(waiting), at);
            }
            Event::OperationResent { operation, .. } => {
                let tries = self.operation_mut(*operation).tries();
                self.move_operation(*operation, OperationState::Open { tries }, at);
            }
            Event::OperationInquiryStarted { operation, inquire_at, .. } => {
                self.operation_mut(*operation).count_inquiry(*inquire_at);
            }
            Event::OperationContradicted { operation, inquire_at, .. } => {
                let asked = Contradiction::Asked(Schedule::first(*inquire_at));
                self.operation_mut(*operation).contradict(Some(asked));
            }
            Event::OperationReaffirmed { operation, .. } => {
                self.operation_mut(*operation).contradict(None);
            }
            Event::RefundReturned { operation, reason, .. } => {
                let returned = OperationState::Returned { reason: *reason, at };
                self.move_operation(*operation, returned, at);
            }
            Event::OperationSucceededLate { operation, receipt, .. } => {
                let receipt = Arc::clone(receipt);
                self.move_operation(*operation, OperationState::SucceededLate { receipt, at }, at);
            }
            Event::CaseOpened { case, matter, booked, .. } => {
                match matter {
                    Matter::ApprovalDenied(attempt) => {
                        self.attempt_mut(*attempt).contradict(Some(Contradiction::Insisted));
                    }
                    Matter::OperationDenied(operation) => {
                        self.operation_mut(*operation).contradict(Some(Contradiction::Insisted));
                    }
                    Matter::LateApproval(_) | Matter::OperationLate(_) => {}
                }
                self.cases.push(Case {
                    id: *case,
                    matter: *matter,
                    booked: *booked,
                    opened_at: at,
                    resolution: None,
                });
            }
            Event::CaseResolved { case, resolution, .. } => {
                self.case_mut(*case).resolution = Some((*resolution, at));
            }
        }
    }

    /// What is captured, and our fee for it, with one capture more.
    fn with_capture(&self, captured: Amount, fee: Amount) -> (Amount, Amount) {
        let sum = |before: Amount, more| {
            before.checked_add(more).expect("no more is captured than a payment may have")
        };
        (sum(self.state.captured(), captured), sum(self.state.fee(), fee))
    }

    fn settle(&mut self, attempt: AttemptId, state: AttemptState) {
        self.attempt_mut(attempt).state = state;
    }

    fn move_operation(&mut self, operation: OperationId, state: OperationState, at: Timestamp) {
        let operation = self.operation_mut(operation);
        operation.remember_refund();
        operation.state = state;
        operation.updated_at = at;
    }

    fn attempt_mut(&mut self, id: AttemptId) -> &mut Attempt {
        self.attempts
            .iter_mut()
            .find(|attempt| attempt.id == id)
            .expect("an attempt's events follow its start")
    }

    fn operation_mut(&mut self, id: OperationId) -> &mut Operation {
        self.operations
            .iter_mut()
            .find(|operation| operation.id() == id)
            .expect("an operation's events follow its start")
    }

    fn case_mut(&mut self, id: CaseId) -> &mut Case {
        self.cases
            .iter_mut()
            .find(|case| case.id == id)
            .expect("a case is opened before it is closed")
    }
}
