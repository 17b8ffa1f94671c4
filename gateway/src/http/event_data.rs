//! What events tell, as JSON: rendered by the same code that answers requests.
//!
//! Events of payments and refunds are rendered whenever they are read, orders and endpoints when the
//! event is taken into the feed.

use serde_json::value::{RawValue, to_raw_value};
use tollgate_domain::{OperationId, Order, Payment, WebhookEndpoint};

pub(crate) use super::wire::complete as complete_event_data;
use super::wire::{EndpointBody, OrderBody, PaymentBody, RefundBody};
use crate::vault::OpenedData;

/// The number of the renderer of payments and refunds, which each event keeps. A release that renders
/// them otherwise counts on, and tells older events by the renderer that they were first told by.
pub(crate) const EVENT_RENDERER: u8 = 1;

/// A payment as it stands, with what is personal unless that is erased.
pub(crate) fn payment_event_data(
    payment: &Payment,
    personal: Option<&OpenedData>,
) -> Box<RawValue> {
    let body = PaymentBody { payment, personal };
    to_raw_value(&body).expect("answers have string keys and finite numbers")
}

/// One of a payment's refunds as it stands. Nothing of it is personal.
pub(crate) fn refund_event_data(payment: &Payment, refund: OperationId) -> Option<Box<RawValue>> {
    let body = RefundBody { payment, refund: payment.operation(refund)? };
    Some(to_raw_value(&body).expect("answers have string keys and finite numbers"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{Sale, Shop};

    /// What renderer 1 made of a payment. Once a release has told events so, another text needs another
    /// number, and this one stays.
    const TOLD_BY_RENDERER_1: &str = include_str!("event_data/renderer_1.json");

    #[test]
    fn renderer_1_tells_what_it_told() {
        let mut shop = Shop::new();
        let payment = shop.pay(Sale { order: Some("o-1"), customer: Some("anna"), ..Sale::USUAL });
        shop.approve(payment);
        let told = payment_event_data(shop.payment(payment), None);
        assert_eq!((EVENT_RENDERER, told.get()), (1, TOLD_BY_RENDERER_1.trim_end()));
    }
}
