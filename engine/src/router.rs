//! Finds the actor that a command is for.

use std::{num::NonZeroU16, sync::Arc};

use actix::{Addr, Message};
use tokio::sync::oneshot;
use tollgate_domain::{MerchantId, ShardId, StateHash};

use crate::{
    admission::Permit,
    clock::Clock,
    control_actor::ControlActor,
    courier::Courier,
    effects::{Attachment, CallsInFlight},
    gauges::Gauges,
    provider_report::ProviderReport,
    shard_actor::{Bundle, LogFailed, Mail, ReportOutcome, ShardActor},
    snapshotter::LiveShards,
};

/// The addresses of all actors.
pub(crate) struct Router<A: Attachment> {
    control: Addr<ControlActor<A>>,
    /// Payment shard `n` at `n - 1`.
    shards: Vec<Addr<ShardActor<A>>>,
    courier: Courier<A>,
    gauges: Arc<Gauges>,
    clock: Arc<Clock>,
    calls: CallsInFlight,
}

/// Answered by every actor, in its turn.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AreYouThere;

impl<A: Attachment> Router<A> {
    pub(crate) fn new(
        control: Addr<ControlActor<A>>,
        shards: Vec<Addr<ShardActor<A>>>,
        clock: Arc<Clock>,
        gauges: Arc<Gauges>,
    ) -> Self {
        let (courier, calls) = (Courier::new(), CallsInFlight::default());
        Self { control, shards, courier, gauges, clock, calls }
    }

    pub(crate) fn control(&self) -> &Addr<ControlActor<A>> {
        &self.control
    }

    /// Whether there is a payment shard of this number.
    pub(crate) fn has_shard(&self, shard: ShardId) -> bool {
        self.shard(shard).is_some()
    }

    fn shard(&self, shard: ShardId) -> Option<&Addr<ShardActor<A>>> {
        self.shards.get(usize::from(shard.0).checked_sub(1)?)
    }

    /// Sends mail to a payment shard that there is.
    pub(crate) fn send(&self, shard: ShardId, mail: Mail<A>) {
        self.gauges.mail_left();
        self.courier.leave(shard, mail);
    }

    /// Delivers mail until the courier is dismissed.
    pub(crate) async fn carry_mail(self: Arc<Self>) {
        while self.courier.next_call().await {
            self.deliver();
        }
    }

    /// Delivers what waits, and dismisses the courier.
    pub(crate) fn dismiss_courier(&self) {
        self.courier.dismiss();
        self.deliver();
    }

    fn deliver(&self) {
        for (shard, mail) in self.courier.collect() {
            self.shard(shard).expect("mail is for shards there are").do_send(Bundle(mail));
        }
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

    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    pub(crate) fn calls(&self) -> &CallsInFlight {
        &self.calls
    }

    /// Takes a provider's answer to the payment it is for. Never refused.
    pub(crate) fn record_outcome(&self, report: ProviderReport, permit: Option<Permit>) {
        let shard = report.payment().shard();
        self.send(shard, Mail::Outcome(ReportOutcome { report, reply: None, permit }));
    }

    /// Delivers what waits, and waits until every actor has started and taken in what was in its
    /// mailbox. actix would start, or feed, one that is stopped before its turn while its thread is
    /// torn down, without the runtime that it needs.
    pub(crate) async fn until_idle_mailboxes(&self) {
        self.deliver();
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

impl<A: Attachment> LiveShards for Router<A> {
    fn count(&self) -> u16 {
        self.shard_count().get()
    }

    fn hash_of(&self, shard: ShardId) -> oneshot::Receiver<(u64, StateHash)> {
        let (reply, told) = oneshot::channel();
        self.send(shard, Mail::Hash(reply));
        told
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}
