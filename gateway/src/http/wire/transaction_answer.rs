//! A transaction as answers show it, in version 1 and in the older shape: a payment, or what is done
//! to it, as one attempt to move money.
//!
//! A transaction settles once. What goes wrong afterwards is told beside its status: a refund that
//! comes back has succeeded, and was returned; a payment that is reversed has succeeded, and its
//! reversal is another transaction.

use serde::{Serialize, Serializer};
use tollgate_domain::{
    Amount, DeclineCode, FailureReason, MerchantId, Money, Operation, OperationKind,
    OperationState, Payment, PaymentId, PaymentState, RefundId, Timestamp, TransactionId,
};

use super::{
    id_text::IdText,
    payment_answer::{Major, MajorNumber, failure_reason, is_live},
    time::Rfc3339,
};

/// A transaction, to be serialized.
pub(crate) struct TransactionBody<'p> {
    pub(crate) payment: &'p Payment,
    /// `None` where the transaction is the payment itself.
    pub(crate) operation: Option<&'p Operation>,
}

impl TransactionBody<'_> {
    /// What became of it: `pending`, `unknown`, `succeeded` or `failed`.
    pub(crate) fn status(&self) -> &'static str {
        match self.operation {
            None if self.payment.approved_attempt().is_some() => "succeeded",
            None => status_of_payment(self.payment),
            Some(operation) if returned_at(operation).is_some() => "succeeded",
            Some(operation) => operation.state.as_str(),
        }
    }

    /// What it moves; nothing where it moves nothing itself.
    pub(crate) fn amount(&self) -> Amount {
        let Some(operation) = self.operation else { return self.payment.intent().money.amount };
        match operation.intent.kind {
            OperationKind::Capture { amount, .. } | OperationKind::Refund { amount, .. } => amount,
            OperationKind::Reversal => {
                let id = TransactionId::of_operation(operation.id());
                reversed(self.payment, id).unwrap_or_else(|| self.payment.state().captured())
            }
            OperationKind::Confirmation | OperationKind::Void => Amount::ZERO,
        }
    }
}

/// Transactions by their place in a list, as clients of the older API know them.
#[derive(Serialize)]
pub(crate) struct ClassicTransactionPage<'p> {
    pub(crate) transactions: Vec<ClassicTransaction<'p>>,
    /// On all pages.
    pub(crate) total: u64,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

/// The same as clients of the older API know it.
pub(crate) struct ClassicTransaction<'p>(pub(crate) TransactionBody<'p>);

#[derive(Serialize)]
struct TransactionFields<'p> {
    id: IdText<TransactionId>,
    object: &'static str,
    r#type: &'static str,
    status: &'static str,
    amount: Major,
    amount_minor: i64,
    currency: &'static str,
    merchant_id: IdText<MerchantId>,
    payment_id: IdText<PaymentId>,
    refund_id: Option<IdText<RefundId>>,
    order_id: Option<&'p str>,
    provider: Option<String>,
    external_txn_id: Option<&'p str>,
    decline_code: Option<&'static str>,
    failure_reason: Option<&'static str>,
    livemode: bool,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    returned_at: Option<Rfc3339>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClassicFields<'p> {
    #[serde(rename = "transactionID")]
    transaction_id: IdText<TransactionId>,
    r#type: &'static str,
    status: &'static str,
    amount: MajorNumber,
    currency: &'static str,
    #[serde(rename = "merchantID")]
    merchant_id: IdText<MerchantId>,
    #[serde(rename = "paymentID")]
    payment_id: IdText<PaymentId>,
    #[serde(rename = "refundID")]
    refund_id: Option<IdText<RefundId>>,
    #[serde(rename = "orderID")]
    order_id: Option<&'p str>,
    provider: Option<String>,
    #[serde(rename = "externalTxnID")]
    external_txn_id: Option<&'p str>,
    decline_code: Option<&'static str>,
    failure_reason: Option<&'static str>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    returned_at: Option<Rfc3339>,
}

impl<'p> TransactionFields<'p> {
    fn of(body: &TransactionBody<'p>) -> Self {
        let TransactionBody { payment, operation } = *body;
        match operation {
            None => Self::of_payment(payment),
            Some(operation) => Self::of_operation(payment, operation),
        }
    }

