//! A payment whose sender does not wait for the outcome.

use super::{Draw, Expected, Operation, Task};
use crate::order::PaymentOrder;

pub(super) const ABOUT: &str = "a card with Prefer: respond-async; 202, settled by the audit";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let order = PaymentOrder { respond_async: true, ..draw.order() };
    Task::order(Operation::AsyncPayment, order, Expected::Accepted)
}
