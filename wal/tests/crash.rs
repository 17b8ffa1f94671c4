//! Every damage that can be tried: a log cut at every byte and with every bit flipped, in one
//! copy and in both, must come back as a durable prefix or be refused.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use proptest::prelude::*;
use tollgate_wal::{
    Damage, DamageFault, Error, Geometry, LogStore, Record, Repair, SledFault, Stream,
    store::faulty::{Answer, Disk, Fault, Faulty, Kept},
};

/// Two lives of three groups each, the last group of each over several frames.
struct Sample {
    disk: Disk,
    /// Records after each group, over both segments.
    groups: Vec<usize>,
    records: Vec<Record>,
    segments: [Written; 2],
}

struct Written {
    name: u64,
    bytes: Vec<u8>,
    /// Where each group ends, the beginning included.
    ends: Vec<usize>,
}

fn sample() -> Sample {
    let disk = Disk::new();
    let (mut records, mut groups) = (Vec::new(), vec![0]);
    let segments = [1_u8, 2].map(|life| {
        let (mut store, recovery) = open(&disk).unwrap();
        assert_eq!(recovery.2, u32::from(life));
        let name = *disk.segments().last().unwrap();
        let mut ends = vec![0];
        for (count, length) in [(1, 10), (3, 40), (2, 2500)] {
            let group: Vec<_> =
                (0..count).map(|_| next_record(&mut records, length, life)).collect();
            let committed = store.commit(&group).unwrap();
            ends.push(ends.last().unwrap() + usize::try_from(committed.bytes).unwrap());
            groups.push(records.len());
        }
        let mut bytes = Vec::new();
        disk.damage_journal(name, |journal| bytes.clone_from(journal));
        Written { name, bytes, ends }
    });
    Sample { disk, groups, records, segments }
}

fn next_record(log: &mut Vec<Record>, length: usize, mark: u8) -> Record {
    let stream = Stream(if log.len().is_multiple_of(3) { 1 } else { 0 });
    let sequence = 1 + log.iter().filter(|record| record.stream == stream).count() as u64;
    let record = Record { stream, sequence, bytes: vec![mark; length] };
    log.push(record.clone());
    record
}

/// Records, repairs and epoch.
type Found = (Vec<Record>, Vec<Repair>, u32);

fn open(disk: &Disk) -> Result<(Faulty, Found), Error> {
    let mut records = Vec::new();
    let (store, recovery) = Faulty::open(disk, Some(Geometry { streams: 2 }), &mut |record| {
        records.push(Record {
            stream: record.stream,
            sequence: record.sequence,
            bytes: record.bytes.to_vec(),
        });
        Ok(())
    })?;
    Ok((store, (records, recovery.repairs, recovery.epoch)))
}

/// Opens, checks that a second open finds nothing to mend, and gives what was found.
fn settled(disk: &Disk) -> Result<(Vec<Record>, Vec<Repair>), Error> {
    let (_, (records, repairs, epoch)) = open(disk)?;
    let (_, (again, nothing, later)) = open(disk).expect("what was mended opens");
    assert_eq!(again, records);
    assert_eq!(nothing, []);
    assert_eq!(later, epoch + 1);
    Ok((records, repairs))
}

fn damaged(result: Result<(Vec<Record>, Vec<Repair>), Error>) -> Damage {
    match result {
        Err(Error::Damaged(damage)) => damage,
        other => panic!("should be refused as damaged: {other:?}"),
    }
}

/// Every change of `bytes` by a cut or a flipped bit.
fn each_damage(length: usize, mut try_it: impl FnMut(&str, usize, &dyn Fn(&mut Vec<u8>))) {
    for cut in 0..length {
        try_it("cut", cut, &|bytes: &mut Vec<u8>| bytes.truncate(cut));
    }
    for bit in 0..length * 8 {
        try_it("bit", bit / 8, &|bytes: &mut Vec<u8>| bytes[bit / 8] ^= 1 << (bit % 8));
    }
}

