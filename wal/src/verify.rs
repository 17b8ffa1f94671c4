//! Offline examination of a whole log: both copies of every segment, nothing mended.
//!
//! It uses the code of recovery, so that "verified" means "would be recovered". Invariant:
//! journal, sled and superblock are only read; sled directories are opened as copies in the
//! scratch space, which is emptied afterwards.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    beginning::beginning,
    copy::LogEnd,
    directory::{Directory, unusable},
    error::{Error, SledFault, SuperblockFault},
    record::Visit,
    recovery::{Compare, Copies, Repair, recover},
    superblock::{Ending, Geometry},
};

/// What a log consists of, and what opening it would mend.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// As the directory was created.
    pub geometry: Geometry,
    /// The epoch of the last open.
    pub epoch: u32,
    /// Segments, an empty one at the end included.
    pub segments: u64,
    /// Records that the log has let go of: it begins behind them.
    pub begins_behind: u64,
    /// The last of them of every stream.
    pub let_go: Vec<u64>,
    /// Where it ends, counted from the first record that it ever had.
    pub end: LogEnd,
    /// Frames of the chain.
    pub frames: u64,
    /// Groups of the chain.
    pub groups: u64,
    /// Records in them.
    pub records: u64,
    /// Hash of the last group: the whole log in 32 bytes.
    pub last_hash: [u8; 32],
    /// Everything that is not as it should be but can be mended, in log order.
    pub findings: Vec<Repair>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Reads a log that nobody has open, and calls `visit` for each record in log order.
///
/// # Errors
///
/// [`Error::Damaged`] names the first damage that cannot be mended by segment, offset and
/// sequence. [`Error::Locked`] while a process has the log open.
pub fn verify(directory: &Path, visit: &mut Visit<'_>) -> Result<VerifyReport, Error> {
    let began = Instant::now();
    let directory = Directory::inspect(directory)?;
    let superblock = directory
        .superblock()?
        .ok_or_else(|| unusable(directory.root(), SuperblockFault::Missing))?;
    let segments = directory.segments()?.len() as u64;
    let geometry = superblock.geometry;
    let from = beginning(directory.root())?;
    let (frames, groups) = (from.tip.sequence, from.tip.group);
    let (begins_behind, let_go) = (from.positions.total(), from.positions.as_slice().to_vec());
    let recovered = recover(&mut ReadOnly(directory), from, Compare::Every, Ending::Closed, visit)?;
    Ok(VerifyReport {
        geometry,
        epoch: superblock.epoch,
        segments,
        begins_behind,
        let_go,
        end: LogEnd::at(&recovered.tip, &recovered.positions),
        frames: recovered.tip.sequence - frames,
        groups: recovered.tip.group - groups,
        records: recovered.records,
        last_hash: recovered.tip.hash,
        findings: recovered.repairs,
        elapsed: began.elapsed(),
    })
}

/// The directory without the means to mend it.
pub(crate) struct ReadOnly(pub(crate) Directory);

impl Copies for ReadOnly {
    fn segments(&self) -> Result<Vec<u64>, Error> {
        self.0.segments()
    }

    fn first_with_sled(&self) -> Result<u64, Error> {
        self.0.first_with_sled()
    }

    fn read_journal(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<usize, Error> {
        self.0.read_journal(segment, into)
    }

    fn read_sled(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<Option<SledFault>, Error> {
        self.0.read_sled(segment, into)
    }

    fn truncate_journal(&mut self, _: u64, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn rewrite_journal(&mut self, _: u64, _: [&[u8]; 2]) -> Result<(), Error> {
        Ok(())
    }

    fn rebuild_sled(&mut self, _: u64, _: [&[u8]; 2]) -> Result<(), Error> {
        Ok(())
    }

    fn settle_journal(&mut self, _: u64, _: usize, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn settle_sled(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }
}
