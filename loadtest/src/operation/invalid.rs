//! Requests that have to be refused, each for a reason of its own.

use super::{Draw, Operation, Subject, Task};
use crate::request::Request;

pub(super) const ABOUT: &str = "a request with a fault in it; 400, and nothing is begun";

/// What is wrong with a request: a text of the right body, what stands there instead, and why that
/// is no payment.
const FAULTS: &[(&str, &str, &str)] = &[
    ("\"amount_minor\":", "\"amount_minor\":-", "a negative amount"),
    ("\"amount_minor\":", "\"amount_minor\":0.", "an amount that is no whole number"),
    ("4242424242424242", "4242424242424241", "a card number with a wrong check digit"),
    ("\"expiry_year\":2035", "\"expiry_year\":2001", "a card that has expired"),
    ("\"payment_method\":\"card\"", "\"payment_method\":\"barter\"", "an unknown method"),
    ("\"currency\":\"", "\"currency\":\"Q", "an unknown currency"),
    ("\"metadata\":", "\"metadatum\":", "an unknown field"),
    ("\"metadata\":{", "\"metadata\":", "broken JSON"),
];

pub(super) fn draw(draw: &mut Draw<'_>) -> Task {
    let order = draw.order();
    let &(right, wrong, why) = draw.one_of(FAULTS);
    let body = order.body().replacen(right, wrong, 1);
    let request = Request { body: Some(body), ..order.request() };
    let subject = Subject::Refusal { status: 400, why };
    Task { operation: Operation::Invalid, request, subject, bill: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Capture, Card, Currency, Method, OrderNumber, PaymentOrder};

    #[test]
    fn every_fault_changes_the_body() {
        let order = PaymentOrder {
            number: OrderNumber { round: 0, connection: 0, sequence: 0 },
            merchant: 0,
            amount_minor: 100,
            currency: Currency::Inr,
            method: Method::Card(Card::Approved),
            capture: Capture::Automatic,
            fault: None,
            pays: None,
            respond_async: false,
        };
        for (right, wrong, why) in FAULTS {
            assert_ne!(order.body().replacen(right, wrong, 1), order.body(), "{why}");
        }
    }
}
