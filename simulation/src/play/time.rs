//! Time passes, clocks jump, and shards look at what is due.

use std::time::Duration;

use tollgate_domain::{ShardId, Timestamp};
use tollgate_engine::Moment;

use super::{Life, Play, index_of};
use crate::model::Owed;

/// How far the wall clock may stray and still be believed, as `tollgate_engine::Clock` has it.
const BELIEVED: u64 = 60_000;

impl Play<'_> {
    pub(super) fn time(&self, life: &Life) -> Timestamp {
        life.clock.time_at(Duration::from_millis(self.wall), Duration::from_millis(self.monotonic))
    }

    pub(super) fn moment(&mut self, life: &Life) -> Moment {
        let entropy = [self.chance.word(), self.chance.word(), self.chance.word()];
        Moment { time: self.time(life), entropy }
    }

    pub(super) fn wait(&mut self, span: u64) {
        self.wall += span;
        self.monotonic += span;
    }

    pub(super) fn wait_until_due(&mut self, life: &Life) {
        let due = life.shards.iter().filter_map(|shard| shard.state().next_due(&self.policy)).min();
        let Some(due) = due else { return };
        self.wait(due.since(self.time(life)).0);
        self.coverage.saw("time: leaps to what is due");
    }

    pub(super) fn jump(&mut self, life: &Life, span: i64) {
        let before = self.time(life);
        self.wall = self.wall.saturating_add_signed(span);
        let after = self.time(life);
        let moved = after.since(before).0.max(before.since(after).0);
        assert!(moved <= 2 * BELIEVED, "a clock that jumps by {span} ms is not believed");
        self.coverage.saw(if span < 0 {
            "time: wall clock back"
        } else {
            "time: wall clock far ahead"
        });
    }

    pub(super) fn tick(&mut self, life: &mut Life, which: u16) {
        let shard = ShardId(1 + which % self.shards);
        let index = index_of(shard);
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let due = self.models[index].next_due().is_some_and(|due| due <= now);
        let step = life.shards[index].tick(moment);
        let Some(step) = step else {
            assert!(!due, "what is due is done");
            return self.coverage.saw("tick: nothing due");
        };
        let record = &step.record.as_ref().expect("a tick that does something is recorded").record;
        let keys = self.models[index].keys.len();
        let owed = self.models[index].tick(now, &self.policy);
        self.models[index].forget(&record.events, now, &self.policy);
        assert!(due || record.events.len() == 1 && owed.is_empty(), "nothing was due: {record:?}");
        for owed in &owed {
            self.coverage.saw(match owed {
                Owed::Attempt(_) => "tick: asks about an attempt",
                Owed::Operation(_) => "tick: asks about an operation",
                Owed::Again(_) => "tick: sends again",
                Owed::Begun(..) => "tick: lets go of what has expired",
            });
        }
        self.expect_calls(&step, index, owed);
        assert!(step.replies.is_empty(), "a tick settles nothing");
        if self.models[index].keys.len() < keys {
            self.coverage.saw("keys: forgotten");
        }
        // Plays are small: one record does all there is.
        let next_due = life.shards[index].state().next_due(&self.policy);
        assert!(next_due.is_none_or(|due| due > now), "a tick does what is due");
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index);
    }
}