#[test]
fn what_no_sync_confirmed_goes_with_the_power_and_what_recovery_accepted_stays() {
    let half_written = || {
        let sample = sample();
        let mut records = sample.records.clone();
        let group = [next_record(&mut records, 3000, 3)];
        let (mut store, _) = open(&sample.disk).unwrap();
        sample.disk.plan(Fault::fail(sample.disk.commits() + 1, Kept::All));
        store.commit(&group).unwrap_err();
        (sample, records)
    };
    // The process dies: the cache still holds the group, recovery accepts it and makes it durable.
    let (sample, records) = half_written();
    assert_eq!(settled(&sample.disk).unwrap().0, records);
    sample.disk.lose_power(Kept::Nothing, Kept::Nothing);
    assert_eq!(settled(&sample.disk).unwrap().0, records);
    // The power fails, and the disk took sectors in an order of its own.
    for (journal, sled, whole) in [
        (Kept::Nothing, Kept::Nothing, false),
        (Kept::Sectors(0b10), Kept::Nothing, false),
        (Kept::Sectors(!1), Kept::Sectors(!1), false),
        (Kept::Nothing, Kept::All, true),
        (Kept::Sectors(!0), Kept::Sectors(0b1), true),
    ] {
        let (sample, records) = half_written();
        sample.disk.lose_power(journal, sled);
        let expected = if whole { records } else { sample.records };
        assert_eq!(settled(&sample.disk).unwrap().0, expected, "{journal:?} {sled:?}");
    }
}

#[test]
fn damage_to_the_journal_alone_costs_nothing() {
    let sample = sample();
    for written in &sample.segments {
        each_damage(written.bytes.len(), |kind, at, damage| {
            let disk = sample.disk.snapshot();
            disk.damage_journal(written.name, damage);
            let (records, repairs) = settled(&disk).unwrap();
            assert_eq!(records, sample.records, "{kind} {at}");
            assert!(matches!(repairs[..], [Repair::JournalHealed { .. }]), "{repairs:?}");
            disk.damage_journal(written.name, |journal| assert_eq!(*journal, written.bytes));
        });
    }
}

#[test]
fn damage_to_sled_alone_costs_nothing() {
    let sample = sample();
    let newest = sample.segments[1].name;
    for written in &sample.segments {
        each_damage(written.bytes.len(), |kind, at, damage| {
            let disk = sample.disk.snapshot();
            disk.damage_sled(written.name, damage);
            let (records, repairs) = settled(&disk).unwrap();
            assert_eq!(records, sample.records, "{kind} {at}");
            // A sealed segment's end is proven by its successor, so that sled is not asked.
            assert_eq!(repairs.len(), usize::from(written.name == newest), "{repairs:?}");
        });
    }
}

#[test]
fn damage_to_both_copies_gives_a_durable_prefix_or_is_refused() {
    let sample = sample();
    let [sealed, newest] = &sample.segments;
    let last_group = newest.ends[2];
    each_damage(newest.bytes.len(), |kind, at, damage| {
        let disk = sample.disk.snapshot();
        disk.damage_journal(newest.name, damage);
        disk.damage_sled(newest.name, damage);
        let result = settled(&disk);
        let whole = newest.ends.iter().filter(|&&end| end > 0 && end <= at).count();
        if kind == "cut" || at >= last_group {
            let (records, repairs) = result.unwrap();
            assert_eq!(records, sample.records[..sample.groups[3 + whole]], "{kind} {at}");
            let cut_between = kind == "cut" && newest.ends.contains(&at);
            let torn = matches!(repairs.first(), Some(Repair::TornGroupCut { .. }));
            assert_eq!(torn, !cut_between, "{kind} {at}: {repairs:?}");
        } else {
            let damage = damaged(result);
            assert_eq!(damage.segment, newest.name);
            assert_eq!(damage.offset, newest.ends[whole] as u64, "{kind} {at}");
        }
    });
    each_damage(sealed.bytes.len(), |kind, at, damage| {
        let disk = sample.disk.snapshot();
        disk.damage_journal(sealed.name, damage);
        disk.damage_sled(sealed.name, damage);
        let whole = sealed.ends.iter().filter(|&&end| end > 0 && end <= at).count();
        let damage = damaged(settled(&disk));
        assert_eq!((damage.segment, damage.offset), (1, sealed.ends[whole] as u64), "{kind} {at}");
    });
}

