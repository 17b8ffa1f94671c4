//! Reading a log on from between two segments, and what is kept of it there.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{fs, path::Path};

use tempfile::TempDir;
use tollgate_wal::{
    Checkpoint, DamageFault, Error, Geometry, LogStore, Options, Record, SealedSnapshot, SledStore,
    SnapshotStore, Stream, Tail,
    store::faulty::{Disk, Faulty},
};

const GEOMETRY: Geometry = Geometry { streams: 2 };

struct Log {
    directory: TempDir,
    store: SledStore,
    count: u64,
}

impl Log {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), None).unwrap().0;
        Self { directory, store, count: 0 }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn commit(&mut self, records: u64) {
        let group: Vec<Record> = (self.count..self.count + records).map(record).collect();
        self.count += records;
        self.store.commit(&group).unwrap();
    }

    /// Commits, and seals behind it.
    fn segment(&mut self, records: u64) {
        self.commit(records);
        self.store.seal().unwrap();
    }

    /// The checkpoint behind so many segments.
    fn checkpoint(&self, segments: usize) -> Checkpoint {
        let mut tail = Tail::open(self.path()).unwrap();
        let mut checkpoint = Checkpoint::genesis(GEOMETRY.streams);
        for _segment in 0..segments {
            checkpoint = tail.advance_segment(&mut |_record| Ok(())).unwrap().unwrap();
        }
        checkpoint
    }

    fn close(self) -> TempDir {
        self.directory
    }
}

fn record(index: u64) -> Record {
    let stream = Stream(u16::try_from(index % 2).unwrap());
    Record { stream, sequence: index / 2 + 1, bytes: vec![7; 300] }
}

fn open(path: &Path, from: Option<Checkpoint>) -> Result<(SledStore, Vec<(u16, u64)>), Error> {
    let mut seen = Vec::new();
    let opened = SledStore::open_from(Options::new(path), Some(GEOMETRY), from, &mut |record| {
        seen.push((record.stream.0, record.sequence));
        Ok(())
    });
    opened.map(|(store, _recovery)| (store, seen))
}

fn expected(records: std::ops::Range<u64>) -> Vec<(u16, u64)> {
    records.map(record).map(|record| (record.stream.0, record.sequence)).collect()
}

fn damage_of<T>(opened: Result<T, Error>) -> DamageFault {
    match opened {
        Err(Error::Damaged(damage)) => damage.fault,
        Err(other) => panic!("{other}"),
        Ok(_opened) => panic!("should be refused"),
    }
}

#[test]
fn a_log_is_opened_from_a_checkpoint_and_goes_on_as_from_its_beginning() {
    let mut log = Log::new();
    log.segment(5);
    log.segment(6);
    log.commit(3);
    let behind = log.checkpoint(2);
    assert_eq!(behind.positions(), [6, 5]);
    let directory = log.close();

    let (mut store, seen) = open(directory.path(), Some(behind)).unwrap();
    assert_eq!(seen, expected(11..14));
    store.commit(&[record(14)]).unwrap();
    drop(store);
    assert_eq!(open(directory.path(), None).unwrap().1, expected(0..15));
}

#[test]
fn what_lies_before_the_checkpoint_may_be_damaged_or_gone() {
    let mut log = Log::new();
    log.segment(5);
    log.segment(6);
    log.commit(3);
    let behind = log.checkpoint(1);
    let directory = log.close();
    let first = directory.path().join("journal").join(format!("{:020}.log", 1));
    fs::write(&first, b"nonsense").unwrap();
    fs::remove_dir_all(directory.path().join("sled").join(format!("{:020}", 1))).unwrap();
    assert_eq!(open(directory.path(), Some(behind)).unwrap().1, expected(5..14));
    assert!(matches!(open(directory.path(), None), Err(Error::Damaged(_))));
}

#[test]
fn a_log_that_does_not_continue_the_checkpoint_is_refused() {
    let mut log = Log::new();
    log.segment(5);
    log.segment(6);
    let (one, two) = (log.checkpoint(1), log.checkpoint(2));
    let directory = log.close();

    let mut other = Log::new();
    other.segment(7);
    other.commit(1);
    let other = other.close();
    assert_eq!(damage_of(open(other.path(), Some(two.clone()))), DamageFault::SegmentMissing);

    // The end of the log is lost, with what the checkpoint stands for.
    for segment in [one.frame(), two.frame()] {
        let name = format!("{segment:020}");
        fs::remove_file(directory.path().join("journal").join(format!("{name}.log"))).unwrap();
        fs::remove_dir_all(directory.path().join("sled").join(name)).unwrap();
    }
    assert_eq!(damage_of(open(directory.path(), Some(two))), DamageFault::SegmentMissing);
}

