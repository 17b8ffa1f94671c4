//! A data directory made of a backup: every file is held against the manifest, and the log against what
//! each shard had come to.
//!
//! Invariant: nobody uses what is made here before all of that holds, nor after it broke off; see
//! `data_directory.rs`.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, btree_map::Entry},
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tollgate_engine::{Error as EngineError, TreeBuilder, VerifyReport, verify_against};

use super::{
    directory::{DirectoryError, create_new, failed, sync},
    manifest::{FilePart, MANIFEST, Manifest, ManifestFault, hex},
    path::BackupPath,
    store::{DerivedStore, StoreError},
};
use crate::{
    data_directory::{self, UnprovedDirectory},
    startup::log_directory,
};

/// How a backup is checked beyond the hashes of its files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RestoreOptions {
    /// Read the log as a start does, and check all that must hold.
    pub(crate) replay: bool,
    /// And that each shard comes to the hash that it had, and the log to what its snapshots say. Without,
    /// snapshots that do not fit are left out.
    pub(crate) state_hash: bool,
}

/// What was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) manifest: Manifest,
    /// What the log comes to, where it was replayed.
    pub(crate) report: Option<VerifyReport>,
    /// Whether the log was cut, and the backup has no views, which it cannot make again whole.
    pub(crate) lacks_views: bool,
    /// Snapshots that are not what the log comes to, and are left out.
    pub(crate) unfit_snapshots: usize,
}

/// Why a backup cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is none, or what was to become one was cut short.
    #[error("{} is no backup, or one that was cut short: it has no {MANIFEST}", .0.display())]
    NoManifest(PathBuf),
    /// The manifest cannot be used.
    #[error("{}", path.display())]
    Manifest {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestFault,
    },
    /// A file is missing.
    #[error("{path} is missing from the backup")]
    Missing {
        /// Which.
        path: String,
    },
    /// A file cannot be read, or is no plain file.
    #[error("{path} cannot be read from the backup")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file has another length.
    #[error("{path} is damaged: it has {found} bytes instead of {expected}")]
    Length {
        /// Which.
        path: String,
        /// As the manifest says.
        expected: u64,
        /// As it is.
        found: u64,
    },
    /// A file holds something else.
    #[error("{path} is damaged: it has not the SHA-256 that the manifest says")]
    Hash {
        /// Which.
        path: String,
    },
    /// The manifest names what no backup has, or the same twice, or no log.
    #[error("the manifest names {0}")]
    Names(String),
    /// The target is in use, or not empty.
    #[error(transparent)]
    DataDirectory(#[from] data_directory::Error),
    /// The target cannot be written.
    #[error(transparent)]
    Target(#[from] DirectoryError),
    /// A store cannot be made of its parts, or is not that of the log.
    #[error("a store of the backup cannot be restored")]
    Store(#[from] StoreError),
    /// The log cannot be read, or breaks an invariant.
    #[error("the log of the backup cannot be used")]
    Log(#[source] Box<EngineError>),
    /// It is another log.
    #[error("the log of the backup ends elsewhere than its manifest says")]
    End,
    /// A shard has become something else.
    #[error(
        "{0}. A release that keeps more of a payment may hash it otherwise: restore with release {1}, \
         which made the backup, or do without this check by --skip-state-hash"
    )]
    State(String, String),
    /// A snapshot is not what the log comes to.
    #[error(
        "{path} cannot be used: {why}. A release that keeps more of a payment may hash it otherwise: \
         restore with release {release}, which made the backup, or do without such snapshots by \
         --skip-state-hash"
    )]
    Snapshot {
        /// Its place.
        path: String,
        /// What is wrong with it.
        why: String,
        /// Which made the backup.
        release: String,
    },
}

impl RestoreError {
    /// Whether the one who asks has to ask otherwise.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::DataDirectory(data_directory::Error::NotEmpty { .. }))
    }
}

/// Larger than the manifest of a million segments.
const LARGEST_MANIFEST: u64 = 256 << 20;

/// Larger than any part of a store: some megabytes, and one entry.
const LARGEST_PART: u64 = 64 << 20;

const PART: usize = 256 << 10;

