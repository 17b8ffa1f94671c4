//! Orders in the archive: by whose they are, so that a merchant's lie together in the order of their
//! creation, and a page of them is read in one go.

use std::{ops::Bound, sync::Arc};

use tollgate_domain::{MerchantId, Mode, Order, OrderId, codec};

use super::{Archive, ArchiveError};

/// Where an order lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OrderPlace {
    /// Whose it is.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// Which.
    pub order: OrderId,
}

/// An order that leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DepartedOrder {
    /// Where it will lie.
    pub place: OrderPlace,
    /// The order as it stands, encoded.
    pub order: Vec<u8>,
}

/// A part of a merchant's orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderRange {
    /// Whose.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// Between which ids.
    pub ids: (Bound<OrderId>, Bound<OrderId>),
    /// From which end: the newest first, or the oldest.
    pub newest_first: bool,
    /// How many, at the most.
    pub most: usize,
}

impl OrderPlace {
    /// Of an order.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        let intent = order.intent();
        Self { merchant: intent.merchant, mode: intent.mode, order: intent.id }
    }

    /// Whether the order that is found there is the one that was looked for.
    pub(crate) fn is_of(&self, order: &Order) -> bool {
        *self == Self::of(order)
    }
}

impl DepartedOrder {
    pub(crate) fn of(order: &Order) -> Self {
        let bytes = codec::encode_order(order).expect("an order leaves only where it fits");
        Self { place: OrderPlace::of(order), order: bytes }
    }
}

impl OrderRange {
    /// The first and the last place that it may hold, both included.
    pub(crate) fn ends(&self) -> (OrderPlace, OrderPlace) {
        let place = |order| OrderPlace { merchant: self.merchant, mode: self.mode, order };
        let number = |id: &OrderId| id.to_u128();
        let from = match &self.ids.0 {
            Bound::Unbounded => 0,
            Bound::Included(id) => number(id),
            Bound::Excluded(id) => number(id).saturating_add(1),
        };
        let to = match &self.ids.1 {
            Bound::Unbounded => u128::MAX,
            Bound::Included(id) => number(id),
            Bound::Excluded(id) => number(id).saturating_sub(1),
        };
        (place(OrderId::from_u128(from)), place(OrderId::from_u128(to)))
    }
}

/// Looks for an order that is not in memory. May block.
///
/// # Errors
/// Where what is kept cannot be read.
pub fn find_order(
    archive: &dyn Archive,
    place: OrderPlace,
) -> Result<Option<Arc<Order>>, ArchiveError> {
    let Some(bytes) = archive.order(place)? else { return Ok(None) };
    let order = codec::decode_order(&bytes)?;
    if place.is_of(&order) {
        Ok(Some(Arc::new(order)))
    } else {
        Err(ArchiveError::Damaged("order of that id"))
    }
}

/// The orders of a range that have ever left, each as it was when it left the last time: whether one is
/// back, the shard knows. May block.
///
/// # Errors
/// Where what is kept cannot be read.
pub(crate) fn find_orders(
    archive: &dyn Archive,
    range: OrderRange,
) -> Result<Vec<Order>, ArchiveError> {
    let (first, last) = range.ends();
    let decode = |bytes: Vec<u8>| {
        let order = codec::decode_order(&bytes)?;
        // Whatever lies where, nobody is shown another's.
        if (first..=last).contains(&OrderPlace::of(&order)) {
            Ok(order)
        } else {
            Err(ArchiveError::Damaged("order of that merchant"))
        }
    };
    archive.orders(range)?.into_iter().map(decode).collect()
}
