//! Brings a payment back that has left memory, because something is to be done to it.
//!
//! Whether the history is the one that it left with is for whoever has read it to know.

use std::sync::Arc;

use crate::{
    decision::Decision,
    env::Env,
    event::{Event, Record},
    history::History,
    shard_state::ShardState,
};

pub(super) fn decide(history: Arc<History>, state: &ShardState, env: &Env<'_>) -> Decision {
    let payment = history.id();
    if state.payment(payment).is_some() {
        return Decision::Unchanged;
    }
    let events = vec![Event::PaymentRecalled { payment, history }];
    let record = Record { at: env.now, events, idempotency: None, effects: Vec::new() };
    Decision::Accepted { record, subject: None }
}
