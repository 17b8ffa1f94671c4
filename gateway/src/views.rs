//! The views: what lists and counts are read from, behind the log.
//!
//! ```text
//!   durable records ─▶ RecordQueue ─▶ ViewWriter ─▶ rows, index, tallies and, in the same batch,
//!                                     (one thread)  how far the log has been read
//!                                         │            │
//!                                         └─▶ Build ──▶│  where there are none yet
//!                                                      │
//!                            lists ◀─ Views::find, Views::count
//! ```
//!
//! They are derived from the log and stored beside it, in `<data>/views`, so that nothing is lost
//! with them: what is missing, damaged or of another format is built anew at the next start. What
//! they hold says where something is found; the answer itself is the engine's.
//!
//! Invariant: whoever was answered and then waits for [`Views::catch_up`] finds what he was answered.
//!
//! Not here: what a list looks like, and who may see it; what a payment has gone through, which the
//! event feed keeps.

mod build;
mod crash_point;
mod facet;
mod happened;
mod query;
mod row;
mod sorted_runs;
mod store;
mod tally;
mod writer;

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_domain::ShardId;
use tollgate_engine::{DurableRecord, RecordObserver, TreeBuilder, TreeCopy, is_tree_damaged};

use self::{
    build::{ROOM, Room},
    store::ViewStore,
    writer::{PACE, ViewWriter},
};
pub(crate) use self::{
    query::{Found, Part, Review, Selection},
    row::{MethodKind, Row, RowKind, RowStatus, STATUSES, Standing},
};
use crate::{metrics::ViewMetrics, record_queue::RecordQueue, secrets::ViewSecrets, vault::Realm};

/// The views. Cheap to share behind an `Arc`.
pub(crate) struct Views {
    store: Arc<ViewStore>,
    queue: Arc<RecordQueue>,
    secrets: ViewSecrets,
    writer: ViewWriter,
    readers: Arc<Semaphore>,
    most_rows: usize,
}

/// What the views may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewLimits {
    /// Memory for what is read again, in bytes.
    pub(crate) cache_bytes: u64,
    /// Rows that are looked at for one question.
    pub(crate) most_rows: usize,
}

/// What is kept in memory, in bytes, of views that are read once.
const LITTLE_CACHE: u64 = 8 << 20;

/// How many read at once.
const READERS: usize = 8;

/// Why the views cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The store cannot be read or written.
    #[error("the views' store cannot be used")]
    Store(#[from] fjall::Error),
    /// Its directory cannot be made or removed.
    #[error("the views' directory cannot be used")]
    Directory(#[source] io::Error),
    /// The store holds what no release has written.
    #[error("the views' store holds no valid {0}")]
    Damaged(&'static str),
    /// They were being built when the process ended.
    #[error("the views were not built to the end")]
    Unfinished,
    /// Another release has written the store.
    #[error("the views are of another format")]
    Format,
    /// More rows would have to be looked at than may be.
    #[error("more than {0} rows would have to be looked at")]
    TooBroad(usize),
    /// No thread can be had.
    #[error("cannot start the views' thread")]
    Thread(#[source] io::Error),
    /// They are damaged or of another format, and the log cannot make them again.
    #[error(
        "the log begins behind record {let_go}, and so cannot make the views again that cannot be used; put \
         back a copy of their directory, `views`, or `tollgate views rebuild \
         --from-the-beginning-of-the-log` builds them of what the log still has"
    )]
    Irreplaceable {
        /// The number of the last record that the log has let go of.
        let_go: u64,
        /// What is wrong with them.
        source: Box<ViewError>,
    },
}

impl ViewError {
    /// Whether the store itself is to blame, so that it had better be built anew; not where the disk, or
    /// whoever else has it open, does not let it be used just now.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::Unfinished | Self::Format => true,
            Self::Store(error) => is_tree_damaged(error),
            Self::Directory(_)
            | Self::Thread(_)
            | Self::TooBroad(_)
            | Self::Irreplaceable { .. } => false,
        }
    }
}

