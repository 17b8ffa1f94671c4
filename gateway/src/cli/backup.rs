//! `tollgate snapshot`, `tollgate backup` and `tollgate restore`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method};
use serde::Deserialize;
use tokio::time::timeout;
use tollgate_engine::{Error as EngineError, SnapshotObservation, plan_idle_backup, snapshot_idle};

use super::{
    api::{Api, ApiArguments, ApiError, runtime},
    output::{OutputError, print},
};
use crate::{
    backup::{
        BackupDirectory, BackupSource, CopyError, DerivedStores, DirectoryError, MANIFEST,
        Manifest, ParkedFiles, RestoreError, RestoreOptions, Restored, Sink, SourceError, TarFault,
        TarPart, TarReader, restore,
    },
    clock::system_clock,
    data_directory::{self, DataDirectory},
    startup::log_directory,
};

#[derive(Debug, Args)]
pub(super) struct SnapshotArguments {
    /// Of this data directory, which no server has open, instead of a running gateway.
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["asking_key", "key_file", "json"])]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArguments,
}

#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// Where the backup goes: a new directory, or an empty one.
    #[arg(value_name = "DIRECTORY")]
    backup: PathBuf,
    /// Of this data directory, which no server has open, instead of a running gateway.
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["asking_key", "key_file", "json"])]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArguments,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The backup.
    backup: PathBuf,
    /// The data directory that it becomes: a new directory, an empty one, or one in which a restore broke
    /// off, which is begun anew.
    data_dir: PathBuf,
    /// Check the files alone, and leave it to the first start to read the log: behind its newest snapshot,
    /// which it takes at its word.
    #[arg(long)]
    skip_replay: bool,
    /// Do not compare what each shard comes to with what it had come to, and leave out snapshots that the
    /// log does not come to.
    #[arg(long)]
    skip_state_hash: bool,
}

/// How they are used.
pub(super) const EXAMPLES: &str = "\
Examples:
  tollgate snapshot --key-file data/operator.key
  tollgate snapshot --data-dir data                            while no server runs
  tollgate backup /backups/2026-11-25 --key-file data/operator.key
  tollgate backup /backups/2026-11-25 --data-dir data          while no server runs
  tollgate restore /backups/2026-11-25 restored

What is secret is in no backup: keep secrets/ beside it, apart, and put it into the restored directory
before the first start. docs/backup.md tells what else there is to know.";

