//! A payment for an order: of all that is open of it, or of a part.

use super::{Draw, Expected, Operation, Task, shop_order};
use crate::answer::Outcome;
use crate::order::{AMOUNTS, PaymentOrder};

pub(super) const ABOUT: &str =
    "a part of what is open of an order paid, or all of it; 201 completed";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let Some(bill) = draw.bill() else { return shop_order::draw(draw) };
    let whole = draw.one_in(3) || bill.open < 2 * AMOUNTS.start();
    let amount_minor = if whole { bill.open } else { draw.part_of(bill.open) };
    let order = PaymentOrder {
        merchant: bill.merchant,
        currency: bill.currency,
        amount_minor,
        pays: Some(bill.name),
        ..draw.order()
    };
    let expected = Expected::Outcome(Outcome::Completed);
    Task { bill: Some(bill), ..Task::order(Operation::OrderPayment, order, expected) }
}
