//! The data directory: where each file lies, who may use it, and how a change to it is made
//! durable.
//!
//! ```text
//!  lock                          held while the log is in use
//!  superblock                    superblock.rs
//!  journal/<first frame>.log     one segment's frames, back to back
//!  sled/<first frame>/           the same frames in a sled directory of their own
//!  scratch/                      half-made things; emptied at every open
//! ```
//!
//! A segment's name is its first frame's sequence in twenty digits, so that names sort as
//! numbers do.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    error::{Error, SledFault, SuperblockFault},
    recovery::Copies,
    sled_segment,
    superblock::{Geometry, Superblock},
};

/// An open data directory. Invariant: at most one exists for a path, over all processes.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// Holds the lock; the system frees it when the process ends, however it ends.
    _lock: File,
}

impl Directory {
    /// Opens the directory for writing, creating it where it is missing, and empties its scratch
    /// space.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let fresh = !root.exists();
        fs::create_dir_all(root).map_err(Error::io("create", root))?;
        if fresh {
            // A relative path of one part has no parent to name; its full form has.
            let full = fs::canonicalize(root).map_err(Error::io("find", root))?;
            full.parent().map_or(Ok(()), sync_directory)?;
        }
        let path = root.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("create", path))?;
        let directory = Self::lock(root, lock)?;
        for part in [directory.journals(), directory.sleds(), directory.scratch_root()] {
            fs::create_dir_all(&part).map_err(Error::io("create", part))?;
        }
        directory.clear_scratch()?;
        sync_directory(root)?;
        Ok(directory)
    }

    /// Opens an existing directory to look at it; only its scratch space is written to.
    pub(crate) fn inspect(root: &Path) -> Result<Self, Error> {
        let path = root.join("lock");
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(unusable(root, SuperblockFault::Missing));
            }
            Err(error) => return Err(Error::io("open", path)(error)),
        };
        let directory = Self::lock(root, lock)?;
        let scratch = directory.scratch_root();
        fs::create_dir_all(&scratch).map_err(Error::io("create", scratch))?;
        directory.clear_scratch()?;
        Ok(directory)
    }

    fn lock(root: &Path, lock: File) -> Result<Self, Error> {
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: root.to_owned() }),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", root)(error)),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn journals(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn sleds(&self) -> PathBuf {
        self.root.join("sled")
    }

    pub(crate) fn journal(&self, segment: u64) -> PathBuf {
        self.journals().join(format!("{segment:020}.log"))
    }

    pub(crate) fn sled(&self, segment: u64) -> PathBuf {
        self.sleds().join(format!("{segment:020}"))
    }

    fn scratch_root(&self) -> PathBuf {
        self.root.join("scratch")
    }

    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch_root().join(name)
    }

    fn clear_scratch(&self) -> Result<(), Error> {
        for path in entries(&self.scratch_root())? {
            remove(&path)?;
        }
        Ok(())
    }

    /// Reads the superblock; `None` if the log was never created.
    pub(crate) fn superblock(&self) -> Result<Option<Superblock>, Error> {
        let path = self.root.join("superblock");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Segments without a superblock are a damaged log, not an absent one.
                if self.segments()?.is_empty() {
                    return Ok(None);
                }
                return Err(unusable(&self.root, SuperblockFault::Missing));
            }
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        Superblock::parse(&bytes).map(Some).map_err(|fault| unusable(&self.root, fault))
    }

    /// The superblock of a new log.
    pub(crate) fn new_superblock(&self, geometry: Option<Geometry>) -> Result<Superblock, Error> {
        let geometry = geometry.ok_or_else(|| unusable(&self.root, SuperblockFault::Missing))?;
        if geometry.streams == 0 {
            return Err(Error::Option { option: "streams" });
        }
        // A clock before 1970 gives 0: the value is a label, nothing is decided by it.
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Ok(Superblock { geometry, epoch: 0, created })
    }

    pub(crate) fn write_superblock(&self, superblock: Superblock) -> Result<(), Error> {
        self.replace_file(
            "superblock",
            &self.root.join("superblock"),
            [&superblock.to_bytes(), &[]],
        )
    }

    /// Puts a durable file in place of `path`, or leaves what is there.
    fn replace_file(&self, scratch: &str, path: &Path, pieces: [&[u8]; 2]) -> Result<(), Error> {
        let scratch = self.scratch(scratch);
        let write = || {
            let mut file = File::create(&scratch)?;
            pieces.iter().try_for_each(|piece| file.write_all(piece))?;
            file.sync_all()?;
            fs::rename(&scratch, path)
        };
        write().map_err(Error::io("replace", path))?;
        sync_directory(path.parent().expect("every file of the log lies in a directory"))
    }

    /// Takes a directory away in one step, then deletes it at leisure.
    pub(crate) fn remove_sled(&self, segment: u64) -> Result<(), Error> {
        let path = self.sled(segment);
        let away = self.scratch(&format!("old-{segment}"));
        match fs::rename(&path, &away) {
            Ok(()) => {
                sync_directory(&self.sleds())?;
                remove(&away)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("move away", path)(error)),
        }
    }

    /// Names of the sled directories, in order.
    pub(crate) fn sled_segments(&self) -> Result<Vec<u64>, Error> {
        let mut segments: Vec<_> =
            entries(&self.sleds())?.iter().filter_map(|path| segment_of(path)).collect();
        segments.sort_unstable();
        Ok(segments)
    }
}

