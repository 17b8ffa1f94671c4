//! Lets payments leave memory of which nothing is left to do: those that have not changed for long
//! and, where there are too many, those that have not changed for longest.

use crate::{
    decision::Decision,
    env::{ArchiveRules, Env},
    event::{Event, Record},
    shard_state::ShardState,
};

/// Payments that leave by one record, at the most: at 20 bytes each it is small, and their histories
/// are in memory until the archive has them.
const PAYMENTS_PER_RECORD: usize = 256;

/// Lets as many go as one record takes; the rest stays, and the engine asks again.
pub(super) fn decide(state: &ShardState, env: &Env<'_>) -> Decision {
    let ArchiveRules { after, most } = env.policy.archive;
    let finished = state.finished();
    let too_many = finished.len().saturating_sub(most);
    let events: Vec<Event> = finished
        .enumerate()
        .take_while(|(index, (since, _payment))| *index < too_many || since.after(after) <= env.now)
        .take(PAYMENTS_PER_RECORD)
        .map(|(_index, (_since, payment))| Event::PaymentArchived { payment })
        .collect();
    if events.is_empty() {
        return Decision::Unchanged;
    }
    let record = Record { at: env.now, events, idempotency: None, effects: Vec::new() };
    Decision::Accepted { record, subject: None }
}
