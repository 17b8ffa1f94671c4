//! A payment that was held, let go on.

use super::{Draw, Operation, Task, review_payment};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str =
    "a payment that was held for a review approved, and captured where that was asked for; 200";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_in_review() {
        None => review_payment::draw(draw),
        Some(past) => draw.deed(Operation::ReviewApproval, past, DeedKind::Approval),
    }
}
