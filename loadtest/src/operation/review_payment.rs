//! A payment of an amount that is held for a review.

use super::{Draw, Expected, Operation, Task};
use crate::answer::Outcome;
use crate::order::{Capture, PaymentOrder};

pub(super) const ABOUT: &str =
    "a card payment above what the server holds for a review; 201 review";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let amount_minor = draw.held_amount();
    let capture = if draw.one_in(3) { Capture::Manual } else { Capture::Automatic };
    let order = PaymentOrder { amount_minor, capture, ..draw.order() };
    Task::order(Operation::ReviewPayment, order, Expected::Outcome(Outcome::Review))
}
