//! Carries what callers send to shards, as many at a time as there are.
//!
//! A shard takes a command in a microsecond and its thread sleeps again; waking it for each one
//! costs several times as much. So callers leave their mail here, and the courier, who gets his
//! turn once the runtime has polled everything that was ready, delivers all of it: one message for
//! each shard that has mail. No artificial delay: an idle runtime gives him his turn at once, a
//! busy one makes the bundles large.
//!
//! Invariant: mail to one shard arrives in the order in which it was left.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tollgate_domain::ShardId;

use crate::{effects::Attachment, shard_actor::Mail};

/// Mail that waits to be carried.
pub(crate) struct Courier<A: Attachment> {
    waiting: Mutex<Vec<(ShardId, Mail<A>)>>,
    called: Notify,
    dismissed: AtomicBool,
}

impl<A: Attachment> Courier<A> {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::default(), called: Notify::new(), dismissed: AtomicBool::new(false) }
    }

    /// Leaves mail for a shard.
    pub(crate) fn leave(&self, shard: ShardId, mail: Mail<A>) {
        let mut waiting = self.waiting.lock();
        waiting.push((shard, mail));
        let first = waiting.len() == 1;
        drop(waiting);
        if first {
            self.called.notify_one();
        }
    }

    /// Takes everything that waits, in bundles by shard.
    pub(crate) fn collect(&self) -> Vec<(ShardId, Vec<Mail<A>>)> {
        let mut waiting = std::mem::take(&mut *self.waiting.lock());
        // Stable, so that the order within a shard stays.
        waiting.sort_by_key(|(shard, _mail)| *shard);
        let mut bundles: Vec<(ShardId, Vec<Mail<A>>)> = Vec::new();
        for (shard, mail) in waiting {
            match bundles.last_mut() {
                Some((last, bundle)) if *last == shard => bundle.push(mail),
                Some(_) | None => bundles.push((shard, vec![mail])),
            }
        }
        bundles
    }

    /// Waits for mail, and then until everything else has had its turn; false once dismissed.
    pub(crate) async fn next_call(&self) -> bool {
        self.called.notified().await;
        tokio::task::yield_now().await;
        !self.dismissed.load(Ordering::Acquire)
    }

    /// Ends the courier's round. What is left after this, whoever leaves it has to see delivered.
    pub(crate) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Release);
        self.called.notify_one();
    }
}
