//! Records of the log that wait to be taken in by whoever derives something from it, and how far that
//! has come.
//!
//! ```text
//!   start ─▶ replay ─▶ │            │
//!            go_live ─▶ │ what waits │ ─▶ next ─▶ one thread takes it in ─▶ taken
//!   releaser ─▶ put ─▶ │            │                │
//!                                                      │
//!   whoever must find what he was told ◀─ catch_up ◀───┘
//! ```
//!
//! First comes what a start reads in the log, for which somebody waits; then, told apart, what comes
//! live, behind everything else. Of that a batch is not begun sooner than a while after the one before,
//! unless somebody waits for it: what comes alone is taken in at once, and what comes in numbers costs
//! one change of a store instead of many.
//!
//! Invariant: records are counted when they come, before anybody is answered who had them written.
//! Whoever reads the count and waits until as many are taken in finds all that he was told of. Whoever
//! adds live records, and whoever asks whether there is room, never waits for the thread that takes
//! them: that is of low priority, and they are not.

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

/// How records are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// About so many at once.
    pub(crate) most: usize,
    /// From the beginning of a batch to that of the next, where nobody waits for it.
    pub(crate) apart: Duration,
}

/// What waits.
pub(crate) struct RecordQueue {
    pace: Pace,
    sender: Mutex<Option<Sender<Waiting>>>,
    receiver: Receiver<Waiting>,
    /// Whether what comes from now on comes live. Changes once, under the sender's lock.
    live: AtomicBool,
    /// Records that ever came, and one for the beginning of what is live.
    came: AtomicU64,
    /// Of them, those that are taken in.
    taken: AtomicU64,
    /// Of them, those that somebody waits for.
    wanted: AtomicU64,
    /// Told whenever some are taken in.
    progress: watch::Sender<()>,
    /// Since when what is being taken in has waited.
    waiting_since: Mutex<Option<Instant>>,
    failed: AtomicBool,
    closed: AtomicBool,
    drained: (Mutex<()>, Condvar),
    hurried: (Mutex<()>, Condvar),
}

enum Waiting {
    Replayed(Vec<Arc<DurableRecord>>),
    GoesLive,
    Live { records: Vec<Arc<DurableRecord>>, since: Instant },
}

/// What the next batch is made of.
pub(crate) enum Next {
    /// These, which a start has read in the log.
    Replayed(Vec<Arc<DurableRecord>>),
    /// Of those there are no more: what follows comes live. It counts as one record.
    GoesLive,
    /// These, live.
    Records(Vec<Arc<DurableRecord>>),
    /// Nothing came for a while.
    Nothing,
    /// Nothing comes any more.
    Closed,
}

impl RecordQueue {
    pub(crate) fn new(pace: Pace) -> Self {
        let (sender, receiver) = unbounded();
        Self {
            pace,
            sender: Mutex::new(Some(sender)),
            receiver,
            live: AtomicBool::new(false),
            came: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            progress: watch::Sender::new(()),
            waiting_since: Mutex::new(None),
            failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            drained: Default::default(),
            hurried: Default::default(),
        }
    }

    /// Adds records that a start has read in the log, once there is room for them.
    pub(crate) fn replay(&self, records: Vec<Arc<DurableRecord>>) {
        self.wait_for_room();
        if self.has_failed() || records.is_empty() {
            return;
        }
        let sender = self.sender.lock();
        self.send(sender.as_ref(), records.len(), Waiting::Replayed(records));
    }

    /// All that a start reads in the log has come. Said more than once it says nothing new.
    pub(crate) fn go_live(&self) {
        self.begin_live(self.sender.lock().as_ref());
    }

    /// Adds records that have become durable, unless nobody will ever take them.
    pub(crate) fn put(&self, records: Vec<Arc<DurableRecord>>) {
        if self.has_failed() || records.is_empty() {
            return;
        }
        let sender = self.sender.lock();
        self.begin_live(sender.as_ref());
        let count = records.len();
        self.send(sender.as_ref(), count, Waiting::Live { records, since: Instant::now() });
    }

    fn begin_live(&self, sender: Option<&Sender<Waiting>>) {
        if !self.live.swap(true, Ordering::AcqRel) {
            self.send(sender, 1, Waiting::GoesLive);
        }
    }

