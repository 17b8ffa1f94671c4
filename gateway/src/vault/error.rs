//! What can go wrong with the vault.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::secrets;

/// Why the key store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("another process uses the key store {}", path.display())]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// There was a key store, and it is gone.
    #[error(
        "the key store {} is missing; put it back, or remove {} to give up all personal data \
         that was sealed under its keys",
        path.display(), marker.display()
    )]
    Missing {
        /// The store's file.
        path: PathBuf,
        /// The file that says that there was one.
        marker: PathBuf,
    },
    /// It belongs to other data.
    #[error("the key store {} belongs to another data directory", path.display())]
    Foreign {
        /// The store's file.
        path: PathBuf,
    },
    /// It is not whole.
    #[error("the key store {} is damaged: {damage}", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// Where.
        damage: Damage,
    },
    /// What it is opened with cannot be had.
    #[error("cannot use the key store's secrets")]
    Secrets(#[from] secrets::Error),
    /// The system gives no random bytes.
    #[error("no random bytes")]
    Random(#[source] getrandom::Error),
    /// The system gives no thread.
    #[error("cannot start the key store's thread")]
    Thread(#[source] io::Error),
}

/// What is wrong with a key store's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// Its head does not say what it should.
    #[error("its head is none")]
    Head,
    /// A key is not what was written.
    #[error(
        "key {0} is not what was written; `storage.erase_damaged_keys` gives up such keys and what \
         is sealed under them"
    )]
    Key(u32),
    /// It is shorter than it was.
    #[error("it ends after {found} of {expected} keys")]
    Short {
        /// How many keys there are.
        found: u32,
        /// How many there were.
        expected: u32,
    },
}

/// Why something cannot be sealed, or a key not be erased.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The key store has failed, or its disk is full.
    #[error("the key store cannot be written")]
    Unavailable,
    /// More wait for a key than are let in.
    #[error("too many wait for a key")]
    Overloaded,
    /// The system gives no random bytes.
    #[error("no random bytes")]
    Random,
    /// The data is larger than a record takes.
    #[error("the personal data is too large")]
    TooLarge,
}

impl OpenError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
