//! Follows the journal of a log that may be in use: reads it, takes no lock, and changes nothing.
//!
//! It can do so because the journal only grows, by whole groups, and because what a crash cut short
//! is mended before anything is added. The part of a group that is being written is waited for.
//!
//! Invariants: records are visited in log order, each once, by whole groups, and only where group
//! and hash chain hold from the first group on. What is visited has been synced here, whether or not
//! the writer has come to it: no crash of the process takes it back, for every later open finds it
//! in the journal. Its acknowledgement may still be on its way, or never come where the log fails
//! just then; after a sync that failed, a loss of power may take back what was shown since.
//!
//! Not here: sled, and so no healing. Where the journal itself is damaged the tail ends there, and
//! [`verify`](crate::verify) tells whether sled has the rest.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::{
    beginning::beginning,
    chain::{Tip, next_group},
    checkpoint::Checkpoint,
    copy::LogEnd,
    directory::{journal_path, journal_segments},
    error::{Damage, DamageFault, Error},
    frame::FrameFault,
    group::{Positions, Unpacker},
    journal_file::{JournalFile, unpack},
    record::Visit,
};

/// A place in a log, from the beginning to the end and on with it.
#[derive(Debug)]
pub struct Tail {
    root: PathBuf,
    /// The segment being read.
    segment: u64,
    /// Where in it the next group begins.
    offset: u64,
    tip: Tip,
    positions: Positions,
    /// How much is read at once.
    chunk: usize,
    buffer: Vec<u8>,
    spill: Vec<u8>,
    /// The segment being read, where its journal is compressed.
    unpacked: Option<Unpacked>,
}

#[derive(Debug)]
struct Unpacked {
    segment: u64,
    bytes: Vec<u8>,
}

/// Bytes read at once: several groups, which the writer keeps to about 1 MiB.
const CHUNK: usize = 8 << 20;

/// What a step came to.
enum Step {
    /// Groups were visited, or a segment was left behind: there may be more.
    Moved,
    /// Nothing more is there yet.
    AtEnd,
}

impl Tail {
    /// A tail before the first record that the log has.
    ///
    /// # Errors
    ///
    /// [`Error::Superblock`] where there is no log.
    pub fn open(root: &Path) -> Result<Self, Error> {
        Ok(Self::open_from(root, beginning(root)?))
    }

    /// A tail before the first record behind a checkpoint. That the log continues it shows when it is
    /// read.
    #[must_use]
    pub fn open_from(root: &Path, from: Checkpoint) -> Self {
        let Checkpoint { tip, positions } = from;
        Self {
            root: root.to_owned(),
            segment: tip.sequence,
            offset: 0,
            tip,
            positions,
            chunk: CHUNK,
            buffer: Vec::new(),
            spill: Vec::new(),
            unpacked: None,
        }
    }

    /// How many records of the log lie before where it is.
    #[must_use]
    pub fn records_before(&self) -> u64 {
        self.positions.total()
    }

    /// Visits what is left of the segment that the tail is in, if that is sealed, and gives the
    /// checkpoint behind it.
    ///
    /// # Errors
    ///
    /// As [`Tail::advance`].
    pub fn advance_segment(&mut self, visit: &mut Visit<'_>) -> Result<Option<Checkpoint>, Error> {
        let segment = self.segment;
        if journal_segments(&self.root)?.last().is_none_or(|last| *last <= segment) {
            return Ok(None);
        }
        while self.segment == segment {
            if let Step::AtEnd = self.step(visit)? {
                return Err(self.damage(DamageFault::SegmentMissing));
            }
        }
        Ok(Some(Checkpoint { tip: self.tip, positions: self.positions.clone() }))
    }

    /// Bytes of the journal that are sealed and not visited yet: at most so many, for the tail may be
    /// in the middle of a segment.
    ///
    /// # Errors
    ///
    /// Where the file system refuses.
    pub fn sealed_bytes(&self) -> Result<u64, Error> {
        let segments = journal_segments(&self.root)?;
        let sealed = segments.split_last().map_or(&[][..], |(_live, sealed)| sealed);
        let mut bytes = 0;
        for segment in sealed.iter().filter(|segment| **segment >= self.segment) {
            let length = |file: Option<JournalFile>| file.map_or(Ok(0), |file| file.length());
            let length = JournalFile::open(&self.root, *segment).and_then(length);
            bytes += length.map_err(Error::io("find", journal_path(&self.root, *segment)))?;
        }
        Ok(bytes)
    }

    /// Visits every record that is whole by now and was not visited before, and returns once there
    /// is no further one. Blocks for no longer than reading takes.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] where the journal cannot go on, and what the visitor returned; after any
    /// error the tail must not be used any more.
    pub fn advance(&mut self, visit: &mut Visit<'_>) -> Result<(), Error> {
        while let Step::Moved = self.step(visit)? {}
        Ok(())
    }

    /// The segment that the tail is in, how much of it was visited, and what the log has come to there.
    pub(crate) fn end(&self) -> (u64, u64, LogEnd) {
        (self.segment, self.offset, LogEnd::at(&self.tip, &self.positions))
    }

