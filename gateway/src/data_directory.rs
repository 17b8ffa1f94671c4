//! The data directory, which belongs to one process at a time.
//!
//! ```text
//!   <data directory>/lock            held from before the first file is read until the end
//!                    log/            the engine's, with a lock of its own
//!                    keys/           the vault's, which may also lie elsewhere
//!                    secrets/, simulator/, demo.key, operator.key
//! ```
//!
//! Opening is not reading: the simulator cuts a torn entry off its ledger, and secrets are made
//! where there are none. A second process must not come that far, so it asks for the lock first.
//!
//! Invariant: the lock is the kernel's and goes with the process, however that ends. The file says
//! nothing and stays.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// The lock's file.
const LOCK: &str = "lock";

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
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(|source| Error::Lock { path: lock_path.clone(), source })?;
        held(lock.try_lock(), path, lock_path)?;
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
                return Ok(Self { _lock: None });
            }
            Err(source) => return Err(Error::Lock { path: lock_path, source }),
        };
        held(lock.try_lock_shared(), path, lock_path)?;
        Ok(Self { _lock: Some(lock) })
    }
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
}
