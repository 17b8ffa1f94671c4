//! What a snapshot says: the state of every shard, in items that the log keeps beside itself.
//!
//! ```text
//!   control shard:     its records                                     │ end
//!   payment shard 1:   its pieces: see tollgate_domain::image          │ end
//!   payment shard 2:   …
//! ```
//!
//! A snapshot is made of the one before it and of the records since, shard by shard, so that no more
//! than one shard's state is in memory, and the shards that serve are not asked for theirs.
//!
//! Invariant: each shard's end holds the hash of its state, and what is loaded has that hash or is no
//! state.
//!
//! Not here: when a snapshot is made (`snapshotter.rs`), and whether it is what was lived
//! (`snapshot_maker.rs`). Where
//! its bytes lie: `tollgate_wal::SnapshotStore`, or whatever else is a [`SnapshotSource`].

use std::{num::NonZeroU16, ops::Range};

use tollgate_domain::{
    ControlState, ShardId, ShardState, StateHash, codec,
    image::{ImageEnd, Piece, Restoration, Restored},
};
use tollgate_wal::{Checkpoint, RecordRef, SnapshotReader, SnapshotStore, SnapshotWriter};

use crate::{
    error::Error,
    planted_fault::{PlantedFault, is_planted},
    recovery::Replayed,
};

/// Where snapshots are found.
pub trait Snapshots {
    /// Their names, the newest first.
    ///
    /// # Errors
    /// Where they cannot be listed.
    fn list(&self) -> Result<Vec<u64>, tollgate_wal::Error>;

    /// The name of the one that the log begins at; 1 where it begins with its first record.
    ///
    /// # Errors
    /// Where that is not known.
    fn beginning(&self) -> Result<u64, tollgate_wal::Error> {
        Ok(1)
    }

    /// Begins to read one.
    ///
    /// # Errors
    /// Where it is damaged.
    fn read(&self, name: u64) -> Result<Box<dyn SnapshotSource + '_>, tollgate_wal::Error>;
}

/// A snapshot that is read.
pub trait SnapshotSource {
    /// What it stands for: everything before.
    fn checkpoint(&self) -> &Checkpoint;

    /// The next item; `None` at the end.
    ///
    /// # Errors
    /// Where it is damaged.
    fn next_item(&mut self) -> Result<Option<&[u8]>, tollgate_wal::Error>;
}

/// A snapshot that is written.
pub trait SnapshotSink {
    /// Takes the next item.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn push(&mut self, item: &[u8]) -> Result<(), tollgate_wal::Error>;
}

/// Where there are none.
#[derive(Clone, Copy, Debug)]
pub struct NoSnapshots;

/// The records of a part of the log, of some of its shards.
#[derive(Debug)]
pub struct RecordsByShard {
    first: u16,
    shards: Vec<ShardRecords>,
}

