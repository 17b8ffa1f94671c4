//! What history costs: payments in rounds in one life, with snapshots beside them, and then starts with
//! and without those.
//!
//! With a merchant of a gateway's own and the log of that gateway's data directory, it fills the history of
//! that merchant for whoever looks at lists: see `benches/lists-at-scale.sh`.
//!
//! For each round it prints how many commands were durable a second, the slowest hundredth of the
//! payments, and the memory in use; every second round runs beside a snapshot. Then it starts anew from
//! the last snapshot and, with the snapshots put away, from the whole log, and shows that log to somebody
//! who derives nothing from it: for each it says how many records a second were replayed, and how much
//! processor time that took. With `--rounds 0` a log that is there is only started from and shown.

#![expect(clippy::print_stdout, reason = "figures for a person to read")]

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use mimalloc::MiMalloc;
use tokio::runtime::Handle;
use tollgate_benches::{merchant, payment, receipt};
use tollgate_domain::{MerchantId, ProviderOutcome, ShardId};
use tollgate_engine::{
    CallOutcome, DurableRecord, EffectSink, Engine, EngineOptions, NoObserver, OwedCall, Patience,
    RecordObserver, RecordObservers, RecoveryReport, SnapshotObservation, show_log,
};

/// The gateway's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// Payments of each round.
    #[arg(long, default_value_t = 200_000)]
    payments: u64,
    /// Rounds; the first and every second one run without a snapshot of somebody's asking. With none, a
    /// log that is there is started from, as a whole, and shown.
    #[arg(long, default_value_t = 4)]
    rounds: u64,
    /// Payments outstanding at any time.
    #[arg(long, default_value_t = 512)]
    outstanding: u64,
    /// Merchants who share them.
    #[arg(long, default_value_t = 1_000)]
    merchants: u64,
    /// This merchant has them all instead.
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// Finished payments that stay in memory, all shards together.
    #[arg(long, default_value_t = 100_000)]
    finished: usize,
    /// Payments come without idempotency keys, each of which is kept for a day whatever becomes of its
    /// payment.
    #[arg(long)]
    keyless: bool,
    /// How often it starts from the whole log.
    #[arg(long, default_value_t = 1)]
    starts: u32,
    /// Only what a life costs: no further starts at the end.
    #[arg(long)]
    one_life: bool,
    /// Segments that a snapshot stands for are compressed.
    #[arg(long)]
    compress: bool,
    /// Where the log lies; a temporary directory where nothing is said.
    #[arg(long)]
    directory: Option<std::path::PathBuf>,
}

/// How many there are: each pays again now and then.
const CUSTOMERS: u64 = 100_000;

/// A provider that approves at once.
struct Approves;

impl EffectSink<()> for Approves {
    fn run(&self, call: OwedCall<()>) {
        call.answer(CallOutcome::Attempt(ProviderOutcome::Approved(receipt())));
    }
}

/// Is shown a log from its beginning, and makes nothing of it.
struct LooksOn;

impl RecordObserver for LooksOn {
    fn position(&self, _shard: ShardId) -> u64 {
        0
    }

    fn replay(&self, _records: Vec<Arc<DurableRecord>>) {}

    fn observe(&self, _records: Vec<Arc<DurableRecord>>) {}
}

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let temporary = tempfile::tempdir().expect("a directory");
    let directory = arguments.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    runtime.block_on(async {
        if arguments.rounds > 0 {
            live(&directory, &arguments).await;
            tell_sizes(&directory);
            if arguments.one_life {
                return;
            }
            start_from_snapshots(&directory, &arguments).await;
        }
        start_from_the_log(&directory, &arguments).await;
    });
}

/// All rounds, in one life.
async fn live(directory: &Path, arguments: &Arguments) {
    let (engine, _report) = start(directory, arguments);
    for round in 0..arguments.rounds {
        let beside = round % 2 == 1;
        let snapshot = beside.then(|| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.take_snapshot().await.expect("a snapshot") })
        });
        let (rate, slowest) = pay(&engine, arguments, round).await;
        let health = engine.health();
        println!(
            "round {round}: {rate:>8.0} durable commands/s, p99 {:>6.2} ms, {:>5} MiB resident, \
             {:>7} payments in memory, {:>8} archived{}",
            slowest.as_secs_f64() * 1e3,
            resident_mib(),
            health.payments,
            health.archived,
            if beside { ", beside a snapshot" } else { "" },
        );
        if let Some(snapshot) = snapshot {
            let made = snapshot.await.expect("no panic");
            tell_snapshot("snapshot", &made);
        }
    }
    engine.stop(Duration::from_secs(5)).await;
}

/// From the last snapshot of the life before, and from one of everything.
async fn start_from_snapshots(directory: &Path, arguments: &Arguments) {
    let engine = tell_start("from the last snapshot", directory, arguments);
    let made = engine.take_snapshot().await.expect("a snapshot");
    tell_snapshot("snapshot at rest", &made);
    engine.stop(Duration::from_secs(5)).await;
    drop(engine);
    let engine = tell_start("from a snapshot of all", directory, arguments);
    engine.stop(Duration::from_secs(5)).await;
}

