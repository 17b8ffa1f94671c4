//! What of a log is copied so that the copy is a log: its files, up to the last group that is whole.
//!
//! The log may be in use. Sealed segments do not change any more, the newest only grows by whole
//! groups, and a snapshot that bears its name is whole; so each file is good up to the length that is
//! told here, whenever it is read.
//!
//! Invariant: everything up to the copy's end has been synced here, and its chain holds from the
//! checkpoint on that was given.
//!
//! Not here: the second copies (sled), which an open makes anew of the journal, and where the bytes go.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{
    beginning::beginning,
    checkpoint::Checkpoint,
    directory::{journal_path, journal_segments, superblock_path},
    error::{Damage, DamageFault, Error},
    journal_file::packed_path,
    snapshot_store::SnapshotStore,
    tail::Tail,
};

/// A log as it is to be copied.
#[derive(Debug)]
pub struct LogCopy {
    /// Every file, the superblock last: without it segments are no log.
    pub files: Vec<LogFile>,
    /// Where the copy ends.
    pub end: LogEnd,
}

/// A file of the log.
#[derive(Debug)]
pub struct LogFile {
    /// Its place below the log's directory, with `/` between the parts.
    pub path: String,
    /// How much of it is copied.
    pub bytes: u64,
    source: Source,
}

/// Where a log ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEnd {
    /// Frames of the chain.
    pub frames: u64,
    /// Groups of the chain.
    pub groups: u64,
    /// Hash of the last group: the whole log in 32 bytes. Zeros if there is none.
    pub last_hash: [u8; 32],
    /// The last record of every stream; 0 for one without records.
    pub positions: Vec<u64>,
}

/// Where a file's bytes are.
#[derive(Debug)]
enum Source {
    /// Opened already, for somebody may delete it.
    Open(File),
    /// Opened when it is its turn: there may be more of these than a process may open.
    Path(PathBuf),
}

/// The first segment of every log.
const FIRST: u64 = 1;

impl LogCopy {
    /// The log in `root` as it is now. What lies before `from` is taken for good, as a snapshot there
    /// says. Blocks for as long as reading on from there takes.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged behind the checkpoint or does not continue it, where its beginning
    /// is gone, so that a copy would lack it, and where the file system refuses. [`Error::Cut`] where
    /// the log has let go of its first records: what they came to is not in its files alone.
    pub fn of(root: &Path, from: Option<Checkpoint>) -> Result<Self, Error> {
        let mut tail = match from {
            Some(checkpoint) => Tail::open_from(root, checkpoint),
            None => Tail::open(root)?,
        };
        tail.advance(&mut |_record| Ok(()))?;
        let (last, length, end) = tail.end();
        let mut files = Vec::new();
        let segments = journal_segments(root)?;
        let begins = beginning(root)?;
        if begins.frame() > FIRST {
            return Err(Error::Cut { behind: begins.positions().iter().sum() });
        }
        if segments.first().is_some_and(|first| *first > FIRST) {
            let (segment, offset, sequence, behind) = (FIRST, 0, FIRST, 0);
            let fault = DamageFault::SegmentMissing;
            return Err(Damage { segment, offset, sequence, behind, fault }.into());
        }
        for segment in segments.into_iter().filter(|segment| *segment <= last) {
            let plain = journal_path(root, segment);
            let is_plain = plain.try_exists().map_err(Error::io("find", &plain))?;
            let path = if is_plain { plain } else { packed_path(root, segment) };
            let bytes = if segment == last {
                length
            } else {
                fs::metadata(&path).map_err(Error::io("find", &path))?.len()
            };
            files.push(LogFile { path: place(root, &path), bytes, source: Source::Path(path) });
        }
        let snapshots = SnapshotStore::look(root);
        for frame in snapshots.list()?.into_iter().filter(|frame| *frame <= last) {
            let path = snapshots.path(frame);
            match File::open(&path) {
                Ok(file) => files.push(LogFile::open(root, &path, file)?),
                // The oldest is deleted once there is a newer one.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("open", path)(error)),
            }
        }
        let path = superblock_path(root);
        let superblock = File::open(&path).map_err(Error::io("open", &path))?;
        files.push(LogFile::open(root, &path, superblock)?);
        Ok(Self { files, end })
    }
}

impl LogFile {
    fn open(root: &Path, path: &Path, file: File) -> Result<Self, Error> {
        let bytes = file.metadata().map_err(Error::io("find", path))?.len();
        Ok(Self { path: place(root, path), bytes, source: Source::Open(file) })
    }

    /// Its bytes from the first on; there may be more than are to be copied.
    ///
    /// # Errors
    ///
    /// Where the file system refuses, as it does once somebody has deleted the file: a segment is
    /// compressed now and then, and its plain form goes.
    pub fn into_file(self) -> Result<File, Error> {
        match self.source {
            Source::Open(file) => Ok(file),
            Source::Path(path) => File::open(&path).map_err(Error::io("open", path)),
        }
    }
}

fn place(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).expect("every file of a log lies below it");
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