/// One shard's records, one behind the other.
#[derive(Clone, Default, Debug)]
struct ShardRecords {
    /// The number of the first.
    first: u64,
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

/// What a shard's part of a snapshot came to.
#[derive(Debug)]
pub struct ShardOfSnapshot {
    /// What stands at its end.
    pub end: ImageEnd,
    /// How many payments and orders have left memory by then, ever.
    pub departures: u64,
    /// Its state, where it was asked for.
    pub state: Option<Box<ShardState>>,
}

/// Why a snapshot cannot be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Its bytes cannot be read or written.
    #[error("the snapshot's file")]
    File(#[from] tollgate_wal::Error),
    /// An item is none.
    #[error("the snapshot holds an item that is none")]
    Item(#[from] codec::CodecError),
    /// Items are missing, or are not where they should be.
    #[error("the snapshot is not that of a log of these shards")]
    Shape,
    /// Its items do not come to the state that it was made of.
    #[error("shard {} of the snapshot does not come to its own hash", .0.0)]
    Hash(ShardId),
    /// The records do not continue the snapshot before.
    #[error("the records do not continue the snapshot of shard {}", .0.0)]
    Gap(ShardId),
}

impl SnapshotError {
    /// Whether the snapshot itself is to blame: its bytes are not those that were written, or do not come
    /// to what it says. Not where it could not be read just then.
    pub(crate) const fn is_damage(&self) -> bool {
        match self {
            Self::Item(_) | Self::Shape | Self::Hash(_) => true,
            Self::File(error) => matches!(error, tollgate_wal::Error::Snapshot { .. }),
            Self::Gap(_) => false,
        }
    }
}

impl RecordsByShard {
    /// None yet, of these shards.
    #[must_use]
    pub fn of(shards: Range<u16>) -> Self {
        Self { first: shards.start, shards: vec![ShardRecords::default(); shards.len()] }
    }

    /// Takes the next record of the log, where it is one of its shards'.
    pub fn push(&mut self, record: RecordRef<'_>) {
        let index = record.stream.0.checked_sub(self.first).map(usize::from);
        let Some(shard) = index.and_then(|index| self.shards.get_mut(index)) else { return };
        if shard.ends.is_empty() {
            shard.first = record.sequence;
        }
        shard.bytes.extend_from_slice(record.bytes);
        shard.ends.push(shard.bytes.len());
    }
}

impl ShardRecords {
    /// Each with its number, which the log has proved to rise by one.
    fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(self.ends.iter().copied());
        (self.first..).zip(spans.map(|(start, end)| &self.bytes[start..end]))
    }
}

/// Writes the shards that `records` are of: as the snapshot before has them, if there is one, and with
/// all records since, up to `checkpoint`. Shards are written in order, and all of them. Gives each
/// shard's end, and the state of the one that is `wanted`.
///
/// # Errors
/// Where the older snapshot is damaged, or the records do not continue it.
pub fn write_shards(
    mut previous: Option<&mut (dyn SnapshotSource + '_)>,
    records: &RecordsByShard,
    checkpoint: &Checkpoint,
    sink: &mut dyn SnapshotSink,
    wanted: Option<ShardId>,
) -> Result<Vec<ShardOfSnapshot>, SnapshotError> {
    let mut shards = Vec::with_capacity(records.shards.len());
    for (records, shard) in records.shards.iter().zip((records.first..).map(ShardId)) {
        let position = checkpoint.positions().get(usize::from(shard.0)).copied();
        // The control shard is kept as all of its records.
        let copy = &mut |item: &[u8]| sink.push(item);
        let (mut state, mut sequence) = match &mut previous {
            Some(previous) => {
                let (state, end) = read_shard(*previous, shard, copy)?;
                (state, end.sequence)
            }
            None => (AnyState::new(shard), 0),
        };
        for (number, bytes) in records.iter() {
            if number != sequence + 1 {
                return Err(SnapshotError::Gap(shard));
            }
            sequence = number;
            if Some(number) == position && is_planted(PlantedFault::SnapshotOffByOne) {
                break;
            }
            state.apply(bytes)?;
            if shard == ShardId::CONTROL {
                sink.push(bytes)?;
            }
        }
        if Some(sequence) != position {
            return Err(SnapshotError::Gap(shard));
        }
        let end = state.push_pieces(sequence, sink)?;
        let departures = state.departures();
        let state = match state {
            AnyState::Payments(state) if wanted == Some(shard) => Some(state),
            AnyState::Payments(_) | AnyState::Control(_) => None,
        };
        shards.push(ShardOfSnapshot { end, departures, state });
    }
    Ok(shards)
}

/// Reads a whole snapshot again, one shard after the other, and proves that each comes to its hash.
///
/// # Errors
/// Where it does not.
pub fn prove_snapshot(source: &mut dyn SnapshotSource) -> Result<(), SnapshotError> {
    snapshot_ends(source).map(drop)
}

/// What stands at each shard's end, once it is proved that the snapshot comes to that, and that it is
/// as far as its checkpoint says.
///
/// # Errors
/// Where it does not, or is not.
pub(crate) fn snapshot_ends(
    source: &mut dyn SnapshotSource,
) -> Result<Vec<ImageEnd>, SnapshotError> {
    let positions = source.checkpoint().positions().to_vec();
    let mut ends = Vec::with_capacity(positions.len());
    for (shard, position) in (0..=u16::MAX).map(ShardId).zip(positions) {
        let (_state, end) = read_shard(source, shard, &mut |_item| Ok(()))?;
        if end.sequence != position {
            return Err(SnapshotError::Shape);
        }
        ends.push(end);
    }
    expect_end(source)?;
    Ok(ends)
}

/// Loads a snapshot.
///
/// # Errors
/// Where it is damaged, or another log's.
pub(crate) fn load_snapshot(
    source: &mut dyn SnapshotSource,
    shards: NonZeroU16,
) -> Result<(Checkpoint, Replayed), SnapshotError> {
    let checkpoint = source.checkpoint().clone();
    let mut replayed = Replayed::new(shards);
    if checkpoint.positions().len() != replayed.sequences.len() {
        return Err(SnapshotError::Shape);
    }
    for (shard, position) in (0..=u16::MAX).map(ShardId).zip(checkpoint.positions()) {
        let (state, end) = read_shard(source, shard, &mut |_item| Ok(()))?;
        if end.sequence != *position {
            return Err(SnapshotError::Shape);
        }
        replayed.sequences[usize::from(shard.0)] = end.sequence;
        match state {
            AnyState::Control(control) => replayed.control = *control,
            AnyState::Payments(state) => replayed.shards[usize::from(shard.0) - 1] = *state,
        }
    }
    expect_end(source)?;
    Ok((checkpoint, replayed))
}

fn expect_end(source: &mut dyn SnapshotSource) -> Result<(), SnapshotError> {
    if source.next_item()?.is_some() { Err(SnapshotError::Shape) } else { Ok(()) }
}

/// Takes an item of history further.
type Copy<'c> = dyn FnMut(&[u8]) -> Result<(), tollgate_wal::Error> + 'c;

/// Reads the part of one shard; of the control shard it hands the records on as they are.
fn read_shard(
    source: &mut dyn SnapshotSource,
    shard: ShardId,
    copy: &mut Copy<'_>,
) -> Result<(AnyState, ImageEnd), SnapshotError> {
    let (state, end) = if shard == ShardId::CONTROL {
        read_control(source, copy)?
    } else {
        read_payments(source, shard)?
    };
    if end.shard != shard {
        return Err(SnapshotError::Shape);
    }
    if state.hash() != end.hash {
        return Err(SnapshotError::Hash(shard));
    }
    Ok((state, end))
}

fn read_control(
    source: &mut dyn SnapshotSource,
    copy: &mut Copy<'_>,
) -> Result<(AnyState, ImageEnd), SnapshotError> {
    let mut state = ControlState::default();
    loop {
        let item = source.next_item()?.ok_or(SnapshotError::Shape)?;
        if let Ok(record) = codec::decode_control(item) {
            state.apply(&record);
            copy(item)?;
            continue;
        }
        return match codec::decode_piece(item)? {
            Piece::End(end) => Ok((AnyState::Control(Box::new(state)), end)),
            Piece::History(_)
            | Piece::Order(_)
            | Piece::Chapter(_)
            | Piece::Account(..)
            | Piece::Key(..)
            | Piece::DepartedAccount(..)
            | Piece::PaidOrder(_)
            | Piece::Departed { .. }
            | Piece::DepartedOrders(_) => Err(SnapshotError::Shape),
        };
    }
}

fn read_payments(
    source: &mut dyn SnapshotSource,
    shard: ShardId,
) -> Result<(AnyState, ImageEnd), SnapshotError> {
    let mut restoration = Restoration::new(shard);
    loop {
        let item = source.next_item()?.ok_or(SnapshotError::Shape)?;
        match restoration.take(codec::decode_piece(item)?) {
            Restored::InPart(further) => restoration = further,
            Restored::Whole(state, end) => return Ok((AnyState::Payments(state), end)),
        }
    }
}

/// A shard's state, of either kind.
enum AnyState {
    Control(Box<ControlState>),
    Payments(Box<ShardState>),
}

impl AnyState {
    fn new(shard: ShardId) -> Self {
        if shard == ShardId::CONTROL {
            Self::Control(Box::default())
        } else {
            Self::Payments(Box::new(ShardState::new(shard)))
        }
    }

    fn apply(&mut self, bytes: &[u8]) -> Result<(), codec::CodecError> {
        match self {
            Self::Control(state) => state.apply(&codec::decode_control(bytes)?),
            Self::Payments(state) => state.apply(&codec::decode(bytes)?),
        }
        Ok(())
    }

    /// What has not been written yet: of a payment shard everything, of the control shard its end.
    fn push_pieces(
        &self,
        sequence: u64,
        sink: &mut dyn SnapshotSink,
    ) -> Result<ImageEnd, SnapshotError> {
        match self {
            Self::Control(state) => {
                let end = ImageEnd {
                    shard: ShardId::CONTROL,
                    sequence,
                    last_time: state.last_time(),
                    oldest_key: None,
                    hash: state.hash(),
                };
                sink.push(&codec::encode_piece(&Piece::End(end))?)?;
                Ok(end)
            }
            Self::Payments(state) => {
                let mut end = None;
                for piece in state.pieces(sequence) {
                    sink.push(&codec::encode_piece(&piece)?)?;
                    if let Piece::End(last) = piece {
                        end = Some(last);
                    }
                }
                Ok(end.expect("pieces close with their end"))
            }
        }
    }

    fn departures(&self) -> u64 {
        match self {
            Self::Control(_) => 0,
            Self::Payments(state) => state.departures(),
        }
    }

    fn hash(&self) -> StateHash {
        match self {
            Self::Control(state) => state.hash(),
            Self::Payments(state) => state.hash(),
        }
    }
}

impl Snapshots for NoSnapshots {
    fn list(&self) -> Result<Vec<u64>, tollgate_wal::Error> {
        Ok(Vec::new())
    }

    fn read(&self, _name: u64) -> Result<Box<dyn SnapshotSource + '_>, tollgate_wal::Error> {
        unreachable!("nothing was listed")
    }
}

impl Snapshots for SnapshotStore {
    fn list(&self) -> Result<Vec<u64>, tollgate_wal::Error> {
        self.list()
    }

    fn beginning(&self) -> Result<u64, tollgate_wal::Error> {
        self.beginning()
    }

    fn read(&self, name: u64) -> Result<Box<dyn SnapshotSource + '_>, tollgate_wal::Error> {
        Ok(Box::new(self.read(name)?))
    }
}

impl SnapshotSource for SnapshotReader {
    fn checkpoint(&self) -> &Checkpoint {
        self.checkpoint()
    }

    fn next_item(&mut self) -> Result<Option<&[u8]>, tollgate_wal::Error> {
        self.next_item()
    }
}

impl SnapshotSink for SnapshotWriter {
    fn push(&mut self, item: &[u8]) -> Result<(), tollgate_wal::Error> {
        self.push(item)
    }
}

impl From<SnapshotError> for Error {
    fn from(source: SnapshotError) -> Self {
        Self::Snapshot(source)
    }
}
