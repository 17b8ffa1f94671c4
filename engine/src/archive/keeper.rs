//! The archive as a running engine has it: a thread that writes down what has left, and what is still
//! on its way there.
//!
//! Invariant: what was taken is found, in memory until it is written down and in the files from then
//! on, without a moment between.
//!
//! After a failure nothing is written any more: what was taken stays in memory, where it is found,
//! nothing more leaves, and no snapshot is made, so that the next start makes up for it.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use tollgate_domain::{OperationId, PaymentId, ShardId};
use tollgate_wal::crash_point;

use super::{
    Archive, ArchiveError, Departures, OrderPlace, OrderRange, archive_directory, store::Store,
};
use crate::{
    abort_guard::AbortOnPanic, error::Error, inspect::records_let_go, tree_copy::TreeCopy,
};

/// Bytes on their way above which nothing more leaves memory.
const MOST_BYTES: usize = 32 << 20;

/// Bytes that are written down together, at the most about.
const BATCH_BYTES: usize = 4 << 20;

/// How long a replay waits before it looks again whether there is room.
const PAUSE: Duration = Duration::from_millis(1);

/// The archive of a log that lies in a directory.
pub struct Keeper {
    shared: Arc<Shared>,
    /// Gone once it is closed.
    inbox: Mutex<Option<Sender<Letter>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Store,
    positions: RwLock<HashMap<ShardId, u64>>,
    /// What is taken and not written down yet.
    histories: DashMap<PaymentId, Arc<[u8]>>,
    operations: DashMap<OperationId, PaymentId>,
    orders: DashMap<OrderPlace, Arc<[u8]>>,
    bytes: AtomicUsize,
    failed: AtomicBool,
}

enum Letter {
    Departures(Departures),
    /// Is answered once everything before is on the disk.
    Persist(SyncSender<Result<(), ArchiveError>>),
}

impl Keeper {
    /// Opens the archive of a log that nobody else has open. One that is damaged is put aside where the log
    /// can make it again, and begins anew.
    ///
    /// # Errors
    /// Where it cannot be used just now, and where it is damaged and the log was cut. It stays as it is.
    pub(crate) fn of_log(log: &Path) -> Result<Self, Error> {
        let archive = archive_directory(log);
        match Self::open(&archive) {
            Err(Error::Archive(error)) if error.is_damage() => {
                if records_let_go(log)?.is_some_and(|let_go| let_go > 0) {
                    return Err(Error::Archive(ArchiveError::Irreplaceable {
                        source: Box::new(error),
                    }));
                }
                let aside = archive.with_extension("damaged");
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    error,
                    ?aside,
                    "the archive is damaged, is put aside, and is made anew"
                );
                put_aside(&archive, &aside)
                    .map_err(|error| Error::Archive(fjall::Error::Io(error).into()))?;
                Self::open(&archive)
            }
            opened => opened,
        }
    }

    /// Opens what lies in a directory, which is made where there is none, and starts the thread.
    ///
    /// # Errors
    /// Where it cannot be opened or read, and where the system gives no thread.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let store = Store::open(directory).map_err(Error::Archive)?;
        let positions = RwLock::new(store.positions().map_err(Error::Archive)?);
        let shared = Arc::new(Shared {
            store,
            positions,
            histories: DashMap::new(),
            operations: DashMap::new(),
            orders: DashMap::new(),
            bytes: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        });
        let (inbox, letters) = channel();
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("archive".to_owned())
            .spawn(move || {
                let _guard = AbortOnPanic;
                writer.run(&letters);
            })
            .map_err(Error::Thread)?;
        Ok(Self { shared, inbox: Mutex::new(Some(inbox)), thread: Mutex::new(Some(thread)) })
    }

    /// Writes down what was taken, and ends the thread. Blocks for as long as that takes.
    pub fn close(&self) {
        drop(self.inbox.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // A panic in it has aborted the process.
            let _ = thread.join();
        }
    }

    /// What is written down by now. What is still on its way is in the log behind its beginning.
    pub(crate) fn copy(&self) -> TreeCopy {
        self.shared.store.copy()
    }

    fn send(&self, letter: Letter) {
        if let Some(inbox) = &*self.inbox.lock() {
            // The thread lives as long as its letters are sent.
            let _ended = inbox.send(letter);
        }
    }
}