/// With the snapshots put away; then the log is shown.
async fn start_from_the_log(directory: &Path, arguments: &Arguments) {
    let (snapshots, away) = (directory.join("snapshots"), directory.join("away"));
    fs::rename(&snapshots, &away).expect("put away");
    for _ in 0..arguments.starts {
        let engine = tell_start("from the whole log", directory, arguments);
        engine.stop(Duration::from_secs(5)).await;
    }
    fs::remove_dir_all(&snapshots).expect("none was made");
    fs::rename(&away, &snapshots).expect("put back");

    let (began, processor) = (Instant::now(), processor_time());
    let observers = RecordObservers::new(vec![Arc::new(LooksOn)]);
    let shown = show_log(directory, &observers).expect("a good log");
    tell_replay("shown", shown, began.elapsed(), processor_time() - processor);
}

fn start(directory: &Path, arguments: &Arguments) -> (Engine<()>, RecoveryReport) {
    let mut options = EngineOptions::new(directory);
    options.compress_sealed = arguments.compress;
    options.policy.archive.most = arguments.finished / usize::from(options.shards.get());
    options.min_free_bytes = 0;
    options.snapshot_bytes = 0;
    Engine::start(
        options,
        &Handle::current(),
        Arc::new(Approves),
        Arc::new(NoObserver),
        RecordObservers::none(),
    )
    .expect("a good log")
}

/// Pays a round's payments; durable commands a second, and how long the slowest hundredth took at
/// least.
async fn pay(engine: &Engine<()>, arguments: &Arguments, round: u64) -> (f64, Duration) {
    let began = Instant::now();
    let callers: Vec<_> = (0..arguments.outstanding)
        .map(|caller| {
            let engine = engine.clone();
            let (payments, merchants) = (arguments.payments, arguments.merchants);
            let (outstanding, keyless) = (arguments.outstanding, arguments.keyless);
            let only = arguments.merchant;
            tokio::spawn(async move {
                let mut times = Vec::new();
                for number in (caller..payments).step_by(usize::try_from(outstanding).unwrap_or(1))
                {
                    let merchant = only.unwrap_or_else(|| merchant(number % merchants));
                    let number = round * payments + number;
                    let mut command = payment(merchant, number);
                    command.order_id = Some(format!("order-{number}").into());
                    command.customer_id = Some(format!("customer-{}", number % CUSTOMERS).into());
                    if keyless {
                        command.idempotency = None;
                    }
                    let began = Instant::now();
                    let patience = Patience::UntilSettled(Duration::from_secs(60));
                    engine.create_payment(command, (), patience).await.expect("approved");
                    times.push(began.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await.expect("no panic"));
    }
    times.sort_unstable();
    let commands = u32::try_from(2 * arguments.payments).map_or(f64::NAN, f64::from);
    let slowest = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    (commands / began.elapsed().as_secs_f64(), slowest)
}

/// Starts, and tells what that took.
fn tell_start(how: &str, directory: &Path, arguments: &Arguments) -> Engine<()> {
    let processor = processor_time();
    let (engine, report) = start(directory, arguments);
    let processor = processor_time() - processor;
    tell_replay(&format!("start {how}"), report.records, report.elapsed, processor);
    println!("    {} records in the snapshot, {} MiB resident", report.in_snapshot, resident_mib(),);
    engine
}

fn tell_replay(what: &str, records: u64, elapsed: Duration, processor: Duration) {
    let rate = |time: Duration| records as f64 / time.as_secs_f64();
    println!(
        "{what}: {records} records in {:.2} s, {:.0} a second; {:.2} s of processor time, {:.0} a second",
        elapsed.as_secs_f64(),
        rate(elapsed),
        processor.as_secs_f64(),
        rate(processor),
    );
}

fn tell_snapshot(what: &str, made: &SnapshotObservation) {
    println!(
        "{what}: {} records, {} MiB, {:.2} s",
        made.records,
        made.bytes >> 20,
        made.elapsed.as_secs_f64(),
    );
}

fn tell_sizes(directory: &Path) {
    for part in ["journal", "sled", "archive", "snapshots"] {
        println!("{part} {} MiB", size(&directory.join(part)) >> 20);
    }
    let (plain, compressed) = journals(&directory.join("journal"));
    println!(
        "of the journal {} segments of {} MiB plain, {} of {} MiB compressed",
        plain.0,
        plain.1 >> 20,
        compressed.0,
        compressed.1 >> 20,
    );
}

/// The processor time that the process has taken by now, all threads together; none where the system
/// does not say.
fn processor_time() -> Duration {
    // Linux counts it in hundredths of a second, for the user and for the system.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in brackets, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_name, fields)| fields);
    let ticks =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}

/// The process's resident memory, in MiB; 0 where the system does not say.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() >> 10
}

/// How many segments there are, and their bytes: as they were written, and compressed.
fn journals(directory: &Path) -> ((u64, u64), (u64, u64)) {
    let (mut plain, mut compressed) = ((0, 0), (0, 0));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_compressed = entry.path().extension().is_some_and(|form| form == "zst");
        let count = if is_compressed { &mut compressed } else { &mut plain };
        count.0 += 1;
        count.1 += entry.metadata().map_or(0, |file| file.len());
    }
    (plain, compressed)
}

/// The bytes of everything below a directory.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_gone) => 0,
        })
        .sum()
}
