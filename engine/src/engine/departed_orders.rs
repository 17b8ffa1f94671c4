//! Reads of orders, whether they are in memory or have left it.
//!
//! As with payments a shard is asked first, and then the archive. Invariants: what is shown was true at
//! a moment between question and answer, and is durable. Where both have an order, the shard is right:
//! the archive keeps how an order left that has come back since.

use std::collections::BTreeMap;

use tollgate_domain::{Order, OrderId};

use super::Engine;
use crate::{
    archive::{OrderPlace, OrderRange, find_order, find_orders},
    effects::Attachment,
    error::CommandError,
};

impl<A: Attachment> Engine<A> {
    /// An order of that merchant and mode, once what is read is durable.
    ///
    /// # Errors
    /// As [`Engine::payment`].
    pub async fn order(&self, place: OrderPlace) -> Result<Option<Order>, CommandError> {
        let shard = place.order.shard();
        let found = self.query(shard, move |state| state.order(place.order).cloned());
        match found.await? {
            None => Ok(None),
            Some(Some(order)) => Ok(Some(order).filter(|order| place.is_of(order))),
            Some(None) => {
                self.wait_for_releases(shard).await?;
                let found = self.look_into_archive(move |archive| find_order(archive, place));
                Ok(found.await?.map(|order| Order::clone(&order)))
            }
        }
    }

    /// A part of a merchant's orders, from that end of it that is asked for, once what is read is
    /// durable.
    ///
    /// # Errors
    /// As [`Engine::payment`].
    pub async fn orders(&self, range: OrderRange) -> Result<Vec<Order>, CommandError> {
        let shard = self.shard_of(range.merchant);
        let look = self.query(shard, move |state| {
            let orders = state.orders_in(range.merchant, range.mode, range.ids).cloned();
            let orders: Vec<Order> = match range.newest_first {
                true => orders.rev().take(range.most).collect(),
                false => orders.take(range.most).collect(),
            };
            (orders, state.departed_orders() > 0)
        });
        let Some((in_memory, have_left)) = look.await? else { return Ok(Vec::new()) };
        if !have_left {
            return Ok(in_memory);
        }
        self.wait_for_releases(shard).await?;
        let found = self.look_into_archive(move |archive| find_orders(archive, range).map(Some));
        let left = found.await?.unwrap_or_default();
        // The last row wins: what is in memory.
        let rows = left.into_iter().chain(in_memory).map(|order| (order.id(), order));
        let rows: BTreeMap<OrderId, Order> = rows.collect();
        let rows = rows.into_values();
        Ok(match range.newest_first {
            true => rows.rev().take(range.most).collect(),
            false => rows.take(range.most).collect(),
        })
    }
}
