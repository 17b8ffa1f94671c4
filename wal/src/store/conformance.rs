//! What every [`LogStore`] must do, as one suite; each implementation's tests call [`suite`].
//!
//! Invariant: the suite knows nothing of frames, files or faults. What an implementation does
//! under damage is for its own tests.

use crate::{
    error::{Error, RecordFault},
    record::{MAX_RECORD, Record, Stream, Visit},
    recovery::Recovery,
    store::LogStore,
    superblock::Geometry,
};

/// One log of the implementation under test. To drop the store and open again is a restart.
pub trait Subject {
    /// Opens the log; the store of an earlier call was dropped.
    ///
    /// # Errors
    ///
    /// The implementation's.
    fn open(
        &mut self,
        geometry: Option<Geometry>,
        visit: &mut Visit<'_>,
    ) -> Result<(Box<dyn LogStore>, Recovery), Error>;
}

/// Runs every check, each on a log of its own.
///
/// # Panics
///
/// Where the implementation is at fault.
pub fn suite<S: Subject>(mut fresh: impl FnMut() -> S) {
    a_new_log_is_empty(&mut fresh());
    records_come_back_in_order(&mut fresh());
    records_of_every_size_come_back(&mut fresh());
    opening_without_a_commit_changes_only_the_epoch(&mut fresh());
    an_empty_group_is_no_group(&mut fresh());
    the_geometry_is_kept(&mut fresh());
    a_record_that_does_not_fit_is_fatal_and_leaves_nothing(&mut fresh());
    a_visitor_can_refuse(&mut fresh());
}

/// A new log has no records, and begins with epoch 1.
pub fn a_new_log_is_empty(subject: &mut dyn Subject) {
    let (store, recovery, records) = open(subject);
    assert!(recovery.created);
    assert_eq!((recovery.epoch, recovery.groups, recovery.records), (1, 0, 0));
    assert_eq!(recovery.last_hash, [0; 32]);
    assert!(records.is_empty() && recovery.repairs.is_empty());
    assert_eq!(store.positions(), [0; STREAMS as usize]);
    store.free_space().expect("an idle store knows its room");
}

/// Groups of mixed streams come back in order, over several restarts.
pub fn records_come_back_in_order(subject: &mut dyn Subject) {
    let mut expected = Vec::new();
    for life in 1..=3 {
        let (mut store, recovery, records) = open(subject);
        assert_eq!(records, expected);
        assert_eq!(recovery.epoch, life);
        assert_eq!(recovery.records, expected.len() as u64);
        for size in [1, 2, 30] {
            let group: Vec<_> = (0..size).map(|_| next_record(&mut expected, 300)).collect();
            let committed = store.commit(&group).expect("a healthy store commits");
            assert!(committed.frames > 0 && committed.bytes > 300 * size);
        }
        let mut positions = [0; STREAMS as usize];
        expected.iter().for_each(|record| positions[record.stream.index()] = record.sequence);
        assert_eq!(store.positions(), positions);
    }
    let (_, recovery, records) = open(subject);
    assert_eq!(records, expected);
    assert_eq!(recovery.groups, 9);
    assert!(recovery.repairs.is_empty(), "{:?}", recovery.repairs);
}

/// Empty records, the largest ones, and those around a frame's size come back.
pub fn records_of_every_size_come_back(subject: &mut dyn Subject) {
    let mut expected = Vec::new();
    {
        let (mut store, ..) = open(subject);
        for size in [0, 1, 4000, 4014, 4015, 4028, 4096, 9000, MAX_RECORD - 1, MAX_RECORD] {
            let group = [next_record(&mut expected, size), next_record(&mut expected, 0)];
            store.commit(&group).expect("a healthy store commits");
        }
    }
    assert_eq!(open(subject).2, expected);
}

/// Restarts without work leave the log as it was, and still count.
pub fn opening_without_a_commit_changes_only_the_epoch(subject: &mut dyn Subject) {
    let mut expected = Vec::new();
    let mut hash = None;
    for life in 1..=4 {
        let (mut store, recovery, records) = open(subject);
        assert_eq!(recovery.epoch, life);
        assert_eq!(records, expected);
        assert!(recovery.repairs.is_empty(), "{:?}", recovery.repairs);
        if life == 1 {
            store.commit(&[next_record(&mut expected, 10)]).expect("a healthy store commits");
        } else {
            assert_eq!(*hash.get_or_insert(recovery.last_hash), recovery.last_hash);
        }
    }
}