/// Makes a data directory of a backup.
///
/// # Errors
/// Where the target is not empty, the backup is damaged or not whole, or its log does not come to what
/// it had come to. What was written stays, and nobody may use it.
pub(crate) fn restore(
    backup: &Path,
    data_dir: &Path,
    options: RestoreOptions,
) -> Result<Restored, RestoreError> {
    let manifest = read_manifest(backup)?;
    let paths = checked_paths(&manifest)?;
    let claims = manifest.claims().map_err(of_manifest(backup))?;
    let unproved = UnprovedDirectory::begin(data_dir)?;
    let mut stores = BTreeMap::new();
    for (path, file) in &paths {
        match path.store() {
            Some(store) => restore_part(&mut stores, store, backup, data_dir, (path, file))?,
            None => copy(backup, data_dir, path, file)?,
        }
    }
    let restored: Vec<DerivedStore> = stores.keys().copied().collect();
    for (store, builder) in stores {
        builder.finish().map_err(|source| StoreError::Tree { store, source })?;
    }
    let log = log_directory(data_dir);
    // What a log needs to be looked into.
    let lock = log.join("lock");
    create_new(&lock).map_err(failed("create", &lock))?;
    sync_all(data_dir, &paths, &restored)?;
    let mut unfit_snapshots = 0;
    let report = match options.replay {
        true => {
            let report = check(data_dir, &manifest, &claims, &restored, options)?;
            unfit_snapshots = leave_out_unfit(data_dir, &report)?;
            Some(report)
        }
        false => None,
    };
    unproved.finish()?;
    let is_cut = paths.iter().any(|(path, _file)| path.is_beginning());
    let lacks_views = is_cut && !restored.contains(&DerivedStore::Views);
    Ok(Restored { manifest, report, lacks_views, unfit_snapshots })
}

fn check(
    data_dir: &Path,
    manifest: &Manifest,
    claims: &[tollgate_engine::StateClaim],
    restored: &[DerivedStore],
    options: RestoreOptions,
) -> Result<VerifyReport, RestoreError> {
    let claims = if options.state_hash { claims } else { &[] };
    let report = verify_against(&log_directory(data_dir), claims);
    let report = report.map_err(|error| RestoreError::Log(Box::new(error)))?;
    if !manifest.ends_at(&report.log.end) {
        return Err(RestoreError::End);
    }
    if let Err(differs) = &report.claimed {
        return Err(RestoreError::State(differs.clone(), manifest.release.clone()));
    }
    if let (true, Some((path, why))) = (options.state_hash, unfit(&report).next()) {
        let (path, release) = (path.to_string(), manifest.release.clone());
        return Err(RestoreError::Snapshot { path, why: why.to_owned(), release });
    }
    let needed = [DerivedStore::Archive, DerivedStore::Feed];
    let needed = needed.into_iter().filter(|_store| report.log.begins_behind > 0);
    for store in restored.iter().copied().chain(needed) {
        store.check(data_dir, &report)?;
    }
    Ok(report)
}

/// Snapshots that are not what the log comes to, and why.
fn unfit(report: &VerifyReport) -> impl Iterator<Item = (BackupPath, &str)> {
    report.snapshots.iter().filter_map(|snapshot| {
        let why = snapshot.finding.as_ref().err()?;
        Some((BackupPath::of_snapshot(snapshot.frame), why.as_str()))
    })
}

/// Removes them: a start would take the newest at its word.
fn leave_out_unfit(data_dir: &Path, report: &VerifyReport) -> Result<usize, DirectoryError> {
    let mut left_out = 0;
    for (path, _why) in unfit(report) {
        let place = path.below(data_dir);
        fs::remove_file(&place).map_err(failed("remove", &place))?;
        sync(place.parent().unwrap_or(data_dir))?;
        left_out += 1;
    }
    Ok(left_out)
}

/// Takes a part of a store in.
fn restore_part(
    stores: &mut BTreeMap<DerivedStore, TreeBuilder>,
    store: DerivedStore,
    backup: &Path,
    data_dir: &Path,
    (path, said): (&BackupPath, &FilePart),
) -> Result<(), RestoreError> {
    if said.bytes > LARGEST_PART {
        return Err(RestoreError::Names(format!("{path}, and that as too large")));
    }
    let builder = match stores.entry(store) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => place.insert(store.restore(data_dir)?),
    };
    let mut part = Vec::new();
    read_checked(backup, path, said, |bytes| {
        part.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(builder.take(&part).map_err(|source| StoreError::Tree { store, source })?)
}

fn read_manifest(backup: &Path) -> Result<Manifest, RestoreError> {
    let path = backup.join(MANIFEST);
    let file = match open_plain(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RestoreError::NoManifest(backup.to_owned()));
        }
        Err(source) => {
            return Err(RestoreError::Unreadable { path: MANIFEST.to_owned(), source });
        }
    };
    let mut bytes = Vec::new();
    let read = file.take(LARGEST_MANIFEST).read_to_end(&mut bytes);
    read.map_err(|source| RestoreError::Unreadable { path: MANIFEST.to_owned(), source })?;
    Manifest::parse(&bytes).map_err(of_manifest(backup))
}

