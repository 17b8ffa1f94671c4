//! What the group writer needs of a log: durable groups, and to know how much room is left.

pub mod conformance;
pub mod faulty;

use std::time::Duration;

use crate::{error::Error, record::Record};

/// A log that one thread writes.
///
/// Every implementation passes the suite in [`conformance`].
pub trait LogStore: Send + 'static {
    /// Makes the records durable as one group, in order, all or nothing.
    ///
    /// Each record must be the next of its stream. An empty group is no group.
    ///
    /// # Errors
    ///
    /// An error is final: whether the group is durable is not known before the log is opened
    /// anew, and every later call fails with [`Error::Poisoned`].
    fn commit(&mut self, group: &[Record]) -> Result<Committed, Error>;

    /// Begins a new segment, so that everything before is sealed; nothing where that is so already.
    ///
    /// # Errors
    ///
    /// As [`LogStore::commit`].
    fn seal(&mut self) -> Result<(), Error>;

    /// The last durable sequence of every stream; 0 for one without records.
    fn positions(&self) -> &[u64];

    /// The room left for more.
    ///
    /// # Errors
    ///
    /// Where the system does not say; the store stays usable.
    fn free_space(&self) -> Result<FreeSpace, Error>;
}

/// How much a commit wrote, and what the disk took for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Committed {
    /// Frames.
    pub frames: u64,
    /// Their size in bytes, per copy.
    pub bytes: u64,
    /// How long each copy's sync took; zero where there is no disk.
    pub syncs: Syncs,
}

/// The time from asking the disk to make each copy durable to its saying so. Both are asked at the
/// same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Syncs {
    /// Of the journal.
    pub journal: Duration,
    /// Of sled.
    pub sled: Duration,
}

/// Room for the log to grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeSpace {
    /// Bytes that can still be written.
    pub available: u64,
    /// Bytes below which no more work should be admitted.
    pub minimum: u64,
}
