//! An earlier capture, void, reversal or refund again, with its key.

use super::{Draw, Operation, Subject, Task, card_payment};

pub(super) const ABOUT: &str = "an earlier capture, void, reversal or refund again; the same bytes, marked Idempotent-Replayed";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_deed() {
        None => card_payment::draw(draw),
        Some(past) => Task {
            operation: Operation::RepeatDeed,
            request: past.deed.request(),
            subject: Subject::RepeatDeed(past),
            bill: None,
        },
    }
}
