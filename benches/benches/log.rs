//! The log alone: durable records per second by how many are outstanding, and reading them back.
//!
//! Records are 300 bytes, four streams take turns; durable means written and synced in sled and
//! in the journal.

use std::{
    sync::mpsc::{Receiver, sync_channel},
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tollgate_wal::{
    Geometry, GroupWriter, LogHandle, Options, Record, Released, SledStore, Stream, WriterOptions,
};

const RECORD_BYTES: usize = 300;
const STREAMS: u16 = 4;

/// A log that keeps a number of records outstanding.
struct Bench {
    log: LogHandle<()>,
    durable: Receiver<usize>,
    next: [u64; STREAMS as usize],
    stream: u16,
}

impl Bench {
    fn append(&mut self, count: usize) {
        for _record in 0..count {
            let sequence = &mut self.next[usize::from(self.stream)];
            *sequence += 1;
            let bytes = vec![7; RECORD_BYTES];
            let record = Record { stream: Stream(self.stream), sequence: *sequence, bytes };
            self.log.append(record, ());
            self.stream = (self.stream + 1) % STREAMS;
        }
    }

    /// Time until `records` more are durable, with `outstanding` under way all along.
    fn run(&mut self, records: u64, outstanding: usize) -> Duration {
        let began = Instant::now();
        let mut left = usize::try_from(records).expect("a count of iterations");
        let first = outstanding.min(left);
        self.append(first);
        let mut unsent = left - first;
        while left > 0 {
            let durable = self.durable.recv().expect("the writer runs");
            left -= durable;
            let more = durable.min(unsent);
            self.append(more);
            unsent -= more;
        }
        began.elapsed()
    }
}

fn log(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("group_commit");
    group.throughput(Throughput::Elements(1));
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(4));
    for outstanding in [64, 256, 2_048] {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _recovery) = open(directory.path(), &mut 0);
        let (released, durable) = sync_channel(1 << 20);
        let (log, writer) =
            GroupWriter::spawn(Box::new(store), WriterOptions::default(), move |group| {
                let Released::Durable(tokens) = group else { panic!("the log failed") };
                released.send(tokens.len()).expect("the bench waits");
            })
            .expect("a thread");
        let mut bench = Bench { log, durable, next: [0; STREAMS as usize], stream: 0 };
        group.bench_function(BenchmarkId::new("outstanding", outstanding), |bencher| {
            bencher.iter_custom(|records| bench.run(records, outstanding));
        });
        drop(bench);
        writer.join();
    }
    group.finish();

    let directory = tempfile::tempdir().expect("a directory");
    let (store, _recovery) = open(directory.path(), &mut 0);
    let records: u64 = 400_000;
    write(Box::new(store), records);
    let mut group = criterion.benchmark_group("recovery");
    group.throughput(Throughput::Elements(records));
    group.sample_size(10);
    group.bench_function("read_verified", |bencher| {
        bencher.iter(|| {
            let mut read = 0;
            let (store, _recovery) = open(directory.path(), &mut read);
            assert_eq!(read, records);
            store
        });
    });
    group.finish();
}

fn open(directory: &std::path::Path, read: &mut u64) -> (SledStore, tollgate_wal::Recovery) {
    let options = Options { min_free_bytes: 0, ..Options::new(directory) };
    SledStore::open(options, Some(Geometry { streams: STREAMS }), &mut |_record| {
        *read += 1;
        Ok(())
    })
    .expect("a good log")
}

fn write(mut store: Box<SledStore>, records: u64) {
    use tollgate_wal::LogStore;
    for first in (1..=records).step_by(2_000) {
        let group: Vec<Record> = (first..first + 2_000)
            .map(|sequence| Record { stream: Stream(0), sequence, bytes: vec![7; RECORD_BYTES] })
            .collect();
        store.commit(&group).expect("a good disk");
    }
}

criterion_group!(benches, log);
criterion_main!(benches);
