//! What is not known of payments and of what is done to them, as answers show it.

use serde::Serialize;
use tollgate_domain::{
    AttemptState, MerchantId, Operation, OperationState, Payment, PaymentId, PaymentState,
    Schedule, Timestamp, TransactionId,
};

use super::{
    id_text::IdText,
    payment_answer::{Major, is_live},
    time::Rfc3339,
};

/// A transaction whose outcome is not known, to be serialized.
#[derive(Serialize)]
pub(crate) struct UnknownBody {
    id: IdText<TransactionId>,
    object: &'static str,
    r#type: &'static str,
    payment_id: IdText<PaymentId>,
    merchant_id: IdText<MerchantId>,
    provider: Option<String>,
    /// The payment's, where the operation concerns the whole of it.
    amount: Major,
    amount_minor: i64,
    currency: &'static str,
    livemode: bool,
    since: Rfc3339,
    inquiries: u16,
    next_inquiry_at: Rfc3339,
    created_at: Rfc3339,
}

impl UnknownBody {
    /// Whatever is unknown of a payment, each with its transaction.
    pub(crate) fn all_of(payment: &Payment) -> impl Iterator<Item = (TransactionId, Self)> {
        let operations = payment.operations().iter().filter_map(|operation| {
            let row = Self::of_operation(payment, operation)?;
            Some((TransactionId::of_operation(operation.id()), row))
        });
        let whole = TransactionId::of_payment(payment.id());
        Self::of_payment(payment).map(|row| (whole, row)).into_iter().chain(operations)
    }

    fn of_payment(payment: &Payment) -> Option<Self> {
        let PaymentState::Unknown { since } = payment.state() else { return None };
        let attempt = payment.unresolved_attempt()?;
        let AttemptState::Unknown(schedule) = attempt.state else { return None };
        let begun = payment.intent().created_at;
        let id = TransactionId::of_payment(payment.id());
        Some(Self::new(payment, id, "payment", *since, schedule, begun))
    }

    fn of_operation(payment: &Payment, operation: &Operation) -> Option<Self> {
        let OperationState::Unknown { since, schedule } = operation.state else { return None };
        let id = TransactionId::of_operation(operation.id());
        let (kind, begun) = (operation.intent.kind.as_str(), operation.intent.started_at);
        let row = Self::new(payment, id, kind, since, schedule, begun);
        let attempt = payment.attempt(operation.intent.attempt);
        let provider = attempt.map(|attempt| attempt.provider.to_string());
        let amount = operation.amount();
        Some(if amount.is_zero() {
            Self { provider, ..row }
        } else {
            let amount_minor = amount.minor_units();
            Self { provider, amount: Major(payment.money(amount)), amount_minor, ..row }
        })
    }

    fn new(
        payment: &Payment,
        id: TransactionId,
        kind: &'static str,
        since: Timestamp,
        schedule: Schedule,
        begun: Timestamp,
    ) -> Self {
        let money = payment.intent().money;
        let provider = payment.attempts().last().map(|attempt| attempt.provider.to_string());
        Self {
            id: IdText(id),
            object: "unknown_outcome",
            r#type: kind,
            payment_id: IdText(payment.id()),
            merchant_id: IdText(payment.intent().merchant),
            provider,
            amount: Major(money),
            amount_minor: money.amount.minor_units(),
            currency: money.currency.code(),
            livemode: is_live(payment.intent().mode),
            since: Rfc3339(since),
            inquiries: schedule.inquiries,
            next_inquiry_at: Rfc3339(schedule.inquire_at),
            created_at: Rfc3339(begun),
        }
    }
}