    fn step(&mut self, visit: &mut Visit<'_>) -> Result<Step, Error> {
        // Listed before the journal is read: a segment that is there by now says that the one before
        // it takes no more groups.
        let segments = journal_segments(&self.root)?;
        let successor = segments.into_iter().find(|segment| *segment > self.segment);
        if !self.fill()? {
            // A log whose first segment is not begun yet.
            return match successor {
                None if self.offset == 0 => Ok(Step::AtEnd),
                Some(_) | None => Err(self.damage(DamageFault::SegmentMissing)),
            };
        }
        let (length, fault) = self.walk(visit)?;
        let is_whole_chunk = self.buffer.len() == self.chunk;
        self.offset += length as u64;
        match fault {
            None if is_whole_chunk => Ok(Step::Moved),
            None => match successor {
                None => Ok(Step::AtEnd),
                Some(successor) if successor == self.tip.sequence => {
                    (self.segment, self.offset) = (successor, 0);
                    Ok(Step::Moved)
                }
                Some(successor) if successor < self.tip.sequence => {
                    Err(self.damage(DamageFault::Overlap))
                }
                Some(_) => Err(self.damage(DamageFault::Journal(None))),
            },
            Some(FrameFault::Short | FrameFault::Incomplete) if is_whole_chunk => {
                if length == 0 {
                    self.chunk *= 2;
                }
                Ok(Step::Moved)
            }
            // Being written.
            Some(FrameFault::Short | FrameFault::Incomplete) if successor.is_none() => {
                Ok(Step::AtEnd)
            }
            Some(fault) => Err(self.damage(DamageFault::Journal(Some(fault)))),
        }
    }

    /// Reads what follows, up to a chunk, and syncs it; false if there is no such file.
    fn fill(&mut self) -> Result<bool, Error> {
        self.buffer.clear();
        if let Some(unpacked) = self.unpacked.take_if(|unpacked| unpacked.segment == self.segment) {
            self.fill_from(&unpacked.bytes);
            self.unpacked = Some(unpacked);
            return Ok(true);
        }
        self.unpacked = None;
        let path = journal_path(&self.root, self.segment);
        // Opened anew each time: recovery may have put another file in its place.
        let found = JournalFile::open(&self.root, self.segment);
        let file = match found.map_err(Error::io("open", &path))? {
            Some(JournalFile::Plain(file)) => file,
            Some(JournalFile::Packed(file)) => {
                let mut bytes = Vec::new();
                unpack(file, self.segment, &mut bytes);
                self.fill_from(&bytes);
                self.unpacked = Some(Unpacked { segment: self.segment, bytes });
                return Ok(true);
            }
            None => return Ok(false),
        };
        let from = FromOffset { file: &file, at: self.offset };
        from.take(self.chunk as u64)
            .read_to_end(&mut self.buffer)
            .map_err(Error::io("read", &path))?;
        if !self.buffer.is_empty() {
            file.sync_data().map_err(Error::io("sync", &path))?;
        }
        Ok(true)
    }

    /// Takes what follows from a journal that is held whole.
    fn fill_from(&mut self, bytes: &[u8]) {
        let from = usize::try_from(self.offset).unwrap_or(usize::MAX).min(bytes.len());
        let to = from.saturating_add(self.chunk).min(bytes.len());
        self.buffer.extend_from_slice(&bytes[from..to]);
    }

    /// Visits the whole groups at the head of the buffer: their length, and why there is no further
    /// one.
    fn walk(&mut self, visit: &mut Visit<'_>) -> Result<(usize, Option<FrameFault>), Error> {
        let buffer = std::mem::take(&mut self.buffer);
        let mut frames = Vec::new();
        let mut length = 0;
        let fault = loop {
            let group = match next_group(&self.tip, &buffer[length..], &mut frames) {
                Ok(Some(group)) => group,
                Ok(None) => break None,
                Err(fault) => break Some(fault),
            };
            let mut unpacker = Unpacker::new(&frames);
            loop {
                let record = match unpacker.next(&mut self.spill) {
                    Ok(Some(record)) => record,
                    Ok(None) => break,
                    Err(crate::group::Malformed) => {
                        return Err(self.damage(DamageFault::Malformed));
                    }
                };
                let (stream, sequence) = (record.stream, record.sequence);
                let advanced = self.positions.advance(stream, sequence);
                advanced.map_err(|fault| {
                    let place = (self.segment, self.offset);
                    damage(place, &self.tip, &self.positions, DamageFault::Record(fault))
                })?;
                visit(record).map_err(|source| Error::Visit { stream, sequence, source })?;
            }
            self.tip = group.next;
            length += group.bytes.len();
        };
        self.buffer = buffer;
        Ok((length, fault))
    }

    fn damage(&self, fault: DamageFault) -> Error {
        damage((self.segment, self.offset), &self.tip, &self.positions, fault)
    }
}

fn damage(
    (segment, offset): (u64, u64),
    tip: &Tip,
    positions: &Positions,
    fault: DamageFault,
) -> Error {
    let (sequence, behind) = (tip.sequence, positions.total());
    Damage { segment, offset, sequence, behind, fault }.into()
}

/// Reads a file from a place in it, without a cursor of the file's own.
struct FromOffset<'f> {
    file: &'f File,
    at: u64,
}

impl Read for FromOffset<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
