//! What the log comes to at a checkpoint, kept beside it: items of opaque bytes, in checked blocks.
//!
//! ```text
//!  header  FF "TGSNP" 00 FE │ version u16 │ length u32 │ checkpoint │ CRC32C of all before
//!  block   length u32 │ CRC32C of (number u64 │ bytes) │ bytes      numbers count from 1
//!  …         bytes:  item length u32 │ item │ item length u32 │ item …
//!  end     length 0   │ CRC32C of (number u64 │ items u64) │ items u64
//! ```
//!
//! Integers are little-endian. An item never spans blocks.
//!
//! Invariant: a file that bears a snapshot's name is whole and durable: it is written and synced under
//! another name first. What is read is what was written, or an error; a reader that has come to the
//! end has seen all items.
//!
//! Not here: what items mean, and whether they are true. The log does not need them: each can be made
//! anew from the segments before its checkpoint.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    beginning::first_frame,
    checkpoint::Checkpoint,
    crash_point,
    directory::{entries, sync_directory},
    error::Error,
    frame::field,
};

/// The snapshots of one log.
#[derive(Clone, Debug)]
pub struct SnapshotStore {
    directory: PathBuf,
}

/// A snapshot that is being written; nothing is left of it unless it is finished.
#[derive(Debug)]
pub struct SnapshotWriter {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
    block: Vec<u8>,
    number: u64,
    items: u64,
    bytes: u64,
}

/// A snapshot that is being read.
#[derive(Debug)]
pub struct SnapshotReader {
    path: PathBuf,
    file: BufReader<File>,
    checkpoint: Checkpoint,
    block: Vec<u8>,
    /// Where the next item begins in the block.
    at: usize,
    number: u64,
    items: u64,
    ended: bool,
}

const MAGIC: [u8; 8] = *b"\xFFTGSNP\0\xFE";
const VERSION: u16 = 1;
const HEAD: usize = 14;

/// Bytes after which a block is closed: large enough that its checksum is cheap, small enough that a
/// reader holds little.
const BLOCK: usize = 256 << 10;

/// A block's length that nothing was written with: one item more than closes it, at the largest.
const MAX_BLOCK: usize = BLOCK + 4 + MAX_ITEM;

/// The largest item in bytes: a record of the log, and what is said about it.
const MAX_ITEM: usize = 128 << 10;

/// Largest checkpoint: 65,535 streams.
const MAX_CHECKPOINT: usize = 1 << 20;

