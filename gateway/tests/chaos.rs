//! One round of each mishap befalls the gateway in the middle of load, and it keeps its word.
//!
//! The whole audit is `tollgate-loadtest chaos`. Killing alone has a test of its own. Where a mishap
//! cannot be had, the report names it, and nothing is proved of it.

use std::time::Duration;

use tollgate_loadtest::chaos::{self, ChaosOptions, Mishap};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_every_mishap() {
    let options = ChaosOptions {
        rounds: 7,
        mishaps: Mishap::ALL.to_vec(),
        seed: 20_261_121,
        connections: 16,
        load: Duration::from_millis(50)..=Duration::from_millis(150),
        round_payments: 500,
        resolve_within: Duration::from_secs(40),
        ..ChaosOptions::new(env!("CARGO_BIN_EXE_tollgate"))
    };
    let report = chaos::run(options).await.unwrap();
    println!("{report}");
    assert!(report.passed(), "{report}");
    assert!(report.acknowledged > 0 && report.ledger_entries > 0, "nothing was proved: {report}");
    let happened: u64 = report.mishaps.values().sum();
    assert_eq!(happened, u64::from(report.rounds_done));
    assert!(
        report.mishaps.contains_key(&Mishap::Pause) && report.mishaps.contains_key(&Mishap::Kill)
    );
}
