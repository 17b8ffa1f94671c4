//! The data directory, which belongs to one process at a time.
//!
//! ```text
//!   <data directory>/lock            held from before the first file is read until the end
//!                    restoring       while it is being made of a backup, and after that broke off
//!                    log/            the engine's, with a lock of its own
//!                    keys/           the vault's, which may also lie elsewhere
//!                    secrets/, simulator/, demo.key, operator.key
//! ```
//!
//! Opening is not reading: the simulator cuts a torn entry off its ledger, and secrets are made
//! where there are none. A second process must not come that far, so it asks for the lock first.
//!
//! Invariants: the lock is the kernel's and goes with the process, however that ends; its file says
//! nothing and stays. What was made of a backup is nobody's before all of it has been proved: `restoring`
//! is there, durably, before the first of its files and until the last is proved and durable.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The lock's file.
const LOCK: &str = "lock";

/// What a restore makes. Whatever else lies beside it, such as secrets, is left alone.
const RESTORED: [&str; 4] = ["log", "feed", "views", "callbacks"];

/// The file that says that a restore is under way, or broke off.
const RESTORING: &str = "restoring";

/// A data directory that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    _lock: File,
}

/// A data directory that no server has open as long as this lives.
#[derive(Debug)]
pub(crate) struct IdleDataDirectory {
    _lock: Option<File>,
}

/// A data directory that is being made of a backup. Dropped, it is one that nobody may use.
#[derive(Debug)]
pub(crate) struct UnprovedDirectory {
    path: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made.
    #[error("cannot create the data directory {}", path.display())]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its lock cannot be used.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A restore into it did not come to its end.
    #[error(
        "a restore into {} did not come to its end, and nothing there is proved: run `tollgate restore` \
         into it again, or remove it",
        path.display()
    )]
    Unproved {
        /// Which.
        path: PathBuf,
    },
    /// There is something in it, and a backup is restored into a directory of its own.
    #[error("{} is not empty: a backup is restored into a directory of its own", path.display())]
    NotEmpty {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be made, or cannot be made empty.
    #[error("cannot prepare the data directory {}", path.display())]
    Prepare {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to another process.
    #[error("another process uses the data directory {}", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
}

impl DataDirectory {
    /// Makes the directory where it is missing, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(path)
            .map_err(|source| Error::Create { path: path.to_owned(), source })?;
        let lock = locked(path)?;
        proved(path)?;
        Ok(Self { _lock: lock })
    }
}

impl IdleDataDirectory {
    /// Makes sure that no server uses the directory and keeps it so; several may look into it at
    /// once. Changes nothing: where there is no lock, no server has ever opened it.
    pub(crate) fn look_into(path: &Path) -> Result<Self, Error> {
        let lock_path = path.join(LOCK);
        let lock = match File::open(&lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                proved(path)?;
                return Ok(Self { _lock: None });
            }
            Err(source) => return Err(Error::Lock { path: lock_path, source }),
        };
        held(lock.try_lock_shared(), path, lock_path)?;
        proved(path)?;
        Ok(Self { _lock: Some(lock) })
    }
}

impl UnprovedDirectory {
    /// Takes a directory that is new or empty, or one that an earlier restore did not finish: what that
    /// has made is removed.
    ///
    /// # Errors
    /// Where it holds anything else, or belongs to another process.
    pub(crate) fn begin(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Prepare { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let not_empty = || Error::NotEmpty { path: path.to_owned() };
        if !is_ours_alone(path).map_err(failed)? {
            return Err(not_empty());
        }
        let lock = locked(path)?;
        // Somebody may have made something of it before it was ours.
        if !is_ours_alone(path).map_err(failed)? {
            return Err(not_empty());
        }
        let prepare = || {
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path.join(RESTORING))?;
            sync(path)?;
            remove_leftovers(path)
        };
        prepare().map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Gives it free: everything in it is proved, and durable.
    ///
    /// # Errors
    /// Where the file system refuses; then nobody may use it.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let finish = || {
            sync(&self.path)?;
            fs::remove_file(self.path.join(RESTORING))?;
            sync(&self.path)
        };
        finish().map_err(|source| Error::Prepare { path: self.path.clone(), source })
    }
}

/// Whether a directory is empty but for the lock, or what a restore has left.
fn is_ours_alone(path: &Path) -> io::Result<bool> {
    if path.join(RESTORING).try_exists()? {
        return Ok(true);
    }
    for entry in fs::read_dir(path)? {
        if entry?.file_name() != LOCK {
            return Ok(false);
        }
    }
    Ok(true)
}

fn remove_leftovers(path: &Path) -> io::Result<()> {
    for place in RESTORED.map(|name| path.join(name)) {
        match fs::remove_dir_all(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    sync(path)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes sure that no restore is under way, nor has broken off.
fn proved(path: &Path) -> Result<(), Error> {
    let marker = path.join(RESTORING);
    match marker.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::Unproved { path: path.to_owned() }),
        Err(source) => Err(Error::Lock { path: marker, source }),
    }
}

fn locked(path: &Path) -> Result<File, Error> {
    let lock_path = path.join(LOCK);
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
    let lock = lock.map_err(|source| Error::Lock { path: lock_path.clone(), source })?;
    held(lock.try_lock(), path, lock_path)?;
    Ok(lock)
}

fn held(locked: Result<(), TryLockError>, path: &Path, lock_path: PathBuf) -> Result<(), Error> {
    locked.map_err(|error| match error {
        TryLockError::WouldBlock => Error::InUse { path: path.to_owned() },
        TryLockError::Error(source) => Error::Lock { path: lock_path, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_or_many_look() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let nobodys = IdleDataDirectory::look_into(&path).unwrap();
        assert!(!path.exists(), "looking makes nothing");
        drop(nobodys);

        let taken = DataDirectory::take(&path).unwrap();
        let told = DataDirectory::take(&path).unwrap_err().to_string();
        assert_eq!(told, format!("another process uses the data directory {}", path.display()));
        assert!(matches!(IdleDataDirectory::look_into(&path), Err(Error::InUse { .. })));
        drop(taken);

        let looks = [(); 2].map(|()| IdleDataDirectory::look_into(&path).unwrap());
        assert!(matches!(DataDirectory::take(&path), Err(Error::InUse { .. })));
        drop(looks);
        DataDirectory::take(&path).unwrap();
    }

    #[test]
    fn what_a_restore_has_begun_is_nobodys_until_it_is_finished() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let begun = UnprovedDirectory::begin(&path).unwrap();
        assert!(matches!(UnprovedDirectory::begin(&path), Err(Error::InUse { .. })));
        fs::create_dir(path.join("log")).unwrap();
        fs::write(path.join("log/superblock"), "log").unwrap();
        drop(begun);
        let told = DataDirectory::take(&path).unwrap_err().to_string();
        assert!(told.contains("did not come to its end"), "{told}");
        assert!(matches!(IdleDataDirectory::look_into(&path), Err(Error::Unproved { .. })));

        // Run again, it begins with nothing.
        fs::create_dir(path.join("secrets")).unwrap();
        let again = UnprovedDirectory::begin(&path).unwrap();
        assert!(!path.join("log").exists() && path.join("secrets").exists());
        fs::create_dir(path.join("log")).unwrap();
        again.finish().unwrap();
        DataDirectory::take(&path).unwrap();
        assert!(matches!(UnprovedDirectory::begin(&path), Err(Error::NotEmpty { .. })));
        assert!(path.join("log").exists());
    }
}
