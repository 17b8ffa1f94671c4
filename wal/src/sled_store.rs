//! The durable store: every group goes to the journal and to sled at the same time, and counts
//! only when both have it on disk.
//!
//! Invariant: after an error nothing is written any more, and no sync is tried twice.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    abort_guard::AbortOnPanic,
    beginning::beginning,
    chain::Tip,
    checkpoint::Checkpoint,
    crash_point,
    directory::{Directory, remove_sled, sled_segments, unusable},
    error::{Error, SuperblockFault},
    group::{PackedGroup, Positions},
    journal::Journal,
    record::{Record, Visit},
    recovery::{Compare, Recovery, recover},
    sled_segment::SledSegment,
    store::{Committed, FreeSpace, LogStore, Syncs},
    superblock::{Ending, Geometry, Superblock},
};

/// Where the log lies and how it uses the disk.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; created where it is missing.
    pub directory: PathBuf,
    /// Size at which a segment is sealed, in bytes of journal. A segment is read as a whole at
    /// recovery, so that it bounds memory as well: at most [`MAX_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// Free bytes below which no more work should be admitted: at least what
    /// [`room_to_reopen`](Self::room_to_reopen) tells, or 0 for no such limit. A disk that is
    /// fuller than that may hold a log that cannot be opened before room is made.
    pub min_free_bytes: u64,
}

impl Options {
    /// The defaults.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            // About 200,000 records of 300 bytes: large enough that rotation is rare, small
            // enough that the newest segment is compared with its copy in well under a second.
            segment_bytes: 64 << 20,
            // Four times what opening needs. The rest is for what was admitted already, and for
            // others on the disk.
            min_free_bytes: 1 << 30,
        }
    }

    /// Free bytes that opening a log of such segments can need.
    ///
    /// Opening copies the newest segment's sled directory and deletes the copy, writes its
    /// journal anew if that is damaged, and builds its sled directory anew beside the old one.
    /// Measured over opens with the journal missing, at 64 and 256 MiB: 2.8 times the segment
    /// with full frames, 3.0 with a group for each record of 300 bytes, 3.3 with 100 bytes; small
    /// segments need a few MiB more. Taken as three and a half segments, and 32 MiB for what is
    /// constant and for the group by which a segment exceeds its size.
    pub const fn room_to_reopen(segment_bytes: u64) -> u64 {
        segment_bytes.saturating_mul(7).div_ceil(2).saturating_add(32 << 20)
    }

    /// Whether the log could be opened with these. Touches nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] names the first that is out of its range.
    pub fn check(&self) -> Result<(), Error> {
        let Self { segment_bytes, min_free_bytes, .. } = *self;
        if !(1..=MAX_SEGMENT_BYTES).contains(&segment_bytes) {
            let range = format!("1 to {MAX_SEGMENT_BYTES}");
            return Err(Error::Option { option: "segment_bytes", range });
        }
        let room = Self::room_to_reopen(segment_bytes);
        if min_free_bytes != 0 && min_free_bytes < room {
            let range = format!(
                "at least {room} with segments of {segment_bytes} bytes, or the log on a full \
                 disk could not be opened again; 0 sets no limit"
            );
            return Err(Error::Option { option: "min_free_bytes", range });
        }
        Ok(())
    }
}

/// Largest size of a segment; two of them are held in memory while a log is opened.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// The log over sled and a journal.
pub struct SledStore {
    options: Options,
    journal: Journal,
    segment: u64,
    sled: SledThread,
    tip: Tip,
    /// As it is on disk.
    superblock: Superblock,
    positions: Positions,
    buffer: Arc<PackedGroup>,
    poisoned: bool,
    /// Dropped last: the lock outlives every use of the files.
    directory: Directory,
}

impl SledStore {
    /// Opens the log: recovers it, calls `visit` for each record in log order, and begins a new
    /// segment. A fresh directory is created with `geometry`; an existing one must agree with
    /// it, or it is `None`.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] while another process has it open, [`Error::Damaged`] where neither copy
    /// can heal the other, [`Error::Superblock`] where geometry or format is another, and what
    /// the visitor returned. The copies are then as they were, or better.
    pub fn open(
        options: Options,
        geometry: Option<Geometry>,
        visit: &mut Visit<'_>,
    ) -> Result<(Self, Recovery), Error> {
        Self::open_from(options, geometry, None, visit)
    }

