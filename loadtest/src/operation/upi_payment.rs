//! A payment from a UPI address: paid, declined, or to be approved in the app.

use super::{Draw, Expected, Operation, Task};
use crate::order::{Currency, Method, PaymentOrder};

pub(super) const ABOUT: &str =
    "a UPI address; mostly 201 completed, else 402 or 201 requires_action";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let customer = draw.customer();
    let method = Method::Upi(customer);
    let order = PaymentOrder { method, currency: Currency::Inr, ..draw.order() };
    Task::order(Operation::UpiPayment, order, Expected::Outcome(customer.outcome()))
}
