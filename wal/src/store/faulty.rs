//! A log in memory, on a disk that fails by plan: for simulations.
//!
//! Frames, chain and recovery are the real ones; only the files are simulated. What no sync has
//! said yes to lies in a cache, which outlives the process and not the power. Invariant: what happens
//! depends on the plan alone.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{
    chain::Tip,
    checkpoint::Checkpoint,
    error::{Error, SledFault, SuperblockFault},
    frame::intact,
    group::{PackedGroup, Positions},
    planted_fault::{PlantedFault, is_planted},
    record::{Record, Visit},
    recovery::{Compare, Copies, Recovery, recover},
    store::{Committed, FreeSpace, LogStore, Syncs},
    superblock::{Ending, Geometry, Superblock},
};

/// What is left of a group in one copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// No byte.
    Nothing,
    /// The first bytes, at most as many; sled keeps the whole frames among them.
    Prefix(usize),
    /// Sectors of 512 bytes, in whatever order the disk took them: sector `n` where bit `n % 64` is
    /// set. Zeros stand in place of the others; sled keeps the whole frames among what is left.
    Sectors(u64),
    /// All.
    All,
}

/// What the caller of the commit is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// An error.
    Failure,
    /// Success. With less than everything kept, the disk lied.
    Success,
}

/// One planned fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which commit it meets, counted from 1 over the life of the disk.
    pub commit: u64,
    /// What the journal keeps of the group.
    pub journal: Kept,
    /// What sled keeps of it.
    pub sled: Kept,
    /// What the caller is told.
    pub answer: Answer,
}

impl Fault {
    /// The commit fails, and `kept` of its group is left in both copies.
    pub fn fail(commit: u64, kept: Kept) -> Self {
        Self { commit, journal: kept, sled: kept, answer: Answer::Failure }
    }
}

/// A simulated disk. It outlives the stores that are opened on it, one after the other; clones
/// are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<Image>>);

#[derive(Debug)]
struct Image {
    superblock: Option<Superblock>,
    segments: BTreeMap<u64, Segment>,
    faults: Vec<Fault>,
    commits: u64,
    /// Mendings that recovery may still make; any number where nothing is said.
    mendings: Option<u64>,
    /// Incremented by each open, so that an older store cannot write behind a newer one's back.
    owner: u64,
    space: FreeSpace,
    segment_bytes: usize,
}

