//! More than there is, asked for.

use super::{Draw, Operation, Task, card_payment};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str = "more than is reserved or left to refund; 400, and nothing is begun";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let held = if draw.one_in(2) { draw.past_held() } else { None };
    if let Some(past) = held {
        let kind = DeedKind::Capture { amount_minor: past.funds.held + 1, is_final: true };
        return draw.refused_deed(Operation::Excess, past, kind, 400);
    }
    match draw.past_taken() {
        None => card_payment::draw(draw),
        Some(past) => {
            let kind = DeedKind::Refund { amount_minor: past.funds.refundable() + 1 };
            draw.refused_deed(Operation::Excess, past, kind, 400)
        }
    }
}
