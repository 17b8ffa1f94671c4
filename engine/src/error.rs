//! What can go wrong, from the callers' point of view.

use tollgate_domain::{
    ControlRejection, Rejection, ShardId, codec::CodecError, invariant::Violation,
};

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
    /// What the log tells breaks an invariant.
    #[error("shard {} breaks an invariant", shard.0)]
    Invariant {
        /// The shard.
        shard: ShardId,
        /// What does not hold.
        source: Violation,
    },
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
    /// The log failed: whether the command is recorded is not known.
    #[error("the log failed; the outcome is not known")]
    Unknown,
}
