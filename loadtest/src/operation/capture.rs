//! All of what is reserved, taken.

use super::{Draw, Operation, Task, manual_authorization};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str = "all that is reserved of an authorized payment; 200";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_held() {
        None => manual_authorization::draw(draw),
        Some(past) => {
            let kind = DeedKind::Capture { amount_minor: past.funds.held, is_final: true };
            draw.deed(Operation::Capture, past, kind)
        }
    }
}
