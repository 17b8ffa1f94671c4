//! An order, to be paid by one payment or several.

use super::{Draw, Operation, Task};
use crate::shop_order::ShopOrder;

pub(super) const ABOUT: &str = "an order to be paid later, by one payment or several; 201";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let payment = draw.order();
    Task::shop_order(ShopOrder {
        number: payment.number,
        merchant: payment.merchant,
        amount_minor: payment.amount_minor,
        currency: payment.currency,
    })
}

/// What it counts as.
pub(super) const OPERATION: Operation = Operation::ShopOrder;
