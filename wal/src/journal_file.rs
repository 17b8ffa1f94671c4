//! A segment's journal as a file, in one of two forms: as it was written, or compressed.
//!
//! ```text
//!  journal/<first frame>.log   the frames, back to back
//!  journal/<first frame>.zst   the same bytes as one zstd frame, with its length and checksum
//! ```
//!
//! Only sealed segments are compressed, and only those that a snapshot stands for. Whoever reads a
//! journal reads it through this file, and sees the frames.
//!
//! Invariant: the compressed form takes its name once it is durable and has been read again to the very
//! bytes of the other, which is deleted only then. Where both are there, the plain one counts.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use zstd::{
    stream::{read::Decoder, write::Encoder},
    zstd_safe::get_frame_content_size,
};

use crate::{
    crash_point,
    directory::{all_journal_segments, journal_path, journals, scratch_root, sled_segments},
    error::Error,
    sled_store::MAX_SEGMENT_BYTES,
};

/// What was compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compressed {
    /// Segments.
    pub segments: usize,
    /// Their bytes before.
    pub before: u64,
    /// Their bytes now.
    pub after: u64,
}

/// A journal that is there.
#[derive(Debug)]
pub(crate) enum JournalFile {
    Plain(File),
    Packed(File),
}

/// How hard zstd tries: its default. More costs many times the time for some hundredths.
const LEVEL: i32 = 3;

/// Bytes at the head of a zstd frame that tell the length of what is in it, at the most.
const ZSTD_HEAD: usize = 18;

/// The longest journal that is read from a compressed one: a segment, and the group by which it may
/// exceed its size. What claims more was not written here.
const MOST_BYTES: u64 = 2 * MAX_SEGMENT_BYTES;

/// Bytes that are compared at once.
const PIECE: usize = 1 << 20;

impl JournalFile {
    /// Opens a segment's journal; `None` where there is none.
    pub(crate) fn open(root: &Path, segment: u64) -> io::Result<Option<Self>> {
        // Compressed between the two looks, it is found by the second.
        if let Some(file) = open_if_there(&journal_path(root, segment))? {
            return Ok(Some(Self::Plain(file)));
        }
        Ok(open_if_there(&packed_path(root, segment))?.map(Self::Packed))
    }

    /// How many bytes of frames it holds.
    pub(crate) fn length(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => Ok(file.metadata()?.len()),
            Self::Packed(file) => {
                let mut head = Vec::with_capacity(ZSTD_HEAD);
                file.take(ZSTD_HEAD as u64).read_to_end(&mut head)?;
                get_frame_content_size(&head).ok().flatten().ok_or_else(malformed)
            }
        }
    }
}

/// Reads a compressed journal as far as it can be read: where it is damaged, frames are missing from
/// there on, and that is what whoever walks them finds.
pub(crate) fn unpack(file: File, segment: u64, into: &mut Vec<u8>) {
    let read = Decoder::new(file).and_then(|packed| packed.take(MOST_BYTES).read_to_end(into));
    if let Err(error) = read {
        let error = &error as &dyn std::error::Error;
        tracing::error!(segment, error, "a compressed journal is damaged");
    }
}

/// The compressed form of a segment's journal.
pub(crate) fn packed_path(root: &Path, segment: u64) -> PathBuf {
    journals(root).join(format!("{segment:020}.zst"))
}

/// Deletes a segment's journal in every form, and tells how much that was.
pub(crate) fn remove_journal(root: &Path, segment: u64) -> Result<u64, Error> {
    let mut bytes = 0;
    for path in [packed_path(root, segment), journal_path(root, segment)] {
        match fs::metadata(&path) {
            Ok(file) => bytes += file.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("find", path)(error)),
        }
        fs::remove_file(&path).map_err(Error::io("delete", path))?;
    }
    Ok(bytes)
}

/// Compresses the journals of segments that lie wholly before frame `sequence` and have no second copy
/// any more, as long as `go_on` says so. The log may be in use.
///
/// # Errors
///
/// Where the file system refuses; each segment is then in the one form or in the other.
pub fn compress_before(
    root: &Path,
    sequence: u64,
    go_on: &dyn Fn() -> bool,
) -> Result<Compressed, Error> {
    let mut compressed = Compressed::default();
    let segments = all_journal_segments(root)?;
    let with_sled = sled_segments(root)?;
    for pair in segments.windows(2).take_while(|pair| pair[1] <= sequence) {
        let segment = pair[0];
        if with_sled.contains(&segment) || !go_on() {
            continue;
        }
        let path = journal_path(root, segment);
        let Some(plain) = open_if_there(&path).map_err(Error::io("open", &path))? else { continue };
        let (before, after) =
            compress(root, segment, &plain).map_err(Error::io("compress", path))?;
        compressed.segments += 1;
        compressed.before += before;
        compressed.after += after;
    }
    Ok(compressed)
}

/// Its size before, and after.
fn compress(root: &Path, segment: u64, plain: &File) -> io::Result<(u64, u64)> {
    let half = scratch_root(root).join(format!("packed-{segment}"));
    let length = plain.metadata()?.len();
    let mut encoder = Encoder::new(File::create(&half)?, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(length))?;
    io::copy(&mut &*plain, &mut encoder)?;
    let packed = encoder.finish()?;
    packed.sync_all()?;
    let after = packed.metadata()?.len();
    drop(packed);
    if !is_same(&half, &journal_path(root, segment))? {
        return Err(malformed());
    }
    crash_point::reach("compression: it is whole, without its name");
    fs::rename(&half, packed_path(root, segment))?;
    File::open(journals(root))?.sync_all()?;
    crash_point::reach("compression: both forms are there");
    fs::remove_file(journal_path(root, segment))?;
    File::open(journals(root))?.sync_all()?;
    Ok((length, after))
}

/// Whether a compressed file holds the bytes of another.
fn is_same(packed: &Path, plain: &Path) -> io::Result<bool> {
    let mut packed = Decoder::new(File::open(packed)?)?;
    let mut plain = BufReader::new(File::open(plain)?);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    loop {
        one.clear();
        other.clear();
        packed.by_ref().take(PIECE as u64).read_to_end(&mut one)?;
        plain.by_ref().take(PIECE as u64).read_to_end(&mut other)?;
        if one != other || one.is_empty() {
            return Ok(one == other);
        }
    }
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the compressed bytes are not a journal's")
}