    fn of_payment(payment: &'p Payment) -> Self {
        let approved = payment.approved_attempt();
        let attempt = approved.or_else(|| payment.attempts().last());
        let failure = match payment.state() {
            PaymentState::Failed { reason, .. } => Some(*reason),
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::PartiallyCaptured { .. }
            | PaymentState::Completed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. }
            | PaymentState::Unknown { .. } => None,
        };
        let id = TransactionId::of_payment(payment.id());
        let status = TransactionBody { payment, operation: None }.status();
        let (begun, updated) = (payment.intent().created_at, payment.updated_at());
        let whole = Self::new(payment, id, "payment", payment.intent().money, begun, updated);
        Self {
            status,
            provider: attempt.map(|attempt| attempt.provider.to_string()),
            external_txn_id: attempt
                .and_then(|attempt| attempt.receipt())
                .map(|receipt| &*receipt.external_id),
            decline_code: match failure {
                Some(FailureReason::Declined(code)) => Some(DeclineCode::as_str(code)),
                Some(FailureReason::NotSent) | None => None,
            },
            failure_reason: failure.map(failure_reason),
            ..whole
        }
    }

    fn of_operation(payment: &'p Payment, operation: &'p Operation) -> Self {
        let id = TransactionId::of_operation(operation.id());
        let (kind, intent) = (&operation.intent.kind, &operation.intent);
        let body = TransactionBody { payment, operation: Some(operation) };
        let amount = body.amount();
        let refund = match kind {
            OperationKind::Refund { .. } => Some(IdText(RefundId::of_operation(operation.id()))),
            OperationKind::Confirmation
            | OperationKind::Capture { .. }
            | OperationKind::Void
            | OperationKind::Reversal => None,
        };
        let (begun, updated) = (intent.started_at, operation.updated_at);
        let whole = Self::new(payment, id, kind.as_str(), payment.money(amount), begun, updated);
        Self {
            status: body.status(),
            refund_id: refund,
            provider: payment.attempt(intent.attempt).map(|attempt| attempt.provider.to_string()),
            external_txn_id: operation
                .receipt()
                .map(|receipt| &*receipt.external_id)
                .filter(|id| !id.is_empty()),
            failure_reason: operation.state.failure().map(|reason| reason.as_str()),
            returned_at: returned_at(operation).map(Rfc3339),
            ..whole
        }
    }

    fn new(
        payment: &'p Payment,
        id: TransactionId,
        kind: &'static str,
        money: Money,
        begun: Timestamp,
        updated: Timestamp,
    ) -> Self {
        Self {
            id: IdText(id),
            object: "transaction",
            r#type: kind,
            status: "pending",
            amount: Major(money),
            amount_minor: money.amount.minor_units(),
            currency: money.currency.code(),
            merchant_id: IdText(payment.intent().merchant),
            payment_id: IdText(payment.id()),
            refund_id: None,
            order_id: payment.intent().order_id.as_deref(),
            provider: None,
            external_txn_id: None,
            decline_code: None,
            failure_reason: None,
            livemode: is_live(payment.intent().mode),
            created_at: Rfc3339(begun),
            updated_at: Rfc3339(updated),
            returned_at: None,
        }
    }
}

/// When it came back, if it had succeeded and did.
fn returned_at(operation: &Operation) -> Option<Timestamp> {
    match operation.state {
        OperationState::Returned { at, .. } => Some(at),
        OperationState::Open { .. }
        | OperationState::Waiting(_)
        | OperationState::Pending(_)
        | OperationState::Unknown { .. }
        | OperationState::Succeeded { .. }
        | OperationState::Failed { .. }
        | OperationState::SucceededLate { .. } => None,
    }
}

/// Of one that no provider has approved.
fn status_of_payment(payment: &Payment) -> &'static str {
    match payment.state() {
        PaymentState::Unknown { .. } => "unknown",
        PaymentState::Failed { .. }
        | PaymentState::Voided { .. }
        | PaymentState::Reversed { .. }
        | PaymentState::Expired { .. } => "failed",
        PaymentState::Processing
        | PaymentState::RequiresAction { .. }
        | PaymentState::Review { .. }
        | PaymentState::Authorized { .. }
        | PaymentState::PartiallyCaptured { .. }
        | PaymentState::Completed { .. } => "pending",
    }
}

/// What a reversal has returned, once it has: the payment itself holds nothing any more.
fn reversed(payment: &Payment, id: TransactionId) -> Option<Amount> {
    let entry = payment.entries().iter().find(|entry| entry.transaction == id)?;
    entry.transfers().next().map(|transfer| transfer.amount)
}

impl Serialize for TransactionBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TransactionFields::of(self).serialize(serializer)
    }
}

impl Serialize for ClassicTransaction<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = TransactionFields::of(&self.0);
        ClassicFields {
            transaction_id: shown.id,
            r#type: shown.r#type,
            // The older API called what had succeeded completed.
            status: if shown.status == "succeeded" { "completed" } else { shown.status },
            amount: MajorNumber::of(&shown.amount),
            currency: shown.currency,
            merchant_id: shown.merchant_id,
            payment_id: shown.payment_id,
            refund_id: shown.refund_id,
            order_id: shown.order_id,
            provider: shown.provider,
            external_txn_id: shown.external_txn_id,
            decline_code: shown.decline_code,
            failure_reason: shown.failure_reason,
            created_at: shown.created_at,
            updated_at: shown.updated_at,
            returned_at: shown.returned_at,
        }
        .serialize(serializer)
    }
}
