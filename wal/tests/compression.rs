//! Sealed segments that are compressed: every reader sees their frames, and damage is named as ever.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tollgate_wal::{
    Compressed, Error, Geometry, LogStore, Options, Record, Salvage, SledStore, Stream, Tail,
    compress_before, cut_before, drop_sled_before, salvage, verify::verify,
};

const GEOMETRY: Geometry = Geometry { streams: 2 };

/// Records of each segment, one in each group.
const EACH: u64 = 40;

const SEGMENTS: u64 = 4;

struct Log(TempDir);

impl Log {
    /// Four sealed segments, of which the first two have no second copy, and one record behind.
    fn new() -> Self {
        let log = Self(tempfile::tempdir().unwrap());
        let mut store = log.open().unwrap().0;
        for index in 0..SEGMENTS * EACH {
            store.commit(&[record(index)]).unwrap();
            if (index + 1).is_multiple_of(EACH) {
                store.seal().unwrap();
            }
        }
        store.commit(&[record(SEGMENTS * EACH)]).unwrap();
        drop(store);
        drop_sled_before(log.path(), log.segments()[2]).unwrap();
        log
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self) -> Result<(SledStore, u64), Error> {
        let mut seen = 0;
        let opened = SledStore::open(Options::new(self.path()), Some(GEOMETRY), &mut |_record| {
            seen += 1;
            Ok(())
        });
        opened.map(|(store, _recovery)| (store, seen))
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join("journal")).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn segments(&self) -> Vec<u64> {
        let names = self.journals();
        let names = names.iter().map(|path| path.file_stem().unwrap().to_str().unwrap());
        names.map(|name| name.parse().unwrap()).collect()
    }

    fn forms(&self) -> Vec<String> {
        let form = |path: &PathBuf| path.extension().unwrap().to_str().unwrap().to_owned();
        self.journals().iter().map(form).collect()
    }

    fn compress(&self) -> Compressed {
        compress_before(self.path(), u64::MAX, &|| true).unwrap()
    }

    /// What every reader of the log shows.
    fn shown(&self) -> u64 {
        let (mut by_tail, mut by_salvage) = (0, 0);
        let tailed = Tail::open(self.path()).unwrap().advance(&mut |record| {
            assert_eq!((record.stream, record.sequence, record.bytes), at(by_tail));
            by_tail += 1;
            Ok(())
        });
        tailed.unwrap();
        let report = verify(self.path(), &mut |_record| Ok(())).unwrap();
        assert_eq!(report.findings, []);
        let gaps = salvage(self.path(), &mut |found| {
            by_salvage += u64::from(matches!(found, Salvage::Record(..)));
            Ok(())
        });
        assert_eq!(gaps.unwrap(), 0);
        assert_eq!((report.records, by_salvage), (by_tail, by_tail));
        by_tail
    }
}

const BYTES: [u8; 300] = [7; 300];

fn record(index: u64) -> Record {
    let (stream, sequence, bytes) = at(index);
    Record { stream, sequence, bytes: bytes.to_vec() }
}

fn at(index: u64) -> (Stream, u64, &'static [u8]) {
    (Stream(u16::try_from(index % 2).unwrap()), index / 2 + 1, &BYTES)
}

#[test]
fn compressed_segments_are_read_as_if_they_were_not() {
    let log = Log::new();
    let sealed = Tail::open(log.path()).unwrap().sealed_bytes().unwrap();
    let all = log.shown();
    let Compressed { segments, before, after } = log.compress();
    assert_eq!(segments, 2, "those that have no second copy any more");
    assert!(after * 4 < before, "{after} of {before}");
    assert_eq!(log.forms(), ["zst", "zst", "log", "log", "log"]);
    assert_eq!(log.shown(), all);
    assert_eq!(Tail::open(log.path()).unwrap().sealed_bytes().unwrap(), sealed);
    assert_eq!(log.compress(), Compressed::default(), "nothing is left to do");

    let (mut store, seen) = log.open().unwrap();
    assert_eq!(seen, all);
    store.commit(&[record(all)]).unwrap();
    drop(store);
    assert_eq!(log.shown(), all + 1);
}

#[test]
fn a_reader_in_the_middle_of_a_segment_goes_on_when_that_is_compressed() {
    let log = Log::new();
    let mut tail = Tail::open(log.path()).unwrap();
    let mut checkpoint = None;
    let mut seen = 0;
    for segment in 0..2 {
        checkpoint = tail
            .advance_segment(&mut |_record| {
                seen += 1;
                // While it is being read.
                if seen == 5 {
                    log.compress();
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, (segment + 1) * EACH);
    }
    let checkpoint = checkpoint.unwrap();
    let cut = cut_before(log.path(), &checkpoint).unwrap();
    assert_eq!(cut.segments, 2, "compressed segments are let go of like others");
    assert_eq!(log.forms(), ["log", "log", "log"]);
}

#[test]
fn whatever_a_kill_leaves_is_one_good_form() {
    let log = Log::new();
    let all = log.shown();
    let plain = fs::read(&log.journals()[0]).unwrap();
    let path = log.journals()[0].clone();
    log.compress();
    // Both are there.
    fs::write(&path, &plain).unwrap();
    assert_eq!(log.shown(), all);
    assert_eq!(log.segments().len(), 6, "one of them in two forms");
    // The compressed one is half made, under a name that counts for nothing.
    fs::write(log.path().join("scratch/packed-1"), b"half").unwrap();
    assert_eq!(log.shown(), all);
    assert_eq!(log.compress().segments, 1);
    assert_eq!(log.forms(), ["zst", "zst", "log", "log", "log"]);
    assert_eq!(log.shown(), all);
}

#[test]
fn a_compressed_segment_that_is_damaged_is_named_and_read_around() {
    let log = Log::new();
    let all = log.shown();
    let name = log.segments()[1];
    log.compress();
    let path = log.journals()[1].clone();
    let whole = fs::read(&path).unwrap();
    for step in 0..40 {
        let mut bytes = whole.clone();
        let place = bytes.len() * step / 40;
        if step % 4 == 0 {
            bytes.truncate(place)
        } else {
            bytes[place] ^= 1 << (step % 8)
        }
        fs::write(&path, bytes).unwrap();
        let refused = verify(log.path(), &mut |_record| Ok(()));
        match refused {
            Err(Error::Damaged(damage)) => assert_eq!(damage.segment, name, "{step}"),
            // Of what zstd does not need, nothing is missing: its checksum alone was changed.
            Ok(report) => assert_eq!(report.records, all, "{step}"),
            Err(other) => panic!("{step}: {other}"),
        }
        let mut shown = 0;
        salvage(log.path(), &mut |found| {
            shown += u64::from(matches!(found, Salvage::Record(..)));
            Ok(())
        })
        .unwrap();
        assert!(shown >= all - EACH, "{step}: the other segments are whole");
    }
}
