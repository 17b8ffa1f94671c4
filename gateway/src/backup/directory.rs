//! A backup as a directory, while it is made.
//!
//! Invariants: nothing is written over, and nothing outside: the directory is empty or new, each file
//! is made by this process and no link is followed. The manifest takes its name once everything that
//! it names is durable, so that a directory without it is no backup.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    manifest::{FilePart, MANIFEST, Manifest, ManifestFault, hex},
    path::BackupPath,
    source::Sink,
};

/// A directory that a backup is written to.
#[derive(Debug)]
pub(crate) struct BackupDirectory {
    root: PathBuf,
    files: Vec<FilePart>,
    open: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    path: BackupPath,
    place: PathBuf,
    file: File,
    expected: u64,
    written: u64,
    digest: Sha256,
}

/// Why a backup cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is something in the directory.
    #[error("{} is not empty: a backup goes into a directory of its own", .0.display())]
    NotEmpty(PathBuf),
    /// The file system refuses.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// To which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of a place that backups do not have.
    #[error("no backup has a file {0:?}")]
    Path(String),
    /// A file has another length than was said.
    #[error("{path} has {found} bytes instead of {expected}")]
    Length {
        /// Which.
        path: String,
        /// As was said.
        expected: u64,
        /// As it came.
        found: u64,
    },
    /// The manifest says something else than what has come.
    #[error("the manifest does not describe what has come: {0}")]
    Differs(String),
    /// The manifest cannot be used.
    #[error("{MANIFEST}")]
    Manifest(#[from] ManifestFault),
}

impl BackupDirectory {
    /// Makes the directory, or takes an empty one.
    ///
    /// # Errors
    /// Where there is something in it.
    pub(crate) fn create(root: &Path) -> Result<Self, DirectoryError> {
        make_empty(root)?;
        Ok(Self { root: root.to_owned(), files: Vec::new(), open: None })
    }

    /// Makes a backup of what has been written: everything is durable, and is what the manifest says.
    ///
    /// # Errors
    /// Where it is not.
    pub(crate) fn finish(self, manifest: &[u8]) -> Result<Manifest, DirectoryError> {
        let parsed = Manifest::parse(manifest)?;
        if let Some(path) = differing(&parsed.files, &self.files) {
            return Err(DirectoryError::Differs(path));
        }
        let mut directories = BTreeSet::from([self.root.clone()]);
        for file in &self.files {
            let place = self.root.join(&file.path);
            directories.extend(
                place
                    .ancestors()
                    .skip(1)
                    .take_while(|above| *above != self.root)
                    .map(Path::to_owned),
            );
        }
        // Below first, so that a name is durable once what it leads to is.
        directories.iter().rev().try_for_each(|directory| sync(directory))?;
        let (unfinished, place) = (self.root.join("manifest.unfinished"), self.root.join(MANIFEST));
        let write = || {
            let mut file = create_new(&unfinished)?;
            file.write_all(manifest)?;
            file.sync_all()?;
            fs::rename(&unfinished, &place)
        };
        write().map_err(failed("write", &place))?;
        sync(&self.root)?;
        if let Some(parent) = self.root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync(parent)?;
        }
        Ok(parsed)
    }
}

impl Sink for BackupDirectory {
    type Error = DirectoryError;

    fn begin(&mut self, path: &str, bytes: u64) -> Result<(), DirectoryError> {
        let path = BackupPath::new(path).ok_or_else(|| DirectoryError::Path(path.to_owned()))?;
        let place = path.below(&self.root);
        let directory = place.parent().expect("it lies below the backup");
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
        let file = create_new(&place).map_err(failed("create", &place))?;
        let digest = Sha256::new();
        self.open = Some(OpenFile { path, place, file, expected: bytes, written: 0, digest });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), DirectoryError> {
        let open = self.open.as_mut().expect("a file is begun first");
        open.digest.update(bytes);
        open.written += bytes.len() as u64;
        open.file.write_all(bytes).map_err(failed("write", &open.place))
    }