/// Why a command on backups failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The gateway cannot be asked, or says no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The answer breaks off.
    #[error("the backup breaks off, and is none")]
    Cut(#[source] hyper::Error),
    /// Nothing comes any more.
    #[error("nothing has come for two minutes: the backup is none")]
    Silent,
    /// What comes is no archive.
    #[error("the backup does not come as an archive, or not whole")]
    Archive(#[from] TarFault),
    /// It cannot be kept.
    #[error("the backup cannot be kept")]
    Directory(#[from] DirectoryError),
    /// It has no manifest.
    #[error("the backup comes without {MANIFEST}, and is none")]
    NoManifest,
    /// The files cannot be read.
    #[error("the backup cannot be made")]
    Source(#[from] SourceError),
    /// The log cannot be read, or breaks an invariant.
    #[error("the log in {} is not fit for a backup", directory.display())]
    Log {
        /// Where.
        directory: PathBuf,
        /// Why.
        source: Box<EngineError>,
    },
    /// There is no log.
    #[error("there is no log in {}", .0.display())]
    NoLog(PathBuf),
    /// The log cannot be opened, or the snapshot does not hold.
    #[error("no snapshot can be made of the log in {}", directory.display())]
    Snapshot {
        /// Where.
        directory: PathBuf,
        /// Why.
        source: Box<EngineError>,
    },
    /// A server runs, or the lock cannot be had.
    #[error(transparent)]
    DataDirectory(#[from] data_directory::Error),
    /// It cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The result cannot be told.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl BackupError {
    /// Whether the one who asks has to ask otherwise.
    pub(super) fn is_usage(&self) -> bool {
        match self {
            Self::Api(error) => error.is_usage(),
            Self::Restore(error) => error.is_usage(),
            Self::Directory(error) => matches!(error, DirectoryError::NotEmpty(_)),
            Self::Cut(_)
            | Self::Silent
            | Self::Archive(_)
            | Self::NoManifest
            | Self::Source(_)
            | Self::Log { .. }
            | Self::NoLog(_)
            | Self::Snapshot { .. }
            | Self::DataDirectory(_)
            | Self::Output(_) => false,
        }
    }
}

/// A snapshot, as the API shows it.
#[derive(Deserialize)]
struct Snapshot {
    frame: u64,
    records: u64,
    bytes: u64,
    elapsed_ms: u64,
}

impl Snapshot {
    fn of(made: &SnapshotObservation) -> Self {
        let SnapshotObservation { frame, records, bytes, elapsed } = *made;
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Self { frame, records, bytes, elapsed_ms }
    }

    fn told(&self) -> String {
        let Self { frame, records, bytes, elapsed_ms } = self;
        format!(
            "file        log/snapshots/{frame:020}.snap\nrecords     {records}\nbytes       {bytes}\n\
             elapsed     {elapsed_ms} ms\n"
        )
    }
}

/// Larger than the manifest of a million segments.
const LARGEST_MANIFEST: u64 = 256 << 20;

/// How long a gateway may take to make a snapshot, or to begin a backup: it reads on from its last
/// snapshot, which may be gigabytes.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// How long nothing may come of a backup that has begun.
const SILENCE: Duration = Duration::from_secs(120);

pub(super) fn snapshot(arguments: SnapshotArguments) -> Result<(), BackupError> {
    let SnapshotArguments { data_dir, api } = arguments;
    let Some(data_dir) = data_dir else {
        let api = api.into_api()?.patient(PATIENCE);
        let path = "/api/v1/admin/snapshots";
        api.tell(Method::POST, path, None::<&()>, Snapshot::told)?;
        return Ok(());
    };
    let (directory, _ours) = idle_log(&data_dir)?;
    let made = snapshot_idle(&directory)
        .map_err(|source| BackupError::Snapshot { directory, source: Box::new(source) })?;
    print(&Snapshot::of(&made).told())?;
    Ok(())
}

/// The log of a data directory that no server has open, and whoever does as long as the second lives.
fn idle_log(data_dir: &Path) -> Result<(PathBuf, DataDirectory), BackupError> {
    let directory = log_directory(data_dir);
    if !directory.is_dir() {
        return Err(BackupError::NoLog(data_dir.to_owned()));
    }
    // Not looked into alone: a log is opened for it, or stores beside one are.
    let ours = DataDirectory::take(data_dir)?;
    Ok((directory, ours))
}

pub(super) fn backup(arguments: BackupArguments) -> Result<(), BackupError> {
    let BackupArguments { backup, data_dir, api } = arguments;
    let manifest = match data_dir {
        Some(data_dir) => {
            let (directory, _ours) = idle_log(&data_dir)?;
            let parked = ParkedFiles::read(&data_dir)?;
            let log = plan_idle_backup(&directory)
                .map_err(|source| BackupError::Log { directory, source: Box::new(source) })?;
            let stores = log.archive.is_some().then(|| DerivedStores::of_idle(&data_dir));
            let stores = stores.transpose().map_err(SourceError::Store)?;
            let source = BackupSource::new(log, stores, parked, system_clock()());
            let mut kept = BackupDirectory::create(&backup)?;
            let manifest = source.copy(&mut kept).map_err(|error| match error {
                CopyError::Source(error) => BackupError::Source(error),
                CopyError::Sink(error) => BackupError::Directory(error),
            })?;
            kept.finish(&manifest.to_bytes())?
        }
        None => {
            let api = api.into_api()?.patient(PATIENCE);
            let kept = BackupDirectory::create(&backup)?;
            runtime()?.block_on(receive(&api, kept))?
        }
    };
    print(&told(&manifest))?;
    Ok(())
}

pub(super) fn restore_backup(arguments: RestoreArguments) -> Result<(), BackupError> {
    let RestoreArguments { backup, data_dir, skip_replay, skip_state_hash } = arguments;
    let options = RestoreOptions { replay: !skip_replay, state_hash: !skip_state_hash };
    let Restored { manifest, report, lacks_views, unfit_snapshots } =
        restore(&backup, &data_dir, options)?;
    let mut text = told(&manifest);
    match report.map(|report| report.claimed) {
        Some(Ok(shards)) if options.state_hash => {
            text += &format!("states      {shards} shards come to what they had come to\n");
        }
        Some(_) => text += "states      not compared\n",
        None => text += "log         not read\n",
    }
    text += "files       all as the manifest says\n";
    if unfit_snapshots > 0 {
        text += &format!(
            "snapshots   {unfit_snapshots} left out: they are not what the log comes to\n"
        );
    }
    if lacks_views {
        text += "views       damaged, and not in the backup: `tollgate views rebuild \
                 --from-the-beginning-of-the-log` makes them of what the log has\n";
    }
    text += "missing     secrets/ and keys/: put them there before the first start\n";
    print(&text)?;
    Ok(())
}

/// Takes a backup from a gateway that serves.
async fn receive(api: &Api, mut kept: BackupDirectory) -> Result<Manifest, BackupError> {
    let mut body = api.open("/api/v1/admin/backup", HeaderMap::new()).await?;
    let mut archive = TarReader::default();
    let mut manifest: Option<Vec<u8>> = None;
    loop {
        let frame = timeout(SILENCE, body.frame()).await;
        let Some(frame) = frame.map_err(|_elapsed| BackupError::Silent)? else { break };
        let Ok(part) = frame.map_err(BackupError::Cut)?.into_data() else { continue };
        archive.feed::<BackupError>(&part, &mut |part| {
            if let Some(manifest) = &mut manifest {
                // It is the last of all.
                return match part {
                    TarPart::Begin(..) => Err(TarFault::Trailing.into()),
                    TarPart::Data(bytes) => {
                        manifest.extend_from_slice(bytes);
                        Ok(())
                    }
                    TarPart::End => Ok(()),
                };
            }
            match part {
                TarPart::Begin(path, bytes) if path == MANIFEST => {
                    if bytes > LARGEST_MANIFEST {
                        return Err(TarFault::Kind.into());
                    }
                    manifest = Some(Vec::new());
                    Ok(())
                }
                TarPart::Begin(path, bytes) => Ok(kept.begin(&path, bytes)?),
                TarPart::Data(bytes) => Ok(kept.data(bytes)?),
                TarPart::End => Ok(kept.end()?),
            }
        })?;
    }
    archive.finish()?;
    Ok(kept.finish(&manifest.ok_or(BackupError::NoManifest)?)?)
}

fn told(manifest: &Manifest) -> String {
    let log = &manifest.log;
    format!(
        "made        {}\nrecords     {}\nlast hash   {}\nfiles       {}\nbytes       {}\n",
        manifest.created_at,
        log.records,
        log.last_hash,
        manifest.files.len(),
        manifest.bytes(),
    )
}
