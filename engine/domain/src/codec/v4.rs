//! Version 4 of payment records: orders that leave memory, and that come back as they stood; and orders
//! by themselves, as the archive keeps them.
//!
//! A record either moves orders in and out of memory, and is of this version, or does anything else,
//! and is of version 2 or 3.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    CodecError,
    v2::operation,
    value::{amount_or_zero, events, time},
};
use crate::{
    event,
    id::Id,
    order::{self, Departed, OrderImage},
};

#[derive(Serialize, Deserialize)]
pub(super) struct OrdersRecord<'a> {
    at: u64,
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

/// bincode numbers variants in order; the order is frozen.
#[derive(Serialize, Deserialize)]
enum Event<'a> {
    OrderArchived(u128),
    #[serde(borrow)]
    OrderRecalled(Order<'a>),
}

/// An order as it stands.
#[derive(Serialize, Deserialize)]
pub(super) struct Order<'a> {
    #[serde(borrow)]
    intent: operation::Order<'a>,
    attempts: u32,
    paid: i64,
    reserved: i64,
    updated_at: u64,
    departed_attempts: u32,
    departed_paid: i64,
}

impl<'a> OrdersRecord<'a> {
    /// `None` where the record does anything else.
    pub(super) fn of(record: &'a event::Record<event::Event>) -> Option<Self> {
        let event::Record { at, events, idempotency, effects } = record;
        if idempotency.is_some() || !effects.is_empty() {
            return None;
        }
        let events = events.iter().map(Event::of).collect::<Option<Vec<_>>>()?;
        Some(Self { at: at.as_millis(), events })
    }
}

impl<'a> Event<'a> {
    fn of(event: &'a event::Event) -> Option<Self> {
        // Whatever else there is, the other versions tell.
        if let event::Event::OrderArchived { order } = event {
            Some(Self::OrderArchived(order.to_u128()))
        } else if let event::Event::OrderRecalled { order } = event {
            Some(Self::OrderRecalled(Order::from(&**order)))
        } else {
            None
        }
    }
}

impl TryFrom<OrdersRecord<'_>> for event::Record<event::Event> {
    type Error = CodecError;

    fn try_from(record: OrdersRecord<'_>) -> Result<Self, CodecError> {
        let events = events(record.events)?.into_iter().map(TryInto::try_into);
        Ok(Self {
            at: time(record.at)?,
            events: events.collect::<Result<_, _>>()?,
            idempotency: None,
            effects: Vec::new(),
        })
    }
}

impl TryFrom<Event<'_>> for event::Event {
    type Error = CodecError;

    fn try_from(event: Event<'_>) -> Result<Self, CodecError> {
        Ok(match event {
            Event::OrderArchived(id) => Self::OrderArchived { order: Id::from_u128(id) },
            Event::OrderRecalled(order) => {
                Self::OrderRecalled { order: Arc::new(order.try_into()?) }
            }
        })
    }
}

impl<'a> From<&'a order::Order> for Order<'a> {
    fn from(order: &'a order::Order) -> Self {
        let departed = order.departed();
        Self {
            intent: operation::Order::from(&**order.intent()),
            attempts: order.attempts(),
            paid: order.paid().minor_units(),
            reserved: order.reserved().minor_units(),
            updated_at: order.updated_at().as_millis(),
            departed_attempts: departed.attempts,
            departed_paid: departed.paid.minor_units(),
        }
    }
}

impl TryFrom<Order<'_>> for order::Order {
    type Error = CodecError;

    fn try_from(order: Order<'_>) -> Result<Self, CodecError> {
        Ok(Self::of_image(OrderImage {
            intent: Arc::new(order.intent.try_into()?),
            attempts: order.attempts,
            paid: amount_or_zero(order.paid)?,
            reserved: amount_or_zero(order.reserved)?,
            updated_at: time(order.updated_at)?,
            departed: Departed {
                attempts: order.departed_attempts,
                paid: amount_or_zero(order.departed_paid)?,
            },
        }))
    }
}
