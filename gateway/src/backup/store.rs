//! Stores that follow from the log, in backups of a log that was cut: what they were made of is gone.
//!
//! Invariant: each is copied as of a moment before the log's end is chosen, and after the log can no longer
//! be cut: it has what the log has let go of, and nothing that the copy of the log lacks.
//!
//! Not here: what lies in them, and in which parts it is copied (`tollgate_engine::TreeCopy`).

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use tollgate_engine::{
    ArchiveError, TreeBuilder, TreeCopy, TreeError, VerifyReport, archive_directory, check_archive,
    restore_archive,
};

use crate::{
    feed::{EventFeed, FeedError},
    startup::{feed_directory, log_directory, views_directory},
    views::{ViewError, Views},
};

/// A store that a backup may have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DerivedStore {
    /// Payments that have left memory.
    Archive,
    /// Events, timelines, and how far deliveries are.
    Feed,
    /// What lists are read from.
    Views,
}

/// Those that the gateway keeps, as they are to be copied.
pub(crate) struct DerivedStores {
    pub(super) feed: TreeCopy,
    /// Left out where they are damaged: `tollgate views rebuild` makes them of what the log has.
    pub(super) views: Option<TreeCopy>,
}

/// Why a store cannot be copied or restored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its files, or its parts.
    #[error("the {store} cannot be copied or restored")]
    Tree {
        /// Which.
        store: DerivedStore,
        /// Why.
        source: TreeError,
    },
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The views.
    #[error(transparent)]
    Views(#[from] ViewError),
    /// The directory that it is to lie in.
    #[error("cannot make the directory of a store")]
    Directory(#[source] io::Error),
    /// There is none, and the log cannot make it again.
    #[error("there is no {0}, and the log, which was cut, cannot make it again")]
    Missing(DerivedStore),
    /// It is not as far as the log has let go of its records, or further than the log.
    #[error("the {0} is not that of the log")]
    Differs(DerivedStore),
}

impl DerivedStore {
    const ALL: [Self; 3] = [Self::Archive, Self::Feed, Self::Views];

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|store| store.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Feed => "feed",
            Self::Views => "views",
        }
    }

    /// Where it lies in a data directory.
    pub(super) fn directory(self, data_dir: &Path) -> PathBuf {
        match self {
            Self::Archive => archive_directory(&log_directory(data_dir)),
            Self::Feed => feed_directory(data_dir),
            Self::Views => views_directory(data_dir),
        }
    }

    /// Begins it in a data directory that has none.
    pub(super) fn restore(self, data_dir: &Path) -> Result<TreeBuilder, StoreError> {
        let directory = self.directory(data_dir);
        let parent = directory.parent().unwrap_or(data_dir);
        fs::create_dir_all(parent).map_err(StoreError::Directory)?;
        Ok(match self {
            Self::Archive => restore_archive(&log_directory(data_dir))?,
            Self::Feed => EventFeed::restore(&directory)?,
            Self::Views => Views::restore(&directory)?,
        })
    }

    /// Makes sure that it is that of the log in a data directory that nobody has open.
    pub(super) fn check(self, data_dir: &Path, report: &VerifyReport) -> Result<(), StoreError> {
        let streams = report.log.end.positions.len();
        let directory = self.directory(data_dir);
        if self != Self::Archive && !directory.is_dir() {
            return Err(StoreError::Missing(self));
        }
        let positions = match self {
            Self::Archive => return Ok(check_archive(&log_directory(data_dir), report)?),
            Self::Feed => EventFeed::positions(&directory, streams)?,
            Self::Views => Views::positions(&directory, streams)?,
        };
        let ends = report.log.let_go.iter().zip(&report.log.end.positions);
        let fits =
            |(position, (first, last)): (u64, (&u64, &u64))| (first..=last).contains(&&position);
        if positions.into_iter().zip(ends).all(fits) {
            Ok(())
        } else {
            Err(StoreError::Differs(self))
        }
    }
}

impl DerivedStores {
    /// Those of a gateway that serves, as they are now.
    pub(crate) fn of(feed: &EventFeed, views: &Views) -> Self {
        Self { feed: feed.copy(), views: views.copy() }
    }

    /// Those of a data directory that nobody has open.
    ///
    /// # Errors
    /// Where there is no feed, and where a store cannot be read.
    pub(crate) fn of_idle(data_dir: &Path) -> Result<Self, StoreError> {
        let (feed, views) = (feed_directory(data_dir), views_directory(data_dir));
        if !feed.is_dir() {
            return Err(StoreError::Missing(DerivedStore::Feed));
        }
        let views = if views.is_dir() { Views::copy_idle(&views)? } else { None };
        Ok(Self { feed: EventFeed::copy_idle(&feed)?, views })
    }
}

impl fmt::Display for DerivedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