    fn end(&mut self) -> Result<(), DirectoryError> {
        let open = self.open.take().expect("a file is begun first");
        let OpenFile { path, place, file, expected, written, digest } = open;
        if written != expected {
            let path = path.to_string();
            return Err(DirectoryError::Length { path, expected, found: written });
        }
        file.sync_all().map_err(failed("sync", &place))?;
        let sha256 = hex(&digest.finalize());
        self.files.push(FilePart { path: path.to_string(), bytes: written, sha256 });
        Ok(())
    }
}

/// The first file in which two lists differ.
fn differing(said: &[FilePart], came: &[FilePart]) -> Option<String> {
    (0..said.len().max(came.len())).find_map(|index| {
        let (said, came) = (said.get(index), came.get(index));
        (said != came).then(|| said.or(came).map(|file| file.path.clone()).unwrap_or_default())
    })
}

/// Makes a directory that is its owner's alone, or makes sure that it is empty.
fn make_empty(root: &Path) -> Result<(), DirectoryError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
    made.map_err(failed("create", root))?;
    let mut entries = fs::read_dir(root).map_err(failed("list", root))?;
    if entries.next().is_some() {
        return Err(DirectoryError::NotEmpty(root.to_owned()));
    }
    Ok(())
}

/// A file that was not there, nor a link of its name, for its owner alone: callbacks tell of customers.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a directory's list of names durable.
pub(super) fn sync(directory: &Path) -> Result<(), DirectoryError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("sync", directory))
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tollgate_engine::LogEnd;

    use super::*;

    fn manifest(files: Vec<FilePart>) -> Vec<u8> {
        let end = LogEnd { frames: 0, groups: 0, last_hash: [0; 32], positions: vec![0, 0] };
        let mut manifest = Manifest::of("2026-01-15T10:30:00.000Z".to_owned(), &end, &[]);
        manifest.files = files;
        manifest.to_bytes()
    }

    fn put(
        directory: &mut BackupDirectory,
        path: &str,
        bytes: &[u8],
    ) -> Result<(), DirectoryError> {
        directory.begin(path, bytes.len() as u64)?;
        directory.data(bytes)?;
        directory.end()
    }

    #[test]
    fn a_directory_is_a_backup_once_its_manifest_holds() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("backup");
        let mut directory = BackupDirectory::create(&root).unwrap();
        put(&mut directory, "log/superblock", b"log").unwrap();
        let files = directory.files.clone();
        assert!(!root.join(MANIFEST).exists());
        directory.finish(&manifest(files.clone())).unwrap();
        assert!(root.join(MANIFEST).exists());
        assert_eq!(fs::read(root.join("log/superblock")).unwrap(), b"log");
        let again = BackupDirectory::create(&root).unwrap_err();
        assert!(matches!(again, DirectoryError::NotEmpty(_)), "{again}");

        let mut other = BackupDirectory::create(&parent.path().join("other")).unwrap();
        put(&mut other, "log/superblock", b"lag").unwrap();
        let differs = other.finish(&manifest(files)).unwrap_err().to_string();
        assert!(differs.contains("log/superblock"), "{differs}");
        assert!(!parent.path().join("other").join(MANIFEST).exists());
    }

    #[test]
    fn nothing_is_written_elsewhere_or_over_something() {
        let parent = tempfile::tempdir().unwrap();
        let mut directory = BackupDirectory::create(&parent.path().join("backup")).unwrap();
        for path in ["../x", "/etc/passwd", "secrets/digest.key", MANIFEST] {
            let refused = put(&mut directory, path, b"x").unwrap_err();
            assert!(matches!(refused, DirectoryError::Path(_)), "{path}: {refused}");
        }
        put(&mut directory, "log/superblock", b"log").unwrap();
        assert!(put(&mut directory, "log/superblock", b"log").is_err(), "there already");
        let target = parent.path().join("target");
        let link = parent.path().join("backup/callbacks");
        fs::create_dir(&link).unwrap();
        symlink(&target, link.join("cbk_1.json")).unwrap();
        assert!(put(&mut directory, "callbacks/cbk_1.json", b"x").is_err());
        assert!(!target.exists(), "a link is not followed");
        directory.begin("callbacks/cbk_2.json", 3).unwrap();
        directory.data(b"xx").unwrap();
        assert!(matches!(directory.end(), Err(DirectoryError::Length { .. })));
    }
}
