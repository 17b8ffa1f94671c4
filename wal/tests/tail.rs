//! A tail beside the writer: what it shows, when, and what it refuses.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tollgate_wal::{
    DamageFault, Error, Geometry, LogStore, Options, Record, SledStore, Stream, Tail,
};

const GEOMETRY: Geometry = Geometry { streams: 2 };

/// A log, its directory, and how many records it has.
struct Log {
    directory: TempDir,
    store: Option<SledStore>,
    count: u64,
}

impl Log {
    fn new(segment_bytes: u64) -> Self {
        let mut log = Self { directory: tempfile::tempdir().unwrap(), store: None, count: 0 };
        log.open(segment_bytes);
        log
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn open(&mut self, segment_bytes: u64) {
        let options = Options { segment_bytes, ..Options::new(self.path()) };
        let opened = SledStore::open(options, Some(GEOMETRY), &mut |_record| Ok(()));
        self.store = Some(opened.unwrap().0);
    }

    fn close(&mut self) {
        self.store = None;
    }

    /// Commits a group of records of 3,000 bytes, so that groups of two span frames.
    fn commit(&mut self, records: u64) {
        let group: Vec<Record> = (self.count..self.count + records).map(record).collect();
        self.count += records;
        self.store.as_mut().unwrap().commit(&group).unwrap();
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join("journal")).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    /// A copy of superblock and journal, which is all that a tail may look at.
    fn journal_alone(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("journal")).unwrap();
        fs::copy(self.path().join("superblock"), copy.path().join("superblock")).unwrap();
        for path in self.journals() {
            fs::copy(&path, copy.path().join("journal").join(path.file_name().unwrap())).unwrap();
        }
        copy
    }
}

fn record(number: u64) -> Record {
    Record {
        stream: Stream(u16::from(!number.is_multiple_of(2))),
        sequence: number / 2 + 1,
        bytes: number.to_le_bytes().into_iter().cycle().take(3_000).collect(),
    }
}

/// Everything that has come, which must be what follows the first `seen` records.
fn come(tail: &mut Tail, seen: &mut u64) -> Result<(), Error> {
    tail.advance(&mut |found| {
        let expected = record(*seen);
        assert_eq!((found.stream, found.sequence), (expected.stream, expected.sequence));
        assert_eq!(found.bytes, expected.bytes);
        *seen += 1;
        Ok(())
    })
}

#[test]
fn records_come_as_they_are_committed_through_rotations_and_restarts() {
    let mut log = Log::new(20_000);
    let mut tail = Tail::open(log.path()).unwrap();
    let mut seen = 0;
    come(&mut tail, &mut seen).unwrap();
    assert_eq!(seen, 0);
    for round in 0..4 {
        for records in [1, 2, 5, 1] {
            log.commit(records);
            come(&mut tail, &mut seen).unwrap();
            assert_eq!(seen, log.count);
        }
        // Once with a log that is closed and opened again, and left empty in between.
        if round == 1 {
            for _ in 0..2 {
                log.close();
                come(&mut tail, &mut seen).unwrap();
                log.open(20_000);
            }
        }
    }
    assert!(log.journals().len() > 4, "rotated");
    // And all of it at once.
    let (mut late, mut seen) = (Tail::open(log.path()).unwrap(), 0);
    come(&mut late, &mut seen).unwrap();
    assert_eq!(seen, log.count);
}

/// A crash, or a look in the middle of a write.
#[test]
fn a_group_is_shown_whole_or_not_at_every_cut() {
    let mut log = Log::new(1 << 20);
    let mut ends = vec![0];
    for records in [1, 3, 2] {
        log.commit(records);
        ends.push(usize::try_from(fs::metadata(&log.journals()[0]).unwrap().len()).unwrap());
    }
    log.close();
    let copy = log.journal_alone();
    let path = copy.path().join("journal").join(log.journals()[0].file_name().unwrap());
    let whole = fs::read(&path).unwrap();
    let edges = |at: usize| ends.iter().any(|end| at.abs_diff(*end) < 3);
    for length in (0..=whole.len()).filter(|at| edges(*at) || at % 997 == 0) {
        fs::write(&path, &whole[..length]).unwrap();
        let (mut tail, mut seen) = (Tail::open(copy.path()).unwrap(), 0);
        come(&mut tail, &mut seen).unwrap();
        let expected = [0, 1, 4, 6][ends.iter().rposition(|end| *end <= length).unwrap()];
        assert_eq!(seen, expected, "cut at {length}");
        // The rest of the write.
        fs::write(&path, &whole).unwrap();
        come(&mut tail, &mut seen).unwrap();
        assert_eq!(seen, 6, "cut at {length}");
    }
}

#[test]
fn damage_ends_the_tail_behind_the_last_whole_group() {
    let mut log = Log::new(1 << 20);
    log.commit(2);
    let first = usize::try_from(fs::metadata(&log.journals()[0]).unwrap().len()).unwrap();
    log.commit(2);
    log.close();
    log.open(1 << 20);
    log.commit(1);
    log.close();
    let fault = |change: &dyn Fn(&mut Vec<u8>)| {
        let copy = log.journal_alone();
        let path = copy.path().join("journal").join(log.journals()[0].file_name().unwrap());
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let (mut tail, mut seen) = (Tail::open(copy.path()).unwrap(), 0);
        let damage = match come(&mut tail, &mut seen) {
            Err(Error::Damaged(damage)) => damage,
            other => panic!("not damaged: {other:?}"),
        };
        assert_eq!((seen, damage.segment, damage.offset), (2, 1, first as u64));
        damage.fault
    };
    let flipped = fault(&|bytes| bytes[first + 100] ^= 1);
    assert!(matches!(flipped, DamageFault::Journal(Some(_))), "{flipped:?}");
    // A later segment says that this one was whole.
    let cut = fault(&|bytes| bytes.truncate(bytes.len() - 1));
    assert!(matches!(cut, DamageFault::Journal(Some(_))), "{cut:?}");
    assert_eq!(fault(&|bytes| bytes.truncate(first)), DamageFault::Journal(None));
}

#[test]
fn a_missing_segment_or_log_is_refused() {
    let mut log = Log::new(1 << 20);
    log.commit(1);
    log.close();
    log.open(1 << 20);
    log.commit(1);
    let copy = log.journal_alone();
    fs::remove_file(copy.path().join("journal").join(log.journals()[0].file_name().unwrap()))
        .unwrap();
    let refused = come(&mut Tail::open(copy.path()).unwrap(), &mut 0);
    assert!(
        matches!(&refused, Err(Error::Damaged(damage)) if damage.fault == DamageFault::SegmentMissing),
        "{refused:?}"
    );
    let nothing = tempfile::tempdir().unwrap();
    assert!(matches!(Tail::open(nothing.path()), Err(Error::Superblock { .. })));
}

#[test]
fn a_visitor_that_fails_ends_it() {
    let mut log = Log::new(1 << 20);
    log.commit(3);
    let mut visits = 0;
    let stopped = Tail::open(log.path()).unwrap().advance(&mut |_record| {
        visits += 1;
        if visits == 2 { Err("enough".into()) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Visit { sequence: 1, .. })), "{stopped:?}");
    assert_eq!(visits, 2);
}
