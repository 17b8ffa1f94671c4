//! The durable store on real files: restarts, rotation, damage to either copy, the lock.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tollgate_wal::{
    DamageFault, Error, Geometry, LogStore, Options, Record, Recovery, Repair, SledFault,
    SledStore, Stream, SuperblockFault, verify::verify,
};

const GEOMETRY: Geometry = Geometry { streams: 2 };

struct Log {
    directory: TempDir,
    segment_bytes: u64,
    records: Vec<Record>,
}

impl Log {
    fn new(segment_bytes: u64) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), segment_bytes, records: Vec::new() }
    }

    /// A closed log of one sealed and one newest segment, some 60 frames each.
    fn of_two_segments() -> Self {
        let mut log = Self::new(64 << 20);
        for _ in 0..2 {
            let mut store = log.open_whole().0;
            log.commit(&mut store, 60, 10);
        }
        log
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn open(&self) -> Result<(SledStore, Recovery, Vec<Record>), Error> {
        let mut records = Vec::new();
        let mut options = Options::new(self.path());
        options.segment_bytes = self.segment_bytes;
        let (store, recovery) = SledStore::open(options, Some(GEOMETRY), &mut |record| {
            records.push(Record {
                stream: record.stream,
                sequence: record.sequence,
                bytes: record.bytes.to_vec(),
            });
            Ok(())
        })?;
        Ok((store, recovery, records))
    }

    /// Opens a log that has lost nothing.
    fn open_whole(&self) -> (SledStore, Recovery) {
        let (store, recovery, records) = self.open().unwrap();
        assert!(records == self.records, "{} of {}", records.len(), self.records.len());
        (store, recovery)
    }

    fn commit(&mut self, store: &mut SledStore, groups: usize, size: usize) {
        for _ in 0..groups {
            let from = self.records.len();
            for number in from..from + size {
                let stream = Stream(u16::from(!number.is_multiple_of(2)));
                let bytes = number.to_le_bytes().into_iter().cycle().take(300).collect();
                self.records.push(Record { stream, sequence: number as u64 / 2 + 1, bytes });
            }
            store.commit(&self.records[from..]).unwrap();
        }
    }

    fn journals(&self) -> Vec<PathBuf> {
        listed(&self.path().join("journal"))
    }

    fn sleds(&self) -> Vec<PathBuf> {
        listed(&self.path().join("sled"))
    }

    /// Verifies a closed log, which must have lost nothing, and gives what could be mended.
    fn findings(&self) -> Vec<Repair> {
        let mut records = 0;
        let report = verify(self.path(), &mut |record| {
            assert_eq!(record.bytes, self.records[records].bytes);
            records += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!((report.records, records), (records as u64, self.records.len()));
        report.findings
    }
}

fn listed(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn change(path: &Path, damage: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    damage(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn refused(log: &Log) -> tollgate_wal::Damage {
    match log.open() {
        Err(Error::Damaged(damage)) => damage,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("should be refused"),
    }
}

#[test]
fn segments_rotate_together_and_survive_restarts() {
    let mut log = Log::new(16 << 10);
    for life in 1..=3 {
        let (mut store, recovery) = log.open_whole();
        assert_eq!(recovery.epoch, life);
        assert_eq!(recovery.repairs, []);
        log.commit(&mut store, 30, 10);
        assert!(matches!(verify(log.path(), &mut |_| Ok(())), Err(Error::Locked { .. })));
    }
    assert_eq!(log.journals().len(), 15);
    assert_eq!(log.journals().len(), log.sleds().len());
    assert_eq!(log.findings(), []);
    assert_eq!(listed(&log.path().join("scratch")), [] as [PathBuf; 0]);
}

#[test]
fn sled_is_dropped_below_a_snapshot_and_the_journal_kept() {
    let mut log = Log::new(16 << 10);
    let (mut store, _) = log.open_whole();
    log.commit(&mut store, 40, 10);
    let before = log.sleds().len();
    assert_eq!(store.drop_sled_before(0).unwrap(), 0);
    let half = store.next_frame() / 2;
    let dropped = store.drop_sled_before(half).unwrap();
    assert!(dropped > 0 && dropped < before - 1);
    assert_eq!(log.sleds().len(), before - dropped);
    store.drop_sled_before(u64::MAX).unwrap();
    assert_eq!(log.sleds().len(), 1);
    drop(store);

    // The newest segment keeps its copy also while the live one is still empty.
    let (mut store, recovery) = log.open_whole();
    assert_eq!(recovery.repairs, []);
    assert_eq!(store.drop_sled_before(u64::MAX).unwrap(), 0);
    log.commit(&mut store, 1, 1);
    assert_eq!(store.drop_sled_before(u64::MAX).unwrap(), 1);
    drop(store);
    assert_eq!(log.findings(), []);
}

#[test]
fn a_damaged_journal_is_healed_from_sled() {
    for segment in [0, 1] {
        for at in [0, 40, 5000, 100_000] {
            for cut in [false, true] {
                let log = Log::of_two_segments();
                change(&log.journals()[segment], |bytes| {
                    if cut { bytes.truncate(at) } else { bytes[at] ^= 4 }
                });
                let findings = log.findings();
                assert!(
                    matches!(findings[..], [Repair::JournalHealed { segment: name, .. }]
                        if (name == 1) == (segment == 0)),
                    "{findings:?}"
                );
                let (store, recovery) = log.open_whole();
                assert_eq!(recovery.repairs, findings);
                drop(store);
                assert_eq!(log.findings(), []);
            }
        }
    }
}

#[test]
fn a_missing_journal_file_is_written_anew() {
    let log = Log::of_two_segments();
    fs::remove_file(&log.journals()[0]).unwrap();
    let (_, recovery) = log.open_whole();
    assert!(matches!(recovery.repairs[..], [Repair::JournalHealed { segment: 1, .. }]));
}

#[test]
fn a_damaged_sled_is_rebuilt_from_the_journal() {
    let mut log = Log::of_two_segments();
    let kept = tempfile::tempdir().unwrap();
    let db = log.sleds()[1].join("db");
    fs::copy(&db, kept.path().join("db")).unwrap();
    let size = fs::read(&db).unwrap().len();
    for step in 0..24 {
        let at = size * step / 24 + step;
        // Each life leaves a rebuilt directory of another layout: put the first one back.
        fs::copy(kept.path().join("db"), &db).unwrap();
        change(&db, |bytes| {
            bytes[at] ^= 1 << (step % 8);
            if step % 3 == 0 {
                bytes.truncate(at);
            }
        });
        drop(log.open_whole());
        assert_eq!(log.findings(), []);
    }
    fs::remove_dir_all(&log.sleds()[1]).unwrap();
    let (mut store, recovery) = log.open_whole();
    let missing = Repair::SledRebuilt { segment: name_of(&db), fault: SledFault::Missing };
    assert_eq!(recovery.repairs, [missing]);
    log.commit(&mut store, 3, 3);
    drop(store);
    log.open_whole();
}

fn name_of(db: &Path) -> u64 {
    db.parent().unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn leftovers_that_break_sled_do_no_harm() {
    let log = Log::of_two_segments();
    let newest = log.sleds().pop().unwrap();
    fs::write(newest.join("snap.0000000000000F00.generating"), b"half").unwrap();
    assert_eq!(log.open_whole().1.repairs, []);
    fs::write(log.path().join("scratch/half-made"), b"half").unwrap();
    fs::create_dir_all(log.path().join("scratch/copy-1/blobs")).unwrap();
    assert_eq!(log.open_whole().1.repairs, []);
}

#[test]
fn values_outside_the_synced_file_are_not_trusted() {
    let log = Log::of_two_segments();
    let newest = log.sleds().pop().unwrap();
    fs::write(newest.join("blobs").join("12345"), b"a value").unwrap();
    let (_, recovery) = log.open_whole();
    assert!(
        matches!(
            recovery.repairs[..],
            [Repair::SledRebuilt { fault: SledFault::BlobsInUse | SledFault::Unreadable(_), .. }]
        ),
        "{:?}",
        recovery.repairs
    );
    assert_eq!(listed(&newest.join("blobs")), [] as [PathBuf; 0]);
}

#[test]
fn damage_to_both_copies_is_cut_at_the_end_and_refused_before_it() {
    let log = Log::of_two_segments();
    let size = fs::metadata(&log.journals()[1]).unwrap().len();
    fs::remove_dir_all(&log.sleds()[1]).unwrap();
    change(&log.journals()[1], |bytes| bytes.truncate(bytes.len() - 1));
    let (store, recovery, records) = log.open().unwrap();
    drop(store);
    assert_eq!(records, log.records[..log.records.len() - 10]);
    assert!(matches!(recovery.repairs[0], Repair::TornGroupCut { .. }), "{:?}", recovery.repairs);
    assert!(recovery.torn_bytes > 3000 && recovery.torn_bytes < size / 50);
    assert_eq!(log.open().unwrap().1.repairs, []);

    fs::remove_dir_all(&log.sleds()[0]).unwrap();
    change(&log.journals()[0], |bytes| bytes[100] ^= 1);
    let report = verify(log.path(), &mut |_| Ok(())).unwrap_err();
    let damage = refused(&log);
    assert_eq!((damage.segment, damage.offset, damage.sequence), (1, 0, 1));
    assert!(matches!(damage.fault, DamageFault::Lost { sled: SledFault::Missing, .. }));
    assert_eq!(report.to_string(), Error::from(damage).to_string());
}

#[test]
fn a_refused_log_is_left_as_it_was() {
    let log = Log::of_two_segments();
    fs::remove_dir_all(&log.sleds()[1]).unwrap();
    change(&log.journals()[1], |bytes| bytes[100] ^= 1);
    let before = fs::read(&log.journals()[1]).unwrap();
    refused(&log);
    assert_eq!(fs::read(&log.journals()[1]).unwrap(), before);
    assert_eq!((log.journals().len(), log.sleds().len()), (2, 1));
}

#[test]
fn a_directory_has_one_user() {
    let log = Log::new(1 << 20);
    let store = log.open_whole();
    assert!(matches!(log.open(), Err(Error::Locked { .. })));
    drop(store);
    log.open_whole();
}

#[test]
fn a_log_without_its_superblock_is_not_created_anew() {
    let log = Log::of_two_segments();
    let path = log.path().join("superblock");
    change(&path, |bytes| bytes[9] = 7);
    let fault = |log: &Log| match log.open() {
        Err(Error::Superblock { source, .. }) => source,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("should be refused"),
    };
    assert_eq!(fault(&log), SuperblockFault::Version(0x701));
    change(&path, |bytes| bytes[8..10].copy_from_slice(&[1, 1]));
    change(&path, |bytes| bytes[9] = 0);
    drop(log.open_whole());
    fs::remove_file(&path).unwrap();
    assert_eq!(fault(&log), SuperblockFault::Missing);
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(verify(elsewhere.path(), &mut |_| Ok(())).is_err());
}

#[test]
fn an_error_is_final() {
    let mut log = Log::new(1 << 10);
    let (mut store, _) = log.open_whole();
    log.commit(&mut store, 1, 10);
    // The next commit must rotate, and cannot.
    let (there, away) = (log.path().join("journal"), log.path().join("away"));
    fs::rename(&there, &away).unwrap();
    let next = |log: &Log| {
        let number = log.records.len() as u64;
        [Record { stream: Stream(0), sequence: number / 2 + 1, bytes: vec![] }]
    };
    assert!(matches!(store.commit(&next(&log)), Err(Error::Io { .. })));
    fs::rename(&away, &there).unwrap();
    assert!(matches!(store.commit(&next(&log)), Err(Error::Poisoned)));
    drop(store);
    let (mut store, _) = log.open_whole();
    log.commit(&mut store, 1, 1);
}

#[test]
fn a_directory_is_created_with_its_parents() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data/log");
    let (_, recovery) =
        SledStore::open(Options::new(&path), Some(GEOMETRY), &mut |_| Ok(())).unwrap();
    assert!(recovery.created && path.join("superblock").is_file());
}

#[test]
fn options_out_of_range_are_refused() {
    let log = Log::new(0);
    assert!(matches!(log.open(), Err(Error::Option { option: "segment_bytes" })));
    let options = Options::new(log.path());
    let none = SledStore::open(options, Some(Geometry { streams: 0 }), &mut |_| Ok(()));
    assert!(matches!(none, Err(Error::Option { option: "streams" })));
}
