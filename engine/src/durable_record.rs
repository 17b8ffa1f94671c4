//! A record that is durable, as those see it who derive something from the log: the event feed, the
//! views.
//!
//! Invariant: its payments, orders and endpoints stand as the record left them, whatever has become of
//! them since. Live and in replay they are the same.
//!
//! Not here: who is shown it, and when; see `record_observer.rs`.

use tollgate_domain::{
    ControlEvent, ControlState, Event, Order, OrderId, Payment, PaymentId, Record, ShardId,
    ShardState, Timestamp, WebhookEndpoint,
};

/// One record of the log, with what it led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DurableRecord {
    /// Whose it is.
    pub shard: ShardId,
    /// Its place among the shard's records, from 1 and without a gap.
    pub sequence: u64,
    /// What it says.
    pub content: DurableContent,
}

/// What a durable record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DurableContent {
    /// Of a payment shard.
    Payments {
        /// What happened.
        record: Record<Event>,
        /// Each payment that it touched and that the shard still holds, once, in the order in which
        /// they were first touched.
        payments: Vec<Payment>,
        /// Each order that was created, or is paid by one of these payments, once, in the same order.
        orders: Vec<Order>,
    },
    /// Of the control shard.
    Control {
        /// What happened.
        record: Record<ControlEvent>,
        /// Each endpoint that it touched and that there still is, as it left it.
        webhook_endpoints: Vec<WebhookEndpoint>,
    },
}

impl DurableRecord {
    /// Of a payment shard, whose `state` holds the record already and nothing after it.
    #[must_use]
    pub fn of_payments(state: &ShardState, sequence: u64, record: Record<Event>) -> Self {
        let mut touched: Vec<PaymentId> = Vec::with_capacity(1);
        for payment in record.events.iter().filter_map(Event::payment) {
            // A record's events mostly come by payment, so that the last is looked at first.
            if !touched.iter().rev().any(|known| *known == payment) {
                touched.push(payment);
            }
        }
        let payments: Vec<Payment> =
            touched.into_iter().filter_map(|id| state.payment(id).cloned()).collect();
        let orders = orders_of(&record, &payments);
        let orders = orders.into_iter().filter_map(|id| state.order(id).cloned()).collect();
        let content = DurableContent::Payments { record, payments, orders };
        Self { shard: state.shard(), sequence, content }
    }

    /// Of the control shard, whose `state` holds the record already and nothing after it.
    #[must_use]
    pub fn of_control(state: &ControlState, sequence: u64, record: Record<ControlEvent>) -> Self {
        let mut touched: Vec<_> =
            record.events.iter().filter_map(ControlEvent::webhook_endpoint).collect();
        touched.dedup();
        let endpoints = touched.into_iter().filter_map(|id| state.webhook_endpoint(id).cloned());
        let webhook_endpoints = endpoints.collect();
        let content = DurableContent::Control { record, webhook_endpoints };
        Self { shard: ShardId::CONTROL, sequence, content }
    }

    /// The shard's time when it was decided.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match &self.content {
            DurableContent::Payments { record, .. } => record.at,
            DurableContent::Control { record, .. } => record.at,
        }
    }
}

/// The orders that a record created, and those that its payments pay.
fn orders_of(record: &Record<Event>, payments: &[Payment]) -> Vec<OrderId> {
    let created = record.events.iter().filter_map(|event| match event {
        Event::OrderCreated(intent) => Some(intent.id),
        _of_payments => None,
    });
    let paid = payments.iter().filter_map(|payment| payment.intent().order);
    let mut orders = Vec::new();
    for order in created.chain(paid) {
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    orders
}
