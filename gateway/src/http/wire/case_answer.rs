//! What operators have to decide, as answers show it.

use serde::Serialize;
use tollgate_domain::{
    Booked, Case, CaseId, Matter, MerchantId, Money, Payment, PaymentId, TransactionId,
};

use super::{
    id_text::IdText,
    payment_answer::{Major, is_live},
    time::Rfc3339,
};

/// A case, to be serialized.
#[derive(Serialize)]
pub(crate) struct CaseBody {
    id: IdText<CaseId>,
    object: &'static str,
    status: &'static str,
    r#type: &'static str,
    payment_id: IdText<PaymentId>,
    transaction_id: IdText<TransactionId>,
    merchant_id: IdText<MerchantId>,
    booked: Option<BookedBody>,
    resolution: Option<&'static str>,
    livemode: bool,
    opened_at: Rfc3339,
    resolved_at: Option<Rfc3339>,
}

/// What stands on the exceptions account for it.
#[derive(Serialize)]
struct BookedBody {
    direction: &'static str,
    amount: Major,
    amount_minor: i64,
    currency: &'static str,
}

impl CaseBody {
    pub(crate) fn of(payment: &Payment, case: &Case) -> Self {
        let transaction = match case.matter {
            Matter::LateApproval(_) | Matter::ApprovalDenied(_) => {
                TransactionId::of_payment(payment.id())
            }
            Matter::OperationDenied(operation) | Matter::OperationLate(operation) => {
                TransactionId::of_operation(operation)
            }
        };
        let booked = match case.booked {
            Booked::Nothing => None,
            Booked::Received(amount) => Some(("received", payment.money(amount))),
            Booked::PaidOut(amount) => Some(("paid_out", payment.money(amount))),
        };
        Self {
            id: IdText(case.id),
            object: "exception",
            status: if case.is_open() { "open" } else { "resolved" },
            r#type: case.matter.as_str(),
            payment_id: IdText(payment.id()),
            transaction_id: IdText(transaction),
            merchant_id: IdText(payment.intent().merchant),
            booked: booked.map(|(direction, money)| BookedBody::of(direction, money)),
            resolution: case.resolution.map(|(resolution, _at)| resolution.as_str()),
            livemode: is_live(payment.intent().mode),
            opened_at: Rfc3339(case.opened_at),
            resolved_at: case.resolution.map(|(_resolution, at)| Rfc3339(at)),
        }
    }
}

impl BookedBody {
    fn of(direction: &'static str, money: Money) -> Self {
        Self {
            direction,
            amount: Major(money),
            amount_minor: money.amount.minor_units(),
            currency: money.currency.code(),
        }
    }
}
