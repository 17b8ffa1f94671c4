//! A card that is approved, captured at once.

use super::{Draw, Expected, Operation, Task};
use crate::answer::Outcome;

pub(super) const ABOUT: &str = "a card that is approved; 201 completed";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let order = draw.order();
    Task::order(Operation::CardPayment, order, Expected::Outcome(Outcome::Completed))
}
