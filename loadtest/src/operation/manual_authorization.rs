//! A card whose amount is reserved, to be captured later.

use super::{Draw, Expected, Operation, Task};
use crate::answer::Outcome;
use crate::order::{Capture, PaymentOrder};

pub(super) const ABOUT: &str = "a card with manual capture; 201 authorized";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let order = PaymentOrder { capture: Capture::Manual, ..draw.order() };
    Task::order(Operation::ManualAuthorization, order, Expected::Outcome(Outcome::Authorized))
}
