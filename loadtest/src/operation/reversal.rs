//! A whole payment, undone.

use super::{Draw, Operation, Task, card_payment};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str = "a completed payment that nothing was refunded of, undone; 200";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_untouched() {
        None => card_payment::draw(draw),
        Some(past) => draw.deed(Operation::Reversal, past, DeedKind::Reversal),
    }
}
