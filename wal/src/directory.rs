//! The data directory: where each file lies, who may use it, and how a change to it is made
//! durable.
//!
//! ```text
//!  lock                          held while the log is in use
//!  superblock                    superblock.rs
//!  beginning                     where the log begins, once it was cut: beginning.rs
//!  journal/<first frame>.log     one segment's frames, back to back; compressed: journal_file.rs
//!  sled/<first frame>/           the same frames in a sled directory of their own
//!  snapshots/<first frame>.snap  what the log comes to before that frame: snapshot_store.rs
//!  scratch/                      half-made things; emptied at every open
//! ```
//!
//! A segment's name is its first frame's sequence in twenty digits, so that names sort as
//! numbers do.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::io::Errno;

use crate::{
    beginning::{first_frame, remove_leftovers},
    crash_point,
    error::{Error, SledFault, SuperblockFault},
    journal_file::{JournalFile, unpack},
    recovery::Copies,
    sled_segment,
    superblock::{Ending, Geometry, Superblock},
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
        fs::create_dir_all(root).map_err(Error::io("create", root))?;
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
        remove_leftovers(root)?;
        sync_directory(root)?;
        let superblock = directory.superblock_path();
        if !superblock.try_exists().map_err(Error::io("find", superblock))? {
            // Which directories above are new is not asked: an earlier open may have created them
            // and never come to sync them.
            for above in directories_above(root)? {
                sync_directory(&above)?;
            }
        }
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

    fn superblock_path(&self) -> PathBuf {
        superblock_path(&self.root)
    }

    pub(crate) fn journals(&self) -> PathBuf {
        journals(&self.root)
    }

    pub(crate) fn sleds(&self) -> PathBuf {
        sleds(&self.root)
    }

    pub(crate) fn journal(&self, segment: u64) -> PathBuf {
        journal_path(&self.root, segment)
    }

    pub(crate) fn sled(&self, segment: u64) -> PathBuf {
        sled_path(&self.root, segment)
    }

    fn scratch_root(&self) -> PathBuf {
        scratch_root(&self.root)
    }

    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch_root().join(name)
    }

    fn clear_scratch(&self) -> Result<(), Error> {
        entries(&self.scratch_root())?.iter().try_for_each(|path| discard(path))
    }

    /// Reads the superblock; `None` if the log was never created.
    pub(crate) fn superblock(&self) -> Result<Option<Superblock>, Error> {
        let path = self.superblock_path();
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
            return Err(Error::Option { option: "streams", range: "at least 1".to_owned() });
        }
        // A clock before 1970 gives 0: the value is a label, nothing is decided by it.
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Ok(Superblock { geometry, epoch: 0, created, ending: Ending::Open })
    }

    pub(crate) fn write_superblock(&self, superblock: Superblock) -> Result<(), Error> {
        self.replace_file("superblock", &self.superblock_path(), [&superblock.to_bytes(), &[]])
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
        remove_sled(&self.root, segment)
    }

    /// Names of the sled directories, in order.
    pub(crate) fn sled_segments(&self) -> Result<Vec<u64>, Error> {
        sled_segments(&self.root)
    }
}

impl Copies for Directory {
    fn segments(&self) -> Result<Vec<u64>, Error> {
        let mut segments = self.sled_segments()?;
        segments.extend(journal_segments(&self.root)?);
        segments.sort_unstable();
        segments.dedup();
        Ok(segments)
    }

    fn first_with_sled(&self) -> Result<u64, Error> {
        // Where none is left at all, none was let go of: the newest always stays.
        Ok(self.sled_segments()?.first().copied().unwrap_or_default())
    }

