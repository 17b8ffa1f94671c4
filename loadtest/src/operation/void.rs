//! What is reserved, let go of.

use super::{Draw, Operation, Task, manual_authorization};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str = "an authorized payment, or what is left of it, let go of; 200";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_held() {
        None => manual_authorization::draw(draw),
        Some(past) => draw.deed(Operation::Void, past, DeedKind::Void),
    }
}