impl Copies for Directory {
    fn segments(&self) -> Result<Vec<u64>, Error> {
        let mut segments = self.sled_segments()?;
        segments.extend(
            entries(&self.journals())?
                .iter()
                .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
                .filter_map(|path| segment_of(path)),
        );
        segments.sort_unstable();
        segments.dedup();
        Ok(segments)
    }

    fn read_journal(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<(), Error> {
        into.clear();
        let path = self.journal(segment);
        match File::open(&path).and_then(|mut file| file.read_to_end(into)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    fn read_sled(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<Option<SledFault>, Error> {
        let copy = self.scratch(&format!("copy-{segment}"));
        let fault = sled_segment::read_by_copy(&self.sled(segment), &copy, into)?;
        remove(&copy)?;
        Ok(fault)
    }

    fn truncate_journal(&mut self, segment: u64, length: usize) -> Result<(), Error> {
        let path = self.journal(segment);
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| {
                file.set_len(length as u64)?;
                file.sync_all()
            })
            .map_err(Error::io("truncate", path))
    }

    fn rewrite_journal(&mut self, segment: u64, pieces: [&[u8]; 2]) -> Result<(), Error> {
        self.replace_file("journal", &self.journal(segment), pieces)
    }

    fn rebuild_sled(&mut self, segment: u64, pieces: [&[u8]; 2]) -> Result<(), Error> {
        let built = self.scratch(&format!("new-{segment}"));
        sled_segment::build(&built, pieces)?;
        self.remove_sled(segment)?;
        let path = self.sled(segment);
        fs::rename(&built, &path).map_err(Error::io("replace", path))?;
        sync_directory(&self.sleds())
    }

    fn settle(&mut self, segment: u64, offset: usize, last_group: &[u8]) -> Result<(), Error> {
        // A sync that failed may have marked pages as clean that never reached the disk, and then
        // a second sync says yes and does nothing. Writing the same bytes again makes them dirty.
        let path = self.journal(segment);
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| {
                std::os::unix::fs::FileExt::write_all_at(&file, last_group, offset as u64)?;
                file.sync_all()
            })
            .map_err(Error::io("sync", path))?;
        sync_directory(&self.journals())?;
        let sled = self.sled(segment);
        // Absent below a snapshot; then there is nothing to sync.
        if sled.exists() {
            sled_segment::sync_files(&sled)?;
        }
        sync_directory(&self.sleds())
    }
}

/// Makes a directory's list of names durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(Error::io("sync", path))
}

/// Everything in a directory; nothing if it does not exist.
pub(crate) fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = || -> io::Result<_> { fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect() };
    match list() {
        Ok(paths) => Ok(paths),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("list", path)(error)),
    }
}

/// Deletes a file, or a directory with all it holds; absence is as good.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("delete", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The segment a path names; foreign files are not ours to judge.
fn segment_of(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    (stem.len() == 20).then(|| stem.parse().ok()).flatten()
}

pub(crate) fn unusable(root: &Path, source: SuperblockFault) -> Error {
    Error::Superblock { path: root.to_owned(), source }
}
