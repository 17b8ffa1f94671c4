//! Makes a snapshot of everything that is sealed, and proves it before it takes its name.
//!
//! ```text
//!   older snapshot ─┐
//!   sealed segments ┴▶ apply ─▶ write, sync ─▶ read again ─▶ compare with life ─▶ rename
//!                                                               ▲
//!                                                  one shard's hash, at a record of its own choice
//! ```
//!
//! Invariant: a snapshot takes its name only once its bytes are durable, have been read again and come
//! to the hashes of what was written, and one shard of it, replayed on to a later record, has the hash
//! that the living one had there; and once the archive has, beyond a power cut, what has left memory by
//! then. One that others were to stand upon is put aside where it is damaged, and not where it could not
//! be read just then.
//!
//! Not here: when one is made, and which are let go of (`snapshotter.rs`), nor what one says
//! (`snapshot.rs`).

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tollgate_domain::{ShardId, ShardState, StateHash, codec};
use tollgate_wal::{Checkpoint, SnapshotStore, Tail, VisitError, crash_point};

use crate::{
    archive::Archive,
    error::Error,
    options::SnapshotObservation,
    snapshot::{RecordsByShard, SnapshotError, SnapshotSource, prove_snapshot, write_shards},
};

/// Bytes of records that are held in memory at once, about. Of a longer part of the log some shards are
/// taken at a time, and it is read as often as that takes.
const MOST_BYTES: u64 = 128 << 20;

/// How long it takes at the most, about, until what is durable is let go of.
const RELEASE: Duration = Duration::from_millis(10);

/// Who knows what a shard has become by another way than its snapshots.
pub(crate) trait Life {
    /// A record of the shard, behind everything that was sealed before this is asked, and the hash of its
    /// state there. `None` where nobody knows any more.
    fn hash_of(&self, shard: ShardId) -> Option<(u64, StateHash)>;
}

/// Makes the snapshots of a log.
pub(crate) struct SnapshotMaker {
    root: PathBuf,
    store: SnapshotStore,
    streams: u16,
    archive: Arc<dyn Archive>,
    stopping: Arc<AtomicBool>,
}

/// What became of making one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Made {
    /// There is a new one.
    New(SnapshotObservation),
    /// Nothing was sealed since the newest.
    Standing(SnapshotObservation),
}

impl SnapshotMaker {
    /// Of a log with so many shards, the control shard included. Once `stopping` is set it gives up.
    ///
    /// # Errors
    /// Where the directory of snapshots cannot be had.
    pub(crate) fn new(
        root: &Path,
        streams: u16,
        archive: Arc<dyn Archive>,
        stopping: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        Ok(Self {
            root: root.to_owned(),
            store: SnapshotStore::open(root)?,
            streams,
            archive,
            stopping,
        })
    }

    /// The snapshots that there are.
    pub(crate) fn store(&self) -> &SnapshotStore {
        &self.store
    }

    /// How many bytes are sealed behind the newest snapshot that can be read, and how large that is.
    pub(crate) fn behind_newest(&self) -> Result<(u64, u64), tollgate_wal::Error> {
        let mut readable = self.store.list()?.into_iter().filter_map(|frame| {
            let checkpoint = self.store.read(frame).ok()?.checkpoint().clone();
            Some((checkpoint, self.size(frame)))
        });
        let newest = readable.next();
        let (from, size) = newest.unwrap_or_else(|| (Checkpoint::genesis(self.streams), 0));
        Ok((Tail::open_from(&self.root, from).sealed_bytes()?, size))
    }

    /// Makes a snapshot of everything that is sealed, and compares this payment shard with life.
    pub(crate) fn make<L>(&self, shard: ShardId, life: &L) -> Result<Made, Error>
    where
        L: Life + ?Sized,
    {
        let began = Instant::now();
        let (from, frame) = self.newest()?;
        let sealed = Tail::open_from(&self.root, from.clone()).sealed_bytes()?;
        let parts = self.parts(sealed);
        let mut previous = frame.map(|frame| self.store.read(frame)).transpose()?;
        let mut checkpoint = None;
        let mut writer = None;
        let mut proved = None;
        let mut departures = Vec::new();
        for part in parts {
            let mut records = RecordsByShard::of(part);
            let (reached, tail) = self.read_sealed(&from, checkpoint.as_ref(), &mut records)?;
            if reached == from {
                return Ok(Made::Standing(observed(&from, self.size(from.frame()), began)));
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
        let (state, sequence) = proved.expect("it is one of the log's payment shards");
        self.compare(life, tail, state, sequence)?;
        self.secure_archive(&departures)?;
        crash_point::reach("snapshot: it is proved");
        let made = observed(&checkpoint, sealed.bytes(), began);
        sealed.publish()?;
        Ok(Made::New(made))
    }

    /// Puts a snapshot aside that is damaged, for somebody to look at: whole as a file or not, it is not
    /// what it says it is, such as one that another release hashes otherwise.
    pub(crate) fn put_aside(&self, frame: u64, error: &SnapshotError) {
        let error: &dyn std::error::Error = error;
        tracing::error!(frame, error, "a snapshot is damaged, and is put aside");
        if let Err(error) = self.store.put_aside(frame) {
            let error: &dyn std::error::Error = &error;
            tracing::error!(frame, error, "a snapshot cannot be put aside");
        }
    }

    /// The same of the one that the next one was to stand upon, where that is to blame. The next try
    /// begins with the one before, or with the log.
    fn doubt(&self, frame: Option<u64>, error: &SnapshotError) {
        if let (Some(frame), true) = (frame, error.is_damage()) {
            self.put_aside(frame, error);
        }
    }

    /// Where the newest snapshot stands that is whole, and its name; or the beginning. One that is
    /// damaged is put aside, and one that cannot be read just now is left where it is.
    fn newest(&self) -> Result<(Checkpoint, Option<u64>), tollgate_wal::Error> {
        for frame in self.store.list()? {
            let read = self.store.read(frame).and_then(|mut reader| {
                while reader.next_item()?.is_some() {}
                Ok(reader.checkpoint().clone())
            });
            match read.map_err(SnapshotError::from) {
                Ok(checkpoint) => return Ok((checkpoint, Some(frame))),
                Err(error) if error.is_damage() => self.put_aside(frame, &error),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(frame, error, "a snapshot cannot be read, and is passed over");
                }
            }
        }
        Ok((Checkpoint::genesis(self.streams), None))
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

    /// Replays one shard on to the record of which life tells the hash.
    fn compare<L>(
        &self,
        life: &L,
        mut tail: Tail,
        mut state: ShardState,
        mut sequence: u64,
    ) -> Result<(), Error>
    where
        L: Life + ?Sized,
    {
        let shard = state.shard();
        // Who does not answer is stopping, or the log has failed.
        let (at, hash) = life.hash_of(shard).ok_or(Error::Stopping)?;
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

    fn size(&self, frame: u64) -> u64 {
        std::fs::metadata(self.store.path(frame)).map_or(0, |file| file.len())
    }

    fn check_going(&self) -> Result<(), VisitError> {
        if self.stopping.load(Ordering::Acquire) { Err(Stopping.into()) } else { Ok(()) }
    }
}

fn observed(checkpoint: &Checkpoint, bytes: u64, began: Instant) -> SnapshotObservation {
    let records = checkpoint.positions().iter().sum();
    let frame = checkpoint.frame();
    SnapshotObservation { frame, records, bytes, elapsed: began.elapsed() }
}

/// The engine stops, and with it the reading of its log.
#[derive(Debug, thiserror::Error)]
#[error("stopping")]
struct Stopping;
