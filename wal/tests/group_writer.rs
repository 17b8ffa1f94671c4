//! The writer thread: order, groups, barriers, the durable mark, failure, free space.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use tollgate_wal::{
    Committed, Error, FreeSpace, Geometry, GroupWriter, LogHandle, LogStore, MAX_RECORD, Options,
    Record, Released, SledStore, Stream, WriterOptions, WriterThread,
    store::faulty::{Disk, Fault, Faulty, Kept},
};

fn record(stream: u16, sequence: u64) -> Record {
    Record { stream: Stream(stream), sequence, bytes: vec![7; 100] }
}

/// A store whose commits wait to be let through, and tell what they were asked for.
struct Gated {
    asked: Sender<Vec<u64>>,
    let_through: Receiver<()>,
}

impl LogStore for Gated {
    fn commit(&mut self, group: &[Record]) -> Result<Committed, Error> {
        self.asked.send(group.iter().map(|record| record.sequence).collect()).unwrap();
        self.let_through.recv().unwrap();
        Ok(Committed { frames: 1, bytes: 100, ..Committed::default() })
    }

    fn seal(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn positions(&self) -> &[u64] {
        &[0, 5]
    }

    fn free_space(&self) -> Result<FreeSpace, Error> {
        Ok(FreeSpace { available: 1, minimum: 1 })
    }
}

struct Rig {
    handle: LogHandle<&'static str>,
    asked: Receiver<Vec<u64>>,
    let_through: Sender<()>,
    released: Receiver<Released<&'static str>>,
}

fn gated(options: WriterOptions) -> Rig {
    let (asked, was_asked) = channel();
    let (let_through, gate) = channel();
    let (handle, _thread, released) = spawn(Box::new(Gated { asked, let_through: gate }), options);
    Rig { handle, asked: was_asked, let_through, released }
}

type Spawned = (LogHandle<&'static str>, WriterThread, Receiver<Released<&'static str>>);

fn spawn(store: Box<dyn LogStore>, options: WriterOptions) -> Spawned {
    let (release, released) = channel();
    let release = move |tokens| release.send(tokens).unwrap();
    let (handle, thread) = GroupWriter::spawn(store, options, release).unwrap();
    (handle, thread, released)
}

fn durable(released: &Receiver<Released<&'static str>>) -> Vec<&'static str> {
    match released.recv().unwrap() {
        Released::Durable(tokens) => tokens,
        Released::Unknown { cause, .. } => panic!("{cause}"),
    }
}

fn faulty(disk: &Disk) -> Box<dyn LogStore> {
    Box::new(Faulty::open(disk, Some(Geometry { streams: 2 }), &mut |_| Ok(())).unwrap().0)
}

#[test]
fn what_waits_becomes_one_group_and_comes_back_in_order() {
    let rig = gated(WriterOptions::default());
    rig.handle.append(record(0, 1), "a");
    assert_eq!(rig.asked.recv().unwrap(), [1]);
    rig.handle.append(record(0, 2), "b");
    rig.handle.barrier("after b");
    rig.handle.append(record(1, 6), "c");
    assert_eq!(rig.handle.queue_depth(), 3);
    assert_eq!((rig.handle.durable(Stream(0)), rig.handle.durable(Stream(1))), (0, 5));
    assert!(rig.released.try_recv().is_err(), "nothing is released before it is durable");
    rig.let_through.send(()).unwrap();
    assert_eq!(durable(&rig.released), ["a"]);
    assert_eq!(rig.handle.durable(Stream(0)), 1);
    assert_eq!(rig.asked.recv().unwrap(), [2, 6]);
    assert!(rig.released.try_recv().is_err());
    rig.let_through.send(()).unwrap();
    assert_eq!(durable(&rig.released), ["b", "after b", "c"]);
    assert_eq!((rig.handle.durable(Stream(0)), rig.handle.durable(Stream(1))), (2, 6));
}

#[test]
fn a_writer_without_a_thread_takes_its_turn_when_it_is_told() {
    let disk = Disk::new();
    let mut released = Vec::new();
    let release = |tokens: Released<&'static str>| match tokens {
        Released::Durable(tokens) => released.push(tokens),
        Released::Unknown { cause, .. } => panic!("{cause}"),
    };
    let (handle, mut writer) =
        GroupWriter::inline(faulty(&disk), WriterOptions::default(), release).unwrap();
    assert!(!writer.take_turn(), "nothing waits");
    handle.append(record(0, 1), "a");
    handle.append(record(1, 1), "b");
    assert_eq!((handle.queue_depth(), handle.durable(Stream(0))), (2, 0));
    assert!(writer.take_turn());
    assert_eq!((handle.queue_depth(), handle.durable(Stream(0))), (0, 1));
    disk.set_space(FreeSpace { available: 5, minimum: 10 });
    writer.look_at_space();
    assert!(!handle.has_room());
    drop(writer);
    assert_eq!(released, [["a", "b"]]);
}

#[test]
fn barriers_alone_write_nothing() {
    let rig = gated(WriterOptions::default());
    rig.handle.barrier("idle");
    assert_eq!(durable(&rig.released), ["idle"]);
    rig.handle.append(record(0, 1), "a");
    assert_eq!(rig.asked.recv().unwrap(), [1]);
    rig.handle.barrier("behind a");
    rig.let_through.send(()).unwrap();
    assert_eq!(durable(&rig.released), ["a"]);
    assert_eq!(durable(&rig.released), ["behind a"]);
    assert!(rig.asked.try_recv().is_err());
}

#[test]
fn a_group_is_bounded_and_the_rest_waits() {
    let rig = gated(WriterOptions { group_bytes: 250, ..WriterOptions::default() });
    (1..=6).for_each(|sequence| rig.handle.append(record(0, sequence), "x"));
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 6 {
        sizes.push(rig.asked.recv().unwrap().len());
        rig.let_through.send(()).unwrap();
        durable(&rig.released);
    }
    assert!(sizes.iter().all(|&size| size <= 3), "{sizes:?}");
}

#[test]
fn dropping_the_handles_drains_and_closes() {
    let disk = Disk::new();
    let (handle, thread, released) = spawn(faulty(&disk), WriterOptions::default());
    let other = handle.clone();
    for sequence in 1..=100 {
        handle.append(record(0, sequence), "x");
    }
    drop(handle);
    other.append(record(1, 1), "last");
    drop(other);
    thread.join();
    let tokens: Vec<_> = released
        .iter()
        .flat_map(|released| match released {
            Released::Durable(tokens) => tokens,
            Released::Unknown { cause, .. } => panic!("{cause}"),
        })
        .collect();
    assert_eq!((tokens.len(), tokens.last()), (101, Some(&"last")));
    let mut records = 0;
    Faulty::open(&disk, None, &mut |_| {
        records += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(records, 101);
}

#[test]
fn after_an_error_every_answer_is_unknown() {
    for kept in [Kept::Nothing, Kept::Prefix(50), Kept::All] {
        let disk = Disk::new();
        let (handle, thread, released) = spawn(faulty(&disk), WriterOptions::default());
        handle.append(record(0, 1), "a");
        assert_eq!(durable(&released), ["a"]);
        disk.plan(Fault::fail(2, kept));
        for token in ["b", "c", "barrier"] {
            match token {
                "b" => handle.append(record(0, 2), token),
                "c" => handle.append(record(0, 3), token),
                _ => handle.barrier(token),
            }
            let Released::Unknown { completions, cause } = released.recv().unwrap() else {
                panic!("the log failed");
            };
            assert_eq!(completions, [token]);
            assert!(matches!(*cause, Error::Injected));
            assert!(handle.is_poisoned());
        }
        assert_eq!(handle.durable(Stream(0)), 1);
        assert_eq!(disk.commits(), 2, "a poisoned log is not written");
        drop(handle);
        thread.join();
        let mut records = 0;
        Faulty::open(&disk, None, &mut |_| {
            records += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(records, if kept == Kept::All { 2 } else { 1 });
    }
}

#[test]
fn admission_closes_below_the_minimum_and_reopens_a_quarter_above() {
    let disk = Disk::new();
    disk.set_space(FreeSpace { available: 99, minimum: 100 });
    let options = WriterOptions { space_interval: Duration::ZERO, ..WriterOptions::default() };
    let (handle, _thread, released) = spawn(faulty(&disk), options);
    assert!(!handle.has_room());
    let steps = [(100, false), (124, false), (125, true), (100, true), (99, false), (1000, true)];
    for (available, expected) in steps {
        disk.set_space(FreeSpace { available, minimum: 100 });
        // The writer looks at the space between any two things it takes from the queue.
        for _ in 0..2 {
            handle.barrier("look");
            durable(&released);
        }
        assert_eq!(handle.has_room(), expected, "at {available}");
    }
}

#[test]
fn a_full_disk_is_an_error_like_any_other() {
    let disk = Disk::new();
    let (handle, _thread, released) = spawn(faulty(&disk), WriterOptions::default());
    disk.set_space(FreeSpace { available: 50, minimum: 10 });
    handle.append(record(0, 1), "a");
    assert!(matches!(released.recv().unwrap(), Released::Unknown { .. }));
}

#[test]
fn the_real_store_says_how_much_room_is_left() {
    let directory = tempfile::tempdir().unwrap();
    for (minimum, room) in [(u64::MAX, false), (0, true)] {
        let mut options = Options::new(directory.path());
        options.min_free_bytes = minimum;
        let geometry = Some(Geometry { streams: 1 });
        let (store, _) = SledStore::open(options, geometry, &mut |_| Ok(())).unwrap();
        let (handle, thread, _released) = spawn(Box::new(store), WriterOptions::default());
        assert_eq!(handle.has_room(), room);
        drop(handle);
        thread.join();
    }
}

#[test]
fn the_lag_counts_while_something_waits_and_not_after() {
    let Rig { handle, asked, let_through, released } = gated(WriterOptions::default());
    assert_eq!(handle.lag(), Duration::ZERO, "nothing waits");
    handle.append(record(1, 6), "a");
    asked.recv().unwrap();
    // What is measured only grows, so that this ends.
    while handle.lag() == Duration::ZERO {}
    handle.append(record(1, 7), "b");
    let before = handle.lag();
    let_through.send(()).unwrap();
    assert_eq!(durable(&released), ["a"]);
    asked.recv().unwrap();
    assert!(handle.lag() >= before, "what came meanwhile counts from the first group's start");
    let_through.send(()).unwrap();
    assert_eq!(durable(&released), ["b"]);
    while handle.lag() != Duration::ZERO {}
}

#[test]
fn every_group_is_observed_before_it_is_released() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer = Arc::clone(&seen);
    let options = WriterOptions {
        observe: Some(Box::new(move |group| observer.lock().unwrap().push(group))),
        ..WriterOptions::default()
    };
    let (handle, _thread, released) = spawn(faulty(&Disk::new()), options);
    handle.append(record(0, 1), "a");
    durable(&released);
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), seen[0].records, seen[0].frames), (1, 1, 1));
    assert_eq!(seen[0].bytes, 64 + 14 + 100 + 4);
}

#[test]
#[should_panic(expected = "checked before it is numbered")]
fn a_record_that_is_too_large_does_not_enter() {
    let (handle, _thread, released) = spawn(faulty(&Disk::new()), WriterOptions::default());
    let record = |sequence, length| Record { stream: Stream(0), sequence, bytes: vec![0; length] };
    handle.append(record(1, MAX_RECORD), "the largest");
    assert_eq!(durable(&released), ["the largest"]);
    handle.append(record(2, MAX_RECORD + 1), "x");
}

#[test]
fn many_threads_share_the_real_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Options::new(directory.path());
    options.segment_bytes = 64 << 10;
    let geometry = Some(Geometry { streams: 2 });
    let (store, _) = SledStore::open(options.clone(), geometry, &mut |_| Ok(())).unwrap();
    let (handle, thread, released) = spawn(Box::new(store), WriterOptions::default());
    let writers = [0, 1].map(|stream| {
        let handle = handle.clone();
        std::thread::spawn(move || {
            (1..=1000).for_each(|sequence| handle.append(record(stream, sequence), "x"));
        })
    });
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    handle.barrier("end");
    while durable(&released).last() != Some(&"end") {}
    assert_eq!([0, 1].map(|stream| handle.durable(Stream(stream))), [1000, 1000]);
    drop(handle);
    thread.join();
    let (_, recovery) = SledStore::open(options, None, &mut |_| Ok(())).unwrap();
    assert_eq!((recovery.records, recovery.repairs), (2000, vec![]));
}