/// A commit of nothing writes nothing.
pub fn an_empty_group_is_no_group(subject: &mut dyn Subject) {
    let committed = open(subject).0.commit(&[]).expect("a healthy store commits");
    assert_eq!((committed.frames, committed.bytes), (0, 0));
    assert_eq!(open(subject).1.groups, 0);
}

/// The number of streams is fixed at creation.
pub fn the_geometry_is_kept(subject: &mut dyn Subject) {
    let nothing = &mut |_: crate::RecordRef<'_>| Ok(());
    assert!(matches!(subject.open(None, nothing), Err(Error::Superblock { .. })));
    drop(open(subject));
    let other = Some(Geometry { streams: STREAMS + 1 });
    assert!(matches!(subject.open(other, nothing), Err(Error::Superblock { .. })));
    let (_, recovery) = subject.open(None, nothing).expect("takes what is there");
    assert_eq!(recovery.geometry, GEOMETRY);
}

/// A gap, an unknown stream and a record that is too large poison the store, and leave no trace.
pub fn a_record_that_does_not_fit_is_fatal_and_leaves_nothing(subject: &mut dyn Subject) {
    let good = Record { stream: Stream(0), sequence: 1, bytes: vec![1] };
    let bad = [
        Record { sequence: 3, ..good.clone() },
        Record { sequence: 1, ..good.clone() },
        Record { stream: Stream(STREAMS), ..good.clone() },
        Record { sequence: 2, bytes: vec![0; MAX_RECORD + 1], ..good.clone() },
    ];
    for bad in bad {
        let (mut store, _, records) = open(subject);
        assert!(records.is_empty());
        let error = store.commit(&[good.clone(), bad]).expect_err("the record does not fit");
        assert!(matches!(error, Error::Record(_)), "{error}");
        let error = store.commit(std::slice::from_ref(&good)).expect_err("an error is final");
        assert!(matches!(error, Error::Poisoned), "{error}");
    }
    assert!(open(subject).2.is_empty());
}

/// The visitor's error ends the opening, names the record, and does no harm.
pub fn a_visitor_can_refuse(subject: &mut dyn Subject) {
    let mut expected = Vec::new();
    let group: Vec<_> = (0..3).map(|_| next_record(&mut expected, 10)).collect();
    open(subject).0.commit(&group).expect("a healthy store commits");
    let mut seen = 0;
    let refuse = &mut |_: crate::RecordRef<'_>| {
        seen += 1;
        if seen == 2 { Err(RecordFault::TooLarge { length: 0 }.into()) } else { Ok(()) }
    };
    let error = subject.open(None, refuse).err().expect("the visitor refused");
    assert!(matches!(error, Error::Visit { stream: Stream(1), sequence: 1, .. }), "{error}");
    assert_eq!(open(subject).2, expected);
}

const STREAMS: u16 = 4;
const GEOMETRY: Geometry = Geometry { streams: STREAMS };

fn open(subject: &mut dyn Subject) -> (Box<dyn LogStore>, Recovery, Vec<Record>) {
    let mut records = Vec::new();
    let (store, recovery) = subject
        .open(Some(GEOMETRY), &mut |record| {
            records.push(Record {
                stream: record.stream,
                sequence: record.sequence,
                bytes: record.bytes.to_vec(),
            });
            Ok(())
        })
        .expect("a healthy log opens");
    (store, recovery, records)
}

/// The record that comes next when streams take turns, its bytes telling it from others.
fn next_record(log: &mut Vec<Record>, size: usize) -> Record {
    let streams = usize::from(STREAMS);
    let mark = u64::to_le_bytes(log.len() as u64);
    let record = Record {
        stream: Stream(u16::try_from(log.len() % streams).expect("below the number of streams")),
        sequence: (log.len() / streams) as u64 + 1,
        bytes: mark.into_iter().cycle().take(size).collect(),
    };
    log.push(record.clone());
    record
}