fn of_manifest(backup: &Path) -> impl FnOnce(ManifestFault) -> RestoreError {
    let path = backup.join(MANIFEST);
    move |source| RestoreError::Manifest { path, source }
}

/// The manifest's files, each in a place that a backup may have.
fn checked_paths(manifest: &Manifest) -> Result<Vec<(BackupPath, &FilePart)>, RestoreError> {
    let mut paths = Vec::new();
    let mut seen = HashSet::new();
    for file in &manifest.files {
        let path = BackupPath::new(&file.path);
        let path = path.ok_or_else(|| RestoreError::Names(format!("{:?}", file.path)))?;
        if !seen.insert(path.clone()) {
            return Err(RestoreError::Names(format!("{path} twice")));
        }
        paths.push((path, file));
    }
    if !paths.iter().any(|(path, _file)| path.is_superblock()) {
        return Err(RestoreError::Names("no log".to_owned()));
    }
    Ok(paths)
}

/// Copies a file and holds it against what the manifest says.
fn copy(
    backup: &Path,
    data_dir: &Path,
    path: &BackupPath,
    said: &FilePart,
) -> Result<(), RestoreError> {
    let place = path.below(data_dir);
    let directory = place.parent().expect("it lies below the data directory");
    fs::create_dir_all(directory).map_err(failed("create", directory))?;
    let mut to = create_new(&place).map_err(failed("create", &place))?;
    read_checked(backup, path, said, |bytes| {
        Ok(to.write_all(bytes).map_err(failed("write", &place))?)
    })?;
    to.sync_all().map_err(failed("sync", &place))?;
    Ok(())
}

/// Reads a file, and holds it against what the manifest says once `take` has had all of it.
fn read_checked(
    backup: &Path,
    path: &BackupPath,
    said: &FilePart,
    mut take: impl FnMut(&[u8]) -> Result<(), RestoreError>,
) -> Result<(), RestoreError> {
    let unreadable = |source| RestoreError::Unreadable { path: path.to_string(), source };
    let mut from = match open_plain(&path.below(backup)) {
        Ok(file) => file.take(said.bytes + 1),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RestoreError::Missing { path: path.to_string() });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let (mut digest, mut length, mut buffer) = (Sha256::new(), 0, vec![0; PART]);
    loop {
        let read = from.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        length += read as u64;
        take(&buffer[..read])?;
    }
    if length != said.bytes {
        let found = from.into_inner().metadata().map_err(unreadable)?.len();
        let (path, expected) = (path.to_string(), said.bytes);
        return Err(RestoreError::Length { path, expected, found });
    }
    if hex(&digest.finalize()) != said.sha256 {
        return Err(RestoreError::Hash { path: path.to_string() });
    }
    Ok(())
}

fn sync_all(
    data_dir: &Path,
    paths: &[(BackupPath, &FilePart)],
    stores: &[DerivedStore],
) -> Result<(), DirectoryError> {
    let files = paths.iter().filter(|(path, _file)| path.store().is_none());
    let files = files.map(|(path, _file)| path.below(data_dir));
    // Of a store the directory that it lies in: what is in that it has synced itself.
    let stores = stores.iter().map(|store| store.directory(data_dir).join("store"));
    let mut directories = BTreeSet::from([data_dir.to_owned()]);
    for place in files.chain(stores) {
        directories.extend(
            place.ancestors().skip(1).take_while(|above| *above != data_dir).map(Path::to_owned),
        );
    }
    directories.iter().rev().try_for_each(|directory| sync(directory))
}

/// Opens a plain file, and no link.
fn open_plain(path: &Path) -> io::Result<File> {
    let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits());
    let no_link = no_link.map_err(|_large| io::ErrorKind::Unsupported)?;
    // A pipe would keep whoever opens it waiting.
    let at_once = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits());
    let at_once = at_once.map_err(|_large| io::ErrorKind::Unsupported)?;
    let file = File::options().read(true).custom_flags(no_link | at_once).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    Ok(file)
}