#[derive(Clone, Default, Debug)]
struct Segment {
    journal: Vec<u8>,
    sled: Vec<u8>,
    /// How much of each copy outlives the power; what is behind lies in a cache.
    journal_synced: usize,
    sled_synced: usize,
    /// Bytes of the journal that cannot be read; they end it at the latest.
    journal_unread: Range<usize>,
    sled_unread: bool,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty disk of unlimited size without faults.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Image {
            superblock: None,
            segments: BTreeMap::new(),
            faults: Vec::new(),
            commits: 0,
            mendings: None,
            owner: 0,
            space: FreeSpace { available: u64::MAX, minimum: 0 },
            // Small, so that simulations rotate often.
            segment_bytes: 64 << 10,
        })))
    }

    /// A disk of its own with the same content and plan: what a crash at this moment leaves.
    pub fn snapshot(&self) -> Self {
        let image = self.image();
        Self(Arc::new(Mutex::new(Image {
            superblock: image.superblock,
            segments: image.segments.clone(),
            faults: image.faults.clone(),
            ..*image
        })))
    }

    /// The power fails: of what no sync has said yes to, each copy keeps what is said here. Without
    /// it a crash is one of the process, and leaves everything.
    pub fn lose_power(&self, journal: Kept, sled: Kept) {
        for segment in self.image().segments.values_mut() {
            let unsynced =
                segment.journal.split_off(segment.journal_synced.min(segment.journal.len()));
            segment.journal.extend(journal.of(&unsynced));
            let unsynced = segment.sled.split_off(segment.sled_synced.min(segment.sled.len()));
            intact(&sled.of(&unsynced))
                .for_each(|frame| segment.sled.extend_from_slice(frame.bytes));
            segment.sync();
        }
    }

    /// Adds a fault to the plan.
    pub fn plan(&self, fault: Fault) {
        self.image().faults.push(fault);
    }

    /// Takes back every fault that is still planned.
    pub fn forget_faults(&self) {
        self.image().faults.clear();
    }

    /// Recovery dies when it has mended so much and would go on; with `None` it does not.
    pub fn fail_mending(&self, after: Option<u64>) {
        self.image().mendings = after;
    }

    /// Commits that were tried so far, over all stores.
    pub fn commits(&self) -> u64 {
        self.image().commits
    }

    /// Sets the room that is left. A commit of more fails, and leaves nothing.
    pub fn set_space(&self, space: FreeSpace) {
        self.image().space = space;
    }

    /// Sets the size at which segments are sealed.
    pub fn set_segment_bytes(&self, bytes: usize) {
        self.image().segment_bytes = bytes;
    }

    /// The names of all segments, in order: the sequence of their first frame.
    pub fn segments(&self) -> Vec<u64> {
        self.image().segments.keys().copied().collect()
    }

    /// Visits the segment that begins at a checkpoint, if it is sealed, and gives the one behind it.
    ///
    /// # Errors
    ///
    /// As [`Faulty::open_from`], and what the visitor returned.
    pub fn read_sealed(
        &self,
        from: &Checkpoint,
        visit: &mut Visit<'_>,
    ) -> Result<Option<Checkpoint>, Error> {
        let segment = from.frame();
        if self.segments().last().is_none_or(|last| *last <= segment) {
            return Ok(None);
        }
        // What recovery mends on it goes with it.
        let copy = self.snapshot();
        copy.image().segments.retain(|other, _content| *other == segment);
        let mut copies = copy.clone();
        let read = recover(&mut copies, from.clone(), Compare::Newest, Ending::Closed, visit)?;
        Ok(Some(Checkpoint { tip: read.tip, positions: read.positions }))
    }

    /// Changes the bytes of a segment's journal at will.
    ///
    /// # Panics
    ///
    /// Where there is no such segment.
    pub fn damage_journal(&self, segment: u64, damage: impl FnOnce(&mut Vec<u8>)) {
        damage(&mut self.image().segment(segment).journal);
    }

    /// Changes a segment's sled copy at will: its frames, one after the other.
    ///
    /// # Panics
    ///
    /// Where there is no such segment.
    pub fn damage_sled(&self, segment: u64, damage: impl FnOnce(&mut Vec<u8>)) {
        damage(&mut self.image().segment(segment).sled);
    }

    /// Makes bytes of a segment's journal unreadable, until it is written anew.
    ///
    /// # Panics
    ///
    /// Where there is no such segment, or its journal is shorter.
    pub fn fail_journal_reads(&self, segment: u64, bytes: Range<usize>) {
        let mut image = self.image();
        let segment = image.segment(segment);
        assert!(bytes.end <= segment.journal.len(), "these are bytes of the journal");
        segment.journal_unread = bytes;
    }

    /// Makes a segment's sled copy unreadable, until it is built anew.
    ///
    /// # Panics
    ///
    /// Where there is no such segment.
    pub fn fail_sled_reads(&self, segment: u64) {
        self.image().segment(segment).sled_unread = true;
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        // A test that panicked with the lock held has failed; its image is still well-formed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Image {
    fn segment(&mut self, segment: u64) -> &mut Segment {
        self.segments.get_mut(&segment).expect("the segment exists")
    }

    /// One place of the log is about to be changed by recovery.
    fn mend(&mut self, segment: u64) -> Result<&mut Segment, Error> {
        if let Some(left) = &mut self.mendings {
            *left = left.checked_sub(1).ok_or(Error::Injected)?;
        }
        Ok(self.segment(segment))
    }

    fn take_fault(&mut self) -> Option<Fault> {
        self.commits += 1;
        let index = self.faults.iter().position(|fault| fault.commit == self.commits)?;
        Some(self.faults.swap_remove(index))
    }
}

