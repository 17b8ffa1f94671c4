//! Two seconds of a little of everything at the real server, and the audit.
//!
//! Whole scenarios are `tollgate-loadtest run`; what they measure says nothing here, where tests run
//! side by side, so that no latency is expected.

use std::time::Duration;

use tollgate_loadtest::run::{self, RunOptions, Server, Stop};
use tollgate_loadtest::scenario::{Overrides, Scenario};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixed_load_leaves_the_money_in_order() {
    let overrides = Overrides { duration: Some(Duration::from_secs(1)), ..Overrides::default() };
    let scenario = Scenario::load("smoke").unwrap().with(overrides).unwrap();
    let program = env!("CARGO_BIN_EXE_tollgate").into();
    let server = Server::Start { program, arguments: Vec::new() };
    let report =
        run::run(RunOptions { seed: 7, ..RunOptions::new(scenario, server) }, Stop::default())
            .await
            .unwrap();
    assert!(report.audit.passed, "{:#?}", report.audit);
    assert_eq!(report.failures, []);
    let audit = &report.audit;
    assert!(audit.completed > 0 && audit.ledger_entries > 0, "nothing was proved: {audit:?}");
}
