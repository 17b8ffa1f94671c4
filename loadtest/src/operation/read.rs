//! An earlier payment, read.

use super::{Draw, Operation, Subject, Task, card_payment};
use crate::client;

pub(super) const ABOUT: &str = "an earlier payment by its id; 200, as it was answered";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past() {
        None => card_payment::draw(draw),
        Some(past) => Task {
            operation: Operation::Read,
            request: client::read(past.order.merchant, &past.payment),
            subject: Subject::Read(past),
            bill: None,
        },
    }
}