#[test]
fn a_tail_shows_sealed_segments_one_by_one() {
    let mut log = Log::new();
    log.segment(5);
    log.segment(6);
    log.commit(3);
    let mut tail = Tail::open(log.path()).unwrap();
    let mut lengths = Vec::new();
    loop {
        let mut seen = 0;
        let sealed = tail.sealed_bytes().unwrap();
        let behind = tail.advance_segment(&mut |_record| {
            seen += 1;
            Ok(())
        });
        let Some(behind) = behind.unwrap() else {
            assert_eq!((seen, sealed), (0, 0), "the live segment is left alone");
            break;
        };
        assert!(sealed > 0);
        lengths.push((seen, behind.positions().to_vec()));
    }
    assert_eq!(lengths, [(5, vec![3, 2]), (6, vec![6, 5])]);

    let mut seen = 0;
    let mut rest = Tail::open_from(log.path(), log.checkpoint(1));
    rest.advance(&mut |_record| {
        seen += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, 9);
}

#[test]
fn sealing_twice_makes_one_segment() {
    let mut log = Log::new();
    log.segment(5);
    log.store.seal().unwrap();
    log.commit(1);
    assert_eq!(log.checkpoint(1).positions(), [3, 2]);
    let journals = fs::read_dir(log.path().join("journal")).unwrap().count();
    assert_eq!(journals, 2);
}

#[test]
fn a_simulated_disk_shows_its_sealed_segments_too() {
    let disk = Disk::new();
    let (mut store, _recovery) =
        Faulty::open(&disk, Some(GEOMETRY), &mut |_record| Ok(())).unwrap();
    store.commit(&[record(0), record(1)]).unwrap();
    store.seal().unwrap();
    store.commit(&[record(2)]).unwrap();
    let genesis = Checkpoint::genesis(GEOMETRY.streams);
    let mut seen = 0;
    let behind = disk.read_sealed(&genesis, &mut |_record| {
        seen += 1;
        Ok(())
    });
    let behind = behind.unwrap().unwrap();
    assert_eq!((seen, behind.positions()), (2, &[1, 1][..]));
    assert_eq!(disk.read_sealed(&behind, &mut |_record| Ok(())).unwrap(), None);
    let mut seen = Vec::new();
    Faulty::open_from(&disk, Some(GEOMETRY), Some(behind), &mut |record| {
        seen.push((record.stream.0, record.sequence));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(0, 2)]);
}

fn items(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|index| index.to_le_bytes().repeat(index as usize * 40 % 5_000)).collect()
}

fn sealed(store: &SnapshotStore, items: &[Vec<u8>]) -> SealedSnapshot {
    let mut writer = store.create(&Checkpoint::genesis(GEOMETRY.streams)).unwrap();
    items.iter().for_each(|item| writer.push(item).unwrap());
    writer.seal().unwrap()
}

fn read_all(store: &SnapshotStore, frame: u64) -> Result<Vec<Vec<u8>>, Error> {
    let mut reader = store.read(frame)?;
    let mut items = Vec::new();
    while let Some(item) = reader.next_item()? {
        items.push(item.to_vec());
    }
    Ok(items)
}

#[test]
fn a_snapshot_gives_back_its_items() {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(directory.path()).unwrap();
    for count in [0, 1, 700] {
        let items = items(count);
        let snapshot = sealed(&store, &items);
        let size = snapshot.bytes();
        snapshot.publish().unwrap();
        assert_eq!(store.list().unwrap(), [1]);
        assert_eq!(read_all(&store, 1).unwrap(), items);
        assert_eq!(fs::metadata(store.path(1)).unwrap().len(), size);
        assert_eq!(store.read(1).unwrap().checkpoint().positions(), [0, 0]);
    }
}

#[test]
fn a_snapshot_is_listed_only_once_it_is_published() {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(directory.path()).unwrap();
    let unfinished = sealed(&store, &items(3));
    assert_eq!(store.list().unwrap(), []);
    drop(unfinished);
    assert_eq!(fs::read_dir(directory.path().join("snapshots")).unwrap().count(), 1);
    let store = SnapshotStore::open(directory.path()).unwrap();
    assert_eq!(fs::read_dir(directory.path().join("snapshots")).unwrap().count(), 0);
    sealed(&store, &items(3)).discard().unwrap();
    assert_eq!(fs::read_dir(directory.path().join("snapshots")).unwrap().count(), 0);
}

#[test]
fn a_snapshot_that_is_cut_or_changed_anywhere_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(directory.path()).unwrap();
    let content: Vec<Vec<u8>> = vec![vec![1; 20], vec![], vec![2; 7]];
    sealed(&store, &content).publish().unwrap();
    let path = store.path(1);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        fs::write(&path, &whole[..at]).unwrap();
        assert!(matches!(read_all(&store, 1), Err(Error::Snapshot { .. })), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(matches!(read_all(&store, 1), Err(Error::Snapshot { .. })), "changed at {at}");
    }
}

#[test]
fn the_newest_snapshots_are_kept() {
    let mut log = Log::new();
    let store = SnapshotStore::open(log.path()).unwrap();
    let mut frames = Vec::new();
    for segments in 1..=3 {
        log.segment(4);
        let checkpoint = log.checkpoint(segments);
        frames.insert(0, checkpoint.frame());
        store.create(&checkpoint).unwrap().seal().unwrap().publish().unwrap();
    }
    assert_eq!(store.list().unwrap(), frames);
    store.keep(&frames[..2]).unwrap();
    assert_eq!(store.list().unwrap(), frames[..2]);
    assert_eq!(SnapshotStore::look(log.path()).list().unwrap(), frames[..2]);
}
