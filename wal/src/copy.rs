//! What of a log is copied so that the copy is a log: its files, up to the last group that is whole.
//!
//! The log may be in use. Sealed segments hold the same frames for ever, whether they are compressed or
//! not, and are opened when it is their turn; everything that changes its name or is deleted meanwhile is
//! opened at once. The newest segment only grows by whole groups, and what bears a snapshot's name is
//! whole. So each file is good, up to where it is copied, whenever it is read.
//!
//! Invariant: everything up to the copy's end has been synced here, and its chain holds from the
//! checkpoint on that was given. A copy of a log that was cut has what it begins at.
//!
//! Not here: the second copies (sled), which an open makes anew of the journal, and where the bytes go.
//! Nor that the log is not cut while it is copied: whoever copies one that is in use sees to that.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::{
    beginning,
    chain::Tip,
    checkpoint::Checkpoint,
    directory::{journal_path, journal_segments, superblock_path},
    error::{Damage, DamageFault, Error},
    group::Positions,
    journal_file::{JournalFile, packed_path},
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
    /// Whether the log has let go of its first records: what they came to is in a snapshot alone.
    pub is_cut: bool,
}

/// A file of the log that is to be copied.
#[derive(Debug)]
pub struct LogFile(Source);

/// The same once it is its turn.
#[derive(Debug)]
pub struct OpenLogFile {
    /// Its place below the log's directory, with `/` between the parts.
    pub path: String,
    /// How much of it is copied: it may have more.
    pub bytes: u64,
    /// Its bytes, from the first on.
    pub file: File,
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

/// The first segment of every log.
const FIRST: u64 = 1;

#[derive(Debug)]
enum Source {
    /// Opened already, for somebody may delete it.
    Open(OpenLogFile),
    /// Opened when it is its turn: there may be more of these than a process may open. It may be
    /// compressed until then.
    Sealed { root: PathBuf, segment: u64 },
}

impl LogCopy {
    /// The log in `root` as it is now. What lies before `from` is taken for good, as a snapshot there
    /// says. Blocks for as long as reading on from there takes.
    ///
    /// # Errors
    ///
    /// Where the journal is damaged behind the checkpoint or does not continue it, where its beginning
    /// is missing, and where the file system refuses.
    pub fn of(root: &Path, from: Option<Checkpoint>) -> Result<Self, Error> {
        let mut tail = match from {
            Some(checkpoint) => Tail::open_from(root, checkpoint),
            None => Tail::open(root)?,
        };
        tail.advance(&mut |_record| Ok(()))?;
        let (newest, bytes, end) = tail.end();
        let (begins, first) = match open_if_there(root, &beginning::path(root))? {
            Some(file) => (beginning::beginning(root)?.frame(), Some(file)),
            None => (FIRST, None),
        };
        let segments = settled_segments(root)?;
        if segments.first().is_some_and(|segment| *segment != begins) {
            let fault = DamageFault::SegmentMissing;
            let (segment, offset, sequence, behind) = (begins, 0, begins, 0);
            return Err(Damage { segment, offset, sequence, behind, fault }.into());
        }
        let is_cut = first.is_some();
        let mut files: Vec<Source> = first.into_iter().map(Source::Open).collect();
        for segment in segments.into_iter().filter(|segment| *segment <= newest) {
            let root = root.to_owned();
            files.push(if segment == newest {
                // Whatever becomes of its file, these are its bytes as they were written.
                let path = journal_path(&root, segment);
                let file = File::open(&path).map_err(Error::io("open", &path))?;
                Source::Open(OpenLogFile { path: place(&root, &path), bytes, file })
            } else {
                Source::Sealed { root, segment }
            });
        }
        let snapshots = SnapshotStore::look(root);
        let mut has_beginning = !is_cut;
        for frame in snapshots.list()?.into_iter().filter(|frame| *frame <= newest) {
            // The oldest is deleted once there is a newer one.
            if let Some(file) = open_if_there(root, &snapshots.path(frame))? {
                files.push(Source::Open(file));
                has_beginning |= frame == begins;
            }
        }
        if !has_beginning {
            let missing = io::ErrorKind::NotFound.into();
            return Err(Error::io("open", snapshots.path(begins))(missing));
        }
        let path = superblock_path(root);
        let superblock = File::open(&path).map_err(Error::io("open", &path))?;
        files.push(Source::Open(OpenLogFile::of(root, &path, superblock)?));
        Ok(Self { files: files.into_iter().map(LogFile).collect(), end, is_cut })
    }
}

impl LogEnd {
    pub(crate) fn at(tip: &Tip, positions: &Positions) -> Self {
        Self {
            frames: tip.sequence - 1,
            groups: tip.group - 1,
            last_hash: tip.hash,
            positions: positions.as_slice().to_vec(),
        }
    }
}

impl LogFile {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Where the file system refuses, as it does once the log has let go of the file.
    pub fn open(self) -> Result<OpenLogFile, Error> {
        match self.0 {
            Source::Open(file) => Ok(file),
            Source::Sealed { root, segment } => {
                let plain = journal_path(&root, segment);
                let opened = JournalFile::open(&root, segment);
                match opened.map_err(Error::io("open", &plain))? {
                    Some(JournalFile::Plain(file)) => OpenLogFile::of(&root, &plain, file),
                    Some(JournalFile::Packed(file)) => {
                        OpenLogFile::of(&root, &packed_path(&root, segment), file)
                    }
                    None => Err(Error::io("open", plain)(io::ErrorKind::NotFound.into())),
                }
            }
        }
    }
}

impl OpenLogFile {
    /// All of a file.
    fn of(root: &Path, path: &Path, file: File) -> Result<Self, Error> {
        let bytes = file.metadata().map_err(Error::io("find", path))?.len();
        Ok(Self { path: place(root, path), bytes, file })
    }
}

/// The segments that there are. One that is compressed takes its new name before it loses the old one, and
/// a listing may see neither; the next one then sees the new one.
fn settled_segments(root: &Path) -> Result<Vec<u64>, Error> {
    let mut segments = journal_segments(root)?;
    loop {
        let again = journal_segments(root)?;
        if again == segments {
            return Ok(segments);
        }
        segments = again;
    }
}

fn open_if_there(root: &Path, path: &Path) -> Result<Option<OpenLogFile>, Error> {
    match File::open(path) {
        Ok(file) => OpenLogFile::of(root, path, file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

fn place(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).expect("every file of a log lies below it");
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