/// The store on a simulated disk.
#[derive(Debug)]
pub struct Faulty {
    disk: Disk,
    owner: u64,
    segment: u64,
    tip: Tip,
    epoch: u32,
    positions: Positions,
    buffer: PackedGroup,
    poisoned: bool,
}

impl Faulty {
    /// Opens the log on the disk like [`SledStore::open`](crate::SledStore::open) does, and
    /// takes the disk away from the store that had it before.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open(
        disk: &Disk,
        geometry: Option<Geometry>,
        visit: &mut Visit<'_>,
    ) -> Result<(Self, Recovery), Error> {
        Self::open_from(disk, geometry, None, visit)
    }

    /// As [`Faulty::open`], from a checkpoint on.
    ///
    /// # Errors
    ///
    /// As there; and [`Error::Damaged`] where the log does not continue the checkpoint.
    pub fn open_from(
        disk: &Disk,
        geometry: Option<Geometry>,
        from: Option<Checkpoint>,
        visit: &mut Visit<'_>,
    ) -> Result<(Self, Recovery), Error> {
        let began = Instant::now();
        let unusable = |source| Error::Superblock { path: "simulated disk".into(), source };
        let stored = disk.image().superblock;
        let superblock = match (stored, geometry) {
            (Some(superblock), _) => superblock,
            (None, Some(geometry)) => {
                Superblock { geometry, epoch: 0, created: 0, ending: Ending::Open }
            }
            (None, None) => return Err(unusable(SuperblockFault::Missing)),
        };
        superblock.agree(geometry).map_err(unusable)?;
        let geometry = superblock.geometry;
        // It keeps no record of a clean close: whatever it holds was left by a crash.
        let from = from.unwrap_or_else(|| Checkpoint::genesis(geometry.streams));
        let recovered = recover(&mut disk.clone(), from, Compare::Newest, Ending::Open, visit)?;

        let tip = recovered.tip;
        let epoch = superblock.epoch.max(tip.epoch) + 1;
        let mut image = disk.image();
        image.superblock = Some(Superblock { epoch, ..superblock });
        image.segments.insert(tip.sequence, Segment::default());
        image.owner += 1;
        let store = Self {
            disk: disk.clone(),
            owner: image.owner,
            segment: tip.sequence,
            tip,
            epoch,
            positions: recovered.positions,
            buffer: PackedGroup::default(),
            poisoned: false,
        };
        let recovery = Recovery {
            geometry,
            created: stored.is_none(),
            epoch,
            records: recovered.records,
            groups: tip.group - 1,
            last_hash: tip.hash,
            torn_bytes: recovered.torn_bytes,
            repairs: recovered.repairs,
            elapsed: began.elapsed(),
        };
        Ok((store, recovery))
    }

    fn write(&mut self, group: &[Record]) -> Result<Committed, Error> {
        self.positions.check(group)?;
        let mut image = self.disk.image();
        if image.owner != self.owner {
            return Err(Error::Injected);
        }
        if image.segment(self.segment).journal.len() >= image.segment_bytes {
            self.segment = self.tip.sequence;
            image.segments.insert(self.segment, Segment::default());
        }
        self.buffer.pack(&self.tip, self.epoch, group);
        let size = self.buffer.bytes().len();
        let fault = image.take_fault().unwrap_or(Fault {
            commit: image.commits,
            journal: Kept::All,
            sled: Kept::All,
            answer: Answer::Success,
        });
        let Some(left) = image.space.available.checked_sub(size as u64) else {
            return Err(Error::Injected);
        };
        image.space.available = left;
        let segment = image.segment(self.segment);
        segment.journal.extend(fault.journal.of(self.buffer.bytes()));
        intact(&fault.sled.of(self.buffer.bytes()))
            .for_each(|frame| segment.sled.extend_from_slice(frame.bytes));
        match fault.answer {
            Answer::Failure => return Err(Error::Injected),
            Answer::Success if is_planted(PlantedFault::SyncSkipped) => {
                segment.sled_synced = segment.sled.len();
            }
            Answer::Success => segment.sync(),
        }
        drop(image);
        self.tip = self.buffer.tip_after(&self.tip, self.epoch);
        Ok(Committed {
            frames: self.buffer.frame_count() as u64,
            bytes: size as u64,
            syncs: Syncs::default(),
        })
    }
}

