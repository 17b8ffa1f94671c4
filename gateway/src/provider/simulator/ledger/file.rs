//! The ledger's file: a header, then entries of one length, back to back.
//!
//! ```text
//!    0   8  "TGSIMLED"
//!    8   8  format, 2, little-endian
//!   16      entries
//! ```
//!
//! A file of format 1, whose entries are read as before, becomes one of format 2 when it is opened: an
//! older program must not take the operations in it for damage.
//!
//! Entries are counted from 1. What follows the last whole entry when the file is opened is the
//! rest of a write that never finished, was answered by nobody, and is cut off.
//!
//! Not here: syncing. The ledger stands for the books of another company, which outlive our process
//! and know nothing of our power supply; the page cache outlives the process as well.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    LedgerError, Unwritten,
    entry::{ENTRY_LENGTH, Entry},
};

const MAGIC: &[u8; 8] = b"TGSIMLED";
const FORMAT: u64 = 2;
const OLDER_FORMAT: u64 = 1;
const HEADER_LENGTH: usize = 16;

/// How many entries are read at once: 320 KiB, where a system call no longer shows beside the
/// copying.
pub(super) const CHUNK: usize = 4_096;

/// The file.
#[derive(Debug)]
pub(super) struct LedgerFile {
    file: File,
    path: PathBuf,
}

impl LedgerFile {
    /// Opens or creates the file and shows every entry to `visit`, in order.
    pub(super) fn open(path: &Path, mut visit: impl FnMut(&Entry)) -> Result<Self, LedgerError> {
        let this =
            Self::open_unread(path).map_err(|source| LedgerError::io("open", path, source))?;
        if this.begin()? {
            return Ok(this);
        }
        let length = this.file.metadata().map_err(|source| this.io("read", source))?.len();
        let whole = (length - HEADER_LENGTH as u64) / ENTRY_LENGTH as u64;
        let mut count = 0;
        let mut torn = false;
        this.read(1, whole, |index, entry| match entry {
            Some(_) if torn => Err(LedgerError::Damaged { path: path.into(), entry: count + 1 }),
            Some(entry) => {
                count = index;
                visit(&entry);
                Ok(())
            }
            None => {
                torn = true;
                Ok(())
            }
        })?;
        let end = offset(count + 1);
        if end < length {
            tracing::warn!(path = %path.display(), cut = length - end, "cutting a torn ledger entry");
            this.file.set_len(end).map_err(|source| this.io("cut", source))?;
        }
        Ok(this)
    }

    fn open_unread(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, path: path.into() })
    }

    /// Writes the header of a new file; otherwise checks it. Tells whether the file is new.
    fn begin(&self) -> Result<bool, LedgerError> {
        let header = header(FORMAT);
        let mut found = [0; HEADER_LENGTH];
        let length = self.file.metadata().map_err(|source| self.io("read", source))?.len();
        if length < HEADER_LENGTH as u64 {
            // Not even the header was finished, so nothing was ever booked.
            self.file.write_all_at(&header, 0).map_err(|source| self.io("begin", source))?;
            return Ok(true);
        }
        self.file.read_exact_at(&mut found, 0).map_err(|source| self.io("read", source))?;
        if found == self::header(OLDER_FORMAT) {
            self.file.write_all_at(&header, 0).map_err(|source| self.io("begin", source))?;
        } else if found != header {
            return Err(LedgerError::Foreign { path: self.path.clone() });
        }
        Ok(false)
    }

    /// Writes entry number `index`, which follows the last.
    pub(super) fn write(&self, index: u64, entry: &Entry) -> Result<(), Unwritten> {
        let position = offset(index);
        let Err(error) = self.file.write_all_at(&entry.encode(), position) else { return Ok(()) };
        // Part of the entry may stand there; once it is cut off, certainly nothing does. Where that
        // fails too, the next entry takes its place.
        let cut = self.file.set_len(position);
        let path = self.path.display();
        tracing::error!(%path, index, %error, cut = cut.is_ok(), "cannot write the ledger");
        Err(if cut.is_ok() { Unwritten::Certainly } else { Unwritten::Perhaps })
    }

    /// Shows the entries `first` to `last` to `visit`, in order. What is no whole entry is shown
    /// as `None`.
    pub(super) fn read(
        &self,
        first: u64,
        last: u64,
        mut visit: impl FnMut(u64, Option<Entry>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut buffer = Vec::new();
        let mut index = first;
        while index <= last {
            let left = usize::try_from(last - index + 1).unwrap_or(usize::MAX);
            buffer.resize(left.min(CHUNK) * ENTRY_LENGTH, 0);
            self.file
                .read_exact_at(&mut buffer, offset(index))
                .map_err(|source| self.io("read", source))?;
            let (entries, _rest) = buffer.as_chunks::<ENTRY_LENGTH>();
            for bytes in entries {
                visit(index, Entry::decode(bytes))?;
                index += 1;
            }
        }
        Ok(())
    }

    pub(super) fn damaged(&self, entry: u64) -> LedgerError {
        LedgerError::Damaged { path: self.path.clone(), entry }
    }

    #[cfg(test)]
    pub(super) fn replace(&mut self, file: File) {
        self.file = file;
    }

    fn io(&self, action: &'static str, source: io::Error) -> LedgerError {
        LedgerError::io(action, &self.path, source)
    }
}

fn header(format: u64) -> [u8; HEADER_LENGTH] {
    let mut header = [0; HEADER_LENGTH];
    header[..8].copy_from_slice(MAGIC);
    header[8..].copy_from_slice(&format.to_le_bytes());
    header
}

fn offset(index: u64) -> u64 {
    HEADER_LENGTH as u64 + (index - 1) * ENTRY_LENGTH as u64
}
