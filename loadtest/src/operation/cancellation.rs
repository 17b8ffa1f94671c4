//! A payment called off while its customer has to act.

use super::{Draw, Operation, Task, three_d_secure};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str =
    "a void while the customer has to act; 200, or 402 or 409 where he has approved before";

/// One in three comes after the customer's decision, which wins.
pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let late = draw.one_in(3);
    let found = if late { draw.past_acted() } else { draw.past_waiting() };
    match found {
        None => three_d_secure::draw(draw),
        Some((past, _action)) => {
            draw.deed_on_action(Operation::Cancellation, past, DeedKind::Cancellation)
        }
    }
}