/// A crash in the last commit: each copy has some first part of the group.
#[test]
fn a_group_torn_anywhere_in_both_copies_is_whole_or_gone() {
    let sample = sample();
    let group = |records: &mut Vec<Record>| [next_record(records, 6000, 9)];
    let size = {
        let (mut store, _) = open(&sample.disk.snapshot()).unwrap();
        store.commit(&group(&mut sample.records.clone())).unwrap().bytes
    };
    let size = usize::try_from(size).unwrap();
    let cuts = (0..=size).step_by(97).chain([1, 4095, 4096, 4097, size - 1, size]);
    for journal in cuts.clone() {
        for sled in cuts.clone() {
            let disk = sample.disk.snapshot();
            let (mut store, _) = open(&disk).unwrap();
            disk.plan(Fault {
                commit: disk.commits() + 1,
                journal: Kept::Prefix(journal),
                sled: Kept::Prefix(sled),
                answer: Answer::Failure,
            });
            let mut records = sample.records.clone();
            store.commit(&group(&mut records)).unwrap_err();
            assert!(matches!(store.commit(&[]), Err(Error::Poisoned)));
            let (found, _) = settled(&disk).unwrap();
            let expected = if journal.max(sled) == size { &records } else { &sample.records };
            assert!(found == *expected, "journal {journal}, sled {sled}");
        }
    }
}

/// Whole groups that one copy silently lost, as sled does after damage to its tail.
#[test]
fn groups_missing_from_one_copy_come_from_the_other() {
    for lost in 1..=3 {
        for (journal, sled) in [(Kept::Nothing, Kept::All), (Kept::All, Kept::Nothing)] {
            let disk = Disk::new();
            let (mut store, _) = open(&disk).unwrap();
            disk.plan(Fault { commit: lost, journal, sled, answer: Answer::Success });
            let mut records = Vec::new();
            for _ in 0..3 {
                store.commit(&[next_record(&mut records, 300, 1)]).unwrap();
            }
            assert_eq!(settled(&disk).unwrap().0, records);
        }
    }
}

/// Zeros stand for what cannot be read: of such bytes nothing is lost.
fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// Bug: an unreadable byte in one copy stopped recovery, whatever the other had.
#[test]
fn a_read_error_in_one_copy_costs_nothing() {
    let sample = sample();
    for written in &sample.segments {
        let length = written.bytes.len();
        for from in 0..length {
            for to in [from + 1, usize::min(from + 500, length), length] {
                if all_zero(&written.bytes[from..to]) {
                    continue;
                }
                let disk = sample.disk.snapshot();
                disk.fail_journal_reads(written.name, from..to);
                let (records, repairs) = settled(&disk).unwrap();
                assert_eq!(records, sample.records, "{from}..{to}");
                assert!(matches!(repairs[..], [Repair::JournalHealed { .. }]), "{repairs:?}");
                disk.damage_journal(written.name, |journal| assert_eq!(*journal, written.bytes));
            }
        }
    }
    let newest = sample.segments[1].name;
    sample.disk.fail_sled_reads(newest);
    let (records, repairs) = settled(&sample.disk).unwrap();
    assert_eq!(records, sample.records);
    let unread = SledFault::Unread("by plan".to_owned());
    assert_eq!(repairs, [Repair::SledRebuilt { segment: newest, fault: unread }]);
}