    /// As [`SledStore::open`], from a checkpoint on, or from the log's beginning: what lies before it is
    /// neither read nor mended.
    ///
    /// # Errors
    ///
    /// As there; and [`Error::Damaged`] where the log does not continue the checkpoint.
    pub fn open_from(
        options: Options,
        geometry: Option<Geometry>,
        from: Option<Checkpoint>,
        visit: &mut Visit<'_>,
    ) -> Result<(Self, Recovery), Error> {
        let began = Instant::now();
        options.check()?;
        let mut directory = Directory::open(&options.directory)?;
        let stored = directory.superblock()?;
        let created = stored.is_none();
        let superblock = match stored {
            Some(superblock) => superblock,
            None => directory.new_superblock(geometry)?,
        };
        superblock.agree(geometry).map_err(|fault| unusable(directory.root(), fault))?;
        let geometry = superblock.geometry;
        let from = match from {
            Some(from) => from,
            None if created => Checkpoint::genesis(geometry.streams),
            None => beginning(directory.root())?,
        };
        if from.positions().len() != usize::from(geometry.streams) {
            return Err(unusable(directory.root(), SuperblockFault::Checkpoint));
        }
        let ending = superblock.ending;
        if ending == Ending::Closed {
            // Before anything else is written: this life may be killed at any moment.
            directory.write_superblock(Superblock { ending: Ending::Open, ..superblock })?;
        }

        let recovered = recover(&mut directory, from, Compare::Newest, ending, visit)?;
        for repair in &recovered.repairs {
            tracing::warn!(%repair, "the log was mended");
        }
        let tip = recovered.tip;
        let epoch = superblock.epoch.max(tip.epoch) + 1;
        let superblock = Superblock { epoch, ending: Ending::Open, ..superblock };
        directory.write_superblock(superblock)?;

        let segment = tip.sequence;
        let (journal, sled) = begin_segment(&directory, segment)?;
        let recovery = Recovery {
            geometry,
            created,
            epoch,
            records: recovered.records,
            groups: tip.group - 1,
            last_hash: tip.hash,
            torn_bytes: recovered.torn_bytes,
            repairs: recovered.repairs,
            elapsed: began.elapsed(),
        };
        let store = Self {
            options,
            journal,
            segment,
            sled: SledThread::spawn(sled)?,
            tip,
            superblock,
            positions: recovered.positions,
            buffer: Arc::default(),
            poisoned: false,
            directory,
        };
        Ok((store, recovery))
    }

    /// Sequence of the frame that comes next.
    pub fn next_frame(&self) -> u64 {
        self.tip.sequence
    }

    fn write(&mut self, group: &[Record]) -> Result<Committed, Error> {
        self.positions.check(group)?;
        if self.journal.length() >= self.options.segment_bytes {
            self.rotate()?;
        }
        // The sled thread gave its share back before it answered, so this copies nothing.
        let buffer = Arc::get_mut(&mut self.buffer).expect("no group is in flight");
        let epoch = self.superblock.epoch;
        buffer.pack(&self.tip, epoch, group);
        self.sled.send(Job::Append(Arc::clone(&self.buffer)));
        let journaled = self.journal.append(self.buffer.bytes());
        // sled takes longer than the journal: the hash costs no time here.
        let tip = self.buffer.tip_after(&self.tip, epoch);
        // Waited for even if the journal failed: the thread must be idle again.
        let inserted = self.sled.wait();
        let syncs = Syncs { journal: journaled?, sled: inserted? };
        self.tip = tip;
        Ok(Committed {
            frames: self.buffer.frame_count() as u64,
            bytes: self.buffer.bytes().len() as u64,
            syncs,
        })
    }

    fn rotate(&mut self) -> Result<(), Error> {
        let segment = self.tip.sequence;
        let (journal, sled) = begin_segment(&self.directory, segment)?;
        self.sled.send(Job::Rotate(sled));
        self.sled.wait()?;
        self.journal = journal;
        self.segment = segment;
        Ok(())
    }
}

impl LogStore for SledStore {
    fn commit(&mut self, group: &[Record]) -> Result<Committed, Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        if group.is_empty() {
            return Ok(Committed::default());
        }
        // Until it succeeds: a panic must not let the store be taken for a sound one either.
        self.poisoned = true;
        let committed = self.write(group)?;
        self.poisoned = false;
        Ok(committed)
    }

    fn seal(&mut self) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        if self.journal.length() == 0 {
            return Ok(());
        }
        self.poisoned = true;
        self.rotate()?;
        self.poisoned = false;
        Ok(())
    }

    fn positions(&self) -> &[u64] {
        self.positions.as_slice()
    }

    fn free_space(&self) -> Result<FreeSpace, Error> {
        let root = self.directory.root();
        let system = rustix::fs::statvfs(root)
            .map_err(|error| Error::io("ask for the free space of", root)(error.into()))?;
        Ok(FreeSpace {
            available: system.f_bavail.saturating_mul(system.f_frsize),
            minimum: self.options.min_free_bytes,
        })
    }
}

