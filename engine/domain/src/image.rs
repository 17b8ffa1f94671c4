//! A shard's state in pieces, as a snapshot keeps it and as a start puts it together again.
//!
//! ```text
//!   ShardImage:  history of its payments │ accounts │ keys │ end
//!                records, in their order                     time, position, hash
//! ```
//!
//! A payment is kept as what happened to it: its events, in the records that they came in, without
//! what the record was to keys and to the world outside. They are read by the codec of records and
//! written into the state by the same `apply`, so that no second form of a payment has to be kept up
//! with the first. Accounts and keys are kept as they stand, for they sum up what may be gone.
//!
//! Invariant: a state that is put together from its pieces has the hash of the one they were taken
//! from.

use crate::{
    event::{Event, Record},
    id::ShardId,
    idempotency::{IdempotencyEntry, IdempotencyTable},
    ledger::{AccountKey, Balance, Ledger},
    shard_state::ShardState,
    state_hash::StateHash,
    timestamp::Timestamp,
};

/// One piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// What happened to payments.
    History(Record<Event>),
    /// What stands on an account.
    Account(AccountKey, Balance),
    /// A key that is remembered, and since when, in seconds since the epoch.
    Key(IdempotencyEntry, u32),
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
}

impl Record<Event> {
    /// What of it is its payments' history.
    #[must_use]
    pub fn into_history(self) -> Self {
        Self { idempotency: None, effects: Vec::new(), ..self }
    }
}

impl ShardState {
    /// Everything but the history, with the end, of a shard whose last record is `sequence`.
    #[must_use]
    pub fn books(&self, sequence: u64) -> Vec<Piece> {
        let accounts = self.ledger().sorted();
        let accounts = accounts.into_iter().map(|(key, balance)| Piece::Account(key, balance));
        let keys = self.idempotency().sorted();
        let keys = keys.into_iter().map(|(entry, created_at)| Piece::Key(entry, created_at));
        let end = ImageEnd {
            shard: self.shard(),
            sequence,
            last_time: self.last_time(),
            oldest_key: self.idempotency().oldest(),
            hash: self.hash(),
        };
        accounts.chain(keys).chain([Piece::End(end)]).collect()
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
            Piece::Account(key, balance) => self.ledger.restore(key, balance),
            Piece::Key(entry, created_at) => self.keys.restore(&entry, created_at),
            Piece::End(end) => {
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