/// With a read error nothing is ever cut that may have been acknowledged: all or refused.
#[test]
fn an_unreadable_tail_is_not_taken_for_a_torn_one() {
    let sample = sample();
    let newest = &sample.segments[1];
    let length = newest.bytes.len();
    for from in (0..length).step_by(7).chain(newest.ends[..3].iter().copied()) {
        for to in [from + 1, length] {
            if all_zero(&newest.bytes[from..to]) {
                continue;
            }
            let unread = || {
                let disk = sample.disk.snapshot();
                disk.fail_journal_reads(newest.name, from..to);
                disk
            };
            let disk = unread();
            disk.fail_sled_reads(newest.name);
            let unreadable = damaged(settled(&disk)).fault;
            let disk = unread();
            disk.damage_sled(newest.name, Vec::clear);
            let lost = damaged(settled(&disk)).fault;
            if from >= newest.ends[2] {
                let sled = SledFault::Unread("by plan".to_owned());
                assert_eq!(unreadable, DamageFault::Unread { sled }, "{from}..{to}");
                assert_eq!(lost, DamageFault::Unread { sled: SledFault::Differs }, "{from}..{to}");
            }
            // sled ends with a whole group, as it does after damage to its tail.
            for end in newest.ends[..3].iter().copied() {
                let disk = unread();
                disk.damage_sled(newest.name, |sled| sled.truncate(end));
                match settled(&disk) {
                    Ok((records, _)) => assert_eq!(records, sample.records, "{from}..{to}, {end}"),
                    Err(Error::Damaged(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
    // The other way round: the journal's last group is damaged, and the copy that had it whole
    // cannot be read.
    let disk = sample.disk.snapshot();
    disk.damage_journal(newest.name, |journal| journal.truncate(length - 1));
    disk.fail_sled_reads(newest.name);
    let fault = damaged(settled(&disk)).fault;
    assert!(matches!(fault, DamageFault::Lost { sled: SledFault::Unread(_), .. }), "{fault:?}");
    // What is proven to have been torn is still cut: it lies behind all that could not be read.
    let disk = sample.disk.snapshot();
    disk.damage_journal(newest.name, |bytes| bytes.truncate(length - 1));
    disk.damage_sled(newest.name, |bytes| bytes.truncate(length - 1));
    disk.fail_journal_reads(newest.name, 0..1);
    let (records, repairs) = settled(&disk).unwrap();
    assert_eq!(records, sample.records[..sample.groups[5]]);
    assert!(matches!(repairs[0], Repair::TornGroupCut { .. }), "{repairs:?}");
}

#[test]
fn a_missing_segment_is_named() {
    let sample = sample();
    for damage_sled in [false, true] {
        let disk = sample.disk.snapshot();
        let first = sample.segments[0].name;
        disk.damage_journal(first, Vec::clear);
        if damage_sled {
            disk.damage_sled(first, Vec::clear);
            let damage = damaged(settled(&disk));
            assert_eq!((damage.segment, damage.offset, damage.sequence), (first, 0, 1));
        } else {
            assert_eq!(settled(&disk).unwrap().0, sample.records);
        }
    }
}

/// Groups exchanged, repeated or taken from another log are not a chain.
#[test]
fn frames_out_of_place_are_refused() {
    let sample = sample();
    let newest = &sample.segments[1];
    let [a, b, c] =
        [0, 1, 2].map(|group| &newest.bytes[newest.ends[group]..newest.ends[group + 1]]);
    for forged in [vec![b, a, c], vec![a, c], vec![b, c], vec![c]] {
        let disk = sample.disk.snapshot();
        disk.damage_journal(newest.name, |journal| *journal = forged.concat());
        disk.damage_sled(newest.name, Vec::clear);
        let result = settled(&disk);
        if forged[0] == b && forged[1] == a {
            // All three are there: order in the file is not what makes the chain.
            assert_eq!(result.unwrap().0, sample.records);
        } else {
            assert_eq!(damaged(result).segment, newest.name);
        }
    }
    let disk = sample.disk.snapshot();
    let mut other = Vec::new();
    let foreign = Disk::new();
    let (mut store, _) = open(&foreign).unwrap();
    store.commit(&[next_record(&mut Vec::new(), 99, 7)]).unwrap();
    foreign.damage_journal(1, |journal| other.clone_from(journal));
    disk.damage_journal(1, |journal| {
        journal.splice(..sample.segments[0].ends[1], other);
    });
    // While sled has the true group, the two contradict each other; alone, the next one's hash
    // does not fit.
    assert_eq!(damaged(settled(&disk)).sequence, 1);
    disk.damage_sled(1, Vec::clear);
    assert_eq!(damaged(settled(&disk)).sequence, 2);
}

fn damage() -> impl Strategy<Value = Vec<(bool, prop::sample::Index, u8)>> {
    prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 1..=255_u8), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever happens to the newest segment, what comes back ends where a group ended, and
    /// nothing is lost while one copy is whole.
    #[test]
    fn any_damage_gives_a_prefix_of_groups(journal in damage(), sled in damage()) {
        let sample = sample();
        let newest = &sample.segments[1];
        let inflict = |bytes: &mut Vec<u8>, damage: &[(bool, prop::sample::Index, u8)]| {
            for &(cut, at, flip) in damage {
                if bytes.is_empty() {
                    return;
                }
                let at = at.index(bytes.len());
                if cut && flip < 64 { bytes.truncate(at) } else { bytes[at] ^= flip }
            }
        };
        let disk = sample.disk.snapshot();
        disk.damage_journal(newest.name, |bytes| inflict(bytes, &journal));
        disk.damage_sled(newest.name, |bytes| inflict(bytes, &sled));
        let one_whole = journal.is_empty() || sled.is_empty();
        match settled(&disk) {
            Ok((records, _)) => {
                prop_assert!(sample.groups.contains(&records.len()));
                prop_assert_eq!(&records, &sample.records[..records.len()]);
                prop_assert!(!one_whole || records.len() == sample.records.len());
            }
            Err(Error::Damaged(_)) => prop_assert!(!one_whole),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
