//! One segment's sled directory: frame sequence (u64, big-endian) to frame.
//!
//! sled 0.34 is used within narrow limits, each of which answers one of its traps
//! (`docs/adr/0001-sled-traps-and-the-journal.md`). Invariant: the live directory is always a
//! fresh one. A directory that was closed is read only as a copy, for opening a damaged one can
//! panic, and changes its files even when it fails.

use std::{
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    crash_point,
    directory::{disk_failed, entries, sync_directory},
    error::{Error, SledFault},
    frame::{Frame, intact},
};

/// sled's page cache. Its default is 1 GiB; a segment is written once and not read, so that
/// a segment's worth is plenty.
const CACHE_BYTES: u64 = 64 << 20;

/// The segment being written. Only one thread inserts.
pub(crate) struct SledSegment {
    path: PathBuf,
    db: sled::Db,
    /// A second descriptor of sled's file: sled's flush does not reach the disk, this one does.
    file: File,
}

impl SledSegment {
    /// Creates the directory, which must not exist, with its files and names durable.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        fs::create_dir(path).map_err(Error::io("create", path))?;
        let db = open(path).map_err(Error::sled("create", path))?;
        db.flush().map_err(Error::sled("flush", path))?;
        let file = open_db_file(path)?;
        sync_files(path)?;
        sync_directory(path.parent().expect("a segment lies in the log's directory"))?;
        Ok(Self { path: path.to_owned(), db, file })
    }

    /// Inserts frames durably, and tells how long the sync took; sled's flush is part of it.
    pub(crate) fn append<'a>(
        &self,
        frames: impl Iterator<Item = (u64, &'a [u8])>,
    ) -> Result<Duration, Error> {
        // Plain inserts: a batch or a transaction would take a lock over the whole process.
        for (sequence, frame) in frames {
            self.db
                .insert(sequence.to_be_bytes(), frame)
                .map_err(Error::sled("insert into", &self.path))?;
        }
        let began = Instant::now();
        self.db.flush().map_err(Error::sled("flush", &self.path))?;
        self.file.sync_data().map_err(Error::io("sync", &self.path))?;
        Ok(began.elapsed())
    }

    /// Closes the directory for good.
    pub(crate) fn seal(self) -> Result<(), Error> {
        let Self { path, db, file } = self;
        crash_point::reach("seal: sled is still open");
        // Closing writes once more; what was synced before must not depend on it. sled panics where
        // the disk refuses that.
        catch_unwind(AssertUnwindSafe(|| drop(db))).map_err(|_panic| {
            let refused = io::Error::other("sled panicked");
            Error::io("close", &path)(refused)
        })?;
        drop(file);
        crash_point::reach("seal: sled is closed");
        if blobs_in_use(&path)? {
            return Err(Error::BlobsInUse { path });
        }
        sync_files(&path)
    }

    /// Leaves the directory as it is, open until the process ends.
    pub(crate) fn abandon(self) {
        std::mem::forget(self.db);
    }
}

/// Builds a sealed directory from the frames in two pieces.
pub(crate) fn build(path: &Path, pieces: [&[u8]; 2]) -> Result<(), Error> {
    let segment = SledSegment::create(path)?;
    let frames = pieces.into_iter().flat_map(intact);
    segment.append(frames.map(|frame| (frame.header.sequence, frame.bytes)))?;
    segment.seal()
}

/// Reads every frame of a closed directory into `frames`, through a copy at `copy`, as far as
/// sled gives them.
pub(crate) fn read_by_copy(
    path: &Path,
    copy: &Path,
    frames: &mut Vec<u8>,
) -> Result<Option<SledFault>, Error> {
    frames.clear();
    let blobs = match copied(path, copy) {
        Ok(Some(blobs)) => blobs,
        Ok(None) => return Ok(Some(SledFault::Missing)),
        Err(Error::Io { action, path, source }) if disk_failed(&source) => {
            let said = format!("cannot {action} {}: {source}", path.display());
            return Ok(Some(SledFault::Unread(said)));
        }
        Err(error) => return Err(error),
    };
    // Should sled end the process over a damaged directory, this line names it.
    tracing::info!(path = %path.display(), "reading a sled copy");
    let read = catch_unwind(AssertUnwindSafe(|| read_frames(copy, frames)));
    Ok(match read {
        Ok(Ok(None)) if blobs => Some(SledFault::BlobsInUse),
        Ok(fault) => fault?,
        Err(panic) => {
            let said = panic
                .downcast_ref::<&str>()
                .map(|said| (*said).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            Some(SledFault::Unreadable(said.unwrap_or_else(|| "it panicked".to_owned())))
        }
    })
}

/// Copies the directory, and tells whether it has blobs; `None` if it is not there.
fn copied(path: &Path, copy: &Path) -> Result<Option<bool>, Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("find", path)(error)),
    }
    copy_tree(path, copy)?;
    blobs_in_use(path).map(Some)
}

fn read_frames(path: &Path, frames: &mut Vec<u8>) -> Result<Option<SledFault>, Error> {
    let unreadable = |error: sled::Error| match error {
        // sled writes to what it opens. A full disk says nothing about what it would have read.
        sled::Error::Io(source) if source.kind() == io::ErrorKind::StorageFull => {
            Err(Error::io("open", path)(source))
        }
        error => Ok(Some(SledFault::Unreadable(error.to_string()))),
    };
    let db = match open(path) {
        Ok(db) => db,
        Err(error) => return unreadable(error),
    };
    let mut fault = None;
    for entry in db.iter() {
        let (key, frame) = match entry {
            Ok(entry) => entry,
            // After an error the iterator gives errors for ever.
            Err(error) => return unreadable(error),
        };
        let in_place = Frame::parse(&frame)
            .is_ok_and(|frame| key == frame.header.sequence.to_be_bytes().as_slice());
        if in_place {
            frames.extend_from_slice(&frame);
        } else {
            fault = Some(SledFault::Differs);
        }
    }
    Ok(fault)
}

/// Makes all files of a sled directory durable, and their names.
pub(crate) fn sync_files(path: &Path) -> Result<(), Error> {
    for entry in entries(path)? {
        if entry.is_file() {
            let file = File::options().write(true).open(&entry);
            file.and_then(|file| file.sync_all()).map_err(Error::io("sync", entry))?;
        }
    }
    sync_directory(path)
}

fn open(path: &Path) -> sled::Result<sled::Db> {
    sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        // No flusher of its own: the log decides what is written when.
        .flush_every_ms(None)
        .open()
}

fn open_db_file(path: &Path) -> Result<File, Error> {
    let path = path.join("db");
    File::options().write(true).open(&path).map_err(Error::io("open", path))
}

fn blobs_in_use(path: &Path) -> Result<bool, Error> {
    Ok(!entries(&path.join("blobs"))?.is_empty())
}

/// Copies a sled directory, except for snapshots that were never finished: sled cannot open with
/// one of those around.
fn copy_tree(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir(to).map_err(Error::io("create", to))?;
    for entry in entries(from)? {
        let name = entry.file_name().expect("a listed entry has a name");
        let target = to.join(name);
        if entry.is_dir() {
            copy_tree(&entry, &target)?;
        } else if entry.extension().is_none_or(|extension| extension != "generating") {
            fs::copy(&entry, &target).map_err(Error::io("copy", &entry))?;
        }
    }
    Ok(())
}
