//! A durable write-ahead log of opaque records.
//!
//! A record belongs to a stream and has a number in it; many streams share one log, because
//! what a disk can do is counted in syncs, not in records. The one thread of [`GroupWriter`]
//! packs what is waiting into a group, hands it to a [`LogStore`], and gives the callers' tokens
//! back once the group is durable. No artificial delay: load itself makes groups large.
//!
//! ```text
//!  append ─▶ channel ─▶ writer thread ─▶ LogStore::commit ─┬▶ journal  write, fdatasync
//!                          │   ▲                           └▶ sled     insert, flush, sync
//!             release ◀────┘   └── durable when both say so
//! ```
//!
//! [`SledStore`] writes each group twice, to a journal and to sled, in frames that are chained by
//! hash. Either copy heals the other; [`SledStore::open`] takes the longest valid chain of the
//! two, and refuses where both are damaged before the end.
//!
//! Invariants: records of a stream are contiguous from 1. A group is durable whole or not at
//! all. What was given back as durable is read by every later open, or that open refuses. After
//! an error nothing more is written.
//!
//! [`SnapshotStore`] keeps what its user makes of the records before a [`Checkpoint`], so that a later
//! open can begin there.
//!
//! Not here: payments, what a snapshot says, replies. The log knows no meaning of its bytes.

mod abort_guard;
mod beginning;
mod chain;
mod checkpoint;
mod copy;
pub mod crash_point;
mod directory;
mod error;
mod frame;
mod group;
mod group_writer;
mod journal;
mod journal_file;
pub mod planted_fault;
mod record;
mod recovery;
mod salvage;
mod sled_segment;
mod sled_store;
mod snapshot_store;
pub mod store;
mod superblock;
mod tail;
pub mod verify;

pub use beginning::{Cut, beginning, cut_before};
pub use checkpoint::Checkpoint;
pub use copy::{LogCopy, LogEnd, LogFile, OpenLogFile};
pub use error::{Damage, DamageFault, Error, RecordFault, SledFault, SuperblockFault, VisitError};
pub use frame::FrameFault;
pub use group_writer::{
    GroupObservation, GroupWriter, InlineWriter, LogHandle, Released, WriterOptions, WriterThread,
};
pub use journal_file::{Compressed, compress_before};
pub use record::{MAX_RECORD, Record, RecordRef, Stream, Visit};
pub use recovery::{Recovery, Repair};
pub use salvage::{Gap, LostRecords, Salvage, ShowSalvage, salvage};
pub use sled_store::{MAX_SEGMENT_BYTES, Options, SledStore, drop_sled_before};
pub use snapshot_store::{SealedSnapshot, SnapshotReader, SnapshotStore, SnapshotWriter};
pub use store::{Committed, FreeSpace, LogStore, Syncs};
pub use superblock::Geometry;
pub use tail::Tail;
