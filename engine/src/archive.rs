//! Where payments and orders are that have left memory: how they are handed over, and found again.
//!
//! ```text
//!   shard     PaymentArchived ─▶ log ─▶ durable ─▶ take(departures)       live, must not wait
//!   start     PaymentArchived ─▶ replayed ────────▶ replay(departures)    what it lacks, may wait
//!   read      not in memory ─▶ history(payment) ─▶ shown
//!   command   not in memory ─▶ history(payment) ─▶ PaymentRecalled, and then the command
//! ```
//!
//! Orders go the same ways, by records of their own.
//!
//! The log has everything: the archive is made of it, and is made again where it is lost.
//!
//! Invariant: what has left memory by a durable record is found from the moment on at which that
//! record is released. What was written down is never of a record that the log may yet lose.
//!
//! Not here: which of them leave (`tollgate_domain`), and how what is found comes back
//! (`shard/recall.rs`).

mod feed;
mod keeper;
mod orders;
mod store;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tollgate_domain::{Event, History, OperationId, PaymentId, Record, ShardId, ShardState, codec};

use crate::tree_damage::is_tree_damaged;

pub(crate) use feed::ArchiveFeed;
pub use keeper::Keeper;
pub(crate) use orders::find_orders;
pub use orders::{DepartedOrder, OrderPlace, OrderRange, find_order};
pub(crate) use store::Store;

/// Keeps payments and orders that have left memory.
pub trait Archive: Send + Sync + 'static {
    /// How many departures of this shard it has, all from the first on, of payments and orders alike.
    /// Asked once for each shard, before the log is replayed, and when a snapshot is made.
    fn position(&self, shard: ShardId) -> u64;

    /// Takes what has left by a record that is durable. Must not block.
    fn take(&self, departures: Departures);

    /// Takes what has left by a record that is replayed. May block, so that a long log does not
    /// outrun it.
    fn replay(&self, departures: Departures);

    /// Whether it keeps up. Where it does not, nothing leaves until it does.
    fn has_room(&self) -> bool;

    /// Whether it has failed: it takes nothing more until the next start, and nothing leaves.
    fn has_failed(&self) -> bool {
        false
    }

    /// The history of a payment, encoded, as it was when it left the last time; `None` where it never
    /// has. May block.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    fn history(&self, payment: PaymentId) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// The payment that this was done to, where it has ever left. May block.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    fn payment_of(&self, operation: OperationId) -> Result<Option<PaymentId>, ArchiveError>;

    /// An order, encoded, as it was when it left the last time; `None` where it never has. May block.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    fn order(&self, place: OrderPlace) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// The same of a part of a merchant's orders, from that end of it that is asked for. May block.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    fn orders(&self, range: OrderRange) -> Result<Vec<Vec<u8>>, ArchiveError>;

    /// Makes everything that it was given outlive a power cut. Blocks.
    ///
    /// # Errors
    /// Where that is not known.
    fn persist(&self) -> Result<(), ArchiveError>;
}

/// What leaves memory by one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departures {
    /// Of which shard.
    pub shard: ShardId,
    /// How many payments and orders had left before, ever.
    pub before: u64,
    /// The payments that leave, in order.
    pub payments: Vec<Departed>,
    /// The orders that leave, in order.
    pub orders: Vec<DepartedOrder>,
}

/// A payment that leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departed {
    /// Its id.
    pub payment: PaymentId,
    /// What was done to it.
    pub operations: Vec<OperationId>,
    /// What happened to it, encoded.
    pub history: Vec<u8>,
}

/// Why the archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Its files.
    #[error("the archive's files")]
    Store(#[from] fjall::Error),
    /// What is found is not what was written.
    #[error("the archive holds no valid {0}")]
    Damaged(&'static str),
    /// What is found is no history.
    #[error("the archive holds a history that is none")]
    History(#[from] codec::CodecError),
    /// An earlier failure: it has taken nothing since.
    #[error("the archive has failed before")]
    Failed,
    /// It lacks what the log has let go of: nothing can make it again.
    #[error("the archive lacks payments or orders of shard {} that are in the log no longer", .0.0)]
    Gone(ShardId),
    /// It is damaged, and the log cannot make it again.
    #[error(
        "it is damaged, and the log, which was cut, cannot make it again: put back a copy, or restore a backup"
    )]
    Irreplaceable {
        /// What is wrong with it.
        source: Box<ArchiveError>,
    },
    /// It has more than the log: it is another log's, or the log is an old copy of its own.
    #[error("the archive has payments or orders of shard {} that have not left it", .0.0)]
    Ahead(ShardId),
}

impl ArchiveError {
    /// Whether its files are to blame, so that it had better be made anew.
    fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) => is_tree_damaged(error),
            Self::Damaged(_) | Self::History(_) => true,
            Self::Failed | Self::Gone(_) | Self::Ahead(_) | Self::Irreplaceable { .. } => false,
        }
    }
}

impl Departures {
    /// What leaves by a record that `state` does not hold yet; `None` where nothing does.
    #[must_use]
    pub fn of(state: &ShardState, record: &Record<Event>) -> Option<Self> {
        let (mut payments, mut orders) = (Vec::new(), Vec::new());
        for event in &record.events {
            if let Event::PaymentArchived { payment } = event {
                let history = state.history(*payment);
                payments.push(Departed::of(history.expect("a payment that leaves is in memory")));
            } else if let Event::OrderArchived { order } = event {
                let order = state.order(*order).expect("an order that leaves is in memory");
                orders.push(DepartedOrder::of(order));
            }
        }
        let (shard, before) = (state.shard(), state.departures());
        let leaves = !payments.is_empty() || !orders.is_empty();
        leaves.then_some(Self { shard, before, payments, orders })
    }

    /// How many have left by then.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.before + (self.payments.len() + self.orders.len()) as u64
    }

    /// How much it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let payments: usize = self.payments.iter().map(|left| left.history.len()).sum();
        payments + self.orders.iter().map(|left| left.order.len()).sum::<usize>()
    }
}

impl Departed {
    fn of(history: &History) -> Self {
        Self {
            payment: history.id(),
            operations: history.operations().collect(),
            history: codec::encode_history(history)
                .expect("a payment leaves only where its history fits"),
        }
    }
}

/// Where the archive of a log lies.
#[must_use]
pub fn archive_directory(log: &Path) -> PathBuf {
    log.join("archive")
}

/// Looks for a payment that is not in memory. May block.
///
/// # Errors
/// Where what is kept cannot be read.
pub fn find(
    archive: &dyn Archive,
    payment: PaymentId,
) -> Result<Option<Arc<History>>, ArchiveError> {
    let Some(bytes) = archive.history(payment)? else { return Ok(None) };
    let history = codec::decode_history(&bytes)?;
    if history.id() == payment {
        Ok(Some(Arc::new(history)))
    } else {
        Err(ArchiveError::Damaged("history of that payment"))
    }
}
