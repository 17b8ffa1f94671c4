//! What lies in the data directory, in bytes by part, for the gauge of it.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Parts of the data directory that are told apart, each with the folder it is; what lies elsewhere
/// is "other".
pub(super) const PARTS: [(&str, &str); 6] = [
    ("journal", "log/journal"),
    ("sled", "log/sled"),
    ("snapshots", "log/snapshots"),
    ("simulator", "simulator"),
    ("feed", "feed"),
    ("views", "views"),
];

/// How much there is of each of [`PARTS`], and, last, of everything else.
pub(super) fn sizes(data_dir: &Path) -> [u64; PARTS.len() + 1] {
    let mut sizes = [0; PARTS.len() + 1];
    let folders = PARTS.map(|(_name, folder)| data_dir.join(folder));
    let mut waiting = vec![(data_dir.to_owned(), PARTS.len())];
    while let Some((directory, part)) = waiting.pop() {
        let of_part = |path: &PathBuf| folders.iter().position(|folder| folder == path);
        for (path, found) in entries(&directory) {
            match found {
                Found::Directory => {
                    let part = of_part(&path).unwrap_or(part);
                    waiting.push((path, part));
                }
                Found::File(bytes) => sizes[part] += bytes,
            }
        }
    }
    sizes
}

enum Found {
    Directory,
    File(u64),
}

/// What there is right now. Files come and go meanwhile, so what cannot be looked at is left out.
fn entries(directory: &Path) -> Vec<(PathBuf, Found)> {
    let look = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        let found = if metadata.is_dir() { Found::Directory } else { Found::File(metadata.len()) };
        Some((entry.path(), found))
    };
    std::fs::read_dir(directory).map(|listed| listed.filter_map(look).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_counted_once_in_its_part() {
        let directory = tempfile::tempdir().unwrap();
        for (file, bytes) in [
            ("log/journal/0", 7),
            ("log/sled/0/db", 50),
            ("log/sled/0/blobs/1", 3),
            ("log/snapshots/1.snap", 5),
            ("log/superblock", 11),
            ("simulator/ledger.log", 13),
            ("feed/keyspaces/0", 29),
            ("views/store/keyspaces/0", 17),
            ("lock", 0),
            ("secrets/digest.key", 32),
        ] {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![0; bytes]).unwrap();
        }
        assert_eq!(sizes(directory.path()), [7, 53, 5, 13, 29, 17, 43]);
        assert_eq!(sizes(&directory.path().join("missing")), [0; 7]);
    }
}
