//! A payment from a bank account: paid, declined, or to be approved at the bank.

use super::{Draw, Expected, Operation, Task};
use crate::order::{Currency, Method, PaymentOrder};

pub(super) const ABOUT: &str = "a bank; mostly 201 completed, else 402 or 201 requires_action";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let customer = draw.customer();
    let method = Method::NetBanking(customer);
    let order = PaymentOrder { method, currency: Currency::Inr, ..draw.order() };
    Task::order(Operation::NetbankingPayment, order, Expected::Outcome(customer.outcome()))
}
