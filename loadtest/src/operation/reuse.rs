//! An earlier payment's key with another request.

use super::{Draw, Operation, Subject, Task, card_payment};

pub(super) const ABOUT: &str = "an earlier key with another amount; 422 idempotency_key_reused";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past() {
        None => card_payment::draw(draw),
        Some(past) => Task {
            operation: Operation::Reuse,
            request: past.order.request_for_another_amount(),
            subject: Subject::Reuse(past),
            bill: None,
        },
    }
}
