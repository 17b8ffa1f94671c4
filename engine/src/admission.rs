//! How many commands from outside may be in flight, in all and per shard.
//!
//! Permits guard commands from outside only. Provider outcomes, callbacks and ticks take none:
//! otherwise a full gateway would refuse the very answers that empty it. A permit lives until the
//! provider call that its command owes has ended and the outcome is durable, so that it bounds
//! mailboxes, log queue and calls alike.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tollgate_domain::ShardId;

use crate::error::CommandError;

/// The room for commands from outside.
#[derive(Debug)]
pub(crate) struct Admission {
    in_flight: AtomicUsize,
    limit: usize,
    /// By shard id, the control shard at 0.
    shards: Box<[AtomicUsize]>,
    shard_limit: usize,
}

/// The right of one command to be in flight; dropping it gives the room back.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    shard: ShardId,
}

impl Admission {
    pub(crate) fn new(shards: usize, limit: usize, shard_limit: usize) -> Arc<Self> {
        Arc::new(Self {
            in_flight: AtomicUsize::new(0),
            limit,
            shards: (0..shards).map(|_shard| AtomicUsize::new(0)).collect(),
            shard_limit,
        })
    }

    /// Takes room for one command to `shard`.
    pub(crate) fn admit(self: &Arc<Self>, shard: ShardId) -> Result<Permit, CommandError> {
        let of_shard = &self.shards[usize::from(shard.0)];
        if of_shard.fetch_add(1, Ordering::Relaxed) >= self.shard_limit {
            of_shard.fetch_sub(1, Ordering::Relaxed);
            return Err(CommandError::ShardOverloaded);
        }
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            of_shard.fetch_sub(1, Ordering::Relaxed);
            return Err(CommandError::Overloaded);
        }
        Ok(Permit { admission: Arc::clone(self), shard })
    }

    /// How many permits are out.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.admission.shards[usize::from(self.shard.0)].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_refused_before_all_are() {
        let admission = Admission::new(3, 3, 2);
        let permits: Vec<_> = [1, 1].map(|shard| admission.admit(ShardId(shard)).unwrap()).into();
        assert!(matches!(admission.admit(ShardId(1)), Err(CommandError::ShardOverloaded)));
        let other = admission.admit(ShardId(2)).unwrap();
        assert!(matches!(admission.admit(ShardId(2)), Err(CommandError::Overloaded)));
        assert_eq!(admission.in_flight(), 3);
        drop((permits, other));
        assert_eq!(admission.in_flight(), 0);
        admission.admit(ShardId(1)).unwrap();
    }
}
