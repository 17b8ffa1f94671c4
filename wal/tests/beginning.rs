//! A log that has let go of its first segments: it begins at a checkpoint, and proves itself from there.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tollgate_wal::{
    Checkpoint, Cut, DamageFault, Error, Geometry, LogStore, Options, Record, Salvage, SledStore,
    Stream, SuperblockFault, Tail, beginning, cut_before, salvage, verify::verify,
};

const GEOMETRY: Geometry = Geometry { streams: 2 };

/// Records of each segment.
const EACH: u64 = 5;

struct Log(TempDir);

impl Log {
    /// Of so many sealed segments, and one record behind them.
    fn of(segments: u64) -> Self {
        let log = Self(tempfile::tempdir().unwrap());
        let mut store = log.open().unwrap().0;
        for segment in 0..segments {
            let records: Vec<Record> = (segment * EACH..(segment + 1) * EACH).map(record).collect();
            store.commit(&records).unwrap();
            store.seal().unwrap();
        }
        store.commit(&[record(segments * EACH)]).unwrap();
        drop(store);
        log
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self) -> Result<(SledStore, Vec<(u16, u64)>), Error> {
        let mut seen = Vec::new();
        let opened = SledStore::open(Options::new(self.path()), Some(GEOMETRY), &mut |record| {
            seen.push((record.stream.0, record.sequence));
            Ok(())
        });
        opened.map(|(store, _recovery)| (store, seen))
    }

    /// The checkpoint behind so many segments.
    fn checkpoint(&self, segments: usize) -> Checkpoint {
        let mut tail = Tail::open(self.path()).unwrap();
        let mut checkpoint = beginning(self.path()).unwrap();
        for _segment in 0..segments {
            checkpoint = tail.advance_segment(&mut |_record| Ok(())).unwrap().unwrap();
        }
        checkpoint
    }

    fn journals(&self) -> Vec<PathBuf> {
        listed(&self.path().join("journal"))
    }

    /// What each reader of the log shows, all of which have to be of one mind.
    fn shown(&self) -> Vec<(u16, u64)> {
        let (mut by_tail, mut by_verify, mut by_salvage) = (Vec::new(), Vec::new(), Vec::new());
        Tail::open(self.path())
            .unwrap()
            .advance(&mut |record| {
                by_tail.push((record.stream.0, record.sequence));
                Ok(())
            })
            .unwrap();
        let report = verify(self.path(), &mut |record| {
            by_verify.push((record.stream.0, record.sequence));
            Ok(())
        })
        .unwrap();
        assert_eq!(report.records, by_verify.len() as u64);
        let mut next = report.begins_behind + 1;
        let gaps = salvage(self.path(), &mut |found| {
            if let Salvage::Record(number, record) = found {
                assert_eq!(number, next, "records keep their numbers");
                next += 1;
                by_salvage.push((record.stream.0, record.sequence));
            }
            Ok(())
        });
        assert_eq!(gaps.unwrap(), 0);
        assert_eq!((&by_tail, &by_salvage), (&by_verify, &by_verify));
        by_verify
    }
}

fn record(index: u64) -> Record {
    let stream = Stream(u16::try_from(index % 2).unwrap());
    Record { stream, sequence: index / 2 + 1, bytes: vec![7; 300] }
}

fn expected(records: std::ops::Range<u64>) -> Vec<(u16, u64)> {
    records.map(record).map(|record| (record.stream.0, record.sequence)).collect()
}

fn listed(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_log_that_is_cut_goes_on_where_it_begins() {
    let log = Log::of(4);
    let checkpoint = log.checkpoint(2);
    let bytes: u64 = log.journals()[..2].iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(cut_before(log.path(), &checkpoint).unwrap(), Cut { segments: 2, bytes });
    assert_eq!(beginning(log.path()).unwrap(), checkpoint);
    assert_eq!(log.shown(), expected(2 * EACH..4 * EACH + 1));
    let report = verify(log.path(), &mut |_record| Ok(())).unwrap();
    assert_eq!((report.begins_behind, report.findings), (2 * EACH, vec![]));
    assert_eq!(
        cut_before(log.path(), &checkpoint).unwrap(),
        Cut::default(),
        "nothing is left to do"
    );

    let (mut store, seen) = log.open().unwrap();
    assert_eq!(seen, expected(2 * EACH..4 * EACH + 1));
    store.commit(&[record(4 * EACH + 1)]).unwrap();
    // Also while it is in use, and up to what is written.
    let later = log.checkpoint(1);
    assert_eq!(cut_before(log.path(), &later).unwrap().segments, 1);
    drop(store);
    assert_eq!(log.open().unwrap().1, expected(3 * EACH..4 * EACH + 2));
    assert_eq!(log.shown(), expected(3 * EACH..4 * EACH + 2));
}

#[test]
fn what_a_kill_left_before_the_beginning_counts_for_nothing() {
    let log = Log::of(4);
    let kept = tempfile::tempdir().unwrap();
    let old: Vec<PathBuf> = log.journals()[..2].to_vec();
    for path in &old {
        fs::copy(path, kept.path().join(path.file_name().unwrap())).unwrap();
    }
    cut_before(log.path(), &log.checkpoint(2)).unwrap();
    // As if it had been killed with one segment still there, or with both.
    for left in [&old[1..], &old[..]] {
        for path in left {
            fs::copy(kept.path().join(path.file_name().unwrap()), path).unwrap();
        }
        assert_eq!(log.shown(), expected(2 * EACH..4 * EACH + 1));
        drop(log.open().unwrap());
        assert!(old.iter().all(|path| !path.exists()), "the next open removes it");
    }
}

#[test]
fn a_beginning_that_is_damaged_or_another_logs_is_refused() {
    let log = Log::of(3);
    cut_before(log.path(), &log.checkpoint(2)).unwrap();
    let path = log.path().join("beginning");
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[20] ^= 1;
    for bytes in [&damaged[..], &whole[..10], b""] {
        fs::write(&path, bytes).unwrap();
        let refused = log.open().err().unwrap();
        assert!(
            matches!(refused, Error::Superblock { source: SuperblockFault::Beginning, .. }),
            "{refused}"
        );
        verify(log.path(), &mut |_record| Ok(())).unwrap_err();
        Tail::open(log.path()).unwrap_err();
    }
    // Without it the log seems to have lost what was let go of.
    fs::remove_file(&path).unwrap();
    let Err(Error::Damaged(damage)) = log.open() else { panic!("it should be refused") };
    assert_eq!((damage.fault, damage.behind), (DamageFault::SegmentMissing, 0));
    // Another hash than the one that the first segment follows.
    let mut forged = whole;
    forged[14 + 20] ^= 1;
    let end = forged.len() - 4;
    let sum = crc32c::crc32c(&forged[..end]).to_le_bytes();
    forged[end..].copy_from_slice(&sum);
    fs::write(&path, forged).unwrap();
    assert!(matches!(log.open(), Err(Error::Damaged(_))), "the chain does not follow it");
}
