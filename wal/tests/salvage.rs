//! A log that is damaged in both copies: what is whole is read around the damage, and what is missing
//! is named.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tollgate_wal::{
    Damage, Error, Gap, Geometry, LogStore, LostRecords, Options, Record, Salvage, SledStore,
    Stream, salvage, verify::verify,
};

const GEOMETRY: Geometry = Geometry { streams: 3 };

/// Records of each group of a segment, and their size: the third needs several frames.
const GROUPS: [(u64, usize); 4] = [(1, 20), (3, 40), (2, 5_000), (4, 30)];

/// Three segments, of which the first two are sealed and have no second copy any more.
struct Log {
    directory: TempDir,
    records: Vec<Record>,
    /// Of each segment: where each of its groups begins, and the end.
    places: Vec<Vec<u64>>,
}

impl Log {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (mut records, mut places) = (Vec::new(), Vec::new());
        for _life in 0..3 {
            let options = Options::new(directory.path());
            let mut store = SledStore::open(options, Some(GEOMETRY), &mut |_| Ok(())).unwrap().0;
            let mut ends = vec![0];
            for (count, size) in GROUPS {
                let group: Vec<Record> = (0..count).map(|_| next(&mut records, size)).collect();
                ends.push(ends.last().unwrap() + store.commit(&group).unwrap().bytes);
            }
            places.push(ends);
        }
        let log = Self { directory, records, places };
        log.sleds()[..2].iter().for_each(|sled| fs::remove_dir_all(sled).unwrap());
        log
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn journal(&self, segment: usize) -> PathBuf {
        listed(&self.path().join("journal")).swap_remove(segment)
    }

    fn sleds(&self) -> Vec<PathBuf> {
        listed(&self.path().join("sled"))
    }

