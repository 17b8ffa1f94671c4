//! What the shards hold, for metrics: each shard writes its own numbers down now and then, and
//! whoever wants to know adds them up. Nothing decides by them.
//!
//! Not here: what is counted as it happens, which the components tell their observers.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use tollgate_domain::{Currency, Mode, ShardId, ShardState, Timestamp};

/// The numbers of all shards.
#[derive(Debug)]
pub(crate) struct Gauges {
    /// Mail left with the courier and not yet taken in by its shard.
    mail: AtomicUsize,
    /// Look-ups in the archive that something waits for.
    lookups: AtomicUsize,
    /// Payment shard `n` at `n - 1`.
    shards: Box<[ShardGauges]>,
}

/// The numbers of one shard, as of its last tick.
#[derive(Debug, Default)]
struct ShardGauges {
    payments: AtomicUsize,
    archived: AtomicU64,
    recalls: AtomicU64,
    orders: AtomicUsize,
    archived_orders: AtomicU64,
    order_recalls: AtomicU64,
    idempotency_keys: AtomicUsize,
    unknown: AtomicUsize,
    /// Milliseconds since the Unix epoch; `u64::MAX` while nothing is unknown.
    oldest_unknown: AtomicU64,
    open_cases: AtomicUsize,
    /// Milliseconds since the Unix epoch; `u64::MAX` while no case is open.
    oldest_case: AtomicU64,
    imbalances: Mutex<BTreeMap<(Mode, Currency), i128>>,
}

/// What the shards hold together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) payments: usize,
    pub(crate) archived: u64,
    pub(crate) recalls: u64,
    pub(crate) orders: usize,
    pub(crate) archived_orders: u64,
    pub(crate) order_recalls: u64,
    pub(crate) idempotency_keys: usize,
    pub(crate) unknown: usize,
    pub(crate) oldest_unknown: Option<Timestamp>,
    pub(crate) open_cases: usize,
    pub(crate) oldest_case: Option<Timestamp>,
}

impl Gauges {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            mail: AtomicUsize::new(0),
            lookups: AtomicUsize::new(0),
            shards: (0..shards).map(|_| ShardGauges::new()).collect(),
        }
    }

    /// Mail was left for a shard.
    pub(crate) fn mail_left(&self) {
        self.mail.fetch_add(1, Ordering::Relaxed);
    }

    /// A shard has taken mail in.
    pub(crate) fn mail_taken(&self, count: usize) {
        self.mail.fetch_sub(count, Ordering::Relaxed);
    }

    /// Mail that is on its way or waits in a mailbox.
    pub(crate) fn mail(&self) -> usize {
        self.mail.load(Ordering::Relaxed)
    }

    /// Something waits for the archive.
    pub(crate) fn lookup_begun(&self) {
        self.lookups.fetch_add(1, Ordering::Relaxed);
    }

    /// It waits no more.
    pub(crate) fn lookup_ended(&self) {
        self.lookups.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many look-ups something waits for.
    pub(crate) fn lookups(&self) -> usize {
        self.lookups.load(Ordering::Relaxed)
    }

    /// Writes down what a shard holds, and how often a payment and an order have come back to it.
    pub(crate) fn note(&self, state: &ShardState, recalls: u64, order_recalls: u64) {
        let gauges = self.shard(state.shard());
        gauges.payments.store(state.payment_count(), Ordering::Relaxed);
        gauges.archived.store(state.departed_count(), Ordering::Relaxed);
        gauges.recalls.store(recalls, Ordering::Relaxed);
        gauges.orders.store(state.order_count(), Ordering::Relaxed);
        gauges.archived_orders.store(state.departed_orders(), Ordering::Relaxed);
        gauges.order_recalls.store(order_recalls, Ordering::Relaxed);
        gauges.idempotency_keys.store(state.idempotency().len(), Ordering::Relaxed);
        let unknown = state.unknown();
        gauges.unknown.store(unknown.len(), Ordering::Relaxed);
        let oldest = unknown.first().map_or(u64::MAX, |(since, _payment)| since.as_millis());
        gauges.oldest_unknown.store(oldest, Ordering::Relaxed);
        let cases = state.cases();
        gauges.open_cases.store(cases.len(), Ordering::Relaxed);
        let oldest = cases.first().map_or(u64::MAX, |(since, _payment)| since.as_millis());
        gauges.oldest_case.store(oldest, Ordering::Relaxed);
    }

    /// Writes down how a shard's books stand. Takes time in proportion to its accounts.
    pub(crate) fn note_books(&self, state: &ShardState) {
        *self.shard(state.shard()).imbalances.lock() = state.ledger().imbalances();
    }

    /// What the shards hold together.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let (mut oldest, mut oldest_case) = (u64::MAX, u64::MAX);
        for shard in &self.shards {
            totals.payments += shard.payments.load(Ordering::Relaxed);
            totals.archived += shard.archived.load(Ordering::Relaxed);
            totals.recalls += shard.recalls.load(Ordering::Relaxed);
            totals.orders += shard.orders.load(Ordering::Relaxed);
            totals.archived_orders += shard.archived_orders.load(Ordering::Relaxed);
            totals.order_recalls += shard.order_recalls.load(Ordering::Relaxed);
            totals.idempotency_keys += shard.idempotency_keys.load(Ordering::Relaxed);
            totals.unknown += shard.unknown.load(Ordering::Relaxed);
            oldest = oldest.min(shard.oldest_unknown.load(Ordering::Relaxed));
            totals.open_cases += shard.open_cases.load(Ordering::Relaxed);
            oldest_case = oldest_case.min(shard.oldest_case.load(Ordering::Relaxed));
        }
        let since = |millis| (millis != u64::MAX).then(|| Timestamp::from_millis(millis));
        totals.oldest_unknown = since(oldest);
        totals.oldest_case = since(oldest_case);
        totals
    }

    /// Debits less credits of all shards, for every mode and currency that there is. What one shard
    /// has too much of does not make up for what another lacks: differences count by their size.
    pub(crate) fn imbalances(&self) -> BTreeMap<(Mode, Currency), u128> {
        let mut sums = BTreeMap::<(Mode, Currency), u128>::new();
        for shard in &self.shards {
            for (key, difference) in &*shard.imbalances.lock() {
                let sum = sums.entry(*key).or_default();
                *sum = sum.saturating_add(difference.unsigned_abs());
            }
        }
        sums
    }

    fn shard(&self, shard: ShardId) -> &ShardGauges {
        &self.shards[usize::from(shard.0) - 1]
    }
}

impl ShardGauges {
    fn new() -> Self {
        Self {
            oldest_unknown: AtomicU64::new(u64::MAX),
            oldest_case: AtomicU64::new(u64::MAX),
            ..Self::default()
        }
    }
}