impl SnapshotStore {
    /// The snapshots of the log in `root`. What was never finished is deleted.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let directory = snapshots(root);
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        sync_directory(root)?;
        for path in entries(&directory)? {
            if path.extension().is_some_and(|extension| extension == "unfinished") {
                fs::remove_file(&path).map_err(Error::io("delete", path))?;
            }
        }
        Ok(Self { directory })
    }

    /// The snapshots of the log in `root`, of which nothing is to be written.
    #[must_use]
    pub fn look(root: &Path) -> Self {
        Self { directory: snapshots(root) }
    }

    /// The frames that follow each snapshot's checkpoint, which name them; the newest first. One before
    /// the log's beginning, which a kill has left, is none.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn list(&self) -> Result<Vec<u64>, Error> {
        let (mut frames, beginning) = (self.all()?, self.beginning()?);
        frames.retain(|frame| *frame >= beginning);
        Ok(frames)
    }

    /// Every one that is there.
    fn all(&self) -> Result<Vec<u64>, Error> {
        let mut frames: Vec<u64> = entries(&self.directory)?
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "snap"))
            .filter_map(|path| path.file_stem()?.to_str()?.parse().ok())
            .collect();
        frames.sort_unstable_by(|one, other| other.cmp(one));
        Ok(frames)
    }

    /// Begins a snapshot.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn create(&self, checkpoint: &Checkpoint) -> Result<SnapshotWriter, Error> {
        let path = self.path(checkpoint.frame());
        let unfinished = path.with_extension("unfinished");
        let mut file = File::create(&unfinished).map_err(Error::io("create", &unfinished))?;
        let checkpoint = checkpoint.to_bytes();
        let length = u32::try_from(checkpoint.len()).expect("a checkpoint has few streams");
        let mut head = Vec::with_capacity(HEAD + checkpoint.len() + 4);
        head.extend(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend(length.to_le_bytes());
        head.extend(checkpoint);
        head.extend(crc32c::crc32c(&head).to_le_bytes());
        file.write_all(&head).map_err(Error::io("write", &unfinished))?;
        let bytes = head.len() as u64;
        let block = Vec::with_capacity(MAX_BLOCK);
        Ok(SnapshotWriter { path, unfinished, file, block, number: 0, items: 0, bytes })
    }

    /// Begins to read one.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] where it is damaged so far, [`Error::Io`] where it could not be read.
    pub fn read(&self, frame: u64) -> Result<SnapshotReader, Error> {
        SnapshotReader::open(self.path(frame))
    }

    /// Deletes all but these.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn keep(&self, frames: &[u64]) -> Result<(), Error> {
        for frame in self.all()?.into_iter().filter(|frame| !frames.contains(frame)) {
            let path = self.path(frame);
            fs::remove_file(&path).map_err(Error::io("delete", path))?;
        }
        sync_directory(&self.directory)
    }

    /// The frame that the log begins with. Where that is not the first, the snapshot of this name is
    /// all that is left of what came before.
    ///
    /// # Errors
    ///
    /// Where what says so is damaged.
    pub fn beginning(&self) -> Result<u64, Error> {
        let root = self.directory.parent().expect("snapshots lie in the log's directory");
        // The first frame of a log is 1.
        first_frame(root).map(|frame| frame.max(1))
    }

    /// When a snapshot was made, as its file says: the wall clock of then, or of who copied it.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn made_at(&self, frame: u64) -> Result<SystemTime, Error> {
        let path = self.path(frame);
        let made = fs::metadata(&path).and_then(|file| file.modified());
        made.map_err(Error::io("find", path))
    }

    /// Takes one out of the list, for somebody to look at.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn put_aside(&self, frame: u64) -> Result<(), Error> {
        let path = self.path(frame);
        let aside = path.with_extension("damaged");
        fs::rename(&path, aside).map_err(Error::io("rename", path))?;
        sync_directory(&self.directory)
    }

    /// Where a snapshot lies.
    #[must_use]
    pub fn path(&self, frame: u64) -> PathBuf {
        self.directory.join(format!("{frame:020}.snap"))
    }
}

impl SnapshotWriter {
    /// Writes an item.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    ///
    /// # Panics
    ///
    /// On an item of more than 128 KiB: items are made of records, which have a size.
    pub fn push(&mut self, item: &[u8]) -> Result<(), Error> {
        assert!(item.len() <= MAX_ITEM, "items are bounded");
        let length = u32::try_from(item.len()).expect("bounded just now");
        self.block.extend(length.to_le_bytes());
        self.block.extend(item);
        self.items += 1;
        if self.block.len() >= BLOCK { self.write_block() } else { Ok(()) }
    }

    /// Makes everything that was pushed durable, under a name that no list shows yet.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn seal(mut self) -> Result<SealedSnapshot, Error> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        self.number += 1;
        let items = self.items.to_le_bytes();
        let mut end = Vec::with_capacity(16);
        end.extend(0_u32.to_le_bytes());
        end.extend(block_sum(self.number, &items).to_le_bytes());
        end.extend(items);
        crash_point::reach("snapshot: the end is not written");
        let sealed = self.file.write_all(&end).and_then(|()| self.file.sync_all());
        sealed.map_err(Error::io("write", &self.unfinished))?;
        crash_point::reach("snapshot: it is whole, without its name");
        let bytes = self.bytes + end.len() as u64;
        let (path, unfinished) = (self.path.clone(), self.unfinished.clone());
        Ok(SealedSnapshot { path, unfinished, bytes })
    }

    fn write_block(&mut self) -> Result<(), Error> {
        self.number += 1;
        let length = u32::try_from(self.block.len()).expect("blocks are bounded");
        let sum = block_sum(self.number, &self.block);
        let written = self
            .file
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.file.write_all(&sum.to_le_bytes()))
            .and_then(|()| self.file.write_all(&self.block));
        written.map_err(Error::io("write", &self.unfinished))?;
        self.bytes += 8 + self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

