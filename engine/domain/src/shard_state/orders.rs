//! A shard's orders: which are in memory, which of them are at rest, and how they leave and come back.
//!
//! Invariant: a payment in memory has its order in memory. An order leaves only behind the last of its
//! payments, and is back before any of them is.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use super::{ShardState, move_entry};
use crate::{
    command::{Command, CreatePayment},
    env::Env,
    id::{MerchantId, OrderId},
    merchant::Mode,
    order::{Order, OrderImage, OrderIntent},
    rejection::Rejection,
    timestamp::Timestamp,
};

/// The orders in memory.
#[derive(Debug, Default)]
pub(super) struct Orders {
    by_id: BTreeMap<OrderId, Order>,
    /// Invariant: holds each order by whose it is, and nothing else.
    by_owner: BTreeSet<(MerchantId, Mode, OrderId)>,
    /// Invariant: holds `(order.at_rest_since(), order.id())` for each order that has one, and nothing
    /// else.
    at_rest: BTreeSet<(Timestamp, OrderId)>,
}

impl Orders {
    fn insert(&mut self, order: Order) {
        let id = order.id();
        let OrderIntent { merchant, mode, .. } = **order.intent();
        self.by_owner.insert((merchant, mode, id));
        move_entry(&mut self.at_rest, id, None, order.at_rest_since());
        let earlier = self.by_id.insert(id, order);
        assert!(
            earlier.is_none(),
            "an order is created once, and comes back where it was away: {id}"
        );
    }

    fn remove(&mut self, id: OrderId) {
        let order = self.by_id.remove(&id).expect("an order that leaves is in memory");
        let since = order.at_rest_since();
        assert!(since.is_some(), "an order that leaves has no payment in memory: {id}");
        assert!(order.reserved().is_zero(), "a payment that has left reserves nothing: {id}");
        let OrderIntent { merchant, mode, .. } = **order.intent();
        self.by_owner.remove(&(merchant, mode, id));
        move_entry(&mut self.at_rest, id, since, None);
    }

    fn change(&mut self, id: OrderId, change: impl FnOnce(&mut Order)) {
        let order = self.by_id.get_mut(&id).expect("a payment's order is there before it");
        let before = order.at_rest_since();
        change(order);
        let after = order.at_rest_since();
        move_entry(&mut self.at_rest, id, before, after);
    }

    /// All of them, for the hash.
    pub(super) fn by_id(&self) -> &BTreeMap<OrderId, Order> {
        &self.by_id
    }
}

impl ShardState {
    /// The order with this id, where it is in memory.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.by_id.get(&id)
    }

    /// A merchant's orders in memory whose ids lie in that range, in their order, which is that of
    /// their creation.
    pub fn orders_in(
        &self,
        merchant: MerchantId,
        mode: Mode,
        range: (Bound<OrderId>, Bound<OrderId>),
    ) -> impl DoubleEndedIterator<Item = &Order> {
        let owned = |id| (merchant, mode, id);
        let (first, last) = (OrderId::from_u128(0), OrderId::from_u128(u128::MAX));
        let from = match range.0 {
            Bound::Unbounded => Bound::Included(first),
            bound @ (Bound::Included(_) | Bound::Excluded(_)) => bound,
        };
        let to = match range.1 {
            Bound::Unbounded => Bound::Included(last),
            bound @ (Bound::Included(_) | Bound::Excluded(_)) => bound,
        };
        self.orders
            .by_owner
            .range((from.map(owned), to.map(owned)))
            .filter_map(|(_merchant, _mode, id)| self.order(*id))
    }

    /// How many orders are in memory.
    #[must_use]
    pub fn order_count(&self) -> usize {
        self.orders.by_id.len()
    }

    /// How many orders have left memory, and are not back.
    #[must_use]
    pub fn departed_orders(&self) -> u64 {
        self.departed.orders
    }

    /// Every order in memory, in the order of its id.
    pub(crate) fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.by_id.values()
    }

    /// The orders of which no payment is in memory, those first that changed first.
    pub(crate) fn orders_at_rest(
        &self,
    ) -> impl ExactSizeIterator<Item = (Timestamp, OrderId)> + '_ {
        self.orders.at_rest.iter().copied()
    }

    /// Why a payment for an order that is away would be refused if the order were back. Its idempotency
    /// key stands for nothing, as [`ShardState::decide`] has shown.
    #[must_use]
    pub fn refused_if_order_back(
        &self,
        order: &Order,
        command: Box<CreatePayment>,
        env: &Env<'_>,
    ) -> Option<Rejection> {
        let mut alone = Self::new(self.shard());
        alone.orders.insert(order.clone());
        alone.decide(Command::CreatePayment(command), env).err()
    }

    /// There is an order.
    pub(super) fn create_order(&mut self, intent: &Arc<OrderIntent>) {
        self.orders.insert(Order::new(Arc::clone(intent)));
    }

    /// One of its payments does something to an order.
    pub(super) fn change_order(&mut self, id: OrderId, change: impl FnOnce(&mut Order)) {
        self.orders.change(id, change);
    }

    /// An order leaves memory.
    pub(super) fn archive_order(&mut self, id: OrderId) {
        self.orders.remove(id);
        self.departed.orders = self.departed.orders.saturating_add(1);
        self.departed.departures = self.departed.departures.saturating_add(1);
    }

    /// An order is back, as it left.
    pub(super) fn recall_order(&mut self, order: &Order) {
        self.orders.insert(order.clone());
        self.departed.orders = self.departed.orders.checked_sub(1).expect("it was counted");
    }

    /// Takes an order from a snapshot.
    pub(crate) fn restore_order(&mut self, image: OrderImage) {
        self.orders.insert(Order::of_image(image));
    }
}
