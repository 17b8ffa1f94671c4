//! A shard's state in pieces, as a snapshot keeps it and as a start puts it together again.
//!
//! ```text
//!   ShardImage:  orders │ chapters of payments │ accounts │ keys │ what has left │ end
//!                         in memory, each in its order                        time, position, hash
//! ```
//!
//! A payment is kept as what happened to it: its history, chapter by chapter, read by the codec of
//! records and written into the state by the same `apply`, so that no second form of a payment has to
//! be kept up with the first. Orders, accounts and keys are kept as they stand, for they sum up what
//! may be gone. A payment that has left memory is not in it but in the sums, and an order that has is
//! counted alone.
//!
//! Invariant: a state that is put together from its pieces has the hash of the one they were taken
//! from.

use crate::{
    event::{Event, Record},
    history::Chapter,
    id::ShardId,
    idempotency::{IdempotencyEntry, IdempotencyTable},
    ledger::{AccountKey, Balance, Ledger},
    shard_state::ShardState,
    state_hash::StateHash,
    timestamp::Timestamp,
};
pub use crate::{order::OrderImage, shard_state::PaidOrder};

/// One piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// What happened to payments and orders, as snapshots kept it when no payment ever left memory.
    /// Nobody writes it any more.
    History(Record<Event>),
    /// An order as it stands.
    Order(OrderImage),
    /// A part of what happened to a payment that is in memory.
    Chapter(Chapter),
    /// What stands on an account.
    Account(AccountKey, Balance),
    /// A key that is remembered, and since when, in seconds since the epoch.
    Key(IdempotencyEntry, u32),
    /// What was booked for payments that have left memory.
    DepartedAccount(AccountKey, Balance),
    /// A merchant's own order that is paid by a payment that has left memory.
    PaidOrder(PaidOrder),
    /// How many payments have left memory, and how often one, or an order, has.
    Departed {
        /// How many payments are not back.
        count: u64,
        /// How often a payment or an order has left.
        departures: u64,
    },
    /// How many orders have left memory and are not back.
    DepartedOrders(u64),
    /// The last one.
    End(ImageEnd),
}

/// What ends a shard's pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageEnd {
    /// Whose pieces these are.
    pub shard: ShardId,
    /// Its last record.
    pub sequence: u64,
    /// The time of that.
    pub last_time: Timestamp,
    /// A time that no key is older than.
    pub oldest_key: Option<Timestamp>,
    /// What the pieces come to.
    pub hash: StateHash,
}

/// A shard that is being put together.
#[derive(Debug)]
pub struct Restoration {
    state: Box<ShardState>,
    ledger: Ledger,
    keys: IdempotencyTable,
    departed_ledger: Ledger,
    departed: (u64, u64),
    departed_orders: u64,
}

impl ShardState {
    /// Everything, piece by piece, of a shard whose last record is `sequence`.
    pub fn pieces(&self, sequence: u64) -> impl Iterator<Item = Piece> {
        let orders = self.orders().map(|order| Piece::Order(order.image()));
        let payments = self.payments_sorted().into_iter();
        let chapters = payments
            .filter_map(|payment| self.history(payment.id()))
            .flat_map(|history| history.chapters().iter().cloned().map(Piece::Chapter));
        let accounts = self.ledger().sorted();
        let accounts = accounts.into_iter().map(|(key, balance)| Piece::Account(key, balance));
        let keys = self.idempotency().sorted();
        let keys = keys.into_iter().map(|(entry, created_at)| Piece::Key(entry, created_at));
        let departed = self.departed_ledger().sorted();
        let departed =
            departed.into_iter().map(|(key, balance)| Piece::DepartedAccount(key, balance));
        let paid = self.paid_orders().into_iter().map(Piece::PaidOrder);
        let counted =
            Piece::Departed { count: self.departed_count(), departures: self.departures() };
        let away = self.departed_orders();
        let departed_orders = (away > 0).then_some(Piece::DepartedOrders(away));
        let end = Piece::End(self.image_end(sequence));
        orders
            .chain(chapters)
            .chain(accounts)
            .chain(keys)
            .chain(departed)
            .chain(paid)
            .chain([counted])
            .chain(departed_orders)
            .chain([end])
    }

    /// What ends the pieces of a shard whose last record is `sequence`.
    #[must_use]
    pub fn image_end(&self, sequence: u64) -> ImageEnd {
        ImageEnd {
            shard: self.shard(),
            sequence,
            last_time: self.last_time(),
            oldest_key: self.idempotency().oldest(),
            hash: self.hash(),
        }
    }
}

impl Restoration {
    /// Before the first piece.
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self {
            state: Box::new(ShardState::new(shard)),
            ledger: Ledger::default(),
            keys: IdempotencyTable::default(),
            departed_ledger: Ledger::default(),
            departed: (0, 0),
            departed_orders: 0,
        }
    }

    /// Takes the next piece; with the last one the state is whole.
    ///
    /// # Panics
    /// As [`ShardState::apply`], where the pieces are not those of a state.
    #[must_use]
    pub fn take(mut self, piece: Piece) -> Restored {
        match piece {
            Piece::History(record) => self.state.apply(&record),
            Piece::Order(order) => self.state.restore_order(order),
            Piece::Chapter(chapter) => self.state.restore_chapter(&chapter),
            Piece::Account(key, balance) => self.ledger.restore(key, balance),
            Piece::Key(entry, created_at) => self.keys.restore(&entry, created_at),
            Piece::DepartedAccount(key, balance) => self.departed_ledger.restore(key, balance),
            Piece::PaidOrder(paid) => self.state.restore_paid_order(paid),
            Piece::Departed { count, departures } => self.departed = (count, departures),
            Piece::DepartedOrders(count) => self.departed_orders = count,
            Piece::End(end) => {
                let (count, departures) = self.departed;
                let away = (count, self.departed_orders);
                self.state.restore_departed(self.departed_ledger, away, departures);
                self.keys.restore_oldest(end.oldest_key);
                // The history has posted as well: what of it is still there.
                self.state.restore_books(self.ledger, self.keys, end.last_time);
                return Restored::Whole(self.state, end);
            }
        }
        Restored::InPart(self)
    }
}

/// How far a restoration has come.
#[derive(Debug)]
pub enum Restored {
    /// There are more pieces.
    InPart(Restoration),
    /// This is the state, and what it is to come to.
    Whole(Box<ShardState>, ImageEnd),
}
