//! What became of a customer's action, asked for.

use super::{Draw, Operation, Task, three_d_secure};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str =
    "the end of a customer's action; 200 or 402, or 409 where a callback told it first";

/// One in eight comes before the customer has acted, and finds the payment waiting.
pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let early = draw.one_in(8);
    let found = if early { draw.past_waiting() } else { draw.past_acted() };
    match found {
        None => three_d_secure::draw(draw),
        Some((past, _action)) => {
            draw.deed_on_action(Operation::Confirmation, past, DeedKind::Confirmation)
        }
    }
}
