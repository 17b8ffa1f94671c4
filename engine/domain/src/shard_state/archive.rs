//! Payments that leave memory and come back, and what of them stays. Of orders: `orders.rs`.
//!
//! What stays of a payment that has left is in sums alone: what it has done to accounts and to its
//! order. Only of a merchant who takes one payment for each order is the order's number kept as well.
//! Idempotency keys stay until their time is over.

use std::sync::Arc;

use super::{Books, Listed, OrderKey, ShardState, move_entry};
use crate::{
    command::Command,
    env::{ArchiveRules, Env},
    history::{Chapter, History},
    id::{MerchantId, PaymentId},
    ledger::Ledger,
    merchant::Mode,
    order::Share,
    payment::Payment,
    rejection::Rejection,
    timestamp::Timestamp,
};

/// A payment in memory.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) payment: Payment,
    pub(super) history: History,
    /// The time of its last event, where nothing is left to do.
    finished_since: Option<Timestamp>,
}

/// What is known of payments and orders that have left memory.
#[derive(Debug, Default)]
pub(super) struct Departed {
    /// What was booked for them.
    pub(super) ledger: Ledger,
    /// How many they are.
    pub(super) count: u64,
    /// How many orders have left and are not back.
    pub(super) orders: u64,
    /// How often a payment or an order has left, whether or not it is back.
    pub(super) departures: u64,
}

/// A payment that has left memory, by which a merchant's own order is paid.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PaidOrder {
    /// Whose order it is.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// In his own words.
    pub order_id: Box<str>,
    /// By which payment it is paid.
    pub payment: PaymentId,
}

impl Kept {
    pub(super) fn new(payment: Payment, history: History) -> Self {
        Self { payment, history, finished_since: None }
    }

    /// A further record is about to touch it, with so many events.
    pub(super) fn begin_chapter(&mut self, at: Timestamp, events: usize) {
        self.payment.remember_first_answers();
        self.history.begin(at, events);
    }
}

impl ShardState {
    /// What has happened to a payment in memory.
    #[must_use]
    pub fn history(&self, id: PaymentId) -> Option<&History> {
        self.payments.get(&id).map(|kept| &kept.history)
    }

    /// How many payments have left memory, and are not back.
    #[must_use]
    pub fn departed_count(&self) -> u64 {
        self.departed.count
    }

    /// How often a payment or an order has left memory, ever: by this an archive knows what it has been
    /// given.
    #[must_use]
    pub fn departures(&self) -> u64 {
        self.departed.departures
    }

    /// What was booked for payments that have left memory.
    pub(crate) fn departed_ledger(&self) -> &Ledger {
        &self.departed.ledger
    }