impl Views {
    /// Opens the views of a directory, beside a log that has let go of so many records. Where they are
    /// missing, or damaged or of another format and the log has every record, they begin anew, and are
    /// built by whoever shows the log.
    ///
    /// # Errors
    /// Where they cannot be used just now, and where they are damaged and the log could not make them
    /// again. They are left as they are.
    pub(crate) fn open(
        directory: &Path,
        secrets: ViewSecrets,
        limits: ViewLimits,
        let_go: u64,
    ) -> Result<Self, ViewError> {
        Self::open_with(directory, secrets, limits, let_go, ROOM)
    }

    /// The same, with so much room to build them in.
    fn open_with(
        directory: &Path,
        secrets: ViewSecrets,
        limits: ViewLimits,
        let_go: u64,
        room: Room,
    ) -> Result<Self, ViewError> {
        let ViewLimits { cache_bytes, most_rows } = limits;
        let store = Arc::new(ViewStore::open(directory, cache_bytes, let_go)?);
        let queue = Arc::new(RecordQueue::new(PACE));
        let writer =
            ViewWriter::start(Arc::clone(&store), Arc::clone(&queue), secrets.clone(), room)?;
        let readers = Arc::new(Semaphore::new(READERS));
        Ok(Self { store, queue, secrets, writer, readers, most_rows })
    }

    /// All of them as they are now; `None` where they have been found damaged.
    pub(crate) fn copy(&self) -> Option<TreeCopy> {
        self.store.copy()
    }

