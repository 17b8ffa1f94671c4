//! A payment from a wallet: paid, declined, or to be approved on its page.

use super::{Draw, Expected, Operation, Task};
use crate::order::{Currency, Method, PaymentOrder};

pub(super) const ABOUT: &str = "a wallet; mostly 201 completed, else 402 or 201 requires_action";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let customer = draw.customer();
    let method = Method::Wallet(customer);
    let order = PaymentOrder { method, currency: Currency::Inr, ..draw.order() };
    Task::order(Operation::WalletPayment, order, Expected::Outcome(customer.outcome()))
}
