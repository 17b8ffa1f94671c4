//! A card that its issuer declines.

use super::{Draw, Expected, Operation, Task};
use crate::answer::Outcome;
use crate::order::{Card, Method, PaymentOrder};

pub(super) const ABOUT: &str = "a card that is declined; 402 with the failed payment";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let card = *draw.one_of(&[Card::Declined, Card::InsufficientFunds]);
    let order = PaymentOrder { method: Method::Card(card), ..draw.order() };
    Task::order(Operation::Decline, order, Expected::Outcome(Outcome::Failed))
}
