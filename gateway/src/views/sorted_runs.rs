//! More entries than fit in memory, gathered in any order and read in the order of their keys: sorted
//! runs one behind the other in a file, merged as they are read.
//!
//! ```text
//!   run     entry │ entry │ …         in the order of their keys
//!   entry   length of the key 1 │ length of the value 1 │ key │ value
//! ```
//!
//! The file is of use to nobody but the process that writes it.
//!
//! Invariant: of entries with the same key the one of the earlier run is read first.
//!
//! Not here: what a run is gathered from, and when it is full.

use std::{
    cmp::Ordering,
    fs::File,
    io::{self, BufWriter, Write as _},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::Path,
};

/// Bytes that are written at once.
const WRITTEN_AT_ONCE: usize = 256 << 10;

/// The least that lies in memory of a run while it is merged, in bytes: as much as two of the longest
/// entries have.
const LEAST_BUFFER: usize = 2 * (2 + 255 + 255);

/// Runs in a file.
pub(super) struct SortedRuns {
    file: File,
    runs: Vec<Range<u64>>,
}

/// A run that is being written.
pub(super) struct RunWriter<'r> {
    file: BufWriter<&'r File>,
    runs: &'r mut Vec<Range<u64>>,
    run: Range<u64>,
}

/// All entries of all runs.
pub(super) struct MergedRuns {
    file: File,
    cursors: Vec<Cursor>,
    /// Places of cursors that stand at an entry: a heap, the lowest entry first.
    heap: Vec<usize>,
    /// Whether the lowest entry has been given.
    is_given: bool,
}

/// A run that is being read, at one of its entries.
struct Cursor {
    /// What is not in the buffer yet.
    unread: Range<u64>,
    buffer: Vec<u8>,
    /// Where the entry begins in the buffer.
    at: usize,
    key: usize,
    value: usize,
}

impl SortedRuns {
    /// No runs yet, in a new file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().create_new(true).read(true).write(true).open(path)?;
        Ok(Self { file, runs: Vec::new() })
    }

    /// Begins the next run.
    pub(super) fn begin(&mut self) -> RunWriter<'_> {
        let Self { file, runs } = self;
        let from = runs.last().map_or(0, |run| run.end);
        let file = BufWriter::with_capacity(WRITTEN_AT_ONCE, &*file);
        RunWriter { file, runs, run: from..from }
    }

    /// Reads them, with about so many bytes of all of them together in memory.
    pub(super) fn merge(self, memory: usize) -> io::Result<MergedRuns> {
        let Self { file, runs } = self;
        let size = (memory / runs.len().max(1)).max(LEAST_BUFFER);
        let cursor =
            |run| Cursor { unread: run, buffer: Vec::with_capacity(size), at: 0, key: 0, value: 0 };
        let cursors = runs.into_iter().map(cursor).collect();
        let mut merged = MergedRuns { file, cursors, heap: Vec::new(), is_given: false };
        for place in 0..merged.cursors.len() {
            if merged.cursors[place].load(&merged.file)? {
                merged.heap.push(place);
            }
        }
        for place in (0..merged.heap.len() / 2).rev() {
            merged.sink(place);
        }
        Ok(merged)
    }
}

impl RunWriter<'_> {
    /// Adds an entry behind the ones before, none of which has a higher key.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let long = |_long| io::Error::from(io::ErrorKind::InvalidInput);
        let lengths =
            [u8::try_from(key.len()).map_err(long)?, u8::try_from(value.len()).map_err(long)?];
        for part in [&lengths[..], key, value] {
            self.file.write_all(part)?;
            self.run.end += part.len() as u64;
        }
        Ok(())
    }

    /// The run is whole.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.runs.push(self.run);
        Ok(())
    }
}

impl MergedRuns {
    /// The next entry; `None` behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<(&[u8], &[u8])>> {
        if self.is_given
            && let Some(lowest) = self.heap.first()
        {
            if !self.cursors[*lowest].advance(&self.file)? {
                self.heap.swap_remove(0);
            }
            self.sink(0);
        }
        self.is_given = true;
        Ok(self.heap.first().map(|lowest| self.cursors[*lowest].entry()))
    }

    /// Lets what is at a place of the heap sink to where it belongs.
    fn sink(&mut self, mut place: usize) {
        loop {
            let mut lowest = place;
            for below in [2 * place + 1, 2 * place + 2] {
                if below < self.heap.len() && self.is_before(below, lowest) {
                    lowest = below;
                }
            }
            if lowest == place {
                return;
            }
            self.heap.swap(place, lowest);
            place = lowest;
        }
    }

    fn is_before(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.heap[one], self.heap[other]);
        match self.cursors[one].entry().0.cmp(self.cursors[other].entry().0) {
            Ordering::Less => true,
            Ordering::Equal => one < other,
            Ordering::Greater => false,
        }
    }
}

