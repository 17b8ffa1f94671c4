//! Brings an order back that has left memory, because it is to be paid, or because a payment of it is
//! to come back.
//!
//! Whether it is as it left is for whoever has read it to know.

use std::sync::Arc;

use crate::{
    decision::Decision,
    env::Env,
    event::{Event, Record},
    order::Order,
    shard_state::ShardState,
};

pub(super) fn decide(order: Arc<Order>, state: &ShardState, env: &Env<'_>) -> Decision {
    if state.order(order.id()).is_some() {
        return Decision::Unchanged;
    }
    let events = vec![Event::OrderRecalled { order }];
    let record = Record { at: env.now, events, idempotency: None, effects: Vec::new() };
    Decision::Accepted { record, subject: None }
}