    fn send(&self, sender: Option<&Sender<Waiting>>, count: usize, waiting: Waiting) {
        self.came.fetch_add(count as u64, Ordering::AcqRel);
        if let Some(sender) = sender {
            // The queue holds a receiver itself, so that there always is one.
            let _ = sender.send(waiting);
        }
    }

    /// Waits for records up to `patience`, and takes those that are there when the time for a batch
    /// has come; `last` is when the batch before began.
    pub(crate) fn next(&self, patience: Duration, last: Instant) -> Next {
        let (mut records, since) = match self.receiver.recv_timeout(patience) {
            Ok(Waiting::Replayed(records)) => return Next::Replayed(records),
            Ok(Waiting::GoesLive) => return Next::GoesLive,
            Ok(Waiting::Live { records, since }) => (records, since),
            Err(RecvTimeoutError::Timeout) => return Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => return Next::Closed,
        };
        *self.waiting_since.lock() = Some(since);
        if self.waiting() < self.pace.most as u64 {
            self.wait_for_more(last + self.pace.apart);
        }
        while records.len() < self.pace.most {
            match self.receiver.try_recv() {
                Ok(Waiting::Live { records: more, since: _ } | Waiting::Replayed(more)) => {
                    records.extend(more);
                }
                Ok(Waiting::GoesLive) => unreachable!("that is said once, before anything live"),
                Err(_nothing) => break,
            }
        }
        Next::Records(records)
    }

    /// So many more are taken in.
    pub(crate) fn taken(&self, records: usize) {
        self.taken.fetch_add(records as u64, Ordering::AcqRel);
        *self.waiting_since.lock() = None;
        self.progress.send_replace(());
        let (lock, condition) = &self.drained;
        drop(lock.lock());
        condition.notify_all();
    }