impl Drop for SledStore {
    /// Closes the log, and says so on disk if nothing failed in this life.
    fn drop(&mut self) {
        let closed = self.sled.close().and_then(|()| {
            if self.poisoned {
                return Ok(());
            }
            self.directory
                .write_superblock(Superblock { ending: Ending::Closed, ..self.superblock })
        });
        if let Err(error) = closed {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the log is not marked as closed; the next open mends that");
        }
    }
}

/// Deletes the sled directories of segments that lie wholly before frame `sequence`, and gives their
/// number. The journal keeps them; only its second copy is gone, so that damage to those journals
/// can no longer be healed: call it with what a verified snapshot covers. The log may be in use.
///
/// # Errors
///
/// Where the file system refuses.
pub fn drop_sled_before(root: &Path, sequence: u64) -> Result<usize, Error> {
    let segments = sled_segments(root)?;
    // The newest is being written, the one before it may still be closing, and where the newest is
    // empty the one before it has the log's end: they all stay.
    let sealed = segments.len().saturating_sub(2);
    let mut dropped = 0;
    for pair in segments.windows(2).take(sealed) {
        if pair[1] <= sequence {
            remove_sled(root, pair[0])?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// Both copies of a new segment, in place of an empty one of the same name.
fn begin_segment(directory: &Directory, segment: u64) -> Result<(Journal, SledSegment), Error> {
    directory.remove_sled(segment)?;
    let journal = Journal::create(directory, segment)?;
    crash_point::reach("rotation: the journal is begun");
    let sled = SledSegment::create(&directory.sled(segment))?;
    crash_point::reach("rotation: both copies are begun");
    Ok((journal, sled))
}

enum Job {
    Append(Arc<PackedGroup>),
    /// The old segment is closed aside, while groups go on.
    Rotate(SledSegment),
}

/// The thread that owns the live sled segment. One job at a time, each with one answer.
struct SledThread {
    /// `None` only while it is being dropped.
    jobs: Option<Sender<Job>>,
    /// How long each job synced.
    answers: Receiver<Result<Duration, Error>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl SledThread {
    fn spawn(segment: SledSegment) -> Result<Self, Error> {
        let (jobs, inbox) = bounded(1);
        let (outbox, answers) = bounded(1);
        let thread = thread::Builder::new()
            .name("wal-sled".to_owned())
            .spawn(move || serve(segment, &inbox, &outbox))
            .map_err(Error::io("start a thread for", "sled"))?;
        Ok(Self { jobs: Some(jobs), answers, thread: Some(thread) })
    }

    fn send(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("set until drop");
        jobs.send(job).expect("the thread serves until its sender is gone, or aborts");
    }

    fn wait(&self) -> Result<Duration, Error> {
        self.answers.recv().expect("the thread answers every job, or aborts")
    }

    /// Ends the thread and closes its segment. Only the first call has anything to tell.
    fn close(&mut self) -> Result<(), Error> {
        self.jobs = None;
        // A panic in the thread has aborted the process already.
        let thread = self.thread.take();
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or(Err(Error::Poisoned)))
    }
}

/// Gives what went wrong after the last answer.
///
/// Sealing an old segment takes tens of milliseconds, so a thread of its own does it while groups
/// go on; at most one is being sealed, for a second rotation waits for the first.
fn serve(
    mut segment: SledSegment,
    jobs: &Receiver<Job>,
    answers: &Sender<Result<Duration, Error>>,
) -> Result<(), Error> {
    let _guard = AbortOnPanic;
    let mut sealing = None;
    let mut sound = true;
    for job in jobs {
        let answer = match job {
            Job::Append(group) => segment.append(group.frames()),
            Job::Rotate(next) => {
                let sealed = std::mem::replace(&mut segment, next);
                until_sealed(sealing.take()).and_then(|()| {
                    sealing = Some(seal_aside(sealed)?);
                    Ok(Duration::ZERO)
                })
            }
        };
        sound &= answer.is_ok();
        if answers.send(answer).is_err() {
            break;
        }
    }
    if !sound {
        // Closing would write and sync again, on a disk that has just refused.
        segment.abandon();
        return until_sealed(sealing);
    }
    until_sealed(sealing).and(segment.seal())
}

type Sealing = JoinHandle<Result<(), Error>>;

fn seal_aside(segment: SledSegment) -> Result<Sealing, Error> {
    thread::Builder::new()
        .name("wal-seal".to_owned())
        .spawn(move || {
            let _guard = AbortOnPanic;
            segment.seal()
        })
        .map_err(Error::io("start a thread for", "sled"))
}

fn until_sealed(sealing: Option<Sealing>) -> Result<(), Error> {
    // A panic in the thread has aborted the process already.
    sealing.map_or(Ok(()), |thread| thread.join().unwrap_or(Err(Error::Poisoned)))
}
