//! The key of an earlier capture, void, reversal or refund with another request.

use super::{Draw, Operation, Subject, Task, card_payment};

pub(super) const ABOUT: &str =
    "an earlier operation's key with another request; 422 idempotency_key_reused";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_deed() {
        None => card_payment::draw(draw),
        Some(past) => Task {
            operation: Operation::ReuseDeed,
            request: past.deed.request_for_something_else(),
            subject: Subject::ReuseDeed(past),
            bill: None,
        },
    }
}
