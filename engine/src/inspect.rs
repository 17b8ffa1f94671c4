//! The log's records for people to read: of a log that nobody has open, or along with its writer.
//!
//! Not here: what the records come to, and whether it holds together; see `verify.rs`. How a record
//! is shown is its reader's choice.

use std::{ops::ControlFlow, path::Path};

use tollgate_domain::{ControlEvent, Event, Record, ShardId, Timestamp, codec};
use tollgate_wal::{
    Error as LogError, Gap, RecordRef, Salvage, SuperblockFault, Tail, Visit, VisitError, salvage,
};

use crate::error::Error;

/// One record of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoggedRecord {
    /// Its place in the log, from 1.
    pub number: u64,
    /// Whose it is.
    pub shard: ShardId,
    /// Its place among the shard's records, from 1.
    pub shard_sequence: u64,
    /// What it says.
    pub content: RecordContent,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordContent {
    /// Of a payment shard.
    Payments(Record<Event>),
    /// Of the control shard.
    Control(Record<ControlEvent>),
}

/// Which records are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    /// From this number on.
    pub from: u64,
    /// Up to this number.
    pub to: u64,
    /// Of this shard alone.
    pub shard: Option<ShardId>,
}

/// Is shown the selected records in log order, until it breaks.
pub type Show<'s> = dyn FnMut(LoggedRecord) -> ControlFlow<()> + 's;

/// Shows the records of a log that nobody has open, with both of its copies read and compared.
///
/// # Errors
/// Where the log is in use, damaged, or holds a record that this build does not know. Records before
/// the fault have been shown by then.
pub fn dump(directory: &Path, selection: Selection, show: &mut Show<'_>) -> Result<(), Error> {
    let mut reader = Reader { number: records_let_go(directory)?.unwrap_or(0), selection };
    reader.read(show, |visit| tollgate_wal::verify::verify(directory, visit)).map(|_end| ())
}

/// As [`dump`], around what is damaged in both copies; `tell` is told of each gap in its place. Gives how
/// many it has been told of.
///
/// # Errors
/// Where there is no log or it is in use, and where a record that is whole is not known to this build.
pub fn dump_around_damage(
    directory: &Path,
    selection: Selection,
    show: &mut Show<'_>,
    tell: &mut dyn FnMut(&Gap),
) -> Result<usize, Error> {
    let mut reader = Reader { number: 0, selection };
    let mut told = 0;
    let mut ended = None;
    let read = salvage(directory, &mut |found| match found {
        Salvage::Record(number, record) => {
            reader.number = number - 1;
            reader.visit(record, show, &mut ended)
        }
        Salvage::Gap(gap) => {
            told += 1;
            tell(gap);
            Ok(())
        }
    });
    Reader::outcome(read, ended).map(|_end| told)
}

/// Follows a log that may be in use. What is shown is durable, in whole groups; see
/// [`Tail`] for what that rests on.
#[derive(Debug)]
pub struct LogTail {
    tail: Tail,
    reader: Reader,
}

impl LogTail {
    /// A tail before the first record.
    ///
    /// # Errors
    /// Where there is no log.
    pub fn open(directory: &Path, selection: Selection) -> Result<Self, Error> {
        let tail = Tail::open(directory)?;
        let reader = Reader { number: tail.records_before(), selection };
        Ok(Self { tail, reader })
    }

    /// Shows what has come since the last time. Breaks where `show` did, or behind the last selected
    /// record; the tail must not be used after that.
    ///
    /// # Errors
    /// Where the journal is damaged, or a record is not known to this build.
    pub fn advance(&mut self, show: &mut Show<'_>) -> Result<ControlFlow<()>, Error> {
        let Self { tail, reader } = self;
        reader.read(show, |visit| tail.advance(visit))
    }

    /// Passes over everything that is there. It is read all the same: that proves what comes.
    ///
    /// # Errors
    /// As [`LogTail::advance`].
    pub fn skip(&mut self) -> Result<(), Error> {
        let Self { tail, reader } = self;
        tail.advance(&mut |_record| {
            reader.number += 1;
            Ok(())
        })?;
        Ok(())
    }
}

/// How many records the log has let go of: it begins behind them. `None` where there is no log.
///
/// # Errors
/// Where what says so is damaged or cannot be read.
pub fn records_let_go(directory: &Path) -> Result<Option<u64>, Error> {
    match tollgate_wal::beginning(directory) {
        Ok(beginning) => Ok(Some(beginning.positions().iter().sum())),
        Err(LogError::Superblock { source: SuperblockFault::Missing, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl RecordContent {
    /// Of a record as it lies in the log.
    pub(crate) fn of(record: RecordRef<'_>) -> Result<Self, Error> {
        let (shard, sequence) = (ShardId(record.stream.0), record.sequence);
        let decoded = if shard == ShardId::CONTROL {
            codec::decode_control(record.bytes).map(Self::Control)
        } else {
            codec::decode(record.bytes).map(Self::Payments)
        };
        decoded.map_err(|source| Error::Replay { shard, sequence, source })
    }

    /// The shard's time when it was decided.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Payments(record) => record.at,
            Self::Control(record) => record.at,
        }
    }
}

#[derive(Debug)]
struct Reader {
    /// Of the last record seen.
    number: u64,
    selection: Selection,
}

/// Why a visit ended before the log did.
enum Ended {
    Enough,
    Failed(Error),
}

impl Reader {
    fn read<T>(
        &mut self,
        show: &mut Show<'_>,
        read: impl FnOnce(&mut Visit<'_>) -> Result<T, tollgate_wal::Error>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut ended = None;
        let read = read(&mut |record| self.visit(record, show, &mut ended));
        Self::outcome(read, ended)
    }

    /// Shows a record, and stops the visit where that is enough or fails.
    fn visit(
        &mut self,
        record: RecordRef<'_>,
        show: &mut Show<'_>,
        ended: &mut Option<Ended>,
    ) -> Result<(), VisitError> {
        match self.take(record, show) {
            Ok(ControlFlow::Continue(())) => Ok(()),
            Ok(ControlFlow::Break(())) => {
                *ended = Some(Ended::Enough);
                Err(VisitError::from("enough"))
            }
            Err(error) => {
                *ended = Some(Ended::Failed(error));
                Err(VisitError::from("not understood"))
            }
        }
    }

    fn outcome<T>(
        read: Result<T, tollgate_wal::Error>,
        ended: Option<Ended>,
    ) -> Result<ControlFlow<()>, Error> {
        match (read, ended) {
            (Ok(_), _) => Ok(ControlFlow::Continue(())),
            (Err(_stopped), Some(Ended::Enough)) => Ok(ControlFlow::Break(())),
            (Err(_stopped), Some(Ended::Failed(error))) => Err(error),
            (Err(error), None) => Err(error.into()),
        }
    }

    fn take(
        &mut self,
        record: RecordRef<'_>,
        show: &mut Show<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        self.number += 1;
        let Selection { from, to, shard: wanted } = self.selection;
        if self.number > to {
            return Ok(ControlFlow::Break(()));
        }
        let shard = ShardId(record.stream.0);
        if self.number < from || wanted.is_some_and(|wanted| wanted != shard) {
            return Ok(ControlFlow::Continue(()));
        }
        let content = RecordContent::of(record)?;
        let (number, shard_sequence) = (self.number, record.sequence);
        Ok(show(LoggedRecord { number, shard, shard_sequence, content }))
    }
}
