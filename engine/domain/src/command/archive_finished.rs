//! Lets payments leave memory of which nothing is left to do, and orders none of whose payments is in
//! memory: those that have not changed for long and, where there are too many, those that have not
//! changed for longest. Payments go first, for orders wait for theirs.

use crate::{
    decision::Decision,
    env::{ArchiveRules, Env},
    event::{Event, Record},
    shard_state::ShardState,
    timestamp::Timestamp,
};

/// Payments or orders that leave by one record, at the most: at 20 bytes each it is small, and what is
/// kept of them is in memory until the archive has it.
const DEPARTURES_PER_RECORD: usize = 256;

/// Lets as many go as one record takes; the rest stays, and the engine asks again.
pub(super) fn decide(state: &ShardState, env: &Env<'_>) -> Decision {
    let mut events: Vec<Event> =
        due(state.finished(), env).map(|payment| Event::PaymentArchived { payment }).collect();
    if events.is_empty() {
        let orders = due(state.orders_at_rest(), env);
        events = orders.map(|order| Event::OrderArchived { order }).collect();
    }
    if events.is_empty() {
        return Decision::Unchanged;
    }
    let record = Record { at: env.now, events, idempotency: None, effects: Vec::new() };
    Decision::Accepted { record, subject: None }
}

/// Those that have to leave of a list by time.
fn due<I>(
    list: impl ExactSizeIterator<Item = (Timestamp, I)>,
    env: &Env<'_>,
) -> impl Iterator<Item = I> {
    let ArchiveRules { after, most } = env.policy.archive;
    let (too_many, now) = (list.len().saturating_sub(most), env.now);
    list.enumerate()
        .take_while(move |(index, (since, _id))| *index < too_many || since.after(after) <= now)
        .take(DEPARTURES_PER_RECORD)
        .map(|(_index, (_since, id))| id)
}
