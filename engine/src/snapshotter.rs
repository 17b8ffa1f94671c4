//! Makes snapshots beside the shards, which go on serving: a thread of the lowest priority.
//!
//! ```text
//!   older snapshot ─┐
//!   sealed segments ┴▶ apply ─▶ write, sync ─▶ read again ─▶ compare with life ─▶ rename
//!                                                               ▲
//!                      one live shard's hash, at a record of its own choice
//! ```
//!
//! Invariant: a snapshot takes its name only once its bytes are durable, have been read again and come
//! to the hashes of what was written, and one shard of it, replayed on to a later record, has the hash
//! that the live one had there; and once the archive has, beyond a power cut, what has left memory by
//! then. Shards take turns, so that all are proved in the course of time, and
//! none is held up for longer than its own hash takes.
//!
//! Not here: what a snapshot says (`snapshot.rs`), and how one is used at start (`recovery.rs`).

use std::{
    ops::Range,
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
use tollgate_domain::{ShardId, ShardState, StateHash, Timestamp, codec};
use tollgate_wal::{
    Checkpoint, Compressed, Cut, SnapshotStore, Tail, VisitError, compress_before, crash_point,
    cut_before, drop_sled_before,
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
    snapshot::{
        RecordsByShard, SnapshotError, SnapshotSource, prove_snapshot, snapshot_ends, write_shards,
    },
};

/// How often the thread looks whether enough of the log is sealed.
const LOOK: Duration = Duration::from_secs(1);

/// For how long nothing is tried after a failure: what failed once will mostly do so again at once.
const QUIET: Duration = Duration::from_secs(60);

/// How long it takes at the most, about, until what is durable is let go of.
const RELEASE: Duration = Duration::from_millis(10);

/// Bytes of records that are held in memory at once, about. Of a longer part of the log some shards are
/// taken at a time, and it is read as often as that takes.
const MOST_BYTES: u64 = 128 << 20;

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
    store: SnapshotStore,
    streams: u16,
    /// Sealed bytes after which a snapshot is made; 0 where that is done on request alone.
    interval: u64,
    /// How long the log keeps its records.
    retention: Option<Duration>,
    compresses: bool,
    live: Arc<dyn LiveShards>,
    archive: Arc<dyn Archive>,
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
        let mut worker = Worker {
            root: root.clone(),
            store: SnapshotStore::open(root)?,
            streams: live.count() + 1,
            interval: options.snapshot_bytes,
            retention: options.retention,
            compresses: options.compress_sealed,
            live,
            archive,
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
        let (from, size) = match self.store.list()?.first() {
            Some(frame) => (self.store.read(*frame)?.checkpoint().clone(), self.size(*frame)),
            None => (Checkpoint::genesis(self.streams), 0),
        };
        // A snapshot is written whole, so that a large one waits for more: what is written in all
        // stays a small multiple of the log.
        let sealed = Tail::open_from(&self.root, from).sealed_bytes()?;
        Ok(sealed >= self.interval.max(size / 2))
    }

    /// Makes a snapshot of everything that is sealed.
    fn take(&mut self) -> Result<SnapshotObservation, Error> {
        let began = Instant::now();
        let (from, frame) = self.newest()?;
        let sealed = Tail::open_from(&self.root, from.clone()).sealed_bytes()?;
        let parts = self.parts(sealed);
        let shard = ShardId(self.turn % self.live.count() + 1);
        let mut previous = frame.map(|frame| self.store.read(frame)).transpose()?;
        let mut checkpoint = None;
        let mut writer = None;
        let mut proved = None;
        let mut departures = Vec::new();
        for part in parts {
            let mut records = RecordsByShard::of(part);
            let (reached, tail) = self.read_sealed(&from, checkpoint.as_ref(), &mut records)?;
            if reached == from {
                return Ok(made(&from, self.size(from.frame()), began));
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(self.store.create(&reached)?),
            };
            let source = previous.as_mut().map(|reader| reader as &mut dyn SnapshotSource);
            let written = write_shards(source, &records, &reached, writer, Some(shard));
            for written in written.inspect_err(|error| self.doubt(frame, error))? {
                let sequence = written.end.sequence;
                departures.push((written.end.shard, written.departures));
                proved = written.state.map(|state| (*state, sequence)).or(proved);
            }
            checkpoint = Some((reached, tail));
        }
        let (Some(writer), Some((checkpoint, tail))) = (writer, checkpoint) else {
            unreachable!("a log has a control shard at least");
        };
        let sealed = writer.seal()?;
        prove_snapshot(&mut sealed.read()?)?;
        let (state, sequence) = proved.expect("every shard has a turn");
        self.compare_with_life(tail, state, sequence)?;
        self.secure_archive(&departures)?;
        crash_point::reach("snapshot: it is proved");
        let made = made(&checkpoint, sealed.bytes(), began);
        sealed.publish()?;
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

    /// Puts the snapshot that the next one was to stand upon aside, where it is not what it says it
    /// is: whole as a file, but of another state, such as one that another release hashes otherwise.
    /// The next try begins with the one before, or with the log.
    fn doubt(&self, frame: Option<u64>, error: &SnapshotError) {
        let (Some(frame), true) = (frame, error.is_of_content()) else { return };
        tracing::error!(frame, %error, "a snapshot does not come to its own state, and is put aside");
        self.put_aside(frame);
    }

    fn put_aside(&self, frame: u64) {
        if let Err(error) = self.store.put_aside(frame) {
            let error: &dyn std::error::Error = &error;
            tracing::error!(frame, error, "a snapshot cannot be put aside");
        }
    }

    /// The shards, in as many parts as it takes to hold the records of one in memory.
    fn parts(&self, sealed: u64) -> Vec<Range<u16>> {
        let count = u16::try_from(sealed / MOST_BYTES + 1).unwrap_or(u16::MAX).min(self.streams);
        let size = self.streams.div_ceil(count);
        let starts = (0..self.streams).step_by(usize::from(size));
        starts.map(|start| start..start.saturating_add(size).min(self.streams)).collect()
    }

    /// Reads sealed segments: to where it was the last time, or all of them.
    fn read_sealed(
        &self,
        from: &Checkpoint,
        to: Option<&(Checkpoint, Tail)>,
        records: &mut RecordsByShard,
    ) -> Result<(Checkpoint, Tail), Error> {
        let mut tail = Tail::open_from(&self.root, from.clone());
        let mut reached = from.clone();
        while to.is_none_or(|(to, _tail)| *to != reached) {
            let visited = tail.advance_segment(&mut |record| {
                self.check_going()?;
                records.push(record);
                Ok(())
            })?;
            let Some(next) = visited else { break };
            reached = next;
        }
        Ok((reached, tail))
    }

    /// Replays one shard on to the record after which the live one tells its hash.
    fn compare_with_life(
        &self,
        mut tail: Tail,
        mut state: ShardState,
        mut sequence: u64,
    ) -> Result<(), Error> {
        let shard = state.shard();
        let told = self.live.hash_of(shard).blocking_recv();
        // Who does not answer is stopping, or the log has failed.
        let (at, hash) = told.map_err(|_gone| Error::Stopping)?;
        let mut found = (sequence == at).then(|| state.hash());
        tail.advance(&mut |record| {
            self.check_going()?;
            if record.stream.0 == shard.0 && found.is_none() {
                state.apply(&codec::decode(record.bytes)?);
                sequence = record.sequence;
                found = (sequence == at).then(|| state.hash());
            }
            Ok(())
        })?;
        if found == Some(hash) { Ok(()) } else { Err(Error::Diverged { shard, sequence: at }) }
    }

    /// What has left memory by the snapshot's end is in the archive, and outlives a power cut there: a
    /// start from the snapshot does not read the records that it left by.
    fn secure_archive(&self, departures: &[(ShardId, u64)]) -> Result<(), Error> {
        let given =
            || departures.iter().all(|(shard, left)| self.archive.position(*shard) >= *left);
        loop {
            // First, so that what is made to outlive a power cut has all of it.
            let is_given = given();
            self.archive.persist().map_err(Error::Archive)?;
            if is_given {
                return Ok(());
            }
            // Durable, and let go of in a moment.
            self.check_going().map_err(|_stopping| Error::Stopping)?;
            std::thread::sleep(RELEASE);
        }
    }

    /// Lets go of what the two newest snapshots make needless: older ones, the second copies of segments
    /// before the older of the two, and what the log need not keep any longer.
    fn retire(&self) -> Result<(), Error> {
        // While the clock is in doubt, so is every age.
        if let (Some(retention), Some(now)) = (self.retention, self.live.clock().agreed_time())
            && let Some(frame) =
                next_beginning(&self.aged(now)?, self.store.beginning()?, retention)
            && let Err(error) = self.cut(frame, now, retention)
        {
            // What can be done besides is done all the same.
            let error: &dyn std::error::Error = &error;
            tracing::error!(frame, error, "the log is not cut");
            self.observer.snapshot_failed();
        }
        let now = self.live.clock().time();
        let Plan { snapshots, proven } =
            plan(&self.aged(now)?, self.store.beginning()?, self.retention);
        self.store.keep(&snapshots)?;
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
            self.store.read(frame).map_err(SnapshotError::from).and_then(|mut snapshot| {
                if self.observers.lack_any(snapshot.checkpoint().positions()) {
                    return Ok(None);
                }
                let ends = snapshot_ends(&mut snapshot)?;
                let last = ends.iter().map(|end| end.last_time).max().unwrap_or_default();
                Ok(Some((snapshot.checkpoint().clone(), last)))
            });
        let proved = proved.inspect_err(|error| {
            tracing::error!(frame, %error, "a snapshot is damaged, and is put aside");
            self.put_aside(frame);
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
            let made = self.store.made_at(frame)?.duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(Aged { frame, age: now.saturating_sub(made) })
        };
        self.store.list()?.into_iter().map(aged).collect()
    }

    /// Where the newest snapshot stands that is whole, and its name; or the beginning. One that is
    /// damaged is put aside.
    fn newest(&self) -> Result<(Checkpoint, Option<u64>), tollgate_wal::Error> {
        for frame in self.store.list()? {
            let read = self.store.read(frame).and_then(|mut reader| {
                while reader.next_item()?.is_some() {}
                Ok(reader.checkpoint().clone())
            });
            match read {
                Ok(checkpoint) => return Ok((checkpoint, Some(frame))),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(frame, error, "a snapshot is damaged, and is put aside");
                    self.store.put_aside(frame)?;
                }
            }
        }
        Ok((Checkpoint::genesis(self.streams), None))
    }

    fn size(&self, frame: u64) -> u64 {
        std::fs::metadata(self.store.path(frame)).map_or(0, |file| file.len())
    }

    fn check_going(&self) -> Result<(), VisitError> {
        if self.stopping.load(Ordering::Acquire) { Err(Stopping.into()) } else { Ok(()) }
    }
}

fn made(checkpoint: &Checkpoint, bytes: u64, began: Instant) -> SnapshotObservation {
    let records = checkpoint.positions().iter().sum();
    let frame = checkpoint.frame();
    SnapshotObservation { frame, records, bytes, elapsed: began.elapsed() }
}

/// The engine stops, and with it the reading of its log.
#[derive(Debug, thiserror::Error)]
#[error("stopping")]
struct Stopping;

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
