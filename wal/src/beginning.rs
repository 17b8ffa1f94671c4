//! Where a log begins whose first segments were let go of.
//!
//! ```text
//!  beginning   FF "TGBEG" 00 FE │ version u16 │ length u32 │ checkpoint │ CRC32C of all before
//! ```
//!
//! Integers are little-endian. Without the file the log begins with its first record.
//!
//! Invariant: the file is durable before anything is deleted, so that a log whose segments are gone
//! always knows the hash that its first one follows. Segments before the beginning count for nothing,
//! whether they are still there or not.
//!
//! Not here: what those records came to. Whoever cuts a log keeps a snapshot of that place.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::Checkpoint,
    crash_point,
    directory::{
        all_journal_segments, all_sled_segments, journals, read_superblock, remove_sled,
        scratch_root, sync_directory, unusable,
    },
    error::{Error, SuperblockFault},
    frame::field,
    journal_file::remove_journal,
};

const MAGIC: [u8; 8] = *b"\xFFTGBEG\0\xFE";
const VERSION: u16 = 1;
const HEAD: usize = 14;

/// What was let go of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cut {
    /// Segments.
    pub segments: usize,
    /// Bytes of their journals.
    pub bytes: u64,
}

/// Everything before the first segment that the log still has. The log may be in use.
///
/// # Errors
///
/// [`Error::Superblock`] where there is no log, or the file is damaged.
pub fn beginning(root: &Path) -> Result<Checkpoint, Error> {
    let streams = read_superblock(root)?.geometry.streams;
    let Some(checkpoint) = read(root)? else { return Ok(Checkpoint::genesis(streams)) };
    if checkpoint.positions().len() == usize::from(streams) {
        Ok(checkpoint)
    } else {
        Err(unusable(root, SuperblockFault::Checkpoint))
    }
}

/// Lets go of all segments before a checkpoint, which is where the log begins from now on. The log may
/// be in use: its newest segment is behind every checkpoint that there is.
///
/// # Errors
///
/// Where the file system refuses; then the log begins where it did, or with the checkpoint.
///
/// # Panics
///
/// On a checkpoint that no segment begins with.
pub fn cut_before(root: &Path, checkpoint: &Checkpoint) -> Result<Cut, Error> {
    let frame = checkpoint.frame();
    let segments = all_journal_segments(root)?;
    assert!(segments.contains(&frame), "a log is cut between two of its segments");
    if read(root)?.is_none_or(|had| had.frame() < frame) {
        write(root, checkpoint)?;
    }
    crash_point::reach("retention: the log begins later");
    remove_before(root, frame)
}

/// Deletes what lies before the beginning; one that was killed while it did so left some.
pub(crate) fn remove_leftovers(root: &Path) -> Result<(), Error> {
    match first_frame(root)? {
        0 => Ok(()),
        frame => remove_before(root, frame).map(|_cut| ()),
    }
}

/// The first frame of the log, as far as it was cut; 0 where it never was.
pub(crate) fn first_frame(root: &Path) -> Result<u64, Error> {
    Ok(read(root)?.map_or(0, |checkpoint| checkpoint.frame()))
}

fn remove_before(root: &Path, frame: u64) -> Result<Cut, Error> {
    let mut cut = Cut::default();
    for segment in all_sled_segments(root)?.into_iter().filter(|segment| *segment < frame) {
        remove_sled(root, segment)?;
    }
    for segment in all_journal_segments(root)?.into_iter().filter(|segment| *segment < frame) {
        cut.bytes += remove_journal(root, segment)?;
        cut.segments += 1;
        crash_point::reach("retention: a segment is gone");
    }
    if cut.segments > 0 {
        sync_directory(&journals(root))?;
    }
    Ok(cut)
}

pub(crate) fn path(root: &Path) -> PathBuf {
    root.join("beginning")
}

fn read(root: &Path) -> Result<Option<Checkpoint>, Error> {
    match fs::read(path(root)) {
        Ok(bytes) => match parse(&bytes) {
            Some(checkpoint) => Ok(Some(checkpoint)),
            None => Err(unusable(root, SuperblockFault::Beginning)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path(root))(error)),
    }
}

fn write(root: &Path, checkpoint: &Checkpoint) -> Result<(), Error> {
    let (half, path) = (scratch_root(root).join("beginning"), path(root));
    let write = || {
        let mut file = File::create(&half)?;
        file.write_all(&to_bytes(checkpoint))?;
        file.sync_all()?;
        fs::rename(&half, &path)
    };
    write().map_err(Error::io("replace", &path))?;
    sync_directory(root)
}

fn to_bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let checkpoint = checkpoint.to_bytes();
    let length = u32::try_from(checkpoint.len()).expect("a checkpoint has few streams");
    let mut bytes = Vec::with_capacity(HEAD + checkpoint.len() + 4);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(checkpoint);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn parse(bytes: &[u8]) -> Option<Checkpoint> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    let (head, checkpoint) = body.split_first_chunk::<HEAD>()?;
    let is_whole = head[..8] == MAGIC
        && u16::from_le_bytes(field(head, 8)) == VERSION
        && u64::from(u32::from_le_bytes(field(head, 10))) == checkpoint.len() as u64
        && crc32c::crc32c(body).to_le_bytes() == *sum;
    is_whole.then(|| Checkpoint::parse(checkpoint)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_changed_ones_do_not() {
        let checkpoint = Checkpoint::genesis(3);
        let bytes = to_bytes(&checkpoint);
        assert_eq!(parse(&bytes), Some(checkpoint));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&bytes), None, "bit {bit}");
        }
        (0..bytes.len()).for_each(|length| assert_eq!(parse(&bytes[..length]), None, "{length}"));
    }
}