    /// The payments of which nothing is left to do, those first that had their last event first.
    pub(crate) fn finished(&self) -> impl ExactSizeIterator<Item = (Timestamp, PaymentId)> + '_ {
        self.finished.iter().copied()
    }

    /// When a payment or an order has to leave memory, if ever; a time in the past where there are too
    /// many.
    #[must_use]
    pub fn next_departure(&self, rules: &ArchiveRules) -> Option<Timestamp> {
        let (finished, at_rest) = (self.finished(), self.orders_at_rest());
        if finished.len() > rules.most || at_rest.len() > rules.most {
            return Some(Timestamp::default());
        }
        let payments = finished.map(|(since, _payment)| since).take(1);
        let orders = at_rest.map(|(since, _order)| since).take(1);
        payments.chain(orders).min().map(|since| since.after(rules.after))
    }

    /// Every payment that has left and by which a merchant's own order is paid, in order.
    pub(crate) fn paid_orders(&self) -> Vec<PaidOrder> {
        let mut paid: Vec<PaidOrder> = self
            .by_order
            .iter()
            .flat_map(|(key, payments)| payments.iter().map(move |payment| (key, *payment)))
            .filter(|(_key, payment)| !self.payments.contains_key(payment))
            .map(|(OrderKey { merchant, mode, order_id }, payment)| PaidOrder {
                merchant: *merchant,
                mode: *mode,
                order_id: order_id.clone(),
                payment,
            })
            .collect();
        paid.sort_unstable_by_key(|paid| paid.payment);
        paid
    }

    /// Why a command would be refused if its payment, which is away, were back. Its idempotency key
    /// stands for nothing, as [`ShardState::decide`] has shown: beside that, what is asked of a payment
    /// that exists looks at the payment alone.
    #[must_use]
    pub fn refused_if_back(
        &self,
        history: &History,
        command: Command,
        env: &Env<'_>,
    ) -> Option<Rejection> {
        let mut alone = Self::new(self.shard());
        let payment = history.payment();
        alone.payments.insert(payment.id(), Box::new(Kept::new(payment, history.clone())));
        alone.decide(command, env).err()
    }

    /// A payment leaves memory.
    pub(super) fn archive(&mut self, id: PaymentId) {
        let kept = self.payments.remove(&id).expect("a payment that leaves is in memory");
        let Kept { payment, history: _, finished_since } = *kept;
        move_entry(&mut self.finished, id, finished_since, None);
        let Listed { due_at, unknown_since, case_since, share } = Listed::of(&payment);
        assert_eq!((due_at, unknown_since, case_since), (None, None, None), "{id} is finished");
        for operation in payment.operations() {
            self.operations.remove(&operation.id());
        }
        let intent = payment.intent();
        for entry in payment.entries() {
            self.departed.ledger.post(intent.mode, intent.money.currency, &entry.movement);
        }
        if let Some(order) = intent.order {
            self.change_order(order, |order| order.let_depart(share));
        }
        if payment.amount_captured().is_zero()
            && let Some(key) = OrderKey::of(intent)
            && let Some(payments) = self.by_order.get_mut(&key)
        {
            payments.retain(|payment| *payment != id);
            if payments.is_empty() {
                self.by_order.remove(&key);
            }
        }
        self.departed.count = self.departed.count.saturating_add(1);
        self.departed.departures = self.departed.departures.saturating_add(1);
    }

    /// A payment is back, as it left.
    pub(super) fn recall(&mut self, history: &Arc<History>) {
        let payment = history.payment();
        let id = payment.id();
        let intent = Arc::clone(payment.intent());
        for operation in payment.operations() {
            self.operations.insert(operation.id(), id);
        }
        for entry in payment.entries() {
            self.departed.ledger.take_back(intent.mode, intent.money.currency, &entry.movement);
        }
        if let Some(order) = intent.order {
            self.change_order(order, |order| order.let_return(Share::of(&payment)));
        }
        if let Some(key) = OrderKey::of(&intent) {
            let payments = self.by_order.entry(key).or_default();
            if !payments.contains(&id) {
                payments.push(id);
            }
        }
        let kept = Box::new(Kept::new(payment, History::clone(history)));
        let earlier = self.payments.insert(id, kept);
        assert!(earlier.is_none(), "a payment that comes back was away: {id}");
        self.departed.count = self.departed.count.checked_sub(1).expect("it was counted");
    }

    /// Puts a payment where it belongs among those of which nothing is left to do.
    pub(super) fn list_finished(&mut self, id: PaymentId) {
        let Some(kept) = self.payments.get_mut(&id) else { return };
        let is_finished = !kept.payment.is_unsettled() && kept.history.fits();
        let after = is_finished.then(|| kept.payment.updated_at());
        let before = std::mem::replace(&mut kept.finished_since, after);
        move_entry(&mut self.finished, id, before, after);
    }

    /// Takes a part of a payment's history from a snapshot. Accounts and orders come as they stood.
    pub(crate) fn restore_chapter(&mut self, chapter: &Chapter) {
        self.apply_events(&chapter.events, chapter.at, Books::Closed);
    }

    /// Takes what is known of payments and orders that have left from a snapshot.
    pub(crate) fn restore_departed(
        &mut self,
        ledger: Ledger,
        (count, orders): (u64, u64),
        departures: u64,
    ) {
        self.departed = Departed { ledger, count, orders, departures };
    }

    /// Takes an order that is paid by a payment that has left from a snapshot.
    pub(crate) fn restore_paid_order(&mut self, paid: PaidOrder) {
        let PaidOrder { merchant, mode, order_id, payment } = paid;
        let key = OrderKey { merchant, mode, order_id };
        self.by_order.entry(key).or_default().push(payment);
    }
}
