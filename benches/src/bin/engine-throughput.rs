//! The engine in process: durable commands per second, a payment being two of them.
//!
//! Callers keep a number of payments outstanding; the provider answers at once. Each command is
//! durable in sled and in the journal before it counts. Prints one line; then restarts on the same
//! log and prints how fast it was replayed.

#![expect(clippy::print_stdout, reason = "a figure for a person to read")]

use std::{sync::Arc, time::Instant};

use clap::Parser;
use mimalloc::MiMalloc;
use tokio::runtime::Handle;
use tollgate_benches::{merchant, payment, receipt};
use tollgate_domain::ProviderOutcome;
use tollgate_engine::{
    CallOutcome, EffectSink, Engine, EngineOptions, NoObserver, OwedCall, Patience, RecordObservers,
};

/// The gateway's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// Payments to make.
    #[arg(long, default_value_t = 1_000_000)]
    payments: u64,
    /// Payments outstanding at any time.
    #[arg(long, default_value_t = 4_096)]
    outstanding: u64,
    /// Merchants who share them.
    #[arg(long, default_value_t = 1_000)]
    merchants: u64,
    /// Threads that the shards share.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Threads of the callers' runtime.
    #[arg(long, default_value_t = 1)]
    callers: usize,
}

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
        .worker_threads(arguments.callers)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a directory");
        let mut options = EngineOptions::new(directory.path());
        options.min_free_bytes = 0;
        options.threads = arguments.threads;
        let start = |options: EngineOptions| {
            Engine::start(
                options,
                &Handle::current(),
                Arc::new(Approves),
                Arc::new(NoObserver),
                RecordObservers::none(),
            )
                .expect("a good log")
        };
        let (engine, _report) = start(options.clone());
        let began = Instant::now();
        let callers: Vec<_> = (0..arguments.outstanding)
            .map(|caller| {
                let engine = engine.clone();
                let (payments, outstanding) = (arguments.payments, arguments.outstanding);
                let merchants = arguments.merchants;
                tokio::spawn(async move {
                    let mut number = caller;
                    while number < payments {
                        let command = payment(merchant(number % merchants), number);
                        let patience = Patience::UntilSettled(std::time::Duration::from_secs(60));
                        engine.create_payment(command, (), patience).await.expect("approved");
                        number += outstanding;
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.expect("no panic");
        }
        let elapsed = began.elapsed().as_secs_f64();
        let commands = u32::try_from(2 * arguments.payments).map_or(f64::NAN, f64::from);
        println!(
            "{:.0} durable commands/s ({} payments, {} outstanding, {} merchants, {} shard threads)",
            commands / elapsed,
            arguments.payments,
            arguments.outstanding,
            arguments.merchants,
            arguments.threads,
        );
        engine.stop(std::time::Duration::from_secs(5)).await;
        drop(engine);

        let (engine, report) = start(options);
        println!(
            "{:.0} records/s replayed ({} records in {:.2} s)",
            commands / report.elapsed.as_secs_f64(),
            report.records,
            report.elapsed.as_secs_f64(),
        );
        engine.stop(std::time::Duration::from_secs(5)).await;
    });
}