    fn read_journal(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<usize, Error> {
        into.clear();
        let path = self.journal(segment);
        let read = JournalFile::open(&self.root, segment).and_then(|file| match file {
            Some(JournalFile::Plain(file)) => {
                let length = file.metadata()?.len();
                read_around_errors(file, length, into)
            }
            Some(JournalFile::Packed(file)) => {
                unpack(file, segment, into);
                Ok(0)
            }
            None => Ok(0),
        });
        match read {
            Ok(0) => Ok(0),
            Ok(unread) => {
                tracing::error!(path = %path.display(), unread, "a journal could not all be read");
                Ok(unread)
            }
            Err(error) if disk_failed(&error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(path = %path.display(), error, "a journal could not be opened");
                Ok(usize::MAX)
            }
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    fn read_sled(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<Option<SledFault>, Error> {
        let copy = self.scratch(&format!("copy-{segment}"));
        let fault = sled_segment::read_by_copy(&self.sled(segment), &copy, into)?;
        discard(&copy)?;
        Ok(fault)
    }

    fn truncate_journal(&mut self, segment: u64, length: usize) -> Result<(), Error> {
        let path = self.journal(segment);
        if !path.try_exists().map_err(Error::io("find", &path))? {
            // A compressed one gives way to what is whole of it.
            let mut bytes = Vec::new();
            self.read_journal(segment, &mut bytes)?;
            bytes.truncate(length);
            return self.rewrite_journal(segment, [&bytes, &[]]);
        }
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

    fn settle_journal(
        &mut self,
        segment: u64,
        offset: usize,
        last_group: &[u8],
    ) -> Result<(), Error> {
        // A sync that failed may have marked pages as clean that never reached the disk, and then
        // a second sync says yes and does nothing. Writing the same bytes again makes them dirty.
        let path = self.journal(segment);
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| {
                file.write_all_at(last_group, offset as u64)?;
                file.sync_all()
            })
            .map_err(Error::io("sync", path))?;
        sync_directory(&self.journals())
    }

    fn settle_sled(&mut self, segment: u64) -> Result<(), Error> {
        sled_segment::sync_files(&self.sled(segment))?;
        sync_directory(&self.sleds())
    }
}

pub(crate) fn journals(root: &Path) -> PathBuf {
    root.join("journal")
}

/// The journal's file of a segment.
pub(crate) fn journal_path(root: &Path, segment: u64) -> PathBuf {
    journals(root).join(format!("{segment:020}.log"))
}

pub(crate) fn superblock_path(root: &Path) -> PathBuf {
    root.join("superblock")
}

/// The superblock of a log, which may be in use.
pub(crate) fn read_superblock(root: &Path) -> Result<Superblock, Error> {
    let path = superblock_path(root);
    match fs::read(&path) {
        Ok(bytes) => Superblock::parse(&bytes).map_err(|fault| unusable(root, fault)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(unusable(root, SuperblockFault::Missing))
        }
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// The segments of the log that have a journal, in order.
pub(crate) fn journal_segments(root: &Path) -> Result<Vec<u64>, Error> {
    from_beginning(root, all_journal_segments(root)?)
}

/// Those among these that the log has not let go of.
fn from_beginning(root: &Path, mut segments: Vec<u64>) -> Result<Vec<u64>, Error> {
    let first = first_frame(root)?;
    segments.retain(|segment| *segment >= first);
    Ok(segments)
}

/// Every journal that is there, also before the log's beginning.
pub(crate) fn all_journal_segments(root: &Path) -> Result<Vec<u64>, Error> {
    let mut segments: Vec<_> = entries(&journals(root))?
        .iter()
        .filter(|path| path.extension().is_some_and(|form| form == "log" || form == "zst"))
        .filter_map(|path| segment_of(path))
        .collect();
    segments.sort_unstable();
    // Between two forms it has both.
    segments.dedup();
    Ok(segments)
}

fn sleds(root: &Path) -> PathBuf {
    root.join("sled")
}

fn sled_path(root: &Path, segment: u64) -> PathBuf {
    sleds(root).join(format!("{segment:020}"))
}

pub(crate) fn scratch_root(root: &Path) -> PathBuf {
    root.join("scratch")
}

/// Names of the sled directories of the log's segments, in order.
pub(crate) fn sled_segments(root: &Path) -> Result<Vec<u64>, Error> {
    from_beginning(root, all_sled_segments(root)?)
}

/// Every sled directory that is there, also before the log's beginning.
pub(crate) fn all_sled_segments(root: &Path) -> Result<Vec<u64>, Error> {
    let mut segments: Vec<_> =
        entries(&sleds(root))?.iter().filter_map(|path| segment_of(path)).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// Takes a sled directory away in one step, then deletes it at leisure; absence is as good.
pub(crate) fn remove_sled(root: &Path, segment: u64) -> Result<(), Error> {
    let path = sled_path(root, segment);
    let away = scratch_root(root).join(format!("old-{segment}"));
    match fs::rename(&path, &away) {
        Ok(()) => {
            sync_directory(&sleds(root))?;
            crash_point::reach("rotation: a second copy is taken away");
            discard(&away)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("move away", path)(error)),
    }
}

/// Everything in a file, with zeros for what the disk does not give; tells where the last of
/// these ends, 0 if there is none.
fn read_around_errors(
    mut file: impl Read + Seek,
    length: u64,
    into: &mut Vec<u8>,
) -> io::Result<usize> {
    // The unit in which disks and page caches lose data.
    const BLOCK: usize = 4096;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut unread = 0;
    let mut next = 0;
    loop {
        file.seek(SeekFrom::Start(next as u64))?;
        match file.read_to_end(into) {
            Ok(_) => return Ok(unread),
            Err(error) if disk_failed(&error) => {
                // What came before the error was kept.
                let at = into.len();
                next = (at / BLOCK + 1) * BLOCK;
                unread = next.min(length.max(at + 1));
                into.resize(unread, 0);
                if next >= length {
                    return Ok(unread);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the disk, or the file system on it, could not give what it holds. A right or a limit
/// that is in the way says nothing about what is there.
pub(crate) fn disk_failed(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::IO | Errno::NODATA | Errno::BADMSG | Errno::UCLEAN)
    )
}

/// Every directory above, as far as its file system reaches: creating one cannot leave it. Those
/// that may not be opened were not created here.
fn directories_above(root: &Path) -> Result<Vec<PathBuf>, Error> {
    // A relative path of one part has no parent to name; its full form has.
    let full = fs::canonicalize(root).map_err(Error::io("find", root))?;
    let device = |path: &Path| {
        File::open(path).and_then(|directory| directory.metadata()).map(|metadata| metadata.dev())
    };
    let home = device(&full).map_err(Error::io("open", &full))?;
    let mut above = Vec::new();
    for path in full.ancestors().skip(1) {
        match device(path) {
            Ok(device) if device != home => break,
            Ok(_) => above.push(path.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(Error::io("open", path)(error)),
        }
    }
    Ok(above)
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

/// Deletes what is of no use any more. Where the disk does not even let go of it, it stays: that
/// must not keep the log from being opened.
fn discard(path: &Path) -> Result<(), Error> {
    match remove(path) {
        Err(Error::Io { source, .. }) if disk_failed(&source) => {
            let error = &source as &dyn std::error::Error;
            tracing::error!(path = %path.display(), error, "a leftover cannot be deleted");
            Ok(())
        }
        removed => removed,
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

#[cfg(test)]
mod tests {
    //! What needs a disk that fails; the rest is in `tests/sled_directory.rs`.

    use std::io::Cursor;

    use super::*;

    /// A file that gives no byte of one range.
    struct Bad {
        file: Cursor<Vec<u8>>,
        range: std::ops::Range<usize>,
    }

    impl Read for Bad {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let at = usize::try_from(self.file.position()).unwrap();
            if self.range.contains(&at) {
                return Err(Errno::IO.into());
            }
            let left = if at < self.range.start { self.range.start - at } else { usize::MAX };
            let most = into.len().min(left);
            self.file.read(&mut into[..most])
        }
    }

    impl Seek for Bad {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    #[test]
    fn what_lies_behind_a_bad_block_is_read() {
        let bytes: Vec<u8> = (1..=255).cycle().take(20_000).collect();
        for (bad, unread) in [
            (0..0, 0..0),
            (0..1, 0..4096),
            (4095..4097, 4095..8192),
            (8192..12_288, 8192..12_288),
            (5000..13_000, 5000..16_384),
            (17_000..17_001, 17_000..20_000),
            (0..20_000, 0..20_000),
        ] {
            let mut expected = bytes.clone();
            expected[unread.clone()].fill(0);
            let mut read = Vec::new();
            let file = Bad { file: Cursor::new(bytes.clone()), range: bad };
            assert_eq!(read_around_errors(file, 20_000, &mut read).unwrap(), unread.end);
            assert!(read == expected, "{unread:?}");
        }
        // The first byte is named as unread where the length says that there is none.
        let file = Bad { file: Cursor::new(bytes), range: 0..20_000 };
        assert_eq!(read_around_errors(file, 0, &mut Vec::new()).unwrap(), 1);
    }

    #[test]
    fn a_limit_is_not_taken_for_a_failed_disk() {
        for (errno, failed) in [
            (Errno::IO, true),
            (Errno::ACCESS, false),
            (Errno::MFILE, false),
            (Errno::NOSPC, false),
        ] {
            assert_eq!(disk_failed(&errno.into()), failed, "{errno}");
        }
    }

    /// Bug: of several new directories above the log only the last was synced, and none after a
    /// crash in between.
    #[test]
    fn every_directory_above_a_new_log_is_synced() {
        let parent = tempfile::tempdir().unwrap();
        let parent = fs::canonicalize(parent.path()).unwrap();
        let root = parent.join("data/of/log");
        fs::create_dir_all(&root).unwrap();
        let above = directories_above(&root).unwrap();
        assert_eq!(above[..3], [parent.join("data/of"), parent.join("data"), parent]);
        drop(Directory::open(&root).unwrap());
    }
}
