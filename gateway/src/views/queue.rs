//! What waits for the views to take it in, and how far they have come.
//!
//! Invariant: records are counted when they come, before anybody is answered who had them written.
//! Whoever reads the count and waits until as many are taken in finds all that he was told of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::{Condvar, Mutex};
use tokio::{sync::watch, time::timeout};
use tollgate_engine::DurableRecord;

/// Records that may wait: at some kilobytes each a few hundred megabytes, and seconds of load.
const MOST_WAITING: u64 = 100_000;

/// Records of the log that are not in the views yet.
pub(super) struct Queue {
    sender: Mutex<Option<Sender<Waiting>>>,
    receiver: Receiver<Waiting>,
    /// Records that ever came.
    came: AtomicU64,
    /// Of them, those that are taken in.
    taken: watch::Sender<u64>,
    /// Since when what is being taken in has waited.
    waiting_since: Mutex<Option<Instant>>,
    failed: AtomicBool,
    drained: (Mutex<()>, Condvar),
}

struct Waiting {
    records: Vec<Arc<DurableRecord>>,
    since: Instant,
}

/// What the next batch is made of.
pub(super) enum Next {
    /// These.
    Records(Vec<Arc<DurableRecord>>),
    /// Nothing came for a while.
    Nothing,
    /// Nothing comes any more.
    Closed,
}

impl Default for Queue {
    fn default() -> Self {
        let (sender, receiver) = unbounded();
        Self {
            sender: Mutex::new(Some(sender)),
            receiver,
            came: AtomicU64::new(0),
            taken: watch::Sender::new(0),
            waiting_since: Mutex::new(None),
            failed: AtomicBool::new(false),
            drained: Default::default(),
        }
    }
}

impl Queue {
    /// Adds records, unless nobody will ever take them.
    pub(super) fn put(&self, records: Vec<Arc<DurableRecord>>) {
        if self.has_failed() || records.is_empty() {
            return;
        }
        self.came.fetch_add(records.len() as u64, Ordering::AcqRel);
        if let Some(sender) = &*self.sender.lock() {
            // The queue holds a receiver itself, so that there always is one.
            let _ = sender.send(Waiting { records, since: Instant::now() });
        }
    }

    /// Waits for records up to `patience`, and takes up to about `most` of them.
    pub(super) fn next(&self, patience: Duration, most: usize) -> Next {
        let Waiting { mut records, since } = match self.receiver.recv_timeout(patience) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => return Next::Closed,
        };
        *self.waiting_since.lock() = Some(since);
        while records.len() < most
            && let Ok(more) = self.receiver.try_recv()
        {
            records.extend(more.records);
        }
        Next::Records(records)
    }

    /// So many more are taken in.
    pub(super) fn taken(&self, records: usize) {
        self.taken.send_modify(|taken| *taken += records as u64);
        *self.waiting_since.lock() = None;
        let (lock, condition) = &self.drained;
        drop(lock.lock());
        condition.notify_all();
    }

    /// Nothing will be taken in any more.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.taken(0);
    }

    /// Nothing is added any more.
    pub(super) fn close(&self) {
        drop(self.sender.lock().take());
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Records that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.came.load(Ordering::Acquire).saturating_sub(*self.taken.borrow())
    }

    /// For how long what is being taken in has waited; nothing where nothing is.
    pub(super) fn lag(&self) -> Duration {
        self.waiting_since.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether more may come. After a failure nothing is kept, so that there is room for ever.
    pub(super) fn has_room(&self) -> bool {
        self.has_failed() || self.waiting() < MOST_WAITING
    }

    /// Waits until there is room.
    pub(super) fn wait_for_room(&self) {
        let (lock, condition) = &self.drained;
        let mut guard = lock.lock();
        condition.wait_while(&mut guard, |()| !self.has_room());
    }

    /// Waits until all is taken in that has come by now; false where that takes too long, or nothing
    /// is taken in any more.
    pub(super) async fn catch_up(&self, patience: Duration) -> bool {
        let came = self.came.load(Ordering::Acquire);
        let mut taken = self.taken.subscribe();
        let reached = taken.wait_for(|taken| *taken >= came || self.has_failed());
        timeout(patience, reached).await.is_ok_and(|reached| reached.is_ok()) && !self.has_failed()
    }

    /// The same for whoever may block.
    pub(super) fn wait_until_empty(&self) {
        let (lock, condition) = &self.drained;
        let mut guard = lock.lock();
        condition.wait_while(&mut guard, |()| !self.has_failed() && self.waiting() > 0);
    }
}
