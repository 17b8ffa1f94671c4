//! The transaction engine: shards as actix actors over the write-ahead log.
//!
//! ```text
//!  create_payment ─▶ Admission ─▶ Courier ─▶ ShardActor: decide ─ encode ─ apply
//!                    (permits)       ▲           │ one record
//!                                    │           ▼
//!               OwedCall::answer ────┘      GroupWriter (wal)
//!                      ▲                         │ durable
//!                      │                         ▼
//!                 EffectSink ◀─ provider calls ─ Releaser ─▶ replies
//! ```
//!
//! Payments of which nothing is left to do leave memory by a record, for the [`Archive`]; a command on
//! one waits until it has been found there, and brings it back by another record.
//!
//! `control_command` goes from admission straight to the `ControlActor`, and on in the same way.
//!
//! One actor owns each shard, so state needs no lock. Nothing leaves the engine, not even a
//! rejection or a read, before what it rests on is durable; replies, calls and publications ride
//! through the log as the record's completion.
//!
//! Invariants: permits bound commands from outside only, so a provider's answer always finds room.
//! Every provider call ends in an outcome, if only `Unknown`. A panic in a shard, the releaser
//! or the courier aborts the process: a restart replays, while half an applied record would stay.
//!
//! What is decided, recorded and let go, and in which order, is told by types that do no IO:
//! [`Shard`], [`Lane`], [`Completion`], [`release`] and [`recover`]. Actors, channels and threads are
//! wrapped around them, and a simulation can drive them in their place.
//!
//! Not here: HTTP, JSON, metrics, providers, views of the log. [`EffectSink`], [`Observer`] and
//! [`RecordObserver`] are where they begin.

mod abort_guard;
mod admission;
mod archive;
mod archive_desk;
mod backup;
mod clock;
mod completion;
mod control_actor;
mod control_request;
mod control_view;
mod courier;
mod durable_record;
mod effects;
mod engine;
mod entropy;
mod error;
mod gauges;
mod idle_snapshot;
mod inspect;
mod lane;
mod log_hold;
mod options;
mod payment_command;
pub mod planted_fault;
mod provider_report;
mod record_observer;
mod recovery;
mod release;
mod releaser;
mod replay;
mod retention;
mod router;
mod shard;
mod shard_actor;
mod showing;
mod snapshot;
mod snapshot_maker;
mod snapshotter;
mod tree_copy;
mod tree_damage;
mod verify;

pub use admission::Permit;
pub use archive::{
    Archive, ArchiveError, Departed, DepartedOrder, Departures, Keeper, OrderPlace, OrderRange,
    archive_directory, find, find_order,
};
pub use backup::{LogBackup, StateClaim, check_archive, plan_idle_backup, restore_archive};
pub use clock::Clock;
pub use completion::Completion;
pub use control_request::{ControlAnswer, ControlRequest};
pub use control_view::{ControlView, KeyPass};
pub use durable_record::{DurableContent, DurableRecord};
pub use effects::{Attachment, EffectSink, OwedCall, PreparedCall};
pub use engine::{Answer, Engine, EngineHealth, OrderAnswer, Patience};
pub use error::{CommandError, Error};
pub use idle_snapshot::snapshot_idle;
pub use inspect::{
    LogTail, LoggedRecord, RecordContent, Selection, Show, dump, dump_around_damage, records_let_go,
};
pub use lane::Lane;
pub use log_hold::LogHold;
pub use options::{EngineOptions, NoObserver, Observer, SnapshotObservation};
pub use payment_command::PaymentCommand;
pub use provider_report::{CallOutcome, ProviderReport};
pub use record_observer::{RecordObserver, RecordObservers};
pub use recovery::{RecoveryReport, ReplayThreads, Replayed, recover};
pub use release::{Outlet, release};
pub use replay::{ReplayReport, Until, replay};
pub use shard::{
    Absent, Caller, Find, Finding, Found, Moment, NewRecord, OrderStep, PaymentReply, Request,
    Shard, Step, Submission, Unheard, Unreadable, Unsettled, Wanted,
};
pub use showing::show_log;
pub use snapshot::{
    NoSnapshots, RecordsByShard, ShardOfSnapshot, SnapshotError, SnapshotSink, SnapshotSource,
    Snapshots, prove_snapshot, write_shards,
};
pub use tollgate_wal::{
    Error as LogError, Gap, GroupObservation, LogEnd, LogFile, LostRecords, OpenLogFile, Repair,
};
pub use tree_copy::{TreeBuilder, TreeCopy, TreeError};
pub use tree_damage::is_tree_damaged;
pub use verify::{SnapshotVerdict, VerifyReport, verify, verify_against};
