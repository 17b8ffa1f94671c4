//! Makes snapshots beside the shards, which go on serving, and lets go of what they make needless: a thread
//! of the lowest priority.
//!
//! Invariants: shards take turns to be compared with what they have become, so that all are proved in the
//! course of time, and none is held up for longer than its own hash takes. The log is cut only at a
//! snapshot that has been proved once more.
//!
//! Not here: how one is made (`snapshot_maker.rs`), which are kept (`retention.rs`), and how one is used
//! at start (`recovery.rs`).

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant, UNIX_EPOCH},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tollgate_domain::{ShardId, StateHash, Timestamp};
use tollgate_wal::{
    Compressed, Cut, SnapshotStore, compress_before, crash_point, cut_before, drop_sled_before,
};

use crate::{
    abort_guard::AbortOnPanic,
    archive::Archive,
    clock::Clock,
    error::Error,
    log_hold::{LogHold, LogHolds},
    options::{EngineOptions, Observer, SnapshotObservation},
    record_observer::RecordObservers,
    retention::{Aged, Plan, next_beginning, plan},
    snapshot::{SnapshotError, snapshot_ends},
    snapshot_maker::{Life, Made, SnapshotMaker},
};

/// How often the thread looks whether enough of the log is sealed.
const LOOK: Duration = Duration::from_secs(1);

/// For how long nothing is tried after a failure: what failed once will mostly do so again at once.
const QUIET: Duration = Duration::from_secs(60);

/// A live shard, as far as the snapshotter needs it.
pub(crate) trait LiveShards: Send + Sync {
    /// How many payment shards there are.
    fn count(&self) -> u16;

    /// Asks a shard for the hash of its state and the record that it is after, once that is durable.
    fn hash_of(&self, shard: ShardId) -> oneshot::Receiver<(u64, StateHash)>;

    /// The shards' clock.
    fn clock(&self) -> &Clock;
}