/// Of what is put aside the last one is kept.
fn put_aside(archive: &Path, aside: &Path) -> io::Result<()> {
    match fs::remove_dir_all(aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::rename(archive, aside)
}

impl Archive for Keeper {
    fn position(&self, shard: ShardId) -> u64 {
        self.shared.positions.read().get(&shard).copied().unwrap_or(0)
    }

    fn take(&self, departures: Departures) {
        self.shared.note(&departures);
        self.send(Letter::Departures(departures));
    }

    fn replay(&self, departures: Departures) {
        while !self.has_room() && !self.shared.failed.load(Ordering::Acquire) {
            std::thread::sleep(PAUSE);
        }
        self.take(departures);
    }

    fn has_room(&self) -> bool {
        !self.shared.failed.load(Ordering::Acquire)
            && self.shared.bytes.load(Ordering::Acquire) < MOST_BYTES
    }

    fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    fn history(&self, payment: PaymentId) -> Result<Option<Vec<u8>>, ArchiveError> {
        // What leaves for a second time is on its way while the files have how it left before.
        if let Some(bytes) = self.shared.histories.get(&payment) {
            return Ok(Some(bytes.to_vec()));
        }
        self.shared.store.history(payment)
    }

    fn payment_of(&self, operation: OperationId) -> Result<Option<PaymentId>, ArchiveError> {
        if let Some(payment) = self.shared.operations.get(&operation) {
            return Ok(Some(*payment));
        }
        self.shared.store.payment_of(operation)
    }

    fn order(&self, place: OrderPlace) -> Result<Option<Vec<u8>>, ArchiveError> {
        if let Some(bytes) = self.shared.orders.get(&place) {
            return Ok(Some(bytes.to_vec()));
        }
        self.shared.store.order(place)
    }

    fn orders(&self, range: OrderRange) -> Result<Vec<Vec<u8>>, ArchiveError> {
        // First what is on its way: what is written down in between is found in the files then.
        let (first, last) = range.ends();
        let mut found: BTreeMap<OrderPlace, Vec<u8>> = self
            .shared
            .orders
            .iter()
            .filter(|entry| (first..=last).contains(entry.key()))
            .map(|entry| (*entry.key(), entry.value().to_vec()))
            .collect();
        for (place, bytes) in self.shared.store.orders(range)? {
            found.entry(place).or_insert(bytes);
        }
        let found = found.into_values();
        Ok(if range.newest_first {
            found.rev().take(range.most).collect()
        } else {
            found.take(range.most).collect()
        })
    }

    fn persist(&self) -> Result<(), ArchiveError> {
        let (answer, answered) = sync_channel(1);
        self.send(Letter::Persist(answer));
        answered.recv().map_err(|_closed| ArchiveError::Failed)?
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// What is taken is found from now on.
    fn note(&self, departures: &Departures) {
        self.bytes.fetch_add(departures.bytes(), Ordering::AcqRel);
        for departed in &departures.payments {
            self.histories.insert(departed.payment, departed.history.as_slice().into());
            for operation in &departed.operations {
                self.operations.insert(*operation, departed.payment);
            }
        }
        for departed in &departures.orders {
            self.orders.insert(departed.place, departed.order.as_slice().into());
        }
    }

    fn run(&self, letters: &Receiver<Letter>) {
        while let Ok(letter) = letters.recv() {
            let mut left = Vec::new();
            let mut bytes = 0;
            let mut next = Some(letter);
            let mut asked = None;
            while let Some(letter) = next {
                match letter {
                    Letter::Departures(departures) => {
                        bytes += departures.bytes();
                        left.push(departures);
                    }
                    Letter::Persist(answer) => {
                        asked = Some(answer);
                        break;
                    }
                }
                next = (bytes < BATCH_BYTES).then(|| letters.try_recv().ok()).flatten();
            }
            self.write(left);
            if let Some(answer) = asked {
                // Who asked may have gone.
                let _gone = answer.send(self.persist());
            }
        }
        if let Err(error) = self.persist() {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the archive is closed without what left last");
        }
    }

    fn write(&self, left: Vec<Departures>) {
        if left.is_empty() || self.failed.load(Ordering::Acquire) {
            return;
        }
        crash_point::reach("archive: payments have left");
        if let Err(error) = self.store.write(&left) {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the archive has failed; payments and orders stay in memory");
            self.failed.store(true, Ordering::Release);
            return;
        }
        crash_point::reach("archive: payments are written down");
        let mut positions = self.positions.write();
        for departures in &left {
            positions.insert(departures.shard, departures.position());
        }
        drop(positions);
        for departures in left {
            for departed in &departures.payments {
                // Another departure of the same payment may be on its way already.
                self.histories
                    .remove_if(&departed.payment, |_payment, bytes| **bytes == *departed.history);
                for operation in &departed.operations {
                    self.operations.remove(operation);
                }
            }
            for departed in &departures.orders {
                self.orders.remove_if(&departed.place, |_place, bytes| **bytes == *departed.order);
            }
            self.bytes.fetch_sub(departures.bytes(), Ordering::AcqRel);
        }
    }

    fn persist(&self) -> Result<(), ArchiveError> {
        if self.failed.load(Ordering::Acquire) {
            return Err(ArchiveError::Failed);
        }
        self.store.persist()?;
        crash_point::reach("archive: what is written down outlives a power cut");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_has_failed_says_so_and_takes_nothing_more() {
        let directory = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(directory.path()).unwrap();
        assert!(keeper.has_room() && !keeper.has_failed());
        keeper.persist().unwrap();
        keeper.shared.failed.store(true, Ordering::Release);
        assert!(keeper.has_failed() && !keeper.has_room());
        assert!(matches!(keeper.persist(), Err(ArchiveError::Failed)));
        let (payments, orders) = (Vec::new(), Vec::new());
        keeper.replay(Departures { shard: ShardId(1), before: 0, payments, orders });
        keeper.close();
        assert_eq!(keeper.position(ShardId(1)), 0);
    }
}
