//! The durable store on real files: restarts, rotation, damage to either copy, the lock.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tollgate_wal::{
    DamageFault, Error, Geometry, LogStore, MAX_SEGMENT_BYTES, Options, Record, Recovery, Repair,
    SledFault, SledStore, Stream, SuperblockFault, drop_sled_before, verify::verify,
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

    /// The log as it would be if its process ended now.
    fn killed(&self) -> Self {
        let mut log = Self::new(self.segment_bytes);
        log.records.clone_from(&self.records);
        copy_tree(self.path(), log.path());
        log
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

fn copy_tree(from: &Path, to: &Path) {
    for path in listed(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy_tree(&path, &target);
        } else {
            fs::copy(path, target).unwrap();
        }
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
    assert_eq!(drop_sled_before(log.path(), 0).unwrap(), 0);
    let half = store.next_frame() / 2;
    let dropped = drop_sled_before(log.path(), half).unwrap();
    assert!(dropped > 0 && dropped < before - 1);
    assert_eq!(log.sleds().len(), before - dropped);
    drop_sled_before(log.path(), u64::MAX).unwrap();
    assert_eq!(log.sleds().len(), 2, "the live one, and the one that may still be closing");
    drop(store);

    // The newest segment keeps its copy also while the live one is still empty.
    let (mut store, recovery) = log.open_whole();
    assert_eq!(recovery.repairs, []);
    assert_eq!(drop_sled_before(log.path(), u64::MAX).unwrap(), 1);
    assert_eq!(log.sleds().len(), 2);
    log.commit(&mut store, 1, 1);
    assert_eq!(drop_sled_before(log.path(), u64::MAX).unwrap(), 0);
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

/// A file that can be opened and not read: the first page of a process is never mapped.
fn make_unreadable(path: &Path) {
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", path).unwrap();
    assert!(fs::read(path).is_err());
}

#[test]
fn a_copy_that_cannot_be_read_is_replaced() {
    let log = Log::of_two_segments();
    make_unreadable(&log.journals()[0]);
    make_unreadable(&log.sleds()[1].join("db"));
    let findings = log.findings();
    assert!(
        matches!(
            findings[..],
            [
                Repair::JournalHealed { segment: 1, .. },
                Repair::SledRebuilt { fault: SledFault::Unread(_), .. }
            ]
        ),
        "{findings:?}"
    );
    assert_eq!(log.open_whole().1.repairs, findings);
    assert_eq!(log.findings(), []);

    let log = Log::of_two_segments();
    make_unreadable(&log.journals()[1]);
    fs::remove_dir_all(&log.sleds()[1]).unwrap();
    assert_eq!(refused(&log).fault, DamageFault::Unread { sled: SledFault::Missing });

    let log = Log::of_two_segments();
    change(&log.journals()[1], |bytes| bytes.truncate(bytes.len() - 1));
    make_unreadable(&log.sleds()[1].join("db"));
    let fault = refused(&log).fault;
    assert!(matches!(fault, DamageFault::Lost { sled: SledFault::Unread(_), .. }), "{fault:?}");
}

/// Bug: after a failed sync sled's newest copy was compared in the page cache and kept, though
/// the disk may never have had it.
#[test]
fn the_newest_sled_copy_is_written_anew_unless_the_log_was_closed() {
    let inodes = |log: &Log| -> Vec<_> {
        let inode = |path: &PathBuf| fs::metadata(path.join("db")).unwrap().ino();
        log.sleds().iter().map(inode).collect()
    };
    let mut log = Log::of_two_segments();
    let closed = inodes(&log);
    let (mut store, recovery) = log.open_whole();
    assert_eq!((inodes(&log)[..2].to_vec(), recovery.repairs), (closed.clone(), vec![]));

    // What a kill leaves, with a group in the newest segment and without.
    let empty = log.killed();
    log.commit(&mut store, 3, 10);
    let written = log.killed();
    for (killed, newest) in [(empty, 1), (written, 2)] {
        let before = inodes(&killed);
        let (_store, recovery) = killed.open_whole();
        assert_eq!(recovery.repairs, []);
        let after = inodes(&killed);
        for segment in 0..=newest {
            let anew = before[segment] != after[segment];
            assert_eq!(anew, segment == newest, "segment {segment} of {newest}");
        }
    }

    // A failure is no clean close either.
    let before = inodes(&log);
    let misfit = Record { stream: Stream(0), sequence: 1, bytes: vec![] };
    store.commit(&[misfit]).unwrap_err();
    drop(store);
    drop(log.open_whole());
    assert_ne!(inodes(&log)[2], before[2]);
    // That open was closed without a commit: what it proved stays proven.
    let before = inodes(&log);
    drop(log.open_whole());
    assert_eq!(inodes(&log)[2], before[2]);
    // From its first step an open is not closed, for it may be killed in its midst.
    let mut killed = None;
    SledStore::open(Options::new(log.path()), None, &mut |_| {
        killed.get_or_insert_with(|| log.killed());
        Ok(())
    })
    .unwrap();
    let killed = killed.unwrap();
    let before = inodes(&killed);
    drop(killed.open_whole());
    assert_ne!(inodes(&killed)[2], before[2]);
}

#[test]
fn a_segment_needs_no_more_room_than_is_kept_free() {
    for (groups, size) in [(2000, 1), (60, 1000)] {
        let mut log = Log::new(64 << 20);
        let mut store = log.open_whole().0;
        log.commit(&mut store, groups, size);
        drop(store);
        let journal = fs::metadata(&log.journals()[0]).unwrap().len();
        let sled = fs::metadata(log.sleds()[0].join("db")).unwrap().len();
        // Most of the constant part is for other things.
        let room = Options::room_to_reopen(journal) - (24 << 20);
        assert!(journal + sled <= room, "{journal} and {sled} in {room}");
    }
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
    assert!(matches!(log.open(), Err(Error::Option { option: "segment_bytes", .. })));
    let mut options = Options::new(log.path());
    for (segment_bytes, min_free_bytes, fits) in [
        (4 << 20, 64 << 20, true),
        (64 << 20, 1 << 30, true),
        (256 << 20, 1 << 30, true),
        (64 << 20, 1 << 20, false),
        (64 << 20, Options::room_to_reopen(64 << 20), true),
        (64 << 20, Options::room_to_reopen(64 << 20) - 1, false),
        (MAX_SEGMENT_BYTES, 1 << 30, false),
        (MAX_SEGMENT_BYTES, 0, true),
    ] {
        options = Options { segment_bytes, min_free_bytes, ..options };
        match SledStore::open(options.clone(), Some(GEOMETRY), &mut |_| Ok(())) {
            Ok(_) => assert!(fits),
            Err(Error::Option { option: "min_free_bytes", range }) => {
                assert!(!fits && range.starts_with("at least "), "{range}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    let log = Log::new(0);
    let options = Options::new(log.path());
    let none = SledStore::open(options, Some(Geometry { streams: 0 }), &mut |_| Ok(()));
    assert!(matches!(none, Err(Error::Option { option: "streams", .. })));
}
