//! A customer who acts, on the page of the provider simulator.

use super::{Draw, Operation, Task, three_d_secure};

pub(super) const ABOUT: &str =
    "a customer on the simulator's page, who approves or, one in five, declines; 200";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    match draw.past_waiting() {
        None => three_d_secure::draw(draw),
        Some((past, action)) => {
            let approves = !draw.one_in(5);
            Task::act(Operation::CustomerAction, past, action, approves)
        }
    }
}
