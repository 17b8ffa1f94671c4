//! An earlier payment's request again, with its key.

use super::{Draw, Operation, Subject, Task, card_payment};

pub(super) const ABOUT: &str =
    "an earlier request again; the same bytes, marked Idempotent-Replayed";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past() {
        None => card_payment::draw(draw),
        Some(past) => Task {
            operation: Operation::Repeat,
            request: past.order.request(),
            subject: Subject::Repeat(past),
            bill: None,
        },
    }
}
