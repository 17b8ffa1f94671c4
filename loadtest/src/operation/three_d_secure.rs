//! A card whose holder has to prove to be it first.

use super::{Draw, Expected, Operation, Task};
use crate::answer::Outcome;
use crate::order::{Card, Method, PaymentOrder};

pub(super) const ABOUT: &str = "a card that asks for 3-D Secure; 201 requires_action";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let order = PaymentOrder { method: Method::Card(Card::Challenged), ..draw.order() };
    Task::order(Operation::ThreeDSecure, order, Expected::Outcome(Outcome::ActionRequired))
}
