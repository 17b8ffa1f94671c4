//! What events tell, as JSON: rendered by the same code that answers requests.

use tollgate_domain::{OperationId, Order, Payment, WebhookEndpoint};

pub(crate) use super::wire::complete as complete_event_data;
use super::wire::{EndpointBody, EventData, OrderBody, RefundBody};

/// Room for a usual payment, so that its buffer grows once at the most.
const USUAL_DATA: usize = 1_536;

/// A payment as it stands, without what is personal: that is added whenever it is told.
pub(crate) fn payment_event_data(payment: &Payment) -> Box<[u8]> {
    let mut text = Vec::with_capacity(USUAL_DATA);
    serde_json::to_writer(&mut text, &EventData(payment))
        .expect("answers have string keys and finite numbers");
    text.into()
}

/// One of a payment's refunds as it stands. Nothing of it is personal.
pub(crate) fn refund_event_data(payment: &Payment, refund: OperationId) -> Option<Box<[u8]>> {
    let body = RefundBody { payment, refund: payment.operation(refund)? };
    Some(serde_json::to_vec(&body).expect("answers have string keys and finite numbers").into())
}

/// An order as it stands. Nothing of it is personal.
pub(crate) fn order_event_data(order: &Order) -> Box<[u8]> {
    serde_json::to_vec(&OrderBody(order))
        .expect("answers have string keys and finite numbers")
        .into()
}

/// An endpoint as it stands.
pub(crate) fn endpoint_event_data(endpoint: &WebhookEndpoint) -> Box<[u8]> {
    let body = EndpointBody::new(endpoint, Vec::new());
    serde_json::to_vec(&body).expect("answers have string keys and finite numbers").into()
}