    fn change(&self, segment: usize, damage: impl FnOnce(&mut Vec<u8>)) {
        let path = self.journal(segment);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    /// The numbers of a segment's group: its first record and its last.
    fn numbers(segment: usize, group: usize) -> (u64, u64) {
        let in_segment: u64 = GROUPS.iter().map(|(count, _size)| count).sum();
        let before: u64 = GROUPS[..group].iter().map(|(count, _size)| count).sum();
        let first = segment as u64 * in_segment + before + 1;
        (first, first + GROUPS[group].0 - 1)
    }

    /// What is told of the log: every record that is shown is one of it, under its own number.
    fn salvaged(&self) -> (Vec<u64>, Vec<Gap>) {
        let (mut shown, mut gaps) = (Vec::new(), Vec::<Gap>::new());
        let told = salvage(self.path(), &mut |found| {
            match found {
                Salvage::Record(number, record) => {
                    let expected = &self.records[usize::try_from(number - 1).unwrap()];
                    assert_eq!(
                        (record.stream, record.sequence),
                        (expected.stream, expected.sequence)
                    );
                    assert!(record.bytes == expected.bytes, "record {number}");
                    assert!(shown.last().is_none_or(|last| *last < number), "{number} in order");
                    shown.push(number);
                }
                Salvage::Gap(gap) => {
                    assert_eq!(shown.last().copied().unwrap_or(0), gap.behind);
                    gaps.push(gap.clone());
                }
            }
            Ok(())
        });
        assert_eq!(told.unwrap(), gaps.len());
        (shown, gaps)
    }

    fn damage(&self) -> Damage {
        match verify(self.path(), &mut |_record| Ok(())) {
            Err(Error::Damaged(damage)) => damage,
            other => panic!("it should be damaged: {other:?}"),
        }
    }

    fn all_but(&self, numbers: std::ops::RangeInclusive<u64>) -> Vec<u64> {
        (1..=self.records.len() as u64).filter(|number| !numbers.contains(number)).collect()
    }

    /// By stream, the records with these numbers.
    fn lost(&self, numbers: std::ops::RangeInclusive<u64>) -> Vec<LostRecords> {
        let mut lost: Vec<LostRecords> = Vec::new();
        for number in numbers {
            let Record { stream, sequence, .. } =
                self.records[usize::try_from(number - 1).unwrap()];
            match lost.iter_mut().find(|lost| lost.stream == stream) {
                Some(lost) => lost.last = sequence,
                None => lost.push(LostRecords { stream, first: sequence, last: sequence }),
            }
        }
        lost
    }
}

fn next(records: &mut Vec<Record>, size: usize) -> Record {
    let number = records.len();
    let stream = Stream(u16::try_from(number % 3).unwrap());
    let bytes = number.to_le_bytes().into_iter().cycle().take(size).collect();
    let record = Record { stream, sequence: number as u64 / 3 + 1, bytes };
    records.push(record.clone());
    record
}

fn listed(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_whole_log_has_no_gap() {
    let log = Log::new();
    let (shown, gaps) = log.salvaged();
    assert_eq!(shown, log.all_but(0..=0));
    assert_eq!(gaps, []);
}

#[test]
fn a_flipped_bit_in_a_sealed_segment_costs_the_group_it_is_in() {
    let log = Log::new();
    let whole = fs::read(log.journal(1)).unwrap();
    for group in 0..GROUPS.len() {
        let (begin, end) = (log.places[1][group], log.places[1][group + 1]);
        let (first, last) = Log::numbers(1, group);
        for place in [begin, (begin + end) / 2, end - 1] {
            log.change(1, |bytes| bytes[usize::try_from(place).unwrap()] ^= 16);
            let (shown, gaps) = log.salvaged();
            assert_eq!(shown, log.all_but(first..=last), "bit at {place}");
            let [gap] = &gaps[..] else { panic!("one gap at {place}: {gaps:?}") };
            let mut lost = gap.lost.clone();
            lost.sort_by_key(|lost| lost.first * 3 + u64::from(lost.stream.0));
            assert_eq!(lost, log.lost(first..=last), "bit at {place}");
            assert_eq!(gap.lost_records(), last - first + 1);
            // And `verify` names the same place.
            let damage = log.damage();
            assert_eq!((damage.segment, damage.offset), (gap.segment, gap.offset), "{place}");
            assert_eq!((damage.sequence, damage.behind), (gap.frames.start, gap.behind));
            assert_eq!((gap.offset, gap.behind), (begin, first - 1));
            fs::write(log.journal(1), &whole).unwrap();
        }
    }
    assert_eq!(log.salvaged().1, []);
}

#[test]
fn a_piece_that_is_cut_out_costs_the_groups_it_touches() {
    let log = Log::new();
    let places = &log.places[1];
    let piece = usize::try_from(places[1] + 10).unwrap()..usize::try_from(places[2] + 10).unwrap();
    log.change(1, |bytes| drop(bytes.drain(piece)));
    let (first, last) = (Log::numbers(1, 1).0, Log::numbers(1, 2).1);
    let (shown, gaps) = log.salvaged();
    assert_eq!(shown, log.all_but(first..=last));
    let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
    assert_eq!(
        (gap.offset, gap.behind, gap.lost_records()),
        (places[1], first - 1, last - first + 1)
    );
}

#[test]
fn damage_in_several_places_is_told_in_each() {
    let log = Log::new();
    for (segment, group) in [(0, 1), (1, 0), (1, 3)] {
        let place = usize::try_from(log.places[segment][group] + 70).unwrap();
        log.change(segment, |bytes| bytes[place] ^= 1);
    }
    let (shown, gaps) = log.salvaged();
    let missing = [(0, 1), (1, 0), (1, 3)].map(|(segment, group)| Log::numbers(segment, group));
    let is_missing = |number: &u64| missing.iter().any(|(a, b)| (*a..=*b).contains(number));
    assert_eq!(shown, (1..=30).filter(|number| !is_missing(number)).collect::<Vec<_>>());
    let counts: Vec<u64> = gaps.iter().map(Gap::lost_records).collect();
    assert_eq!(counts, missing.map(|(first, last)| last - first + 1));
}

#[test]
fn a_segment_that_is_gone_is_one_gap() {
    let log = Log::new();
    fs::remove_file(log.journal(1)).unwrap();
    let (first, last) = (Log::numbers(1, 0).0, Log::numbers(1, 3).1);
    let (shown, gaps) = log.salvaged();
    assert_eq!(shown, log.all_but(first..=last));
    let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
    assert_eq!(gap.lost_records(), last - first + 1);
    assert_eq!((gap.segment, gap.offset), (1, log.places[0][4]), "it begins where the first ends");
}

#[test]
fn what_one_copy_has_is_not_missing() {
    let log = Log::new();
    log.change(2, |bytes| bytes.iter_mut().for_each(|byte| *byte = 7));
    assert_eq!(log.salvaged(), (log.all_but(0..=0), vec![]), "the newest has its second copy");
    fs::remove_dir_all(&log.sleds()[0]).unwrap();
    let (shown, gaps) = log.salvaged();
    assert_eq!(shown, (1..=20).collect::<Vec<_>>());
    assert_eq!(gaps, [], "nothing says that there ever was more");
}

#[test]
fn an_end_that_is_more_than_one_torn_group_is_told() {
    let log = Log::new();
    fs::remove_dir_all(&log.sleds()[0]).unwrap();
    // Of the last group but one the end is left, and nothing of the last.
    let places = log.places[2].clone();
    log.change(2, |bytes| {
        bytes.truncate(usize::try_from(places[3]).unwrap());
        bytes[usize::try_from(places[1]).unwrap() + 5] ^= 1;
        bytes[usize::try_from(places[2]).unwrap() + 5] ^= 1;
    });
    let (shown, gaps) = log.salvaged();
    assert_eq!(shown, (1..=21).collect::<Vec<_>>());
    let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
    assert_eq!((gap.offset, gap.frames.end, gap.lost_records()), (places[1], u64::MAX, 0));
    // Cut short in one group alone it is what a crash leaves.
    log.change(2, |bytes| bytes.truncate(usize::try_from(places[1]).unwrap() + 80));
    assert_eq!(log.salvaged().1, []);
}
