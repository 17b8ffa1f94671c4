//! An order as an answer shows it.

use serde::{Serialize, Serializer};
use tollgate_domain::{Amount, Currency, Order, OrderId};

use super::{
    id_text::IdText,
    payment_answer::{Major, Metadata, is_live},
    time::Rfc3339,
};

/// An order, to be serialized.
///
/// Invariant: the text depends on the order alone, so that a repeated creation is answered byte for
/// byte as the first.
pub(crate) struct OrderBody<'o>(pub(crate) &'o Order);

#[derive(Serialize)]
struct OrderFields<'o> {
    id: IdText<OrderId>,
    object: &'static str,
    status: &'static str,
    amount: Major,
    amount_minor: i64,
    amount_paisa: Option<i64>,
    amount_paid: Major,
    amount_paid_minor: i64,
    amount_due: Major,
    amount_due_minor: i64,
    currency: &'static str,
    receipt: Option<&'o str>,
    notes: Metadata<'o>,
    attempts: u32,
    livemode: bool,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

impl Serialize for OrderBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let order = self.0;
        let intent = order.intent();
        let money = intent.money;
        let due = money.amount.checked_sub(order.paid()).unwrap_or(Amount::ZERO);
        let minor = money.amount.minor_units();
        OrderFields {
            id: IdText(order.id()),
            object: "order",
            status: order.status().as_str(),
            amount: Major(money),
            amount_minor: minor,
            amount_paisa: (money.currency == Currency::INR).then_some(minor),
            amount_paid: Major(money.with_amount(order.paid())),
            amount_paid_minor: order.paid().minor_units(),
            amount_due: Major(money.with_amount(due)),
            amount_due_minor: due.minor_units(),
            currency: money.currency.code(),
            receipt: intent.receipt.as_deref(),
            notes: Metadata(&intent.notes),
            attempts: order.attempts(),
            livemode: is_live(intent.mode),
            created_at: Rfc3339(intent.created_at),
            updated_at: Rfc3339(order.updated_at()),
        }
        .serialize(serializer)
    }
}

/// The same for a list, which keeps what it shows.
#[derive(Clone)]
pub(crate) struct OwnedOrderBody(pub(crate) Order);

impl Serialize for OwnedOrderBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        OrderBody(&self.0).serialize(serializer)
    }
}
