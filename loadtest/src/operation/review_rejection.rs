//! A payment that was held, let go of.

use super::{Draw, Operation, Task, review_payment};
use crate::deed::DeedKind;

pub(super) const ABOUT: &str =
    "a payment that was held for a review rejected or, one in four, voided; 200";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_in_review() {
        None => review_payment::draw(draw),
        Some(past) => {
            let kind = if draw.one_in(4) { DeedKind::Void } else { DeedKind::Rejection };
            draw.deed(Operation::ReviewRejection, past, kind)
        }
    }
}