impl Segment {
    fn sync(&mut self) {
        (self.journal_synced, self.sled_synced) = (self.journal.len(), self.sled.len());
    }
}

/// What a disk writes at once.
const SECTOR: usize = 512;

impl Kept {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Prefix(length) => bytes[..length.min(bytes.len())].to_vec(),
            Self::Sectors(kept) => {
                let mut left = Vec::with_capacity(bytes.len());
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    if kept >> (index % 64) & 1 == 1 {
                        left.resize(index * SECTOR, 0);
                        left.extend_from_slice(sector);
                    }
                }
                left
            }
            Self::All => bytes.to_vec(),
        }
    }
}

impl LogStore for Faulty {
    fn commit(&mut self, group: &[Record]) -> Result<Committed, Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        if group.is_empty() {
            return Ok(Committed::default());
        }
        self.write(group).inspect_err(|_| self.poisoned = true)
    }

    fn seal(&mut self) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        let mut image = self.disk.image();
        if image.owner != self.owner {
            return Err(Error::Injected);
        }
        if !image.segment(self.segment).journal.is_empty() {
            self.segment = self.tip.sequence;
            image.segments.insert(self.segment, Segment::default());
        }
        Ok(())
    }

    fn positions(&self) -> &[u64] {
        self.positions.as_slice()
    }

    fn free_space(&self) -> Result<FreeSpace, Error> {
        Ok(self.disk.image().space)
    }
}

impl Copies for Disk {
    fn segments(&self) -> Result<Vec<u64>, Error> {
        Ok(Self::segments(self))
    }

    fn first_with_sled(&self) -> Result<u64, Error> {
        Ok(0)
    }

    fn read_journal(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<usize, Error> {
        let mut image = self.image();
        let segment = image.segment(segment);
        into.clone_from(&segment.journal);
        // It may have become shorter since.
        let unread = &segment.journal_unread;
        let unread = unread.start.min(into.len())..unread.end.min(into.len());
        into[unread.clone()].fill(0);
        Ok(if unread.is_empty() { 0 } else { unread.end })
    }

    fn read_sled(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<Option<SledFault>, Error> {
        let mut image = self.image();
        let segment = image.segment(segment);
        into.clone_from(&segment.sled);
        if segment.sled_unread {
            into.clear();
            return Ok(Some(SledFault::Unread("by plan".to_owned())));
        }
        Ok(None)
    }

    fn truncate_journal(&mut self, segment: u64, length: usize) -> Result<(), Error> {
        let mut image = self.image();
        let segment = image.mend(segment)?;
        segment.journal.truncate(length);
        segment.journal_synced = length;
        let unread = segment.journal_unread.clone();
        segment.journal_unread = unread.start.min(length)..unread.end.min(length);
        Ok(())
    }

    fn rewrite_journal(&mut self, segment: u64, pieces: [&[u8]; 2]) -> Result<(), Error> {
        let mut image = self.image();
        let segment = image.mend(segment)?;
        segment.journal = pieces.concat();
        segment.journal_synced = segment.journal.len();
        segment.journal_unread = 0..0;
        Ok(())
    }

    fn rebuild_sled(&mut self, segment: u64, pieces: [&[u8]; 2]) -> Result<(), Error> {
        let mut image = self.image();
        let segment = image.mend(segment)?;
        segment.sled = pieces.concat();
        segment.sled_synced = segment.sled.len();
        segment.sled_unread = false;
        Ok(())
    }

    fn settle_journal(
        &mut self,
        segment: u64,
        offset: usize,
        last_group: &[u8],
    ) -> Result<(), Error> {
        let mut image = self.image();
        let segment = image.mend(segment)?;
        assert_eq!(segment.journal[offset..], *last_group, "the journal's end");
        segment.journal_synced = segment.journal.len();
        Ok(())
    }

    fn settle_sled(&mut self, segment: u64) -> Result<(), Error> {
        let mut image = self.image();
        let segment = image.mend(segment)?;
        segment.sled_synced = segment.sled.len();
        Ok(())
    }
}