/// A snapshot that is whole and durable, and can be read before it takes its place.
#[derive(Debug)]
#[must_use = "publish it, or it is lost"]
pub struct SealedSnapshot {
    path: PathBuf,
    unfinished: PathBuf,
    bytes: u64,
}

impl SealedSnapshot {
    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Begins to read it.
    ///
    /// # Errors
    ///
    /// As [`SnapshotStore::read`].
    pub fn read(&self) -> Result<SnapshotReader, Error> {
        SnapshotReader::open(self.unfinished.clone())
    }

    /// Gives it its name, durably.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn publish(self) -> Result<(), Error> {
        fs::rename(&self.unfinished, &self.path).map_err(Error::io("rename", &self.unfinished))?;
        crash_point::reach("snapshot: it has its name");
        sync_directory(self.path.parent().expect("a snapshot lies in a directory"))
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn discard(self) -> Result<(), Error> {
        fs::remove_file(&self.unfinished).map_err(Error::io("delete", self.unfinished))
    }
}

impl SnapshotReader {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let mut file = BufReader::with_capacity(BLOCK, file);
        let checkpoint = read_head(&mut file).map_err(unread(&path))?;
        let block = Vec::new();
        Ok(Self { path, file, checkpoint, block, at: 0, number: 0, items: 0, ended: false })
    }

    /// What it stands for: everything before.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The next item; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] where it is damaged, [`Error::Io`] where it could not be read.
    pub fn next_item(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.at == self.block.len() {
            if !self.ended {
                self.read_block().map_err(unread(&self.path))?;
            }
            if self.ended {
                return Ok(None);
            }
        }
        let item = self.block.get(self.at..).and_then(|rest| {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)
        });
        let item = item.ok_or_else(|| unread(&self.path)(malformed()))?;
        self.at += 4 + item.len();
        self.items += 1;
        Ok(Some(item))
    }

    fn read_block(&mut self) -> io::Result<()> {
        self.number += 1;
        self.at = 0;
        let mut head = [0; 8];
        self.file.read_exact(&mut head)?;
        let length = usize::try_from(u32::from_le_bytes(field(&head, 0))).unwrap_or(usize::MAX);
        if length > MAX_BLOCK {
            return Err(malformed());
        }
        self.ended = length == 0;
        self.block.resize(if self.ended { 8 } else { length }, 0);
        self.file.read_exact(&mut self.block)?;
        if block_sum(self.number, &self.block) != u32::from_le_bytes(field(&head, 4)) {
            return Err(malformed());
        }
        if self.ended && self.block != self.items.to_le_bytes() {
            return Err(malformed());
        }
        if self.ended {
            self.block.clear();
        }
        Ok(())
    }
}

fn read_head(file: &mut impl Read) -> io::Result<Checkpoint> {
    let mut head = vec![0; HEAD];
    file.read_exact(&mut head)?;
    let length = usize::try_from(u32::from_le_bytes(field(&head, 10))).unwrap_or(usize::MAX);
    let version = u16::from_le_bytes(field(&head, 8));
    if head[..8] != MAGIC || version != VERSION || length > MAX_CHECKPOINT {
        return Err(malformed());
    }
    head.resize(HEAD + length, 0);
    file.read_exact(&mut head[HEAD..])?;
    let mut sum = [0; 4];
    file.read_exact(&mut sum)?;
    if crc32c::crc32c(&head) != u32::from_le_bytes(sum) {
        return Err(malformed());
    }
    Checkpoint::parse(&head[HEAD..]).ok_or_else(malformed)
}

/// The number is part of it, so that blocks cannot change places unseen.
fn block_sum(number: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), bytes)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the bytes are not those that were written")
}

/// Of bytes that are missing or others the snapshot is to blame; of anything else its disk, just now.
fn unread(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            Error::Snapshot { path, source }
        }
        _other => Error::Io { action: "read", path, source },
    }
}

fn snapshots(root: &Path) -> PathBuf {
    root.join("snapshots")
}
