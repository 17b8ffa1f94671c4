//! Where a file of a backup lies: below the backup, and below the data directory that is made of it.
//!
//! Invariant: a path leads nowhere but to one of the places that backups have. Whoever made the backup
//! may have meant ill.

use std::{fmt, path::Path, path::PathBuf};

use super::store::DerivedStore;

/// A place in a backup.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct BackupPath(String);

/// Directories that hold files, and what those end in.
const PLACES: [(&str, &[&str]); 3] =
    [("log/journal", &[".log", ".zst"]), (SNAPSHOTS, &[".snap"]), ("callbacks", &[".json"])];

const SNAPSHOTS: &str = "log/snapshots";

const SUPERBLOCK: &str = "log/superblock";

/// Where a log begins that has let go of its first segments.
const BEGINNING: &str = "log/beginning";

/// What a part of a store ends in, in the directory of the store's name.
const PART: &str = ".part";

/// Longer than any name of ours.
const LONGEST_NAME: usize = 64;

impl BackupPath {
    /// Takes a path with `/` between its parts; `None` where no backup has such a place.
    pub(crate) fn new(path: &str) -> Option<Self> {
        let is_known = [SUPERBLOCK, BEGINNING].contains(&path)
            || store_of(path).is_some()
            || path.rsplit_once('/').is_some_and(|(directory, name)| {
                PLACES.iter().any(|(place, endings)| {
                    *place == directory && endings.iter().any(|ending| is_name(name, ending))
                })
            });
        is_known.then(|| Self(path.to_owned()))
    }

    pub(crate) fn below(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }

    /// A snapshot, by the frame that names it.
    pub(super) fn of_snapshot(frame: u64) -> Self {
        Self(format!("{SNAPSHOTS}/{frame:020}.snap"))
    }

    /// A part of a store, by its number.
    pub(super) fn of_part(store: DerivedStore, number: u32) -> Self {
        Self(format!("{store}/{number:08}{PART}"))
    }

    /// The store that this is a part of: it becomes none of the files of a data directory.
    pub(super) fn store(&self) -> Option<DerivedStore> {
        store_of(&self.0)
    }

    /// Whether this is there of a log that was cut alone.
    pub(super) fn is_beginning(&self) -> bool {
        self.0 == BEGINNING
    }

    /// Whether this makes a log of the segments beside it.
    pub(crate) fn is_superblock(&self) -> bool {
        self.0 == SUPERBLOCK
    }
}

fn store_of(path: &str) -> Option<DerivedStore> {
    let (directory, name) = path.rsplit_once('/')?;
    is_name(name, PART).then(|| DerivedStore::of_name(directory)).flatten()
}

/// Whether that is a plain name of letters, digits and underscores before its ending.
fn is_name(name: &str, ending: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.strip_suffix(ending).is_some_and(|stem| {
            !stem.is_empty()
                && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}

impl fmt::Display for BackupPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_a_backup() {
        for path in [
            "log/superblock",
            "log/beginning",
            "archive/00000001.part",
            "feed/00000001.part",
            "views/00000001.part",
            "log/journal/00000000000000000001.log",
            "log/journal/00000000000000000001.zst",
            "log/snapshots/00000000000000000077.snap",
            "callbacks/cbk_06f1q8zr2w000092mt7v4x1c8h.json",
        ] {
            assert_eq!(BackupPath::new(path).unwrap().to_string(), path);
        }
        for path in [
            "",
            "/",
            "..",
            "superblock",
            "/log/superblock",
            "log//superblock",
            "log/./superblock",
            "log/../log/superblock",
            "log/journal/../../x.log",
            "log/journal/.log",
            "log/journal/..log",
            "log/journal/a/b.log",
            "log/journal/a\\b.log",
            "log/journal/\u{e9}.log",
            "log/journal/a\0.log",
            "log/archive/x.log",
            "log/lock",
            "log/archive/00000001.part",
            "views/../x.part",
            "views/store/x.part",
            "feed/x.log",
            "keys/x.part",
            "keys/keys.store",
            "secrets/digest.key",
            "callbacks/cbk.log",
            "../callbacks/cbk.json",
            "manifest.json",
        ] {
            assert_eq!(BackupPath::new(path), None, "{path}");
        }
    }
}
