//! What can go wrong, from the callers' point of view.

use tollgate_domain::{
    ControlRejection, Rejection, ShardId, codec::CodecError, invariant::Violation,
};

use crate::{archive::ArchiveError, snapshot::SnapshotError};

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be opened or read.
    #[error("cannot open the log")]
    Log(#[from] tollgate_wal::Error),
    /// A record of the log cannot be understood.
    #[error("cannot replay record {sequence} of shard {}", shard.0)]
    Replay {
        /// Its shard.
        shard: ShardId,
        /// Its number.
        sequence: u64,
        /// Why.
        source: CodecError,
    },
    /// More of the log is asked for than there is.
    #[error("the log ends with record {records}")]
    EndsBefore {
        /// The number of its last record.
        records: u64,
    },
    /// Less of the log is asked for than has been let go of.
    #[error("the log begins behind record {records}")]
    BeginsBehind {
        /// The number of the last record that was let go of.
        records: u64,
    },
    /// The log begins at a snapshot, and that is of no use.
    #[error("the log begins at the snapshot {frame:020}, which cannot be used")]
    Beginning {
        /// The frame that names it.
        frame: u64,
        /// Why.
        source: SnapshotError,
    },
    /// The log begins at a snapshot, and neither that nor a later one is of use.
    #[error("the log begins at the snapshot {frame:020}, and no snapshot can be used")]
    NoBeginning {
        /// The frame that names it.
        frame: u64,
    },
    /// The log begins behind records that somebody who observes lacks, and does not do without.
    #[error("the log begins at the snapshot {frame:020}, and {refusal}")]
    Gap {
        /// The frame that names it.
        frame: u64,
        /// What is lacking, and what there is to do.
        refusal: &'static str,
    },
    /// What the log tells breaks an invariant.
    #[error("shard {} breaks an invariant", shard.0)]
    Invariant {
        /// The shard.
        shard: ShardId,
        /// What does not hold.
        source: Violation,
    },
    /// A snapshot cannot be made.
    #[error("cannot make a snapshot")]
    Snapshot(#[source] SnapshotError),
    /// A live shard is not what its records come to: a bug, or memory that fails. A restart comes to
    /// what the records say.
    #[error("shard {} at record {sequence} is not what replay comes to", shard.0)]
    Diverged {
        /// The shard.
        shard: ShardId,
        /// The record after which the two were compared.
        sequence: u64,
    },
    /// The engine stops, or its log has failed.
    #[error("stopping")]
    Stopping,
    /// This engine's log keeps no snapshots.
    #[error("no snapshots are kept")]
    NoSnapshots,
    /// The archive cannot be opened or written.
    #[error("the archive of payments that have left memory")]
    Archive(#[source] ArchiveError),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// Why a command has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// Our rules say no.
    #[error("rejected")]
    Rejected(#[source] Rejection),
    /// The control shard's rules say no.
    #[error("rejected")]
    ControlRejected(#[source] ControlRejection),
    /// The first request with this idempotency key still waits for its outcome.
    #[error("a request with the same idempotency key is under way")]
    InProgress,
    /// The command's record would be larger than the log takes.
    #[error("too large to be recorded")]
    TooLarge,
    /// As many commands are in flight as are admitted.
    #[error("too many commands in flight")]
    Overloaded,
    /// As many commands to one shard are in flight as are admitted.
    #[error("too many commands in flight for this merchant")]
    ShardOverloaded,
    /// The disk has too little room for new work.
    #[error("storage is full")]
    StorageFull,
    /// The engine is stopping; nothing was begun.
    #[error("stopping")]
    Stopping,
    /// A payment that has left memory cannot be read; nothing was begun.
    #[error("the archive cannot be read")]
    ArchiveUnreadable,
    /// The log failed: whether the command is recorded is not known.
    #[error("the log failed; the outcome is not known")]
    Unknown,
}
