//! A payment on whose way the provider fails.

use super::{Draw, Expected, Operation, Task};
use crate::order::PaymentOrder;

pub(super) const ABOUT: &str =
    "a card with a fault of the provider, then or with what is done later; 201, 202 or 402";

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let fault = draw.fault();
    let order = PaymentOrder { fault: Some(fault), capture: fault.capture(), ..draw.order() };
    Task::order(Operation::ProviderFault, order, Expected::Anything)
}
