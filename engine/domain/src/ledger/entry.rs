//! An entry: a movement as it was booked, when, and for which transaction.
//!
//! A payment keeps its entries in the order of their booking. They are written in the same place as
//! the accounts and never changed, so that an account is the sum of its entries; `invariant.rs` holds
//! one against the other.

use crate::{
    event::Event,
    id::TransactionId,
    ledger::{Movement, Transfer},
    payment::{Matter, OperationKind, Payment},
    timestamp::Timestamp,
};

/// One movement of a payment's money.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    /// The payment itself, or the operation on it, that moved the money.
    pub transaction: TransactionId,
    /// What moved.
    pub movement: Movement,
    /// When it was booked.
    pub at: Timestamp,
}

impl Entry {
    /// What it posts, in order.
    pub fn transfers(&self) -> impl Iterator<Item = Transfer> {
        self.movement.transfers().into_iter().flatten()
    }
}

/// The transaction that an event moves money for, which is about to happen to this payment.
pub(crate) fn transaction_of(payment: &Payment, event: &Event) -> TransactionId {
    let whole = TransactionId::of_payment(payment.id());
    match event {
        Event::OperationStarted { intent, .. } => TransactionId::of_operation(intent.id),
        Event::OperationSucceeded { operation, .. }
        | Event::OperationFailed { operation, .. }
        | Event::OperationSucceededLate { operation, .. }
        | Event::RefundReturned { operation, .. } => TransactionId::of_operation(*operation),
        // The funds move before the operation's own event, which ends its record. One that had
        // failed and was done after all is known only then: see [`is_moved_by`].
        Event::PaymentCaptured { .. }
        | Event::PaymentPartlyCaptured { .. }
        | Event::PaymentReversed { .. } => payment
            .exclusive_operation()
            .filter(|open| open.intent.kind != OperationKind::Confirmation)
            .map_or(whole, |open| TransactionId::of_operation(open.id())),
        Event::CaseResolved { case, .. } => {
            let case = payment.cases().iter().find(|found| found.id == *case);
            match case.map(|case| case.matter) {
                Some(Matter::OperationLate(operation) | Matter::OperationDenied(operation)) => {
                    TransactionId::of_operation(operation)
                }
                Some(Matter::LateApproval(_) | Matter::ApprovalDenied(_)) | None => whole,
            }
        }
        Event::PaymentCreated(_)
        | Event::AttemptStarted { .. }
        | Event::AttemptApproved { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptActionRequired { .. }
        | Event::AttemptPending { .. }
        | Event::AttemptNotSent { .. }
        | Event::AttemptUnknown { .. }
        | Event::AttemptCancelled { .. }
        | Event::AttemptApprovedLate { .. }
        | Event::AttemptContradicted { .. }
        | Event::AttemptReaffirmed { .. }
        | Event::InquiryStarted { .. }
        | Event::PaymentAuthorized { .. }
        | Event::PaymentHeldForReview { .. }
        | Event::ReviewApproved { .. }
        | Event::RemainderReleased { .. }
        | Event::PaymentVoided { .. }
        | Event::PaymentFailed { .. }
        | Event::PaymentExpired { .. }
        | Event::OperationPending { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDelayed { .. }
        | Event::OperationResent { .. }
        | Event::OperationInquiryStarted { .. }
        | Event::OperationContradicted { .. }
        | Event::OperationReaffirmed { .. }
        | Event::CaseOpened { .. }
        | Event::OrderCreated(_)
        | Event::PaymentArchived { .. }
        | Event::PaymentRecalled { .. }
        | Event::OrderArchived { .. }
        | Event::OrderRecalled { .. }
        | Event::IdempotencyKeysForgotten { .. } => whole,
    }
}

/// Whether a movement is what an operation of that kind does to the funds.
pub(crate) fn is_moved_by(movement: &Movement, kind: &OperationKind) -> bool {
    match kind {
        OperationKind::Capture { .. } => matches!(movement, Movement::Capture { .. }),
        OperationKind::Void | OperationKind::Reversal => {
            matches!(movement, Movement::Reversal { .. })
        }
        OperationKind::Confirmation | OperationKind::Refund { .. } => false,
    }
}
