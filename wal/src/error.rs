//! Why the log refuses, and what exactly is damaged.

use std::{error, io, path::PathBuf};

use crate::{frame::FrameFault, record::Stream};

/// What a visitor of records may fail with.
pub type VisitError = Box<dyn error::Error + Send + Sync>;

/// The log failed. After an error from a commit whether its group is durable is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: `sync`, `create`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// sled refused.
    #[error("sled cannot {action} {}", path.display())]
    Sled {
        /// What was tried, as a verb.
        action: &'static str,
        /// The sled directory.
        path: PathBuf,
        /// What sled said.
        source: sled::Error,
    },
    /// sled moved values to files of their own, which it never syncs.
    #[error("sled keeps values outside its synced file, in {}", path.display())]
    BlobsInUse {
        /// The directory that should be empty.
        path: PathBuf,
    },
    /// Another process uses the directory.
    #[error("another process uses {}", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory is no log, or not one this program reads.
    #[error("{} is no usable log", path.display())]
    Superblock {
        /// The data directory.
        path: PathBuf,
        /// What is wrong with it.
        source: SuperblockFault,
    },
    /// An option has no sense.
    #[error("the option {option} must be {range}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What it may be.
        range: String,
    },
    /// The log cannot be read back whole.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A snapshot cannot be read back whole.
    #[error("the snapshot {} is damaged", path.display())]
    Snapshot {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The visitor of the recovered records failed.
    #[error("record {sequence} of stream {} was not accepted", stream.0)]
    Visit {
        /// The record's stream.
        stream: Stream,
        /// The record's sequence in it.
        sequence: u64,
        /// What the visitor said.
        source: VisitError,
    },
    /// A record of the group is not the next of its stream; nothing was written.
    #[error("a record does not fit the log")]
    Record(#[from] RecordFault),
    /// A simulated disk failed by plan.
    #[error("the simulated disk failed")]
    Injected,
    /// An earlier commit failed; the store stays shut.
    #[error("the log failed before")]
    Poisoned,
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn sled(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(sled::Error) -> Self {
        let path = path.into();
        move |source| Self::Sled { action, path, source }
    }
}

/// Why a record cannot enter the log: a mistake of the caller, found before anything is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordFault {
    /// Above [`MAX_RECORD`](crate::MAX_RECORD).
    #[error("a record of {length} bytes is too large")]
    TooLarge {
        /// Its size in bytes.
        length: usize,
    },
    /// The log has fewer streams.
    #[error("stream {} does not exist in a log of {streams} streams", stream.0)]
    Stream {
        /// The stream asked for.
        stream: Stream,
        /// How many there are.
        streams: usize,
    },
    /// Not the number that follows the stream's last.
    #[error("stream {} expects record {expected}, not {found}", stream.0)]
    Sequence {
        /// The record's stream.
        stream: Stream,
        /// The sequence that follows the stream's last.
        expected: u64,
        /// The record's own.
        found: u64,
    },
}

/// Damage that neither copy of the log can heal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the log is damaged in segment {segment:020} at byte {offset}, frame {sequence}, behind record \
     {behind}"
)]
pub struct Damage {
    /// First frame sequence of the segment, which names its files.
    pub segment: u64,
    /// Where in the segment's journal file the valid part ends.
    pub offset: u64,
    /// The frame that should stand there.
    pub sequence: u64,
    /// The last whole record before it, by its number in the log; 0 if it is the beginning.
    pub behind: u64,
    /// What is wrong.
    #[source]
    pub fault: DamageFault,
}

/// What is wrong at a damaged place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DamageFault {
    /// No copy has the frame intact, though later ones prove that it was written.
    #[error("no intact copy of the frame is left (journal: {}, sled: {sled})", Said(journal))]
    Lost {
        /// What the journal has in its place; `None` where it simply ends.
        journal: Option<FrameFault>,
        /// What is the matter with the sled copy.
        sled: SledFault,
    },
    /// The disk does not give the journal here, and the sled copy ends before. Not a torn tail:
    /// what cannot be read may have been acknowledged.
    #[error("the journal cannot be read here, and sled does not continue it (sled: {sled})")]
    Unread {
        /// What is the matter with the sled copy.
        sled: SledFault,
    },
    /// Both copies have an intact frame of that sequence, and they differ.
    #[error("the journal and sled have different frames here")]
    Conflict,
    /// The journal does not go on here, though more was written; sled was not looked at.
    #[error("the journal does not continue (journal: {})", Said(.0))]
    Journal(Option<FrameFault>),
    /// No file of either copy covers the frame.
    #[error("the segment is missing")]
    SegmentMissing,
    /// The frames run past the beginning of the next segment.
    #[error("the segment runs into its successor")]
    Overlap,
    /// An intact group whose records cannot be read.
    #[error("the records of an intact group are malformed")]
    Malformed,
    /// An intact record is not the next of its stream.
    #[error("a record is out of order")]
    Record(#[source] RecordFault),
}

/// What is the matter with a segment's sled copy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SledFault {
    /// Readable, but not the same frames as the journal's.
    #[error("its frames differ or are missing")]
    Differs,
    /// The directory is not there.
    #[error("it is missing")]
    Missing,
    /// sled could not open it, panicked, or stopped with an error while it was read.
    #[error("sled cannot read it: {0}")]
    Unreadable(String),
    /// The disk did not give its files.
    #[error("the disk does not give it: {0}")]
    Unread(String),
    /// It has values outside the synced file.
    #[error("it keeps values in blobs")]
    BlobsInUse,
}

/// What is wrong with the superblock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SuperblockFault {
    /// There is none, though the directory has segments; or there is nothing at all to read.
    #[error("the superblock is missing")]
    Missing,
    /// Its length, magic number or checksum is wrong.
    #[error("the superblock is damaged")]
    Damaged,
    /// It was written by another version of the format.
    #[error("format version {0} is not supported")]
    Version(u16),
    /// What says where the log begins cannot be read: its length, magic number or checksum is wrong.
    #[error("the file that says where the log begins is damaged")]
    Beginning,
    /// A checkpoint has another number of streams.
    #[error("the checkpoint is another log's")]
    Checkpoint,
    /// The directory was created with another number of streams.
    #[error("the log has {stored} streams, not {asked}")]
    Streams {
        /// As created.
        stored: u16,
        /// As asked for.
        asked: u16,
    },
}

struct Said<'a>(&'a Option<FrameFault>);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(fault) => write!(f, "{fault}"),
            None => f.write_str("it ends there"),
        }
    }
}
