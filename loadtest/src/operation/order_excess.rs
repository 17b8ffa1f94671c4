//! A payment of more than is open of its order.

use super::{Draw, Operation, Subject, Task, shop_order};
use crate::order::PaymentOrder;

pub(super) const ABOUT: &str = "a payment of more than is open of its order; 400";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let Some(bill) = draw.bill() else { return shop_order::draw(draw) };
    let order = PaymentOrder {
        merchant: bill.merchant,
        currency: bill.currency,
        amount_minor: bill.open + 1,
        pays: Some(bill.name),
        ..draw.order()
    };
    let subject = Subject::Refusal { status: 400, why: "more than is open of an order" };
    Task { operation: Operation::OrderExcess, request: order.request(), subject, bill: Some(bill) }
}
