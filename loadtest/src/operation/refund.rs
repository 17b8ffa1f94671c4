//! All that is left of what was taken, given back.

use super::{Draw, Operation, Task, card_payment};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str = "all that is left of a captured payment, given back; 201";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_taken() {
        None => card_payment::draw(draw),
        Some(past) => {
            let kind = DeedKind::Refund { amount_minor: past.funds.refundable() };
            draw.deed(Operation::Refund, past, kind)
        }
    }
}
