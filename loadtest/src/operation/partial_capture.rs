//! A part of what is reserved, taken; the rest is let go of, or kept for another capture.

use super::{Draw, Operation, Task, manual_authorization};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str =
    "a part of an authorized payment, the rest kept or let go of; 200, several times";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_held() {
        None => manual_authorization::draw(draw),
        Some(past) => {
            let (amount_minor, is_final) = (draw.part_of(past.funds.held), draw.one_in(2));
            draw.deed(Operation::PartialCapture, past, DeedKind::Capture { amount_minor, is_final })
        }
    }
}
