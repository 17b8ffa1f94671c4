//! The gateway is killed in the middle of load, again and again, and keeps its word.
//!
//! The whole audit, with more and longer rounds, is `tollgate-loadtest kill`. Here are a few, so
//! that every run of the tests has seen some; `TOLLGATE_KILL_ROUNDS` asks for more.

use std::time::Duration;

use tollgate_loadtest::chaos::{self, ChaosOptions};

/// Enough for kills at three different moments, each followed by a replay.
const ROUNDS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_process() {
    let rounds = std::env::var("TOLLGATE_KILL_ROUNDS");
    let options = ChaosOptions {
        rounds: rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap()),
        seed: 7,
        connections: 32,
        load: Duration::from_millis(50)..=Duration::from_millis(200),
        round_payments: 2_000,
        ..ChaosOptions::new(env!("CARGO_BIN_EXE_tollgate"))
    };
    let report = chaos::run(options).await.unwrap();
    println!("{report}");
    assert!(report.passed(), "{report}");
    assert!(report.acknowledged > 0 && report.ledger_entries > 0, "nothing was proved: {report}");
}
