//! A part of what was taken, given back.

use super::{Draw, Operation, Task, card_payment};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str = "a part of a captured payment, given back; 201, several times";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_taken() {
        None => card_payment::draw(draw),
        Some(past) => {
            let kind = DeedKind::Refund { amount_minor: draw.part_of(past.funds.refundable()) };
            draw.deed(Operation::PartialRefund, past, kind)
        }
    }
}
