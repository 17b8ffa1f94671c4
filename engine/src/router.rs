//! Finds the actor that a command is for.

use std::{
    num::NonZeroU16,
    sync::atomic::{AtomicUsize, Ordering},
};

use actix::{Addr, Message};
use tollgate_domain::{MerchantId, RecordProviderOutcome, ShardId};

use crate::{
    admission::Permit,
    control_actor::ControlActor,
    effects::Attachment,
    shard_actor::{LogFailed, ReportOutcome, ShardActor},
};

/// The addresses of all actors.
pub(crate) struct Router<A: Attachment> {
    control: Addr<ControlActor<A>>,
    /// Payment shard `n` at `n - 1`.
    shards: Vec<Addr<ShardActor<A>>>,
    calls: CallsInFlight,
}

/// Answered by every actor, in its turn.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AreYouThere;

/// Counts provider calls that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct CallsInFlight(AtomicUsize);

impl<A: Attachment> Router<A> {
    pub(crate) fn new(control: Addr<ControlActor<A>>, shards: Vec<Addr<ShardActor<A>>>) -> Self {
        Self { control, shards, calls: CallsInFlight::default() }
    }

    pub(crate) fn control(&self) -> &Addr<ControlActor<A>> {
        &self.control
    }

    /// The actor of a payment shard; `None` for a number that no shard has.
    pub(crate) fn shard(&self, shard: ShardId) -> Option<&Addr<ShardActor<A>>> {
        self.shards.get(usize::from(shard.0).checked_sub(1)?)
    }

    /// The shard that owns a merchant's payments.
    pub(crate) fn shard_of(&self, merchant: MerchantId) -> ShardId {
        ShardId::of_merchant(merchant, self.shard_count())
    }

    pub(crate) fn shard_count(&self) -> NonZeroU16 {
        u16::try_from(self.shards.len())
            .ok()
            .and_then(NonZeroU16::new)
            .expect("shards were counted in a NonZeroU16")
    }

    pub(crate) fn calls(&self) -> &CallsInFlight {
        &self.calls
    }

    /// Takes a provider's answer to the payment it is for. Never refused.
    pub(crate) fn record_outcome(&self, command: RecordProviderOutcome, permit: Option<Permit>) {
        let shard = self.shard(command.payment.shard()).expect("the call came from this shard");
        shard.do_send(ReportOutcome { command, permit });
    }

    /// Waits until every actor has started and taken in what was in its mailbox. actix would start,
    /// or feed, one that is stopped before its turn while its thread is torn down, without the
    /// runtime that it needs.
    pub(crate) async fn until_idle_mailboxes(&self) {
        for shard in &self.shards {
            shard.send(AreYouThere).await.expect("a shard lives as long as the process");
        }
        self.control.send(AreYouThere).await.expect("the control shard does as well");
    }

    /// Tells every shard that nobody will be answered any more.
    pub(crate) fn log_failed(&self) {
        self.shards.iter().for_each(|shard| shard.do_send(LogFailed));
    }
}

impl CallsInFlight {
    pub(crate) fn began(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
