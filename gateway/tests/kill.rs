//! The gateway is killed in the middle of load, again and again, and keeps its word.
//!
//! The whole audit, with more and longer rounds, is `tollgate-loadtest kill`. Here are a few, so
//! that every run of the tests has seen some; `TOLLGATE_KILL_ROUNDS` asks for more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what the audit found, for whoever looks")]

use std::time::Duration;

use tollgate_loadtest::chaos::{self, ChaosOptions};

/// Enough for kills at three different moments, each followed by a replay.
const ROUNDS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_process() {
    audit(Vec::new()).await;
}

/// Every payment leaves memory as soon as it is finished, and snapshots are made all the time: kills
/// fall into departures, recalls, sealing and snapshots as well, and every key is asked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_left_memory_outlives_the_process_too() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("tollgate.toml");
    let small = "[engine]\narchive_after_s = 0\nfinished_payments = 0\n\
                 [storage]\nsegment_bytes = 1048576\nsnapshot_bytes = 1048576\n";
    std::fs::write(&config, small).unwrap();
    audit(vec!["--config".to_owned(), config.display().to_string()]).await;
}

async fn audit(server_arguments: Vec<String>) {
    let rounds = std::env::var("TOLLGATE_KILL_ROUNDS");
    let options = ChaosOptions {
        rounds: rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap()),
        seed: 7,
        connections: 32,
        load: Duration::from_millis(50)..=Duration::from_millis(200),
        round_payments: 2_000,
        server_arguments,
        ..ChaosOptions::new(env!("CARGO_BIN_EXE_tollgate"))
    };
    let report = chaos::run(options).await.unwrap();
    println!("{report}");
    assert!(report.passed(), "{report}");
    assert!(report.acknowledged > 0 && report.ledger_entries > 0, "nothing was proved: {report}");
}
