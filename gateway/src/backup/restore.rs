//! A data directory made of a backup: every file is held against the manifest, and the log against what
//! each shard had come to.
//!
//! Invariant: what is made here is a log only once all of that holds. Before, its superblock is missing,
//! and without it no server starts on the segments that lie there.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tollgate_engine::{Error as EngineError, VerifyReport, verify_against};

use super::{
    directory::{DirectoryError, create_new, failed, make_empty, sync},
    manifest::{FilePart, MANIFEST, Manifest, ManifestFault, hex},
    path::BackupPath,
};
use crate::startup::log_directory;

/// How a backup is checked beyond the hashes of its files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RestoreOptions {
    /// Read the log as a start does, and check all that must hold.
    pub(crate) replay: bool,
    /// And that each shard comes to the hash that it had.
    pub(crate) state_hash: bool,
}

/// What was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) manifest: Manifest,
    /// What the log comes to, where it was replayed.
    pub(crate) report: Option<VerifyReport>,
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
    /// The target cannot be written, or is in use.
    #[error(transparent)]
    Target(#[from] DirectoryError),
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
}

impl RestoreError {
    /// Whether the one who asks has to ask otherwise.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Target(DirectoryError::NotEmpty(_)))
    }
}

/// Larger than the manifest of a million segments.
const LARGEST_MANIFEST: u64 = 256 << 20;

const PART: usize = 256 << 10;

/// Makes a data directory of a backup.
///
/// # Errors
/// Where the target is not empty, the backup is damaged or not whole, or its log does not come to what
/// it had come to. What was written stays, as no log.
pub(crate) fn restore(
    backup: &Path,
    data_dir: &Path,
    options: RestoreOptions,
) -> Result<Restored, RestoreError> {
    let manifest = read_manifest(backup)?;
    let paths = checked_paths(&manifest)?;
    let claims = manifest.claims().map_err(of_manifest(backup))?;
    make_empty(data_dir)?;
    let mut superblock = None;
    for (path, file) in &paths {
        if path.is_superblock() {
            superblock = Some((path, file));
        } else {
            copy(backup, data_dir, path, file)?;
        }
    }
    let log = log_directory(data_dir);
    // What a log needs to be looked into.
    fs::create_dir_all(&log).map_err(failed("create", &log))?;
    let lock = log.join("lock");
    create_new(&lock).map_err(failed("create", &lock))?;
    sync_all(data_dir, &paths)?;
    let (path, file) = superblock.ok_or_else(|| RestoreError::Names("no log".to_owned()))?;
    let checked = copy(backup, data_dir, path, file).and_then(|()| match options.replay {
        true => check(&log, &manifest, &claims, options).map(Some),
        false => Ok(None),
    });
    match checked {
        Ok(report) => {
            sync(&log)?;
            Ok(Restored { manifest, report })
        }
        Err(error) => {
            let place = path.below(data_dir);
            match fs::remove_file(&place) {
                Ok(()) => sync(&log)?,
                // The backup has none, so that there is none to take away.
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                Err(kept) => return Err(failed("remove", &place)(kept).into()),
            }
            Err(error)
        }
    }
}

fn check(
    log: &Path,
    manifest: &Manifest,
    claims: &[tollgate_engine::StateClaim],
    options: RestoreOptions,
) -> Result<VerifyReport, RestoreError> {
    let claims = if options.state_hash { claims } else { &[] };
    let report = verify_against(log, claims);
    let report = report.map_err(|error| RestoreError::Log(Box::new(error)))?;
    let found = (report.log.frames, report.log.groups, hex(&report.log.last_hash));
    let said = (manifest.log.frames, manifest.log.groups, manifest.log.last_hash.clone());
    if found != said {
        return Err(RestoreError::End);
    }
    if let Err(differs) = &report.claimed {
        return Err(RestoreError::State(differs.clone(), manifest.release.clone()));
    }
    Ok(report)
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
    let mut seen = std::collections::HashSet::new();
    for file in &manifest.files {
        let path = BackupPath::new(&file.path);
        let path = path.ok_or_else(|| RestoreError::Names(format!("{:?}", file.path)))?;
        if !seen.insert(path.clone()) {
            return Err(RestoreError::Names(format!("{path} twice")));
        }
        paths.push((path, file));
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
    let unreadable = |source| RestoreError::Unreadable { path: path.to_string(), source };
    let mut from = match open_plain(&path.below(backup)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RestoreError::Missing { path: path.to_string() });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let place = path.below(data_dir);
    let directory = place.parent().expect("it lies below the data directory");
    fs::create_dir_all(directory).map_err(failed("create", directory))?;
    let mut to = create_new(&place).map_err(failed("create", &place))?;
    let (mut digest, mut length, mut buffer) = (Sha256::new(), 0, vec![0; PART]);
    loop {
        let read = from.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        length += read as u64;
        to.write_all(&buffer[..read]).map_err(failed("write", &place))?;
    }
    if length != said.bytes {
        let (path, expected) = (path.to_string(), said.bytes);
        return Err(RestoreError::Length { path, expected, found: length });
    }
    if hex(&digest.finalize()) != said.sha256 {
        return Err(RestoreError::Hash { path: path.to_string() });
    }
    to.sync_all().map_err(failed("sync", &place))?;
    Ok(())
}

fn sync_all(data_dir: &Path, paths: &[(BackupPath, &FilePart)]) -> Result<(), DirectoryError> {
    let mut directories = std::collections::BTreeSet::from([data_dir.to_owned()]);
    for (path, _file) in paths {
        let place = path.below(data_dir);
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
