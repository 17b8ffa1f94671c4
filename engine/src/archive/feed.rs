//! Hands the archive what it lacks while the log is replayed.
//!
//! Invariant: what the log's last group tells is handed over only once the log is open, for until
//! then a power cut might take it from the log and leave it with the archive.

use std::{collections::VecDeque, sync::Arc};

use tollgate_domain::{ShardId, ShardState};

use super::{Archive, ArchiveError, Departures};

/// How many bytes of records must follow a record before what left by it is handed over: more than a
/// group has.
const HELD_BACK: usize = 4 << 20;

/// What is handed over at a start.
pub(crate) struct ArchiveFeed {
    /// `None` where nothing is kept.
    archive: Option<Arc<dyn Archive>>,
    /// By shard, the control shard first: how many departures the archive has.
    positions: Vec<u64>,
    held_back: VecDeque<(usize, Departures)>,
    /// Bytes of all records read so far.
    bytes: usize,
}

impl ArchiveFeed {
    pub(crate) fn new(archive: Option<Arc<dyn Archive>>, streams: usize) -> Self {
        let shards = (0..=u16::MAX).take(streams).map(ShardId);
        let position = |shard| archive.as_ref().map_or(u64::MAX, |kept| kept.position(shard));
        let positions = shards.map(position).collect();
        Self { archive, positions, held_back: VecDeque::new(), bytes: 0 }
    }

    /// Nothing is kept.
    pub(crate) fn none() -> Self {
        Self::new(None, 0)
    }

    /// Whether the archive lacks anything that has left a shard of this state.
    pub(crate) fn lacks(&self, state: &ShardState) -> bool {
        state.departures() > self.position(state.shard())
    }

    /// How many departures of each shard the archive has, the control shard first.
    pub(crate) fn positions(&self) -> &[u64] {
        &self.positions
    }

    /// So many bytes of records are read.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.bytes += bytes;
        while let Some((_read_at, departures)) =
            self.held_back.pop_front_if(|(read_at, _left)| self.bytes - *read_at > HELD_BACK)
        {
            self.hand_over(departures);
        }
    }

    /// This has left by a record that was read, and the archive lacks it.
    pub(crate) fn left(&mut self, departures: Departures) {
        self.held_back.push_back((self.bytes, departures));
    }

    /// The log is open, and all that was read is on the disk: the archive is given the rest, and has
    /// to agree with what the log comes to.
    pub(crate) fn finish(&mut self, shards: &[ShardState]) -> Result<(), ArchiveError> {
        while let Some((_read_at, departures)) = self.held_back.pop_front() {
            self.hand_over(departures);
        }
        if self.archive.is_none() {
            return Ok(());
        }
        match shards.iter().find(|state| state.departures() < self.position(state.shard())) {
            Some(state) => Err(ArchiveError::Ahead(state.shard())),
            None => Ok(()),
        }
    }

    fn hand_over(&self, departures: Departures) {
        if let Some(archive) = &self.archive {
            archive.replay(departures);
        }
    }

    fn position(&self, shard: ShardId) -> u64 {
        self.positions.get(usize::from(shard.0)).copied().unwrap_or(u64::MAX)
    }
}