impl Cursor {
    fn entry(&self) -> (&[u8], &[u8]) {
        self.buffer[self.at + 2..][..self.key + self.value].split_at(self.key)
    }

    /// Goes on to the next entry; false behind the last.
    fn advance(&mut self, file: &File) -> io::Result<bool> {
        self.at += 2 + self.key + self.value;
        self.load(file)
    }

    /// Looks at the entry that begins here; false where none does.
    fn load(&mut self, file: &File) -> io::Result<bool> {
        if !self.is_whole() {
            self.read_more(file)?;
            if self.at == self.buffer.len() {
                return Ok(false);
            }
            if !self.is_whole() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let [key, value] = [0, 1].map(|length| usize::from(self.buffer[self.at + length]));
        (self.key, self.value) = (key, value);
        Ok(true)
    }

    /// Whether all of the entry is in the buffer.
    fn is_whole(&self) -> bool {
        match self.buffer.get(self.at..) {
            Some(&[key, value, ref rest @ ..]) => {
                rest.len() >= usize::from(key) + usize::from(value)
            }
            Some(_) | None => false,
        }
    }

    fn read_more(&mut self, file: &File) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let (kept, room) = (self.buffer.len(), self.buffer.capacity() - self.buffer.len());
        let left = self.unread.end - self.unread.start;
        let read = usize::try_from(left).map_or(room, |left| left.min(room));
        self.buffer.resize(kept + read, 0);
        file.read_exact_at(&mut self.buffer[kept..], self.unread.start)?;
        self.unread.start += read as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    type Entries = Vec<(Vec<u8>, Vec<u8>)>;

    fn merged(runs: &[Entries], memory: usize) -> Entries {
        let directory = tempfile::tempdir().unwrap();
        let mut sorted = SortedRuns::create(&directory.path().join("runs")).unwrap();
        for run in runs {
            let mut writer = sorted.begin();
            for (key, value) in run {
                writer.push(key, value).unwrap();
            }
            writer.finish().unwrap();
        }
        let mut merged = sorted.merge(memory).unwrap();
        let mut found = Vec::new();
        while let Some((key, value)) = merged.next().unwrap() {
            found.push((key.to_vec(), value.to_vec()));
        }
        assert!(merged.next().unwrap().is_none(), "the end is the end");
        found
    }

    fn sorted(mut entries: Entries) -> Entries {
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries
    }

    proptest! {
        #[test]
        fn runs_are_read_as_if_sorted_together(
            runs in vec(vec((vec(0..4_u8, 0..3), vec(any::<u8>(), 0..3)), 0..40), 0..12)
        ) {
            let runs: Vec<Entries> = runs.into_iter().map(sorted).collect();
            prop_assert_eq!(merged(&runs, 0), sorted(runs.concat()));
        }
    }

    /// More than is in memory at once of each run, so that entries lie across what is read.
    #[test]
    fn long_runs_are_read_in_parts() {
        let many: u32 = 20_000;
        let run = |step: u32| -> Entries {
            let numbers = (0..many).filter(|number| number % 3 == step);
            numbers.map(|number| (number.to_be_bytes().to_vec(), vec![7; 255])).collect()
        };
        let runs: Vec<Entries> = (0..3).map(run).collect();
        let found = merged(&runs, 1 << 16);
        assert_eq!(found.len(), many as usize);
        assert!((0..many).zip(&found).all(|(number, entry)| entry.0 == number.to_be_bytes()));
        assert!(found.iter().all(|(_key, value)| *value == [7; 255]));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut runs = SortedRuns::create(&directory.path().join("runs")).unwrap();
        let mut run = runs.begin();
        assert!(run.push(&[0; 256], &[]).is_err());
        assert!(run.push(&[], &[0; 256]).is_err());
        run.push(&[1; 255], &[2; 255]).unwrap();
    }
}