    /// The same of views that nobody has open; `None` also where another release has written them.
    ///
    /// # Errors
    /// Where the directory cannot be used.
    pub(crate) fn copy_idle(directory: &Path) -> Result<Option<TreeCopy>, ViewError> {
        match ViewStore::open_as_is(directory, LITTLE_CACHE) {
            Ok(store) => Ok(store.copy()),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins views, where there are none, that are to be made of a copy.
    ///
    /// # Errors
    /// Where the directory cannot be used.
    pub(crate) fn restore(directory: &Path) -> Result<TreeBuilder, ViewError> {
        Ok(ViewStore::open_as_is(directory, LITTLE_CACHE)?.restore())
    }

    /// How far views that nobody has open have read the log: each shard's last record.
    ///
    /// # Errors
    /// Where they cannot be used.
    pub(crate) fn positions(directory: &Path, streams: usize) -> Result<Vec<u64>, ViewError> {
        let store = ViewStore::open_as_is(directory, LITTLE_CACHE)?;
        Ok((0..=u16::MAX).take(streams).map(|shard| store.position(ShardId(shard))).collect())
    }

    /// Removes the views of a directory that nobody has open.
    ///
    /// # Errors
    /// Where that cannot be done.
    pub(crate) fn remove(directory: &Path) -> Result<(), ViewError> {
        store::remove(directory)
    }

    /// All that a start reads in the log has been shown: they are built, where they had to be, and what
    /// follows is taken in behind everything else.
    pub(crate) fn go_live(&self) {
        self.queue.go_live();
    }

    /// Waits until everything is in the views that was durable when this was called; false where that
    /// takes longer than `patience`, or the views have failed.
    pub(crate) async fn catch_up(&self, patience: Duration) -> bool {
        self.queue.catch_up(patience).await
    }

    /// The same for whoever may block, however long it takes; false where the views have failed.
    pub(crate) fn wait_until_caught_up(&self) -> bool {
        self.queue.wait_until_empty();
        !self.has_failed()
    }

    /// Waits for a turn to read: as many as there are may do so at once.
    pub(crate) async fn turn_to_read(&self) -> OwnedSemaphorePermit {
        let turn = Arc::clone(&self.readers).acquire_owned().await;
        turn.expect("nobody closes it")
    }

    /// Up to `limit` rows of a part behind its first `skip` ones, in its order. Reads from the disk.
    pub(crate) fn find(
        &self,
        selection: &Selection,
        part: Part,
        (skip, limit): (usize, usize),
    ) -> Result<Vec<Found>, ViewError> {
        let reading = self.store.read();
        let found = query::find(&reading, selection, part, self.most_rows);
        self.checked(found.skip(skip).take(limit).collect())
    }

    /// The row with this id. Reads from the disk.
    pub(crate) fn row(&self, realm: Realm, id: u128) -> Result<Option<Row>, ViewError> {
        self.checked(self.store.row(realm, id))
    }

    /// How many rows are asked for. Reads from the disk: counters where they tell, else every row
    /// that may be asked for.
    pub(crate) fn count(&self, selection: &Selection) -> Result<u64, ViewError> {
        let reading = self.store.read();
        let counted = if selection.is_tallied() {
            tally::tallies(&reading, selection.realm).map(|tallies| {
                let wanted = tallies.iter().filter(|(of, _rows)| of.is_asked_for(selection));
                let rows: i64 = wanted.map(|(_of, rows)| rows).sum();
                u64::try_from(rows).unwrap_or(0)
            })
        } else {
            let part = Part { from: 0, to: u128::MAX, newest_first: true };
            let mut rows = query::find(&reading, selection, part, self.most_rows);
            rows.try_fold(0, |count, found| found.map(|_found| count + 1))
        };
        self.checked(counted)
    }

    /// What the views tell orders and customers by.
    pub(crate) fn secrets(&self) -> &ViewSecrets {
        &self.secrets
    }

    /// Whether nothing is taken in any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.queue.has_failed()
    }

    /// Records that wait to be taken in.
    pub(crate) fn waiting(&self) -> u64 {
        self.queue.waiting()
    }

    /// For how long the oldest of them has waited.
    pub(crate) fn lag(&self) -> Duration {
        self.queue.lag()
    }

    /// Sets the gauges.
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; counts stay far below 2^52")]
    pub(crate) fn measure(&self, metrics: &ViewMetrics) {
        metrics.lag_records.set(self.waiting() as f64);
        metrics.lag_seconds.set(self.lag().as_secs_f64());
        metrics.failed.set(f64::from(u8::from(self.has_failed())));
    }

    /// Takes in what waits, and closes the store. Blocks.
    pub(crate) fn close(&self) {
        self.writer.close();
    }

    /// What was read; a store that is found damaged is not used by the next start.
    fn checked<T>(&self, read: Result<T, ViewError>) -> Result<T, ViewError> {
        read.inspect_err(|error| {
            if error.is_damage() {
                self.store.condemn();
            }
        })
    }
}

impl RecordObserver for Views {
    fn position(&self, shard: ShardId) -> u64 {
        self.store.position(shard)
    }

    fn replay(&self, records: Vec<Arc<DurableRecord>>) {
        self.queue.replay(records);
    }

    fn observe(&self, records: Vec<Arc<DurableRecord>>) {
        self.queue.put(records);
    }

    fn refuses_a_gap(&self) -> Option<&'static str> {
        Some(
            "the views lack records before that: `tollgate views rebuild \
             --from-the-beginning-of-the-log` builds them of what the log still has",
        )
    }

    fn do_without(&self, up_to: &[u64]) {
        let mut change = self.store.begin(up_to.len());
        for (shard, last) in (0..=u16::MAX).map(ShardId).zip(up_to) {
            if self.store.position(shard) < *last {
                change.reach(shard, *last);
            }
        }
        if let Err(error) = change.commit() {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the views cannot be written");
            self.queue.fail();
        }
    }

    /// After a failure nothing is kept, so that there is room for ever.
    fn has_room(&self) -> bool {
        self.has_failed() || self.queue.has_room()
    }
}

#[cfg(test)]
mod tests;
