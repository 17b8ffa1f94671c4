//! A refund as an answer shows it, in version 1 and in the older shape.
//!
//! Invariant: the text depends on the payment and the refund alone, so that a repeated request is
//! answered byte for byte as the first.

use serde::{Serialize, Serializer};
use tollgate_domain::{
    Currency, Operation, OperationKind, OperationState, Payment, PaymentId, RefundId, TransactionId,
};

use super::{
    id_text::IdText,
    payment_answer::{Major, MajorNumber, Metadata},
    time::Rfc3339,
};

/// A refund, to be serialized.
pub(crate) struct RefundBody<'p> {
    pub(crate) payment: &'p Payment,
    pub(crate) refund: &'p Operation,
}

/// The same as clients of the older API know it.
pub(crate) struct ClassicRefund<'p>(pub(crate) RefundBody<'p>);

/// The same in short.
pub(crate) struct ClassicRefundStatus<'p>(pub(crate) RefundBody<'p>);

#[derive(Serialize)]
struct RefundFields<'p> {
    id: IdText<RefundId>,
    object: &'static str,
    payment_id: IdText<PaymentId>,
    status: &'static str,
    amount: Major,
    amount_minor: i64,
    amount_paisa: Option<i64>,
    currency: &'static str,
    reason: Option<&'p str>,
    failure_reason: Option<&'static str>,
    fees_returned_minor: i64,
    transaction_id: IdText<TransactionId>,
    external_txn_id: Option<&'p str>,
    metadata: Metadata<'p>,
    livemode: bool,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClassicFields<'p> {
    #[serde(rename = "refundID")]
    refund_id: IdText<RefundId>,
    #[serde(rename = "paymentID")]
    payment_id: IdText<PaymentId>,
    status: &'static str,
    amount: MajorNumber,
    currency: &'static str,
    #[serde(rename = "transactionID")]
    transaction_id: IdText<TransactionId>,
    reason: Option<&'p str>,
    failure_reason: Option<&'static str>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClassicStatusFields {
    #[serde(rename = "refundID")]
    refund_id: IdText<RefundId>,
    #[serde(rename = "paymentID")]
    payment_id: IdText<PaymentId>,
    status: &'static str,
    #[serde(rename = "transactionID")]
    transaction_id: IdText<TransactionId>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

impl<'p> RefundFields<'p> {
    fn of(body: &RefundBody<'p>) -> Self {
        let RefundBody { payment, refund } = *body;
        let (reason, metadata) = match &refund.intent.kind {
            OperationKind::Refund { reason, metadata, .. } => (reason.as_deref(), &**metadata),
            OperationKind::Confirmation
            | OperationKind::Capture { .. }
            | OperationKind::Void
            | OperationKind::Reversal => unreachable!("a refund is a refund: {refund:?}"),
        };
        let money = payment.money(refund.amount());
        let amount_minor = money.amount.minor_units();
        Self {
            id: IdText(RefundId::of_operation(refund.id())),
            object: "refund",
            payment_id: IdText(payment.id()),
            status: refund.state.as_str(),
            amount: Major(money),
            amount_minor,
            amount_paisa: (money.currency == Currency::INR).then_some(amount_minor),
            currency: money.currency.code(),
            reason,
            failure_reason: refund.state.failure().map(|reason| reason.as_str()),
            fees_returned_minor: refund.fee_returned().minor_units(),
            transaction_id: IdText(TransactionId::of_operation(refund.id())),
            external_txn_id: refund.receipt().map(|receipt| &*receipt.external_id),
            metadata: Metadata(metadata),
            livemode: match payment.intent().mode {
                tollgate_domain::Mode::Test => false,
                tollgate_domain::Mode::Live => true,
            },
            created_at: Rfc3339(refund.intent.started_at),
            updated_at: Rfc3339(refund.updated_at),
        }
    }
}

impl Serialize for RefundBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RefundFields::of(self).serialize(serializer)
    }
}

impl Serialize for ClassicRefund<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = RefundFields::of(&self.0);
        ClassicFields {
            refund_id: shown.id,
            payment_id: shown.payment_id,
            status: classic_status(&self.0.refund.state),
            amount: MajorNumber::of(&shown.amount),
            currency: shown.currency,
            transaction_id: shown.transaction_id,
            reason: shown.reason,
            failure_reason: shown.failure_reason,
            created_at: shown.created_at,
            updated_at: shown.updated_at,
        }
        .serialize(serializer)
    }
}

impl Serialize for ClassicRefundStatus<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = RefundFields::of(&self.0);
        ClassicStatusFields {
            refund_id: shown.id,
            payment_id: shown.payment_id,
            status: classic_status(&self.0.refund.state),
            transaction_id: shown.transaction_id,
            created_at: shown.created_at,
            updated_at: shown.updated_at,
        }
        .serialize(serializer)
    }
}

/// The older API called a refund that had succeeded completed.
fn classic_status(state: &OperationState) -> &'static str {
    match state {
        OperationState::Succeeded { .. } | OperationState::SucceededLate { .. } => "completed",
        OperationState::Open { .. }
        | OperationState::Waiting(_)
        | OperationState::Pending(_)
        | OperationState::Unknown { .. }
        | OperationState::Failed { .. }
        | OperationState::Returned { .. } => state.as_str(),
    }
}
