//! What a payment's state forbids, asked for.

use super::{Draw, Operation, Task, card_payment};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str =
    "a capture or void of what is captured already; 409, and nothing is begun";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_untouched() {
        None => card_payment::draw(draw),
        Some(past) => {
            let kind = if draw.one_in(2) {
                DeedKind::Capture { amount_minor: past.order.amount_minor, is_final: true }
            } else {
                DeedKind::Void
            };
            draw.refused_deed(Operation::WrongState, past, kind, 409)
        }
    }
}