    /// Nothing will be taken in any more.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.taken(0);
    }

    /// Nothing is added any more.
    pub(crate) fn close(&self) {
        drop(self.sender.lock().take());
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Records that wait.
    pub(crate) fn waiting(&self) -> u64 {
        let taken = self.taken.load(Ordering::Acquire);
        self.came.load(Ordering::Acquire).saturating_sub(taken)
    }

    /// For how long what is being taken in has waited; nothing where nothing is.
    pub(crate) fn lag(&self) -> Duration {
        self.waiting_since.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether more may come without too much of it waiting.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting() < MOST_WAITING
    }

    /// Waits until there is room, or nothing is taken in any more.
    pub(crate) fn wait_for_room(&self) {
        let (lock, condition) = &self.drained;
        let mut guard = lock.lock();
        condition.wait_while(&mut guard, |()| !self.has_failed() && !self.has_room());
    }

    /// Waits until all is taken in that has come by now; false where that takes too long, or nothing
    /// is taken in any more.
    pub(crate) async fn catch_up(&self, patience: Duration) -> bool {
        let came = self.came.load(Ordering::Acquire);
        let is_reached = || self.taken.load(Ordering::Acquire) >= came;
        let mut progress = self.progress.subscribe();
        if !is_reached() {
            self.hurry(came);
        }
        let reached = progress.wait_for(|()| is_reached() || self.has_failed());
        timeout(patience, reached).await.is_ok_and(|reached| reached.is_ok()) && !self.has_failed()
    }

    /// The same for whoever may block, however long it takes.
    pub(crate) fn wait_until_empty(&self) {
        self.hurry(self.came.load(Ordering::Acquire));
        let (lock, condition) = &self.drained;
        let mut guard = lock.lock();
        condition.wait_while(&mut guard, |()| !self.has_failed() && self.waiting() > 0);
    }

    /// Waits until a time, or until somebody wants what is there.
    fn wait_for_more(&self, until: Instant) {
        let (lock, condition) = &self.hurried;
        let is_wanted = || {
            self.wanted.load(Ordering::Acquire) > self.taken.load(Ordering::Acquire)
                || self.closed.load(Ordering::Acquire)
        };
        let mut guard = lock.lock();
        while !is_wanted() {
            if condition.wait_until(&mut guard, until).timed_out() {
                break;
            }
        }
    }

    /// Somebody waits until so many are taken in.
    fn hurry(&self, came: u64) {
        self.wanted.fetch_max(came, Ordering::AcqRel);
        self.wake();
    }

    fn wake(&self) {
        let (lock, condition) = &self.hurried;
        drop(lock.lock());
        condition.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{Sale, Shop};

    const FOREVER: Duration = Duration::from_secs(86_400);

    fn records(count: usize) -> Vec<Arc<DurableRecord>> {
        let mut shop = Shop::new();
        for _payment in 0..count {
            shop.pay(Sale::USUAL);
        }
        shop.records
    }

    fn taken(queue: &RecordQueue, last: Instant) -> Vec<u64> {
        match live(queue, last) {
            Next::Records(records) => records.iter().map(|record| record.sequence).collect(),
            Next::Replayed(_) | Next::GoesLive | Next::Nothing | Next::Closed => {
                panic!("something waits")
            }
        }
    }

    /// What comes next, behind the beginning of what is live.
    fn live(queue: &RecordQueue, last: Instant) -> Next {
        match queue.next(FOREVER, last) {
            Next::GoesLive => {
                queue.taken(1);
                queue.next(FOREVER, last)
            }
            next @ (Next::Replayed(_) | Next::Records(_) | Next::Nothing | Next::Closed) => next,
        }
    }

    fn long_ago() -> Instant {
        // A clock may have begun a moment ago.
        Instant::now().checked_sub(Duration::from_millis(1)).unwrap_or_else(Instant::now)
    }

    #[test]
    fn records_come_in_their_order_as_many_as_are_wanted_at_once() {
        let queue = RecordQueue::new(Pace { most: 3, apart: Duration::ZERO });
        for record in records(5) {
            queue.put(vec![record]);
        }
        assert_eq!(taken(&queue, long_ago()), [1, 2, 3]);
        assert_eq!(queue.waiting(), 5, "until they are taken in");
        queue.taken(3);
        assert_eq!(taken(&queue, long_ago()), [4, 5]);
        queue.taken(2);
        assert_eq!(queue.waiting(), 0);
        queue.close();
        assert!(matches!(queue.next(FOREVER, long_ago()), Next::Closed));
    }

    /// What a start reads is taken as it comes, however soon; then it is said, once, that it was all.
    #[test]
    fn what_a_start_reads_is_told_apart_from_what_comes_live() {
        let queue = RecordQueue::new(Pace { most: 100, apart: FOREVER });
        queue.replay(records(2));
        queue.replay(records(1));
        queue.go_live();
        queue.put(records(3));
        queue.go_live();
        queue.close();
        for expected in [2, 1] {
            let next = queue.next(FOREVER, Instant::now());
            let Next::Replayed(records) = next else { panic!("a start has read it") };
            assert_eq!(records.len(), expected);
            queue.taken(records.len());
        }
        assert!(matches!(queue.next(FOREVER, Instant::now()), Next::GoesLive));
        assert_eq!(queue.waiting(), 4);
        queue.taken(1);
        assert_eq!(taken(&queue, long_ago()).len(), 3);
        queue.taken(3);
        assert!(matches!(queue.next(FOREVER, Instant::now()), Next::Closed));
        assert_eq!(queue.waiting(), 0);
    }

    /// The next batch is due in a day; whoever waits for it does not wait that long.
    #[tokio::test]
    async fn whoever_waits_hurries_the_next_batch() {
        let queue = Arc::new(RecordQueue::new(Pace { most: 100, apart: FOREVER }));
        queue.put(records(2));
        let taker = Arc::clone(&queue);
        let thread = std::thread::spawn(move || {
            let sequences = taken(&taker, Instant::now());
            taker.taken(sequences.len());
            sequences
        });
        assert!(queue.catch_up(FOREVER).await);
        assert_eq!(thread.join().unwrap(), [1, 2]);
    }

    #[test]
    fn a_queue_that_is_closed_gives_what_it_has_at_once() {
        let queue = RecordQueue::new(Pace { most: 100, apart: FOREVER });
        queue.put(records(1));
        queue.close();
        assert_eq!(taken(&queue, Instant::now()), [1]);
        assert!(matches!(queue.next(FOREVER, Instant::now()), Next::Closed));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_queue_that_has_failed() {
        let queue = RecordQueue::new(Pace { most: 100, apart: FOREVER });
        queue.put(records(1));
        queue.fail();
        assert!(!queue.catch_up(FOREVER).await);
        queue.wait_for_room();
        queue.wait_until_empty();
        let before = queue.waiting();
        queue.put(records(1));
        queue.replay(records(1));
        assert_eq!(queue.waiting(), before, "nothing is added any more");
    }
}