/// The thread, from outside.
#[derive(Debug)]
pub(crate) struct Snapshotter {
    requests: Mutex<Option<Sender<Answer>>>,
    holds: LogHolds,
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

type Answer = oneshot::Sender<Result<SnapshotObservation, Error>>;

struct Worker {
    root: PathBuf,
    maker: SnapshotMaker,
    /// Sealed bytes after which a snapshot is made; 0 where that is done on request alone.
    interval: u64,
    /// How long the log keeps its records.
    retention: Option<Duration>,
    compresses: bool,
    live: Arc<dyn LiveShards>,
    observers: RecordObservers,
    observer: Arc<dyn Observer>,
    holds: LogHolds,
    stopping: Arc<AtomicBool>,
    /// When the next is tried after a failure.
    quiet_until: Instant,
    /// Counts what was made: whose turn it is to be proved.
    turn: u16,
}

impl Snapshotter {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives none, or the directory of snapshots cannot be had.
    pub(crate) fn start(
        options: &EngineOptions,
        live: Arc<dyn LiveShards>,
        archive: Arc<dyn Archive>,
        observers: RecordObservers,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let root = &options.directory;
        let (holds, stopping) = (LogHolds::default(), Arc::new(AtomicBool::new(false)));
        let maker = SnapshotMaker::new(root, live.count() + 1, archive, Arc::clone(&stopping))?;
        let mut worker = Worker {
            root: root.clone(),
            maker,
            interval: options.snapshot_bytes,
            retention: options.retention,
            compresses: options.compress_sealed,
            live,
            observers,
            observer,
            holds: holds.clone(),
            stopping: Arc::clone(&stopping),
            quiet_until: Instant::now(),
            turn: 0,
        };
        let (requests, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("snapshotter".to_owned())
            .spawn(move || {
                let _guard = AbortOnPanic;
                worker.run(&inbox);
            })
            .map_err(Error::Thread)?;
        Ok(Self {
            requests: Mutex::new(Some(requests)),
            holds,
            stopping,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks for a snapshot of what is sealed. Nothing is received where the thread has ended.
    pub(crate) fn request(&self) -> oneshot::Receiver<Result<SnapshotObservation, Error>> {
        let (answer, answered) = oneshot::channel();
        if let Some(requests) = &*self.requests.lock() {
            // Where it has ended the answer is dropped with it.
            let _ended = requests.send(answer);
        }
        answered
    }

    /// Keeps the log from being cut. Blocks while it is.
    pub(crate) fn hold_log(&self) -> LogHold {
        self.holds.hold()
    }

    /// Ends the thread, and gives up what it is at. Blocks for as long as that takes.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        drop(self.requests.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // A panic in it has aborted the process.
            let _ = thread.join();
        }
    }
}

impl Worker {
    fn run(&mut self, inbox: &Receiver<Answer>) {
        lower_priority();
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(answer) => {
                    // Who asked may have gone.
                    let _gone = answer.send(self.take());
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn store(&self) -> &SnapshotStore {
        self.maker.store()
    }

    /// Makes a snapshot if enough is sealed.
    fn look(&mut self) {
        if self.interval == 0 || Instant::now() < self.quiet_until {
            return;
        }
        let made = match self.is_due() {
            Ok(true) => self.take().map(drop),
            Ok(false) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = made
            && !self.stopping.load(Ordering::Acquire)
        {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "no snapshot could be made");
            self.observer.snapshot_failed();
            self.quiet_until = Instant::now() + QUIET;
        }
    }

    fn is_due(&self) -> Result<bool, tollgate_wal::Error> {
        // A snapshot is written whole, so that a large one waits for more: what is written in all
        // stays a small multiple of the log.
        let (sealed, size) = self.maker.behind_newest()?;
        Ok(sealed >= self.interval.max(size / 2))
    }

    /// Makes a snapshot of everything that is sealed, and lets go of what it makes needless.
    fn take(&mut self) -> Result<SnapshotObservation, Error> {
        let shard = ShardId(self.turn % self.live.count() + 1);
        let made = match self.maker.make(shard, &*self.live)? {
            Made::New(made) => made,
            Made::Standing(standing) => return Ok(standing),
        };
        self.turn = self.turn.wrapping_add(1);
        self.retire()?;
        tracing::info!(
            records = made.records,
            bytes = made.bytes,
            elapsed = ?made.elapsed,
            proved = shard.0,
            "a snapshot was made"
        );
        self.observer.snapshot_made(made);
        Ok(made)
    }

    /// Lets go of what the two newest snapshots make needless: older ones, the second copies of segments
    /// before the older of the two, and what the log need not keep any longer.
    fn retire(&self) -> Result<(), Error> {
        // While the clock is in doubt, so is every age.
        if let (Some(retention), Some(now)) = (self.retention, self.live.clock().agreed_time())
            && let Some(frame) =
                next_beginning(&self.aged(now)?, self.store().beginning()?, retention)
            && let Err(error) = self.cut(frame, now, retention)
        {
            // What can be done besides is done all the same.
            let error: &dyn std::error::Error = &error;
            tracing::error!(frame, error, "the log is not cut");
            self.observer.snapshot_failed();
        }
        let now = self.live.clock().time();
        let Plan { snapshots, proven } =
            plan(&self.aged(now)?, self.store().beginning()?, self.retention);
        self.store().keep(&snapshots)?;
        crash_point::reach("snapshot: older ones are gone");
        if let Some(frame) = proven {
            drop_sled_before(&self.root, frame)?;
            if self.compresses {
                self.compress(frame)?;
            }
        }
        Ok(())
    }

    /// Compresses what is sealed before a snapshot, as far as there is time before the end.
    fn compress(&self, frame: u64) -> Result<(), Error> {
        let go_on = || !self.stopping.load(Ordering::Acquire);
        let Compressed { segments, before, after } = compress_before(&self.root, frame, &go_on)?;
        if segments > 0 {
            tracing::info!(segments, before, after, "segments of the log are compressed");
        }
        Ok(())
    }

    /// Lets the log begin at a snapshot, which is the only one that knows what came before from then on: so
    /// it is proved again. Nothing happens where somebody who observes has not come so far, nor where
    /// its records are younger than its file.
    fn cut(&self, frame: u64, now: Timestamp, retention: Duration) -> Result<(), Error> {
        let proved =
            self.store().read(frame).map_err(SnapshotError::from).and_then(|mut snapshot| {
                if self.observers.lack_any(snapshot.checkpoint().positions()) {
                    return Ok(None);
                }
                let ends = snapshot_ends(&mut snapshot)?;
                let last = ends.iter().map(|end| end.last_time).max().unwrap_or_default();
                Ok(Some((snapshot.checkpoint().clone(), last)))
            });
        // One that cannot be read just now may be good: the next snapshot tries again.
        let proved = proved.inspect_err(|error| {
            if error.is_damage() {
                self.maker.put_aside(frame, error);
            }
        })?;
        let Some((checkpoint, last)) = proved else {
            // Whoever lags behind by all that time is to be mended before, or switched off.
            tracing::warn!(frame, "the log is not cut: a view or the feed has not read so far");
            return Ok(());
        };
        if Duration::from_millis(now.since(last).0) < retention {
            tracing::warn!(frame, "the log is not cut: a snapshot is younger than its file says");
            return Ok(());
        }
        let Some(cut) = self.holds.unless_held(|| cut_before(&self.root, &checkpoint)) else {
            tracing::info!(frame, "the log is not cut: a backup is taken of it");
            return Ok(());
        };
        let Cut { segments, bytes } = cut?;
        tracing::info!(frame, segments, bytes, "the log has let go of what it need not keep");
        Ok(())
    }

    /// The snapshots that there are, the newest first, and how old their files are.
    fn aged(&self, now: Timestamp) -> Result<Vec<Aged>, tollgate_wal::Error> {
        let now = Duration::from_millis(now.as_millis());
        let aged = |frame| {
            // A file from the time to come is new.
            let made = self.store().made_at(frame)?.duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(Aged { frame, age: now.saturating_sub(made) })
        };
        self.store().list()?.into_iter().map(aged).collect()
    }
}

impl Life for dyn LiveShards {
    fn hash_of(&self, shard: ShardId) -> Option<(u64, StateHash)> {
        LiveShards::hash_of(self, shard).blocking_recv().ok()
    }
}

/// Snapshots have time; payments do not.
fn lower_priority() {
    // Of this thread alone, on Linux. Where it is refused the thread works as fast as the others.
    if let Err(error) = rustix::process::setpriority_process(None, LOWEST) {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "snapshots are made at the priority of everything else");
    }
}

/// The niceness of what may wait for everybody.
const LOWEST: i32 = 19;
