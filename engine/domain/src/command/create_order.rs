//! Creates an order.

use std::sync::Arc;

use super::target::{KeyedRequest, accept, replayed};
use crate::{
    decision::Decision, env::Env, event::Event, id::MerchantId, idempotency::Subject,
    merchant::Mode, money::Money, order::OrderIntent, rejection::Rejection,
    shard_state::ShardState,
};

/// An order to create.
#[derive(Clone, Debug)]
pub struct CreateOrder {
    /// Who is to be paid.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// How much.
    pub money: Money,
    /// The merchant's own number of it.
    pub receipt: Option<Box<str>>,
    /// The merchant's own keys and values, in the order of the keys.
    pub notes: Vec<(Box<str>, Box<str>)>,
    /// The client's key and the request it came with.
    pub idempotency: Option<KeyedRequest>,
}

impl CreateOrder {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        let Self { merchant, mode, money, receipt, notes, idempotency } = self;
        if let Some(decision) = replayed(state, idempotency)? {
            return Ok(decision);
        }
        let (id, created_at) = (env.mint(0), env.now);
        let intent = OrderIntent { id, merchant, mode, money, receipt, notes, created_at };
        let events = vec![Event::OrderCreated(Arc::new(intent))];
        Ok(accept(events, Vec::new(), Subject::Order(id), idempotency, env))
    }
}
