//! What history costs: payments in rounds in one life, with snapshots beside them, and then starts with
//! and without those.
//!
//! With a merchant of a gateway's own and the log of that gateway's data directory, it fills the history of
//! that merchant for whoever looks at lists: see `benches/lists-at-scale.sh`.
//!
//! For each round it prints how many commands were durable a second, the slowest hundredth of the
//! payments, and the memory in use; every second round runs beside a snapshot. Then it starts anew from
//! the last snapshot and, with the snapshots put away, from the whole log.

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
use tollgate_domain::{MerchantId, ProviderOutcome};
use tollgate_engine::{
    CallOutcome, EffectSink, Engine, EngineOptions, NoObserver, OwedCall, Patience,
    RecordObservers, RecoveryReport,
};

/// The gateway's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// Payments of each round.
    #[arg(long, default_value_t = 200_000)]
    payments: u64,
    /// Rounds; the first and every second one run without a snapshot of somebody's asking.
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
        let (engine, _report) = start(&directory, &arguments);
        for round in 0..arguments.rounds {
            let beside = round % 2 == 1;
            let snapshot = beside.then(|| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.take_snapshot().await.expect("a snapshot") })
            });
            let (rate, slowest) = pay(&engine, &arguments, round).await;
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
                println!(
                    "snapshot: {} records, {} MiB, {:.2} s",
                    made.records,
                    made.bytes >> 20,
                    made.elapsed.as_secs_f64(),
                );
            }
        }
        engine.stop(Duration::from_secs(5)).await;
        drop(engine);
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
        if arguments.one_life {
            return;
        }

        let (engine, report) = start(&directory, &arguments);
        tell("from the last snapshot", &report);
        let made = engine.take_snapshot().await.expect("a snapshot");
        println!(
            "snapshot at rest: {} records, {} MiB, {:.2} s",
            made.records,
            made.bytes >> 20,
            made.elapsed.as_secs_f64()
        );
        engine.stop(Duration::from_secs(5)).await;
        drop(engine);

        let (engine, report) = start(&directory, &arguments);
        tell("from a snapshot of all", &report);
        engine.stop(Duration::from_secs(5)).await;
        drop(engine);

        fs::rename(directory.join("snapshots"), directory.join("away")).expect("put away");
        let (engine, report) = start(&directory, &arguments);
        tell("from the whole log", &report);
        engine.stop(Duration::from_secs(5)).await;
    });
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

fn tell(how: &str, report: &RecoveryReport) {
    println!(
        "start {how}: {:.2} s ({} records in the snapshot, {} replayed), {} MiB resident",
        report.elapsed.as_secs_f64(),
        report.in_snapshot,
        report.records,
        resident_mib(),
    );
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
