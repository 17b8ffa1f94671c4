//! The durable store: every group goes to the journal and to sled at the same time, and counts
//! only when both have it on disk.
//!
//! Invariant: after an error nothing is written any more, and no sync is tried twice.

use std::{
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    abort_guard::AbortOnPanic,
    chain::Tip,
    directory::{Directory, unusable},
    error::Error,
    group::{PackedGroup, Positions},
    journal::Journal,
    record::{Record, Visit},
    recovery::{Compare, Recovery, recover},
    sled_segment::SledSegment,
    store::{Committed, FreeSpace, LogStore},
    superblock::{Geometry, Superblock},
};

/// Where the log lies and how it uses the disk.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; created where it is missing.
    pub directory: PathBuf,
    /// Size at which a segment is sealed, in bytes of journal. A segment is read as a whole at
    /// recovery, so that it bounds memory as well: at most [`MAX_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// Free bytes below which no more work should be admitted.
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
            // Recovery writes a copy of the newest sled directory, a new one, and a new journal:
            // some four segments. The rest is for what was admitted already, and for others on
            // the disk. A full disk could not be recovered at all.
            min_free_bytes: 1 << 30,
        }
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
    epoch: u32,
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
        let began = Instant::now();
        if !(1..=MAX_SEGMENT_BYTES).contains(&options.segment_bytes) {
            return Err(Error::Option { option: "segment_bytes" });
        }
        let mut directory = Directory::open(&options.directory)?;
        let stored = directory.superblock()?;
        let created = stored.is_none();
        let superblock = match stored {
            Some(superblock) => superblock,
            None => directory.new_superblock(geometry)?,
        };
        superblock.agree(geometry).map_err(|fault| unusable(directory.root(), fault))?;
        let geometry = superblock.geometry;

        let recovered = recover(&mut directory, geometry, Compare::Newest, visit)?;
        for repair in &recovered.repairs {
            tracing::warn!(%repair, "the log was mended");
        }
        let tip = recovered.tip;
        let epoch = superblock.epoch.max(tip.epoch) + 1;
        directory.write_superblock(Superblock { epoch, ..superblock })?;

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
            epoch,
            positions: recovered.positions,
            buffer: Arc::default(),
            poisoned: false,
            directory,
        };
        Ok((store, recovery))
    }

    /// Deletes the sled directories of segments that lie wholly before frame `sequence`, and
    /// gives their number. The journal keeps them; only its second copy is gone, so that damage
    /// to those journals can no longer be healed: call it with what a verified snapshot covers.
    ///
    /// # Errors
    ///
    /// Where the file system refuses. The store stays usable.
    pub fn drop_sled_before(&mut self, sequence: u64) -> Result<usize, Error> {
        let segments = self.directory.sled_segments()?;
        // An empty live segment proves nothing about the one before it: that one stays.
        let newest = segments
            .iter()
            .copied()
            .rfind(|&segment| segment < self.tip.sequence)
            .unwrap_or(self.segment);
        let mut dropped = 0;
        for pair in segments.windows(2) {
            if pair[1] <= sequence && pair[0] < newest {
                self.directory.remove_sled(pair[0])?;
                dropped += 1;
            }
        }
        Ok(dropped)
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
        buffer.pack(&self.tip, self.epoch, group);
        self.sled.send(Job::Append(Arc::clone(&self.buffer)));
        let journaled = self.journal.append(self.buffer.bytes());
        // sled takes longer than the journal: the hash costs no time here.
        let tip = self.buffer.tip_after(&self.tip, self.epoch);
        // Waited for even if the journal failed: the thread must be idle again.
        let inserted = self.sled.wait();
        journaled?;
        inserted?;
        self.tip = tip;
        Ok(Committed {
            frames: self.buffer.frame_count() as u64,
            bytes: self.buffer.bytes().len() as u64,
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
        self.write(group).inspect_err(|_| self.poisoned = true)
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

/// Both copies of a new segment, in place of an empty one of the same name.
fn begin_segment(directory: &Directory, segment: u64) -> Result<(Journal, SledSegment), Error> {
    directory.remove_sled(segment)?;
    let journal = Journal::create(directory, segment)?;
    let sled = SledSegment::create(&directory.sled(segment))?;
    Ok((journal, sled))
}

enum Job {
    Append(Arc<PackedGroup>),
    /// The old segment is closed after the answer, while the journal goes on.
    Rotate(SledSegment),
}

/// The thread that owns the live sled segment. One job at a time, each with one answer.
struct SledThread {
    /// `None` only while it is being dropped.
    jobs: Option<Sender<Job>>,
    answers: Receiver<Result<(), Error>>,
    thread: Option<JoinHandle<()>>,
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

    fn wait(&self) -> Result<(), Error> {
        self.answers.recv().expect("the thread answers every job, or aborts")
    }
}

impl Drop for SledThread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has aborted the process already.
            let _ = thread.join();
        }
    }
}

fn serve(mut segment: SledSegment, jobs: &Receiver<Job>, answers: &Sender<Result<(), Error>>) {
    let _guard = AbortOnPanic;
    // An error while the old segment was closed; told with the next answer.
    let mut late = Ok(());
    for job in jobs {
        let (answer, sealed) = match job {
            Job::Append(group) => (segment.append(group.frames()), None),
            Job::Rotate(next) => (Ok(()), Some(std::mem::replace(&mut segment, next))),
        };
        if answers.send(std::mem::replace(&mut late, Ok(())).and(answer)).is_err() {
            break;
        }
        if let Some(sealed) = sealed {
            late = sealed.seal();
        }
    }
    if let Err(error) = late.and(segment.seal()) {
        tracing::error!(%error, "sled could not be closed; its content is durable regardless");
    }
}
