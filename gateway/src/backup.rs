//! Backups: a log with what it comes to, copied while it is in use, and data directories made of them.
//!
//! ```text
//!   log/journal/<first frame>.log      every segment, the newest up to its last whole group
//!   log/snapshots/<first frame>.snap   what the log comes to there
//!   log/superblock                     what the log is
//!   log/beginning                      where the log begins, where that is not with its first record;
//!   archive|feed|views/<number>.part   then also what it made of the records that it has let go of
//!   callbacks/cbk_….json               callbacks that wait for their payments
//!   manifest.json                      length and SHA-256 of each file, where the log ends, and the
//!                                      hash of each shard's state at a record of it
//! ```
//!
//! A gateway that serves sends them as a tar archive, the manifest last; `tollgate backup` makes a
//! directory of it, or of the files of a gateway that does not run.
//!
//! Invariants: without its manifest a backup is none, and the manifest comes when everything else has.
//! No secret is in a backup: neither the keys of personal data nor those of digests or of the API.
//!
//! Not here: what a log is (`tollgate_wal`), and whether it comes to what is claimed
//! (`tollgate_engine::verify_against`).

mod directory;
mod manifest;
mod path;
mod restore;
mod source;
mod store;
mod tar;

pub(crate) use self::{
    directory::{BackupDirectory, DirectoryError},
    manifest::{MANIFEST, Manifest},
    restore::{RestoreError, RestoreOptions, Restored, restore},
    source::{BackupSource, CopyError, ParkedFiles, Sink, SourceError},
    store::DerivedStores,
    tar::{Part as TarPart, TarFault, TarReader, TarWriter},
};
